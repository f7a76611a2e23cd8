"""`get_vendor_summary`: what was done with one supplier, up to the end of the plant's yesterday.

Every figure counts dated facts up to that day, so that it is the same whenever it is asked for in one day, whatever is
posted meanwhile. Name, block and terms are master data as they are now.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Final, NamedTuple

from erp_mcp.analyses.buying import (
    BilledRow,
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
from erp_mcp.domain.analysis import Analysis, Facts, Findings, RawCell
from erp_mcp.domain.days import latest, local_day, shift

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


@dataclass(frozen=True, slots=True, kw_only=True)
class _Standing:
    """How things stood at the end of one day; `first` begins the year that ends with it."""

    first: str
    through: str
    all_lines: list[Record]
    open_lines: list[Record]
    promises: dict[Line, str]  # the last one given until then
    no_receipts: bool


def vendor_summary(facts: Facts) -> Findings:
    """Answer `get_vendor_summary`: tables `summary` and `money`.

    Args:
        facts: Rows of `READS`.

    Returns:
        One row of figures up to `through`, the plant's yesterday: the year that ends with it, and what was open at its
        end; and money per currency. No row for a supplier that is not known.
    """
    vendors = rows_of(facts, "suppliers", VendorRow)
    if not vendors:
        return Findings(tables={"summary": [], "money": []}, complete=whole(facts, _DECIDING))
    standing = _standing(facts)
    summary = [_summary(vendor, standing) for vendor in vendors[:1]]
    bills = rows_of(facts, "invoices", BilledRow)
    return Findings(tables={"summary": summary, "money": _money(standing, bills)}, complete=whole(facts, _DECIDING))


def _standing(facts: Facts) -> _Standing:
    through = shift(facts.today, -1)
    found = records(rows_of(facts, "lines", BoughtLineRow), rows_of(facts, "receipts", ReceiptRow))
    known = [one for one in found if (one.line.order_date or "") <= through]
    counted = "goods_receipt" not in facts.missing
    promises: dict[Line, str] = {}
    for promise in sorted(rows_of(facts, "promises", PromiseRow), key=lambda one: one.sequence):
        if local_day(promise.confirmed_at, facts.zone) <= through:
            promises[promise.purchase_order_id, promise.line] = promise.promised_date
    return _Standing(
        first=shift(through, 1 - _YEAR),
        through=through,
        all_lines=[_cut(one, through) for one in known],
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


def _summary(vendor: VendorRow, standing: _Standing) -> tuple[RawCell, ...]:
    year = (standing.first, standing.through)
    days = [day for one in standing.all_lines for day in one.judged(*year)]
    due = [] if standing.no_receipts else [one for one in standing.all_lines if one.due_in(*year)]
    ordered = [one for one in standing.all_lines if (one.line.order_date or "") >= standing.first]
    late = [one for one in standing.open_lines if "" < _promise(one, standing) <= standing.through]
    moved = [one for one in standing.open_lines if _promise(one, standing) > (one.line.original_promise_date or "9999")]
    came = [receipt.posted_on for one in standing.all_lines for receipt in one.receipts if receipt.qty > 0]
    return (
        vendor.supplier_id,
        vendor.name,
        vendor.country,
        None if vendor.blocked is None else bool(vendor.blocked),
        vendor.payment_terms,
        standing.through,
        len(ordered),
        None if standing.no_receipts else len(days),
        percent(sum(day <= 0 for day in days), len(days)),
        percent(sum(one.in_full_on_time for one in due), len(due)),
        quotient(sum(max(0, day) for day in days), len(days)),
        len(standing.open_lines),
        len(late),
        len(moved),
        latest(*(one.line.order_date for one in standing.all_lines)) or None,
        max(came, default=None),
    )


def _promise(one: Record, standing: _Standing) -> str:
    """Return the day that was promised for a line by then; what it was requested for where no promise was known."""
    return standing.promises.get(one.line.key) or one.line.original_promise_date or one.line.requested_date or ""


def _money(standing: _Standing, bills: Iterable[BilledRow]) -> list[tuple[RawCell, ...]]:
    year = [one for one in standing.all_lines if (one.line.order_date or "") >= standing.first]
    ordered = _values((one.line, one.line.qty_ordered) for one in year)
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


ANALYSIS: Final = Analysis(
    name="vendor_summary",
    function=vendor_summary,
    reads={
        "suppliers": VendorRow,
        "lines": BoughtLineRow,
        "receipts": ReceiptRow,
        "promises": PromiseRow,
        "invoices": BilledRow,
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
)
