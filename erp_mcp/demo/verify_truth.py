"""The truth beside the systems: each fact, role and answer of the scoring, worked out again from ERP and MES."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Final

_MATERIAL_CAUSES: Final = "('late_po', 'quality_hold', 'stock_discrepancy')"
_OPEN_LINE: Final = "FROM erp.so_item WHERE so_no = t.sales_order_id AND item_no = t.line"
_PURCHASE: Final = "FROM erp.po_item WHERE po_no = t.purchase_order_id AND item_no = t.purchase_order_line"
_REPAIR: Final = "FROM erp.maint_order WHERE mnt_no = t.maintenance_order_id"
_COMPONENT: Final = "FROM erp.prod_comp WHERE ord_no = t.production_order_id AND mat_no = t.material_id"
_MILLI: Final = "CAST(replace(qty, '.', '') AS INTEGER)"

# column of `truth_late_line` t → statement of what the two systems say; no row means that the column is empty
_FACTS: Final = {
    "site": f"SELECT plant {_OPEN_LINE}",
    "customer_id":
        f"SELECT cust_no {_OPEN_LINE} AND t.root_cause_code IN ('credit_block', 'picked_not_shipped')",
    "production_order_id":
        "SELECT ord_no FROM erp.prod_head WHERE so_no = t.sales_order_id AND so_item = t.line "
        "AND stat NOT IN ('CNF', 'TECO', 'DLFL')",
    "material_id":
        "SELECT CASE t.root_cause_code "
        f"WHEN 'late_po' THEN (SELECT mat_no {_PURCHASE}) WHEN 'machine_down' THEN NULL "
        "WHEN 'upstream_order_late' THEN (SELECT mat_no FROM erp.prod_head WHERE ord_no = t.child_order_id) "
        "WHEN 'quality_hold' THEN (SELECT mat_no FROM erp.batch WHERE lot_no = t.lot_id) "
        "WHEN 'stock_discrepancy' THEN (SELECT mat_no FROM erp.batch WHERE lot_no = t.lot_id) "
        f"ELSE (SELECT mat_no {_OPEN_LINE}) END",
    "supplier_id": f"SELECT vendor_no {_PURCHASE}",
    "original_promise_date": f"SELECT first_promise {_PURCHASE}",
    "promised_date": f"SELECT promise {_PURCHASE}",
    "promise_changed_at": f"SELECT promise_set_at {_PURCHASE}",
    "notification_id":
        "SELECT qn_no FROM erp.qual_notif WHERE lot_no = t.lot_id AND hold_flag = 1 AND stat <> 'NOCO'",
    "work_center_id": f"SELECT wc_no {_REPAIR}",
    "repair_end": f"SELECT finish_plan {_REPAIR}",
    "expected_finish":
        "SELECT expect_end FROM job WHERE state = 'RUN' AND printf('%012d', order_no) = t.child_order_id",
    "qty_erp": "SELECT qty FROM erp.stock_qty WHERE lot_no = t.lot_id AND stk_type = 'F'",
    "qty_mes":
        "SELECT qty FROM bin_stock WHERE batch_no = 'MB-' || t.lot_id AND t.root_cause_code = 'stock_discrepancy'",
    "need_date": f"SELECT min(need_date) {_COMPONENT}",
    "uom":
        "SELECT base_uom FROM erp.mat_gen WHERE mat_no = t.material_id "
        f"AND t.root_cause_code IN {_MATERIAL_CAUSES}",
    "delivery_id":
        "SELECT dlv_no FROM erp.dlv_item WHERE so_no = t.sales_order_id AND so_item = t.line "
        "AND pick_stat = 'C' AND gi_act IS NULL",
}  # fmt: skip
# In thousandths: what of the demand no lot holds, or what the shop floor does not find of the lot that does.
_SHORT: Final = f"""
    SELECT t.role, CAST(replace(t.qty_short, '.', '') AS INTEGER), CASE t.root_cause_code
        WHEN 'stock_discrepancy' THEN
            CAST(replace(t.qty_erp, '.', '') AS INTEGER) - CAST(replace(t.qty_mes, '.', '') AS INTEGER)
        ELSE (SELECT sum(CAST(replace(qty_open, '.', '') AS INTEGER)) {_COMPONENT})
           - (SELECT coalesce(sum({_MILLI}), 0) FROM erp.resv
               WHERE dem_no = t.production_order_id AND mat_no = t.material_id) END
      FROM truth.truth_late_line t WHERE t.root_cause_code IN {_MATERIAL_CAUSES}
"""
# kind of record that a role names → where its identifier stands
_ROLES: Final = {
    "customer": "SELECT cust_no FROM erp.customer",
    "customer_reference": "SELECT cust_po FROM erp.so_head",
    "lot": "SELECT lot_no FROM erp.batch",
    "material": "SELECT mat_no FROM erp.mat_gen",
    "production_order": "SELECT ord_no FROM erp.prod_head",
    "purchase_order_line": "SELECT po_no || '/' || item_no FROM erp.po_item",
    "purchase_requisition": "SELECT pr_no FROM erp.pr_item",
    "quality_notification": "SELECT qn_no FROM erp.qual_notif",
    "sales_order": "SELECT so_no FROM erp.so_head",
    "sales_order_line": "SELECT so_no || '/' || item_no FROM erp.so_item",
    "supplier": "SELECT vendor_no FROM erp.vendor",
}
# question → class of exceptions whose members are its answer; the classes are compared with the systems elsewhere
_CLASSES: Final = {
    "1": "sales_line_late", "17": "po_promise_moved", "18": "po_promise_moved_harmless", "21": "po_unconfirmed_soon",
    "23": "requisition_waiting_14d", "27": "machine_down_now", "28": "job_over_48h", "31": "lot_on_hold",
    "34": "inspection_overdue", "35": "maintenance_overdue",
}  # fmt: skip
# question → (key, value) pairs, whatever their order
_SETS: Final = {
    "2": "SELECT root_cause_code, count(*) FROM truth.truth_late_line GROUP BY 1",
    "10":
        "SELECT so_no, cust_no FROM erp.so_head WHERE cust_po = "
        "(SELECT id FROM truth.truth_role WHERE role = 'ambiguous_reference#1')",
    "15":
        f"SELECT 'RM-013', printf('%d.%03d', free / 1000, free % 1000) FROM (SELECT (SELECT sum({_MILLI}) "
        f"FROM erp.stock_qty WHERE mat_no = 'RM-013' AND stk_type = 'F') - (SELECT coalesce(sum({_MILLI}), 0) "
        "FROM erp.resv WHERE mat_no = 'RM-013') AS free) "
        "UNION SELECT 'uom', base_uom FROM erp.mat_gen WHERE mat_no = 'RM-013'",
    "17":
        "SELECT po_no || '/' || item_no, vendor_no FROM erp.po_item WHERE stat = 'OPEN' AND promise > first_promise",
    "31":
        "SELECT s.lot_no, c.ord_no FROM erp.stock_qty s JOIN erp.prod_comp c ON c.mat_no = s.mat_no "
        "AND c.plant = s.plant AND c.qty_open <> '0.000' "
        "LEFT JOIN erp.resv r ON r.dem_no = c.ord_no AND r.dem_item = c.item_no "
        "WHERE s.stk_type = 'S' AND r.resv_no IS NULL",
    "32":
        "WITH RECURSIVE reached(lot) AS (SELECT id FROM truth.truth_role WHERE role = 'contaminated_lot#1' "
        "UNION SELECT out_lot FROM erp.lot_trace JOIN reached ON in_lot = lot) "
        "SELECT DISTINCT s.cust_no, (SELECT id FROM truth.truth_role WHERE role = 'contaminated_lot#1') "
        "FROM reached JOIN erp.dlv_item d ON d.lot_no = lot AND d.gi_act IS NOT NULL "
        "JOIN erp.so_head s ON s.so_no = d.so_no",
    "13":
        "WITH moved AS (SELECT a.value AS giver, t.* FROM truth.truth_answer a, truth.truth_answer b "
        "JOIN truth.truth_late_line t ON t.production_order_id = b.value "
        "WHERE (a.question, a.key, b.question, b.key) = ('13', 'from', '13', 'to')), "
        "held AS (SELECT m.*, c.need_date AS needed, h.so_no || '/' || h.so_item AS sold FROM moved m "
        "JOIN erp.prod_comp c ON c.ord_no = m.giver AND c.mat_no = m.material_id "
        "JOIN erp.prod_head h ON h.ord_no = m.giver JOIN erp.resv r ON r.dem_no = m.giver AND r.mat_no = m.material_id "
        "WHERE CAST(replace(r.qty, '.', '') AS INTEGER) >= CAST(replace(m.qty_short, '.', '') AS INTEGER)) "
        "SELECT 'material_id', material_id FROM held UNION ALL SELECT 'from', giver FROM held "
        "UNION ALL SELECT 'to', production_order_id FROM held UNION ALL SELECT 'qty', qty_short FROM held "
        "UNION ALL SELECT 'late_line', sold FROM held UNION ALL SELECT 'delta_days', "
        "CAST(julianday(promised_date) - julianday(needed) AS INTEGER) FROM held",
    "37.variance":
        "SELECT curr, printf('%d.%02d', cents / 100, cents % 100) FROM (SELECT i.curr, "
        "sum(CAST(replace(i.amount, '.', '') AS INTEGER) - (2 * CAST(replace(i.qty, '.', '') AS INTEGER) "
        "* CAST(replace(p.price, '.', '') AS INTEGER) + 100000 * p.price_per) / (200000 * p.price_per)) AS cents "
        "FROM erp.vend_inv i JOIN erp.po_item p ON p.po_no = i.po_no AND p.item_no = i.po_item "
        "WHERE i.price <> p.price GROUP BY 1)",
    "37": "SELECT block, count(*) FROM erp.vend_inv WHERE stat = 'PARK' GROUP BY 1",
    "39": "SELECT 'not_found', '0010009999' WHERE '0010009999' NOT IN (SELECT so_no FROM erp.so_head)",
}  # fmt: skip
_BUSIEST: Final = """
    SELECT wc_no, count(*), count(*) FROM erp.prod_op
     WHERE stat = 'CRTD' AND start_at >= :clock
       AND start_at < strftime('%Y-%m-%dT%H:%M:%SZ', :clock, '+14 days')
     GROUP BY 1 ORDER BY 3 DESC, 1
"""
_LATEST_SUPPLIERS: Final = """
    SELECT vendor, printf('%d.%d', rate / 10, rate % 10), rate FROM (
        SELECT p.vendor_no AS vendor,
               (2000 * sum(g.posted_on <= p.first_promise) + count(*)) / (2 * count(*)) AS rate
          FROM erp.gr_item g JOIN erp.po_item p ON p.po_no = g.po_no AND p.item_no = g.item_no
         WHERE g.posted_on >= date(:clock, '-180 days') GROUP BY 1 HAVING count(*) >= 10)
     ORDER BY 3, 1
"""
_LONGEST_STOPS: Final = """
    SELECT reason, sum(lost), sum(lost) FROM (
        SELECT s.reason, (strftime('%s', s.ended_at) - strftime('%s', s.began_at)) / 60 AS lost
          FROM stop_event s JOIN equipment e ON e.eq_id = s.eq_id
         WHERE e.erp_wc = 'CNC-02' AND s.ended_at IS NOT NULL
           AND s.began_at >= strftime('%Y-%m-%dT%H:%M:%SZ', :clock, '-30 days'))
     GROUP BY 1 ORDER BY 3 DESC, 1
"""
# question → how long its answer is, and (key, value, number that ranks it) from the first on, beyond the cut as well
_RANKED: Final = {"16": (5, _BUSIEST), "20": (3, _LATEST_SUPPLIERS), "26": (2, _LONGEST_STOPS)}


def differences(plant_dir: Path, clock: str) -> list[str]:
    """Return one sentence for each place where the truth of a plant does not say what its ERP and MES say.

    Args:
        plant_dir: Holds `erp.sqlite`, `mes.sqlite` and `truth.sqlite`.
        clock: The plant's frozen instant, UTC.

    Returns:
        Sentences about facts of late lines, roles that name nothing, wrong answers, and ranked answers with a tie.
    """
    with closing(sqlite3.connect(f"file:{plant_dir / 'mes.sqlite'}?mode=ro", uri=True)) as systems:
        for name in ("erp", "truth"):
            systems.execute(f"ATTACH DATABASE ? AS {name}", (f"file:{plant_dir / name}.sqlite?mode=ro",))
        return [*_facts(systems), *_roles(systems), *_sets(systems), *_ranked(systems, clock), *_source(systems)]


def _facts(systems: sqlite3.Connection) -> Iterator[str]:
    for column, statement in _FACTS.items():
        wrong = systems.execute(
            f"SELECT role FROM truth.truth_late_line t WHERE {column} IS NOT ({statement}) ORDER BY role"
        )
        for (role,) in wrong.fetchall():
            yield f"the truth about {role} differs from the systems in {column}"
    for role, told, short in systems.execute(_SHORT).fetchall():
        if told != short:
            yield f"the truth about {role} differs from the systems in qty_short"


def _roles(systems: sqlite3.Connection) -> Iterator[str]:
    entities = [entity for (entity,) in systems.execute("SELECT DISTINCT entity FROM truth.truth_role ORDER BY 1")]
    for entity in entities:
        known = _ROLES.get(entity, "SELECT NULL WHERE 0")
        nobody = systems.execute(
            f"SELECT role FROM truth.truth_role WHERE entity = ? AND id NOT IN ({known}) ORDER BY 1", (entity,)
        )
        for (role,) in nobody.fetchall():
            yield f"role {role} names a {entity} that is in no system"


def _sets(systems: sqlite3.Connection) -> Iterator[str]:
    for question, name in _CLASSES.items():
        members = systems.execute("SELECT id FROM truth.truth_exception WHERE class_ = ?", (name,))
        keys = systems.execute("SELECT key FROM truth.truth_answer WHERE question = ?", (question,))
        if sorted(keys) != sorted(members):
            yield f"the answer to question {question} is not class {name}"
    for question, statement in _SETS.items():
        if sorted(_answer(systems, question)) != sorted((str(k), str(v)) for k, v in systems.execute(statement)):
            yield f"the answer to question {question} is not what the systems say"


def _ranked(systems: sqlite3.Connection, clock: str) -> Iterator[str]:
    for question, (length, statement) in _RANKED.items():
        found = systems.execute(statement, {"clock": clock}).fetchall()
        if _answer(systems, question) != [(str(key), str(value)) for key, value, _ in found[:length]]:
            yield f"the answer to question {question} is not what the systems say"
        numbers = [number for *_, number in found[: length + 1]]
        if len(set(numbers)) != len(numbers):
            yield f"the ranked answer to question {question} has a tie"


def _source(systems: sqlite3.Connection) -> Iterator[str]:
    """Compare question 22: of the material's sources the cheapest is blocked, and one alone is the next."""
    rows = systems.execute(
        "SELECT vendor_no, price, curr, blocked, CAST(replace(price, '.', '') AS INTEGER) * 100 / price_per FROM "
        "erp.source_list WHERE mat_no = 'RM-013' ORDER BY 5, 1"
    ).fetchall()
    usable = [row for row in rows if not row[3]]
    if not rows[0][3] or len({row[2] for row in rows}) != 1 or usable[0][4] == usable[1][4]:
        yield "the ranked answer to question 22 has a tie, mixed currencies or a cheapest source that is not blocked"
    if [value for _, value in _answer(systems, "22")] != list(usable[0][:3]):
        yield "the answer to question 22 is not what the systems say"


def _answer(systems: sqlite3.Connection, question: str) -> list[tuple[str, str]]:
    statement = "SELECT key, value FROM truth.truth_answer WHERE question = ? ORDER BY rank"
    return [(str(key), str(value)) for key, value in systems.execute(statement, (question,))]
