"""`check_availability` against a plain computation over the ERP's own tables."""

from __future__ import annotations

from collections import defaultdict
from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from tests.guarantees import guarantees
from tests.tools.conftest import Native, Plant, rows_of

TOOL = "check_availability"
TODAY = "2026-03-16"


def _balances(erp: Native, material: str, site: str) -> dict[str, Decimal]:
    """Return day → change of what is free, in base units: stock, uncovered demand, confirmed supply.

    For materials that are bought, without expired or blocked lots and with reservations on lots alone.
    """
    changes: defaultdict[str, Decimal] = defaultdict(Decimal, {TODAY: Decimal(0)})
    place = "mat_no = ? AND plant = ?"
    for (qty,) in erp(f"SELECT qty FROM stock_qty WHERE {place} AND stk_type = 'F'", material, site):
        changes[TODAY] += Decimal(qty)
    held: defaultdict[tuple[str, str], Decimal] = defaultdict(Decimal)
    for order, line, qty in erp(f"SELECT dem_no, dem_item, qty FROM resv WHERE {place}", material, site):
        held[order, line] += Decimal(qty)
        changes[TODAY] -= Decimal(qty)
    for order, line, qty, need in erp(
        f"SELECT ord_no, item_no, qty_open, need_date FROM prod_comp WHERE {place} AND CAST(qty_open AS REAL) > 0",
        material,
        site,
    ):
        changes[max(need, TODAY)] -= max(Decimal(0), Decimal(qty) - held[order, line])
    rates = {unit: Decimal(num) / Decimal(den) for unit, num, den in erp(
        "SELECT alt_uom, num, den FROM mat_unit WHERE mat_no = ?", material
    )}  # fmt: skip
    (base,) = erp("SELECT base_uom FROM mat_gen WHERE mat_no = ?", material)[0]
    for qty, uom, promise in erp(
        "SELECT qty_open, uom, promise FROM po_item "
        f"WHERE {place} AND stat = 'OPEN' AND conf_flag = 1 AND promise >= ?",
        material,
        site,
        TODAY,
    ):
        changes[promise] += Decimal(qty) * (Decimal(1) if uom == base else rates[uom])
    return dict(changes)


def _promised(changes: dict[str, Decimal], day: str) -> Decimal:
    running, later = Decimal(0), []
    for when in sorted(changes):
        running += changes[when]
        later.append((when, running))
    before = [balance for when, balance in later if when <= day][-1:]
    return max(Decimal(0), min([*before, *(balance for when, balance in later if when > day)]))


def _materials(erp: Native) -> list[tuple[str, str]]:
    """Return bought materials with open purchase lines whose stock has no lot that is blocked, expired or inspected."""
    return [
        (material, site)
        for material, site in erp(
            "SELECT DISTINCT p.mat_no, p.plant FROM po_item p WHERE p.stat = 'OPEN' AND NOT EXISTS ("
            "SELECT 1 FROM stock_qty s LEFT JOIN batch b ON b.lot_no = s.lot_no WHERE s.mat_no = p.mat_no AND "
            "(s.stk_type <> 'F' OR b.disp = 'R' OR b.expires_on < ?)) ORDER BY 1, 2",
            TODAY,
        )
    ]


@guarantees("P7.promises_harm_no_order", "P7.exact_numbers")
@pytest.mark.parametrize("day", [TODAY, "2026-03-27", "2026-04-15"])
def test_what_can_be_promised_is_the_least_that_is_left_from_the_day_on(plant: Plant, erp: Native, day: str) -> None:
    """For every third bought material with open purchase lines."""
    materials = _materials(erp)[::3]
    assert len(materials) > 15
    some = 0
    for material, site in materials:
        (row,) = rows_of(plant.answer(TOOL, material_id=material, site=site, qty="100000", date=day), "availability")
        right = _promised(_balances(erp, material, site), day)
        assert Decimal(row["available_qty"]) == Decimal(row["confirmed_qty"]) == right, material
        some += right > 0
    assert some


@guarantees("P7.exact_numbers")
def test_free_stock_of_the_showcase_can_be_promised_today(plant: Plant, truth: Native) -> None:
    """Question 15 asked as a promise: what is free now, and no more."""
    material, qty = truth("SELECT key, value FROM truth_answer WHERE question = '15' ORDER BY rank")[0]
    (row,) = rows_of(plant.answer(TOOL, material_id=material, qty=qty, date=TODAY), "availability")
    assert (float(row["available_qty"]), row["confirmed_date"], row["days_after"]) == (float(qty), TODAY, 0)


@guarantees("P7.promises_harm_no_order")
def test_the_parts_add_up_to_what_is_promised_and_never_shrink(plant: Plant, erp: Native) -> None:
    """Each on the day from which that much can be promised."""
    for material, site in _materials(erp)[:20]:
        answer = plant.answer(TOOL, material_id=material, site=site, qty="1000000", date=TODAY)
        changes, total = _balances(erp, material, site), Decimal(0)
        for part in rows_of(answer, "partials"):
            total += Decimal(part["qty"])
            assert Decimal(part["qty"]) > 0
            assert Decimal(part["qty_total"]) == total == _promised(changes, part["date"])
        assert rows_of(answer, "availability")[0]["confirmed_date"] is None


@guarantees("P7.promises_harm_no_order")
def test_a_quantity_within_reach_is_confirmed_on_the_day_of_its_last_part(plant: Plant, erp: Native) -> None:
    """And by how many days that is after the day asked for."""
    found = 0
    for material, site in _materials(erp):
        parts = rows_of(plant.answer(TOOL, material_id=material, site=site, qty="1000000", date=TODAY), "partials")
        if len(parts) < 2:
            continue
        last = parts[-1]
        answer = plant.answer(TOOL, material_id=material, site=site, qty=last["qty_total"], date=TODAY)
        (row,) = rows_of(answer, "availability")
        assert row["confirmed_date"] == last["date"]
        assert row["days_after"] == (date.fromisoformat(last["date"]) - date.fromisoformat(TODAY)).days
        found += 1
        if found == 3:
            break
    assert found == 3


@guarantees("P7.exact_numbers")
def test_a_past_date_counts_as_today(plant: Plant) -> None:
    """Nothing can be promised for yesterday."""
    asked: dict[str, Any] = {"material_id": "RM-013", "qty": "10"}
    assert plant.answer(TOOL, **asked, date="2026-01-05").tables == plant.answer(TOOL, **asked, date=TODAY).tables


@guarantees("P1.scope", "P7.no_false_empty")
def test_a_material_of_another_site_and_an_unknown_one_look_alike(plant: Plant, erp: Native) -> None:
    """To a reader of one site."""
    (elsewhere,) = erp("SELECT mat_no FROM mat_plant GROUP BY mat_no HAVING min(plant) = '2000' ORDER BY 1 LIMIT 1")[0]
    answers = [plant.answer(TOOL, role="local", material_id=one, qty="1", date=TODAY) for one in (elsewhere, "RM-999")]
    assert rows_of(plant.answer(TOOL, material_id=elsewhere, qty="1", date=TODAY), "availability")
    assert answers[0].tables == answers[1].tables
    assert answers[0].warnings == answers[1].warnings


@guarantees("input.clear_errors")
@pytest.mark.parametrize(
    ("arguments", "named"),
    [({"qty": 5}, "qty"), ({"qty": "-1"}, "qty"), ({"qty": "0"}, "qty"), ({"date": "soon"}, "date"),
     ({"material_id": ""}, "material_id")],
)  # fmt: skip
def test_a_wrong_argument_is_named(plant: Plant, arguments: dict[str, Any], named: str) -> None:
    """A number for a decimal string, less than nothing, nothing, no date, no material."""
    refused = plant.refusal(TOOL, **{"material_id": "RM-013", "qty": "5", "date": TODAY, **arguments})
    assert (refused.code, refused.facts["argument"]) == ("call.invalid_argument", named)


@guarantees("P7.no_false_empty", "P7.names_what_a_source_lacks")
def test_missing_reservations_and_confirmations_are_named(plant: Plant) -> None:
    """An answer that counts held stock as free is not called whole."""
    asked: dict[str, Any] = {"material_id": "RM-013", "qty": "5", "date": TODAY}
    with plant.without("reservation"):
        unheld = plant.answer(TOOL, **asked)
    with plant.lacking(purchase_order_line="confirmed"):
        unconfirmed = plant.answer(TOOL, **asked)
    assert not unheld.complete
    assert {gap.entity for gap in unheld.gaps} == {"reservation"}
    assert not unconfirmed.complete
    assert [gap.name for gap in unconfirmed.gaps] == ["purchase_order_line.confirmed"]
