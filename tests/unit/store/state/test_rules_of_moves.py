"""The database itself refuses what the table of moves does not have: no other code path skips a state."""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import replace
from itertools import product

import pytest

from erp_mcp.domain.call import JsonValue
from erp_mcp.domain.human_task import needs_nobody
from erp_mcp.domain.lifecycle import MOVES, State
from erp_mcp.domain.proposal import Step
from erp_mcp.domain.saga import MAX_ORDERS
from erp_mcp.errors import ProposalMovedError
from erp_mcp.store.state.deployment_state import DeploymentState
from tests.guarantees import guarantees
from tests.unit.store.state.fakes import a_content, a_decision, a_receipt, a_resolution, a_task
from tests.unit.store.state.stores import REFUSED, Behind, stand

THERE = {(move.source, move.target, int(move.takes_lease)) for move in MOVES}
_MOVE = "UPDATE proposal SET state = ?, fence = fence + ?, receipt = ? WHERE proposal_id = ?"


def goes(behind: Behind, proposal_id: str, target: str, rise: int = 0, receipt: str = "") -> bool:
    """Try one change of state in plain SQL under the rules of the tables, and say whether it was taken."""
    try:
        behind.run(_MOVE, (target, rise, receipt, proposal_id))
    except REFUSED:
        return False
    return True


@guarantees("P4.table")
@pytest.mark.parametrize("source", State)
def test_no_state_is_skipped_by_plain_sql(source: State, state: DeploymentState, behind: Behind) -> None:
    """Every pair of states and both ways of the fence: what is taken is in the table of moves."""
    proposal_id = state.proposals.create(a_content())[0].content.proposal_id
    for target, rise in product(State, (-1, 0, 1, 2)):
        stand(behind, proposal_id, source, fence=3)
        if goes(behind, proposal_id, target, rise, "{}"):
            assert (source, target, rise) in THERE


@guarantees("P4.table", "P3.people_commit")
def test_what_too_few_have_said_yes_to_is_not_approved_by_plain_sql(state: DeploymentState, behind: Behind) -> None:
    """As many decisions as the content asks for, or the row stays where it is."""
    proposal_id = state.proposals.create(a_content(needed=2))[0].content.proposal_id
    assert not goes(behind, proposal_id, "APPROVED")
    state.proposals.decide(a_decision(proposal_id, by="anna"))
    assert not goes(behind, proposal_id, "APPROVED")
    with pytest.raises(REFUSED):
        behind.run("UPDATE proposal SET needed = 1 WHERE proposal_id = ?", (proposal_id,))
    state.proposals.decide(a_decision(proposal_id, by="bea"))
    assert state.proposals.get(proposal_id).state is State.APPROVED


@guarantees("P3.own_tasks", "P4.table")
def test_only_a_task_that_needs_nobody_skips_its_approval(state: DeploymentState, behind: Behind) -> None:
    """Policy, worker and database say so, each by itself."""
    task, order = a_task(), replace(a_content(), terms=a_task().terms)
    release = replace(task.command, operation="human_task.request_release")
    other = replace(task, command=release, proposal_id="prp_other", idempotency_key="key-other", fingerprint="other")
    asked = replace(a_task("key-task0002", needed=1), fingerprint="asked")
    assert [needs_nobody(one) for one in (task, order, other, asked)] == [True, False, False, False]
    made = [state.proposals.create(one)[0] for one in (task, order, other, asked)]
    assert [one.state for one in made] == [State.APPROVED, *[State.AWAITING_APPROVAL] * 3]
    for one in made[1:]:
        proposal_id = one.content.proposal_id
        stand(behind, proposal_id, "PROPOSED")
        assert not goes(behind, proposal_id, "APPROVED")
        with pytest.raises(ProposalMovedError):
            state.proposals.move(proposal_id, Step(name="allow", actor="gateway"))
    stand(behind, task.proposal_id, "PROPOSED")
    assert goes(behind, task.proposal_id, "APPROVED")


@guarantees("P4.table")
def test_a_proposal_begins_as_proposed_and_what_was_written_has_a_receipt_that_stays(
    state: DeploymentState, behind: Behind
) -> None:
    """No row appears in the middle of its way, none is written without what was written, none is rewritten."""
    proposal_id = state.proposals.create(a_content())[0].content.proposal_id
    columns = "agent, tool, system, idempotency_key, fingerprint, made_at, ends_at, digest, since, needed, content"
    copied = f"INSERT INTO proposal (proposal_id, state, {columns}) SELECT ?, ?, {columns} FROM proposal"
    copied = copied.replace("SELECT ?, ?, agent, tool", "SELECT ?, ?, agent || 'x', tool")
    for where in set(State) - {State.PROPOSED}:
        with pytest.raises(REFUSED):
            behind.run(copied, ("prp_second", where))
    stand(behind, proposal_id, "SENDING")
    assert not goes(behind, proposal_id, "COMMITTED")
    assert not goes(behind, proposal_id, "PARTIALLY_COMMITTED")
    state.proposals.move(proposal_id, Step(name="commit", actor="w", receipt=a_receipt()))
    with pytest.raises(REFUSED):
        behind.run("UPDATE proposal SET receipt = '{}' WHERE proposal_id = ?", (proposal_id,))


@guarantees("P4.resolved", "P4.table")
@pytest.mark.parametrize("source", [State.UNKNOWN, State.NEEDS_HUMAN, State.COMPENSATION_STUCK])
def test_nothing_unknown_is_ended_without_the_statement_that_says_so(
    source: State, state: DeploymentState, behind: Behind
) -> None:
    """Neither by SQL nor by a mere move, and not by a statement of the other verdict."""
    for applied, target, other in ((True, "COMMITTED", "NOT_APPLIED"), (False, "NOT_APPLIED", "COMMITTED")):
        proposal_id = state.proposals.create(a_content(f"key-{source}-{target}"))[0].content.proposal_id
        stand(behind, proposal_id, source)
        for where in (target, other):
            assert not goes(behind, proposal_id, where, receipt="{}")
        receipt = replace(a_receipt(), found="stated")
        for wrong in (a_resolution(proposal_id, applied=True), a_resolution(proposal_id, applied=False)):
            with pytest.raises(ProposalMovedError):  # a receipt exactly where something is there
                state.proposals.resolve(wrong, None if wrong.verdict == "applied" else receipt)
        before = behind.everything()
        with suppress(ProposalMovedError):
            state.proposals.move(proposal_id, Step(name="resolve_applied", actor="w", receipt=receipt))
        assert behind.everything() == before
        state.proposals.resolve(a_resolution(proposal_id, applied=applied), receipt if applied else None)
        assert state.proposals.get(proposal_id).state == target
        with pytest.raises(ProposalMovedError):
            state.proposals.resolve(a_resolution(proposal_id, applied=applied), receipt if applied else None)


@guarantees("P4.resolved", "P4.table", "P10.saga")
def test_what_is_stuck_is_taken_back_further_only_by_an_order_of_its_own_each_time(
    state: DeploymentState, behind: Behind
) -> None:
    """Neither by SQL nor by a mere move, nor by the order of the time before; and from nowhere else."""
    proposal_id = state.proposals.create(a_content())[0].content.proposal_id
    for fence in range(1, MAX_ORDERS + 1):
        stand(behind, proposal_id, "COMPENSATION_STUCK", fence=fence)
        assert not goes(behind, proposal_id, "COMPENSATING")
        with pytest.raises(ProposalMovedError):
            state.proposals.move(proposal_id, Step(name="resolve_take_back", actor="w"))
        order = replace(a_resolution(proposal_id), verdict="take_back")
        assert state.proposals.resolve(order, None).state is State.COMPENSATING
        with pytest.raises(ProposalMovedError):
            state.proposals.resolve(replace(a_resolution(proposal_id), verdict="take_back"), None)
    given = state.proposals.orders(proposal_id)
    assert [one.said.verdict for one in given] == ["take_back"] * MAX_ORDERS
    stand(behind, proposal_id, "COMPENSATION_STUCK", fence=MAX_ORDERS + 1)
    with pytest.raises(ProposalMovedError) as often:
        state.proposals.resolve(replace(a_resolution(proposal_id), verdict="take_back"), None)
    assert often.value.facts["reason"] == "ordered_too_often"
    assert state.proposals.resolve(a_resolution(proposal_id, applied=False), None).state is State.NOT_APPLIED


@guarantees("P4.resolved", "P3.binding")
@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE take_back_order SET approver_id = 'bea'",
        "DELETE FROM take_back_order",
        "UPDATE resolution SET verdict = 'applied'",
        "UPDATE resolution SET approver_id = 'bea'",
        "DELETE FROM resolution",
        "UPDATE human_task SET instructions = 'something else'",
        "UPDATE human_task SET role = 'buyer'",
        "DELETE FROM human_task",
    ],
)
def test_statements_and_tasks_are_kept_as_they_were_given(
    statement: str, state: DeploymentState, behind: Behind
) -> None:
    """A slip with an SQL shell must not change what somebody signed, or was asked."""
    proposal_id = state.proposals.create(a_content())[0].content.proposal_id
    stand(behind, proposal_id, "COMPENSATION_STUCK")
    state.proposals.resolve(replace(a_resolution(proposal_id), verdict="take_back"), None)
    stand(behind, proposal_id, "UNKNOWN")
    state.proposals.resolve(a_resolution(proposal_id, applied=False), None)
    state.tasks.create("R0000000009", "human_task.create", {"role": "supervisor", "title": "Look", "site": "1000"})
    with pytest.raises(REFUSED):
        behind.run(statement)


@guarantees("P3.own_tasks", "P4.one_effect")
def test_a_task_is_made_once_for_its_reference_and_closed_once(state: DeploymentState) -> None:
    """As a system of record that refuses a second document under one reference."""
    asked: dict[str, JsonValue] = {"role": "supervisor", "title": "Look at line 2", "site": "1000"}
    fields: dict[str, JsonValue] = {**asked, "due": "2026-03-20", "evidence": ["c-1"]}
    one, again = [state.tasks.create("R0000000009", "human_task.create", {**fields}) for _ in range(2)]
    later = state.tasks.create("R0000000010", "human_task.create", {**fields, "due": ""})
    sooner = state.tasks.create("R0000000011", "human_task.create", {**fields, "due": "2026-03-01"})
    assert (one, one.evidence) == (again, ("c-1",))
    assert state.tasks.by_reference("R0000000009") == one == state.tasks.get(one.task_id)
    assert state.tasks.by_reference("R0000000012") is None
    assert state.tasks.listed() == [sooner, one, later]
    done = state.tasks.close(one.task_id, "DONE", by="ada", note="seen")
    assert (done.state, done.closed_by, done.note) == ("DONE", "ada", "seen")
    assert state.tasks.listed(state="OPEN") == [sooner, later]
    assert state.tasks.listed(role="buyer") == []
    kinds = [json.loads(record.leaf)["kind"] for record in state.audit.read_all()]
    assert kinds == [*["task.created"] * 3, "task.done"]
