"""Procure to pay: what we ordered from suppliers and what they promised."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from erp_mcp.domain.entities.fields import (
    Code,
    Currency,
    Date,
    Flag,
    Id,
    Instant,
    Integer,
    LotRef,
    MaterialRef,
    Money,
    OutsiderText,
    PurchaseOrderRef,
    Quantity,
    Record,
    SupplierRef,
    Text,
    Uom,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Supplier(Record):
    """A party that we buy from."""

    ENTITY: ClassVar[str] = "supplier"
    KEY: ClassVar[tuple[str, ...]] = ("supplier_id",)

    supplier_id: Id
    name: Text | None = None
    country: Code | None = None
    blocked: Flag | None = None  # blocked for purchasing
    payment_terms: Code | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PurchaseOrderLine(Record):
    """One line of a purchase order with the promise of its supplier.

    Quantities are in the order unit `uom`; `qty_open_base` is the open quantity in the material's base unit, worked
    out at sync through the conversion table, and absent where no conversion is known.
    """

    ENTITY: ClassVar[str] = "purchase_order_line"
    KEY: ClassVar[tuple[str, ...]] = ("purchase_order_id", "line")

    purchase_order_id: PurchaseOrderRef
    line: Id
    company_code: Code | None = None
    site: Code
    supplier_id: SupplierRef
    material_id: MaterialRef
    qty_ordered: Quantity
    qty_received: Quantity
    qty_open: Quantity  # ordered minus received, floored at zero; zero when closed or cancelled
    uom: Uom
    qty_open_base: Quantity | None = None
    base_uom: Uom | None = None
    order_date: Date | None = None
    requested_date: Date | None = None
    original_promise_date: Date | None = None
    promised_date: Date | None = None  # what the supplier promises today
    promise_changed_at: Instant | None = None  # when the supplier moved the promise
    confirmed: Flag | None = None
    price: Money | None = None  # per `price_unit` of `uom`
    price_unit: Integer | None = None
    open_value: Money | None = None
    currency: Currency | None = None
    release_state: Code | None = None  # released, waiting
    order_state: Code  # open, closed, cancelled
    native_state: Code | None = None
    note: OutsiderText | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PurchaseScheduleLine(Record):
    """One date of a purchase order line, with the quantity that is to come then; each line has at least one.

    Quantities are in the order unit `uom`. Those of all dates of a line make the line's own.
    """

    ENTITY: ClassVar[str] = "purchase_schedule_line"
    KEY: ClassVar[tuple[str, ...]] = ("purchase_order_id", "line", "schedule_line")

    purchase_order_id: PurchaseOrderRef
    line: Id
    schedule_line: Id
    site: Code
    requested_date: Date | None = None
    promised_date: Date | None = None  # what the supplier promises today for this part
    qty_ordered: Quantity
    qty_open: Quantity  # ordered minus received, earliest date first; zero when the line is closed or cancelled
    uom: Uom


@dataclass(frozen=True, slots=True, kw_only=True)
class SupplierConfirmation(Record):
    """One promise a supplier gave for a purchase order line; the newest counts."""

    ENTITY: ClassVar[str] = "supplier_confirmation"
    KEY: ClassVar[tuple[str, ...]] = ("purchase_order_id", "line", "sequence")

    purchase_order_id: PurchaseOrderRef
    line: Id
    sequence: Integer
    site: Code
    confirmed_at: Instant
    promised_date: Date
    qty: Quantity | None = None
    uom: Uom | None = None
    reason: OutsiderText | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PurchaseRequisition(Record):
    """A request to buy that is not an order yet."""

    ENTITY: ClassVar[str] = "purchase_requisition"
    KEY: ClassVar[tuple[str, ...]] = ("requisition_id", "line")

    requisition_id: Id
    line: Id
    site: Code
    material_id: MaterialRef
    qty: Quantity
    uom: Uom
    delivery_date: Date | None = None
    created_at: Instant | None = None
    release_state: Code | None = None  # released, waiting
    supplier_id: SupplierRef | None = None
    order_state: Code  # open, converted, closed
    created_by_kind: Code | None = None  # mrp, user, gateway; who it was is personal data and is not kept


@dataclass(frozen=True, slots=True, kw_only=True)
class SupplySource(Record):
    """An approved way to buy a material."""

    ENTITY: ClassVar[str] = "supply_source"
    KEY: ClassVar[tuple[str, ...]] = ("material_id", "supplier_id", "site")

    material_id: MaterialRef
    supplier_id: SupplierRef
    site: Code
    rank: Integer | None = None
    price: Money | None = None
    price_unit: Integer | None = None
    currency: Currency | None = None
    uom: Uom | None = None
    min_order_qty: Quantity | None = None
    lead_time_days: Integer | None = None
    valid_to: Date | None = None
    blocked: Flag | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class GoodsReceipt(Record):
    """One receipt for a purchase order line; what came back out is negative."""

    ENTITY: ClassVar[str] = "goods_receipt"
    KEY: ClassVar[tuple[str, ...]] = ("purchase_order_id", "line", "sequence")

    purchase_order_id: PurchaseOrderRef
    line: Id
    sequence: Integer
    site: Code
    supplier_id: SupplierRef | None = None
    posted_on: Date
    qty: Quantity
    uom: Uom
    lot_id: LotRef | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SupplierInvoice(Record):
    """One line of an invoice from a supplier, with what it was matched to."""

    ENTITY: ClassVar[str] = "supplier_invoice"
    KEY: ClassVar[tuple[str, ...]] = ("invoice_id", "line")

    invoice_id: Id
    line: Id
    site: Code
    supplier_id: SupplierRef
    purchase_order_id: PurchaseOrderRef | None = None
    purchase_order_line: Id | None = None
    posted_on: Date | None = None
    qty: Quantity | None = None
    uom: Uom | None = None
    price: Money | None = None  # per `price_unit` of `uom`
    price_unit: Integer | None = None
    amount: Money
    currency: Currency
    supplier_reference: OutsiderText | None = None  # the supplier's own invoice number
    invoice_state: Code  # parked, posted, paid, cancelled
    block_code: Code | None = None  # why it is parked, as the system says: qty, price, no_receipt, duplicate
