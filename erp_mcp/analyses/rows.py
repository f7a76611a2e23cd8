"""Row types of the reads that analyses stand on: a read of a tool file gives exactly these columns, in this order.

Every row names its `system` and its `as_of`, so that a finding can say where it comes from. Quantities are integers of
10⁻⁶ of the unit beside them, money of 10⁻⁴ of the currency; dates are `YYYY-MM-DD`, instants `YYYY-MM-DDTHH:MM:SSZ`.
A field that a policy masks arrives as `None`.
"""

from __future__ import annotations

from typing import NamedTuple


class SalesLineRow(NamedTuple):
    """One sales order line."""

    system: str
    as_of: str
    sales_order_id: str
    line: str
    site: str
    customer_id: str | None
    material_id: str
    qty_open: int
    uom: str
    requested_date: str
    confirmed_date: str | None
    open_value: int | None
    currency: str | None
    credit_status: str | None
    delivery_block: str | None
    order_state: str


class SalesOrderRow(NamedTuple):
    """The header of a sales order."""

    system: str
    as_of: str
    sales_order_id: str
    credit_status: str | None
    delivery_block: str | None


class CustomerRow(NamedTuple):
    """A customer and how important it is."""

    system: str
    as_of: str
    customer_id: str
    priority: str | None


class DeliveryRow(NamedTuple):
    """One line of an outbound delivery."""

    system: str
    as_of: str
    delivery_id: str
    line: str
    sales_order_id: str
    sales_order_line: str
    qty: int
    uom: str
    planned_goods_issue: str | None
    actual_goods_issue: str | None
    pick_status: str | None
    picked_at: str | None
    delivered: int | None


class ProductionOrderRow(NamedTuple):
    """A production order with what it is made for."""

    system: str
    as_of: str
    production_order_id: str
    site: str
    material_id: str
    qty_planned: int
    qty_yield: int | None
    qty_scrap: int | None
    uom: str
    planned_start: str | None
    planned_finish: str | None
    scheduled_start: str | None
    scheduled_finish: str | None
    request_state: str
    sales_order_id: str | None
    sales_order_line: str | None
    parent_order_id: str | None


class ComponentRow(NamedTuple):
    """A material that a production order needs; `qty_open` is what was not withdrawn yet."""

    system: str
    as_of: str
    production_order_id: str
    line: str
    site: str
    material_id: str
    qty_required: int
    qty_withdrawn: int
    qty_open: int
    uom: str
    need_date: str | None
    supply_order_id: str | None


class OperationRow(NamedTuple):
    """One step of a production order at a work centre."""

    system: str
    as_of: str
    production_order_id: str
    operation_id: str
    work_center_id: str
    planned_start: str | None
    planned_finish: str | None
    request_state: str | None


class JobRow(NamedTuple):
    """What the shop floor runs or queues."""

    system: str
    as_of: str
    job_id: str
    production_order_id: str
    operation_id: str | None
    work_center_id: str
    response_state: str
    expected_finish: str | None
    qty_scrap: int | None
    uom: str | None


class WorkCenterRow(NamedTuple):
    """A work centre and where its work can go."""

    system: str
    as_of: str
    work_center_id: str
    alternative_id: str | None


class DowntimeRow(NamedTuple):
    """A downtime that has not ended by now."""

    system: str
    as_of: str
    downtime_id: str
    work_center_id: str
    started_at: str
    reason_code: str | None


class MaintenanceRow(NamedTuple):
    """A maintenance order that is not completed."""

    system: str
    as_of: str
    maintenance_order_id: str
    work_center_id: str | None
    order_type: str | None
    planned_start: str | None
    planned_finish: str | None
    order_state: str
    asset_is_down: int | None


class StockRow(NamedTuple):
    """Quantity on hand as the ERP counts it."""

    system: str
    as_of: str
    material_id: str
    site: str
    storage_location_id: str
    lot_id: str | None
    stock_type: str
    qty: int
    uom: str


class MesStockRow(NamedTuple):
    """Quantity of a lot as the shop floor counts it."""

    system: str
    as_of: str
    material_id: str
    site: str
    storage_location_id: str
    lot_id: str | None
    qty: int
    uom: str


class InFlightRow(NamedTuple):
    """A goods movement that only one of ERP and MES knows; `qty` is MES minus ERP, signed."""

    system: str
    as_of: str
    document_id: str
    material_id: str
    site: str
    lot_id: str | None
    qty: int


class LotRow(NamedTuple):
    """A lot and whether it may be used."""

    system: str
    as_of: str
    lot_id: str
    material_id: str
    site: str
    lot_disposition: str | None
    expiry_date: str | None


class ReservationRow(NamedTuple):
    """Stock held for one demand."""

    system: str
    as_of: str
    reservation_id: str
    material_id: str
    site: str
    lot_id: str | None
    demand_type: str
    demand_id: str
    demand_line: str | None
    qty: int
    need_date: str | None


class PurchaseLineRow(NamedTuple):
    """An open purchase order line with the promise of its supplier."""

    system: str
    as_of: str
    purchase_order_id: str
    line: str
    site: str
    supplier_id: str | None
    material_id: str
    qty_open: int
    uom: str
    qty_open_base: int | None
    base_uom: str | None
    requested_date: str | None
    original_promise_date: str | None
    promised_date: str | None
    promise_changed_at: str | None
    confirmed: int | None


class ConfirmationRow(NamedTuple):
    """One promise that a supplier gave for a purchase order line."""

    system: str
    as_of: str
    purchase_order_id: str
    line: str
    sequence: int
    confirmed_at: str
    promised_date: str


class RequisitionRow(NamedTuple):
    """A request to buy that is not an order yet."""

    system: str
    as_of: str
    requisition_id: str
    line: str
    site: str
    material_id: str
    qty: int
    uom: str
    delivery_date: str | None
    created_at: str | None
    release_state: str | None


class SupplySourceRow(NamedTuple):
    """An approved way to buy a material."""

    system: str
    as_of: str
    material_id: str
    supplier_id: str
    site: str
    rank: int | None
    price: int | None
    price_unit: int | None
    currency: str | None
    lead_time_days: int | None
    valid_to: str | None
    blocked: int | None


class SupplierRow(NamedTuple):
    """A supplier and whether it may be used."""

    system: str
    as_of: str
    supplier_id: str
    blocked: int | None


class MaterialRow(NamedTuple):
    """A material, whatever the site."""

    system: str
    as_of: str
    material_id: str
    base_uom: str
    status: str | None


class MaterialSiteRow(NamedTuple):
    """What planning at one site says about a material."""

    system: str
    as_of: str
    material_id: str
    site: str
    safety_stock: int | None
    procurement: str | None
    lead_time_days: int | None


class NotificationRow(NamedTuple):
    """A quality problem that is not closed."""

    system: str
    as_of: str
    notification_id: str
    site: str
    material_id: str | None
    lot_id: str | None
    defect_code: str | None
    hold: int | None
    opened_at: str | None
    order_state: str
