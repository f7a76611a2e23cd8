"""The classes of what can be out of order in a plant, and what belongs to each."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final, NamedTuple

from erp_mcp.analyses import rows
from erp_mcp.analyses.counts import differences
from erp_mcp.analyses.late_order import days_late
from erp_mcp.analyses.plant import rows_of
from erp_mcp.domain.analysis import Facts
from erp_mcp.domain.days import days_between, local_day, shift

_SOON_DAYS = 14  # unconfirmed purchase lines due within, requisitions waiting longer than


class Exceptional(NamedTuple):
    """One thing out of order. `age_days` is how long (or by how much) it is out of order."""

    item_id: str
    age_days: int
    date: str | None
    detail: str | None


def late_lines(facts: Facts) -> list[rows.SalesLineRow]:
    """Return the sales order lines that will miss their requested date."""
    return [line for line in rows_of(facts, "lines", rows.SalesLineRow) if days_late(line, facts.today)]


def _late(facts: Facts) -> Iterable[Exceptional]:
    for line in late_lines(facts):
        days = days_late(line, facts.today)
        yield Exceptional(f"{line.sales_order_id}/{line.line}", days, line.requested_date, line.material_id)


def _moved(facts: Facts) -> Iterable[Exceptional]:
    for row in rows_of(facts, "at_risk", rows.PurchaseLineRow):
        if row.original_promise_date and (row.promised_date or "") > row.original_promise_date:
            days = days_between(row.promised_date, row.original_promise_date)
            yield Exceptional(f"{row.purchase_order_id}/{row.line}", days, row.promised_date, row.material_id)


def _overdue_purchases(facts: Facts) -> Iterable[Exceptional]:
    for row in rows_of(facts, "at_risk", rows.PurchaseLineRow):
        if row.promised_date and row.promised_date < facts.today:
            days = days_between(facts.today, row.promised_date)
            yield Exceptional(f"{row.purchase_order_id}/{row.line}", days, row.promised_date, row.material_id)


def _unconfirmed(facts: Facts) -> Iterable[Exceptional]:
    for row in rows_of(facts, "unconfirmed", rows.PurchaseLineRow):
        due = row.promised_date or row.requested_date or ""
        if facts.today <= due <= shift(facts.today, _SOON_DAYS):
            days = _SOON_DAYS - days_between(due, facts.today)
            yield Exceptional(f"{row.purchase_order_id}/{row.line}", days, due, row.material_id)


def _waiting_requisitions(facts: Facts) -> Iterable[Exceptional]:
    for row in rows_of(facts, "waiting", rows.RequisitionRow):
        days = days_between(facts.today, local_day(row.created_at or "", facts.zone))
        if days > _SOON_DAYS:
            yield Exceptional(f"{row.requisition_id}/{row.line}", days, row.delivery_date, row.material_id)


def _held_lots(facts: Facts) -> Iterable[Exceptional]:
    notes = {row.lot_id: row for row in rows_of(facts, "notifications", rows.NotificationRow) if row.hold}
    for row in {one.lot_id: one for one in rows_of(facts, "held_lots", rows.LotRow)}.values():
        note = notes.get(row.lot_id)
        opened = local_day((note.opened_at if note else None) or "", facts.zone)
        detail = note.notification_id if note else row.material_id
        yield Exceptional(row.lot_id, days_between(facts.today, opened), opened or None, detail)


def _down(facts: Facts) -> Iterable[Exceptional]:
    for row in rows_of(facts, "downtimes", rows.DowntimeRow):
        started = local_day(row.started_at, facts.zone)
        yield Exceptional(row.work_center_id, days_between(facts.today, started), started, row.reason_code)


def _overdue_orders(facts: Facts) -> Iterable[Exceptional]:
    for row in rows_of(facts, "overdue_orders", rows.ProductionOrderRow):
        due = row.scheduled_finish or row.planned_finish
        if due and due < facts.today:
            yield Exceptional(row.production_order_id, days_between(facts.today, due), due, row.material_id)


def _picked(facts: Facts) -> Iterable[Exceptional]:
    for row in rows_of(facts, "unshipped", rows.DeliveryRow):
        if (
            not row.actual_goods_issue
            and row.pick_status == "picked"
            and (row.planned_goods_issue or "") <= facts.today
        ):
            days = days_between(facts.today, row.planned_goods_issue)
            order = f"{row.sales_order_id}/{row.sales_order_line}"
            yield Exceptional(f"{row.delivery_id}/{row.line}", days, row.planned_goods_issue, order)


def _blocked(facts: Facts) -> Iterable[Exceptional]:
    for row in rows_of(facts, "blocked_lines", rows.SalesLineRow):
        detail = "credit" if row.credit_status == "blocked" else row.delivery_block
        days = max(0, days_between(facts.today, row.requested_date))
        yield Exceptional(f"{row.sales_order_id}/{row.line}", days, row.requested_date, detail)


def _miscounted(facts: Facts) -> Iterable[Exceptional]:
    counted = rows_of(facts, "all_mes_stock", rows.MesStockRow)
    moving = rows_of(facts, "all_in_flight", rows.InFlightRow)
    for one in differences(rows_of(facts, "all_stock", rows.StockRow), counted, moving):
        if one.unexplained:
            yield Exceptional(one.lot_id, 0, None, one.material_id)


class Class(NamedTuple):
    """How one class is counted: by rows of these entities, and by one field of each group."""

    entities: frozenset[str]
    collect: Callable[[Facts], Iterable[Exceptional]]
    fields: tuple[tuple[str, ...], ...] = ()

    def known(self, facts: Facts) -> bool:
        """Return whether there is anything to count it by; a class that nothing tells of is not one without members."""
        return not facts.missing & self.entities and not any(facts.lacking.issuperset(group) for group in self.fields)


_PROMISED: Final = ("purchase_order_line.promised_date",)
CLASSES: Final[dict[str, Class]] = {
    "late_sales_line": Class(frozenset({"sales_order_line"}), _late),
    "blocked_sales_line": Class(
        frozenset({"sales_order_line"}),
        _blocked,
        (("sales_order_line.credit_status", "sales_order_line.delivery_block"),),
    ),
    "picked_not_shipped": Class(frozenset({"delivery"}), _picked, (("delivery.pick_status",),)),
    "purchase_promise_moved": Class(
        frozenset({"purchase_order_line"}), _moved, (_PROMISED, ("purchase_order_line.original_promise_date",))
    ),
    "purchase_overdue": Class(frozenset({"purchase_order_line"}), _overdue_purchases, (_PROMISED,)),
    "purchase_unconfirmed": Class(
        frozenset({"purchase_order_line"}),
        _unconfirmed,
        (("purchase_order_line.confirmed",), (*_PROMISED, "purchase_order_line.requested_date")),
    ),
    "requisition_waiting": Class(
        frozenset({"purchase_requisition"}),
        _waiting_requisitions,
        (("purchase_requisition.release_state",), ("purchase_requisition.created_at",)),
    ),
    "lot_on_hold": Class(frozenset({"lot"}), _held_lots, (("lot.lot_disposition",),)),
    "stock_miscounted": Class(
        frozenset({"mes_stock", "in_flight_document"}), _miscounted, (("stock.lot_id",), ("mes_stock.lot_id",))
    ),
    "work_center_down": Class(frozenset({"downtime"}), _down),
    "production_overdue": Class(
        frozenset({"production_order"}),
        _overdue_orders,
        (("production_order.scheduled_finish", "production_order.planned_finish"),),
    ),
}
