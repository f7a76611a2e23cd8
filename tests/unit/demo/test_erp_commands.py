"""The demo ERP behind `ports.Commands`: canonical in, verdicts out."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Mapping
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from erp_mcp.adapters import Connection
from erp_mcp.adapters.sql.adapter import SqlAdapter
from erp_mcp.demo import DemoPlant, cable
from erp_mcp.demo.erp_calls import CREATE_REQUISITION, UPDATE_DATE
from erp_mcp.demo.erp_commands import DemoErpCommands
from erp_mcp.demo.erp_service import Failpoint
from erp_mcp.demo.writing.registry import OPERATIONS
from erp_mcp.domain.call import JsonValue
from erp_mcp.domain.command import Command, Committed, Conflict, NotSent, Refused, RetryContract, Unknown
from erp_mcp.domain.entities.procurement import PurchaseOrderLine, PurchaseRequisition
from erp_mcp.domain.profile import Profile
from erp_mcp.errors import (
    BadAnswerError,
    ProfileFileError,
    SystemTimeoutError,
    SystemUnreachableError,
)
from erp_mcp.systems import load_profile
from erp_mcp.testing import FixedClock
from tests.guarantees import guarantees

SHIPPED = Path(__file__).parents[3] / "erp_mcp" / "systems"
LATER = "2026-06-01"


def profile(prefix: str = "") -> Profile:
    return load_profile("demo-erp", [SHIPPED], id_prefix=prefix)


def opened(folder: Path, mapping: Profile | None = None, *, at: Failpoint | None = None) -> DemoErpCommands:
    def fail(point: Failpoint) -> None:
        if point == at:
            raise ConnectionError(point)

    return DemoErpCommands.open(
        system="erp", url="erp.sqlite", root=folder, profile=mapping or profile(), clock=FixedClock(), failpoint=fail
    )


def command(
    folder: Path,
    operation: str,
    changed: Mapping[str, JsonValue] | None = None,
    *,
    reference: str = "R1",
    prefix: str = "",
) -> Command:
    """Return a good command against the plant in a folder, with some of its fields changed."""
    with closing(sqlite3.connect(folder / "erp.sqlite")) as raw:
        number, item, version = raw.execute(
            "SELECT po_no, item_no, changed_at FROM po_item WHERE stat = 'OPEN' AND conf_flag = 1 ORDER BY 1, 2"
        ).fetchone()
        material, plant, unit = raw.execute(
            "SELECT p.mat_no, p.plant, g.base_uom FROM mat_plant p JOIN mat_gen g USING (mat_no)"
            " WHERE proc_type = 'F' AND mat_stat = '01' ORDER BY 1, 2"
        ).fetchone()
    fields: Mapping[str, JsonValue]
    if operation == UPDATE_DATE:
        fields = {"purchase_order_id": f"{prefix}{number}", "line": item, "new_date": LATER}
        key, token = f"{number}/{item}", version
    else:
        fields = {"material_id": f"{prefix}{material}", "site": plant, "qty": "12.5", "uom": unit,
                  "delivery_date": LATER, "supplier_id": None, "cost_object": None}  # fmt: skip
        key = token = ""
    return Command(
        operation=operation, system="erp", entity=operation.partition(".")[0], key=key, version_token=token,
        reference=reference, fields={**fields, **(changed or {})},
    )  # fmt: skip


@pytest.fixture
def folder(plant: DemoPlant, tmp_path: Path) -> Path:
    shutil.copy(plant.erp, tmp_path / "erp.sqlite")
    (tmp_path / "erp.sqlite").chmod(0o600)
    return tmp_path


@guarantees("P4.one_effect")
@pytest.mark.parametrize("operation", [UPDATE_DATE, CREATE_REQUISITION])
async def test_what_was_written_is_said_in_the_words_of_the_command(folder: Path, operation: str) -> None:
    """The receipt shows what stands in the ERP, and reading back says the same."""
    wanted = command(folder, operation)
    commands = opened(folder)

    outcome = await commands.send(wanted)

    assert isinstance(outcome, Committed)
    written = {name: value for name, value in wanted.fields.items() if name != "cost_object"}
    assert outcome.written.fields == written
    assert await commands.find(wanted) == outcome.written


@guarantees("P7.sync_exact")
@pytest.mark.parametrize("operation", [UPDATE_DATE, CREATE_REQUISITION])
async def test_the_next_incremental_pass_brings_what_was_written(folder: Path, operation: str) -> None:
    """The plant clock stands still, and the change is seen all the same, under the version of the receipt."""
    wanted = command(folder, operation)
    connection = Connection(system="erp", url=str(folder / "erp.sqlite"))
    adapter = SqlAdapter.open(connection, profile(), FixedClock())
    mark = [page.watermark async for page in adapter.changes(wanted.entity, "")][-1]
    for number in range(3):  # and again after a pass that ended on a change
        now = command(folder, operation, reference=f"R{number}")
        if operation == UPDATE_DATE:
            now = replace(now, fields={**now.fields, "new_date": f"2026-06-0{number + 1}"})
        outcome = await opened(folder).send(now)
        assert isinstance(outcome, Committed)

        pages = [page async for page in adapter.changes(wanted.entity, mark)]
        mark = pages[-1].watermark
        seen = {record.source_key: record for page in pages for record in page.records}
        record = seen[outcome.written.key]
        assert record.version_token == outcome.written.version_token
        assert len(seen) < 50  # what changed, not the whole
        if isinstance(record, PurchaseOrderLine):
            assert record.promised_date == now.fields["new_date"]
            assert record.original_promise_date != record.promised_date
        else:
            assert isinstance(record, PurchaseRequisition)
            assert (record.qty, record.release_state, record.order_state) == (12_500_000, "waiting", "open")


@guarantees("P4.stale")
async def test_another_version_is_a_conflict(folder: Path) -> None:
    """Between approval and commit somebody else was there."""
    wanted = replace(command(folder, UPDATE_DATE), version_token="2026-01-01T00:00:00Z")

    assert await opened(folder).send(wanted) == Conflict()


@guarantees("input.clear_errors")
@pytest.mark.parametrize(
    ("operation", "changed", "code"),
    [
        (UPDATE_DATE, {"new_date": "2026-03-01"}, "date_in_past"),
        (UPDATE_DATE, {"new_date": None}, "bad_date"),
        (UPDATE_DATE, {"line": "99999"}, "key_mismatch"),
        (UPDATE_DATE, {"purchase_order_id": "4500000000"}, "key_mismatch"),
        (CREATE_REQUISITION, {"qty": 12}, "bad_quantity"),
        (CREATE_REQUISITION, {"supplier_id": "NOSUCH"}, "unknown_supplier"),
        (CREATE_REQUISITION, {"cost_object": "4711"}, "no_cost_objects"),
    ],
)
async def test_a_refusal_is_a_code_of_ours(
    folder: Path, operation: str, changed: dict[str, JsonValue], code: str
) -> None:
    """What the ERP would not take as it was approved is not written in part."""
    assert await opened(folder).send(command(folder, operation, changed)) == Refused(code=code)


@guarantees("P6.planning_side")
async def test_an_operation_that_the_profile_does_not_offer_is_refused(folder: Path) -> None:
    """The profile is the list; the service behind it may know more."""
    only = replace(profile(), commands={UPDATE_DATE: profile().commands[UPDATE_DATE]})

    assert await opened(folder, only).send(command(folder, CREATE_REQUISITION)) == Refused(code="unknown_operation")


@guarantees("P4.unknown")
@pytest.mark.parametrize("operation", [UPDATE_DATE, CREATE_REQUISITION])
@pytest.mark.parametrize(("point", "is_there"), [("before_commit", False), ("after_commit", True)])
async def test_what_broke_around_the_commit_is_unknown_until_it_is_read_back(
    folder: Path, operation: str, point: Failpoint, is_there: bool
) -> None:
    """From outside the two look alike, so both are called unknown."""
    wanted = command(folder, operation)

    assert await opened(folder, at=point).send(wanted) == Unknown(reason="system_error")
    assert (await opened(folder).find(wanted) is not None) == is_there


@guarantees("P4.unknown")
async def test_a_reference_that_is_there_already_is_unknown_and_not_refused(folder: Path) -> None:
    """It may be this command's own, sent before; "refused" would say that nothing was written."""
    wanted = command(folder, CREATE_REQUISITION)
    first = await opened(folder).send(wanted)
    assert isinstance(first, Committed)

    assert await opened(folder).send(wanted) == Unknown(reason="reference_exists")
    assert await opened(folder).find(wanted) == first.written


@guarantees("P4.unknown")
async def test_a_system_that_can_not_be_written_to_was_not_sent_anything(folder: Path) -> None:
    """These come before anything is written, so the approved change waits and is not lost."""
    wanted = command(folder, CREATE_REQUISITION)
    away = folder / "away.sqlite"
    (folder / "erp.sqlite").rename(away)
    assert await opened(folder).send(wanted) == NotSent(reason="system_unreachable")
    with pytest.raises(SystemUnreachableError):
        await opened(folder).find(wanted)
    away.rename(folder / "erp.sqlite")

    (folder / "erp.sqlite").write_bytes(b"no database at all" * 100)
    assert await opened(folder).send(wanted) == Unknown(reason="system_error")
    with pytest.raises(BadAnswerError):
        await opened(folder).find(wanted)


@guarantees("P4.unknown")
async def test_a_locked_plant_is_busy(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody else writes; it is tried again later."""
    monkeypatch.setattr("erp_mcp.demo.erp_commands._WAIT_S", 0.01)
    wanted = command(folder, CREATE_REQUISITION)
    with closing(sqlite3.connect(folder / "erp.sqlite", isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        assert await opened(folder).send(wanted) == NotSent(reason="system_busy", retry_after_s=1)
        with pytest.raises(SystemTimeoutError):
            await opened(folder).find(wanted)


@guarantees("commands.probe")
async def test_a_probe_says_how_each_contract_is_kept_and_writes_nothing(folder: Path) -> None:
    """An administrator looks before turning writes on."""
    before = (folder / "erp.sqlite").read_bytes()

    told = await opened(folder).probe()

    assert (told["product"], told["account"], told["server_time"]) == ("demo ERP", "erp-mcp", "2026-03-16T05:00:00Z")
    assert all(told[name].startswith("verified: ") for name in (UPDATE_DATE, CREATE_REQUISITION))
    assert (folder / "erp.sqlite").read_bytes() == before


@guarantees("commands.probe")
async def test_a_probe_finds_references_that_are_not_unique(folder: Path) -> None:
    """A contract that is only claimed must be seen before it is leant on."""
    with closing(sqlite3.connect(folder / "erp.sqlite")) as raw, raw:
        raw.execute("CREATE TABLE ext_ref (reference TEXT, doc_type TEXT, doc_no TEXT, item_no TEXT, written_by TEXT,"
                    " written_at TEXT)")  # fmt: skip

    assert (await opened(folder).probe())[CREATE_REQUISITION].startswith("not kept: ")


@guarantees("commands.probe")
async def test_a_probe_of_something_else_is_a_clear_error(folder: Path) -> None:
    """Another database in the place of the plant, or one that may not be written."""
    with closing(sqlite3.connect(folder / "other.sqlite")) as raw, raw:
        raw.execute("CREATE TABLE something (a)")
    (folder / "other.sqlite").replace(folder / "erp.sqlite")
    with pytest.raises(BadAnswerError):
        await opened(folder).probe()


@guarantees("P4.unknown")
async def test_a_file_that_may_not_be_written_was_not_sent_anything(folder: Path) -> None:
    """The rights of the file come before anything is written; the change waits until they are mended."""
    wanted = command(folder, CREATE_REQUISITION)

    def readonly(_: Failpoint) -> None:
        failure = sqlite3.OperationalError("attempt to write a readonly database")
        failure.sqlite_errorcode = sqlite3.SQLITE_READONLY
        raise failure

    commands = DemoErpCommands.open(
        system="erp", url="erp.sqlite", root=folder, profile=profile(), clock=FixedClock(), failpoint=readonly
    )

    assert await commands.send(wanted) == NotSent(reason="system_read_only")
    assert await commands.find(wanted) is None


@guarantees("commands.contract")
def test_operations_and_contracts_are_those_of_the_profile(folder: Path) -> None:
    """The shipped profile claims what the service keeps."""
    offered = opened(folder).operations
    assert offered[UPDATE_DATE] == RetryContract(kind="conditional", settle_s=5)
    assert offered[CREATE_REQUISITION] == RetryContract(kind="unique_ref", settle_s=5)
    assert set(offered) == set(OPERATIONS)


@guarantees("input.clear_errors")
@pytest.mark.parametrize(
    ("operations", "key"),
    [
        ({"purchase_order.create": {"contract": "unique_ref", "settle_s": 1}}, "purchase_order.create"),
        ({UPDATE_DATE: {"contract": "unique_ref", "settle_s": 1}}, f"{UPDATE_DATE}.contract"),
        ({UPDATE_DATE: {"contract": "readback", "settle_s": 1, "model": "x"}}, UPDATE_DATE),
    ],
)
def test_a_profile_that_claims_what_is_not_there_is_refused(
    folder: Path, operations: dict[str, JsonValue], key: str
) -> None:
    """Found when it is opened, not when something is lost."""
    with pytest.raises(ProfileFileError) as refused:
        opened(folder, replace(profile(), commands=operations))

    assert refused.value.facts["key"] == f"commands.operations.{key}"


@guarantees("P4.one_effect")
async def test_a_prefix_of_ids_is_taken_off_and_put_back(folder: Path) -> None:
    """Two plants with one product: the ERP itself knows nothing of our prefixes."""
    commands = opened(folder, profile("N-"))
    for operation in (UPDATE_DATE, CREATE_REQUISITION):
        wanted = command(folder, operation, reference=f"R{len(operation)}", prefix="N-")
        outcome = await commands.send(wanted)

        assert isinstance(outcome, Committed)
        assert outcome.written.fields.items() <= wanted.fields.items()


@guarantees("P4.unknown", "P4.one_effect")
async def test_with_the_cable_pulled_it_is_written_and_nobody_hears_of_it_once(folder: Path) -> None:
    """The first answer is lost and is there to be found; the next one comes."""
    commands, wanted = opened(folder), command(folder, CREATE_REQUISITION)
    cable.pull(folder / "erp.sqlite")

    lost = await commands.send(wanted)
    there = await commands.find(wanted)
    heard = await commands.send(command(folder, CREATE_REQUISITION, reference="R2"))

    assert lost == Unknown(reason="no_answer")
    assert there is not None
    assert isinstance(heard, Committed)
    with closing(sqlite3.connect(folder / "erp.sqlite")) as raw:
        assert raw.execute("SELECT reference, doc_no FROM ext_ref ORDER BY 1").fetchall() == [
            ("R1", there.document),
            ("R2", heard.written.document),
        ]
