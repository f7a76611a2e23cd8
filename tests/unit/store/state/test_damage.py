"""Rows that are not what was written, files that can't be written, and files of an older version."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from erp_mcp.audit.record import GENESIS, build
from erp_mcp.audit.verify import verify
from erp_mcp.domain.approver import Signed
from erp_mcp.domain.audit import AuditEntry, AuditRecord
from erp_mcp.domain.lifecycle import State as Standing
from erp_mcp.domain.proposal import LimitUse, Step
from erp_mcp.errors import ProposalDamagedError, StateUnavailableError
from erp_mcp.store.state.deployment_state import DeploymentState
from erp_mcp.store.state.file import FILE_NAME, VERSION
from erp_mcp.store.state.sqlite import State
from tests.guarantees import guarantees
from tests.unit.store.state.fakes import FakeClock, a_content, a_decision, a_state, an_approver
from tests.unit.store.state.stores import REFUSED, Behind, stand

USE = LimitUse(limit="l", key="k", amount=1, maximum=9, window_s=60)
DAMAGES = {
    "no JSON": "UPDATE proposal SET content = 'x' || content",
    "another form": "UPDATE proposal SET content = '{}'",
    "another payload": "UPDATE proposal SET content = replace(content, '2026-03-20', '2026-03-30')",
    "other white space": "UPDATE proposal SET content = content || ' '",
    "another digest": "UPDATE proposal SET digest = replace(digest, substr(digest, 1, 1), 'x')",
    "another system beside it": "UPDATE proposal SET system = 'mes'",
    "another agent beside it": "UPDATE proposal SET agent = 'planner'",
    "a receipt of no form": "UPDATE proposal SET receipt = '{}'",
    "a receipt that is no JSON": "UPDATE proposal SET receipt = '}'",
}


def damage(behind: Behind, statement: str, proposal_id: str) -> None:
    """Change a row as its owner can, around the triggers."""
    behind.forge(f"{statement} WHERE proposal_id = ?", (proposal_id,))


@guarantees("P3.binding")
@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE proposal SET content = '{}'",
        "UPDATE proposal SET digest = ''",
        "UPDATE proposal SET ends_at = '9999'",
        "UPDATE proposal SET system = 'mes'",
        "DELETE FROM proposal",
        "UPDATE decision SET approver_id = 'bea'",
        "UPDATE decision SET decision = 'reject'",
        "DELETE FROM decision",
        "UPDATE limit_use SET amount = 0",
        "DELETE FROM limit_use",
        "UPDATE outbox SET payload = '{}'",
        "DELETE FROM outbox",
        "INSERT INTO limit_use VALUES ('prp_x', 'l', 'k', 1, '')",
    ],
)
def test_the_store_itself_refuses_to_change_what_was_proposed_and_decided(
    statement: str, state: DeploymentState, behind: Behind
) -> None:
    """A slip with an SQL shell must not change what somebody signed."""
    content = a_content(limits=(USE,))
    state.proposals.create(content)
    state.proposals.decide(a_decision(content.proposal_id))
    with pytest.raises(REFUSED):
        behind.run(statement)


@guarantees("P3.binding")
@pytest.mark.parametrize("table", ["approver", "decision", "proposal"])
def test_the_file_refuses_to_replace_rows_by_themselves(table: str, file_state: State) -> None:
    """SQLite's own way to delete and insert asks the triggers only where that is switched on."""
    content = a_content(limits=(USE,))
    file_state.approvers.enrol(an_approver("anna"))
    file_state.proposals.create(content)
    file_state.proposals.decide(a_decision(content.proposal_id))
    with pytest.raises(sqlite3.IntegrityError):
        file_state.file.effects.execute(f"REPLACE INTO {table} SELECT * FROM {table}")


@guarantees("P3.binding")
@pytest.mark.parametrize("statement", DAMAGES.values(), ids=DAMAGES)
def test_a_damaged_proposal_is_told_and_nothing_of_it_is_carried_out(
    statement: str, state: DeploymentState, behind: Behind
) -> None:
    """What can't be read as it was written can't be shown to anybody, approved or sent."""
    damaged, healthy = a_content("key-damaged"), a_content("key-healthy")
    for content in (damaged, healthy):
        state.proposals.create(content)
    damage(behind, statement, damaged.proposal_id)
    before = behind.everything()
    with pytest.raises(ProposalDamagedError):
        state.proposals.get(damaged.proposal_id)
    with pytest.raises(ProposalDamagedError):
        state.proposals.decide(a_decision(damaged.proposal_id))
    with pytest.raises(ProposalDamagedError):
        state.proposals.move(damaged.proposal_id, Step(name="cancel", actor="buyer"))
    assert behind.everything() == before
    assert [one.content for one in state.proposals.in_states(tuple(Standing))] == [healthy]
    assert [one.content for one in state.proposals.of_agent("buyer")] == [healthy]


@guarantees("P3.binding")
def test_damaged_proposals_do_not_shorten_a_page(state: DeploymentState, behind: Behind) -> None:
    """A short page reads as the last one, and what is behind it would never be seen."""
    made = [a_content(f"key-{number:08d}") for number in range(4)]
    for content in made:
        state.proposals.create(content)
    newest, *older = state.proposals.of_agent("buyer")
    damage(behind, DAMAGES["no JSON"], newest.content.proposal_id)
    assert state.proposals.of_agent("buyer", limit=3) == older


@guarantees("P3.binding", "P10.survives")
@pytest.mark.parametrize(
    ("where", "statement"),
    [(where, DAMAGES["no JSON"]) for where in ("CLAIMED", "SENDING", "UNKNOWN", "RECONCILING")]
    + [("APPROVED", statement) for statement in DAMAGES.values()],
)
def test_a_damaged_proposal_holds_up_no_work_and_goes_to_a_person(
    statement: str, where: str, state: DeploymentState, clock: FakeClock, behind: Behind
) -> None:
    """It comes first in the queue; the next one must be taken all the same."""
    damaged, healthy = a_content("key-damaged"), a_content("key-healthy")
    for content in (damaged, healthy):
        state.proposals.create(content)
        state.proposals.decide(a_decision(content.proposal_id))
        clock.pass_seconds(1)
    stand(behind, damaged.proposal_id, where)
    damage(behind, statement, damaged.proposal_id)
    taken = state.proposals.take("w", lease_s=60)
    assert taken is not None
    assert taken.content == healthy
    rows = behind.rows(f"SELECT state, reason FROM proposal WHERE proposal_id = '{damaged.proposal_id}'")
    assert rows == [("NEEDS_HUMAN", "damaged")]
    assert state.proposals.history(damaged.proposal_id)[-1].type == "proposal.needs_human"
    assert state.proposals.take("w", lease_s=60) is None


@guarantees("P10.survives", "P5.audit_or_nothing")
def test_one_that_can_not_even_be_handed_over_is_passed_by(
    state: DeploymentState, clock: FakeClock, behind: Behind
) -> None:
    """Without its record it stays where it is, and the work behind it goes on."""
    damaged, healthy = a_content("key-damaged"), a_content("key-healthy")
    for content in (damaged, healthy):
        state.proposals.create(content)
        state.proposals.decide(a_decision(content.proposal_id))
        clock.pass_seconds(1)
    damage(behind, DAMAGES["no JSON"], damaged.proposal_id)
    behind.refuse("proposal", "UPDATE", when="NEW.state = 'NEEDS_HUMAN'")
    records = len(state.audit.read())
    taken = state.proposals.take("w", lease_s=60)
    assert taken is not None
    assert taken.content == healthy
    assert len(state.audit.read()) == records + 1
    assert len(state.proposals.history(damaged.proposal_id)) == 3


@guarantees("P3.expires")
def test_a_damaged_proposal_expires_like_any_other(state: DeploymentState, clock: FakeClock, behind: Behind) -> None:
    """It must not stay before its approvers for ever, nor hold up the others."""
    damaged, healthy = a_content("key-damaged"), a_content("key-healthy")
    for content in (damaged, healthy):
        state.proposals.create(content)
    damage(behind, DAMAGES["no JSON"], damaged.proposal_id)
    clock.pass_seconds(4 * 3600)
    assert state.proposals.expire() == 2


@guarantees("P3.binding")
def test_a_proposal_in_a_state_that_does_not_exist_moves_nowhere(state: DeploymentState, behind: Behind) -> None:
    """Whatever somebody wrote there, no move starts from it."""
    content = a_content()
    state.proposals.create(content)
    stand(behind, content.proposal_id, "APPROVED_BY_MAGIC")
    with pytest.raises(ProposalDamagedError):
        state.proposals.get(content.proposal_id)
    with pytest.raises(ProposalDamagedError):
        state.proposals.move(content.proposal_id, Step(name="claim", actor="w"))
    assert state.proposals.take("w", lease_s=60) is None


ACTS: dict[str, Callable[[DeploymentState, str], object]] = {
    "create": lambda state, one: state.proposals.create(a_content("key-other", limits=(USE,))),
    "decide": lambda state, one: state.proposals.decide(a_decision(one)),
    "move": lambda state, one: state.proposals.move(one, Step(name="cancel", actor="buyer")),
    "take": lambda state, one: state.proposals.take("w", lease_s=60),
    "expire": lambda state, one: state.proposals.expire(),
    "enrol": lambda state, one: state.approvers.enrol(an_approver("bea")),
    "revoke": lambda state, one: state.approvers.revoke("anna", Signed(text="{}", signer="bea", signature="")),
    "stop": lambda state, one: state.switches.stop("all", by="olga", reason=""),
    "resume": lambda state, one: state.switches.resume("tool:other", by="olga"),
    "apply": lambda state, one: state.bundles.put_bundle("d1", "{}", applied_by="olga", previous=""),
}


def _ready(state: DeploymentState, clock: FakeClock) -> str:
    """Leave something to do for every act; return the id of a proposal that waits for a decision."""
    state.approvers.enrol(an_approver("anna"))
    state.switches.stop("tool:other", by="olga", reason="")
    waits, approved, over = a_content("key-waits"), a_content("key-approved"), a_content("key-over", valid_s=60)
    for content in (waits, approved, over):
        state.proposals.create(content)
    state.proposals.decide(a_decision(approved.proposal_id))
    clock.pass_seconds(60)
    return waits.proposal_id


@guarantees("P5.audit_or_nothing")
@pytest.mark.parametrize("act", [name for name in ACTS if name != "expire"])
def test_where_no_record_can_be_written_nothing_happens(
    act: str, state: DeploymentState, clock: FakeClock, behind: Behind
) -> None:
    """An effect without its record would be an effect that nobody can prove."""
    proposal_id = _ready(state, clock)
    behind.refuse("audit_record", "INSERT")
    before = behind.everything()
    with pytest.raises(StateUnavailableError):
        ACTS[act](state, proposal_id)
    assert behind.everything() == before
    behind.allow("audit_record")
    ACTS[act](state, proposal_id)
    assert behind.everything() != before


@guarantees("P5.audit_or_nothing")
def test_where_no_record_can_be_written_nothing_expires(
    state: DeploymentState, clock: FakeClock, behind: Behind
) -> None:
    """One that can't be let go is passed by, and stays where it is."""
    _ready(state, clock)
    behind.refuse("audit_record", "INSERT")
    before = behind.everything()
    assert state.proposals.expire() == 0
    assert behind.everything() == before


@guarantees("P5.audit_or_nothing")
@pytest.mark.parametrize("act", ACTS)
def test_a_store_that_can_not_be_written_is_told_as_such(
    act: str, state: DeploymentState, clock: FakeClock, behind: Behind
) -> None:
    """One code for whatever SQLite says, and nothing half done."""
    proposal_id = _ready(state, clock)
    before = behind.everything()
    _let_only_read(state, behind)
    with pytest.raises(StateUnavailableError):
        ACTS[act](state, proposal_id)
    assert behind.everything() == before


def _let_only_read(state: DeploymentState, behind: Behind) -> None:
    if isinstance(state, State):
        state.file.effects.execute("PRAGMA query_only = ON")
    else:
        behind.revoke()


@guarantees("input.clear_errors")
def test_a_closed_store_is_told_as_such(state: DeploymentState) -> None:
    """Readers get the same one code."""
    state.close()
    for read in (
        lambda: state.proposals.get("prp_x"),
        lambda: state.proposals.by_key("a", "t", "k"),
        lambda: state.proposals.same("a", "f", within_s=1),
        lambda: state.proposals.of_agent("a"),
        lambda: state.proposals.in_states((Standing.APPROVED,)),
        lambda: state.proposals.decisions("prp_x"),
        lambda: state.proposals.history("prp_x"),
        state.proposals.events,
        state.approvers.all,
        state.switches.stopped,
        state.bundles.applied,
        state.bundles.active,
        state.bundles.active_digest,
    ):
        with pytest.raises(StateUnavailableError):
            read()


@guarantees("P10.survives", "P5.tamper_evident")
def test_a_file_of_the_first_version_is_taken_along(tmp_path: Path) -> None:
    """Records and the applied policy of a deployment stay as they are when its gateway is renewed."""
    first = sqlite3.connect(tmp_path / FILE_NAME, isolation_level=None)
    first.execute("PRAGMA journal_mode = WAL")
    folder = Path(__file__).parents[4] / "erp_mcp" / "store" / "state" / "migrations"
    first.executescript((folder / "0001_state.sql").read_text(encoding="utf-8"))
    first.execute("PRAGMA user_version = 1")
    records = _a_chain(4)
    for record in records:
        first.execute("INSERT INTO audit_record VALUES (?, ?, ?)", (record.seq, record.leaf, record.leaf_hash))
        for name, (salt, value) in record.details.items():
            first.execute("INSERT INTO audit_detail VALUES (?, ?, ?, ?)", (record.seq, name, salt, json.dumps(value)))
    first.execute("INSERT INTO policy_bundle VALUES (1, 'd1', '{}', 'olga', '2026-03-01T06:00:00.000000Z', 4)")
    first.close()

    state = a_state(tmp_path)
    assert state.audit.read() == records
    assert state.bundles.active() == ("d1", "{}")
    assert state.bundles.applied()[0].approval is None
    content = a_content()
    state.proposals.create(content)
    assert state.proposals.get(content.proposal_id).content == content
    report = verify(state.audit.read_all(), strays=state.audit.strays(), proposals=state.proposals.kept())
    assert (report.records, report.findings) == (6, ())
    assert state.file.records.execute("PRAGMA user_version").fetchone() == (VERSION,)
    state.close()


def _a_chain(size: int) -> list[AuditRecord]:
    """Return records as the first version wrote them."""
    records: list[AuditRecord] = []
    for number in range(1, size + 1):
        entry = AuditEntry(
            kind="call.answered",
            correlation_id=f"c-{number}",
            causation_id="",
            trace="",
            actor="planner",
            facts={"rows": number},
            fields={"arguments": {"n": number}},
        )
        prev = records[-1].leaf_hash if records else GENESIS
        time = f"2026-03-01T06:00:{number:02d}.000000Z"
        records.append(build(entry, seq=number, prev=prev, record_id=f"id-{number}", time=time, salts=bytes))
    return records
