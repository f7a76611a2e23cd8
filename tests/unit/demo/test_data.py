from __future__ import annotations

import sqlite3
from datetime import datetime, timedelta

import pytest

from tests.guarantees import guarantees

# question → size of its answer; the others have an answer of varying size
ANSWERS = {"1": 48, "2": 7, "10": 2, "13": 6, "15": 2, "16": 5, "17": 48, "18": 30, "20": 3, "21": 8, "22": 3, "23": 6,
           "25": 4, "26": 2, "27": 2, "28": 19, "29": 2, "31": 6, "34": 6, "35": 3, "37": 4, "39": 1}  # fmt: skip
CLASSES = {
    "sales_line_open": 260, "sales_line_late": 48, "sales_line_cancelled": 4, "sales_line_partly_delivered": 15,
    "po_promise_moved": 48, "po_promise_moved_harmless": 30, "po_promise_earlier": 4, "po_overdue": 5,
    "po_unconfirmed": 14, "po_unconfirmed_soon": 8, "po_partly_received": 5, "po_cancelled": 6, "po_recreated": 6,
    "material_under_safety": 7, "material_free_elsewhere": 4, "lot_on_hold": 6,
    "lot_in_inspection": 17, "lot_expiring": 5, "inspection_overdue": 6,
    "job_over_48h": 19, "difference_explained": 7, "difference_unexplained": 5, "requisition_waiting_14d": 6,
    "machine_down_now": 2, "maintenance_overdue": 3, "invoice_price": 14, "invoice_qty": 10, "invoice_norec": 7,
    "invoice_dup": 5, "hostile_text": 2, "delivery_without_proof": 4, "return_open": 7, "return_traceable": 9,
    "order_count_differs": 3, "maintenance_done_late": 2, "planning_overdue": 5,
}  # fmt: skip
CAUSES = {"late_po": 18, "machine_down": 9, "quality_hold": 6, "stock_discrepancy": 5, "upstream_order_late": 5,
          "credit_block": 3, "picked_not_shipped": 2}  # fmt: skip


def _one(connection: sqlite3.Connection, statement: str) -> int:
    return int(connection.execute(statement).fetchone()[0])


@guarantees("P7.demo_plant")
def test_every_exception_class_has_the_planted_number(truth: sqlite3.Connection) -> None:
    """An exception that nobody planted would make a right answer look wrong."""
    counts = dict(truth.execute("SELECT class_, count(*) FROM truth_exception GROUP BY 1").fetchall())
    counts.pop("rework_order")  # as many as it takes to give ranked answers strict gaps
    assert counts.pop("material_bought_in_other_unit") >= 3
    # What planning says follows from every date and quantity of a seed, so only the least is the same for all.
    assert counts.pop("planning_reschedule_in") >= CAUSES["late_po"]
    assert counts.pop("planning_reschedule_out") >= 1
    assert counts.pop("planning_cancel") >= 1
    assert counts.pop("capacity_overloaded") >= 1
    assert counts == CLASSES


@guarantees("P7.demo_plant")
def test_every_cause_has_the_planted_number_and_a_role(truth: sqlite3.Connection) -> None:
    """Questions name roles, so each late line carries one, numbered by cause."""
    assert dict(truth.execute("SELECT root_cause_code, count(*) FROM truth_late_line GROUP BY 1").fetchall()) == CAUSES
    assert _one(truth, "SELECT count(DISTINCT role) FROM truth_late_line") == sum(CAUSES.values())
    assert (
        _one(truth, "SELECT count(*) FROM truth_role WHERE role IN ('late_po#1', 'upstream#1', 'quality_hold#1')") > 6
    )


@guarantees("P7.demo_plant")
def test_questions_with_a_computed_answer_have_one(truth: sqlite3.Connection) -> None:
    """Each question that can be scored by a machine has its answer in the truth."""
    sizes = dict(truth.execute("SELECT question, count(*) FROM truth_answer GROUP BY 1").fetchall())
    assert {question: sizes[question] for question in ANSWERS} == ANSWERS
    assert 4 <= sizes["32"] <= 7


@guarantees("P7.exact_numbers")
def test_no_value_is_a_floating_point_number(erp: sqlite3.Connection, mes: sqlite3.Connection) -> None:
    """Decimal numbers are text in the systems, so that no digit is lost before the adapter reads it."""
    for connection in (erp, mes):
        for (table,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall():
            columns = [row[1] for row in connection.execute(f"PRAGMA table_info({table})")]
            reals = " + ".join(f"sum(typeof({column}) = 'real')" for column in columns)
            assert not connection.execute(f"SELECT {reals} FROM {table}").fetchone()[0], table


@guarantees("P7.demo_plant")
@pytest.mark.parametrize(
    ("statement", "least"),
    [
        ("SELECT count(DISTINCT plant) FROM so_item WHERE stat = 'OPEN'", 2),
        ("SELECT count(DISTINCT company) FROM po_head", 2),
        ("SELECT count(*) FROM so_head WHERE so_no LIKE '00%'", 300),
        ("SELECT count(*) FROM (SELECT 1 FROM so_item WHERE stat = 'OPEN' GROUP BY so_no HAVING count(*) > 1)", 30),
        ("SELECT count(*) FROM (SELECT 1 FROM po_item GROUP BY po_no HAVING count(*) > 1)", 100),
        ("SELECT count(*) FROM (SELECT 1 FROM gr_item GROUP BY po_no, item_no HAVING count(*) > 1)", 50),
        ("SELECT count(*) FROM (SELECT 1 FROM dlv_item GROUP BY so_no, so_item HAVING count(*) > 1)", 20),
        ("SELECT count(*) FROM po_item p JOIN mat_gen m ON m.mat_no = p.mat_no WHERE p.uom <> m.base_uom", 10),
        ("SELECT count(*) FROM mat_unit WHERE alt_uom = 'MTK' AND base_uom = 'EA'", 3),
        ("SELECT count(DISTINCT curr) FROM po_item WHERE stat = 'OPEN'", 2),
        ("SELECT count(DISTINCT curr) FROM so_item WHERE stat = 'OPEN'", 2),
        ("SELECT count(*) FROM (SELECT 1 FROM vendor GROUP BY tax_no HAVING count(*) = 2)", 1),
        ("SELECT count(*) FROM vendor WHERE purch_block = 1", 2),
        ("SELECT count(*) FROM batch WHERE expires_on IS NOT NULL", 100),
        ("SELECT count(*) FROM prod_head WHERE parent_ord IS NOT NULL AND stat = 'PCNF'", 9),
        ("SELECT count(*) FROM customer WHERE name1 LIKE '%' || char(8203) || '%'", 1),
        ("SELECT count(*) FROM vendor WHERE name1 LIKE '%' || char(8238) || '%'", 1),
        ("SELECT count(*) FROM deletion_log", 1),
        ("SELECT count(*) FROM bom_item WHERE valid_to IS NOT NULL", 2),
        ("SELECT count(DISTINCT pay_terms) FROM vendor", 3),
        ("SELECT count(*) FROM mat_plant WHERE price_per = 100", 3),
        ("SELECT count(DISTINCT origin) FROM pr_item", 3),
        ("SELECT count(*) FROM mat_move WHERE rev_doc IS NOT NULL", 3),
        ("SELECT count(*) FROM (SELECT 1 FROM op_conf GROUP BY ord_no, op_no HAVING count(*) > 1)", 50),
        ("SELECT count(*) FROM insp_lot WHERE ud = 'R'", 6),
        ("SELECT count(*) FROM rma_item WHERE lot_no IS NULL", 3),
        ("SELECT count(DISTINCT stat || disp) FROM rma_item", 5),
        ("SELECT count(DISTINCT code) FROM mrp_msg", 4),
        ("SELECT count(*) FROM pln_ord WHERE firm = 0 AND conv = 1", 1),
        ("SELECT count(*) FROM pln_ord WHERE firm = 1", 6),
        ("SELECT count(DISTINCT cap_date) FROM wc_cap", 84),
        ("SELECT count(*) FROM dlv_item WHERE gi_act IS NOT NULL AND pod = 0", 5),
        ("SELECT count(DISTINCT prio) FROM maint_order", 3),
    ],
)
def test_the_plant_has_the_oddities_of_a_real_one(erp: sqlite3.Connection, statement: str, least: int) -> None:
    """What is easy in a toy and hard in a factory has to be in the data, or nothing proves that it works."""
    assert _one(erp, statement) >= least


@guarantees("P7.demo_plant")
def test_one_customer_reference_means_two_orders(erp: sqlite3.Connection, truth: sqlite3.Connection) -> None:
    """A question about an ambiguous reference must be asked back, and about any other one it must not."""
    shared = erp.execute(
        "SELECT cust_po, count(DISTINCT cust_no) FROM so_head GROUP BY cust_po HAVING count(*) > 1"
    ).fetchall()
    assert shared == truth.execute("SELECT id, 2 FROM truth_role WHERE role = 'ambiguous_reference#1'").fetchall()


@guarantees("P7.demo_plant")
def test_no_open_purchase_is_with_a_blocked_supplier(erp: sqlite3.Connection) -> None:
    """The cheapest source of the showcase material is blocked; nobody may have bought there by accident."""
    assert not _one(erp, "SELECT count(*) FROM po_item p JOIN vendor v USING (vendor_no) WHERE v.purch_block = 1")


@guarantees("P7.demo_plant")
def test_a_purchase_in_another_unit_makes_an_order_late(erp: sqlite3.Connection, truth: sqlite3.Connection) -> None:
    """Comparing square metres with pieces must give a wrong answer somewhere that matters."""
    converted = {material for (material,) in erp.execute("SELECT mat_no FROM mat_unit")}
    late = truth.execute("SELECT material_id FROM truth_late_line WHERE root_cause_code = 'late_po'").fetchall()
    assert converted & {material for (material,) in late}


@guarantees("P7.demo_plant")
def test_work_left_the_machine_that_has_an_alternative(mes: sqlite3.Connection) -> None:
    """One machine is down and hurts nobody, because its jobs moved."""
    assert not _one(mes, "SELECT count(*) FROM job WHERE eq_id = 'L1.CNC03'")
    assert _one(mes, "SELECT count(*) FROM job WHERE eq_id = 'L1.CNC01' AND state = 'QUEUED'") >= 4
    assert _one(mes, "SELECT count(*) FROM job WHERE eq_id = 'L1.PNT01'") == CAUSES["machine_down"]


@guarantees("P7.freshness")
def test_each_feed_is_as_old_as_it_should_be(mes: sqlite3.Connection, truth: sqlite3.Connection) -> None:
    """Only the machine states are too old to answer with, and the shop floor knows it."""
    clock = datetime.fromisoformat(truth.execute("SELECT value FROM truth_meta WHERE name = 'clock'").fetchone()[0])
    ages = {
        feed: (clock - datetime.fromisoformat(at)) / timedelta(seconds=1)
        for feed, at in mes.execute("SELECT feed, high_water FROM feed")
    }
    assert ages == {"jobs": 40, "stock": 120, "downtime": 180, "machine_state": 47 * 60}


@guarantees("P7.demo_plant")
def test_no_row_says_what_was_planted(erp: sqlite3.Connection, mes: sqlite3.Connection) -> None:
    """The truth stands apart: no name in the two systems gives a cause away."""
    for connection in (erp, mes):
        text = "\n".join(sql for (sql,) in connection.execute("SELECT sql FROM sqlite_master WHERE sql IS NOT NULL"))
        assert not [word for word in ("cause", "decoy", "planted", "truth") if word in text]
