"""`get_vendor_summary`: what was done with one supplier, up to the end of the plant's yesterday.

Every figure counts dated facts up to that day, so that it is the same whenever it is asked for in one day, whatever is
posted meanwhile. Name, block and terms are master data as they are now.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Final, NamedTuple

from erp_mcp.analyses.buying import (
    BoughtLineRow,
    Line,
    ReceiptRow,
    Record,
    VendorRow,
    per_currency,
    records,
    whole,
    worth,
)
from erp_mcp.analyses.dependences import classes
from erp_mcp.analyses.figures import percent, quotient
from erp_mcp.analyses.plant import rows_of
from erp_mcp.analyses.supplier_record import DUE, IN_FULL, ORDERED, RECEIPT, SUPPLIER_RECORD, RecordSum, sums_of
from erp_mcp.domain.analysis import Ahead, Analysis, Facts, Findings, RawCell
from erp_mcp.domain.call import ArgumentValue
from erp_mcp.domain.days import local_day, shift
from erp_mcp.domain.derivation import Only

_YEAR: Final = 365
_DUE: Final = ("purchase_order_line.original_promise_date", "purchase_order_line.requested_date")
_DECIDING: Final = ("purchase_order_line.order_date", *_DUE)


class PromiseRow(NamedTuple):
    """One promise that the supplier gave."""

    system: str
    as_of: str
    purchase_order_id: str
    line: str
    sequence: int
    confirmed_at: str
    promised_date: str


class ArrivingRow(NamedTuple):
    """An order of which something was posted today, or for a later day."""

    purchase_order_id: str


class BilledDayRow(NamedTuple):
    """What was billed in one currency on one day."""

    posted_on: str | None
    currency: str
    amount: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Standing:
    """What was open at the end of one day; `first` begins the year that ends with it."""

    first: str
    through: str
    open_lines: list[Record]
    promises: dict[Line, str]  # the last one given until then
    no_receipts: bool


@dataclass(slots=True, kw_only=True)
class _Year:
    """What happened up to the end of that day: in the year, and when last."""

    days: Counter[int] = field(default_factory=Counter)  # receipts by how late they came
    due: int = 0
    in_full: int = 0
    lines: int = 0
    worth: dict[str, int] = field(default_factory=lambda: defaultdict(int))  # ordered, by currency
    unpriced: set[str] = field(default_factory=set)
    last_order: str = ""
    last_receipt: str = ""

    def add(self, one: RecordSum, first: str) -> None:
        """Add facts of a day until then."""
        if one.kind == RECEIPT:
            self.last_receipt = max(self.last_receipt, one.day)
        elif one.kind == ORDERED:
            self.last_order = max(self.last_order, one.day)
        if one.day < first:
            return
        if one.kind == RECEIPT and one.what:
            self.days[int(one.what)] += one.count
        elif one.kind == DUE:
            self.due += one.count
            self.in_full += one.count if one.what == IN_FULL else 0
        elif one.kind == ORDERED:
            self._ordered(one)

    def _ordered(self, one: RecordSum) -> None:
        self.lines += one.count
        if one.what:
            self.worth[one.what] += one.worth or 0
        if one.worth is None or one.unpriced:
            self.unpriced.add(one.what)


def vendor_summary(facts: Facts) -> Findings:
    """Answer `get_vendor_summary`: tables `summary` and `money`.

    Args:
        facts: Rows of `READS`.

    Returns:
        One row of figures up to `through`, the plant's yesterday: the year that ends with it, and what was open at its
        end; and money per currency. No row for a supplier that is not known.
    """
    found = records(rows_of(facts, "lines", BoughtLineRow), rows_of(facts, "receipts", ReceiptRow))
    return _findings(facts, sums_of(found, {}, {}))


def _findings(facts: Facts, sums: Iterable[RecordSum]) -> Findings:
    vendors = rows_of(facts, "suppliers", VendorRow)
    if not vendors:
        return Findings(tables={"summary": [], "money": []}, complete=whole(facts, _DECIDING))
    standing, year = _standing(facts), _Year()
    for one in sums:
        if max(one.day, one.ordered) <= standing.through:
            year.add(one, standing.first)
    bills = rows_of(facts, "invoices", BilledDayRow)
    return Findings(
        tables={"summary": [_summary(vendors[0], standing, year)], "money": _money(standing, year, bills)},
        complete=whole(facts, _DECIDING),
    )


def _standing(facts: Facts) -> _Standing:
    through = shift(facts.today, -1)
    found = records(rows_of(facts, "open_lines", BoughtLineRow), rows_of(facts, "open_receipts", ReceiptRow))
    known = [one for one in found if (one.line.order_date or "") <= through]
    counted = "goods_receipt" not in facts.missing
    promises: dict[Line, str] = {}
    for promise in sorted(rows_of(facts, "promises", PromiseRow), key=lambda one: one.sequence):
        if local_day(promise.confirmed_at, facts.zone) <= through:
            promises[promise.purchase_order_id, promise.line] = promise.promised_date
    return _Standing(
        first=shift(through, 1 - _YEAR),
        through=through,
        open_lines=[_cut(one, through) for one in known if _open(one, through, counted=counted)],
        promises=promises,
        no_receipts=not counted,
    )


def _cut(one: Record, through: str) -> Record:
    return replace(one, receipts=tuple(came for came in one.receipts if came.posted_on <= through))


def _open(one: Record, through: str, *, counted: bool) -> bool:
    """Whether something was still to come: what came today and closed a line had not come yesterday."""
    is_open = one.line.order_state == "open"
    if not counted:
        return is_open
    later = any(came.posted_on > through for came in one.receipts)
    return one.received_by(through) < one.line.qty_ordered and (is_open or later)


def _summary(vendor: VendorRow, standing: _Standing, year: _Year) -> tuple[RawCell, ...]:
    late = [one for one in standing.open_lines if "" < _promise(one, standing) <= standing.through]
    moved = [one for one in standing.open_lines if _promise(one, standing) > (one.line.original_promise_date or "9999")]
    judged, counted = year.days.total(), not standing.no_receipts
    return (
        vendor.supplier_id,
        vendor.name,
        vendor.country,
        None if vendor.blocked is None else bool(vendor.blocked),
        vendor.payment_terms,
        standing.through,
        year.lines,
        judged if counted else None,
        percent(sum(count for day, count in year.days.items() if day <= 0), judged),
        percent(year.in_full, year.due) if counted else None,
        quotient(sum(max(0, day) * count for day, count in year.days.items()), judged),
        len(standing.open_lines),
        len(late),
        len(moved),
        year.last_order or None,
        year.last_receipt or None,
    )


def _promise(one: Record, standing: _Standing) -> str:
    """Return the day that was promised for a line by then; what it was requested for where no promise was known."""
    return standing.promises.get(one.line.key) or one.line.original_promise_date or one.line.requested_date or ""


def _money(standing: _Standing, year: _Year, bills: Iterable[BilledDayRow]) -> list[tuple[RawCell, ...]]:
    ordered = {currency: None if currency in year.unpriced else amount for currency, amount in year.worth.items()}
    still = _values((one.line, one.line.qty_ordered - one.received_by(standing.through)) for one in standing.open_lines)
    billed = per_currency(
        (one.currency, one.amount)
        for one in bills
        if one.amount is not None and standing.first <= (one.posted_on or "") <= standing.through
    )
    return [
        (currency, ordered.get(currency, 0), billed.get(currency, 0), still.get(currency, 0))
        for currency in sorted({*ordered, *still, *billed})
    ]


def _values(lines: Iterable[tuple[BoughtLineRow, int]]) -> dict[str, int | None]:
    """Return what lines are worth by currency; None where the price of one of them is not known."""
    found = list(lines)
    sums = per_currency((line.currency, worth(qty, line.price or 0, line.price_unit)) for line, qty in found)
    unknown = {line.currency for line, _ in found if line.price is None}
    return {currency: None if currency in unknown else amount for currency, amount in sums.items()}


# --- Worked out ahead of time -----------------------------------------------------------------------------------------


def _from_sums(facts: Facts) -> Findings:
    return _findings(facts, rows_of(facts, SUPPLIER_RECORD.name, RecordSum))


def _only(arguments: Mapping[str, ArgumentValue], today: str) -> Mapping[str, Only]:
    values = {"only_supplier": str(arguments.get("supplier_id")), "only_through": shift(today, -1)}
    return {
        SUPPLIER_RECORD.name: Only(
            where="d.supplier_id = :only_supplier AND d.kind IN ('receipt', 'due', 'ordered')"
            " AND d.day <= :only_through AND d.ordered <= :only_through",
            values=values,
            by=("supplier_id", "kind", "what", "day"),
        )
    }


ANALYSIS: Final = Analysis(
    name="vendor_summary",
    function=vendor_summary,
    reads={
        "suppliers": VendorRow,
        "lines": BoughtLineRow,
        "receipts": ReceiptRow,
        "arriving": ArrivingRow,
        "open_lines": BoughtLineRow,
        "open_receipts": ReceiptRow,
        "promises": PromiseRow,
        "invoices": BilledDayRow,
    },
    definition_id="vendor_summary.1",
    dependences=classes(
        (
            ("lines_ordered", (("purchase_order_line.order_date",),)),
            *((name, (_DUE,)) for name in ("otd_pct", "otif_pct", "avg_days_late", "overdue_lines")),
            ("promises_moved", (("purchase_order_line.original_promise_date",),)),
            *(
                (name, (("purchase_order_line.price",), ("purchase_order_line.currency",)))
                for name in ("ordered", "still_open")
            ),
            ("invoiced", (("supplier_invoice.posted_on",),)),
            *((name, ((f"supplier.{name}",),)) for name in ("name", "country", "blocked", "payment_terms")),
        )
    ),
    ahead=Ahead(
        derivations=(SUPPLIER_RECORD,),
        function=_from_sums,
        reads=("suppliers", "arriving", "open_lines", "open_receipts", "promises", "invoices"),
        only=_only,
    ),
)
