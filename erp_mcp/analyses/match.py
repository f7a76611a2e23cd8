"""`list_match_exceptions`: invoices that do not fit what was ordered and received (three-way match)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from erp_mcp.analyses.buying import BilledRow, BoughtLineRow, Line, ReceiptRow, per_currency, whole, worth
from erp_mcp.analyses.dependences import classes
from erp_mcp.analyses.plant import rows_of
from erp_mcp.domain.analysis import Analysis, Facts, Findings, RawCell

_HUNDRED: Final = 100
_MATCHED: Final = (
    "supplier_invoice.qty",
    "supplier_invoice.uom",
    "supplier_invoice.price",
    "supplier_invoice.posted_on",
    "supplier_invoice.supplier_reference",
    "supplier_invoice.purchase_order_id",
    "supplier_invoice.purchase_order_line",
    "purchase_order_line.price",
    "purchase_order_line.currency",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Terms:
    """Tolerances in whole percent."""

    price: int
    qty: int


@dataclass(frozen=True, slots=True, kw_only=True)
class _Finding:
    """One exception of one invoice line; `variance` is money, None where it can't be told."""

    bill: BilledRow
    line: BoughtLineRow | None
    kind: str
    variance: int | None
    before: int | None  # billed by earlier invoices
    received: int | None
    tolerance: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Ordered:
    """A purchase order line and what really came for it."""

    line: BoughtLineRow
    received: int


def match_exceptions(facts: Facts) -> Findings:
    """Answer `list_match_exceptions`: tables `exceptions` and `totals`.

    Args:
        facts: Rows of `READS`; arguments `kind` (which to show), `min_amount` (money: smaller variances are left out),
            `price_tolerance_pct`, `qty_tolerance_pct`.

    Returns:
        Per invoice line and kind what was billed, ordered and received, and how much money is in question; with the
        system's own block. Totals per kind and currency are over all exceptions, not over a page.
    """
    terms = _Terms(price=_percent(facts, "price_tolerance_pct"), qty=_percent(facts, "qty_tolerance_pct"))
    asked = {(one.invoice_id, one.line) for one in rows_of(facts, "invoices", BilledRow)}
    billed = [one for one in _bills(facts) if one.invoice_state != "cancelled"]
    found = [one for one in _all(billed, _ordered(facts), terms) if (one.bill.invoice_id, one.bill.line) in asked]
    found = [one for one in found if _wanted(one, facts)]
    tables = {"exceptions": [_row(one) for one in found], "totals": _totals(found)}
    unpriced = sum(one.price is None for one in billed if (one.invoice_id, one.line) in asked)
    warnings = (f"{unpriced} invoice lines have no price to be compared here.",) if unpriced else ()
    return Findings(tables=tables, complete=whole(facts, _MATCHED) and not unpriced, warnings=warnings)


def _percent(facts: Facts, name: str) -> int:
    value = facts.arguments.get(name)
    return value if isinstance(value, int) else 0


def _bills(facts: Facts) -> list[BilledRow]:
    """The invoices asked about and all others for the same orders, each once, in the order they were posted."""
    both = (*rows_of(facts, "invoices", BilledRow), *rows_of(facts, "billed", BilledRow))
    once = {(one.system, one.invoice_id, one.line): one for one in both}.values()
    return sorted(once, key=lambda one: (one.posted_on or "", one.invoice_id, one.line))


def _ordered(facts: Facts) -> dict[Line, _Ordered]:
    """Lines with what came: the sum of their receipts, or the order's own count where those are not at hand."""
    came: defaultdict[Line, list[ReceiptRow]] = defaultdict(list)
    for one in rows_of(facts, "receipts", ReceiptRow):
        came[one.key].append(one)
    counted = "goods_receipt" not in facts.missing
    found: dict[Line, _Ordered] = {}
    for line in rows_of(facts, "lines", BoughtLineRow):
        comparable = counted and all(one.uom == line.uom for one in came[line.key])
        received = sum(one.qty for one in came[line.key]) if comparable else line.qty_received
        found[line.key] = _Ordered(line=line, received=received)
    return found


def _all(billed: Iterable[BilledRow], ordered: Mapping[Line, _Ordered], terms: _Terms) -> Iterator[_Finding]:
    """Match invoices one after the other: what an earlier one billed is not there for a later one."""
    earlier: defaultdict[Line, list[BilledRow]] = defaultdict(list)
    for bill in billed:
        order = ordered.get(bill.key)
        if order is None:
            yield _finding(bill, None, "no_order", bill.amount)
            continue
        if any(_same(bill, one) for one in earlier[bill.key]):
            yield _finding(bill, order, "duplicate", bill.amount)
            continue
        before = sum(one.qty or 0 for one in earlier[bill.key] if one.uom == order.line.uom)
        earlier[bill.key].append(bill)
        findings = list(_judged(bill, order, before, terms))
        yield from findings
        if not findings and bill.block_code:
            yield _finding(bill, order, "none_found", None, before=before)


def _same(bill: BilledRow, earlier: BilledRow) -> bool:
    """Whether a supplier bills the same again: under its own number, or quantity and amount where none is known."""
    if bill.supplier_id != earlier.supplier_id:
        return False
    if bill.supplier_reference and earlier.supplier_reference:
        return bill.supplier_reference.casefold() == earlier.supplier_reference.casefold()
    return bill.amount is not None and (bill.qty, bill.amount, bill.posted_on) == (
        earlier.qty,
        earlier.amount,
        earlier.posted_on,
    )


def _judged(bill: BilledRow, order: _Ordered, before: int, terms: _Terms) -> Iterator[_Finding]:
    line = order.line
    if (bill.uom, bill.currency) != (line.uom, line.currency) or bill.qty is None:
        yield _finding(bill, order, "not_comparable", None, before=before)
        return
    if order.received <= 0:
        yield _finding(bill, order, "no_receipt", bill.amount, before=before)
    elif _HUNDRED * (before + bill.qty) > (_HUNDRED + terms.qty) * order.received:
        excess = min(bill.qty, before + bill.qty - order.received)
        variance = None if line.price is None else worth(excess, line.price, line.price_unit)
        yield _finding(bill, order, "qty", variance, before=before, tolerance=terms.qty)
    if _price_differs(bill, line, terms.price):
        agreed = worth(bill.qty, line.price or 0, line.price_unit)
        variance = None if bill.amount is None else bill.amount - agreed
        yield _finding(bill, order, "price", variance, before=before, tolerance=terms.price)


def _price_differs(bill: BilledRow, line: BoughtLineRow, tolerance: int) -> bool:
    """Whether the price of one unit is off by more than the tolerance, up or down."""
    if bill.price is None or line.price is None:
        return False
    asked, agreed = bill.price * (line.price_unit or 1), line.price * (bill.price_unit or 1)
    return _HUNDRED * abs(asked - agreed) > tolerance * agreed


def _finding(
    bill: BilledRow,
    order: _Ordered | None,
    kind: str,
    variance: int | None,
    *,
    before: int | None = None,
    tolerance: int | None = None,
) -> _Finding:
    return _Finding(
        bill=bill,
        line=order.line if order else None,
        kind=kind,
        variance=variance,
        before=before,
        received=order.received if order else None,
        tolerance=tolerance,
    )


def _wanted(one: _Finding, facts: Facts) -> bool:
    kinds, least = facts.arguments.get("kind"), facts.arguments.get("min_amount")
    if isinstance(kinds, tuple) and kinds and one.kind not in kinds:
        return False
    return not isinstance(least, int) or one.variance is None or abs(one.variance) >= least


def _row(one: _Finding) -> tuple[RawCell, ...]:
    bill, line = one.bill, one.line
    return (
        bill.invoice_id,
        bill.line,
        one.kind,
        bill.purchase_order_id,
        bill.purchase_order_line,
        bill.site,
        bill.supplier_id,
        bill.posted_on,
        bill.qty,
        one.before,
        one.received,
        bill.uom,
        bill.price,
        bill.price_unit,
        line.price if line else None,
        line.price_unit if line else None,
        bill.amount,
        one.variance,
        bill.currency,
        one.tolerance,
        bill.invoice_state,
        bill.block_code,
    )


def _totals(found: Iterable[_Finding]) -> list[tuple[RawCell, ...]]:
    groups: defaultdict[tuple[str, str], list[_Finding]] = defaultdict(list)
    for one in found:
        groups[one.kind, one.bill.currency or ""].append(one)
    return [
        (
            kind,
            len({(one.bill.system, one.bill.invoice_id) for one in group}),
            len(group),
            per_currency((currency, one.variance) for one in group if one.variance is not None).get(currency),
            currency or None,
        )
        for (kind, currency), group in sorted(groups.items())
    ]


ANALYSIS: Final = Analysis(
    name="match_exceptions",
    function=match_exceptions,
    reads={"invoices": BilledRow, "billed": BilledRow, "lines": BoughtLineRow, "receipts": ReceiptRow},
    definition_id="three_way_match.1",
    dependences=classes(
        (
            ("kind", tuple((field,) for field in _MATCHED)),
            ("variance_amount", (("purchase_order_line.price",), ("purchase_order_line.price_unit",))),
            ("price_invoiced", (("supplier_invoice.price",), ("supplier_invoice.price_unit",))),
            ("none_found", (("supplier_invoice.block_code",),)),
        )
    ),
)
