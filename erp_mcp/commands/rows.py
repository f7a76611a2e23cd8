"""Row types of the reads that operations stand on: a read of a tool file gives exactly these columns, in this order.

No row holds a name or a note of a system, nor the value of a sale: what is proposed may be shown to anyone who decides.
Quantities are integers of 10⁻⁶ of the unit beside them, money of 10⁻⁴ of the currency; dates are `YYYY-MM-DD`.
"""

from __future__ import annotations

from typing import NamedTuple


class MaterialRow(NamedTuple):
    """A material, whatever the site; read again from its system."""

    system: str
    source_key: str
    material_id: str
    base_uom: str
    status: str | None


class PlanningRow(NamedTuple):
    """What planning at one site says about a material."""

    system: str
    site: str
    procurement: str | None
    lead_time_days: int | None


class UnitRow(NamedTuple):
    """`numerator` base units are `denominator` of `uom`."""

    uom: str
    base_uom: str
    numerator: int
    denominator: int


class SourceRow(NamedTuple):
    """An approved way to buy a material; `price` is for `price_unit` of `uom`."""

    supplier_id: str
    rank: int | None
    price: int | None
    price_unit: int | None
    currency: str | None
    uom: str | None
    min_order_qty: int | None
    lead_time_days: int | None
    valid_to: str | None
    blocked: int | None


class SupplierRow(NamedTuple):
    """A supplier and whether it may be bought from; the one that was asked for is read again from its system."""

    system: str
    source_key: str
    supplier_id: str
    blocked: int | None


class RequisitionRow(NamedTuple):
    """A request to buy that is not an order yet."""

    requisition_id: str
    line: str
    qty: int
    uom: str
    delivery_date: str | None


class LineRow(NamedTuple):
    """The purchase order line that is to change; read again from its system."""

    system: str
    source_key: str
    purchase_order_id: str
    line: str
    site: str
    supplier_id: str
    material_id: str
    order_date: str | None


class PurchaseLineRow(NamedTuple):
    """An open purchase order line; it comes when it is promised, else first promised, else requested."""

    purchase_order_id: str
    line: str
    qty_open: int
    uom: str
    qty_open_base: int | None
    base_uom: str | None
    requested_date: str | None
    original_promise_date: str | None
    promised_date: str | None


class ComponentRow(NamedTuple):
    """What a production order still needs of the material."""

    production_order_id: str
    line: str
    qty_open: int
    uom: str
    need_date: str | None
    supply_order_id: str | None


class SalesLineRow(NamedTuple):
    """What a customer still waits for of the material."""

    sales_order_id: str
    line: str
    qty_open: int
    uom: str
    requested_date: str


class DeliveryRow(NamedTuple):
    """What is picked for a sales order line and has not left yet: it needs no more supply."""

    sales_order_id: str
    sales_order_line: str
    qty: int


class ProductionOrderRow(NamedTuple):
    """An unfinished production order: one that makes the material, or one that needs it."""

    production_order_id: str
    site: str
    material_id: str
    qty_planned: int
    qty_yield: int | None
    planned_start: str | None
    planned_finish: str | None
    scheduled_start: str | None
    scheduled_finish: str | None
    sales_order_id: str | None
    sales_order_line: str | None
    parent_order_id: str | None


class StockRow(NamedTuple):
    """Unrestricted stock."""

    lot_id: str | None
    qty: int


class LotRow(NamedTuple):
    """A lot and whether it may be used."""

    lot_id: str
    lot_disposition: str | None
    expiry_date: str | None


class ReservationRow(NamedTuple):
    """Stock held for one demand."""

    reservation_id: str
    lot_id: str | None
    demand_type: str
    demand_id: str
    demand_line: str | None
    qty: int
    need_date: str | None
