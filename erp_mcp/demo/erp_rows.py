"""Native tables of the demo ERP, one row type each; the first `KEY` fields are the primary key.

The names are those of an ERP, on purpose not the canonical ones: the profile `systems/demo-erp.yaml` maps them.
Quantities and money are decimal strings, dates are local, instants are UTC. `changed_at` is the watermark.
"""

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
    """Table `dlv_item`."""

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


class VendorRow(NamedTuple):
    """Table `vendor`."""

    vendor_no: str
    name1: str
    country: str
    tax_no: str
    purch_block: int
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
    """Table `pr_item`."""

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


class MaterialRow(NamedTuple):
    """Table `mat_gen`."""

    mat_no: str
    descr: str
    mat_type: str
    base_uom: str
    mat_stat: str
    changed_at: str


class MaterialPlantRow(NamedTuple):
    """Table `mat_plant`."""

    mat_no: str
    plant: str
    safety_qty: str
    proc_type: str
    lead_days: int
    planner: str
    changed_at: str


class UnitRow(NamedTuple):
    """Table `mat_unit`: `num` base units are `den` of `alt_uom`."""

    mat_no: str
    alt_uom: str
    base_uom: str
    num: int
    den: int
    changed_at: str


class LotRow(NamedTuple):
    """Table `batch`."""

    lot_no: str
    mat_no: str
    plant: str
    disp: str
    expires_on: str | None
    vendor_no: str | None
    vendor_lot: str | None
    changed_at: str


class StockRow(NamedTuple):
    """Table `stock_qty`: the sum of `mat_move`, kept."""

    mat_no: str
    plant: str
    sloc: str
    lot_no: str
    stk_type: str
    qty: str
    uom: str
    changed_at: str


class ReservationRow(NamedTuple):
    """Table `resv`."""

    resv_no: str
    mat_no: str
    plant: str
    lot_no: str
    dem_type: str
    dem_no: str
    dem_item: str
    qty: str
    uom: str
    need_date: str
    changed_at: str


class MovementRow(NamedTuple):
    """Table `mat_move`: signed quantities, one side of a movement per row."""

    doc_no: str
    item_no: str
    mv_code: str
    mat_no: str
    plant: str
    sloc: str
    lot_no: str
    stk_type: str
    qty: str
    uom: str
    ref_type: str
    ref_no: str
    ref_item: str
    posted_at: str
    changed_at: str


class WorkCenterRow(NamedTuple):
    """Table `work_ctr`."""

    wc_no: str
    plant: str
    descr: str
    area: str
    alt_wc: str | None
    changed_at: str


class OrderRow(NamedTuple):
    """Table `prod_head`."""

    ord_no: str
    plant: str
    mat_no: str
    qty_plan: str
    qty_yield: str
    qty_scrap: str
    uom: str
    start_basic: str
    finish_basic: str
    start_sched: str
    finish_sched: str
    stat: str
    so_no: str | None
    so_item: str | None
    parent_ord: str | None
    ord_type: str
    changed_at: str


class ComponentRow(NamedTuple):
    """Table `prod_comp`."""

    ord_no: str
    item_no: str
    plant: str
    mat_no: str
    qty_req: str
    qty_wd: str
    qty_open: str
    uom: str
    need_date: str
    supply_ord: str | None
    changed_at: str


class OperationRow(NamedTuple):
    """Table `prod_op`."""

    ord_no: str
    op_no: str
    plant: str
    wc_no: str
    start_at: str
    finish_at: str
    stat: str
    changed_at: str


class BomRow(NamedTuple):
    """Table `bom_item`."""

    mat_no: str
    item_no: str
    comp_no: str
    qty_per: str
    uom: str
    valid_from: str
    changed_at: str


class RoutingRow(NamedTuple):
    """Table `routing_op`."""

    mat_no: str
    op_no: str
    wc_no: str
    setup_min: int
    run_sec: int
    changed_at: str


class MaintenanceRow(NamedTuple):
    """Table `maint_order`."""

    mnt_no: str
    plant: str
    wc_no: str
    mnt_type: str
    start_plan: str
    finish_plan: str
    stat: str
    down_flag: int
    descr: str
    changed_at: str


class NotificationRow(NamedTuple):
    """Table `qual_notif`."""

    qn_no: str
    plant: str
    qn_type: str
    severity: str
    mat_no: str
    lot_no: str | None
    defect: str
    hold_flag: int
    opened_at: str
    stat: str
    owner_role: str
    descr: str
    changed_at: str


class InspectionRow(NamedTuple):
    """Table `insp_lot`."""

    insp_no: str
    plant: str
    mat_no: str
    lot_no: str
    origin: str
    qty: str
    uom: str
    due_at: str
    stat: str
    changed_at: str


class GenealogyRow(NamedTuple):
    """Table `lot_trace`: what went into an output lot."""

    out_lot: str
    in_lot: str
    ord_no: str
    qty: str
    uom: str
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


class DeletionRow(NamedTuple):
    """Table `deletion_log`: rows that are gone."""

    table_name: str
    key: str
    deleted_at: str


# table → row type and the number of leading fields that make its primary key
ERP_TABLES: dict[str, tuple[type[NamedTuple], int]] = {
    "customer": (CustomerRow, 1),
    "so_head": (SalesHeadRow, 1),
    "so_item": (SalesItemRow, 2),
    "dlv_item": (DeliveryRow, 2),
    "bill_item": (BillingRow, 2),
    "vendor": (VendorRow, 1),
    "po_head": (PurchaseHeadRow, 1),
    "po_item": (PurchaseItemRow, 2),
    "po_conf": (ConfirmationRow, 3),
    "gr_item": (ReceiptRow, 3),
    "pr_item": (RequisitionRow, 2),
    "source_list": (SourceRow, 3),
    "mat_gen": (MaterialRow, 1),
    "mat_plant": (MaterialPlantRow, 2),
    "mat_unit": (UnitRow, 2),
    "batch": (LotRow, 1),
    "stock_qty": (StockRow, 5),
    "resv": (ReservationRow, 1),
    "mat_move": (MovementRow, 2),
    "work_ctr": (WorkCenterRow, 1),
    "prod_head": (OrderRow, 1),
    "prod_comp": (ComponentRow, 2),
    "prod_op": (OperationRow, 2),
    "bom_item": (BomRow, 2),
    "routing_op": (RoutingRow, 2),
    "maint_order": (MaintenanceRow, 1),
    "qual_notif": (NotificationRow, 1),
    "insp_lot": (InspectionRow, 1),
    "lot_trace": (GenealogyRow, 3),
    "vend_inv": (SupplierInvoiceRow, 2),
    "budget": (BudgetRow, 2),
    "deletion_log": (DeletionRow, 2),
}
