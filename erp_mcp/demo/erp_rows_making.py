"""Production and maintenance: native tables of the demo ERP, one row type each; the leading fields are the key."""

from __future__ import annotations

from typing import NamedTuple


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
    """Table `prod_op`; `work_min` is the work still to do."""

    ord_no: str
    op_no: str
    plant: str
    wc_no: str
    start_at: str
    finish_at: str
    stat: str
    work_min: int
    changed_at: str


class BomRow(NamedTuple):
    """Table `bom_item`."""

    mat_no: str
    item_no: str
    comp_no: str
    qty_per: str
    uom: str
    valid_from: str
    valid_to: str | None
    changed_at: str


class RoutingRow(NamedTuple):
    """Table `routing_op`."""

    mat_no: str
    op_no: str
    wc_no: str
    descr: str
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
    asset_no: str
    prio: str
    began_at: str | None
    done_at: str | None
    permit_flag: int
    changed_at: str


class MaintenanceNoticeRow(NamedTuple):
    """Table `mnt_notif`; `witness` says who saw a breakdown, personal data that is mapped nowhere."""

    mn_no: str
    plant: str
    wc_no: str
    asset_no: str
    brk_flag: int
    prio: str
    opened_at: str
    stat: str
    mnt_no: str | None
    descr: str
    witness: str | None
    changed_at: str


class OperationConfirmationRow(NamedTuple):
    """Table `op_conf`: what was reported as done for an operation; the badge is personal data, mapped nowhere."""

    conf_no: str
    ord_no: str
    op_no: str
    plant: str
    conf_at: str
    qty_yield: str
    qty_scrap: str
    uom: str
    final: int
    badge: str
    changed_at: str
