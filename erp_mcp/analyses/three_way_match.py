"""The three-way match: an invoice line beside its order line and what was received for it. docs/definitions.md."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final, NamedTuple

from erp_mcp.analyses.buying import BilledRow, BoughtLineRow, Line, ReceiptRow, worth

_HUNDRED: Final = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """Tolerances in whole percent."""

    price: int
    qty: int


class Ordered(NamedTuple):
    """Of a purchase order line what an invoice is compared with, and what really came for it."""

    uom: str
    price: int | None
    price_unit: int | None
    currency: str | None
    received: int


class Matched(NamedTuple):
    """An invoice line beside its order line, and what earlier invoices billed of that; `kind` is what is sure already.

    `kind` is `no_order`, `duplicate`, or empty: then prices and quantities tell.
    """

    kind: str
    bill: BilledRow
    order: Ordered | None
    before: int | None


class Finding(NamedTuple):
    """One exception of one invoice line; `variance` is money, None where it can't be told."""

    matched: Matched
    kind: str
    variance: int | None
    tolerance: int | None = None


def bare(bill: BilledRow) -> BilledRow:
    """Return a bill without when it was said: read twice, it is the same."""
    return bill._replace(as_of="")


def ordered_of(
    lines: Iterable[BoughtLineRow], receipts: Iterable[ReceiptRow], *, counted: bool
) -> Mapping[Line, Ordered]:
    """Return lines with what came: the sum of their receipts, or the order's own count where those are not at hand."""
    came: defaultdict[Line, list[ReceiptRow]] = defaultdict(list)
    for one in receipts:
        came[one.key].append(one)
    found: dict[Line, Ordered] = {}
    for line in lines:
        comparable = counted and all(one.uom == line.uom for one in came[line.key])
        received = sum(one.qty for one in came[line.key]) if comparable else line.qty_received
        found[line.key] = Ordered(line.uom, line.price, line.price_unit, line.currency, received)
    return found


def matched(bills: Iterable[BilledRow], ordered: Mapping[Line, Ordered]) -> Iterator[Matched]:
    """Match invoices one after the other: what an earlier one billed is not there for a later one.

    Args:
        bills: All of some order lines, in any order; a cancelled one counts nowhere.
        ordered: Those order lines.
    """
    once = dict.fromkeys(bare(one) for one in bills if one.invoice_state != "cancelled")
    earlier: defaultdict[Line, list[BilledRow]] = defaultdict(list)
    for bill in _in_order(once):
        order = ordered.get(bill.key)
        if order is None:
            yield Matched("no_order", bill, None, None)
        elif any(_same(bill, one) for one in earlier[bill.key]):
            yield Matched("duplicate", bill, order, None)
        else:
            yield Matched("", bill, order, sum(one.qty or 0 for one in earlier[bill.key] if one.uom == order.uom))
            earlier[bill.key].append(bill)


def _in_order(bills: Collection[BilledRow]) -> list[BilledRow]:
    """Order bills by date and number; of two with one number, always the same comes first."""
    numbers = {(one.posted_on or "", one.invoice_id, one.line): one for one in bills}
    if len(numbers) == len(bills):
        return [numbers[number] for number in sorted(numbers)]
    return sorted(bills, key=lambda one: (one.posted_on or "", one.invoice_id, one.line, str(one)))


def judged(one: Matched, terms: Terms) -> Iterator[Finding]:
    """Yield the exceptions of an invoice line; with larger tolerances there are never more."""
    if one.kind:
        yield Finding(one, one.kind, one.bill.amount)
        return
    findings = [] if one.order is None else list(_compared(one, one.order, terms))
    yield from findings
    if not findings and one.bill.block_code:
        yield Finding(one, "none_found", None)


def _compared(one: Matched, order: Ordered, terms: Terms) -> Iterator[Finding]:
    bill, before = one.bill, one.before or 0
    if (bill.uom, bill.currency) != (order.uom, order.currency) or bill.qty is None:
        yield Finding(one, "not_comparable", None)
        return
    if order.received <= 0:
        yield Finding(one, "no_receipt", bill.amount)
    elif _HUNDRED * (before + bill.qty) > (_HUNDRED + terms.qty) * order.received:
        excess = min(bill.qty, before + bill.qty - order.received)
        variance = None if order.price is None else worth(excess, order.price, order.price_unit)
        yield Finding(one, "qty", variance, terms.qty)
    if _price_differs(bill, order, terms.price):
        agreed = worth(bill.qty, order.price or 0, order.price_unit)
        variance = None if bill.amount is None else bill.amount - agreed
        yield Finding(one, "price", variance, terms.price)


def _price_differs(bill: BilledRow, order: Ordered, tolerance: int) -> bool:
    """Whether the price of one unit is off by more than the tolerance, up or down."""
    if bill.price is None or order.price is None:
        return False
    asked, agreed = bill.price * (order.price_unit or 1), order.price * (bill.price_unit or 1)
    return _HUNDRED * abs(asked - agreed) > tolerance * agreed


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
