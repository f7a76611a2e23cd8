"""Approved sources: which of them can be used, and at what price."""

from __future__ import annotations

from decimal import Decimal

from tests.guarantees import guarantees
from tests.tools.conftest import Plant

TOOL = "list_supply_sources"


@guarantees("P7.golden_reads")
def test_the_cheapest_usable_source_is_the_second_cheapest_of_all(plant: Plant) -> None:
    """The cheapest one is blocked: who reads prices alone buys from it."""
    truth = dict(plant.look_up("truth", "SELECT key, value FROM truth_answer WHERE question = '22'"))
    found = plant.every(TOOL, material_id="RM-013", limit=2)
    usable = [row for row in found if row["usable"]]
    best = min(usable, key=lambda row: Decimal(row["price"]))
    assert (best["supplier_id"], Decimal(best["price"])) == (truth["supplier_id"], Decimal(truth["price"]))
    cheapest = min(found, key=lambda row: Decimal(row["price"]))
    assert cheapest["usable"] is False
    assert usable == plant.every(TOOL, material_id="RM-013", usable_only=True)


@guarantees("P7.golden_reads")
def test_all_sources_of_a_material_come_by_rank_with_what_was_agreed(plant: Plant) -> None:
    """Rank, price, minimum and lead time as the ERP's list holds them; a blocked supplier makes a source unusable."""
    sql = (
        "SELECT s.mat_no, s.vendor_no, s.prio, CAST(s.price AS REAL), CAST(s.min_qty AS REAL), s.lead_days, "
        "NOT (s.blocked OR v.purch_block OR s.valid_to < '2026-03-16') FROM source_list s "
        "JOIN vendor v ON v.vendor_no = s.vendor_no WHERE s.plant = '1000' ORDER BY 1, 3, 2"
    )
    native = plant.look_up("erp", sql)
    told = []
    for material in sorted({row[0] for row in native}):
        told += [
            (row["material_id"], row["supplier_id"], row["rank"], float(row["price"]), float(row["min_order_qty"]),
             row["lead_time_days"], int(row["usable"]))
            for row in plant.every(TOOL, material_id=material, site="1000")
        ]  # fmt: skip
    assert told == native
    assert {row[-1] for row in native} == {0, 1}


@guarantees("P8.masks")
def test_who_sees_no_money_sees_sources_without_prices(plant: Plant) -> None:
    """Ranks and lead times are no money."""
    found = plant.every(TOOL, role="moneyless", material_id="RM-013")
    assert {row["price"] for row in found} == {None}
    assert all(row["lead_time_days"] for row in found)


@guarantees("P7.no_false_empty", "P1.scope")
def test_sources_of_another_site_and_of_an_unknown_material_look_alike(plant: Plant) -> None:
    """A reader of one site learns nothing of the other."""
    sql = "SELECT mat_no FROM source_list GROUP BY mat_no HAVING MIN(plant) = '2000' AND MAX(plant) = '2000' LIMIT 1"
    elsewhere = plant.look_up("erp", sql)[0][0]
    answers = [plant.answer(TOOL, role="local", material_id=one) for one in (elsewhere, "RM-999")]
    assert answers[0].tables == answers[1].tables
    assert plant.every(TOOL, material_id=elsewhere)


@guarantees("P7.golden_reads")
def test_one_supplier_can_be_asked_for(plant: Plant) -> None:
    """Of all sources of a material, and a material has to be named."""
    (row,) = plant.every(TOOL, material_id="RM-013", supplier_id="S0009")
    assert row["supplier_id"] == "S0009"
    assert plant.refusal(TOOL).code == "call.invalid_argument"
