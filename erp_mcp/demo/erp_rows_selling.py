"""Order to cash: native tables of the demo ERP, one row type each; the leading fields are the primary key."""

from __future__ import annotations

from typing import NamedTuple


class CustomerRow(NamedTuple):
    """Table `customer`."""

    cust_no: str
    name1: str
    country: str
    abc_class: str
    credit_flag: str
    changed_at: str


class SalesHeadRow(NamedTuple):
    """Table `so_head`."""

    so_no: str
    company: str
    plant: str
    cust_no: str
    cust_po: str
    ordered_on: str
    incoterm: str
    net_value: str
    curr: str
    credit_flag: str
    dlv_block: str | None
    stat: str
    memo: str | None
    changed_at: str


class SalesItemRow(NamedTuple):
    """Table `so_item`."""

    so_no: str
    item_no: str
    plant: str
    cust_no: str
    mat_no: str
    qty_ord: str
    qty_conf: str
    qty_dlv: str
    qty_open: str
    uom: str
    req_date: str
    conf_date: str
    net_value: str
    open_value: str
    curr: str
    credit_flag: str
    dlv_block: str | None
    stat: str
    changed_at: str


class DeliveryRow(NamedTuple):
    """Table `dlv_item`; `pod` and `pod_on` are the proof of delivery."""

    dlv_no: str
    item_no: str
    plant: str
    so_no: str
    so_item: str
    mat_no: str
    qty: str
    uom: str
    gi_plan: str
    gi_act: str | None
    pick_stat: str
    picked_at: str | None
    carrier: str
    track_no: str
    pod: int
    pod_on: str | None
    lot_no: str
    changed_at: str


class BillingRow(NamedTuple):
    """Table `bill_item`: invoices to customers."""

    bill_no: str
    item_no: str
    plant: str
    so_no: str
    so_item: str
    billed_on: str
    amount: str
    curr: str
    changed_at: str


class ReturnRow(NamedTuple):
    """Table `rma_item`: what customers sent back, or said that they will."""

    rma_no: str
    item_no: str
    plant: str
    cust_no: str
    so_no: str
    so_item: str
    mat_no: str
    lot_no: str | None
    qty: str
    uom: str
    created_on: str
    reason: str
    disp: str
    stat: str
    memo: str | None
    changed_at: str


class CreditRequestRow(NamedTuple):
    """Table `cr_req`: requests to credit a customer; `stat` is REQ until finance decides, then APPR or REJ."""

    cr_no: str
    plant: str
    cust_no: str
    so_no: str
    so_item: str
    rma_no: str | None
    amount: str
    curr: str
    reason: str
    created_on: str
    stat: str
    changed_at: str
