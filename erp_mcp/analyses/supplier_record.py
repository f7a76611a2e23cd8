"""What suppliers did, day by day: sums from which scorecards and summaries are made, of all lines or worked out ahead.

Every figure is a sum over dated facts: a receipt and how many days after its due date it came, a line that was due and
whether all had come, a line that was ordered, a bill beside the ordered price. Definitions in docs/definitions.md.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from fractions import Fraction
from itertools import pairwise
from typing import Final, NamedTuple, cast

from erp_mcp.analyses.buying import BilledRow, BoughtLineRow, BuyingSourceRow, Line, ReceiptRow, Record, records, worth
from erp_mcp.domain.days import days_between
from erp_mcp.domain.derivation import Derivation, Key, Lookup, Reach, Sight, Source, Together, reach_of

RECEIPT: Final = "receipt"
DUE: Final = "due"
ORDERED: Final = "ordered"
BILLED: Final = "billed"
IN_FULL: Final = "in_full"
SAME_PRICE: Final = "[]"
_MILLION: Final = 1_000_000
_SAME: Final = Fraction(0)


class RecordSum(NamedTuple):
    """What happened of one kind on one day, with one supplier.

    `what` is of a receipt the days after its due date (empty: it has none), of a due line whether it was complete, of
    an ordered one its currency. `price` is of a bill JSON of billed price and unit, ordered price and unit. `ordered`
    is the day of the order where that is after the fact, else empty.
    """

    supplier_id: str
    kind: str
    what: str
    price: str | None
    day: str
    ordered: str
    count: int  # type: ignore[assignment]  # a column; rows of tuples count nothing here
    timed: int  # receipts whose lead time was agreed
    over: int  # days that these took above it
    worth: int | None
    unpriced: int | None


class LotSum(NamedTuple):
    """Decided inspection lots of what a supplier delivered.

    A lot counts once in a window in which something of it came: each day on which it did counts it, and two such days
    that follow each other, `day` and `until`, take it off again where both are in the window.
    """

    supplier_id: str
    uom: str
    day: str
    until: str
    count: int  # type: ignore[assignment]  # a column; rows of tuples count nothing here
    inspected: int
    rejected: int


class DecisionRow(NamedTuple):
    """An inspection lot of something bought."""

    system: str
    as_of: str
    inspection_lot_id: str
    lot_id: str | None
    qty: int
    uom: str
    usage_decision: str | None


Agreed = Mapping[tuple[str, str, str], int]  # lead time by material, supplier and site


def lead_times(sources: Iterable[BuyingSourceRow]) -> dict[tuple[str, str, str], int]:
    """Return agreed lead times by material, supplier and site."""
    return {
        (one.material_id, one.supplier_id, one.site): one.lead_time_days
        for one in sources
        if one.lead_time_days is not None
    }


def by_line(bills: Iterable[BilledRow]) -> Mapping[Line, list[BilledRow]]:
    """Group bills by the order line that they name."""
    found: defaultdict[Line, list[BilledRow]] = defaultdict(list)
    for bill in bills:
        found[bill.key].append(bill)
    return found


def sums_of(found: Iterable[Record], billed: Mapping[Line, Sequence[BilledRow]], agreed: Agreed) -> Iterator[RecordSum]:
    """Yield what happened of order lines; a line without a supplier belongs to nobody."""
    for one in found:
        if one.line.supplier_id:
            yield from _receipts(one, agreed)
            yield from _line(one)
            for bill in billed.get(one.line.key, ()):
                yield from _bill(one.line, bill)


def _sum(line: BoughtLineRow, kind: str, what: str, day: str, **given: int | str) -> RecordSum:
    ordered = line.order_date or ""
    empty = RecordSum(line.supplier_id or "", kind, what, "", day, ordered if ordered > day else "", 1, 0, 0, 0, 0)
    return empty._replace(**given) if given else empty  # type: ignore[arg-type]  # names and types are the row's


def _receipts(one: Record, agreed: Agreed) -> Iterator[RecordSum]:
    line = one.line
    lead = agreed.get((line.material_id or "", line.supplier_id or "", line.site)) if line.order_date else None
    for came in one.receipts:
        if came.qty <= 0:
            continue
        late = str(days_between(came.posted_on, line.due)) if line.due else ""
        if lead is None:
            yield _sum(line, RECEIPT, late, came.posted_on)
        else:
            over = days_between(came.posted_on, line.order_date) - lead
            yield _sum(line, RECEIPT, late, came.posted_on, timed=1, over=over)


def _line(one: Record) -> Iterator[RecordSum]:
    line = one.line
    if line.due:
        yield _sum(line, DUE, IN_FULL if one.in_full_on_time else "", line.due)
    value = worth(line.qty_ordered, line.price or 0, line.price_unit)
    yield _sum(line, ORDERED, line.currency or "", line.order_date or "", worth=value, unpriced=int(line.price is None))


def _bill(line: BoughtLineRow, bill: BilledRow) -> Iterator[RecordSum]:
    same = (line.currency, line.uom) == (bill.currency, bill.uom)
    if not same or not line.price or bill.price is None or not bill.posted_on:
        return
    prices = (bill.price, bill.price_unit or 1, line.price, line.price_unit or 1)
    price = SAME_PRICE if prices[:2] == prices[2:] else json.dumps(prices, separators=(",", ":"))
    yield _sum(line, BILLED, "", bill.posted_on, price=price)


def dearer(price: str) -> Fraction:
    """Return how much more was billed than ordered for one unit, as a share of the ordered price."""
    if price == SAME_PRICE:
        return _SAME
    billed, billed_unit, ordered, ordered_unit = json.loads(price)
    asked, agreed = billed * ordered_unit, ordered * billed_unit
    return Fraction(asked - agreed, agreed)


def lots_of(
    lines: Mapping[Line, Collection[str]], receipts: Iterable[ReceiptRow], decisions: Iterable[DecisionRow]
) -> Iterator[LotSum]:
    """Yield what was decided of lots, by the days on which something of them came.

    Args:
        lines: Suppliers of each order line that counts; one, but where two systems name lines alike.
        receipts: What came, whatever its quantity.
        decisions: Inspection lots with a decision.
    """
    came: defaultdict[tuple[str, str], set[str]] = defaultdict(set)
    for one in receipts:
        for supplier in lines.get(one.key, ()) if one.lot_id else ():
            came[one.lot_id or "", supplier].add(one.posted_on)
    decided: defaultdict[str, list[DecisionRow]] = defaultdict(list)
    for decision in decisions:
        decided[decision.lot_id or ""].append(decision)
    for (lot, supplier), days in came.items():
        for decision in decided.get(lot, ()):
            yield from _lot(supplier, sorted(days), decision)


def _lot(supplier: str, days: Sequence[str], decision: DecisionRow) -> Iterator[LotSum]:
    rejected = decision.qty if decision.usage_decision == "rejected" else 0
    for day in days:
        yield LotSum(supplier, decision.uom, day, day, 1, decision.qty, rejected)
    for day, following in pairwise(days):
        yield LotSum(supplier, decision.uom, day, following, -1, -decision.qty, -rejected)


def ppm(lots: Iterable[LotSum]) -> int | None:
    """Return the rejected of a million inspected; only where all count in one unit."""
    by_unit: defaultdict[str, list[int]] = defaultdict(lambda: [0, 0, 0])
    for one in lots:
        numbers = by_unit[one.uom]
        for place, number in enumerate((one.count, one.inspected, one.rejected)):
            numbers[place] += number
    told = [numbers for numbers in by_unit.values() if numbers[0]]
    if len(told) != 1:
        return None
    ((_, inspected, rejected),) = told
    return (2 * _MILLION * rejected + inspected) // (2 * inspected) if inspected > 0 else None


# --- Worked out ahead of time -----------------------------------------------------------------------------------------

_ORDER: Final = ("purchase_order_id",)
_COUNTS: Final = "row.order_state <> 'cancelled'"
_PRICES: Final = tuple(
    f"{entity}.{name}" for entity in ("purchase_order_line", "supplier_invoice") for name in ("price", "price_unit")
)
_UNSEEN: Final[Mapping[type[NamedTuple], frozenset[str]]] = {
    BoughtLineRow: frozenset({"qty_received", "promised_date"}),
    BilledRow: frozenset({"qty", "amount", "supplier_reference", "block_code"}),
}


def _of_order(sight: Sight, key: Key) -> Iterator[RecordSum]:
    lines = cast("Sequence[BoughtLineRow]", sight.find("lines", *key))
    receipts = cast("Sequence[ReceiptRow]", sight.find("receipts", *key))
    bills = cast("Sequence[BilledRow]", sight.find("bills", *key))
    places = {(one.material_id or "", one.supplier_id or "", one.site) for one in lines}
    agreed: dict[tuple[str, str, str], int] = {}
    for place in sorted(places):
        agreed |= lead_times(cast("Sequence[BuyingSourceRow]", sight.find("sources", *place)))
    return sums_of(records(lines, receipts), by_line(bills), agreed)


def _look(
    entity: str, by: tuple[str, ...], row: type[NamedTuple], where: str = "", reach: Reach | None = None
) -> Lookup:
    blank = _UNSEEN.get(row, frozenset())
    return Lookup(entity=entity, by=by, row=row, where=where, blank=blank, reach=reach or reach_of(*by))


# By purchase order: what was ordered, due, received and billed.
SUPPLIER_RECORD: Final = Derivation(
    name="supplier_record",
    version=1,
    sources=(Source(entity="purchase_order_line", key=_ORDER, where=_COUNTS),),
    lookups={
        "lines": _look("purchase_order_line", _ORDER, BoughtLineRow, _COUNTS),
        "receipts": _look("goods_receipt", _ORDER, ReceiptRow),
        "bills": _look("supplier_invoice", _ORDER, BilledRow, "row.invoice_state <> 'cancelled'"),
        "sources": _look(
            "supply_source",
            ("material_id", "supplier_id", "site"),
            BuyingSourceRow,
            reach=Reach(
                key=("l.purchase_order_id",),
                via="FROM purchase_order_line AS l WHERE l.material_id = row.material_id AND l.site = row.site"
                " AND l.supplier_id = row.supplier_id",
            ),
        ),
    },
    row=RecordSum,
    function=_of_order,
    shows={"price": _PRICES, "worth": _PRICES[:2], "unpriced": _PRICES[:2]},
    together=(
        Together(lookup="lines"),
        Together(lookup="receipts"),
        Together(lookup="bills"),
        Together(lookup="sources", of="lines", columns=("material_id", "supplier_id", "site")),
    ),
    dated=False,
    sums=("count", "timed", "over", "worth", "unpriced"),
)


class _OfSupplierRow(NamedTuple):
    """Whose order line it is."""

    supplier_id: str


def _of_lot(sight: Sight, key: Key) -> Iterator[LotSum]:
    receipts = cast("Sequence[ReceiptRow]", sight.find("receipts", *key))
    lines = {
        line: {one.supplier_id for one in cast("Sequence[_OfSupplierRow]", sight.find("lines", *line))}
        for line in sorted({one.key for one in receipts})
    }
    return lots_of(lines, receipts, cast("Sequence[DecisionRow]", sight.find("decisions", *key)))


_DECIDED: Final = "row.usage_decision IS NOT NULL"
# By lot: what was decided of it.
DELIVERED_LOT: Final = Derivation(
    name="delivered_lot",
    version=1,
    sources=(Source(entity="inspection_lot", key=("lot_id",), where=_DECIDED),),
    lookups={
        "decisions": _look("inspection_lot", ("lot_id",), DecisionRow, _DECIDED),
        "receipts": _look("goods_receipt", ("lot_id",), ReceiptRow),
        "lines": _look(
            "purchase_order_line",
            ("purchase_order_id", "line"),
            _OfSupplierRow,
            f"{_COUNTS} AND row.supplier_id IS NOT NULL",
            Reach(
                key=("g.lot_id",),
                via="FROM goods_receipt AS g WHERE g.purchase_order_id = row.purchase_order_id AND g.line = row.line",
            ),
        ),
    },
    row=LotSum,
    function=_of_lot,
    together=(
        Together(lookup="decisions"),
        Together(lookup="receipts"),
        Together(lookup="lines", of="receipts", columns=("purchase_order_id", "line")),
    ),
    dated=False,
    sums=("count", "inspected", "rejected"),
)
