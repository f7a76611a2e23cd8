"""Parts of a saga in the store: begun with what waits for them in one transaction, never by themselves."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from erp_mcp.audit.verify import verify
from erp_mcp.domain import saga
from erp_mcp.domain.instants import exact_instant
from erp_mcp.domain.lifecycle import State
from erp_mcp.domain.proposal import Content, LimitUse, Proposal, Step
from erp_mcp.errors import LimitExceededError, ProposalMovedError, WritesStoppedError
from erp_mcp.store.state.deployment_state import DeploymentState
from tests.guarantees import guarantees
from tests.unit.store.state.fakes import FakeClock, a_content, a_decision, a_receipt
from tests.unit.store.state.stores import REFUSED, Behind, stand

LIMIT = LimitUse(limit="few", key="agent:buyer", amount=1, maximum=3, window_s=3600)


def a_saga(key: str = "key-saga0001", *, needed: int = 1) -> Content:
    """Return the content of a saga; what its steps are is no matter of the store."""
    plain = a_content(key, needed=needed, limits=(LIMIT,))
    command = replace(
        plain.command, operation=saga.CARRY_OUT, system=saga.SYSTEM, entity=saga.ENTITY, key="", fields={"steps": []}
    )
    return replace(plain, command=command, tool="propose_both")


def a_part(whole: Content, step: str = "first", undoes: str = "") -> Content:
    """Return a part of a saga."""
    key = f"{whole.proposal_id}/{step}{'/back' if undoes else ''}"
    return replace(a_content(key), part_of=whole.proposal_id, step=step, undoes=undoes, limits=(), terms=whole.terms)


def claimed(state: DeploymentState, content: Content) -> Proposal:
    """Return a saga that was approved and that a worker has."""
    state.proposals.create(content)
    for who in ("anna", "bea")[: content.terms.needed]:
        state.proposals.decide(a_decision(content.proposal_id, by=who))
    taken = state.proposals.take("w1", lease_s=60)
    assert taken is not None
    assert taken.content.proposal_id == content.proposal_id
    return taken


def waits(proposal: Proposal, clock: FakeClock, seconds: int = 300) -> Step:
    """Return the move by which a saga waits for a part."""
    return Step(
        name="wait",
        actor=proposal.holder,
        fence=proposal.fence,
        lease_expires_at=exact_instant(clock.now),
        not_before=exact_instant(clock.now + timedelta(seconds=seconds)),
        reason="part_begun",
    )


def committed(state: DeploymentState, proposal_id: str) -> Proposal:
    """Let a worker take what is due, which must be this, and write it."""
    taken = state.proposals.take("w2", lease_s=60)
    assert taken is not None
    assert taken.content.proposal_id == proposal_id
    state.proposals.move(proposal_id, Step(name="send", actor="w2", fence=taken.fence))
    return state.proposals.move(proposal_id, Step(name="commit", actor="w2", fence=taken.fence, receipt=a_receipt()))


@guarantees("P10.saga", "P5.moves_proved")
def test_a_part_is_begun_approved_by_the_yes_of_its_saga_which_waits_for_it(
    state: DeploymentState, clock: FakeClock
) -> None:
    """Nobody but a worker takes the part; the saga is taken again as soon as the part has ended, not before."""
    whole = claimed(state, a_saga(needed=2))
    part = a_part(whole.content)
    assert state.proposals.begin(waits(whole, clock), part).state is State.APPROVED
    assert [one.content for one in state.proposals.parts(whole.content.proposal_id)] == [part]
    committed(state, part.proposal_id)
    again = state.proposals.take("w3", lease_s=60)
    assert again is not None
    assert (again.content.proposal_id, again.state, again.fence) == (whole.content.proposal_id, State.CLAIMED, 2)
    assert verify(state.audit.read_all(), proposals=state.proposals.kept()).intact


@guarantees("P10.saga", "P4.one_effect")
def test_a_part_is_begun_once_and_by_whoever_has_the_saga(state: DeploymentState, clock: FakeClock) -> None:
    """A worker that was overtaken begins nothing, whatever it still believes."""
    whole = claimed(state, a_saga())
    part = a_part(whole.content)
    with pytest.raises(ProposalMovedError):
        state.proposals.begin(replace(waits(whole, clock), fence=whole.fence - 1), part)
    assert state.proposals.parts(whole.content.proposal_id) == []
    state.proposals.begin(waits(whole, clock), part)
    other = replace(part, proposal_id="prp_other00001")
    with pytest.raises(ProposalMovedError):
        state.proposals.begin(waits(whole, clock), other)
    assert len(state.proposals.parts(whole.content.proposal_id)) == 1


@guarantees("P10.saga", "P4.limits")
def test_a_saga_counts_as_sent_from_its_first_part_on(state: DeploymentState, clock: FakeClock) -> None:
    """Three of four fit under the limit, however slowly each goes on."""
    sagas = [a_saga(f"key-saga000{number}") for number in range(3)]
    for content in sagas:
        whole = claimed(state, content)
        state.proposals.begin(waits(whole, clock), a_part(content))
        taken = state.proposals.take("w2", lease_s=60)
        assert taken is not None
        assert taken.content.part_of == content.proposal_id
    with pytest.raises(LimitExceededError):
        state.proposals.create(a_saga("key-saga0009"))
    clock.pass_seconds(3590)
    with pytest.raises(LimitExceededError):
        state.proposals.create(a_saga("key-saga0009"))


@guarantees("P10.saga", "P4.kill_switch")
def test_what_stops_a_saga_stops_its_first_part(state: DeploymentState, clock: FakeClock) -> None:
    """The kill switch is looked at in the transaction that begins."""
    whole = claimed(state, a_saga())
    state.switches.stop("tool:propose_both", by="olga", reason="wait")
    with pytest.raises(WritesStoppedError):
        state.proposals.begin(waits(whole, clock), a_part(whole.content))
    assert state.proposals.parts(whole.content.proposal_id) == []


@guarantees("P10.saga", "P4.table", "P3.people_commit")
def test_plain_sql_approves_no_part_whose_saga_does_not_go_that_way(
    state: DeploymentState, behind: Behind, clock: FakeClock
) -> None:
    """Not before enough people have said yes, not after it is over, and nothing is taken back of what goes forward."""
    content = a_saga(needed=2)
    state.proposals.create(content)
    state.proposals.decide(a_decision(content.proposal_id, by="anna"))
    columns = (
        "proposal_id, content, digest, state, since, needed, part_of, agent, tool, system, idempotency_key,"
        " fingerprint, made_at, ends_at"
    )

    def forged(undoes: str, number: int) -> str:
        text = f'{{"undoes":"{undoes}"}}'
        name = f"prp_forged{number}"
        row = (
            name,
            text,
            "d",
            "PROPOSED",
            "x",
            2,
            content.proposal_id,
            "buyer",
            "t",
            "erp",
            f"k{number}",
            "f",
            "m",
            "e",
        )
        behind.run(f"INSERT INTO proposal ({columns}) VALUES ({', '.join('?' * 14)})", row)
        return name

    def goes(name: str) -> bool:
        try:
            behind.run("UPDATE proposal SET state = 'APPROVED' WHERE proposal_id = ?", (name,))
        except REFUSED:
            return False
        return True

    assert not goes(forged("", 1))
    state.proposals.decide(a_decision(content.proposal_id, by="bea"))
    assert not goes(forged("", 2))
    taken = state.proposals.take("w1", lease_s=60)
    assert taken is not None
    assert not goes(forged("prp_x", 3))
    assert goes(forged("", 4))
    state.proposals.move(content.proposal_id, Step(name="compensate", actor="w1", fence=taken.fence))
    assert not goes(forged("", 5))
    assert goes(forged("prp_x", 6))


@guarantees("P10.saga", "P4.table")
def test_plain_sql_calls_no_saga_written_of_which_a_part_is_not(
    state: DeploymentState, behind: Behind, clock: FakeClock
) -> None:
    """Neither without a part nor while one of them stands elsewhere."""
    whole = claimed(state, a_saga())
    proposal_id = whole.content.proposal_id
    commit = "UPDATE proposal SET state = 'COMMITTED', receipt = '{}' WHERE proposal_id = ?"
    with pytest.raises(REFUSED):
        behind.run(commit, (proposal_id,))
    part = a_part(whole.content)
    state.proposals.begin(waits(whole, clock), part)
    with pytest.raises(REFUSED):
        behind.run(commit, (proposal_id,))
    committed(state, part.proposal_id)
    behind.run(commit, (proposal_id,))


@guarantees("P10.saga")
def test_a_damaged_saga_that_was_being_taken_back_is_stuck_and_holds_up_nobody(
    state: DeploymentState, behind: Behind, clock: FakeClock
) -> None:
    """A person looks at it; the worker goes on with others."""
    whole = claimed(state, a_saga())
    state.proposals.move(whole.content.proposal_id, Step(name="compensate", actor="w1", fence=whole.fence))
    behind.forge("UPDATE proposal SET agent = 'other' WHERE proposal_id = ?", (whole.content.proposal_id,))
    clock.pass_seconds(120)
    assert state.proposals.take("w2", lease_s=60) is None
    assert state.proposals.standing() == {"COMPENSATION_STUCK": 1}


@guarantees("P10.saga", "P4.idempotent")
def test_what_a_saga_has_written_and_taken_back_is_no_duplicate_of_the_same_proposed_anew(
    state: DeploymentState, behind: Behind, clock: FakeClock
) -> None:
    """As long as it stands, it is one; so is what could not be taken back."""
    whole = claimed(state, a_saga())
    part = a_part(whole.content)
    state.proposals.begin(waits(whole, clock), part)
    committed(state, part.proposal_id)
    for where in ("COMPENSATED", "CLAIMED", "COMPENSATING", "COMMITTED", "COMPENSATION_STUCK"):
        stand(behind, whole.content.proposal_id, where)
        found = state.proposals.same(part.agent, part.fingerprint, within_s=3600)
        assert bool(found) == (where != "COMPENSATED"), where


@guarantees("P3.binding", "cli.teaches")
def test_damaged_rows_are_told_by_where_they_stand_alone(state: DeploymentState, behind: Behind) -> None:
    """Only those in the states asked for, and none that is whole."""
    whole, altered = a_content("key-whole001"), a_content("key-altered1")
    for content in (whole, altered):
        state.proposals.create(content)
    behind.forge("UPDATE proposal SET agent = 'other' WHERE proposal_id = ?", (altered.proposal_id,))

    told = state.proposals.damaged(tuple(State))

    assert [(one.proposal_id, one.state, one.reason) for one in told] == [
        (altered.proposal_id, State.AWAITING_APPROVAL, "")
    ]
    assert told[0].since
    assert state.proposals.damaged((State.COMMITTED,)) == []
    assert state.proposals.damaged(()) == []
