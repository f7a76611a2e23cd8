"""What was ordered, what came when, and what was billed: rows and rules that the purchasing analyses share.

Dates are compared with the first promise of the supplier, or the requested date where none was kept: what it promised
later is no measure of how well it keeps its word. Definitions in docs/definitions.md.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from erp_mcp.domain.analysis import Facts
from erp_mcp.domain.days import days_between

UNIT: Final = 1_000_000  # a quantity of one
CENT: Final = 100  # of money as stored, 10⁻⁴

Line = tuple[str, str]  # purchase order and line


class BoughtLineRow(NamedTuple):
    """A purchase order line that is not cancelled."""

    system: str
    as_of: str
    purchase_order_id: str
    line: str
    site: str
    supplier_id: str | None
    material_id: str | None
    qty_ordered: int
    qty_received: int
    uom: str
    order_date: str | None
    requested_date: str | None
    original_promise_date: str | None
    promised_date: str | None
    price: int | None
    price_unit: int | None
    currency: str | None
    order_state: str

    @property
    def key(self) -> Line:
        """What identifies the line."""
        return (self.purchase_order_id, self.line)

    @property
    def due(self) -> str:
        """The day by which it was first promised, else requested; empty when neither is kept."""
        return self.original_promise_date or self.requested_date or ""


class ReceiptRow(NamedTuple):
    """A goods receipt; what went back is negative."""

    system: str
    as_of: str
    purchase_order_id: str
    line: str
    sequence: int
    posted_on: str
    qty: int
    uom: str
    lot_id: str | None

    @property
    def key(self) -> Line:
        """The purchase order line that it is for."""
        return (self.purchase_order_id, self.line)


class BilledRow(NamedTuple):
    """A line of a supplier's invoice that is not cancelled."""

    system: str
    as_of: str
    invoice_id: str
    line: str
    site: str
    supplier_id: str | None
    purchase_order_id: str | None
    purchase_order_line: str | None
    posted_on: str | None
    qty: int | None
    uom: str | None
    price: int | None
    price_unit: int | None
    amount: int | None
    currency: str | None
    supplier_reference: str | None
    invoice_state: str
    block_code: str | None

    @property
    def key(self) -> Line:
        """The purchase order line that it bills; empty parts where it names none."""
        return (self.purchase_order_id or "", self.purchase_order_line or "")


class BuyingSourceRow(NamedTuple):
    """The agreed lead time of an approved source."""

    system: str
    as_of: str
    material_id: str
    supplier_id: str
    site: str
    lead_time_days: int | None


class VendorRow(NamedTuple):
    """A supplier's master data."""

    system: str
    as_of: str
    supplier_id: str
    name: str | None
    country: str | None
    blocked: int | None
    payment_terms: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """One purchase order line with what came for it, in order of posting."""

    line: BoughtLineRow
    receipts: tuple[ReceiptRow, ...]

    def received_by(self, day: str) -> int:
        """Return the net quantity received up to and including a day."""
        return sum(one.qty for one in self.receipts if one.posted_on <= day)

    def judged(self, first: str, last: str) -> list[int]:
        """Return, for each receipt posted in a window, how many days after the due date it came; early is negative."""
        if not self.line.due:
            return []
        inside = (one for one in self.receipts if one.qty > 0 and first <= one.posted_on <= last)
        return [days_between(one.posted_on, self.line.due) for one in inside]

    def due_in(self, first: str, last: str) -> bool:
        """Return whether the line was due in a window."""
        return first <= self.line.due <= last

    @property
    def in_full_on_time(self) -> bool:
        """Whether all that was ordered had come by the due date."""
        return self.received_by(self.line.due) >= self.line.qty_ordered


def records(lines: Iterable[BoughtLineRow], receipts: Iterable[ReceiptRow]) -> list[Record]:
    """Return lines with their receipts."""
    came: defaultdict[Line, list[ReceiptRow]] = defaultdict(list)
    for one in receipts:
        came[one.key].append(one)
    return [
        Record(line=line, receipts=tuple(sorted(came[line.key], key=lambda one: (one.posted_on, one.sequence))))
        for line in lines
    ]


def percentile(values: Sequence[int], share: int) -> int | None:
    """Return the smallest value that `share` percent of the values do not exceed (nearest rank); None of nothing."""
    if not values:
        return None
    return sorted(values)[max(0, -(-len(values) * share // 100) - 1)]


def percentile_of(counts: Mapping[int, int], share: int) -> int | None:
    """Return the percentile of values that are counted: how often each is there; see `percentile`."""
    rank = max(1, -(-sum(counts.values()) * share // 100))
    for value in sorted(counts):
        rank -= counts[value]
        if rank <= 0:
            return value
    return None


def suppliers_of(lines: Iterable[BoughtLineRow]) -> Mapping[Line, set[str]]:
    """Return the suppliers of order lines: one, but where two systems name lines alike."""
    found: defaultdict[Line, set[str]] = defaultdict(set)
    for line in lines:
        if line.supplier_id:
            found[line.key].add(line.supplier_id)
    return found


def worth(qty: int, price: int, price_unit: int | None) -> int:
    """Return quantity × price ÷ price unit as money, to the cent, a half away from zero."""
    value, divisor = qty * price, UNIT * CENT * (price_unit or 1)
    cents = (2 * abs(value) + divisor) // (2 * divisor)
    return (cents if value >= 0 else -cents) * CENT


def per_currency(amounts: Iterable[tuple[str | None, int]]) -> Mapping[str, int]:
    """Return sums by currency; what has no currency is left out."""
    sums: defaultdict[str, int] = defaultdict(int)
    for currency, amount in amounts:
        if currency:
            sums[currency] += amount
    return dict(sorted(sums.items()))


def whole(facts: Facts, deciding: Iterable[str] = ()) -> bool:
    """Return whether every figure is told from all records.

    Args:
        facts: What the analysis looked at.
        deciding: `entity.field` names without which figures are wrong or rows are missing.

    Returns:
        A figure that rests on another field which no system keeps is empty and named among the gaps: nothing is wrong.
        One that only some systems keep is made without their records.
    """
    named = [f"{gap.entity}.{gap.field}" if gap.field else "" for gap in facts.gaps]
    return all(name in facts.lacking and name not in set(deciding) for name in named)
