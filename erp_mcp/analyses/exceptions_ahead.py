"""What is out of order, worked out ahead of time: one derivation per document, all with the same rows.

Each fills the reads of its classes with what it looks up for one key, and lets the classes judge as in a briefing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Final, NamedTuple

from erp_mcp.analyses import rows
from erp_mcp.analyses.exception_classes import CLASSES, late_lines
from erp_mcp.analyses.late_order import READS as LATE_ORDER_READS
from erp_mcp.analyses.late_order import explain
from erp_mcp.analyses.looked_up import SharedLedgers, lookups, plant_in
from erp_mcp.analyses.shortage_list import SHORT_DEMAND
from erp_mcp.domain.analysis import Facts
from erp_mcp.domain.derivation import Derivation, Key, Lookup, Sight, Source, Together, reach_of

_LINE: Final = ("sales_order_id", "line")
_PURCHASE: Final = ("purchase_order_id", "line")
_PLACE: Final = ("material_id", "site")
_OPEN_PURCHASE: Final = "row.order_state = 'open' AND row.qty_open > 0"
_OPEN_ORDER: Final = "row.request_state NOT IN ('Completed', 'Closed', 'Aborted', 'Cancelled')"
_PICKED: Final = "row.actual_goods_issue IS NULL AND row.pick_status = 'picked'"
_WAITING: Final = "row.order_state = 'open' AND row.release_state = 'waiting'"
_HELD: Final = "row.lot_disposition = 'Restricted'"
# Fields of shared row types at which no class looks.
_SHOWN: Final[Mapping[type[NamedTuple], frozenset[str]]] = {
    rows.SalesLineRow: frozenset({"customer_id", "open_value", "currency"}),
    rows.NotificationRow: frozenset({"defect_code"}),
}


class ExceptionRow(NamedTuple):
    """A member of a class; `cause` is why a sales order line is late, of other classes nothing."""

    kind: str
    item_id: str
    age_days: int
    date: str | None
    detail: str | None
    cause: str | None = None


def _look(entity: str, by: tuple[str, ...], row: type[NamedTuple], where: str = "") -> Lookup:
    """Return a look-up by the key itself."""
    return Lookup(entity=entity, by=by, row=row, reach=reach_of(*by), where=where, blank=_SHOWN.get(row, frozenset()))


def _facts(sight: Sight, key: Key, reads: Iterable[str]) -> Facts:
    moment = sight.moment
    found = {name: tuple(sight.find(name, *key)) for name in reads}
    return Facts(rows=found, arguments={}, today=moment.today, now=moment.now, zone=moment.zone)


def _members(facts: Facts, kinds: Iterable[str]) -> Iterable[ExceptionRow]:
    return (ExceptionRow(kind, *one) for kind in kinds for one in CLASSES[kind].collect(facts))


def _of(
    name: str, key: tuple[str, ...], kinds: tuple[str, ...], looks: Mapping[str, Lookup], source: str
) -> Derivation:
    """Return the derivation of some classes by a key; `source` is the look-up whose rows make the keys."""

    def function(sight: Sight, values: Key) -> Iterable[ExceptionRow]:
        return _members(_facts(sight, values, looks), kinds)

    first = looks[source]
    return Derivation(
        name=name,
        version=1,
        sources=(Source(entity=first.entity, key=key, where=first.where),),
        lookups=looks,
        row=ExceptionRow,
        function=function,
        together=tuple(Together(lookup=name) for name in looks),
    )


_LINES: Final = {
    "lines": _look("sales_order_line", _LINE, rows.SalesLineRow, "row.order_state = 'open'"),
    "blocked_lines": _look(
        "sales_order_line",
        _LINE,
        rows.SalesLineRow,
        "row.order_state = 'open' AND (row.credit_status = 'blocked' OR row.delivery_block IS NOT NULL)",
    ),
}
_EXPLAINING: Final = lookups(*(name for name in LATE_ORDER_READS if name != "lines"))


def _sales_lines(sight: Sight, key: Key) -> Iterable[ExceptionRow]:
    """A late line with its root cause, and a blocked one."""
    facts = _facts(sight, key, _LINES)
    yield from _members(facts, ("blocked_sales_line",))
    # Each line with its member: two systems can name one alike.
    for line, member in zip(late_lines(facts), _members(facts, ("late_sales_line",)), strict=True):
        ledgers = SharedLedgers(plant_in(sight, _EXPLAINING), sight, SHORT_DEMAND.name)
        yield member._replace(cause=explain(ledgers, line).code)


# By sales order line: late, with its root cause, or blocked.
SALES_LINE_EXCEPTION: Final = Derivation(
    name="sales_line_exception",
    version=1,
    sources=(Source(entity="sales_order_line", key=_LINE, where="row.order_state = 'open'"),),
    lookups={**_EXPLAINING, **_LINES},
    row=ExceptionRow,
    function=_sales_lines,
    together=tuple(Together(lookup=name) for name in _LINES),
)
EXCEPTIONS: Final = (
    SALES_LINE_EXCEPTION,
    _of(
        "purchase_exception",
        _PURCHASE,
        ("purchase_promise_moved", "purchase_overdue", "purchase_unconfirmed"),
        {
            "at_risk": _look("purchase_order_line", _PURCHASE, rows.PurchaseLineRow, _OPEN_PURCHASE),
            "unconfirmed": _look(
                "purchase_order_line",
                _PURCHASE,
                rows.PurchaseLineRow,
                f"{_OPEN_PURCHASE} AND COALESCE(row.confirmed, 0) = 0",
            ),
        },
        "at_risk",
    ),
    _of(
        "requisition_exception",
        ("requisition_id", "line"),
        ("requisition_waiting",),
        {"waiting": _look("purchase_requisition", ("requisition_id", "line"), rows.RequisitionRow, _WAITING)},
        "waiting",
    ),
    _of(
        "lot_exception",
        ("lot_id",),
        ("lot_on_hold",),
        {
            "held_lots": _look("lot", ("lot_id",), rows.LotRow, _HELD),
            "notifications": _look(
                "quality_notification", ("lot_id",), rows.NotificationRow, "row.order_state <> 'closed'"
            ),
        },
        "held_lots",
    ),
    _of(
        "order_exception",
        ("production_order_id",),
        ("production_overdue",),
        {"overdue_orders": _look("production_order", ("production_order_id",), rows.ProductionOrderRow, _OPEN_ORDER)},
        "overdue_orders",
    ),
    _of(
        "delivery_exception",
        ("delivery_id", "line"),
        ("picked_not_shipped",),
        {"unshipped": _look("delivery", ("delivery_id", "line"), rows.DeliveryRow, _PICKED)},
        "unshipped",
    ),
    replace(
        _of(
            "count_exception",
            _PLACE,
            ("stock_miscounted",),
            {
                "all_mes_stock": _look("mes_stock", _PLACE, rows.MesStockRow, "row.lot_id IS NOT NULL"),
                "all_stock": _look("stock", _PLACE, rows.StockRow),
                "all_in_flight": _look("in_flight_document", _PLACE, rows.InFlightRow),
            },
            "all_mes_stock",
        ),
        dated=False,
    ),  # a count differs whatever day it is
)
