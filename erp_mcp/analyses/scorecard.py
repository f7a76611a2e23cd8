"""`get_supplier_scorecard`: how well suppliers keep dates, quantities and prices, worst first."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Final, NamedTuple

from erp_mcp.analyses.buying import (
    BilledRow,
    BoughtLineRow,
    BuyingSourceRow,
    ReceiptRow,
    Record,
    VendorRow,
    by_supplier,
    percentile,
    records,
    whole,
)
from erp_mcp.analyses.dependences import classes
from erp_mcp.analyses.figures import percent, quotient
from erp_mcp.analyses.plant import rows_of
from erp_mcp.domain.analysis import Analysis, Facts, Findings, RawCell
from erp_mcp.domain.days import days_between, shift

_DEFAULT_WINDOW: Final = 180
_DEFAULT_RECEIPTS: Final = 10
_DEFAULT_TOP: Final = 10
_MILLION: Final = 1_000_000
_SAME: Final = Fraction(0)
_DUE: Final = ("purchase_order_line.original_promise_date", "purchase_order_line.requested_date")
_PRICED: Final = (
    "purchase_order_line.price",
    "purchase_order_line.currency",
    "supplier_invoice.price",
    "supplier_invoice.posted_on",
    "supplier_invoice.uom",
    "supplier_invoice.purchase_order_id",
    "supplier_invoice.purchase_order_line",
)


class RankedRow(NamedTuple):
    """A supplier to be shown; the ranking is worked out anew from its receipts."""

    supplier_id: str


class ArrivedRow(NamedTuple):
    """An order of which something came in the window."""

    purchase_order_id: str


class DecisionRow(NamedTuple):
    """An inspection lot of something bought."""

    system: str
    as_of: str
    inspection_lot_id: str
    lot_id: str | None
    qty: int
    uom: str
    usage_decision: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Beside:
    """What is looked at beside lines and receipts."""

    billed: Mapping[tuple[str, str], list[BilledRow]]
    lead_times: Mapping[tuple[str, str, str], int]
    decisions: Mapping[str, list[DecisionRow]]  # by lot
    vendors: Mapping[str, VendorRow]
    no_receipts: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class _Card:
    """One supplier's figures; days are of the receipts judged."""

    supplier_id: str
    days: list[int]
    due: int
    in_full: int
    row: tuple[RawCell, ...]

    @property
    def on_time(self) -> Fraction:
        """Share of receipts on time; 1 where none was judged, so that it does not count as bad."""
        return Fraction(sum(day <= 0 for day in self.days), len(self.days)) if self.days else Fraction(1)


def supplier_scorecard(facts: Facts) -> Findings:
    """Answer `get_supplier_scorecard`: table `suppliers`.

    Args:
        facts: Rows of `READS`; arguments `supplier_id` (one supplier, whatever it delivered), `window_days` (30..366),
            `min_receipts` and `top_n` (for the ranking only).

    Returns:
        One row for each supplier, the one with the smallest share of receipts on time first (ties by id). Shares are
        percent, days are calendar days, both with one decimal. One supplier that was asked for has no place.
    """
    asked = facts.arguments.get("supplier_id")
    window = _whole(facts, "window_days", _DEFAULT_WINDOW)
    first, beside = shift(facts.today, -window), _beside(facts)
    lines = rows_of(facts, "lines", BoughtLineRow)
    receipts = rows_of(facts, "receipts", ReceiptRow)
    cards = [
        _card(supplier, mine, (first, facts.today), beside)
        for supplier, mine in by_supplier(records(lines, receipts)).items()
    ]
    if not asked:
        least = _whole(facts, "min_receipts", _DEFAULT_RECEIPTS)
        cards = [one for one in cards if len(one.days) >= least or beside.no_receipts]
    cards.sort(key=lambda one: (one.on_time, one.supplier_id))
    shown = cards[: 1 if asked else _whole(facts, "top_n", _DEFAULT_TOP)]
    table = [(None if asked else place, *one.row) for place, one in enumerate(shown, start=1)]
    return Findings(tables={"suppliers": table}, complete=whole(facts, _DUE))


def _whole(facts: Facts, name: str, default: int) -> int:
    value = facts.arguments.get(name)
    return value if isinstance(value, int) else default


def _beside(facts: Facts) -> _Beside:
    billed: defaultdict[tuple[str, str], list[BilledRow]] = defaultdict(list)
    for bill in rows_of(facts, "invoices", BilledRow):
        billed[bill.key].append(bill)
    decisions: defaultdict[str, list[DecisionRow]] = defaultdict(list)
    for decision in rows_of(facts, "inspections", DecisionRow):
        decisions[decision.lot_id or ""].append(decision)
    return _Beside(
        billed=billed,
        lead_times={
            (one.material_id, one.supplier_id, one.site): one.lead_time_days
            for one in rows_of(facts, "sources", BuyingSourceRow)
            if one.lead_time_days is not None
        },
        decisions=decisions,
        vendors={one.supplier_id: one for one in rows_of(facts, "suppliers", VendorRow)},
        no_receipts="goods_receipt" in facts.missing,
    )


def _card(supplier_id: str, mine: list[Record], window: tuple[str, str], beside: _Beside) -> _Card:
    days = [day for one in mine for day in one.judged(*window)]
    due = [] if beside.no_receipts else [one for one in mine if one.due_in(*window)]
    in_full = sum(one.in_full_on_time for one in due)
    late = percentile(days, 90)
    vendor = beside.vendors.get(supplier_id)
    return _Card(
        supplier_id=supplier_id,
        days=days,
        due=len(due),
        in_full=in_full,
        row=(
            supplier_id,
            vendor.name if vendor else None,
            None if vendor is None or vendor.blocked is None else bool(vendor.blocked),
            None if beside.no_receipts else len(days),
            percent(sum(day <= 0 for day in days), len(days)),
            None if beside.no_receipts else len(due),
            percent(in_full, len(due)),
            quotient(sum(max(0, day) for day in days), len(days)),
            None if late is None else max(0, late),
            _lead_time(mine, window, beside),
            _price(mine, window, beside),
            _ppm(mine, window, beside),
        ),
    )


def _lead_time(mine: Iterable[Record], window: tuple[str, str], beside: _Beside) -> int | None:
    """Mean of what a receipt took from the order on, minus the lead time agreed for the source."""
    over: list[int] = []
    for one in mine:
        line = one.line
        agreed = beside.lead_times.get((line.material_id or "", line.supplier_id or "", line.site))
        if agreed is None or not line.order_date:
            continue
        inside = (came for came in one.receipts if came.qty > 0 and window[0] <= came.posted_on <= window[1])
        over += [days_between(came.posted_on, line.order_date) - agreed for came in inside]
    return quotient(sum(over), len(over))


def _price(mine: Iterable[Record], window: tuple[str, str], beside: _Beside) -> int | None:
    """Mean of how much more was billed than ordered for one unit, in percent with two decimals.

    It is not weighted by money, so that no currencies are mixed.
    """
    shares: list[Fraction] = []
    for one in mine:
        for bill in beside.billed.get(one.line.key, ()):
            if window[0] <= (bill.posted_on or "") <= window[1]:
                shares += _dearer(one.line, bill)
    if not shares:
        return None
    mean = sum((one for one in shares if one), _SAME) / len(shares) * 100
    return quotient(mean.numerator, mean.denominator, places=2)


def _dearer(line: BoughtLineRow, bill: BilledRow) -> list[Fraction]:
    same = (line.currency, line.uom) == (bill.currency, bill.uom)
    if not same or not line.price or bill.price is None:
        return []
    asked, agreed = bill.price * (line.price_unit or 1), line.price * (bill.price_unit or 1)
    return [Fraction(asked - agreed, agreed) if asked != agreed else _SAME]


def _ppm(mine: Iterable[Record], window: tuple[str, str], beside: _Beside) -> int | None:
    """Rejected of a million inspected, over the lots received in the window; only where all count in one unit."""
    lots = {
        came.lot_id for one in mine for came in one.receipts if came.lot_id and window[0] <= came.posted_on <= window[1]
    }
    decided = [one for lot in sorted(lots) for one in beside.decisions.get(lot, ())]
    if not decided or len({one.uom for one in decided}) > 1:
        return None
    rejected = sum(one.qty for one in decided if one.usage_decision == "rejected")
    inspected = sum(one.qty for one in decided)
    return (2 * _MILLION * rejected + inspected) // (2 * inspected) if inspected > 0 else None


ANALYSIS: Final = Analysis(
    name="supplier_scorecard",
    function=supplier_scorecard,
    reads={
        "ranked": RankedRow,
        "arrived": ArrivedRow,
        "lines": BoughtLineRow,
        "receipts": ReceiptRow,
        "invoices": BilledRow,
        "inspections": DecisionRow,
        "sources": BuyingSourceRow,
        "suppliers": VendorRow,
    },
    definition_id="supplier_scorecard.1",
    dependences=classes(
        (
            *((name, (_DUE,)) for name in ("otd_pct", "lines_due", "otif_pct", "avg_days_late", "p90_days_late")),
            ("lead_time_variance_days", (("purchase_order_line.order_date",), ("supply_source.lead_time_days",))),
            ("price_variance_pct", tuple((field,) for field in _PRICED)),
            ("ppm", (("inspection_lot.usage_decision",), ("inspection_lot.lot_id",), ("goods_receipt.lot_id",))),
            *((name, ((f"supplier.{name}",),)) for name in ("name", "blocked")),
        )
    ),
)
