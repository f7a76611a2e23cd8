"""What explains a difference between ERP and shop floor."""

from __future__ import annotations

from dataclasses import replace

import pytest

from erp_mcp.analyses import stock_differences
from erp_mcp.analyses.rows import InFlightRow
from erp_mcp.analyses.stock_differences import CountedRow, PostedRow, PriceRow
from erp_mcp.domain.analysis import RawCell
from erp_mcp.domain.answer import Gap
from erp_mcp.domain.call import ArgumentValue
from tests.guarantees import guarantees
from tests.unit.analyses.small_plant import ONE, SmallPlant


def _causes(plant: SmallPlant, **arguments: ArgumentValue) -> dict[RawCell, RawCell]:
    found = plant.ask(stock_differences.ANALYSIS, **arguments)
    return {row[3]: row[12] for row in found.tables["differences"]}


def _pair(erp: int, mes: int, lot: str = "L-1") -> SmallPlant:
    plant = SmallPlant()
    plant.stock(erp, lot)
    plant.counts(mes, lot)
    return plant


def _moves(plant: SmallPlant, qty: int, lot: str = "L-1") -> None:
    plant.add("in_flight", InFlightRow, document_id="D-1", material_id="RM", lot_id=lot, qty=qty * ONE)


@guarantees("P7.no_false_empty", "P7.names_what_a_source_lacks")
def test_with_a_side_that_was_never_read_nothing_is_compared_and_what_to_do_is_said() -> None:
    """No difference to nothing would read as all is well."""
    facts = replace(_pair(100, 60).facts({}), gaps=(Gap(entity="mes_stock", reason="no_source"),))
    found = stock_differences.ANALYSIS.function(facts)

    assert (found.tables["differences"], found.complete) == ([], False)
    assert "no data of the shop floor (MES) was read" in found.warnings[0]


@guarantees("P7.right_cause")
@pytest.mark.parametrize(("mes", "cause"), [(60, "use_not_posted"), (130, "receipt_not_posted")])
def test_an_unexplained_difference_says_which_posting_to_look_for(mes: int, cause: str) -> None:
    """Less on the floor than in the books, or more."""
    assert _causes(_pair(100, mes)) == {"L-1": cause}


@guarantees("P7.right_cause")
@pytest.mark.parametrize(("moving", "cause"), [(-40, "in_flight"), (-30, "partly_in_flight"), (5, "partly_in_flight")])
def test_documents_in_flight_explain_all_of_it_or_a_part(moving: int, cause: str) -> None:
    """What is left over stays somebody's work."""
    plant = _pair(100, 60)
    _moves(plant, moving)
    assert _causes(plant) == {"L-1": cause}


@guarantees("P7.right_cause")
@pytest.mark.parametrize(
    ("posted_at", "cause"), [("2026-03-16T04:30:00Z", "posted_after_count"), ("2026-03-16T03:00:00Z", "use_not_posted")]
)
def test_what_the_erp_posted_after_the_count_could_not_be_counted(posted_at: str, cause: str) -> None:
    """A receipt of forty half an hour after the count, and one an hour before."""
    plant = _pair(100, 60)
    plant.add("counted", CountedRow, material_id="RM", lot_id="L-1", counted_at="2026-03-16T04:00:00Z")
    plant.add("posted", PostedRow, material_id="RM", lot_id="L-1", qty=40 * ONE, posted_at=posted_at)
    assert _causes(plant) == {"L-1": cause}


@guarantees("P7.right_cause")
def test_two_lots_of_a_material_that_are_off_by_as_much_are_mixed_up() -> None:
    """The label, not the quantity, is wrong."""
    plant = _pair(100, 60)
    plant.stock(50, "L-2")
    plant.counts(90, "L-2")
    assert _causes(plant) == {"L-1": "lots_mixed_up", "L-2": "lots_mixed_up"}


@guarantees("P7.exact_numbers")
def test_equal_counts_and_lots_of_one_side_are_no_difference() -> None:
    """Without a count there is nothing to compare; in transit is on nobody's shelf."""
    plant = _pair(100, 100)
    plant.stock(10, "L-2")
    plant.counts(10, "L-3")
    plant.stock(10, "L-1", stock_type="in_transit")
    assert _causes(plant) == {}


@guarantees("P7.exact_numbers")
def test_filters_by_quantity_and_value_take_the_size_whatever_the_sign() -> None:
    """A loss of forty at 2.50 each is worth a hundred."""
    plant = _pair(100, 60)
    plant.add("planning", PriceRow, material_id="RM", standard_price=25_0000, price_unit=10, currency="EUR")
    assert _causes(plant, min_abs_qty=40 * ONE, min_value=100_0000)
    assert not _causes(plant, min_abs_qty=41 * ONE)
    assert not _causes(plant, min_value=100_0001)
    (row,) = plant.ask(stock_differences.ANALYSIS).tables["differences"]
    assert row[10:12] == (-100_0000, "EUR")
