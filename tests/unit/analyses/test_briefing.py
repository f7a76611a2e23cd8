"""What is out of order this morning."""

from __future__ import annotations

import pytest

from erp_mcp.analyses import ANALYSES, rows
from erp_mcp.analyses.briefing import ANALYSIS
from erp_mcp.analyses.exception_classes import CLASSES
from tests.guarantees import guarantees
from tests.unit.analyses.small_plant import ONE, SmallPlant


@pytest.fixture
def plant() -> SmallPlant:
    """Two late lines: one for a late purchase line, one for a credit block."""
    small = SmallPlant()
    small.line()
    small.line(sales_order_id="SO-2", material_id="FG2", credit_status="blocked", confirmed_date="2026-04-20")
    small.order()
    small.needs(20)
    small.buys(50, "2026-03-24")
    small.reads["at_risk"] = list(small.reads["purchase_lines"])
    return small


@guarantees("P7.right_cause")
def test_late_lines_are_counted_by_root_cause(plant: SmallPlant) -> None:
    """The same causes as the explanation of each single order."""
    assert plant.ask(ANALYSIS).tables["late_causes"] == [("credit_block", 1), ("late_po", 1)]


@guarantees("P7.right_cause")
def test_every_class_is_listed_also_when_nothing_is_out_of_order(plant: SmallPlant) -> None:
    """Nothing on hold is news, too."""
    counts = {row[0]: row[1] for row in plant.ask(ANALYSIS).tables["classes"]}
    assert list(counts) == list(CLASSES)
    assert (counts["late_sales_line"], counts["purchase_promise_moved"], counts["lot_on_hold"]) == (2, 1, 0)


@guarantees("P7.right_cause")
def test_the_worst_of_a_class_comes_first_and_five_at_most(plant: SmallPlant) -> None:
    """A digest that lists everything is a list."""
    for number in range(7):
        plant.line(sales_order_id=f"SO-{number + 3}", confirmed_date=f"2026-03-2{number + 1}")
    top = [row[2:4] for row in plant.ask(ANALYSIS).tables["top"] if row[0] == "late_sales_line"]
    assert len(top) == 5
    assert top[0] == ("SO-2/10", 31)
    assert [age for _, age in top] == [31, 7, 7, 6, 5]


@guarantees("P7.no_false_empty")
def test_a_class_without_a_source_is_named_and_not_counted_as_zero(plant: SmallPlant) -> None:
    """Without a downtime feed, nobody knows that no machine is down."""
    plant.gap("downtime")
    found = plant.ask(ANALYSIS)
    assert "work_center_down" not in {row[0] for row in found.tables["classes"]}
    assert any("work_center_down" in warning for warning in found.warnings)
    assert not found.complete


@guarantees("P7.no_false_empty")
def test_a_site_without_any_row_in_scope_is_not_reported_as_all_well() -> None:
    """Zeros for a site that the role may not see would be a false all-clear."""
    found = SmallPlant().ask(ANALYSIS)
    assert found.tables["classes"] == []
    assert found.warnings


@guarantees("P7.right_cause")
def test_only_differences_that_nothing_in_flight_explains_are_counted() -> None:
    """Seven explained differences are no exception; one unexplained is."""
    plant = SmallPlant()
    for lot, counted in (("L-1", 5), ("L-2", 5)):
        stock = plant.stock(20, lot)
        plant.reads.setdefault("all_stock", []).append(stock)
        plant.reads.setdefault("all_mes_stock", []).append(plant.counts(counted, lot))
    plant.add("all_in_flight", rows.InFlightRow, document_id="X", material_id="RM", lot_id="L-1", qty=-15 * ONE)
    top = [row[2] for row in plant.ask(ANALYSIS).tables["top"] if row[0] == "stock_miscounted"]
    assert top == ["L-2"]


@guarantees("P7.right_cause")
def test_an_analysis_is_registered_under_its_own_name() -> None:
    """Tool files name analyses by these keys."""
    assert all(name == analysis.name and analysis.definition_id for name, analysis in ANALYSES.items())
