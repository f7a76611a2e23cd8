"""Procure to pay: native tables of the demo ERP, one row type each; the leading fields are the primary key."""

from __future__ import annotations

from typing import NamedTuple


class VendorRow(NamedTuple):
    """Table `vendor`."""

    vendor_no: str
    name1: str
    country: str
    tax_no: str
    purch_block: int
    pay_terms: str
    changed_at: str


class PurchaseHeadRow(NamedTuple):
    """Table `po_head`."""

    po_no: str
    company: str
    plant: str
    vendor_no: str
    ordered_on: str
    curr: str
    changed_at: str


class PurchaseItemRow(NamedTuple):
    """Table `po_item`."""

    po_no: str
    item_no: str
    company: str
    plant: str
    vendor_no: str
    mat_no: str
    qty_ord: str
    qty_recv: str
    qty_open: str
    uom: str
    ordered_on: str
    req_date: str
    first_promise: str
    promise: str
    promise_set_at: str | None
    conf_flag: int
    price: str
    price_per: int
    open_value: str
    curr: str
    release_ind: str
    stat: str
    memo: str | None
    changed_at: str


class PartRow(NamedTuple):
    """Table `po_part`: what of a line comes ahead, and when; the rest comes on the line's own date."""

    po_no: str
    item_no: str
    plant: str
    qty: str
    promise: str
    changed_at: str


class ConfirmationRow(NamedTuple):
    """Table `po_conf`: what the supplier promised, oldest first."""

    po_no: str
    item_no: str
    seq: int
    plant: str
    conf_at: str
    promise: str
    qty: str
    uom: str
    reason: str | None
    changed_at: str


class ReceiptRow(NamedTuple):
    """Table `gr_item`: goods receipts of purchase order lines."""

    po_no: str
    item_no: str
    seq: int
    plant: str
    vendor_no: str
    posted_on: str
    qty: str
    uom: str
    lot_no: str
    changed_at: str


class RequisitionRow(NamedTuple):
    """Table `pr_item`; `origin` is MRP, USER or GATE (this gateway)."""

    pr_no: str
    item_no: str
    plant: str
    mat_no: str
    qty: str
    uom: str
    dlv_date: str
    created_at: str
    release_ind: str
    vendor_no: str | None
    stat: str
    origin: str
    changed_at: str


class SourceRow(NamedTuple):
    """Table `source_list`."""

    mat_no: str
    vendor_no: str
    plant: str
    prio: int
    price: str
    price_per: int
    curr: str
    uom: str
    min_qty: str
    lead_days: int
    valid_to: str
    blocked: int
    changed_at: str


class SupplierInvoiceRow(NamedTuple):
    """Table `vend_inv`; `block` says why it is parked."""

    inv_no: str
    item_no: str
    plant: str
    vendor_no: str
    po_no: str
    po_item: str
    posted_on: str
    qty: str
    uom: str
    price: str
    price_per: int
    amount: str
    curr: str
    ext_ref: str
    stat: str
    block: str | None
    changed_at: str


class BudgetRow(NamedTuple):
    """Table `budget`."""

    cost_ctr: str
    period: str
    company: str
    planned: str
    committed: str
    actual: str
    curr: str
    changed_at: str


class BudgetDocumentRow(NamedTuple):
    """Table `bud_doc`: what moved from one cost centre to another."""

    doc_no: str
    company: str
    from_ctr: str
    to_ctr: str
    period: str
    amount: str
    curr: str
    purpose: str
    posted_on: str
    changed_at: str
