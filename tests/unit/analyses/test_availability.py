"""What can be promised without harming an order."""

from __future__ import annotations

import pytest

from erp_mcp.analyses import availability
from erp_mcp.analyses.rows import MaterialRow
from erp_mcp.domain.analysis import Findings
from erp_mcp.errors import InvalidArgumentError
from tests.guarantees import guarantees
from tests.unit.analyses.small_plant import ONE, TODAY, SmallPlant


def _ask(plant: SmallPlant, qty: int, day: str = TODAY) -> Findings:
    return plant.ask(availability.ANALYSIS, material_id="RM", qty=qty * ONE, date=day)


def _available(plant: SmallPlant, qty: int, day: str = TODAY) -> tuple[int, str | None]:
    (row,) = _ask(plant, qty, day).tables["availability"]
    assert isinstance(row[5], int)
    assert row[7] is None or isinstance(row[7], str)
    return row[5] // ONE, row[7]


@guarantees("P7.promises_harm_no_order")
def test_stock_that_a_later_order_needs_is_not_promised_today() -> None:
    """It lies there, but nothing would bring it back in time."""
    plant = SmallPlant()
    plant.stock(100)
    plant.needs(80, need_date="2026-04-20")
    assert _available(plant, 50) == (20, None)


@guarantees("P7.promises_harm_no_order")
def test_stock_that_comes_back_before_the_later_order_needs_it_is_promised() -> None:
    """The delivery in between replaces it."""
    plant = SmallPlant()
    plant.stock(100)
    plant.needs(80, need_date="2026-04-20")
    plant.buys(100, "2026-04-01", first="2026-04-01")
    assert _available(plant, 50) == (100, TODAY)


@guarantees("P7.promises_harm_no_order")
def test_what_is_still_missing_for_an_order_comes_first_out_of_a_delivery() -> None:
    """Of fifty that arrive, thirty are for the order that is short."""
    plant = SmallPlant()
    plant.needs(30)
    plant.buys(50, "2026-03-24", first="2026-03-24")
    found = _ask(plant, 40)
    assert found.tables["availability"][0][5:9] == (0, 0, None, None)
    assert found.tables["partials"] == [("1000", "2026-03-24", 20 * ONE, 20 * ONE)]


@guarantees("P7.promises_harm_no_order")
def test_held_stock_serves_its_order_and_nobody_else() -> None:
    """And the order it is held for does not count twice."""
    plant = SmallPlant()
    plant.stock(50)
    plant.needs(20)
    plant.reserves(20)
    assert _available(plant, 40) == (30, None)


@guarantees("P7.promises_harm_no_order")
def test_an_order_that_is_made_for_a_customer_leaves_free_stock_alone() -> None:
    """What is made for it is nobody else's, and it wants nothing more; what is too little, it takes from stock."""
    plant = SmallPlant()
    plant.stock(20)
    plant.line(material_id="RM", qty_open=10 * ONE)
    plant.order(material_id="RM", qty_planned=8 * ONE)
    assert _available(plant, 30) == (18, None)


@guarantees("P7.promises_harm_no_order")
@pytest.mark.parametrize(
    "given",
    [{"confirmed": 0}, {"confirmed": None}, {"promised_date": "2026-03-13"}, {"promised_date": None,
      "original_promise_date": None, "requested_date": None}],
)  # fmt: skip
def test_supply_that_is_not_sure_is_told_and_not_promised_from(given: dict[str, object]) -> None:
    """Not confirmed, not known to be, overdue, without a date."""
    plant = SmallPlant()
    plant.buys(50, "2026-03-24", first="2026-03-24", **given)
    (row,) = _ask(plant, 10, "2026-03-30").tables["availability"]
    assert row[5] == 0
    assert row[13] == 50 * ONE


@guarantees("P7.promises_harm_no_order")
@pytest.mark.parametrize(("state", "qty"), [("Released", 10), ("Forecast", 0), ("Waiting", 0)])
def test_only_a_released_production_order_is_promised_from(state: str, qty: int) -> None:
    """A planned one may never be made."""
    plant = SmallPlant()
    plant.order(material_id="RM", request_state=state, sales_order_id=None, sales_order_line=None)
    assert _available(plant, 10, "2026-03-19")[0] == qty


@guarantees("P7.promises_harm_no_order")
def test_parts_are_told_by_day_until_all_is_there() -> None:
    """Ten now, twenty later, and no more than was asked for."""
    plant = SmallPlant()
    plant.add("materials", MaterialRow, material_id="RM", base_uom="C62")
    plant.stock(10)
    plant.buys(50, "2026-03-24", first="2026-03-24")
    found = _ask(plant, 30)
    assert found.tables["partials"] == [
        ("1000", TODAY, 10 * ONE, 10 * ONE),
        ("1000", "2026-03-24", 20 * ONE, 30 * ONE),
    ]
    assert found.tables["availability"][0][6:9] == (10 * ONE, "2026-03-24", 8)


@guarantees("P7.no_false_empty")
def test_a_material_that_is_not_known_gets_a_warning() -> None:
    """An empty table must not look like nothing to promise."""
    found = _ask(SmallPlant(), 1)
    assert found.tables == {"availability": [], "partials": []}
    assert found.warnings


@guarantees("input.clear_errors")
def test_nothing_can_not_be_promised() -> None:
    """A quantity of zero is a mistake."""
    with pytest.raises(InvalidArgumentError):
        _ask(SmallPlant(), 0)
