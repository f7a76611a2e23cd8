"""Order to cash: what customers ordered and what was shipped to them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from erp_mcp.domain.entities.fields import (
    Code,
    Currency,
    CustomerRef,
    Date,
    Flag,
    Id,
    Instant,
    LotRef,
    MaterialRef,
    Money,
    OutsiderText,
    Quantity,
    Record,
    SalesOrderRef,
    Text,
    Uom,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Customer(Record):
    """A party that orders from us."""

    ENTITY: ClassVar[str] = "customer"
    KEY: ClassVar[tuple[str, ...]] = ("customer_id",)

    customer_id: Id
    name: Text | None = None
    country: Code | None = None
    priority: Code | None = None  # A, B, C
    credit_status: Code | None = None  # released, blocked


@dataclass(frozen=True, slots=True, kw_only=True)
class SalesOrder(Record):
    """Header of a sales order."""

    ENTITY: ClassVar[str] = "sales_order"
    KEY: ClassVar[tuple[str, ...]] = ("sales_order_id",)

    sales_order_id: Id
    company_code: Code | None = None
    site: Code
    customer_id: CustomerRef
    customer_reference: OutsiderText | None = None  # the customer's own order number
    order_date: Date | None = None
    incoterms: Code | None = None
    net_value: Money | None = None
    currency: Currency | None = None
    credit_status: Code | None = None  # released, blocked
    delivery_block: Code | None = None
    order_state: Code  # open, closed, cancelled
    native_state: Code | None = None
    note: OutsiderText | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SalesOrderLine(Record):
    """One line of a sales order; `docs/late-orders.md` says when it is late."""

    ENTITY: ClassVar[str] = "sales_order_line"
    KEY: ClassVar[tuple[str, ...]] = ("sales_order_id", "line")

    sales_order_id: SalesOrderRef
    line: Id
    site: Code
    customer_id: CustomerRef
    material_id: MaterialRef
    qty_ordered: Quantity
    qty_confirmed: Quantity | None = None
    qty_delivered: Quantity
    qty_open: Quantity  # ordered minus delivered, floored at zero
    uom: Uom
    requested_date: Date
    confirmed_date: Date | None = None  # what the ERP promises today
    net_value: Money | None = None
    open_value: Money | None = None
    currency: Currency | None = None
    credit_status: Code | None = None
    delivery_block: Code | None = None
    order_state: Code  # open, closed, cancelled
    native_state: Code | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery(Record):
    """One line of an outbound delivery."""

    ENTITY: ClassVar[str] = "delivery"
    KEY: ClassVar[tuple[str, ...]] = ("delivery_id", "line")

    delivery_id: Id
    line: Id
    site: Code
    sales_order_id: SalesOrderRef
    sales_order_line: Id
    material_id: MaterialRef
    qty: Quantity
    uom: Uom
    planned_goods_issue: Date | None = None
    actual_goods_issue: Date | None = None
    pick_status: Code | None = None  # open, picked
    picked_at: Instant | None = None
    carrier: Text | None = None
    tracking_id: Id | None = None
    delivered: Flag | None = None
    delivered_on: Date | None = None  # proof of delivery
    lot_id: LotRef | None = None  # what was sent, where lots are kept


@dataclass(frozen=True, slots=True, kw_only=True)
class CustomerInvoice(Record):
    """One line of an invoice to a customer."""

    ENTITY: ClassVar[str] = "customer_invoice"
    KEY: ClassVar[tuple[str, ...]] = ("invoice_id", "line")

    invoice_id: Id
    line: Id
    site: Code
    sales_order_id: SalesOrderRef
    sales_order_line: Id
    invoice_date: Date | None = None
    amount: Money
    currency: Currency


@dataclass(frozen=True, slots=True, kw_only=True)
class RefundRequest(Record):
    """A request to pay a customer back; the payment itself is made elsewhere."""

    ENTITY: ClassVar[str] = "refund_request"
    KEY: ClassVar[tuple[str, ...]] = ("refund_request_id",)

    refund_request_id: Id
    site: Code
    customer_id: CustomerRef
    sales_order_id: SalesOrderRef
    sales_order_line: Id
    return_id: Id | None = None
    amount: Money
    currency: Currency
    reason_code: Code | None = None
    created_on: Date | None = None
    order_state: Code  # open, approved, rejected
    native_state: Code | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CustomerReturn(Record):
    """One line of what a customer sent back."""

    ENTITY: ClassVar[str] = "customer_return"
    KEY: ClassVar[tuple[str, ...]] = ("return_id", "line")

    return_id: Id
    line: Id
    site: Code
    customer_id: CustomerRef
    sales_order_id: SalesOrderRef | None = None
    sales_order_line: Id | None = None
    material_id: MaterialRef
    lot_id: LotRef | None = None
    qty: Quantity
    uom: Uom
    created_on: Date | None = None
    reason_code: Code | None = None
    disposition: Code | None = None  # what becomes of it: pending, restock, repair, scrap, credit_only
    order_state: Code  # open, received, closed
    native_state: Code | None = None
    note: OutsiderText | None = None
