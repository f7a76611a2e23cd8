from __future__ import annotations

import re
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from erp_mcp.demo import DemoPlant
from erp_mcp.demo.verify import VerifyReport, verify
from erp_mcp.demo.verify_references import REFERENCES
from tests.guarantees import guarantees

LATE = 48
HEALTHY = 212
LATE_PO = "SELECT purchase_order_id, purchase_order_line FROM truth_late_line WHERE role = 'late_po#2'"

# columns that name a row of another table, and the tables whose own key such a column is
KEYS = {"alt_wc", "batch_no", "comp_no", "cust_no", "eq_id", "erp_wc", "in_lot", "lot_no", "mat_no", "ord_no",
        "order_no", "out_lot", "parent_ord", "po_no", "so_no", "supply_ord", "vendor_no", "wc_no"}  # fmt: skip
OWNERS = {("erp.customer", "cust_no"), ("erp.so_head", "so_no"), ("erp.vendor", "vendor_no"), ("erp.po_head", "po_no"),
          ("erp.mat_gen", "mat_no"), ("erp.batch", "lot_no"), ("erp.work_ctr", "wc_no"), ("erp.prod_head", "ord_no"),
          ("equipment", "eq_id")}  # fmt: skip
STOP_ALL = """
    INSERT INTO stop_event SELECT eq_id, plant, eq_id, '2026-03-16T00:00:00Z', NULL, 'X', 0, changed_at FROM equipment
"""
# file, what is tampered with, and what the report has to say
BROKEN = [
    ("erp", "UPDATE stock_qty SET qty = '9999.000' WHERE mat_no = 'RM-013'", "sum of its movements"),
    ("erp", "UPDATE resv SET qty = '999999.000' WHERE resv_no = 'RS00000001'", "reserved beyond"),
    ("erp", "UPDATE po_item SET qty_recv = '1.000' WHERE po_no = '4500000101'", "receipts of purchase line"),
    ("erp", "UPDATE so_item SET qty_open = '1.500' WHERE so_no = '0010000101'", "open quantity of sales line"),
    ("erp", "UPDATE prod_comp SET qty_wd = '0.001' WHERE ord_no = '000001000101'", "does not balance"),
    ("erp", "UPDATE prod_head SET qty_yield = '1.000' WHERE ord_no = '000001000101'", "put into stock"),
    ("erp", "UPDATE lot_trace SET qty = '0.125' WHERE ord_no = '000001000101'", "genealogy differs"),
    ("erp", "INSERT INTO lot_trace SELECT in_lot, out_lot, ord_no, '0.000', uom, changed_at FROM lot_trace LIMIT 1",
     "in a circle"),
    ("mes", "UPDATE shift_log SET apt_min = apt_min - 1 WHERE eq_id = 'L1.ASM01'", "differ from its stops"),
    ("mes", "UPDATE shift_log SET good = produced + 1 WHERE eq_id = 'L1.ASM01'", "made more than it could"),
    ("erp", "UPDATE prod_op SET wc_no = 'CNC-99' WHERE ord_no = '000001000101'", "point to no row"),
    ("mes", "UPDATE job SET order_no = '7' WHERE job_no = 'J-000001'", "point to no row"),
    ("erp", "UPDATE customer SET cust_no = 'S0001' WHERE cust_no = 'C00001'", "identifier S0001 is used by"),
    ("erp", "UPDATE work_ctr SET changed_at = '2026-03-16T05:00:01Z'", "changed after the frozen instant"),
    ("erp", "UPDATE mat_plant SET safety_qty = '99999.000' WHERE mat_no = 'RM-002'", "class material_under_safety"),
    ("erp", "UPDATE qual_notif SET stat = 'NOCO' WHERE hold_flag = 1", "class lot_on_hold"),
    ("erp", "DELETE FROM vend_inv WHERE block = 'NOREC'", "class invoice_norec"),
    ("erp", "UPDATE vend_inv SET price = '0.0100' WHERE inv_no = '5100000101'", "class invoice_price"),
    ("erp", "UPDATE po_item SET conf_flag = 0 WHERE stat = 'OPEN'", "class po_unconfirmed"),
    ("erp", "UPDATE so_item SET conf_date = '2026-12-24' WHERE stat = 'OPEN'", "late lines by date"),
    ("erp", "UPDATE prod_head SET finish_sched = start_basic", "disagree about whether it is late"),
    ("mes", "DELETE FROM outbound_msg", "class difference_explained"),
    ("mes", "UPDATE job SET began_at = '2026-03-01T00:00:00Z' WHERE state = 'RUN'", "class job_over_48h"),
    ("erp", "UPDATE mat_move SET posted_at = '2025-01-01T00:00:00Z' WHERE mv_code = '601'", "was negative"),
    ("erp", "DELETE FROM stock_qty WHERE lot_no IN (SELECT lot_no FROM resv)", "reserved beyond"),
    ("erp", "UPDATE routing_op SET mat_no = 'XX-001' WHERE mat_no = (SELECT min(mat_no) FROM routing_op)",
     "erp.routing_op point to no row of erp.mat_gen"),
    ("erp", "UPDATE mat_move SET ref_no = 'nobody' WHERE mv_code = '101'", "mat_move point to no row of erp.po_item"),
    ("erp", "UPDATE resv SET dem_no = 'nobody' WHERE resv_no = 'RS00000002'", "erp.resv point to no row"),
    ("erp", "UPDATE vend_inv SET vendor_no = 'S0001' WHERE inv_no = '5100000101'", "erp.vend_inv point to no row"),
    ("mes", "UPDATE job SET op_no = '9999' WHERE job_no = 'J-000002'", "job point to no row of erp.prod_op"),
    ("mes", "UPDATE job SET mat_no = 'RM-001' WHERE job_no = 'J-000002'", "job point to no row of erp.prod_head by"),
    ("mes", "UPDATE job SET job_no = '0010000102' WHERE job_no = 'J-000003'", "identifier 0010000102 is used by"),
    ("mes", "UPDATE stop_event SET began_at = '2026-03-17T00:00:00Z' WHERE reason = 'SENSOR'", "lies in no shift"),
    ("erp", "UPDATE po_item SET stat = 'CLSD' WHERE stat = 'CANC'", "class po_recreated"),
    ("erp", "UPDATE po_item SET promise = '2026-05-04' WHERE stat = 'OPEN'", "class po_promise_moved_harmless"),
    ("erp", "DELETE FROM stock_qty WHERE plant = '2000' AND stk_type = 'F'", "class material_free_elsewhere"),
    ("erp", "UPDATE gr_item SET posted_on = '2026-12-24'", "ranked answer to question 20 has a tie"),
    ("erp", "UPDATE source_list SET blocked = 0", "ranked answer to question 22 has a tie"),
    ("erp", "DELETE FROM mrp_msg WHERE code = '10' AND el_type = 'PO'", "planning messages differ from the plan"),
    ("erp", "UPDATE pln_ord SET qty = '1.000' WHERE firm = 0", "planned orders are not what the demands lack"),
    ("erp", "UPDATE op_conf SET qty_yield = '0.500' WHERE op_no = '0030' AND final = 1", "do not add up to its yield"),
    ("erp", "UPDATE op_conf SET qty_scrap = '9.000' WHERE conf_no = 'CF00000002'", "do not add up to its scrap"),
    ("erp", "DELETE FROM op_conf WHERE conf_no = 'CF00000003'", "is finished and not confirmed"),
    ("erp", "UPDATE prod_op SET work_min = 0 WHERE ord_no = (SELECT max(ord_no) FROM prod_head WHERE stat = 'CRTD')",
     "has no work left although it is not finished"),
    ("erp", "UPDATE mat_move SET rev_doc = doc_no WHERE rev_doc IS NOT NULL", "taken back by none that is its"),
    ("erp", "UPDATE mat_move SET rev_doc = doc_no WHERE rev_doc IS NOT NULL", "takes back nothing"),
    ("erp", "UPDATE rma_item SET qty = '9999.000' WHERE stat = 'OPEN'", "is of more than was delivered"),
    ("erp", "UPDATE rma_item SET stat = 'RECV' WHERE stat = 'OPEN'", "does not stand in stock as its state says"),
    ("erp", "UPDATE rma_item SET lot_no = NULL WHERE disp = 'SCRP'", "class return_traceable"),
    ("erp", "UPDATE rma_item SET stat = 'OPEN' WHERE disp = 'CRED'", "class return_open"),
    ("erp", "UPDATE dlv_item SET pod_on = NULL WHERE dlv_no = '0080000101'", "was proven before it left"),
    ("erp", "UPDATE dlv_item SET pod = 0 WHERE dlv_no = '0080000102'", "class delivery_without_proof"),
    ("erp", "UPDATE maint_order SET began_at = NULL WHERE stat = 'INPR'", "has times that its state does not have"),
    ("erp", "UPDATE maint_order SET done_at = '2026-03-15T10:00:00Z' WHERE stat = 'CMPL'",
     "class maintenance_done_late"),
    ("mes", "UPDATE job SET prio = 1 WHERE state = 'QUEUED'", "has a queue with gaps or with two jobs in one place"),
    ("mes", "UPDATE job SET prio = 9 WHERE state = 'RUN'", "has a place in the queue although it does not wait"),
    ("mes", "UPDATE job SET good_qty = '1.000' WHERE state = 'DONE'", "class order_count_differs"),
    ("erp", "UPDATE wc_cap SET avail_min = 1", "class capacity_overloaded"),
    ("erp", "UPDATE po_item SET promise = '2026-03-01' WHERE po_no = '4500000700'", "planning messages differ"),
    ("erp", "UPDATE mat_plant SET max_qty = '0.000'", "class planning_cancel"),
]  # fmt: skip
# what is told wrongly in the truth alone, and what the report has to say
_LATE = "UPDATE truth_late_line SET"
_MISANSWERED = """
    UPDATE truth_answer SET key = 'X', value = 'X'
     WHERE question = '{0}' AND key = (SELECT min(key) FROM truth_answer WHERE question = '{0}')
"""
MISTOLD = [
    *((f"{_LATE} {column} = 'X' WHERE role = '{role}'", f"about {role} differs from the systems in {column}")
      for role, column in (
          ("late_po#1", "production_order_id"), ("late_po#1", "material_id"), ("late_po#1", "supplier_id"),
          ("late_po#1", "original_promise_date"), ("late_po#1", "promised_date"), ("late_po#1", "promise_changed_at"),
          ("late_po#1", "need_date"), ("late_po#1", "uom"), ("late_po#1", "site"),
          ("quality_hold#1", "notification_id"), ("machine_down#1", "work_center_id"),
          ("machine_down#1", "repair_end"), ("stock_discrepancy#1", "qty_erp"), ("stock_discrepancy#1", "qty_mes"),
          ("upstream#1", "expected_finish"), ("picked_not_shipped#1", "delivery_id"),
          ("credit_block#1", "customer_id"),
      )),
    *((f"{_LATE} qty_short = '0.001' WHERE role = '{role}'", f"about {role} differs from the systems in qty_short")
      for role in ("late_po#2", "quality_hold#2", "stock_discrepancy#2")),
    ("UPDATE truth_role SET id = 'X' WHERE role = 'free_stock#1'", "role free_stock#1 names a material"),
    ("UPDATE truth_role SET entity = 'ship' WHERE role = 'other_site_order#1'", "role other_site_order#1 names a ship"),
    ("INSERT INTO truth_exception VALUES ('made_up', '1', NULL)", "class made_up is counted by nobody"),
    *((_MISANSWERED.format(number), f"the answer to question {number} is not")
      for number in (1, 2, 10, 13, "37.variance", 15, 16, 17, 18, 20, 21, 22, 23, 26, 27, 28, 31, 32, 34, 35, 37, 39)),
]  # fmt: skip
ALONE = [
    *BROKEN[:3],
    ("erp", "UPDATE lot_trace SET out_lot = (SELECT max(out_lot) FROM lot_trace) WHERE ord_no = '000001000101'",
     "genealogy differs"),
    ("erp", "UPDATE po_item SET vendor_no = 'S0001' WHERE po_no = '4500000101'", "erp.po_item point to no row"),
]  # fmt: skip


@pytest.fixture
def copy(plant: DemoPlant, tmp_path: Path) -> Path:
    return Path(shutil.copytree(plant.erp.parent, tmp_path / "copy"))


@pytest.fixture(scope="module")
def tampered(plant: DemoPlant, tmp_path_factory: pytest.TempPathFactory) -> VerifyReport:
    copy = Path(shutil.copytree(plant.erp.parent, tmp_path_factory.mktemp("tampered") / "copy"))
    for file, statement, _ in BROKEN:
        _tamper(copy / f"{file}.sqlite", statement)
    return verify(copy, repair=False)


@pytest.fixture(scope="module")
def mistold(plant: DemoPlant, tmp_path_factory: pytest.TempPathFactory) -> VerifyReport:
    copy = Path(shutil.copytree(plant.erp.parent, tmp_path_factory.mktemp("mistold") / "copy"))
    _tamper(copy / "truth.sqlite", *(statement for statement, _ in MISTOLD))
    return verify(copy, repair=False)


def _tamper(path: Path, *statements: str) -> None:
    with closing(sqlite3.connect(path)) as connection:
        for statement in statements:
            connection.execute(statement)
        connection.commit()


def _told(directory: Path, statement: str) -> tuple[str, ...]:
    with closing(sqlite3.connect(directory / "truth.sqlite")) as truth:
        return tuple(truth.execute(statement).fetchone())


@guarantees("P7.demo_plant", "P7.right_cause")
@pytest.mark.parametrize("seed", range(1, 6))
def test_every_late_line_has_exactly_its_planted_cause(seed: int, plant_of: Callable[[int], DemoPlant]) -> None:
    """A question about a cause has one right answer only if no second cause and no accidental lateness exists."""
    report = verify(plant_of(seed).erp.parent)
    assert report.broken == ()
    assert (report.late, report.late_explained, report.repaired) == (LATE, LATE, LATE)
    assert (report.open_lines - report.late, report.healthy_wrongly_explained, report.side_effects) == (HEALTHY, 0, 0)


@guarantees("P7.right_cause")
def test_a_naive_join_flags_most_healthy_lines_too(plant: DemoPlant) -> None:
    """The plant is worth nothing as a test if looking for components with a late purchase were enough."""
    assert verify(plant.erp.parent, repair=False).naive_flagged > 4 * LATE


@guarantees("P7.demo_plant")
@pytest.mark.parametrize("sentence", [sentence for *_, sentence in BROKEN])
def test_a_planted_violation_is_reported(sentence: str, tampered: VerifyReport) -> None:
    """A verifier that finds nothing proves something only if it finds what is broken on purpose."""
    assert not tampered.ok
    assert any(sentence in broken for broken in tampered.broken)


@guarantees("P7.demo_plant")
@pytest.mark.parametrize(("file", "statement", "sentence"), ALONE)
def test_one_violation_alone_breaks_the_plant(copy: Path, file: str, statement: str, sentence: str) -> None:
    """A report with a single broken invariant is not all right, however many causes were found."""
    _tamper(copy / f"{file}.sqlite", statement)
    report = verify(copy, repair=False)
    assert not report.ok
    assert any(sentence in broken for broken in report.broken)


@guarantees("P7.demo_plant")
@pytest.mark.parametrize("sentence", [sentence for _, sentence in MISTOLD])
def test_a_truth_that_the_systems_do_not_bear_out_is_reported(sentence: str, mistold: VerifyReport) -> None:
    """Answers are scored against the truth, so each fact in it is worked out a second time from ERP and MES."""
    assert any(sentence in broken for broken in mistold.broken)


@guarantees("P7.demo_plant", "P7.right_cause")
def test_two_causes_that_are_swapped_in_the_truth_are_both_objected_to(copy: Path) -> None:
    """Evidence that exists, and is another order's, is as wrong as none."""
    swapped = "CASE root_cause_code WHEN 'credit_block' THEN 'picked_not_shipped' ELSE 'credit_block' END"
    _tamper(
        copy / "truth.sqlite",
        f"UPDATE truth_late_line SET root_cause_code = {swapped} WHERE role IN ('credit_block#1', "
        "'picked_not_shipped#1')",
        "UPDATE truth_late_line SET purchase_order_id = (SELECT o.purchase_order_id FROM truth_late_line o "
        "WHERE o.role = 'late_po#2') WHERE role = 'late_po#1'",
    )
    report = verify(copy, repair=False)
    assert not report.ok
    assert report.late_explained == LATE - 3


@guarantees("P7.demo_plant")
def test_every_column_that_holds_a_key_is_checked_as_a_reference(
    erp: sqlite3.Connection, mes: sqlite3.Connection
) -> None:
    """A table that is added later must not escape the check that references resolve."""
    checked = {(table, name) for table, columns, *_ in REFERENCES for name in re.findall(r"[a-z_]+", columns)}
    unchecked = set()
    for schema, connection in (("erp.", erp), ("", mes)):
        for (table,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall():
            columns = {row[1] for row in connection.execute(f"PRAGMA table_info({table})")}
            unchecked |= {(schema + table, name) for name in columns & KEYS} - checked
    assert unchecked == OWNERS


@guarantees("P7.demo_plant")
def test_a_cause_that_was_repaired_behind_its_back_is_missed_by_one(copy: Path) -> None:
    """Each cause counts alone: a purchase that comes in time after all leaves its order without an explanation."""
    order, line = _told(copy, LATE_PO)
    _tamper(
        copy / "erp.sqlite",
        f"UPDATE po_item SET promise = first_promise WHERE po_no = '{order}' AND item_no = '{line}'",
    )
    report = verify(copy)
    assert (report.late, report.late_explained, report.repaired) == (LATE, LATE - 1, LATE - 1)


@guarantees("P7.demo_plant")
def test_stock_that_covers_a_shortage_by_accident_is_found(copy: Path) -> None:
    """Left-over free stock once covered planted shortages unnoticed; it must never again."""
    (material,) = _told(copy, "SELECT material_id FROM truth_late_line WHERE role = 'late_po#2'")
    _tamper(
        copy / "erp.sqlite",
        f"UPDATE stock_qty SET qty = '99999.000' WHERE stk_type = 'F' AND mat_no = '{material}' AND lot_no = "
        f"(SELECT min(lot_no) FROM stock_qty WHERE mat_no = '{material}' AND stk_type = 'F')",
    )
    assert verify(copy, repair=False).late_explained == LATE - 1


@guarantees("P7.demo_plant")
@pytest.mark.parametrize(
    ("file", "statement"),
    [
        ("erp", "UPDATE resv SET dem_no = 'nobody'"),
        ("mes", "UPDATE bin_stock SET qty = '0.000'"),
        ("mes", STOP_ALL),
        ("erp", "UPDATE so_head SET credit_flag = 'BLK'"),
    ],
)  # fmt: skip
def test_a_healthy_line_that_became_late_is_called_so(copy: Path, file: str, statement: str) -> None:
    """Healthy lines are healthy because of stock, machines and credit, not because nobody looks at them."""
    _tamper(copy / f"{file}.sqlite", statement)
    assert verify(copy, repair=False).healthy_wrongly_explained > 20
