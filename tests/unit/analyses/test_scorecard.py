"""Scorecards on a few rows: what counts as a receipt, as late, as complete."""

from __future__ import annotations

from erp_mcp.analyses.buying import BilledRow, BoughtLineRow, BuyingSourceRow, ReceiptRow, VendorRow, percentile, worth
from erp_mcp.analyses.scorecard import ANALYSIS
from erp_mcp.analyses.supplier_record import DecisionRow
from erp_mcp.domain.analysis import RawCell
from erp_mcp.domain.answer import Gap
from tests.guarantees import guarantees
from tests.unit.analyses.small_plant import ONE, SmallPlant

NAMES = (
    "place", "supplier_id", "name", "blocked", "receipts_count", "otd_pct", "lines_due", "otif_pct", "avg_days_late",
    "p90_days_late", "lead_time_variance_days", "price_variance_pct", "ppm",
)  # fmt: skip


def _line(plant: SmallPlant, number: str = "PO-1", **given: object) -> None:
    """Ten pieces at 2.00, ordered on the 1st of February and promised for the 1st of March."""
    values: dict[str, object] = {
        "purchase_order_id": number,
        "line": "10",
        "supplier_id": "S-1",
        "material_id": "M",
        "qty_ordered": 10 * ONE,
        "order_date": "2026-02-01",
        "original_promise_date": "2026-03-01",
        "price": 2_0000,
        "price_unit": 1,
        "currency": "EUR",
        "order_state": "closed",
    }
    plant.add("lines", BoughtLineRow, **values | given)


def _came(plant: SmallPlant, day: str, qty: int = 10, number: str = "PO-1", **given: object) -> None:
    sequence = len(plant.reads.get("receipts", [])) + 1
    values: dict[str, object] = {"purchase_order_id": number, "line": "10", "sequence": sequence, "posted_on": day}
    plant.add("receipts", ReceiptRow, **values | {"qty": qty * ONE} | given)


def _cards(plant: SmallPlant, **arguments: str | int) -> list[dict[str, RawCell]]:
    found = plant.ask(ANALYSIS, **{"min_receipts": 1, **arguments})
    return [dict(zip(NAMES, row, strict=True)) for row in found.tables["suppliers"]]


@guarantees("P7.supplier_figures")
def test_a_receipt_counts_against_the_first_promise_and_not_the_moved_one() -> None:
    """Who moves the promise is late all the same."""
    plant = SmallPlant()
    _line(plant, promised_date="2026-03-10")
    _came(plant, "2026-03-04")
    (card,) = _cards(plant)
    assert (card["otd_pct"], card["avg_days_late"], card["p90_days_late"]) == (0, 3 * ONE, 3)


@guarantees("P7.supplier_figures")
def test_where_no_promise_was_kept_the_requested_date_counts_and_without_both_nothing_does() -> None:
    """A receipt that can't be judged is neither punctual nor late."""
    plant = SmallPlant()
    _line(plant, original_promise_date=None, requested_date="2026-03-05")
    _line(plant, "PO-2", original_promise_date=None)
    _came(plant, "2026-03-05")
    _came(plant, "2026-03-09", number="PO-2")
    (card,) = _cards(plant)
    assert (card["receipts_count"], card["otd_pct"], card["lines_due"]) == (1, 100 * ONE, 1)


@guarantees("P7.supplier_figures")
def test_early_receipts_do_not_make_up_for_late_ones() -> None:
    """Ten days early and two late are one day late on average, not four days early."""
    plant = SmallPlant()
    _line(plant)
    _came(plant, "2026-02-19", 5)
    _came(plant, "2026-03-03", 5)
    (card,) = _cards(plant)
    assert (card["otd_pct"], card["avg_days_late"]) == (50 * ONE, ONE)


@guarantees("P7.supplier_figures")
def test_in_full_means_all_that_stayed_by_the_due_date() -> None:
    """What went back is taken off; what never came is not complete."""
    plant = SmallPlant()
    _line(plant)
    _line(plant, "PO-2")
    _line(plant, "PO-3")
    _came(plant, "2026-02-27")
    _came(plant, "2026-02-27", number="PO-2")
    _came(plant, "2026-02-28", -1, number="PO-2")
    (card,) = _cards(plant)
    assert (card["lines_due"], card["otif_pct"]) == (3, 33_300_000)
    assert (card["receipts_count"], card["otd_pct"]) == (2, 100 * ONE)


@guarantees("P7.supplier_figures")
def test_what_came_before_the_window_counts_for_completeness_only() -> None:
    """A line due in the window can have been delivered before it."""
    plant = SmallPlant()
    _line(plant, original_promise_date="2026-02-20")
    _came(plant, "2026-02-10")
    found = plant.ask(ANALYSIS, supplier_id="S-1", window_days=30)
    card = dict(zip(NAMES, found.tables["suppliers"][0], strict=True))
    assert (card["receipts_count"], card["otd_pct"], card["otif_pct"]) == (0, None, 100 * ONE)


@guarantees("P7.supplier_figures")
def test_the_ranking_is_exact_and_ties_go_by_id() -> None:
    """Two of three is worse than nine of thirteen, whatever both are rounded to; few receipts are not ranked."""
    plant = SmallPlant()
    for supplier, good, bad in (("S-3", 2, 1), ("S-2", 9, 4), ("S-1", 9, 4), ("S-0", 0, 1)):
        for place in range(good + bad):
            _line(plant, f"{supplier}/{place}", supplier_id=supplier)
            _came(plant, "2026-03-01" if place < good else "2026-03-02", number=f"{supplier}/{place}")
    ranked = [(card["place"], card["supplier_id"]) for card in _cards(plant, min_receipts=2)]
    assert ranked == [(1, "S-3"), (2, "S-1"), (3, "S-2")]
    assert [card["supplier_id"] for card in _cards(plant, top_n=1)] == ["S-0"]


@guarantees("P7.supplier_figures")
def test_lead_time_is_measured_from_the_order_against_what_was_agreed_for_that_source() -> None:
    """Twenty-eight days against twenty-five; a source without an agreed time says nothing."""
    plant = SmallPlant()
    _line(plant)
    _line(plant, "PO-2", material_id="OTHER")
    _came(plant, "2026-03-01")
    _came(plant, "2026-03-15", number="PO-2")
    plant.add("sources", BuyingSourceRow, material_id="M", supplier_id="S-1", lead_time_days=25)
    assert _cards(plant)[0]["lead_time_variance_days"] == 3 * ONE


@guarantees("P7.supplier_figures")
def test_prices_are_compared_for_one_unit_and_in_one_currency() -> None:
    """250 for a hundred is 25 % above 2 for one; dollars against euros are not compared."""
    plant = SmallPlant()
    _line(plant)
    _came(plant, "2026-03-01")
    bill = {"purchase_order_id": "PO-1", "purchase_order_line": "10", "posted_on": "2026-03-02", "price_unit": 100}
    plant.add("invoices", BilledRow, price=250_0000, currency="EUR", **bill)
    plant.add("invoices", BilledRow, price=900_0000, currency="USD", **bill)
    assert _cards(plant)[0]["price_variance_pct"] == 25 * ONE


@guarantees("P7.supplier_figures")
def test_rejects_are_told_of_one_unit_only() -> None:
    """A kilogram and a piece make no share."""
    plant = SmallPlant()
    _line(plant)
    _came(plant, "2026-03-01", lot_id="L-1")
    _came(plant, "2026-03-01", lot_id="L-2")
    plant.add("inspections", DecisionRow, inspection_lot_id="1", lot_id="L-1", qty=9 * ONE, usage_decision="accepted")
    plant.add("inspections", DecisionRow, inspection_lot_id="2", lot_id="L-2", qty=ONE, usage_decision="rejected")
    assert _cards(plant)[0]["ppm"] == 100_000
    plant.add(
        "inspections", DecisionRow, inspection_lot_id="3", lot_id="L-2", qty=ONE, uom="KGM", usage_decision="accepted"
    )
    assert _cards(plant)[0]["ppm"] is None


@guarantees("P7.supplier_figures", "P7.names_what_a_source_lacks")
def test_an_empty_figure_does_not_make_the_others_wrong_but_missing_promises_do() -> None:
    """Without decisions there is no PPM; without due dates every share would be of other receipts."""
    plant = SmallPlant()
    plant.add("suppliers", VendorRow, supplier_id="S-1", name="Adler", blocked=1)
    _line(plant)
    _came(plant, "2026-03-01")
    assert _cards(plant)[0]["blocked"] is True
    plant.gaps = [Gap(entity="inspection_lot", field="usage_decision", reason="no_field")]
    plant.lacking = frozenset({"inspection_lot.usage_decision"})
    assert plant.ask(ANALYSIS).complete
    plant.lacking = frozenset()
    assert not plant.ask(ANALYSIS).complete, "some system keeps it: the figure is of its records only"
    plant.gaps = [Gap(entity="purchase_order_line", field="original_promise_date", reason="no_field")]
    plant.lacking = frozenset({"purchase_order_line.original_promise_date"})
    assert not plant.ask(ANALYSIS).complete


@guarantees("P7.exact_numbers")
def test_money_is_rounded_once_to_the_cent_and_a_percentile_is_a_value_that_was_there() -> None:
    """A half goes away from zero; the nearest rank needs no interpolation."""
    assert worth(3 * ONE, 3350, 1) == 1_0100
    assert worth(3 * ONE, 1_0050, 1) == 3_0200
    assert worth(-3 * ONE, 1_0050, 1) == -3_0200
    assert worth(5 * ONE, 250_0000, 100) == 12_5000
    assert percentile([], 90) is None
    assert percentile(list(range(1, 11)), 90) == 9
    assert percentile([7], 90) == 7
