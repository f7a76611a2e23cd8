"""`find_slow_stock` against a plain computation over the ERP's own tables."""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal
from typing import Any

import pytest

from tests.guarantees import guarantees
from tests.tools.conftest import Native, Plant, rows_of

TOOL = "find_slow_stock"
TODAY = "2026-03-16"
AGES = (
    "SELECT m.lot_no, CAST(julianday(?) - julianday(date(datetime(max(m.posted_at), '+1 hour'))) AS INTEGER) "
    "FROM mat_move m WHERE m.mv_code NOT IN ('321', '344') "
    "AND m.lot_no IN (SELECT lot_no FROM stock_qty WHERE CAST(qty AS REAL) > 0) GROUP BY 1"
)  # the plant is one hour ahead of UTC in winter


def _lots(plant: Plant, **arguments: Any) -> set[str]:
    return {row["lot_id"] for row in plant.every(TOOL, limit=200, **arguments)}


def _ages(erp: Native) -> dict[str, int]:
    return dict(erp(AGES, TODAY))


@guarantees("P7.exact_numbers")
@pytest.mark.parametrize("days", [20, 35])
def test_slow_lots_are_those_that_nothing_came_to_or_went_from(plant: Plant, erp: Native, days: int) -> None:
    """With their age; a transfer from one stock type to another is no use of a lot."""
    rows = plant.every(TOOL, reason=["slow"], min_age_days=days, limit=200)
    right = {lot: age for lot, age in _ages(erp).items() if age >= days}
    assert {row["lot_id"]: row["age_days"] for row in rows} == right
    assert right


@guarantees("P7.exact_numbers")
def test_lots_that_expire_soon_are_those_that_the_generator_planted(plant: Plant, truth: Native, erp: Native) -> None:
    """In stock, and within thirty days; each with its date."""
    planted = {key for (key,) in truth("SELECT id FROM truth_exception WHERE class_ = 'lot_expiring'")}
    rows = plant.every(TOOL, reason=["expiring", "expired"])
    assert {row["lot_id"] for row in rows} == planted
    dates: dict[str, str] = dict(erp("SELECT lot_no, expires_on FROM batch"))
    assert all(row["expiry_date"] == dates[row["lot_id"]] for row in rows)


@guarantees("P7.exact_numbers")
def test_expired_and_expiring_part_at_today(plant: Plant, erp: Native) -> None:
    """A year ahead every dated lot in stock expires; none is both."""
    rows = plant.every(TOOL, reason=["expiring", "expired"], expiring_days=366, limit=200)
    dated = erp(
        "SELECT DISTINCT b.lot_no FROM batch b JOIN stock_qty s ON s.lot_no = b.lot_no "
        "WHERE CAST(s.qty AS REAL) > 0 AND b.expires_on <= date(?, '+366 days')",
        TODAY,
    )
    assert {row["lot_id"] for row in rows} == {lot for (lot,) in dated}
    assert all((row["reasons"] == ["expired"]) == (row["expiry_date"] < TODAY) for row in rows)


@guarantees("P7.exact_numbers")
def test_excess_is_what_no_open_order_and_no_safety_stock_asks_for(plant: Plant, erp: Native) -> None:
    """Summed by material and site: stock that can be used, minus all that is wanted."""
    found: dict[tuple[str, str], Decimal] = {}
    for row in plant.every(TOOL, reason=["excess"], limit=200):
        place = (row["material_id"], row["site"])
        found[place] = found.get(place, Decimal(0)) + Decimal(row["qty_concerned"])
    right = {}
    for material, site, there, safety, used, sold in erp(
        "SELECT p.mat_no, p.plant, (SELECT sum(qty) FROM stock_qty s WHERE s.mat_no = p.mat_no AND s.plant = p.plant "
        "AND s.stk_type IN ('F', 'Q')), p.safety_qty, (SELECT sum(qty_open) FROM prod_comp c WHERE c.mat_no = p.mat_no "
        "AND c.plant = p.plant), (SELECT sum(qty_open) FROM so_item i WHERE i.mat_no = p.mat_no AND i.plant = p.plant "
        "AND i.stat = 'OPEN') FROM mat_plant p"
    ):
        left = Decimal(str(there or 0)) - Decimal(safety) - Decimal(str(used or 0)) - Decimal(str(sold or 0))
        if left > 0:
            right[material, site] = left.quantize(Decimal("0.001"))
    assert {place: qty.quantize(Decimal("0.001")) for place, qty in found.items()} == right
    assert right


@guarantees("P7.exact_numbers")
def test_value_is_quantity_times_standard_price_to_the_cent(plant: Plant, erp: Native) -> None:
    """And the most valuable lot comes first."""
    prices = {(mat, site): (Decimal(price), per, curr) for mat, site, price, per, curr in erp(
        "SELECT mat_no, plant, std_price, price_per, curr FROM mat_plant"
    )}  # fmt: skip
    rows = plant.every(TOOL, min_age_days=20, limit=200)
    for row in rows:
        price, per, currency = prices[row["material_id"], row["site"]]
        value = (Decimal(row["qty_concerned"]) * price / per).quantize(Decimal("0.01"), ROUND_HALF_UP)
        assert (Decimal(row["value"]), row["currency"]) == (value, currency)
    values = [Decimal(row["value"]) for row in rows]
    assert values == sorted(values, reverse=True)
    assert [row["rank"] for row in rows] == list(range(1, len(rows) + 1))


@guarantees("P7.stable_paging")
def test_pages_of_ten_give_the_same_lots_as_one_answer(plant: Plant) -> None:
    """None missing, none twice."""
    paged = plant.every(TOOL, reason=["slow"], min_age_days=20, limit=10)
    assert {row["lot_id"] for row in paged} == _lots(plant, reason=["slow"], min_age_days=20)
    assert len(paged) > 10


@guarantees("P7.exact_numbers")
def test_each_filter_keeps_exactly_what_it_says(plant: Plant) -> None:
    """Site, material and value, each against all rows."""
    every = plant.every(TOOL, min_age_days=20, limit=200)
    for key, value in (("site", "2000"), ("material_id", every[0]["material_id"])):
        kept = {row["lot_id"] for row in every if row[key] == value}
        assert _lots(plant, min_age_days=20, **{key: value}) == kept
    worth = {row["lot_id"] for row in every if Decimal(row["value"]) >= 1000}
    assert _lots(plant, min_age_days=20, min_value="1000") == worth
    assert worth


@guarantees("P8.masks")
def test_without_money_there_is_no_value_and_no_order_by_it(plant: Plant) -> None:
    """The same lots; their order tells nothing of what they are worth."""
    asked: dict[str, Any] = {"reason": ["slow"], "min_age_days": 20}
    rows = plant.every(TOOL, role="moneyless", limit=200, **asked)
    assert {row["lot_id"] for row in rows} == _lots(plant, **asked)
    assert {row.get("value") for row in rows} == {None}
    ages = [row["age_days"] for row in rows]
    assert ages == sorted(ages, reverse=True)


@guarantees("P1.scope", "P7.no_false_empty")
def test_a_material_of_another_site_and_an_unknown_one_look_alike(plant: Plant, erp: Native) -> None:
    """To a reader of one site."""
    (elsewhere,) = erp("SELECT mat_no FROM stock_qty GROUP BY mat_no HAVING min(plant) = '2000' ORDER BY 1 LIMIT 1")[0]
    answers = [plant.answer(TOOL, role="local", material_id=one, min_age_days=1) for one in (elsewhere, "RM-999")]
    assert rows_of(plant.answer(TOOL, material_id=elsewhere, min_age_days=1))
    assert answers[0].tables == answers[1].tables
    assert answers[0].warnings == answers[1].warnings


@guarantees("input.clear_errors")
@pytest.mark.parametrize("arguments", [{"reason": ["old"]}, {"min_age_days": 0}, {"min_value": 1000}])
def test_a_wrong_argument_is_named(plant: Plant, arguments: dict[str, Any]) -> None:
    """An unknown reason, an age of nothing, a number for a decimal string."""
    refused = plant.refusal(TOOL, **arguments)
    assert (refused.code, refused.facts["argument"]) == ("call.invalid_argument", next(iter(arguments)))


@guarantees("P7.no_false_empty")
def test_without_movements_nothing_is_called_slow_and_the_gap_is_named(plant: Plant) -> None:
    """What expires is told all the same."""
    with plant.without("goods_movement"):
        answer = plant.answer(TOOL, min_age_days=20, reason=["slow", "expiring"])
    assert not answer.complete
    assert {gap.entity for gap in answer.gaps} == {"goods_movement"}
    assert {tuple(row["reasons"]) for row in rows_of(answer)} == {("expiring",)}


@guarantees("P7.no_false_empty")
def test_without_demand_nothing_is_called_excess(plant: Plant) -> None:
    """A demand that is not seen is no lack of demand."""
    with plant.without("production_component"):
        answer = plant.answer(TOOL, reason=["excess"])
    assert not answer.complete
    assert rows_of(answer) == []
