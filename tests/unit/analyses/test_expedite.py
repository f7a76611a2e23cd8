"""Which purchase lines at risk hurt, which can wait."""

from __future__ import annotations

import pytest

from erp_mcp.analyses import rows
from erp_mcp.analyses.expedite import ANALYSIS
from erp_mcp.domain.analysis import Findings, RawCell
from tests.guarantees import guarantees
from tests.unit.analyses.small_plant import ONE, SmallPlant

NAMES = (
    "purchase_order_id",
    "line",
    "site",
    "supplier_id",
    "material_id",
    "qty_open",
    "uom",
    "risk",
    "original_promise_date",
    "promised_date",
    "earliest_need_date",
    "slack_days",
    "hurts",
    "orders_hurt",
    "score",
    "score_terms",
    "revenue_at_risk",
    "other_sources",
)


def _moved(plant: SmallPlant, **given: object) -> None:
    plant.buys(50, "2026-03-24", "2026-03-16", **given)
    plant.reads["at_risk"] = list(plant.reads["purchase_lines"])


@pytest.fixture
def plant() -> SmallPlant:
    """A line whose promise moved to the 24th, and an order of an A customer that needs it on the 17th."""
    small = SmallPlant()
    small.line()
    small.order()
    small.reads["demand"] = [small.needs(20)]
    small.add("customers", rows.CustomerRow, customer_id="C-1", priority="A")
    _moved(small)
    return small


def _named(found: Findings) -> dict[str, RawCell]:
    (row,) = found.tables["lines"]
    return dict(zip(NAMES, row, strict=True))


@guarantees("P7.right_cause")
def test_a_line_that_hurts_shows_the_order_the_delay_and_the_money(plant: SmallPlant) -> None:
    """The score can be checked by hand: seven days late, customer weight three."""
    row = _named(plant.ask(ANALYSIS))
    assert row["risk"] == "promise_moved"
    assert (row["earliest_need_date"], row["slack_days"]) == ("2026-03-17", -7)
    assert row["orders_hurt"] == ("SO-1/10",)
    assert (row["score"], row["score_terms"]) == (21, ("SO-1/10: 7 d x 3",))
    assert row["revenue_at_risk"] == ("1000.00 EUR",)


@guarantees("P7.right_cause")
def test_a_line_whose_demand_is_covered_otherwise_is_harmless(plant: SmallPlant) -> None:
    """A late promise is no reason to call the supplier while the shelf is full."""
    plant.stock(20)
    assert not plant.ask(ANALYSIS).tables["lines"]
    row = _named(plant.ask(ANALYSIS, impact="harmless"))
    assert (row["purchase_order_id"], row["hurts"], row["score"]) == ("PO-1", False, 0)


@guarantees("P7.right_cause")
def test_a_line_that_slipped_behind_another_one_is_not_harmless(plant: SmallPlant) -> None:
    """The order waits for the other line now, and would not, had this promise been kept."""
    plant.buys(20, "2026-03-22", "2026-03-22", purchase_order_id="PO-2")
    row = _named(plant.ask(ANALYSIS))
    assert (row["purchase_order_id"], row["orders_hurt"]) == ("PO-1", ("SO-1/10",))
    assert row["score_terms"] == ("SO-1/10: 5 d x 3",)


@guarantees("P7.right_cause")
def test_the_order_behind_a_child_order_is_found(plant: SmallPlant) -> None:
    """The material goes into a part, the part into the product, the product to the customer."""
    plant.order("P-2", material_id="SF", sales_order_id=None, sales_order_line=None, parent_order_id="P-1")
    plant.reads["demand"] = [plant.needs(20, "P-2")]
    assert _named(plant.ask(ANALYSIS))["orders_hurt"] == ("SO-1/10",)


@guarantees("P7.exact_numbers")
def test_money_in_two_currencies_is_never_summed(plant: SmallPlant) -> None:
    """A thousand euros and a thousand dollars are not two thousand of anything."""
    plant.line(line="20", currency="USD")
    plant.order("P-3", sales_order_line="20")
    plant.reads["demand"].append(plant.needs(20, "P-3"))
    assert _named(plant.ask(ANALYSIS))["revenue_at_risk"] == ("1000.00 EUR", "1000.00 USD")


@guarantees("P7.right_cause")
def test_the_worst_line_comes_first(plant: SmallPlant) -> None:
    """Whoever has time for one call makes the first."""
    plant.add("lines", rows.SalesLineRow, sales_order_id="SO-2", line="10", customer_id="C-2")
    plant.order("P-3", sales_order_id="SO-2")
    plant.reads["demand"].append(plant.needs(20, "P-3", material_id="RM2"))
    _moved(plant, purchase_order_id="PO-0", material_id="RM2")
    assert [row[0] for row in plant.ask(ANALYSIS).tables["lines"]] == ["PO-1", "PO-0"]


@guarantees("P7.right_cause")
def test_an_overdue_line_is_at_risk_and_counts_from_today() -> None:
    """Its promise has passed, so it can't come before today."""
    plant = SmallPlant()
    plant.reads["demand"] = [plant.needs(20, need_date="2026-03-13")]
    plant.buys(50, "2026-03-12", first="2026-03-12")
    plant.reads["at_risk"] = list(plant.reads["purchase_lines"])
    row = _named(plant.ask(ANALYSIS))
    assert (row["risk"], row["slack_days"], row["orders_hurt"]) == ("overdue", -3, ("P-1",))


@guarantees("P7.right_cause")
def test_other_usable_sources_are_named_with_the_day_they_could_deliver(plant: SmallPlant) -> None:
    """A blocked source and the late supplier itself are none."""
    for supplier, blocked in (("S-1", 0), ("S-2", 1), ("S-3", 0)):
        plant.add(
            "sources", rows.SupplySourceRow, material_id="RM", supplier_id=supplier, lead_time_days=4, blocked=blocked
        )
    assert _named(plant.ask(ANALYSIS))["other_sources"] == ("S-3 by 2026-03-20",)


@guarantees("P7.exact_numbers")
def test_quantities_are_shown_in_the_base_unit(plant: SmallPlant) -> None:
    """Demand is in pieces, so the line is, too."""
    plant.reads["purchase_lines"] = []
    _moved(plant, uom="MTK", qty_open_base=1000 * ONE)
    row = _named(plant.ask(ANALYSIS))
    assert (row["qty_open"], row["uom"]) == (1000 * ONE, "C62")
