"""Planning checked from the native tables alone: messages, planned orders, capacity, and what was reported as done.

What a supply is needed for is found by running totals: it covers the first demand up to which the demands exceed all
that comes before it.
"""

from __future__ import annotations

import sqlite3
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterator
from datetime import date
from itertools import accumulate
from typing import Final

from erp_mcp.demo.verify_view import milli

_EARLY_DAYS: Final = 10
_CODES: Final = {"overdue": "07", "reschedule_in": "10", "reschedule_out": "15", "cancel": "20"}
_DEMANDS: Final = """
    SELECT c.mat_no, c.plant, max(c.need_date, :today) AS day, c.qty_open FROM erp.prod_comp c
      JOIN erp.prod_head h USING (ord_no)
     WHERE c.supply_ord IS NULL AND h.stat NOT IN ('CNF', 'TECO', 'DLFL')
     UNION ALL SELECT mat_no, plant, max(need_date, :today), qty FROM erp.resv WHERE dem_type = 'SLS'
     UNION ALL SELECT mat_no, plant, :today, safety_qty FROM erp.mat_plant
     ORDER BY day
"""
_SUPPLIES: Final = """
    SELECT mat_no, plant, promise AS day, 'PO' AS kind, po_no AS number, item_no AS item, qty_open AS qty, uom
      FROM erp.po_item WHERE stat = 'OPEN'
     UNION ALL SELECT mat_no, plant, dlv_date, 'PR', pr_no, item_no, qty, uom FROM erp.pr_item WHERE stat = 'OPEN'
     ORDER BY day, kind, number, item
"""
_TO_ORDER: Final = """
    SELECT 'PRD', ord_no, NULL, CASE WHEN finish_sched < :today THEN '07' ELSE '10' END, finish_sched,
           CASE WHEN finish_sched < :today THEN finish_basic ELSE max(finish_basic, :today) END
      FROM erp.prod_head WHERE ord_type = 'PP01' AND stat NOT IN ('CNF', 'TECO', 'DLFL')
       AND (finish_sched < :today OR finish_sched > finish_basic)
"""
_OVERLOADED: Final = """
    WITH load AS (
        SELECT wc_no, date(start_at, 'weekday 0', '-6 days') AS monday, sum(work_min) AS minutes
          FROM erp.prod_op WHERE stat <> 'CNF' GROUP BY 1, 2
    ), room AS (
        SELECT wc_no, date(cap_date, 'weekday 0', '-6 days') AS monday, sum(avail_min) AS minutes
          FROM erp.wc_cap GROUP BY 1, 2
    )
    SELECT l.wc_no || '/' || l.monday FROM load l JOIN room r ON r.wc_no = l.wc_no AND r.monday = l.monday
     WHERE l.minutes > r.minutes
"""
# sentence → statement of what breaks it
_BROKEN: Final = {
    "confirmations of order {} do not add up to its yield":
        "SELECT h.ord_no FROM erp.prod_head h LEFT JOIN (SELECT c.ord_no, sum(CAST(replace(c.qty_yield, '.', '') AS "
        "INTEGER)) AS good FROM erp.op_conf c WHERE c.op_no = (SELECT max(op_no) FROM erp.prod_op o "
        "WHERE o.ord_no = c.ord_no) GROUP BY 1) c ON c.ord_no = h.ord_no "
        "WHERE coalesce(c.good, 0) <> CAST(replace(h.qty_yield, '.', '') AS INTEGER)",
    "confirmations of order {} do not add up to its scrap":
        "SELECT h.ord_no FROM erp.prod_head h LEFT JOIN (SELECT ord_no, sum(CAST(replace(qty_scrap, '.', '') AS "
        "INTEGER)) AS bad FROM erp.op_conf GROUP BY 1) c ON c.ord_no = h.ord_no "
        "WHERE coalesce(c.bad, 0) <> CAST(replace(h.qty_scrap, '.', '') AS INTEGER)",
    "operation {} is finished and not confirmed, or the other way round":
        "WITH done(id) AS (SELECT ord_no || '/' || op_no FROM erp.prod_op WHERE stat = 'CNF'), "
        "told(id) AS (SELECT ord_no || '/' || op_no FROM erp.op_conf WHERE final = 1) "
        "SELECT id FROM (SELECT id FROM done EXCEPT SELECT id FROM told) "
        "UNION SELECT id FROM (SELECT id FROM told EXCEPT SELECT id FROM done)",
    "operation {} has no work left although it is not finished, or the other way round":
        "SELECT ord_no || '/' || op_no FROM erp.prod_op WHERE (stat = 'CNF') <> (work_min = 0)",
    "movement {} was taken back by none that is its opposite":
        "SELECT m.doc_no FROM erp.mat_move m LEFT JOIN erp.mat_move r ON r.doc_no = m.rev_doc AND r.lot_no = m.lot_no "
        "AND (r.ref_no, r.ref_item) = (m.ref_no, m.ref_item) AND r.posted_at > m.posted_at "
        "AND replace(r.qty, '.', '') + replace(m.qty, '.', '') = 0 "
        "WHERE m.rev_doc IS NOT NULL AND r.doc_no IS NULL",
    "movement {} takes back nothing":
        "SELECT doc_no FROM erp.mat_move WHERE mv_code = '262' "
        "AND doc_no NOT IN (SELECT rev_doc FROM erp.mat_move WHERE rev_doc IS NOT NULL)",
    "return {} is of more than was delivered, or was made before":
        "SELECT r.rma_no FROM erp.rma_item r JOIN (SELECT so_no, so_item, max(pod_on) AS proven, "
        "sum(CAST(replace(qty, '.', '') AS INTEGER)) AS qty FROM erp.dlv_item WHERE pod = 1 GROUP BY 1, 2) d "
        "ON d.so_no = r.so_no AND d.so_item = r.so_item "
        "WHERE CAST(replace(r.qty, '.', '') AS INTEGER) > d.qty OR r.created_on <= d.proven",
    "return {} does not stand in stock as its state says":
        "SELECT r.rma_no FROM erp.rma_item r LEFT JOIN (SELECT ref_no, stk_type, "
        "sum(CAST(replace(qty, '.', '') AS INTEGER)) AS qty FROM erp.mat_move WHERE ref_type = 'RMA' GROUP BY 1, 2) m "
        "ON m.ref_no = r.rma_no AND m.stk_type = 'Q' "
        "WHERE coalesce(m.qty, 0) <> iif(r.stat = 'RECV', CAST(replace(r.qty, '.', '') AS INTEGER), 0)",
    "delivery {} was proven before it left, or without having left":
        "SELECT dlv_no FROM erp.dlv_item WHERE pod <> (pod_on IS NOT NULL) OR pod_on <= gi_act "
        "OR (pod = 1 AND gi_act IS NULL)",
    "maintenance order {} has times that its state does not have":
        "SELECT mnt_no FROM erp.maint_order WHERE (stat <> 'OPEN') <> (began_at IS NOT NULL) "
        "OR (stat = 'CMPL') <> (done_at IS NOT NULL) OR done_at < began_at",
    "job {} has a place in the queue although it does not wait, or the other way round":
        "SELECT job_no FROM job WHERE (state = 'QUEUED') <> (prio IS NOT NULL)",
    "work centre {} has a queue with gaps or with two jobs in one place":
        "SELECT eq_id FROM job WHERE state = 'QUEUED' GROUP BY eq_id "
        "HAVING count(DISTINCT prio) <> count(*) OR min(prio) <> 1 OR max(prio) <> count(*)",
}  # fmt: skip

Place = tuple[str, str]
Said = tuple[str, str, str | None, str, str, str | None]  # kind, number, item, code, date, proposed date


def classes(both: sqlite3.Connection, today: str) -> Iterator[tuple[str, set[str]]]:
    """Yield the planning classes with their members, worked out from demands, supplies and operations."""
    wanted = _wanted(both, today)
    for name, code in _CODES.items():
        said = [(number, item) for _, number, item, found, *_ in wanted if found == code]
        yield f"planning_{name}", {f"{number}/{item}" if item else number for number, item in said}
    yield "capacity_overloaded", {str(id_) for (id_,) in both.execute(_OVERLOADED)}


def broken(both: sqlite3.Connection, today: str) -> Iterator[str]:
    """Yield one sentence for every message, planned order, confirmation or movement that does not fit the rest."""
    told = set(both.execute("SELECT el_type, el_no, el_item, code, date_now, date_new FROM erp.mrp_msg").fetchall())
    if told != _wanted(both, today):
        yield f"planning messages differ from the plan in {len(told ^ _wanted(both, today))} places"
    planned: dict[Place, int] = defaultdict(int)
    for material, plant, qty in both.execute("SELECT mat_no, plant, qty FROM erp.pln_ord WHERE firm = 0"):
        planned[material, plant] += milli(qty)
    if planned != _missing(both, today):
        yield "planned orders are not what the demands lack"
    for sentence, statement in _BROKEN.items():
        for (id_,) in both.execute(statement).fetchall():
            yield sentence.format(id_)


def _wanted(both: sqlite3.Connection, today: str) -> set[Said]:
    """Return all messages that the plan calls for."""
    found: set[Said] = set(both.execute(_TO_ORDER, {"today": today}).fetchall())
    most = {
        (material, plant): milli(top) - milli(safety)
        for material, plant, top, safety in both.execute("SELECT mat_no, plant, max_qty, safety_qty FROM erp.mat_plant")
    }
    demands, before = _demands(both, today), _stock(both)
    for material, plant, day, kind, number, item, qty in _supplies(both):
        place = (material, plant)
        days, totals = demands[place]
        first = bisect_right(totals, before[place])
        needed = days[first] if first < len(days) else None
        code = _code(day, needed, today, full=before[place] - (totals or [0])[-1] >= most[place])
        if code:
            found.add((kind, number, item, code, day, None if code == _CODES["cancel"] else needed))
        before[place] += qty
    return found


def _code(day: str, needed: str | None, today: str, *, full: bool) -> str:
    if day < today:
        return _CODES["overdue"]
    if needed is None:
        return _CODES["cancel"] if full else ""
    if needed < day:
        return _CODES["reschedule_in"]
    early = date.fromisoformat(needed) - date.fromisoformat(day)
    return _CODES["reschedule_out"] if early.days > _EARLY_DAYS else ""


def _missing(both: sqlite3.Connection, today: str) -> dict[Place, int]:
    there = _stock(both)
    for material, plant, *_, qty in _supplies(both):
        there[material, plant] += qty
    demands = _demands(both, today)
    return {
        place: totals[-1] - there[place]
        for place, (_, totals) in demands.items()
        if totals and totals[-1] > there[place]
    }


def _demands(both: sqlite3.Connection, today: str) -> dict[Place, tuple[list[str], list[int]]]:
    """Return the days of the demands of each place, and the running total up to each."""
    rows: dict[Place, list[tuple[str, int]]] = defaultdict(list)
    for material, plant, day, qty in both.execute(_DEMANDS, {"today": today}):
        rows[material, plant].append((day, milli(qty)))
    found: dict[Place, tuple[list[str], list[int]]] = defaultdict(lambda: ([], []))
    for place, entries in rows.items():
        found[place] = ([day for day, _ in entries], list(accumulate(qty for _, qty in entries)))
    return found


def _stock(both: sqlite3.Connection) -> dict[Place, int]:
    found: dict[Place, int] = defaultdict(int)
    for material, plant, qty in both.execute("SELECT mat_no, plant, qty FROM erp.stock_qty WHERE stk_type = 'F'"):
        found[material, plant] += milli(qty)
    return found


def _supplies(both: sqlite3.Connection) -> Iterator[tuple[str, str, str, str, str, str, int]]:
    ratio = {
        (material, uom): (num, den)
        for material, uom, num, den in both.execute("SELECT mat_no, alt_uom, num, den FROM erp.mat_unit")
    }
    for material, plant, day, kind, number, item, qty, uom in both.execute(_SUPPLIES).fetchall():
        num, den = ratio.get((material, uom), (1, 1))
        yield material, plant, day, kind, number, item, milli(qty) * num // den
