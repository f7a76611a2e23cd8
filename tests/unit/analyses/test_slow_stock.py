"""Stock that nothing moves, nobody needs, or that expires."""

from __future__ import annotations

from erp_mcp.analyses import slow_stock
from erp_mcp.analyses.stocked_lots import ExpiryRow, LastMovedRow, LotStockRow, PricedRow, WantedRow
from erp_mcp.domain.analysis import RawCell
from erp_mcp.domain.call import ArgumentValue
from tests.guarantees import guarantees
from tests.unit.analyses.small_plant import ONE, TODAY, SmallPlant


def _lot(
    plant: SmallPlant, lot: str, qty: int, *, moved: str = "", expires: str = "", kind: str = "unrestricted"
) -> None:
    plant.add("stock", LotStockRow, material_id="RM", lot_id=lot, stock_type=kind, qty=qty * ONE)
    if moved:
        plant.add("moved", LastMovedRow, material_id="RM", lot_id=lot, posted_at=f"{moved}T10:00:00Z")
    if expires:
        plant.add("lots", ExpiryRow, material_id="RM", lot_id=lot, expiry_date=expires)


def _rows(plant: SmallPlant, **arguments: ArgumentValue) -> dict[RawCell, tuple[RawCell, ...]]:
    asked: dict[str, ArgumentValue] = {"min_age_days": 90, "expiring_days": 30, **arguments}
    return {row[3]: row for row in plant.ask(slow_stock.ANALYSIS, **asked).tables["lots"]}


@guarantees("P7.exact_numbers")
def test_bounds_belong_to_what_is_slow_and_what_expires() -> None:
    """Ninety days are slow, eighty-nine are not; today is the last good day."""
    plant = SmallPlant()
    plant.add("components", WantedRow, material_id="RM", qty_open=1000 * ONE)
    _lot(plant, "L-90", 1, moved="2025-12-16")
    _lot(plant, "L-89", 1, moved="2025-12-17")
    _lot(plant, "L-past", 1, expires="2026-03-15")
    _lot(plant, "L-today", 1, expires=TODAY)
    _lot(plant, "L-30", 1, expires="2026-04-15")
    _lot(plant, "L-31", 1, expires="2026-04-16")
    told = {lot: row[4] for lot, row in _rows(plant).items()}
    assert told == {"L-90": ("slow",), "L-past": ("expired",), "L-today": ("expiring",), "L-30": ("expiring",)}


@guarantees("P7.exact_numbers")
def test_excess_is_taken_from_the_lots_that_moved_last() -> None:
    """Old lots are used first: forty and thirty-five are wanted, so twenty-five of the new lot are too much."""
    plant = SmallPlant()
    _lot(plant, "L-new", 50, moved="2026-03-10")
    _lot(plant, "L-old", 50, moved="2026-03-01")
    plant.add("components", WantedRow, material_id="RM", qty_open=40 * ONE)
    plant.add("planning", PricedRow, material_id="RM", safety_stock=35 * ONE, standard_price=1_0000, currency="EUR")
    found = _rows(plant)
    assert {lot: (row[4], row[6], row[8]) for lot, row in found.items()} == {"L-new": (("excess",), 25 * ONE, 25_0000)}


@guarantees("P7.exact_numbers")
def test_blocked_stock_can_be_slow_but_is_no_excess() -> None:
    """Nobody could use it anyway; its whole quantity is what concerns."""
    plant = SmallPlant()
    _lot(plant, "L-1", 50, moved="2025-01-01", kind="blocked")
    _lot(plant, "L-1", 10, kind="unrestricted")
    row = _rows(plant)["L-1"]
    assert row[4] == ("slow", "excess")
    assert row[5:7] == (60 * ONE, 60 * ONE)


@guarantees("P7.no_false_empty")
def test_a_lot_that_nothing_is_known_of_is_not_called_slow() -> None:
    """No movement on record is not an age."""
    plant = SmallPlant()
    plant.add("components", WantedRow, material_id="RM", qty_open=1000 * ONE)
    _lot(plant, "L-1", 50)
    assert _rows(plant, min_age_days=1) == {}
    plant.gap("production_component")
    assert not plant.ask(slow_stock.ANALYSIS, min_age_days=1).complete


@guarantees("P7.no_false_empty")
def test_a_least_value_leaves_out_what_has_no_price_and_says_so() -> None:
    """A lot without a price may be worth a lot."""
    plant = SmallPlant()
    _lot(plant, "L-1", 50, moved="2025-01-01")
    found = plant.ask(slow_stock.ANALYSIS, min_age_days=90, min_value=1_0000)
    assert not found.tables["lots"]
    assert found.warnings
