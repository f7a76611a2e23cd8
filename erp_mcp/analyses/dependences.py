"""What analyses rest on, as data: the fields by which each of their findings is told.

A field that no dependence of an analysis names changes nothing it finds; tests empty such columns and compare.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from erp_mcp.domain.analysis import Dependence


def _by(tells: tuple[str, ...], *fields: str) -> tuple[Dependence, ...]:
    """Return one dependence for each field: each is needed."""
    return tuple(Dependence(fields=(field,), tells=tells) for field in fields)


def _either(tells: tuple[str, ...], *fields: str) -> tuple[Dependence, ...]:
    return (Dependence(fields=fields, tells=tells),)


def pegging(*tells: str) -> tuple[Dependence, ...]:
    """Return what it takes to tell who gets which supply, when, and how much is short.

    Args:
        tells: What is not told as surely without: causes or result columns.
    """
    return (
        *_either(
            tells,
            "production_component.need_date",
            "production_order.scheduled_start",
            "production_order.planned_start",
        ),
        *_either(tells, "production_order.scheduled_finish", "production_order.planned_finish"),
        *_either(
            tells,
            "purchase_order_line.promised_date",
            "purchase_order_line.original_promise_date",
            "purchase_order_line.requested_date",
        ),
        *_either(tells, "production_order.parent_order_id", "production_component.supply_order_id"),
        *_by(tells, "production_order.sales_order_id", "production_order.sales_order_line"),
        *_by(tells, "production_order.qty_yield", "stock.lot_id", "lot.lot_disposition", "lot.expiry_date"),
        *_by(tells, "reservation.lot_id", "reservation.demand_line", "reservation.need_date"),
    )


def counts(*tells: str) -> tuple[Dependence, ...]:
    """Return what it takes to compare the shop floor's count of a lot with the ERP's."""
    return _by(tells, "stock.lot_id", "mes_stock.lot_id", "in_flight_document.lot_id")


MOVED: Final = _by(("risk",), "purchase_order_line.original_promise_date")

LATE_ORDER: Final = (
    *_by(("days_late",), "sales_order_line.confirmed_date"),
    *_either(("credit_block",), "sales_order_line.credit_status", "sales_order.credit_status"),
    *_either(("delivery_block",), "sales_order_line.delivery_block", "sales_order.delivery_block"),
    *_by(("picked_not_shipped",), "delivery.pick_status"),
    *_by(("picked_not_shipped", "carrier_delay"), "delivery.actual_goods_issue"),
    *_by(("carrier_delay",), "delivery.delivered"),
    *_by(("planned_date",), "delivery.planned_goods_issue"),
    *_either(("since",), "delivery.picked_at"),
    *pegging("late_po", "upstream_order_late"),
    *_either(("upstream_order_late",), "production_order.qty_scrap", "job.expected_finish"),
    *_by(("machine_down",), "production_operation.planned_start", "production_operation.request_state"),
    *_by(("machine_down",), "job.operation_id", "work_center.alternative_id", "maintenance_order.work_center_id"),
    *_by(("machine_down",), "maintenance_order.planned_finish", "maintenance_order.order_type"),
    *_by(("machine_down",), "maintenance_order.asset_is_down"),
    *_by(("planned_date",), "maintenance_order.planned_start"),
    *_by(("quality_hold",), "quality_notification.hold"),
    *_either(("quality_hold",), "quality_notification.lot_id", "quality_notification.material_id"),
    *_by(("since",), "quality_notification.opened_at", "purchase_requisition.created_at"),
    *_either(("since",), "purchase_order_line.promise_changed_at", "supplier_confirmation.confirmed_at"),
    *_either(("late_po",), "purchase_order_line.original_promise_date", "purchase_order_line.requested_date"),
    *_by(("chain",), "purchase_order_line.supplier_id"),
    *_by(("bom_or_master_data",), "material.status"),
    *_by(("po_not_placed",), "material_site.procurement"),
    *_by(("expected_date",), "purchase_requisition.delivery_date"),
    *_by(("alternatives",), "supply_source.blocked", "supply_source.valid_to", "supply_source.lead_time_days"),
    *_by(("alternatives",), "supplier.blocked"),
    *counts("stock_discrepancy"),
)
SHORTAGES: Final = (
    *pegging("qty_short", "next_supply_date"),
    *counts("qty_short"),
    *_by(("next_supply_date",), "job.expected_finish"),
)
SHORTAGE_LIST: Final = (
    *pegging("first_short_date", "qty_short", "covering_supply"),
    *counts("qty_short"),
    *_by(("covering_supply", "covered_on"), "job.expected_finish"),
    *_by(("qty_short",), "delivery.pick_status", "delivery.actual_goods_issue"),
    *_by(("procurement",), "material_site.procurement"),
)
SUPPLY_DEMAND: Final = (
    *pegging("elements", "lowest_available"),
    *_by(("firm",), "purchase_order_line.confirmed"),
    *_by(("safety_stock", "exception"), "material_site.safety_stock"),
    *_by(("elements",), "purchase_requisition.delivery_date"),
)
EXPEDITE: Final = (
    *MOVED,
    *pegging("hurts", "earliest_need_date", "slack_days"),
    *_by(("risk", "slack_days"), "purchase_order_line.promised_date"),
    *_by(("score",), "customer.priority", "sales_order_line.customer_id"),
    *_by(("revenue_at_risk",), "sales_order_line.open_value", "sales_order_line.currency"),
    *_by(("other_sources",), "supply_source.blocked", "supply_source.valid_to", "supply_source.lead_time_days"),
    *_by(("other_sources",), "supplier.blocked", "purchase_order_line.supplier_id"),
)
ASSET_HISTORY: Final = (
    *_by(("failures", "mtbf_h", "mttr_h"), "maintenance_order.actual_start"),
    *_by(("failures", "mtbf_h", "mttr_h", "pm_compliance_pct"), "maintenance_order.order_type"),
    *_by(("mtbf_h", "mttr_h", "pm_compliance_pct"), "maintenance_order.actual_finish"),
    *_by(("pm_compliance_pct",), "maintenance_order.planned_finish"),
    *_by(("unplanned_stops",), "downtime.planned", "maintenance_order.work_center_id"),
    *_by(("unplanned_stop_min",), "downtime.ended_at"),
    *_by(("asset_id",), "maintenance_order.asset_id"),
    *_by(("events",), "maintenance_order.planned_start", "maintenance_order.priority", "maintenance_order.description"),
)
GENEALOGY: Final = (
    *_by(("customers_reached", "deliveries"), "delivery.lot_id"),
    *_by(("customers_reached",), "delivery.actual_goods_issue"),
    *_either(("suppliers_reached",), "lot.supplier_id", "goods_receipt.lot_id"),
    *_by(("supplier_lot",), "lot.supplier_lot"),
    *_by(("qty_on_hand",), "stock.lot_id"),
    *_by(("edges",), "lot_genealogy.qty", "lot_genealogy.uom"),
    *_by(("nodes",), "lot.lot_disposition", "lot.expiry_date"),
)


# What the briefing looks at beside what decides whether a class is counted at all.
BRIEFING: Final = (
    *_by(("blocked_sales_line",), "sales_order_line.credit_status", "sales_order_line.delivery_block"),
    *_by(("picked_not_shipped",), "delivery.actual_goods_issue", "delivery.planned_goods_issue"),
    *_by(("production_overdue",), "production_order.scheduled_finish"),
    *_by(("lot_on_hold",), "quality_notification.opened_at", "quality_notification.lot_id"),
    *_by(("work_center_down",), "downtime.reason_code"),
    *_by(("purchase_unconfirmed",), "purchase_order_line.requested_date"),
)


def classes(needed: Iterable[tuple[str, tuple[tuple[str, ...], ...]]]) -> tuple[Dependence, ...]:
    """Return the dependences of named classes, each with groups of fields of which one is needed."""
    return tuple(Dependence(fields=group, tells=(name,)) for name, groups in needed for group in groups)
