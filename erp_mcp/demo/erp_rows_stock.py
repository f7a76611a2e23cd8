"""Materials and stock: native tables of the demo ERP, one row type each; the leading fields are the primary key."""

from __future__ import annotations

from typing import NamedTuple


class MaterialRow(NamedTuple):
    """Table `mat_gen`."""

    mat_no: str
    descr: str
    mat_type: str
    base_uom: str
    mat_stat: str
    changed_at: str


class MaterialPlantRow(NamedTuple):
    """Table `mat_plant`; planning leaves more than `max_qty` alone only where a demand asks for it."""

    mat_no: str
    plant: str
    safety_qty: str
    proc_type: str
    lead_days: int
    planner: str
    max_qty: str
    std_price: str
    price_per: int
    curr: str
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
    """Table `mat_move`: signed quantities, one side of a movement per row; `rev_doc` is the one that took it back."""

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
    rev_doc: str | None
    changed_at: str


class GenealogyRow(NamedTuple):
    """Table `lot_trace`: what went into an output lot."""

    out_lot: str
    in_lot: str
    ord_no: str
    qty: str
    uom: str
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
    """Table `insp_lot`; `ud` is the usage decision."""

    insp_no: str
    plant: str
    mat_no: str
    lot_no: str
    origin: str
    qty: str
    uom: str
    due_at: str
    stat: str
    ud: str | None
    changed_at: str
