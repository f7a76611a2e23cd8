"""`get_supplier_scorecard`: how well suppliers keep dates, quantities and prices, worst first."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Final, NamedTuple

from erp_mcp.analyses.buying import (
    BilledRow,
    BoughtLineRow,
    BuyingSourceRow,
    ReceiptRow,
    VendorRow,
    percentile_of,
    records,
    suppliers_of,
    whole,
)
from erp_mcp.analyses.dependences import classes
from erp_mcp.analyses.figures import percent, quotient
from erp_mcp.analyses.plant import rows_of
from erp_mcp.analyses.supplier_record import (
    BILLED,
    DELIVERED_LOT,
    DUE,
    IN_FULL,
    RECEIPT,
    SUPPLIER_RECORD,
    DecisionRow,
    LotSum,
    RecordSum,
    by_line,
    dearer,
    lead_times,
    lots_of,
    ppm,
    sums_of,
)
from erp_mcp.domain.analysis import Ahead, Analysis, Facts, Findings, RawCell
from erp_mcp.domain.call import ArgumentValue
from erp_mcp.domain.days import shift
from erp_mcp.domain.derivation import Only

_DEFAULT_WINDOW: Final = 180
_DEFAULT_RECEIPTS: Final = 10
_DEFAULT_TOP: Final = 10
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


class BilledOrderRow(NamedTuple):
    """An order for which a bill was posted in the window."""

    purchase_order_id: str


@dataclass(slots=True, kw_only=True)
class _Card:
    """One supplier's sums over the window; `days` counts the receipts judged by how late they came."""

    supplier_id: str
    days: Counter[int] = field(default_factory=Counter)
    due: int = 0
    in_full: int = 0
    timed: int = 0
    over: int = 0
    billed: int = 0
    dearer: Fraction = _SAME

    def add(self, one: RecordSum) -> None:
        """Add facts of the window."""
        if one.kind == RECEIPT:
            self.timed += one.timed
            self.over += one.over
            if one.what:
                self.days[int(one.what)] += one.count
        elif one.kind == DUE:
            self.due += one.count
            self.in_full += one.count if one.what == IN_FULL else 0
        elif one.kind == BILLED and one.price is not None:
            self.billed += one.count
            self.dearer += one.count * dearer(one.price)

    @property
    def judged(self) -> int:
        """How many receipts had a due date."""
        return self.days.total()

    @property
    def punctual(self) -> int:
        """How many of them came by it."""
        return sum(count for day, count in self.days.items() if day <= 0)

    @property
    def on_time(self) -> Fraction:
        """Share of receipts on time; 1 where none was judged, so that it does not count as bad."""
        return Fraction(self.punctual, self.judged) if self.judged else Fraction(1)


def supplier_scorecard(facts: Facts) -> Findings:
    """Answer `get_supplier_scorecard`: table `suppliers`.

    Args:
        facts: Rows of `READS`; arguments `supplier_id` (one supplier, whatever it delivered), `window_days` (30..366),
            `min_receipts` and `top_n` (for the ranking only).

    Returns:
        One row for each supplier, the one with the smallest share of receipts on time first (ties by id). Shares are
        percent, days are calendar days, both with one decimal. One supplier that was asked for has no place.
    """
    lines, receipts = rows_of(facts, "lines", BoughtLineRow), rows_of(facts, "receipts", ReceiptRow)
    agreed = lead_times(rows_of(facts, "sources", BuyingSourceRow))
    sums = sums_of(records(lines, receipts), by_line(rows_of(facts, "invoices", BilledRow)), agreed)
    lots = lots_of(suppliers_of(lines), receipts, rows_of(facts, "inspections", DecisionRow))
    first = _first(facts.arguments, facts.today)
    return _findings(
        facts,
        (one for one in sums if first <= one.day <= facts.today),
        (one for one in lots if first <= one.day and one.until <= facts.today),
        all_of=[one.supplier_id for one in lines if one.supplier_id],
    )


def _findings(facts: Facts, sums: Iterable[RecordSum], lots: Iterable[LotSum], *, all_of: Iterable[str]) -> Findings:
    """Make cards of what happened in the window; `all_of` are suppliers that have one though nothing did."""
    cards = {supplier: _Card(supplier_id=supplier) for supplier in all_of}
    for one in sums:
        cards.setdefault(one.supplier_id, _Card(supplier_id=one.supplier_id)).add(one)
    asked, no_receipts = facts.arguments.get("supplier_id"), "goods_receipt" in facts.missing
    least = 0 if asked or no_receipts else _whole(facts.arguments, "min_receipts", _DEFAULT_RECEIPTS)
    ranked = sorted(
        (one for one in cards.values() if one.judged >= least), key=lambda one: (one.on_time, one.supplier_id)
    )
    shown = ranked[: 1 if asked else _whole(facts.arguments, "top_n", _DEFAULT_TOP)]
    decided: defaultdict[str, list[LotSum]] = defaultdict(list)
    for lot in lots:
        decided[lot.supplier_id].append(lot)
    vendors = {one.supplier_id: one for one in rows_of(facts, "suppliers", VendorRow)}
    table = [
        (None if asked else place, *_row(one, vendors.get(one.supplier_id), decided[one.supplier_id], no_receipts))
        for place, one in enumerate(shown, start=1)
    ]
    return Findings(tables={"suppliers": table}, complete=whole(facts, _DUE))


def _whole(arguments: Mapping[str, ArgumentValue], name: str, default: int) -> int:
    value = arguments.get(name)
    return value if isinstance(value, int) else default


def _first(arguments: Mapping[str, ArgumentValue], today: str) -> str:
    return shift(today, -_whole(arguments, "window_days", _DEFAULT_WINDOW))


def _row(card: _Card, vendor: VendorRow | None, lots: Iterable[LotSum], no_receipts: bool) -> tuple[RawCell, ...]:
    late = percentile_of(card.days, 90)
    return (
        card.supplier_id,
        vendor.name if vendor else None,
        None if vendor is None or vendor.blocked is None else bool(vendor.blocked),
        None if no_receipts else card.judged,
        percent(card.punctual, card.judged),
        None if no_receipts else card.due,
        None if no_receipts else percent(card.in_full, card.due),
        quotient(sum(max(0, day) * count for day, count in card.days.items()), card.judged),
        None if late is None else max(0, late),
        quotient(card.over, card.timed),
        _price(card),
        ppm(lots),
    )


def _price(card: _Card) -> int | None:
    """Mean of how much more was billed than ordered for one unit, in percent with two decimals.

    It is not weighted by money, so that no currencies are mixed.
    """
    if not card.billed:
        return None
    mean = card.dearer / card.billed * 100
    return quotient(mean.numerator, mean.denominator, places=2)


# --- Worked out ahead of time -----------------------------------------------------------------------------------------


def _from_sums(facts: Facts) -> Findings | None:
    """Answer from sums; without receipts nothing can be ranked, and who is asked for by name has a card of zeros."""
    asked, no_receipts = facts.arguments.get("supplier_id"), "goods_receipt" in facts.missing
    sums = rows_of(facts, SUPPLIER_RECORD.name, RecordSum)
    if no_receipts or (asked and not sums):
        return None
    return _findings(facts, sums, rows_of(facts, DELIVERED_LOT.name, LotSum), all_of=())


def _only(arguments: Mapping[str, ArgumentValue], today: str) -> Mapping[str, Only]:
    supplier_id = arguments.get("supplier_id")
    values = {
        "only_first": _first(arguments, today),
        "only_today": today,
        "only_supplier": supplier_id if isinstance(supplier_id, str) else None,
    }
    of = "d.supplier_id = :only_supplier AND " if supplier_id else ":only_supplier IS NULL AND "
    return {
        SUPPLIER_RECORD.name: Only(
            where=of + "d.day >= :only_first AND d.day <= :only_today AND d.kind <> 'ordered'",
            values=values,
            by=("supplier_id", "kind", "what", "price"),
        ),
        DELIVERED_LOT.name: Only(
            where=of + "d.day >= :only_first AND d.until <= :only_today", values=values, by=("supplier_id", "uom")
        ),
    }


ANALYSIS: Final = Analysis(
    name="supplier_scorecard",
    function=supplier_scorecard,
    reads={
        "ranked": RankedRow,
        "arrived": ArrivedRow,
        "billed_orders": BilledOrderRow,
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
    ahead=Ahead(derivations=(SUPPLIER_RECORD, DELIVERED_LOT), function=_from_sums, reads=("suppliers",), only=_only),
)
