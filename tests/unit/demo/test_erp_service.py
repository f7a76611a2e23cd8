"""The demo ERP has rules, versions and numbers of its own, and says no like a real one."""

from __future__ import annotations

import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from erp_mcp.demo import DemoPlant, dump_hash
from erp_mcp.demo.erp_calls import CREATE_REQUISITION, UPDATE_DATE
from erp_mcp.demo.erp_service import Document, ErpCall, ErpService, Failpoint, Rejected, Superseded
from erp_mcp.testing import FixedClock
from tests.guarantees import guarantees

ZONE = ZoneInfo("Europe/Berlin")
MONDAY = "2026-03-16T05:00:00Z"  # the plant's 06:00
LATER = "2026-06-01"


Reply = Document | Rejected | Superseded


def update_date(service: ErpService, po_no: str, item_no: str, new_date: str, *, version: str, reference: str) -> Reply:
    """Move the promise of a line."""
    arguments = {"po_no": po_no, "item_no": item_no, "new_date": new_date, "version": version}
    return service.perform(ErpCall(operation=UPDATE_DATE, reference=reference, arguments=arguments))


def requisition(service: ErpService, *, reference: str, **arguments: str | None) -> Reply:
    """Create a requisition."""
    return service.perform(ErpCall(operation=CREATE_REQUISITION, reference=reference, arguments=arguments))


class Erp:
    """A copy of the plant's ERP that a test may write to."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.clock = FixedClock()
        self.service = self.opened()
        self.raw = sqlite3.connect(path, isolation_level=None)

    def opened(self, *, at: Failpoint | None = None, wait_s: float = 5.0) -> ErpService:
        def fail(point: Failpoint) -> None:
            if point == at:
                raise RuntimeError(point)

        return ErpService(self.path, clock=self.clock, zone=ZONE, user="writer", wait_s=wait_s, failpoint=fail)

    def one(self, statement: str, *values: str) -> tuple[str, ...]:
        row: tuple[str, ...] = self.raw.execute(statement, values).fetchone()
        return row

    def open_line(self, condition: str = "1") -> tuple[str, str, str]:
        """Return number, item and version of an open line."""
        number, item, version = self.one(
            f"SELECT po_no, item_no, changed_at FROM po_item WHERE stat = 'OPEN' AND {condition} ORDER BY 1, 2"
        )
        return number, item, version

    def bought(self, condition: str = "mat_stat = '01'") -> tuple[str, str, str]:
        """Return number, plant and unit of a material that is bought."""
        number, plant, unit = self.one(
            "SELECT p.mat_no, p.plant, g.base_uom FROM mat_plant p JOIN mat_gen g USING (mat_no)"
            f" WHERE proc_type = 'F' AND {condition} ORDER BY 1, 2"
        )
        return number, plant, unit

    def order(self, reference: str = "R0000000001", **changed: str | None) -> Reply:
        """Create a requisition for an ordinary material, with what is changed."""
        material, plant, unit = self.bought()
        given: dict[str, str | None] = {
            "mat_no": material, "plant": plant, "qty": "12.5", "uom": unit, "dlv_date": LATER, "vendor_no": None,
        }  # fmt: skip
        return requisition(self.service, reference=reference, **{**given, **changed})

    def content(self) -> list[tuple[str, ...]]:
        """Return every row that a command could touch."""
        tables = ("po_item", "po_conf", "pr_item")
        rows = [row for table in tables for row in self.raw.execute(f"SELECT * FROM {table} ORDER BY 1, 2, 3")]
        kept = self.raw.execute("SELECT count(*) FROM sqlite_master WHERE name = 'ext_ref'").fetchone()[0]
        return rows + (self.raw.execute("SELECT * FROM ext_ref").fetchall() if kept else [])


@pytest.fixture
def erp(plant: DemoPlant, tmp_path: Path) -> Iterator[Erp]:
    path = tmp_path / "erp.sqlite"
    shutil.copy(plant.erp, path)
    path.chmod(0o600)
    it = Erp(path)
    with closing(it.raw):
        yield it


# --- The delivery date ------------------------------------------------------------------------------------------------


@guarantees("P7.demo_plant")
def test_a_new_date_moves_the_promise_and_leaves_the_first_one(erp: Erp) -> None:
    """How late a supplier is counts from what it promised first."""
    number, item, version = erp.open_line("conf_flag = 1")
    before = erp.one("SELECT req_date, first_promise, conf_flag FROM po_item WHERE po_no = ? AND item_no = ?",
                     number, item)  # fmt: skip

    done = update_date(erp.service, number, item, LATER, version=version, reference="R1")

    assert isinstance(done, Document)
    after = erp.one("SELECT req_date, first_promise, conf_flag FROM po_item WHERE po_no = ? AND item_no = ?",
                    number, item)  # fmt: skip
    moved = erp.one("SELECT promise, promise_set_at, changed_at FROM po_item WHERE po_no = ? AND item_no = ?",
                    number, item)  # fmt: skip
    assert after == before
    assert moved == (LATER, done.version, done.version)


@guarantees("P7.demo_plant")
def test_a_confirmed_line_gets_one_more_confirmation_and_another_none(erp: Erp) -> None:
    """The newest confirmation and the promise of the line say the same; where nobody confirmed, nobody is said to."""
    for condition, added in (("conf_flag = 1", 1), ("conf_flag = 0", 0)):
        number, item, version = erp.open_line(condition)
        history = "SELECT count(*), max(seq) FROM po_conf WHERE po_no = ? AND item_no = ?"
        before = erp.one(history, number, item)
        update_date(erp.service, number, item, LATER, version=version, reference=f"R{added}")

        assert int(erp.one(history, number, item)[0]) - int(before[0]) == added
        if added:
            newest = "SELECT promise FROM po_conf WHERE po_no = ? AND item_no = ? ORDER BY seq DESC"
            assert erp.one(newest, number, item) == (LATER,)


@guarantees("P4.stale")
def test_another_version_is_a_conflict_and_writes_nothing(erp: Erp) -> None:
    """What was approved was approved on the line as it was."""
    number, item, version = erp.open_line()
    update_date(erp.service, number, item, LATER, version=version, reference="R1")
    before = erp.content()

    assert isinstance(update_date(erp.service, number, item, "2026-06-02", version=version, reference="R2"), Superseded)
    assert erp.content() == before


@guarantees("input.clear_errors")
@pytest.mark.parametrize(
    ("condition", "code"),
    [("stat = 'CLSD'", "document_closed"), ("stat = 'CANC'", "document_cancelled")],
)
def test_a_line_that_is_done_is_refused(erp: Erp, condition: str, code: str) -> None:
    """A promise for what came, or will not come, means nothing."""
    number, item, version = erp.one(f"SELECT po_no, item_no, changed_at FROM po_item WHERE {condition}")
    before = erp.content()

    assert update_date(erp.service, number, item, LATER, version=version, reference="R1") == Rejected(code)
    assert erp.content() == before


@guarantees("input.clear_errors")
def test_lines_that_are_received_missing_or_deleted_are_refused(erp: Erp) -> None:
    """Each for its own reason, so a person knows where to look."""
    number, item, version = erp.open_line()
    erp.raw.execute("UPDATE po_item SET qty_open = '0.000' WHERE po_no = ? AND item_no = ?", (number, item))
    erp.raw.execute("INSERT INTO deletion_log VALUES ('po_item', '4599999999/00010', ?)", (MONDAY,))

    assert update_date(erp.service, number, item, LATER, version=version, reference="R1") == Rejected("fully_received")
    assert update_date(erp.service, "4599999998", "00010", LATER, version="x", reference="R1") == Rejected(
        "unknown_document"
    )
    assert update_date(erp.service, "4599999999", "00010", LATER, version="x", reference="R1") == Rejected(
        "document_deleted"
    )


@guarantees("input.clear_errors")
@pytest.mark.parametrize(
    ("day", "code"),
    [("2026-03-15", "date_in_past"), ("2026-02-30", "bad_date"), ("20260601", "bad_date"), ("", "bad_date")],
)
def test_a_date_that_can_not_be_is_refused(erp: Erp, day: str, code: str) -> None:
    """The day counts in the plant's zone."""
    number, item, version = erp.open_line()

    assert update_date(erp.service, number, item, day, version=version, reference="R1") == Rejected(code)


@guarantees("P4.stale")
def test_the_present_date_changes_nothing_and_says_so(erp: Erp) -> None:
    """A version that moves without a change would make others' proposals stale."""
    number, item, version = erp.open_line("promise >= '2026-03-16'")
    (promise,) = erp.one("SELECT promise FROM po_item WHERE po_no = ? AND item_no = ?", number, item)

    done = update_date(erp.service, number, item, promise, version=version, reference="R1")

    assert done == Rejected("nothing_changes")


# --- The requisition --------------------------------------------------------------------------------------------------


@guarantees("P7.demo_plant")
def test_a_requisition_waits_for_release(erp: Erp) -> None:
    """Who releases it is the ERP's own business, and never ours."""
    (last,) = erp.one("SELECT max(pr_no) FROM pr_item")
    done = erp.order()

    assert isinstance(done, Document)
    assert int(done.number) == int(last) + 1
    row = erp.one("SELECT qty, dlv_date, release_ind, vendor_no, stat, changed_at FROM pr_item WHERE pr_no = ?",
                  done.number)  # fmt: skip
    assert list(row) == ["12.500", LATER, "W", None, "OPEN", done.version]


@guarantees("P4.one_effect")
def test_a_reference_makes_one_requisition(erp: Erp) -> None:
    """The second one is refused, whatever it is for, and the first is found."""
    first = erp.order()
    count = erp.one("SELECT count(*) FROM pr_item")

    assert erp.order() == Rejected("reference_exists")
    assert erp.order(qty="99") == Rejected("reference_exists")
    assert erp.one("SELECT count(*) FROM pr_item") == count
    assert erp.service.find("R0000000001") == first


@guarantees("P4.one_effect")
def test_a_number_is_never_given_twice(erp: Erp) -> None:
    """A receipt names a document for good, also when somebody deletes it."""
    first = erp.order()
    assert isinstance(first, Document)
    erp.raw.execute("DELETE FROM pr_item WHERE pr_no = ?", (first.number,))

    second = erp.order("R0000000002")

    assert isinstance(second, Document)
    assert int(second.number) == int(first.number) + 1
    gone = erp.service.find("R0000000001")
    assert gone is not None
    assert (gone.number, gone.version, gone.fields) == (first.number, first.version, {})


@guarantees("input.clear_errors")
@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"mat_no": "NOSUCH"}, "unknown_material"),
        ({"plant": "9999"}, "unknown_material"),
        ({"uom": "XYZ"}, "unknown_unit"),
        ({"qty": "0"}, "bad_quantity"),
        ({"qty": "-1"}, "bad_quantity"),
        ({"qty": "0.0001"}, "bad_quantity"),
        ({"qty": "NaN"}, "bad_quantity"),
        ({"qty": "1e9"}, "bad_quantity"),
        ({"qty": "lots"}, "bad_quantity"),
        ({"dlv_date": "2026-03-15"}, "date_in_past"),
        ({"vendor_no": "NOSUCH"}, "unknown_supplier"),
        ({"reference": ""}, "bad_reference"),
        ({"reference": "R 1"}, "bad_reference"),
        ({"reference": "R" * 41}, "bad_reference"),
    ],
)
def test_a_requisition_that_can_not_be_is_refused(erp: Erp, changed: dict[str, str], code: str) -> None:
    """The gateway's own rules may be wrong; the ERP looks for itself."""
    before = erp.content()

    assert erp.order(**changed) == Rejected(code)
    assert erp.content() == before


@guarantees("input.clear_errors")
def test_a_blocked_material_or_supplier_is_refused(erp: Erp) -> None:
    """Somebody blocked it for a reason."""
    blocked, plant, unit = erp.bought("mat_stat = '01'")
    erp.raw.execute("UPDATE mat_gen SET mat_stat = '02' WHERE mat_no = ?", (blocked,))
    made, its_plant, its_unit = erp.one(
        "SELECT p.mat_no, p.plant, g.base_uom FROM mat_plant p JOIN mat_gen g USING (mat_no)"
        " WHERE proc_type = 'E' AND mat_stat = '01'"
    )
    (supplier,) = erp.one("SELECT vendor_no FROM vendor WHERE purch_block = 1")

    assert erp.order(mat_no=blocked, plant=plant, uom=unit) == Rejected("material_blocked")
    assert erp.order(mat_no=made, plant=its_plant, uom=its_unit) == Rejected("not_purchased")
    assert erp.order(vendor_no=supplier) == Rejected("supplier_blocked")
    erp.raw.execute("UPDATE mat_gen SET mat_stat = '03' WHERE mat_no = ?", (blocked,))
    assert erp.order(mat_no=blocked, plant=plant, uom=unit) == Rejected("material_discontinued")


# --- Versions and transactions ----------------------------------------------------------------------------------------


@guarantees("P7.sync_exact")
def test_each_change_is_strictly_later_although_the_plant_clock_stands_still(erp: Erp) -> None:
    """A version that comes twice hides a change from whoever compares, and from synchronisation."""
    number, item, version = erp.open_line("conf_flag = 1")
    (newest,) = erp.one("SELECT max(changed_at) FROM po_item")
    seen = [newest]
    for day in range(1, 6):
        done = update_date(erp.service, number, item, f"2026-06-{day:02d}", version=version, reference=f"R{day}")
        made = erp.order(f"P{day}")
        assert isinstance(done, Document)
        assert isinstance(made, Document)
        version = done.version
        seen += [done.version, made.version]

    assert seen == sorted(set(seen))
    assert seen[1] == MONDAY


@guarantees("P7.demo_plant")
def test_a_plant_that_was_only_asked_stays_the_plant_that_was_generated(erp: Erp, plant: DemoPlant) -> None:
    """The hash of the shipped plant is pinned; looking, failing and refusing must not move it."""
    number, item, _ = erp.open_line()
    assert erp.service.find("R1") is None
    erp.service.about()
    update_date(erp.service, number, item, LATER, version="other", reference="R1")
    with pytest.raises(RuntimeError):
        requisition(erp.opened(at="before_commit"),
            reference="R1", mat_no=erp.bought()[0], plant=erp.bought()[1], qty="1", uom=erp.bought()[2],
            dlv_date=LATER, vendor_no=None,
        )  # fmt: skip

    assert dump_hash(erp.path) == dump_hash(plant.erp)


@guarantees("P4.one_effect")
@pytest.mark.parametrize(("point", "effect"), [("before_commit", 0), ("after_commit", 1)])
def test_what_breaks_before_the_commit_leaves_nothing_and_after_it_everything(
    erp: Erp, point: Failpoint, effect: int
) -> None:
    """One command is one transaction: document, history and reference together, or none of them."""
    number, item, version = erp.open_line("conf_flag = 1")
    rows = len(erp.content())
    with pytest.raises(RuntimeError):
        update_date(erp.opened(at=point), number, item, LATER, version=version, reference="R1")

    assert len(erp.content()) - rows == 2 * effect  # a confirmation and a reference
    (promise,) = erp.one("SELECT promise FROM po_item WHERE po_no = ? AND item_no = ?", number, item)
    assert (promise == LATER) == bool(effect)
    assert (erp.service.find("R1") is not None) == bool(effect)


@guarantees("P4.one_effect")
def test_of_many_at_once_with_one_reference_one_is_taken(erp: Erp) -> None:
    """Two workers, one of which was thought dead: the ERP itself decides, and numbers are given once."""
    (before,) = erp.one("SELECT count(*) FROM pr_item")
    material, plant, unit = erp.bought()

    def order(number: int) -> Document | Rejected | Superseded:
        return requisition(
            erp.opened(wait_s=30),
            reference=f"R{number % 4}",
            mat_no=material,
            plant=plant,
            qty="1",
            uom=unit,
            dlv_date=LATER,
            vendor_no=None,
        )

    with ThreadPoolExecutor(8) as pool:
        replies = list(pool.map(order, range(24)))

    made = [reply for reply in replies if isinstance(reply, Document)]
    assert len({document.number for document in made}) == len({document.version for document in made}) == len(made) == 4
    assert [reply for reply in replies if not isinstance(reply, Document)] == [Rejected("reference_exists")] * 20
    assert int(erp.one("SELECT count(*) FROM pr_item")[0]) - int(before) == 4


@guarantees("P4.one_effect")
def test_a_locked_file_is_waited_for_and_then_left_alone(erp: Erp) -> None:
    """Another writer goes first; a command that can't begin has done nothing."""
    before = erp.content()
    erp.raw.execute("BEGIN IMMEDIATE")
    number, item, version = erp.open_line()
    with pytest.raises(sqlite3.OperationalError) as refused:
        update_date(erp.opened(wait_s=0.01), number, item, LATER, version=version, reference="R1")
    erp.raw.execute("ROLLBACK")

    assert refused.value.sqlite_errorcode == sqlite3.SQLITE_BUSY
    assert erp.content() == before


@guarantees("P7.no_false_empty")
def test_a_missing_file_is_an_error_and_is_not_made(tmp_path: Path) -> None:
    """An empty file in the place of the plant would answer that nothing exists."""
    service = ErpService(tmp_path / "erp.sqlite", clock=FixedClock(), zone=ZONE)
    with pytest.raises(sqlite3.OperationalError):
        service.find("R1")

    assert not (tmp_path / "erp.sqlite").exists()


_KILLED = """
import os, sys
from pathlib import Path
from zoneinfo import ZoneInfo
from erp_mcp.demo.erp_service import ErpCall, ErpService
from erp_mcp.testing import FixedClock

def die(point):
    if point == sys.argv[2]:
        os._exit(9)

service = ErpService(Path(sys.argv[1]), clock=FixedClock(), zone=ZoneInfo("Europe/Berlin"), failpoint=die)
po_no, item_no, version = sys.argv[3:6]
arguments = {"po_no": po_no, "item_no": item_no, "new_date": "2026-06-01", "version": version}
service.perform(
    ErpCall(operation="purchase_order_line.update_delivery_date", reference="R1", arguments=arguments)
)
"""


@guarantees("P4.one_effect", "P10.survives")
@pytest.mark.parametrize(("point", "effect"), [("before_commit", False), ("after_commit", True)])
def test_a_killed_writer_leaves_all_or_nothing_and_the_next_one_goes_on(erp: Erp, point: str, effect: bool) -> None:
    """The process is gone in the middle; its file is whole, for who reads and for who writes next."""
    number, item, version = erp.open_line("conf_flag = 1")
    child = subprocess.run(
        [sys.executable, "-c", _KILLED, str(erp.path), point, number, item, version], check=False, timeout=60
    )
    assert child.returncode == 9

    with closing(sqlite3.connect(f"file:{erp.path}?mode=ro", uri=True)) as reader:
        statement = "SELECT promise FROM po_item WHERE po_no = ? AND item_no = ?"
        (promise,) = reader.execute(statement, (number, item)).fetchone()
    assert (promise == LATER) == effect
    assert (erp.service.find("R1") is not None) == effect
    again = update_date(erp.service, number, item, LATER, version=version, reference="R1")
    assert again == Rejected("reference_exists") if effect else isinstance(again, Document)
