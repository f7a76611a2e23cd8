"""A summary of yesterday: the same all day, whatever is posted meanwhile."""

from __future__ import annotations

from zoneinfo import ZoneInfo

from erp_mcp.analyses.buying import BoughtLineRow, ReceiptRow, VendorRow
from erp_mcp.analyses.vendor_summary import ANALYSIS, BilledDayRow, PromiseRow
from erp_mcp.domain.analysis import RawCell
from tests.guarantees import guarantees
from tests.unit.analyses.small_plant import ONE, TODAY, SmallPlant

EURO = 10_000
YESTERDAY = "2026-03-15"
NAMES = (
    "supplier_id", "name", "country", "blocked", "payment_terms", "through", "lines_ordered", "receipts", "otd_pct",
    "otif_pct", "avg_days_late", "open_lines", "overdue_lines", "promises_moved", "last_order_date",
    "last_receipt_date",
)  # fmt: skip


def _plant() -> SmallPlant:
    plant = SmallPlant()
    plant.add("suppliers", VendorRow, supplier_id="S-1", name="Adler", blocked=0, payment_terms="N30")
    return plant


def _line(plant: SmallPlant, number: str = "PO-1", **given: object) -> None:
    """Ten at 2.00 EUR, ordered in February, promised for the 10th of March, open."""
    values: dict[str, object] = {
        "purchase_order_id": number,
        "line": "10",
        "supplier_id": "S-1",
        "qty_ordered": 10 * ONE,
        "order_date": "2026-02-01",
        "original_promise_date": "2026-03-10",
        "price": 2 * EURO,
        "price_unit": 1,
        "currency": "EUR",
        "order_state": "open",
    }
    for read in ("lines", "open_lines"):
        plant.add(read, BoughtLineRow, **values | given)


def _came(plant: SmallPlant, day: str, qty: int = 10, number: str = "PO-1") -> None:
    row = {"purchase_order_id": number, "line": "10", "posted_on": day, "qty": qty * ONE}
    for read in ("receipts", "open_receipts"):
        plant.add(read, ReceiptRow, **row)


def _summary(plant: SmallPlant) -> dict[str, RawCell]:
    (row,) = plant.ask(ANALYSIS).tables["summary"]
    return dict(zip(NAMES, row, strict=True))


@guarantees("P7.supplier_figures")
def test_what_happens_today_changes_no_figure() -> None:
    """A line ordered, a receipt that closes a line, an invoice and a new promise, all of today."""
    plant = _plant()
    _line(plant)
    _came(plant, "2026-03-09", 4)
    before = plant.ask(ANALYSIS).tables

    plant.reads |= {"lines": [], "open_lines": []}
    _line(plant, order_state="closed")
    _line(plant, "PO-2", order_date=TODAY)
    _came(plant, TODAY, 6)
    promise = {"purchase_order_id": "PO-1", "line": "10", "sequence": 2, "promised_date": "2026-04-01"}
    plant.add("promises", PromiseRow, confirmed_at="2026-03-16T04:00:00Z", **promise)
    plant.add("invoices", BilledDayRow, posted_on=TODAY, amount=5 * EURO, currency="EUR")

    assert plant.ask(ANALYSIS).tables == before
    assert _summary(plant)["through"] == YESTERDAY


@guarantees("P7.supplier_figures")
def test_yesterday_ends_at_midnight_of_the_plant() -> None:
    """Half past eleven in the evening there is half past ten in universal time, and half past midnight is today."""
    plant = _plant()
    plant.zone = ZoneInfo("Europe/Berlin")
    _line(plant)
    promise = {"purchase_order_id": "PO-1", "line": "10", "sequence": 1}
    plant.add("promises", PromiseRow, confirmed_at="2026-03-15T22:30:00Z", promised_date="2026-03-20", **promise)
    assert (_summary(plant)["overdue_lines"], _summary(plant)["promises_moved"]) == (0, 1)
    plant.reads["promises"] = []
    plant.add("promises", PromiseRow, confirmed_at="2026-03-15T23:30:00Z", promised_date="2026-03-20", **promise)
    assert (_summary(plant)["overdue_lines"], _summary(plant)["promises_moved"]) == (1, 0)


@guarantees("P7.supplier_figures")
def test_a_line_closed_short_before_today_is_not_open() -> None:
    """Somebody decided that the rest is not wanted."""
    plant = _plant()
    _line(plant, order_state="closed")
    _came(plant, "2026-03-09", 4)
    summary = _summary(plant)
    assert (summary["open_lines"], summary["otif_pct"], summary["otd_pct"]) == (0, 0, 100 * ONE)


@guarantees("P7.supplier_figures")
def test_the_year_is_the_365_days_that_end_yesterday() -> None:
    """What was ordered a day earlier is open and counts for nothing else."""
    plant = _plant()
    _line(plant, order_date="2025-03-15", original_promise_date="2026-12-01")
    _line(plant, "PO-2", order_date="2025-03-16", original_promise_date="2026-12-01")
    summary = _summary(plant)
    assert (summary["lines_ordered"], summary["open_lines"]) == (1, 2)
    assert plant.ask(ANALYSIS).tables["money"] == [("EUR", 20 * EURO, 0, 40 * EURO)]


@guarantees("P7.supplier_figures")
def test_money_with_a_price_that_is_not_known_is_not_told() -> None:
    """A sum that leaves a line out would be too small; another currency is not touched by it."""
    plant = _plant()
    _line(plant)
    _line(plant, "PO-2", price=None)
    _line(plant, "PO-3", currency="USD")
    plant.add("invoices", BilledDayRow, posted_on=YESTERDAY, amount=7 * EURO, currency="EUR")
    assert plant.ask(ANALYSIS).tables["money"] == [("EUR", None, 7 * EURO, None), ("USD", 20 * EURO, 0, 20 * EURO)]


@guarantees("P7.supplier_figures", "P7.no_false_empty")
def test_without_receipts_what_is_open_goes_by_its_state_and_shares_are_empty() -> None:
    """Nothing received and nothing known are different."""
    plant = _plant()
    _line(plant)
    _line(plant, "PO-2", order_state="closed")
    plant.gap("goods_receipt")
    summary = _summary(plant)
    assert (summary["open_lines"], summary["receipts"], summary["otd_pct"], summary["otif_pct"]) == (
        1,
        None,
        None,
        None,
    )


@guarantees("P7.no_false_empty")
def test_a_supplier_that_is_not_known_has_no_row() -> None:
    """Zeros would say that it does nothing."""
    assert SmallPlant().ask(ANALYSIS).tables == {"summary": [], "money": []}
