"""`list_deliveries` against the ERP's own table."""

from __future__ import annotations

from typing import Any

import pytest

from erp_mcp.domain.answer import Answer, Refusal
from tests.guarantees import guarantees
from tests.tools.conftest import Native, Plant, rows_of

TODAY = "2026-03-16"
STATE = (
    "CASE WHEN pod = 1 THEN 'delivered' WHEN gi_act IS NOT NULL THEN 'shipped' "
    "WHEN pick_stat = 'C' THEN 'picked' ELSE 'open' END"
)
EVERY: dict[str, Any] = {"status": ["open", "picked", "shipped", "delivered"]}


def _shown(plant: Plant, **arguments: Any) -> set[tuple[str, str]]:
    return {(row["delivery_id"], row["line"]) for row in plant.every("list_deliveries", **arguments)}


def _kept(erp: Native, condition: str, *parameters: object) -> set[tuple[str, str]]:
    return set(erp(f"SELECT dlv_no, item_no FROM dlv_item WHERE {condition}", *parameters))


@guarantees("P7.exact_numbers")
def test_what_is_not_shipped_comes_without_being_asked_for(plant: Plant, erp: Native) -> None:
    """State, quantity, dates and lot as the ERP has them."""
    rows = plant.every("list_deliveries")
    found = {
        (row["delivery_id"], row["line"], row["delivery_state"], float(row["qty"]), row["planned_goods_issue"],
         row["actual_goods_issue"], row["lot_id"])
        for row in rows
    }  # fmt: skip
    sql = f"SELECT dlv_no, item_no, {STATE}, CAST(qty AS REAL), gi_plan, gi_act, NULLIF(lot_no, '') FROM dlv_item"
    assert found == set(erp(f"{sql} WHERE gi_act IS NULL"))
    assert {row["delivery_state"] for row in rows} == {"open", "picked"}


@guarantees("P7.stable_paging")
def test_pages_of_ten_give_the_same_deliveries_as_one_answer(plant: Plant, erp: Native) -> None:
    """None missing, none twice."""
    assert _shown(plant, **EVERY, limit=10) == _shown(plant, **EVERY, limit=200) == _kept(erp, "1 = 1")


@guarantees("P7.exact_numbers")
def test_overdue_ones_are_those_planned_to_ship_before_today(plant: Plant, erp: Native) -> None:
    """With the days they are overdue by."""
    found = {(row["delivery_id"], row["days_overdue"]) for row in plant.every("list_deliveries", overdue_only=True)}
    sql = "SELECT dlv_no, CAST(julianday(?) - julianday(gi_plan) AS INTEGER) FROM dlv_item WHERE gi_act IS NULL"
    assert found == set(erp(f"{sql} AND gi_plan < ?", TODAY, TODAY))
    assert found


@guarantees("P7.exact_numbers")
@pytest.mark.parametrize(
    ("arguments", "condition"),
    [
        ({"status": ["picked"]}, f"{STATE} = 'picked'"),
        ({"status": ["shipped", "delivered"]}, f"{STATE} IN ('shipped', 'delivered')"),
        ({**EVERY, "site": "2000"}, "plant = '2000'"),
        ({**EVERY, "sales_order_id": "0010000270"}, "so_no = '0010000270'"),
        ({**EVERY, "material_id": "FG-003"}, "mat_no = 'FG-003'"),
        ({**EVERY, "ship_from": "2026-03-10", "ship_to": "2026-03-18"},
         "COALESCE(gi_act, gi_plan) BETWEEN '2026-03-10' AND '2026-03-18'"),
    ],
)  # fmt: skip
def test_each_filter_keeps_exactly_what_it_says(
    plant: Plant, erp: Native, arguments: dict[str, Any], condition: str
) -> None:
    """One by one."""
    kept = _kept(erp, condition)
    assert _shown(plant, **arguments) == kept
    assert kept


@guarantees("P1.scope", "P7.no_false_empty")
def test_deliveries_of_another_site_and_of_no_order_look_alike(plant: Plant, erp: Native) -> None:
    """To a reader of one site."""
    (elsewhere,) = erp("SELECT so_no FROM dlv_item WHERE plant = '2000' LIMIT 1")[0]
    answers = [
        plant.answer("list_deliveries", role="local", **EVERY, sales_order_id=one) for one in (elsewhere, "0019999999")
    ]
    assert rows_of(plant.answer("list_deliveries", **EVERY, sales_order_id=elsewhere))
    assert [one.tables["deliveries"].rows for one in answers] == [[], []]
    assert answers[0].warnings == answers[1].warnings
    assert all(one.sources for one in answers)


@guarantees("input.clear_errors")
@pytest.mark.parametrize(
    "arguments",
    [{"status": ["lost"]}, {"ship_from": "2026-13-01"}, {"ship_from": "2026-03-02", "ship_to": "2026-03-01"}],
)
def test_a_wrong_argument_is_named(plant: Plant, arguments: dict[str, Any]) -> None:
    """Unknown state, no date, a window that ends before it starts."""
    refused = plant.refusal("list_deliveries", **arguments)
    assert refused.code == "call.invalid_argument"
    assert refused.facts["argument"] in {"status", "ship_from", "ship_to"}


@guarantees("P7.names_what_a_source_lacks")
def test_proof_of_delivery_that_is_not_kept_is_named_and_not_asked_about(plant: Plant) -> None:
    """Without it nobody can say what was delivered; what is not shipped is still told."""
    with plant.lacking(delivery="delivered"):
        listed = plant.ask("list_deliveries", status=["delivered"])
        late = plant.answer("list_deliveries", overdue_only=True)
    assert isinstance(listed, Refusal) or not listed.complete
    assert isinstance(late, Answer)
    assert "delivery.delivered" in {gap.name for gap in late.gaps}
