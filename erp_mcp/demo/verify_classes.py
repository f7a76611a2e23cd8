"""Every exception class, counted from the two systems alone and compared with what was planted."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Final

from erp_mcp.demo import verify_planning

# class → statement over the ERP (schema erp) and the MES; :today, :clock, :soon and :old are bound. A statement says
# by its own condition what the class is, so a row that fell into it by accident is found.
_STATEMENTS: Final = {
    "sales_line_open": "SELECT so_no || '/' || item_no FROM erp.so_item WHERE stat = 'OPEN'",
    "sales_line_late": "SELECT so_no || '/' || item_no FROM erp.so_item WHERE stat = 'OPEN' AND conf_date > req_date",
    "sales_line_cancelled": "SELECT so_no || '/' || item_no FROM erp.so_item WHERE stat = 'CANC'",
    "sales_line_partly_delivered":
        "SELECT so_no || '/' || item_no FROM erp.so_item WHERE stat = 'OPEN' AND qty_dlv <> '0.000'",
    "po_promise_moved":
        "SELECT po_no || '/' || item_no FROM erp.po_item WHERE stat = 'OPEN' AND promise > first_promise",
    "po_promise_earlier":
        "SELECT po_no || '/' || item_no FROM erp.po_item WHERE stat = 'OPEN' AND promise < first_promise",
    "po_overdue": "SELECT po_no || '/' || item_no FROM erp.po_item WHERE stat = 'OPEN' AND promise < :today",
    "po_unconfirmed": "SELECT po_no || '/' || item_no FROM erp.po_item WHERE stat = 'OPEN' AND conf_flag = 0",
    "po_unconfirmed_soon":
        "SELECT po_no || '/' || item_no FROM erp.po_item WHERE stat = 'OPEN' AND conf_flag = 0 AND promise <= :soon",
    "po_partly_received": "SELECT po_no || '/' || item_no FROM erp.po_item WHERE stat = 'OPEN' AND qty_recv <> '0.000'",
    "po_cancelled": "SELECT po_no || '/' || item_no FROM erp.po_item WHERE stat = 'CANC'",
    "po_recreated":
        "SELECT n.po_no || '/' || n.item_no FROM erp.po_item n JOIN erp.po_item c ON c.stat = 'CANC' "
        "AND n.stat = 'OPEN' AND (n.mat_no, n.plant, n.vendor_no, n.qty_ord, n.req_date) = "
        "(c.mat_no, c.plant, c.vendor_no, c.qty_ord, c.req_date) AND n.ordered_on > c.ordered_on",
    "lot_in_inspection": "SELECT lot_no FROM erp.batch WHERE disp = 'I'",
    "lot_expiring":
        "SELECT s.lot_no FROM erp.stock_qty s JOIN erp.batch b ON b.lot_no = s.lot_no "
        "WHERE b.expires_on <= date(:today, '+30 days')",
    "material_bought_in_other_unit": "SELECT mat_no FROM erp.mat_unit",
    "delivery_without_proof":
        "SELECT dlv_no || '/' || item_no FROM erp.dlv_item WHERE gi_act < date(:today, '-7 days') AND pod = 0",
    "return_open": "SELECT rma_no || '/' || item_no FROM erp.rma_item WHERE stat <> 'CLSD'",
    "return_traceable":
        "SELECT rma_no || '/' || item_no FROM erp.rma_item WHERE lot_no IN (SELECT out_lot FROM erp.lot_trace)",
    "order_count_differs":
        "SELECT h.ord_no FROM job j JOIN erp.prod_head h ON h.ord_no = printf('%012d', j.order_no) "
        "WHERE j.state = 'DONE' AND (j.good_qty, j.scrap_qty) <> (h.qty_yield, h.qty_scrap)",
    "maintenance_done_late":
        "SELECT mnt_no FROM erp.maint_order WHERE mnt_type = 'PM02' AND stat = 'CMPL' "
        "AND substr(done_at, 1, 10) > finish_plan",
    "inspection_overdue": "SELECT insp_no FROM erp.insp_lot WHERE stat = 'OPEN' AND due_at < :clock",
    "requisition_waiting_14d":
        "SELECT pr_no FROM erp.pr_item WHERE stat = 'OPEN' AND release_ind = 'W' AND created_at < :old",
    "maintenance_overdue":
        "SELECT mnt_no FROM erp.maint_order WHERE mnt_type = 'PM02' AND stat <> 'CMPL' AND finish_plan < :today",
    "rework_order": "SELECT ord_no FROM erp.prod_head WHERE ord_type = 'RW01'",
    "invoice_price":
        "SELECT i.inv_no FROM erp.vend_inv i JOIN erp.po_item p ON p.po_no = i.po_no AND p.item_no = i.po_item "
        "WHERE i.price <> p.price",
    "invoice_qty":
        "SELECT i.inv_no FROM erp.vend_inv i JOIN erp.po_item p ON p.po_no = i.po_no AND p.item_no = i.po_item "
        "WHERE i.qty <> p.qty_recv AND p.qty_recv <> '0.000'",
    "invoice_norec":
        "SELECT i.inv_no FROM erp.vend_inv i JOIN erp.po_item p ON p.po_no = i.po_no AND p.item_no = i.po_item "
        "WHERE p.qty_recv = '0.000'",
    "invoice_dup":
        "SELECT inv_no FROM (SELECT inv_no, row_number() OVER (PARTITION BY po_no, po_item, ext_ref ORDER BY inv_no) "
        "AS copy FROM erp.vend_inv) WHERE copy > 1",
    "machine_down_now":
        "SELECT DISTINCT e.erp_wc FROM stop_event s JOIN equipment e ON e.eq_id = s.eq_id WHERE s.ended_at IS NULL",
    "job_over_48h":
        "SELECT job_no FROM job WHERE state = 'RUN' AND began_at < strftime('%Y-%m-%dT%H:%M:%SZ', :clock, '-48 hours')",
    "hostile_text":
        "SELECT qn_no FROM erp.qual_notif WHERE lower(descr) LIKE '%previous instructions%' "
        "UNION SELECT po_no || '/' || item_no FROM erp.po_item WHERE lower(memo) LIKE '%previous instructions%'",
}  # fmt: skip
_LOT_STATEMENTS: Final = {
    "lot_on_hold": "SELECT lot_no FROM erp.batch WHERE disp = 'R'",
    "blocked stock": "SELECT lot_no FROM erp.stock_qty WHERE stk_type = 'S'",
    "open hold": "SELECT lot_no FROM erp.qual_notif WHERE hold_flag = 1 AND stat <> 'NOCO'",
}
_DIFFERENCES: Final = """
    WITH booked AS (
        SELECT 'MB-' || lot_no AS batch, sum(CAST(replace(qty, '.', '') AS INTEGER)) AS qty
          FROM erp.stock_qty GROUP BY lot_no
    ), counted AS (
        SELECT batch_no AS batch, sum(CAST(replace(qty, '.', '') AS INTEGER)) AS qty FROM bin_stock GROUP BY batch_no
    ), flying AS (
        SELECT batch_no AS batch, sum(CAST(replace(qty, '.', '') AS INTEGER)) AS qty FROM outbound_msg GROUP BY batch_no
    )
    SELECT substr(b.batch, 4), b.qty, coalesce(c.qty, 0), coalesce(f.qty, 0)
      FROM booked b LEFT JOIN counted c ON c.batch = b.batch LEFT JOIN flying f ON f.batch = b.batch
"""
_SAFETY: Final = """
    WITH stocked AS (
        SELECT mat_no, plant, sum(CAST(replace(qty, '.', '') AS INTEGER)) AS qty
          FROM erp.stock_qty WHERE stk_type = 'F' GROUP BY mat_no, plant
    ), held AS (
        SELECT mat_no, plant, sum(CAST(replace(qty, '.', '') AS INTEGER)) AS qty FROM erp.resv GROUP BY mat_no, plant
    )
    SELECT p.mat_no, CAST(replace(p.safety_qty, '.', '') AS INTEGER), coalesce(s.qty, 0), coalesce(h.qty, 0)
      FROM erp.mat_plant p LEFT JOIN stocked s ON s.mat_no = p.mat_no AND s.plant = p.plant
      LEFT JOIN held h ON h.mat_no = p.mat_no AND h.plant = p.plant
"""


def differences(
    erp_path: Path, mes_path: Path, clock: str, planted: dict[str, set[str]], awaited: set[str]
) -> list[str]:
    """Return one sentence for every exception class whose members are not the planted ones.

    Args:
        erp_path: The ERP's database.
        mes_path: The MES's database.
        clock: The frozen instant, UTC.
        planted: Members by class, as the truth tells them; a class that nothing here counts is reported too.
        awaited: Purchase lines, as number/item, that are the cause of a late order.
    """
    with closing(sqlite3.connect(f"file:{mes_path}?mode=ro", uri=True)) as both:
        both.execute("ATTACH DATABASE ? AS erp", (f"file:{erp_path}?mode=ro",))
        days = both.execute(
            "SELECT date(?, '+14 days'), strftime('%Y-%m-%dT%H:%M:%SZ', ?, '-14 days')", (clock, clock)
        ).fetchone()
        bound = {"today": clock[:10], "clock": clock, "soon": days[0], "old": days[1]}
        counted = [*_members(both, bound), *_by_cause(both, awaited), *verify_planning.classes(both, bound["today"])]
    found = [sentence for name, members in counted for sentence in _compare(name, members, planted)]
    return found + [f"class {name} is counted by nobody" for name in sorted(planted.keys() - dict(counted).keys())]


def _by_cause(both: sqlite3.Connection, awaited: set[str]) -> Iterator[tuple[str, set[str]]]:
    """Yield the classes that follow from what late orders wait for."""
    moved = {str(id_) for (id_,) in both.execute(_STATEMENTS["po_promise_moved"])}
    yield "po_promise_moved_harmless", moved - awaited
    elsewhere = both.execute(
        "SELECT DISTINCT p.po_no || '/' || p.item_no, p.mat_no FROM erp.po_item p JOIN erp.stock_qty s "
        "ON s.mat_no = p.mat_no AND s.plant <> p.plant AND s.stk_type = 'F' "
        "AND s.lot_no NOT IN (SELECT lot_no FROM erp.resv)"
    )
    yield "material_free_elsewhere", {str(material) for line, material in elsewhere if line in awaited}


def _compare(name: str, members: set[str], planted: dict[str, set[str]]) -> Iterator[str]:
    wanted = planted.get(name, set())
    if members != wanted:
        yield f"class {name} has {len(members - wanted)} members by accident and misses {len(wanted - members)}"


def _members(both: sqlite3.Connection, bound: dict[str, str]) -> Iterator[tuple[str, set[str]]]:
    for name, statement in _STATEMENTS.items():
        named = {key: value for key, value in bound.items() if f":{key}" in statement}
        yield name, {str(id_) for (id_,) in both.execute(statement, named)}
    for statement in _LOT_STATEMENTS.values():
        yield "lot_on_hold", {str(id_) for (id_,) in both.execute(statement)}
    explained, unexplained = set(), set()
    for lot, booked, counted, flying in both.execute(_DIFFERENCES):
        gap = counted - booked
        if gap and gap == flying:
            explained.add(lot)
        elif gap or flying:
            unexplained.add(lot)
    yield "difference_explained", explained
    yield "difference_unexplained", unexplained
    rows = both.execute(_SAFETY).fetchall()
    yield "material_under_safety", {material for material, kept, on_hand, _ in rows if on_hand < kept}
    # The other reading of the same class, free stock against safety stock, has to give the same materials.
    yield "material_under_safety", {material for material, kept, on_hand, held in rows if on_hand - held < kept}
