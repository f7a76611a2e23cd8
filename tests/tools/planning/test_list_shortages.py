"""All shortages of a plant, against the truth of the generator."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from tests.guarantees import guarantees
from tests.tools.conftest import Plant, rows_of

_SHORT = """
    SELECT material_id, site, sales_order_id || '/' || line, need_date, qty_short, uom, root_cause_code,
           purchase_order_id || '/' || purchase_order_line, promised_date
    FROM truth_late_line WHERE qty_short IS NOT NULL
"""


@pytest.fixture(scope="module")
def everything(plant: Plant) -> list[dict[str, Any]]:
    """All shortages within a year."""
    return plant.every("list_shortages", "shortages", horizon_days=366)


def _by_place(rows: list[dict[str, Any]]) -> dict[tuple[str, str], dict[str, Any]]:
    return {(row["material_id"], row["site"]): row for row in rows}


@guarantees("P7.golden_reads", "P7.right_cause")
def test_bought_materials_that_are_short_are_exactly_those_that_the_truth_makes_orders_wait_for(
    plant: Plant, everything: list[dict[str, Any]]
) -> None:
    """Late purchases, lots on hold and miscounted stock; thirty late lines that stock covers are none."""
    right = plant.look_up("truth", _SHORT)
    found = _by_place([row for row in everything if row["procurement"] == "buy"])
    assert set(found) == {(row[0], row[1]) for row in right}
    for material, site, order, need, qty, uom, *_ in right:
        row = found[material, site]
        assert (row["orders"], row["first_short_date"], Decimal(row["qty_short"]), row["uom"]) == (
            [order], need, Decimal(qty), uom
        )  # fmt: skip


@guarantees("P7.golden_reads")
def test_what_comes_too_late_is_named_with_its_day(plant: Plant, everything: list[dict[str, Any]]) -> None:
    """A held or miscounted lot is not covered at all, and no day is made up."""
    found = _by_place(everything)
    for material, site, _, _, qty, _, cause, line, promised in plant.look_up("truth", _SHORT):
        row = found[material, site]
        if cause == "late_po":
            assert (row["covering_supply"], row["covered_on"]) == (
                [f"purchase_order_line {line} on {promised}"],
                promised,
            )
            assert row["qty_uncovered"] == "0"
        else:
            assert (row["covering_supply"], row["covered_on"]) == ([], None)
            assert Decimal(row["qty_uncovered"]) == Decimal(qty)


@guarantees("P7.stable_paging")
def test_shortages_come_by_orders_hurt_page_by_page(plant: Plant, everything: list[dict[str, Any]]) -> None:
    """Pages of ten give the same rows in the same order."""
    assert plant.every("list_shortages", "shortages", horizon_days=366, limit=10) == everything
    keys = [(-row["orders_hurt"], row["first_short_date"], row["material_id"], row["site"]) for row in everything]
    assert keys == sorted(keys)
    assert all(row["orders_hurt"] == len(row["orders"]) for row in everything if row["orders_hurt"] <= 10)


@guarantees("P7.golden_reads")
def test_the_horizon_leaves_out_later_needs(plant: Plant, everything: list[dict[str, Any]]) -> None:
    """Of what is short later only."""
    found = plant.every("list_shortages", "shortages", horizon_days=7, procurement="buy")
    right = {place for place, row in _by_place(everything).items() if row["first_short_date"] <= "2026-03-23"}
    bought = {place for place, row in _by_place(everything).items() if row["procurement"] == "buy"}
    assert set(_by_place(found)) == right & bought
    assert found


@guarantees("P1.scope")
def test_a_role_of_one_site_sees_its_own_shortages_only(plant: Plant, everything: list[dict[str, Any]]) -> None:
    """And the same ones: pegging does not cross sites."""
    mine = plant.every("list_shortages", "shortages", role="local", horizon_days=366)
    assert _by_place(mine) == {place: row for place, row in _by_place(everything).items() if place[1] == "1000"}


@guarantees("P7.no_false_empty", "P1.scope")
def test_another_site_and_an_unknown_one_look_alike(plant: Plant) -> None:
    """Neither is called covered."""
    asked = [plant.ask("list_shortages", role="local", site=site) for site in ("2000", "9999")]
    assert getattr(asked[0], "code", None) == getattr(asked[1], "code", None)
    assert getattr(asked[0], "warnings", None) == getattr(asked[1], "warnings", None)


@guarantees("P7.provenance", "P7.no_false_empty")
def test_without_the_shop_floor_the_answer_is_partial_and_names_what_is_missing(plant: Plant) -> None:
    """Miscounted stock can't be seen then: those shortages are not there, and the answer says that it may lack some."""
    with plant.without("mes_stock", "in_flight_document", "job"):
        answer = plant.answer("list_shortages", procurement="buy")
    assert {gap.entity for gap in answer.gaps} == {"mes_stock", "in_flight_document", "job"}
    assert not answer.complete
    assert rows_of(answer)


@guarantees("P8.masks")
def test_a_role_without_money_gets_the_same_shortages(plant: Plant, everything: list[dict[str, Any]]) -> None:
    """No column has a price in it."""
    assert plant.every("list_shortages", "shortages", role="moneyless", horizon_days=366) == everything


@guarantees("input.clear_errors")
def test_a_horizon_beyond_a_year_is_refused(plant: Plant) -> None:
    """The argument and its bounds are named."""
    refused = plant.refusal("list_shortages", horizon_days=400)
    assert (refused.code, refused.facts["argument"]) == ("call.invalid_argument", "horizon_days")
