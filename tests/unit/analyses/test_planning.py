"""Shortages of an order, and supply and demand of a material."""

from __future__ import annotations

import pytest

from erp_mcp.analyses import rows, shortages, supply_demand
from erp_mcp.domain.analysis import Findings, RawCell
from tests.guarantees import guarantees
from tests.unit.analyses.small_plant import ONE, SmallPlant


@pytest.fixture
def plant() -> SmallPlant:
    """A production order that needs twenty of RM and five of RM2 on the 17th."""
    small = SmallPlant()
    small.needs(20)
    small.needs(5, material_id="RM2", line="0020")
    small.stock(5, material_id="RM2")
    return small


def _only(found: Findings) -> tuple[RawCell, ...]:
    (row,) = found.tables["components"]
    return row


@guarantees("P7.right_cause")
def test_a_shortage_names_what_is_missing_how_much_and_what_comes_next(plant: SmallPlant) -> None:
    """Eight are held, the other twelve come with the late line."""
    plant.stock(8)
    plant.reserves(8)
    plant.buys(50, "2026-03-24")
    row = _only(plant.ask(shortages.ANALYSIS))
    assert row[:2] == ("0010", "RM")
    assert row[4:] == (8 * ONE, 12 * ONE, "C62", "2026-03-17", "purchase_order_line", "PO-1/10", "2026-03-24", 12 * ONE)


@guarantees("P7.right_cause")
def test_a_shortage_without_incoming_supply_names_none(plant: SmallPlant) -> None:
    """An empty date is not a date."""
    assert _only(plant.ask(shortages.ANALYSIS))[8:] == (None, None, None, None)


@guarantees("P7.right_cause")
def test_held_stock_counts_only_as_far_as_the_shop_floor_finds_it(plant: SmallPlant) -> None:
    """The picker will stand before an empty shelf, whatever the ERP says."""
    plant.stock(20)
    plant.reserves(20)
    plant.counts(5)
    assert _only(plant.ask(shortages.ANALYSIS))[5] == 15 * ONE


@guarantees("P7.right_cause")
def test_an_order_without_shortage_says_so(plant: SmallPlant) -> None:
    """An empty table alone could mean anything."""
    plant.stock(20)
    found = plant.ask(shortages.ANALYSIS)
    assert found.tables["components"] == []
    assert found.warnings
    assert len(plant.ask(shortages.ANALYSIS, all_components=True).tables["components"]) == 2


@guarantees("P7.no_false_empty")
def test_an_order_that_is_not_known_is_not_called_covered() -> None:
    """A wrong number must not sound like good news."""
    (unknown,) = SmallPlant().ask(shortages.ANALYSIS).warnings
    covered = SmallPlant()
    covered.needs(5)
    covered.stock(5)
    assert covered.ask(shortages.ANALYSIS).warnings != (unknown,)


@guarantees("P7.right_cause")
def test_supply_and_demand_run_from_stock_through_every_element_by_date() -> None:
    """What comes on a day counts before what goes on that day."""
    plant = SmallPlant()
    plant.add("demand", rows.ComponentRow, **_need("P-1", 20, "2026-03-17"))
    plant.stock(15)
    plant.buys(10, "2026-03-17", first="2026-03-17")
    found = plant.ask(supply_demand.ANALYSIS)
    assert [(row[1], row[2], row[6], row[7]) for row in found.tables["elements"]] == [
        ("2026-03-17", "in", 10 * ONE, 25 * ONE),
        ("2026-03-17", "out", -20 * ONE, 5 * ONE),
    ]


@guarantees("P7.right_cause")
def test_supply_and_demand_mark_where_it_falls_short_and_below_the_safety_stock() -> None:
    """The planner looks for the marks."""
    plant = SmallPlant()
    plant.add("planning", rows.MaterialSiteRow, material_id="RM", safety_stock=10 * ONE, procurement="buy")
    plant.stock(25)
    plant.add("demand", rows.ComponentRow, **_need("P-1", 20, "2026-03-17"))
    plant.add("demand", rows.ComponentRow, **_need("P-2", 20, "2026-03-19"))
    plant.buys(50, "2026-03-24")
    found = plant.ask(supply_demand.ANALYSIS)
    assert [row[11] for row in found.tables["elements"]] == ["below_safety_stock", "short", None]
    assert found.tables["sites"] == [("1000", 25 * ONE, 25 * ONE, 10 * ONE, -15 * ONE, None, "2026-03-19")]


@guarantees("P7.right_cause")
def test_a_demand_is_short_while_stock_is_held_for_a_later_one() -> None:
    """The sum says that there is enough; the shelf is full, and all of it belongs to somebody else."""
    plant = SmallPlant()
    plant.add("demand", rows.ComponentRow, **_need("P-1", 20, "2026-03-17"))
    plant.add("demand", rows.ComponentRow, **_need("P-2", 100, "2026-04-17"))
    plant.stock(100)
    plant.reserves(100, demand="P-2")
    found = plant.ask(supply_demand.ANALYSIS)
    assert [(row[4], row[7], row[8], row[11]) for row in found.tables["elements"]] == [
        ("P-1", 80 * ONE, 20 * ONE, "short"),
        ("P-2", -20 * ONE, 0, "short"),
    ]
    assert found.tables["sites"][0][:3] == ("1000", 100 * ONE, 0)


def _need(order: str, qty: int, day: str) -> dict[str, object]:
    return {
        "production_order_id": order,
        "line": "0010",
        "material_id": "RM",
        "qty_open": qty * ONE,
        "need_date": day,
    }


@guarantees("P7.no_false_empty")
def test_a_material_that_is_not_known_gets_a_warning() -> None:
    """A wrong number must not look like a material without demand."""
    found = SmallPlant().ask(supply_demand.ANALYSIS)
    assert found.tables["sites"] == []
    assert found.warnings


@guarantees("P9.bounded")
def test_elements_after_the_horizon_are_left_out() -> None:
    """The list ends where it was asked to end."""
    plant = SmallPlant()
    plant.add("demand", rows.ComponentRow, **_need("P-1", 20, "2026-03-17"))
    plant.add("demand", rows.ComponentRow, **_need("P-2", 20, "2026-05-19"))
    assert len(plant.ask(supply_demand.ANALYSIS, horizon_days=30).tables["elements"]) == 1
