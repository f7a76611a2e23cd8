"""Whose date moves when demand or supply is another."""

from __future__ import annotations

import pytest

from erp_mcp.analyses import what_if
from erp_mcp.analyses.rows import ComponentRow, MaterialSiteRow
from erp_mcp.domain.analysis import Findings
from erp_mcp.domain.call import ArgumentValue
from erp_mcp.errors import InvalidArgumentError
from tests.guarantees import guarantees
from tests.unit.analyses.small_plant import ONE, SmallPlant


@pytest.fixture
def plant() -> SmallPlant:
    """P-1 holds its twenty; P-2 needs ten on the 18th and gets them with a purchase on the 24th."""
    small = SmallPlant()
    small.stock(20)
    _wants(small, "P-1", 20, "2026-03-17")
    _wants(small, "P-2", 10, "2026-03-18")
    small.reserves(20)
    small.buys(10, "2026-03-24", first="2026-03-24")
    return small


def _wants(plant: SmallPlant, order: str, qty: int, day: str, **given: object) -> None:
    row = {"production_order_id": order, "line": "0010", "material_id": "RM", "qty_open": qty * ONE, "need_date": day}
    plant.add("demand", ComponentRow, **row | given)


def _ask(plant: SmallPlant, **changes: ArgumentValue) -> Findings:
    return plant.ask(what_if.ANALYSIS, material_id="RM", **changes)


def _effects(found: Findings) -> dict[object, tuple[object, ...]]:
    return {row[2]: (row[9], row[10], row[11], row[12]) for row in found.tables["orders"]}


@guarantees("P7.what_if")
def test_held_stock_that_is_given_away_is_missing_where_it_was(plant: SmallPlant) -> None:
    """The giver waits for the purchase, the taker is in time."""
    assert _effects(_ask(plant, reassign=("P-1/P-2/10",))) == {
        "P-1": ("2026-03-17", "2026-03-24", 7, "made_late"),
        "P-2": ("2026-03-24", "2026-03-18", -6, "rescued"),
    }


@guarantees("P7.what_if")
def test_stock_that_pegging_gives_an_order_can_be_given_away_like_held_stock() -> None:
    """Nobody holds it, but the giver would have had it."""
    plant = SmallPlant()
    plant.stock(20)
    _wants(plant, "P-1", 20, "2026-03-17")
    _wants(plant, "P-2", 10, "2026-03-18")
    found = _ask(plant, reassign=("P-1/0010/P-2/0010/10",))
    assert _effects(found)["P-2"][3] == "rescued"
    assert _effects(found)["P-1"][1:] == (None, None, "made_late")
    too_much = _ask(plant, reassign=("P-1/P-2/20.5",))
    assert too_much.tables["changes"] == [("reassign", "P-1/P-2/20.5", "too_much", 20 * ONE, ())]


@guarantees("P7.what_if")
def test_a_part_of_a_reservation_stays_with_its_order(plant: SmallPlant) -> None:
    """Only what was asked for goes: four of ten come late for the giver, six are in time for the taker."""
    found = _ask(plant, reassign=("P-1/P-2/4",), add_supply=("10/2026-03-18",))
    assert _effects(found)["P-2"][3] == "rescued"
    assert _effects(found)["P-1"][3] == "made_late"
    assert found.tables["summary"] == [("1000", 2, 1, 1, 0, 0)]


@guarantees("P7.what_if", "P7.no_false_empty")
def test_an_order_that_wants_it_twice_is_asked_back_with_its_lines(plant: SmallPlant) -> None:
    """Nothing is worked out until it is clear which line is meant."""
    _wants(plant, "P-2", 5, "2026-03-18", line="0020")
    found = _ask(plant, move_demand=("P-2/2026-04-01",))
    assert found.tables["changes"] == [("move_demand", "P-2/2026-04-01", "ambiguous", None, ("P-2/0010", "P-2/0020"))]
    assert found.tables["orders"] == []
    assert not found.complete
    assert _effects(_ask(plant, move_demand=("P-2/0010/2026-04-01",)))


@guarantees("P7.what_if")
def test_ids_with_a_slash_are_found_all_the_same(plant: SmallPlant) -> None:
    """Some systems have them. What the giver lacks now it takes from the order after it."""
    _wants(plant, "A/7", 5, "2026-03-19")
    found = _ask(plant, reassign=("P-1/A/7/5",))
    effects = {order: told[3] for order, told in _effects(found).items()}
    assert effects == {"A/7": "rescued", "P-1": "made_late", "P-2": "later"}


@guarantees("P7.what_if")
def test_held_stock_does_not_go_to_another_site(plant: SmallPlant) -> None:
    """A transfer is another thing."""
    _wants(plant, "P-9", 5, "2026-03-19", site="2000")
    found = _ask(plant, reassign=("P-1/P-9/5",))
    assert found.tables["changes"][0][2] == "not_found"


@guarantees("P7.what_if")
def test_a_dropped_order_leaves_what_was_made_for_it_to_anyone() -> None:
    """The production order goes on; its output is free."""
    plant = SmallPlant()
    plant.line(material_id="RM", qty_open=10 * ONE)
    plant.order(material_id="RM")
    _wants(plant, "P-5", 10, "2026-03-20")
    found = _ask(plant, remove_demand=("SO-1/10",))
    assert {order: told[3] for order, told in _effects(found).items()} == {"SO-1": "removed", "P-5": "rescued"}


@guarantees("P7.what_if")
def test_the_sales_order_behind_a_part_of_a_part_is_named() -> None:
    """Through the order that its order is made for."""
    plant = SmallPlant()
    plant.order("P-0")
    plant.order("P-1", material_id="SF", parent_order_id="P-0", sales_order_id=None, sales_order_line=None)
    _wants(plant, "P-1", 10, "2026-03-20")
    found = _ask(plant, add_supply=("10/2026-03-20",))
    assert found.tables["orders"][0][4:6] == ("SO-1", "10")


@guarantees("P7.what_if")
def test_a_supply_that_is_moved_into_the_past_counts_from_today(plant: SmallPlant) -> None:
    """Nothing arrives before today."""
    found = _ask(plant, move_supply=("PO-1/10/2026-01-01",))
    assert _effects(found) == {"P-2": ("2026-03-24", "2026-03-18", -6, "rescued")}


@guarantees("input.clear_errors")
def test_what_is_added_needs_to_know_its_site() -> None:
    """Two sites plan the material."""
    plant = SmallPlant()
    for site in ("1000", "2000"):
        plant.add("planning", MaterialSiteRow, material_id="RM", site=site)
    with pytest.raises(InvalidArgumentError) as error:
        _ask(plant, add_demand=("5/2026-04-01",))
    assert error.value.facts["expected"] == "one of 1000, 2000"
