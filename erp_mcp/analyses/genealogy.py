"""`trace_lot`: what went into a lot and what came of it, with the suppliers and customers at both ends."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import chain
from typing import Final, NamedTuple

from erp_mcp.analyses.dependences import GENEALOGY
from erp_mcp.analyses.lot_graph import EdgeRow, Link, Walk, walk
from erp_mcp.analyses.plant import rows_of
from erp_mcp.analyses.rows import StockRow
from erp_mcp.domain.analysis import Analysis, Facts, Findings, RawCell

_MAX_DEPTH: Final = 10
_MAX_NODES: Final = 100
_NOWHERE: Final = Walk(depths={}, links=(), beyond=False)
# What is not told wholly for want of a field; an empty column beside it does not make an answer partial.
_REACHED: Final = frozenset({"customers_reached", "suppliers_reached"})


class TracedLotRow(NamedTuple):
    """A lot on the way, with the supplier it came from."""

    lot_id: str
    material_id: str
    site: str
    lot_disposition: str | None
    expiry_date: str | None
    supplier_id: str | None
    supplier_lot: str | None


class ShipmentRow(NamedTuple):
    """One line of a delivery with the lot that was picked for it."""

    delivery_id: str
    line: str
    sales_order_id: str
    lot_id: str | None
    qty: int
    uom: str
    actual_goods_issue: str | None


class BuyerRow(NamedTuple):
    """Who a sales order is for."""

    sales_order_id: str
    customer_id: str | None


class CustomerNameRow(NamedTuple):
    """What a customer is called."""

    customer_id: str
    name: str | None


class ReceiptRow(NamedTuple):
    """A goods receipt that brought a lot."""

    purchase_order_id: str
    line: str
    supplier_id: str | None
    posted_on: str | None
    lot_id: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Trace:
    """Both walks from one lot."""

    start: str
    up: Walk
    down: Walk

    @property
    def origins(self) -> frozenset[str]:
        """Lots that could have brought something in: the lot asked for and what went into it."""
        return frozenset({self.start, *self.up.depths})

    @property
    def outcomes(self) -> frozenset[str]:
        """Lots that could have been sent: the lot asked for and what came of it."""
        return frozenset({self.start, *self.down.depths})

    def nodes(self) -> list[tuple[str, str, int]]:
        """Return lot, direction and depth: the lot asked for, then by distance; a lot on both sides stands once."""
        found = {self.start: ("self", 0)}
        for direction, one in (("up", self.up), ("down", self.down)):
            for lot, depth in one.depths.items():
                found.setdefault(lot, (direction, depth))
        return sorted(
            ((lot, direction, depth) for lot, (direction, depth) in found.items()),
            key=lambda node: (node[2], node[1] == "down", node[0]),
        )


def trace_of(facts: Facts) -> Trace:
    """Walk up and down from the lot asked for, as far as the arguments let it."""
    start = str(facts.arguments["lot_id"])
    direction = facts.arguments.get("direction") or "both"
    depth = _integer(facts, "max_depth", _MAX_DEPTH)
    up, down = rows_of(facts, "up", EdgeRow), rows_of(facts, "down", EdgeRow)
    return Trace(
        start=start,
        up=walk(up, start, "up", depth) if direction != "down" else _NOWHERE,
        down=walk(down, start, "down", depth) if direction != "up" else _NOWHERE,
    )


def genealogy(facts: Facts) -> Findings:
    """Answer `trace_lot`: tables `summary`, `customers_reached`, `suppliers_reached`, `deliveries`, `nodes`, `edges`.

    Args:
        facts: Rows of `READS`; arguments `lot_id`, `direction` (up, down, both), `max_depth` (1..10) and `max_nodes`.

    Returns:
        Customers and suppliers of all lots within the depth, however few of them are shown as nodes. Not complete when
        there is more than the depth, when lots are not shown, or when a source or field is missing that leads to a
        customer or supplier.
    """
    lots = {one.lot_id: one for one in rows_of(facts, "lots", TracedLotRow)}
    start = str(facts.arguments["lot_id"])
    if start not in lots and "lot" not in facts.missing:
        return Findings(tables={}, warnings=("No such lot in the data at hand, or none in this role's scope.",))
    trace = trace_of(facts)
    nodes = trace.nodes()
    shown = nodes[: _integer(facts, "max_nodes", _MAX_NODES)]
    shipments = _shipments(facts, trace)
    customers = _customers(facts, shipments)
    suppliers = _suppliers(facts, trace, lots)
    cut = _cut(trace, len(shown) < len(nodes))
    untold = {told for gap in facts.gaps if gap.field for told in gap.affects}
    return Findings(
        tables={
            "summary": [_summary(trace, lots.get(start), (len(customers), len({one[0] for one in suppliers})), cut)],
            "customers_reached": customers,
            "suppliers_reached": suppliers,
            "deliveries": _deliveries(facts, shipments),
            "nodes": _nodes(facts, shown, lots),
            "edges": _edges(trace, {lot for lot, _, _ in shown}),
        },
        complete=not cut and not facts.missing and not untold & _REACHED,
        warnings=_warnings(cut),
    )


def _integer(facts: Facts, name: str, default: int) -> int:
    value = facts.arguments.get(name)
    return value if isinstance(value, int) else default


def _cut(trace: Trace, hidden: bool) -> tuple[str, ...]:
    """Return what ended the trace before its end: `max_depth`, `max_nodes`."""
    beyond = trace.up.beyond or trace.down.beyond
    return tuple(name for name, here in (("max_depth", beyond), ("max_nodes", hidden)) if here)


def _warnings(cut: tuple[str, ...]) -> tuple[str, ...]:
    said = {
        "max_depth": "There are lots beyond max_depth; customers and suppliers behind them are not counted.",
        "max_nodes": "Not all lots are shown for max_nodes; customers and suppliers are those of all of them.",
    }
    return tuple(said[name] for name in cut)


def _summary(
    trace: Trace, lot: TracedLotRow | None, reached: tuple[int, int], cut: tuple[str, ...]
) -> tuple[RawCell, ...]:
    return (
        trace.start,
        lot.material_id if lot else None,
        lot.site if lot else None,
        len(trace.up.depths),
        len(trace.down.depths),
        *reached,
        bool(cut),
        cut,
    )


def _shipments(facts: Facts, trace: Trace) -> list[ShipmentRow]:
    outcomes = trace.outcomes if facts.arguments.get("direction") != "up" else frozenset()
    found = (one for one in rows_of(facts, "deliveries", ShipmentRow) if one.lot_id in outcomes)
    return sorted(found, key=lambda one: (one.delivery_id, one.line))


def _buyers(facts: Facts) -> Mapping[str, str | None]:
    return {one.sales_order_id: one.customer_id for one in rows_of(facts, "orders", BuyerRow)}


def _customers(facts: Facts, shipments: Iterable[ShipmentRow]) -> list[tuple[RawCell, ...]]:
    """One row per customer that something was sent to; what is only picked has reached nobody yet."""
    buyers = _buyers(facts)
    names = {one.customer_id: one.name for one in rows_of(facts, "customers", CustomerNameRow)}
    sent: defaultdict[str, list[ShipmentRow]] = defaultdict(list)
    for one in shipments:
        customer = buyers.get(one.sales_order_id)
        if one.actual_goods_issue and customer:
            sent[customer].append(one)
    table: list[tuple[RawCell, ...]] = []
    for customer, ones in sorted(sent.items()):
        days = sorted(one.actual_goods_issue or "" for one in ones)
        lots = tuple(sorted({one.lot_id or "" for one in ones}))
        table.append((customer, names.get(customer), len({one.delivery_id for one in ones}), lots, days[0], days[-1]))
    return table


def _deliveries(facts: Facts, shipments: Iterable[ShipmentRow]) -> list[tuple[RawCell, ...]]:
    buyers = _buyers(facts)
    return [
        (
            one.delivery_id,
            one.line,
            one.sales_order_id,
            buyers.get(one.sales_order_id),
            one.lot_id,
            one.qty,
            one.uom,
            one.actual_goods_issue,
        )
        for one in shipments
    ]


def _suppliers(facts: Facts, trace: Trace, lots: Mapping[str, TracedLotRow]) -> list[tuple[RawCell, ...]]:
    """One row per lot that came from a supplier, with the receipt that brought it where one is known."""
    if facts.arguments.get("direction") == "down":
        return []
    receipts: defaultdict[str, list[ReceiptRow]] = defaultdict(list)
    for one in sorted(rows_of(facts, "receipts", ReceiptRow), key=lambda one: (one.purchase_order_id, one.line)):
        receipts[one.lot_id or ""].append(one)
    table: list[tuple[RawCell, ...]] = []
    for lot_id in sorted(trace.origins):
        lot = lots.get(lot_id)
        supplier, name = (lot.supplier_id, lot.supplier_lot) if lot else (None, None)
        brought = receipts.get(lot_id, ())
        table += [
            (one.supplier_id or supplier, lot_id, name, one.purchase_order_id, one.line, one.posted_on)
            for one in brought
        ]
        if supplier and not brought:
            table.append((supplier, lot_id, name, None, None, None))
    return sorted(table, key=lambda row: (str(row[0] or ""), str(row[1])))


def _nodes(
    facts: Facts, shown: Iterable[tuple[str, str, int]], lots: Mapping[str, TracedLotRow]
) -> list[tuple[RawCell, ...]]:
    on_hand: defaultdict[str, int] = defaultdict(int)
    units: dict[str, str] = {}
    for one in rows_of(facts, "stock", StockRow):
        on_hand[one.lot_id or ""] += one.qty
        units[one.lot_id or ""] = one.uom
    counted = "stock" not in facts.missing and "stock.lot_id" not in facts.lacking
    table: list[tuple[RawCell, ...]] = []
    for lot_id, direction, depth in shown:
        lot = lots.get(lot_id)
        told = (lot.material_id, lot.site, lot.lot_disposition, lot.expiry_date) if lot else (None,) * 4
        qty = on_hand[lot_id] if counted else None
        table.append((lot_id, direction, depth, *told, qty, units.get(lot_id)))
    return table


def _edges(trace: Trace, shown: set[str]) -> list[tuple[RawCell, ...]]:
    return [
        _edge(link)
        for link in chain(trace.up.links, trace.down.links)
        if link.edge.input_lot_id in shown and link.edge.output_lot_id in shown
    ]


def _edge(link: Link) -> tuple[RawCell, ...]:
    edge = link.edge
    return (
        link.direction,
        link.depth,
        edge.input_lot_id,
        edge.output_lot_id,
        edge.production_order_id,
        edge.qty,
        edge.uom,
    )


READS: Final[Mapping[str, type[NamedTuple]]] = {
    "down": EdgeRow,
    "up": EdgeRow,
    "lots": TracedLotRow,
    "deliveries": ShipmentRow,
    "orders": BuyerRow,
    "customers": CustomerNameRow,
    "receipts": ReceiptRow,
    "stock": StockRow,
}
ANALYSIS: Final = Analysis(
    name="genealogy", function=genealogy, reads=READS, definition_id="genealogy.1", dependences=GENEALOGY
)
