"""Row types of the reads that operations on purchase orders, suppliers and prices stand on; see `rows`."""

from __future__ import annotations

from typing import NamedTuple


class PlanningLineRow(NamedTuple):
    """What planning at one site says about a material of a line."""

    system: str
    site: str
    material_id: str
    procurement: str | None
    lead_time_days: int | None


class UnitLineRow(NamedTuple):
    """A unit of a material of a line: `numerator` base units are `denominator` of `uom`."""

    material_id: str
    uom: str
    base_uom: str
    numerator: int
    denominator: int


class SourceKeyRow(NamedTuple):
    """An approved way to buy a material of one supplier at a site; read again from its system.

    `price` is here so that a role from which it is masked does not see it in a preview.
    """

    system: str
    source_key: str
    material_id: str
    supplier_id: str
    site: str
    price: int | None


class RequisitionKeyRow(NamedTuple):
    """A requisition line that an order is made for; read again from its system."""

    system: str
    source_key: str
    requisition_id: str
    line: str
    site: str
    material_id: str


class OpenRequisitionRow(NamedTuple):
    """A request to buy one of the materials that is not an order yet."""

    material_id: str
    requisition_id: str
    line: str
    qty: int
    uom: str
    delivery_date: str | None


class OpenPurchaseRow(NamedTuple):
    """An open purchase order line for one of the materials."""

    material_id: str
    purchase_order_id: str
    line: str
    qty_open: int
    uom: str
    qty_open_base: int | None
    base_uom: str | None
    requested_date: str | None
    original_promise_date: str | None
    promised_date: str | None


class PricedLineRow(NamedTuple):
    """A line of the purchase order that is to change; read again from its system, `price` as in `SourceKeyRow`."""

    system: str
    source_key: str
    purchase_order_id: str
    line: str
    site: str
    supplier_id: str
    material_id: str
    price: int | None


class InvoicedRow(NamedTuple):
    """A line of a supplier's invoice for the purchase order."""

    purchase_order_line: str | None
    qty: int | None
    uom: str | None
    invoice_state: str


class SiteMaterialRow(NamedTuple):
    """An open purchase order line, as `rows.PurchaseLineRow`, of one of several materials."""

    material_id: str
    site: str
    purchase_order_id: str
    line: str
    qty_open: int
    uom: str
    qty_open_base: int | None
    base_uom: str | None
    requested_date: str | None
    original_promise_date: str | None
    promised_date: str | None


class SiteComponentRow(NamedTuple):
    """What a production order needs, as `rows.ComponentRow`, of one of several materials."""

    material_id: str
    site: str
    production_order_id: str
    line: str
    qty_open: int
    uom: str
    need_date: str | None
    supply_order_id: str | None


class SiteSalesRow(NamedTuple):
    """What a customer waits for, as `rows.SalesLineRow`, of one of several materials."""

    material_id: str
    site: str
    sales_order_id: str
    line: str
    qty_open: int
    uom: str
    requested_date: str


class SiteStockRow(NamedTuple):
    """Unrestricted stock, as `rows.StockRow`, of one of several materials."""

    material_id: str
    site: str
    lot_id: str | None
    qty: int


class SiteReservationRow(NamedTuple):
    """Stock that is held, as `rows.ReservationRow`, of one of several materials."""

    material_id: str
    site: str
    reservation_id: str
    lot_id: str | None
    demand_type: str
    demand_id: str
    demand_line: str | None
    qty: int
    need_date: str | None


class KnownSupplierRow(NamedTuple):
    """A supplier that a new one may repeat; its name is compared and never shown."""

    system: str
    supplier_id: str
    name: str | None
    country: str | None
    payment_terms: str | None


class RivalRow(NamedTuple):
    """Another way to buy the same material for the same site, as the read model has it."""

    supplier_id: str
    price: int | None
    price_unit: int | None
    currency: str | None
    uom: str | None
    valid_to: str | None
    blocked: int | None


class OpenPriceRow(NamedTuple):
    """An open purchase order line at the price that the source has had."""

    purchase_order_id: str
    line: str


class SoldPriceRow(NamedTuple):
    """The sales order line whose price is to change; read again from its system, `net_value` as in `SourceKeyRow`."""

    system: str
    source_key: str
    sales_order_id: str
    line: str
    site: str
    material_id: str
    net_value: int | None


class BilledLineRow(NamedTuple):
    """A line of an invoice to a customer."""

    invoice_id: str
    sales_order_line: str


class CostRow(NamedTuple):
    """What stock of a material is valued at, per `price_unit` of its base unit."""

    system: str
    standard_price: int | None
    price_unit: int | None
    currency: str | None
    base_uom: str
