"""The state of a deployment: one chain for all processes, applied policy, leases, owner-only rights."""

from __future__ import annotations

import os
import sqlite3
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from erp_mcp.audit.verify import verify
from erp_mcp.errors import AuditUnavailableError, BundleChangedError, StateUnavailableError
from erp_mcp.store.state.deployment_state import DeploymentState
from erp_mcp.store.state.file import FILE_NAME
from erp_mcp.store.state.keys import deployment_key, derived_key
from erp_mcp.store.state.sqlite import State
from tests.guarantees import guarantees
from tests.unit.store.state.fakes import FakeClock, a_state, an_entry
from tests.unit.store.state.stores import REFUSED, Behind, opened

ROOT = Path(__file__).parents[4]


@guarantees("P5.leaf_format", "P5.tamper_evident")
def test_what_was_appended_is_read_back_and_verifies(state: DeploymentState) -> None:
    """The store adds nothing and loses nothing: bytes, values and order are those that were hashed."""
    written = [state.audit.append(an_entry(rows=number)) for number in range(5)]
    assert state.audit.read() == written
    assert state.audit.read(after=3, limit=1) == written[3:4]
    assert state.audit.last(2) == written[-2:]
    assert verify(state.audit.read_all()).intact


@guarantees("P5.tamper_evident", "P10.survives")
def test_processes_that_append_at_once_make_one_chain(state: DeploymentState, home: Path) -> None:
    """Hosts start servers twice; their records must interleave without a gap or a fork."""
    command = [sys.executable, "-m", "tests.unit.store.state.worker", str(home)]
    workers = [subprocess.Popen([*command, f"agent-{n}", "150"], cwd=ROOT, stdout=subprocess.PIPE) for n in range(3)]
    assert [worker.communicate(timeout=60)[0] is not None and worker.returncode for worker in workers] == [0, 0, 0]
    records = list(state.audit.read_all())
    assert len(records) == 450
    assert verify(records).intact


@guarantees("P10.survives", "P5.tamper_evident")
def test_a_writer_killed_at_any_time_leaves_a_whole_chain(state: DeploymentState, home: Path) -> None:
    """A record and its link are one transaction, so a killed process leaves all of it or nothing."""
    command = [sys.executable, "-m", "tests.unit.store.state.worker", str(home), "agent", "1000000"]
    for _ in range(3):
        seen = len(state.audit.last(1)) and state.audit.last(1)[0].seq
        worker = subprocess.Popen(command, cwd=ROOT)
        while not state.audit.read(after=seen + 20, limit=1):
            assert worker.poll() is None
        worker.kill()
        worker.wait()
        state.audit.append(an_entry(actor="survivor"))
        assert verify(state.audit.read_all()).intact


HISTORY = (
    "UPDATE audit_record SET leaf_hash = '' WHERE seq = 1",
    "DELETE FROM audit_record WHERE seq = 2",
    "INSERT INTO audit_record SELECT 9, leaf, leaf_hash FROM audit_record WHERE seq = 1",
    "UPDATE audit_detail SET value = '1'",
    "DELETE FROM audit_detail",
    "UPDATE policy_bundle SET digest = ''",
    "DELETE FROM policy_bundle",
)


@guarantees("P5.tamper_evident")
@pytest.mark.parametrize("statement", HISTORY)
def test_the_store_itself_refuses_to_change_history(state: DeploymentState, behind: Behind, statement: str) -> None:
    """A slip with an SQL shell must not change what happened; a determined owner is found by verification."""
    _history(state)
    with pytest.raises(REFUSED):
        behind.run(statement)


@guarantees("P5.tamper_evident")
@pytest.mark.parametrize("statement", [
    "REPLACE INTO audit_record VALUES (1, x'00', '')",
    "REPLACE INTO audit_detail VALUES (1, 'arguments', '', '')",
])  # fmt: skip
def test_the_file_refuses_to_replace_history(file_state: State, statement: str) -> None:
    """SQLite's own way to delete and insert asks the triggers only where that is switched on."""
    _history(file_state)
    with pytest.raises(sqlite3.IntegrityError):
        file_state.file.effects.execute(statement)


def _history(state: DeploymentState) -> None:
    state.audit.append(an_entry())
    state.audit.append(an_entry())
    state.bundles.put_bundle("d1", "{}", applied_by="anna", previous="")


@guarantees("P5.tamper_evident")
def test_a_change_made_around_the_triggers_is_found(state: DeploymentState, behind: Behind) -> None:
    """Whoever may write the file can drop the triggers; the chain still shows it."""
    for number in range(4):
        state.audit.append(an_entry(rows=number))
    behind.forge("DELETE FROM audit_record WHERE seq = 3")
    report = verify(state.audit.read_all())
    assert [finding.code for finding in report.findings] == ["missing", "broken_link"]


@guarantees("P5.tamper_evident")
@pytest.mark.parametrize("number", [0, -7, -(2**63)])
def test_a_record_put_in_before_the_first_is_found(number: int, state: DeploymentState, behind: Behind) -> None:
    """The log is shown by id too, so a record that no walk from number 1 meets could still be taken for a true one."""
    state.audit.append(an_entry())
    behind.forge("INSERT INTO audit_record SELECT ?, leaf, leaf_hash FROM audit_record", (number,))
    report = verify(state.audit.read_all())
    assert not report.intact
    assert (report.findings[0].seq, report.findings[0].code) == (number, "out_of_place")


@guarantees("P5.tamper_evident")
def test_records_cut_off_carelessly_are_found_by_what_they_leave_behind(state: DeploymentState, behind: Behind) -> None:
    """Kept values and applied bundles name their records; only who removes them too needs a head to be found out."""
    for _ in range(3):
        state.audit.append(an_entry())
    state.bundles.put_bundle("d1", "{}", applied_by="anna", previous="")
    assert state.audit.strays() == []
    behind.forge("DELETE FROM audit_record WHERE seq > 2")
    report = verify(state.audit.read_all(), strays=state.audit.strays())
    assert [(finding.seq, finding.code) for finding in report.findings] == [(3, "missing"), (4, "missing")]


@guarantees("P5.audit_or_nothing")
def test_an_append_that_can_not_be_written_says_so(state: DeploymentState, behind: Behind) -> None:
    """The gateway answers nothing without a record, so the failure must reach it as one error."""
    behind.refuse("audit_record", "INSERT")
    with pytest.raises(AuditUnavailableError):
        state.audit.append(an_entry())
    behind.allow("audit_record")
    assert state.audit.append(an_entry()).seq == 1


@guarantees("P5.audit_or_nothing", "P9.bounded")
def test_an_append_waits_for_a_hung_writer_only_so_long(state: DeploymentState, home: Path) -> None:
    """A process that hangs inside its transaction must not hang every other server for good."""
    hurried = opened(home, busy_s=0.05)
    with state.engine.writing() as hung:
        state.audit.add(hung, an_entry())
        with pytest.raises(AuditUnavailableError):
            hurried.audit.append(an_entry())
    assert hurried.audit.append(an_entry()).seq == 2
    hurried.close()


@guarantees("P5.every_decision")
def test_records_are_found_by_an_id_they_carry(state: DeploymentState) -> None:
    """A person comes with a call id or a correlation id and wants the records."""
    state.audit.append(an_entry(correlation_id="c-1"))
    wanted = state.audit.append(an_entry(correlation_id="c-2"))
    assert state.audit.find("c-2") == [wanted]
    assert state.audit.find("c-3") == []


@guarantees("policy.apply")
def test_an_applied_bundle_is_active_for_every_process_at_once(
    state: DeploymentState, home: Path, behind: Behind
) -> None:
    """All servers follow one apply: another connection and another process see the new digest."""
    other = opened(home)
    assert (state.bundles.active_digest(), other.bundles.active()) == ("", ("", ""))
    assert state.bundles.put_bundle("d1", '{"a":1}', applied_by="anna", previous="") == 1
    assert state.bundles.put_bundle("d2", '{"a":2}', applied_by="anna", previous="d1") == 2
    assert state.bundles.active_digest() == other.bundles.active_digest() == "d2"
    assert other.bundles.active() == ("d2", '{"a":2}')
    command = [sys.executable, "-m", "tests.unit.store.state.worker", str(home), "agent", "0"]
    assert subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout == "d2\n"
    kept = behind.rows("SELECT version, digest, applied_by FROM policy_bundle ORDER BY version")
    assert kept == [(1, "d1", "anna"), (2, "d2", "anna")]
    other.close()


@guarantees("policy.apply", "P5.every_decision")
def test_a_bundle_and_its_audit_record_stand_or_fall_together(state: DeploymentState, behind: Behind) -> None:
    """A policy change without a record, or a record of a change that was not made, must not exist."""
    state.bundles.put_bundle("d1", "{}", applied_by="anna", previous="")
    record = state.audit.last(1)[0]
    assert b'"kind":"policy.applied"' in record.leaf
    assert b'"bundle":"d1"' in record.leaf
    behind.refuse("policy_bundle", "INSERT")
    with pytest.raises(StateUnavailableError):
        state.bundles.put_bundle("d2", "{}", applied_by="anna", previous="d1")
    assert (state.bundles.active_digest(), state.audit.last(1)) == ("d1", [record])


@guarantees("policy.apply")
def test_an_apply_that_was_compared_with_an_older_policy_is_refused(state: DeploymentState) -> None:
    """Two admins at once: the second must look at the difference again."""
    state.bundles.put_bundle("d1", "{}", applied_by="anna", previous="")
    with pytest.raises(BundleChangedError):
        state.bundles.put_bundle("d2", "{}", applied_by="ben", previous="")
    assert state.bundles.active_digest() == "d1"


@guarantees("P10.survives")
def test_one_holder_has_a_lease_until_it_ends(state: DeploymentState, clock: FakeClock) -> None:
    """Scheduled synchronisation runs in one server at a time and goes on when that one dies."""
    first = state.leases.acquire("sync", "a", ttl_s=30)
    assert first is not None
    assert state.leases.acquire("sync", "b", ttl_s=30) is None
    clock.pass_seconds(20)
    renewed = state.leases.acquire("sync", "a", ttl_s=30)
    assert renewed is not None
    assert renewed.fence == first.fence
    clock.pass_seconds(29)
    assert state.leases.acquire("sync", "b", ttl_s=30) is None
    clock.pass_seconds(2)
    second = state.leases.acquire("sync", "b", ttl_s=30)
    assert second is not None
    assert second.fence > first.fence


@guarantees("P10.survives")
def test_a_released_lease_is_free_and_its_fence_is_never_used_again(state: DeploymentState) -> None:
    """Work under an old fence can be told from work under a new one, for good."""
    first = state.leases.acquire("sync", "a", ttl_s=30)
    assert first is not None
    state.leases.release(first)
    second = state.leases.acquire("sync", "b", ttl_s=30)
    assert second is not None
    assert second.fence == first.fence + 1
    state.leases.release(first)
    assert state.leases.acquire("sync", "a", ttl_s=30) is None


@guarantees("P10.survives")
@pytest.mark.parametrize(("ahead_s", "is_held"), [(30, True), (3600, True), (3601, False), (30 * 86_400, False)])
def test_a_lease_of_a_clock_that_was_far_ahead_keeps_nobody_out_once_it_is_right(
    state: DeploymentState, clock: FakeClock, ahead_s: int, is_held: bool
) -> None:
    """Clocks of machines differ a little; by one that was a month ahead nobody would synchronise for a month."""
    clock.pass_seconds(ahead_s)
    ahead = state.leases.acquire("sync", "a", ttl_s=30)
    assert ahead is not None
    clock.pass_seconds(-ahead_s)
    right = state.leases.acquire("sync", "b", ttl_s=30)
    assert (right is None) == is_held
    state.leases.release(ahead)  # by now it is somebody else's, or free
    assert (state.leases.acquire("sync", "c", ttl_s=30) is None) == (not is_held)
    assert right is None or right.fence == ahead.fence + 1


@guarantees("P8.no_leaks")
def test_files_and_folders_are_the_owners_alone(tmp_path: Path) -> None:
    """Audit values and keys are nobody else's business, whatever the umask."""
    before = os.umask(0)
    try:
        state = a_state(tmp_path / "state")
        state.audit.append(an_entry())
        deployment_key(tmp_path / "state")
        made = list((tmp_path / "state").rglob("*"))
        assert {path.name for path in made} >= {FILE_NAME, f"{FILE_NAME}-wal", "keys", "deployment.key"}
        if os.name == "posix":  # elsewhere rights are lists, inherited from the user's folder
            assert [path for path in [tmp_path / "state", *made] if stat.S_IMODE(path.stat().st_mode) & 0o077] == []
        state.close()
    finally:
        os.umask(before)


@guarantees("P7.stable_paging", "P8.masks")
def test_the_deployment_key_is_made_once_and_kept_from_others(tmp_path: Path) -> None:
    """Cursors and hashed values must agree between processes and days, and be of no use for one another."""
    key = deployment_key(tmp_path)
    assert len(key) == 32
    assert deployment_key(tmp_path) == key
    assert derived_key(key, "cursor") != derived_key(key, "mask")
    path = tmp_path / "keys" / "deployment.key"
    if os.name == "posix":
        path.chmod(0o644)
        with pytest.raises(StateUnavailableError):
            deployment_key(tmp_path)
        path.chmod(0o600)
    path.write_bytes(b"short")
    with pytest.raises(StateUnavailableError):
        deployment_key(tmp_path)


@guarantees("input.clear_errors")
def test_a_file_that_is_no_state_or_of_a_newer_version_is_refused(tmp_path: Path) -> None:
    """A damaged or newer file must not be written over."""
    (tmp_path / FILE_NAME).write_bytes(b"not a database, " * 100)
    with pytest.raises(StateUnavailableError):
        a_state(tmp_path)
    newer = tmp_path / "newer"
    a_state(newer).close()
    with sqlite3.connect(newer / FILE_NAME) as connection:
        connection.execute("PRAGMA user_version = 999")
    connection.close()
    with pytest.raises(StateUnavailableError) as error:
        a_state(newer)
    assert error.value.facts["version"] == 999
