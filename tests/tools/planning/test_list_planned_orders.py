"""Planned orders, against the ERP's own table."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from tests.guarantees import guarantees
from tests.tools.conftest import Plant, rows_of

_NATIVE = "SELECT pln_no, plant, mat_no, qty, start_on, finish_on, proc_type, firm, conv FROM pln_ord"

_NINE_DAYS = {f"2026-03-{day}" for day in range(17, 26)}


def _right(plant: Plant) -> list[dict[str, Any]]:
    kinds = {"E": "make", "F": "buy"}
    return [
        {
            "planned_order_id": row[0], "site": row[1], "material_id": row[2], "qty": Decimal(row[3]),
            "planned_start": row[4], "planned_finish": row[5], "procurement": kinds[row[6]], "firm": bool(row[7]),
            "convertible": bool(row[8]),
        }
        for row in sorted(plant.look_up("erp", _NATIVE), key=lambda row: (row[4], row[0]))
    ]  # fmt: skip


def _kept(row: dict[str, Any]) -> dict[str, Any]:
    return {name: Decimal(value) if name == "qty" else value for name, value in row.items() if name != "uom"}


@guarantees("P7.golden_reads", "P7.stable_paging")
@pytest.mark.parametrize("limit", [3, 10, 200])
def test_planned_orders_come_by_their_start_page_by_page(plant: Plant, limit: int) -> None:
    """All of them, as the ERP has them."""
    found = plant.every("list_planned_orders", "orders", limit=limit)
    assert [_kept(row) for row in found] == _right(plant)


@guarantees("P7.golden_reads")
@pytest.mark.parametrize(
    ("given", "test"),
    [
        ({"procurement": "make"}, lambda one: one["procurement"] == "make"),
        ({"firm_only": True}, lambda one: one["firm"]),
        ({"convertible_only": True}, lambda one: one["convertible"]),
        ({"site": "2000"}, lambda one: one["site"] == "2000"),
        ({"start_from": "2026-03-17"}, lambda one: one["planned_start"] >= "2026-03-17"),
        ({"start_from": "2026-03-17", "start_to": "2026-03-25"}, lambda one: one["planned_start"] in _NINE_DAYS),
    ],
)  # fmt: skip
def test_planned_orders_are_filtered_by_what_they_are(plant: Plant, given: dict[str, Any], test: Any) -> None:
    """Each filter alone."""
    found = plant.every("list_planned_orders", "orders", **given)
    assert [row["planned_order_id"] for row in found] == [one["planned_order_id"] for one in _right(plant) if test(one)]


@guarantees("P1.scope", "P7.no_false_empty")
def test_an_unknown_material_and_one_of_another_site_look_alike(plant: Plant) -> None:
    """Empty as of a time."""
    elsewhere = next(one["material_id"] for one in _right(plant) if one["site"] == "2000")
    answers = [plant.answer("list_planned_orders", role="local", material_id=one) for one in (elsewhere, "XX-999")]
    assert answers[0].tables == answers[1].tables
    assert not rows_of(answers[0])
    assert rows_of(plant.answer("list_planned_orders", material_id=elsewhere))


@guarantees("P7.names_what_a_source_lacks")
def test_what_can_be_converted_is_not_told_where_nobody_keeps_it(plant: Plant) -> None:
    """Not known is never none."""
    with plant.lacking(planned_order="convertible"):
        assert plant.refusal("list_planned_orders", convertible_only=True).code == "answer.field_not_kept"
        listed = plant.answer("list_planned_orders")
    assert rows_of(listed)
    assert [gap.name for gap in listed.gaps] == ["planned_order.convertible"]


@guarantees("input.clear_errors")
def test_a_date_that_there_is_not_is_refused(plant: Plant) -> None:
    """The argument is named."""
    refused = plant.refusal("list_planned_orders", start_from="2026-02-30")
    assert (refused.code, refused.facts["argument"]) == ("call.invalid_argument", "start_from")
