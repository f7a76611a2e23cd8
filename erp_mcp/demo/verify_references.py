"""Keys of the two systems: every reference names a row that is there, and no identifier names two things."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from typing import Final

# table, its column(s) → table whose column(s) hold the same values; a row whose columns are empty refers to nothing.
# Where a document repeats what its head, lot or order says already, the repetition is part of the reference.
REFERENCES: Final = (
    ("erp.so_head", "cust_no", "erp.customer", "cust_no"),
    ("erp.so_item", "so_no, cust_no, plant", "erp.so_head", "so_no, cust_no, plant"),
    ("erp.so_item", "mat_no, plant", "erp.mat_plant", "mat_no, plant"),
    ("erp.dlv_item", "so_no, so_item, mat_no, plant", "erp.so_item", "so_no, item_no, mat_no, plant"),
    ("erp.dlv_item", "lot_no, mat_no, plant", "erp.batch", "lot_no, mat_no, plant"),
    ("erp.bill_item", "so_no, so_item", "erp.so_item", "so_no, item_no"),
    ("erp.po_head", "vendor_no", "erp.vendor", "vendor_no"),
    ("erp.po_item", "po_no, vendor_no, plant, company", "erp.po_head", "po_no, vendor_no, plant, company"),
    ("erp.po_item", "mat_no, plant", "erp.mat_plant", "mat_no, plant"),
    ("erp.po_part", "po_no, item_no, plant", "erp.po_item", "po_no, item_no, plant"),
    ("erp.po_conf", "po_no, item_no", "erp.po_item", "po_no, item_no"),
    ("erp.gr_item", "po_no, item_no, vendor_no, plant", "erp.po_item", "po_no, item_no, vendor_no, plant"),
    ("erp.gr_item", "lot_no, plant", "erp.batch", "lot_no, plant"),
    ("erp.vend_inv", "po_no, po_item, vendor_no, plant", "erp.po_item", "po_no, item_no, vendor_no, plant"),
    ("erp.pr_item", "mat_no, plant", "erp.mat_plant", "mat_no, plant"),
    ("erp.pr_item", "vendor_no", "erp.vendor", "vendor_no"),
    ("erp.source_list", "mat_no, plant", "erp.mat_plant", "mat_no, plant"),
    ("erp.source_list", "vendor_no", "erp.vendor", "vendor_no"),
    ("erp.mat_plant", "mat_no", "erp.mat_gen", "mat_no"),
    ("erp.mat_unit", "mat_no, base_uom", "erp.mat_gen", "mat_no, base_uom"),
    ("erp.batch", "mat_no, plant", "erp.mat_plant", "mat_no, plant"),
    ("erp.batch", "vendor_no", "erp.vendor", "vendor_no"),
    ("erp.stock_qty", "lot_no, mat_no, plant", "erp.batch", "lot_no, mat_no, plant"),
    ("erp.resv", "lot_no, mat_no, plant", "erp.batch", "lot_no, mat_no, plant"),
    ("erp.mat_move", "lot_no, mat_no, plant", "erp.batch", "lot_no, mat_no, plant"),
    ("erp.prod_head", "mat_no, plant", "erp.mat_plant", "mat_no, plant"),
    ("erp.prod_head", "so_no, so_item, plant", "erp.so_item", "so_no, item_no, plant"),
    ("erp.prod_head", "parent_ord, plant", "erp.prod_head", "ord_no, plant"),
    ("erp.prod_comp", "ord_no, plant", "erp.prod_head", "ord_no, plant"),
    ("erp.prod_comp", "mat_no, plant", "erp.mat_plant", "mat_no, plant"),
    ("erp.prod_comp", "supply_ord, mat_no, ord_no", "erp.prod_head", "ord_no, mat_no, parent_ord"),
    ("erp.prod_op", "ord_no, plant", "erp.prod_head", "ord_no, plant"),
    ("erp.prod_op", "wc_no, plant", "erp.work_ctr", "wc_no, plant"),
    ("erp.work_ctr", "alt_wc, plant", "erp.work_ctr", "wc_no, plant"),
    ("erp.bom_item", "mat_no", "erp.mat_gen", "mat_no"), ("erp.bom_item", "comp_no", "erp.mat_gen", "mat_no"),
    ("erp.routing_op", "mat_no", "erp.mat_gen", "mat_no"), ("erp.routing_op", "wc_no", "erp.work_ctr", "wc_no"),
    ("erp.maint_order", "wc_no, plant", "erp.work_ctr", "wc_no, plant"),
    ("erp.mnt_notif", "wc_no, plant", "erp.work_ctr", "wc_no, plant"),
    ("erp.mnt_notif", "mnt_no, asset_no", "erp.maint_order", "mnt_no, asset_no"),
    ("erp.qual_notif", "mat_no, plant", "erp.mat_plant", "mat_no, plant"),
    ("erp.qual_notif", "lot_no, mat_no, plant", "erp.batch", "lot_no, mat_no, plant"),
    ("erp.insp_lot", "lot_no, mat_no, plant", "erp.batch", "lot_no, mat_no, plant"),
    ("erp.rma_item", "so_no, so_item, mat_no, plant, cust_no", "erp.so_item", "so_no, item_no, mat_no, plant, cust_no"),
    ("erp.rma_item", "lot_no, mat_no, plant", "erp.batch", "lot_no, mat_no, plant"),
    ("erp.rma_item", "lot_no, so_no, so_item", "erp.dlv_item", "lot_no, so_no, so_item"),
    ("erp.cr_req", "so_no, so_item, plant, cust_no", "erp.so_item", "so_no, item_no, plant, cust_no"),
    ("erp.cr_req", "rma_no, so_no, so_item", "erp.rma_item", "rma_no, so_no, so_item"),
    ("erp.pln_ord", "mat_no, plant", "erp.mat_plant", "mat_no, plant"),
    ("erp.mrp_msg", "mat_no, plant, planner", "erp.mat_plant", "mat_no, plant, planner"),
    ("erp.wc_cap", "wc_no, plant", "erp.work_ctr", "wc_no, plant"),
    ("erp.op_conf", "ord_no, op_no, plant", "erp.prod_op", "ord_no, op_no, plant"),
    ("erp.mat_move", "rev_doc, lot_no", "erp.mat_move", "doc_no, lot_no"),
    ("erp.lot_trace", "in_lot", "erp.batch", "lot_no"), ("erp.lot_trace", "out_lot", "erp.batch", "lot_no"),
    ("erp.lot_trace", "ord_no", "erp.prod_head", "ord_no"),
    ("equipment", "erp_wc, plant", "erp.work_ctr", "wc_no, plant"),
    ("job", "printf('%012d', order_no), op_no, plant", "erp.prod_op", "ord_no, op_no, plant"),
    ("job", "printf('%012d', order_no), mat_no", "erp.prod_head", "ord_no, mat_no"),
    ("job", "eq_id, plant", "equipment", "eq_id, plant"),
    ("stop_event", "eq_id, plant", "equipment", "eq_id, plant"),
    ("shift_log", "eq_id", "equipment", "eq_id"), ("machine_state", "eq_id", "equipment", "eq_id"),
    ("bin_stock", "substr(batch_no, 4), mat_no, plant", "erp.batch", "lot_no, mat_no, plant"),
    ("outbound_msg", "substr(batch_no, 4), mat_no, plant", "erp.batch", "lot_no, mat_no, plant"),
)  # fmt: skip
# The same for columns that refer to one table or another: the condition says which.
_CONDITIONAL: Final = (
    ("erp.resv", "dem_no, dem_item, mat_no, plant", "erp.prod_comp", "ord_no, item_no, mat_no, plant",
     "dem_type = 'PRD'"),
    ("erp.resv", "dem_no, dem_item, mat_no, plant", "erp.so_item", "so_no, item_no, mat_no, plant",
     "dem_type <> 'PRD'"),
    ("erp.mat_move", "ref_no, ref_item", "erp.po_item", "po_no, item_no", "mv_code = '101'"),
    ("erp.mat_move", "ref_no, mat_no", "erp.prod_head", "ord_no, mat_no", "mv_code = '131'"),
    ("erp.mat_move", "ref_no, ref_item, mat_no", "erp.prod_comp", "ord_no, item_no, mat_no",
     "mv_code IN ('261', '262')"),
    ("erp.mat_move", "ref_no, ref_item, mat_no", "erp.rma_item", "rma_no, item_no, mat_no",
     "mv_code IN ('651', '553', '321')"),
    ("erp.mrp_msg", "el_no, el_item, mat_no, plant", "erp.po_item", "po_no, item_no, mat_no, plant",
     "el_type = 'PO'"),
    ("erp.mrp_msg", "el_no, el_item, mat_no, plant", "erp.pr_item", "pr_no, item_no, mat_no, plant",
     "el_type = 'PR'"),
    ("erp.mrp_msg", "el_no, mat_no, plant", "erp.prod_head", "ord_no, mat_no, plant", "el_type = 'PRD'"),
    ("erp.mat_move", "ref_no, ref_item, lot_no", "erp.dlv_item", "dlv_no, item_no, lot_no", "mv_code = '601'"),
)  # fmt: skip
# table, column: identifiers of different kinds never collide
_IDENTIFIERS: Final = (
    ("erp.customer", "cust_no"), ("erp.so_head", "so_no"), ("erp.dlv_item", "dlv_no"), ("erp.bill_item", "bill_no"),
    ("erp.rma_item", "rma_no"), ("erp.pln_ord", "pln_no"), ("erp.mrp_msg", "msg_no"), ("erp.op_conf", "conf_no"),
    ("erp.maint_order", "asset_no"),
    ("erp.vendor", "vendor_no"), ("erp.po_head", "po_no"), ("erp.pr_item", "pr_no"), ("erp.mat_gen", "mat_no"),
    ("erp.batch", "lot_no"), ("erp.resv", "resv_no"), ("erp.mat_move", "doc_no"), ("erp.work_ctr", "wc_no"),
    ("erp.prod_head", "ord_no"), ("erp.maint_order", "mnt_no"), ("erp.qual_notif", "qn_no"), ("erp.mnt_notif", "mn_no"),
    ("erp.insp_lot", "insp_no"), ("erp.vend_inv", "inv_no"), ("equipment", "eq_id"), ("job", "job_no"),
    ("stop_event", "event_no"), ("outbound_msg", "msg_no"), ("bin_stock", "batch_no"),
)  # fmt: skip


def unresolved(both: sqlite3.Connection) -> Iterator[str]:
    """Yield one sentence for every reference that names a row which is not there; `both` is the MES with the ERP."""
    for table, columns, target, keys, condition in (*((*one, "1") for one in REFERENCES), *_CONDITIONAL):
        optional = columns.partition(",")[0] if "(" not in columns else "1"
        missing = both.execute(
            f"SELECT count(*) FROM {table} WHERE {condition} AND {optional} IS NOT NULL "
            f"AND ({columns}) NOT IN (SELECT {keys} FROM {target})"
        ).fetchone()[0]
        if missing:
            yield f"{missing} rows of {table} point to no row of {target} by {columns}"


def shared_identifiers(both: sqlite3.Connection) -> Iterator[str]:
    """Yield one sentence for every identifier that two kinds of things bear."""
    union = " UNION ALL ".join(
        f"SELECT DISTINCT '{table}' AS kind, {column} AS id FROM {table}" for table, column in _IDENTIFIERS
    )
    for identifier, kinds in both.execute(
        f"SELECT id, group_concat(kind) FROM ({union}) GROUP BY id HAVING count(*) > 1"
    ):
        yield f"identifier {identifier} is used by {kinds}"
