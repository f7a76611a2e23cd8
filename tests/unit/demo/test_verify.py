from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from erp_mcp.demo import DemoPlant
from erp_mcp.demo.verify import VerifyReport, verify
from tests.guarantees import guarantees

LATE = 48
HEALTHY = 212
LATE_PO = "SELECT purchase_order_id, purchase_order_line FROM truth_late_line WHERE role = 'late_po#2'"

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
@pytest.mark.parametrize(("file", "statement", "sentence"), BROKEN[:3])
def test_one_violation_alone_breaks_the_plant(copy: Path, file: str, statement: str, sentence: str) -> None:
    """A report with a single broken invariant is not all right, however many causes were found."""
    _tamper(copy / f"{file}.sqlite", statement)
    report = verify(copy, repair=False)
    assert not report.ok
    assert any(sentence in broken for broken in report.broken)


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
