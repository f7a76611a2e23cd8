"""The table of moves as the store keeps it: what it lists happens, whatever it does not list changes nothing."""

from __future__ import annotations

from dataclasses import replace

import pytest

from erp_mcp.audit.verify import verify
from erp_mcp.domain.decision import BreakGlass
from erp_mcp.domain.lifecycle import (
    MOVES,
    RESOLVE_APPLIED,
    RESOLVE_NOT_APPLIED,
    RESOLVE_TAKE_BACK,
    Move,
    State,
    moves,
)
from erp_mcp.domain.proposal import LimitUse, Proposal, Step
from erp_mcp.errors import LimitExceededError, ProposalMovedError, ProposalNotFoundError, WritesStoppedError
from erp_mcp.store.state.deployment_state import DeploymentState
from tests.guarantees import guarantees
from tests.unit.store.state.fakes import FakeClock, a_content, a_decision, a_receipt, a_resolution, a_task
from tests.unit.store.state.stores import Behind, stand

SIGNED = {"allow", "approve", "break_glass", "reject", RESOLVE_APPLIED, RESOLVE_NOT_APPLIED, RESOLVE_TAKE_BACK}
NAMES = sorted({move.name for move in MOVES})
FENCE = 3
GLASS = BreakGlass(people=("carl", "dora"), review_by=("olaf",), review_s=3600)
LATER = "2026-03-02T07:00:00.000000Z"


def a_step(move: Move, *, fence: int = FENCE) -> Step:
    """Return the step that makes a move, with all that it leaves behind."""
    return Step(
        name=move.name,
        actor="worker-1",
        fence=fence if move.leased else 0,  # taking it starts with none
        reason="some_reason",
        not_before="2026-03-02T06:30:00Z",
        lease_expires_at=LATER if move.takes_lease else "",
        receipt=a_receipt() if move.name in {"commit", "commit_in_part"} else None,
        facts={"checked": 1},
    )


def made(state: DeploymentState, proposal_id: str, move: Move) -> Proposal:
    """Make a move the way it is made."""
    if move.name == "break_glass":
        state.proposals.decide(a_decision(proposal_id, by="carl", decision="break_glass"))
        return state.proposals.decide(a_decision(proposal_id, by="dora", decision="break_glass"))
    if move.name in {"approve", "reject"}:
        return state.proposals.decide(a_decision(proposal_id, decision=move.name))  # type: ignore[arg-type]
    if move.mover == "operator":
        applied = move.name == RESOLVE_APPLIED
        receipt = replace(a_receipt(), found="stated") if applied else None
        said = a_resolution(proposal_id, applied=applied)
        said = replace(said, verdict="take_back") if move.name == RESOLVE_TAKE_BACK else said
        return state.proposals.resolve(said, receipt)
    return state.proposals.move(proposal_id, a_step(move))


@guarantees("P4.table", "P5.events")
@pytest.mark.parametrize("move", MOVES, ids=lambda move: f"{move.name} from {move.source}")
def test_every_move_of_the_table_is_made_with_its_record_and_its_event(
    move: Move, state: DeploymentState, behind: Behind
) -> None:
    """The table is the truth: a row of it that the store could not make would strand proposals there."""
    if move.name == "allow":  # of a proposal that is just being made
        after, fence = state.proposals.create(a_task())[0], 0
    else:
        plain = a_content()
        content = replace(plain, terms=replace(plain.terms, break_glass=GLASS))
        proposal_id = state.proposals.create(content)[0].content.proposal_id
        stand(behind, proposal_id, move.source, fence=FENCE)
        after, fence = made(state, proposal_id, move), FENCE
    proposal_id = after.content.proposal_id
    assert after == state.proposals.get(proposal_id)
    assert after.state is move.target
    assert after.fence == fence + move.takes_lease
    last = -2 if move.name == "break_glass" else -1  # behind it stands that a review is due
    event = state.proposals.history(proposal_id)[last]
    record = state.audit.read(limit=1000)[last]
    assert (event.type, event.audit_seq) == (f"proposal.{move.target.lower()}", record.seq)
    assert (event.payload["from"], event.payload["state"]) == (move.source, move.target)
    assert f'"kind":"proposal.{move.target.lower()}"'.encode() in record.leaf


@guarantees("P4.table")
@pytest.mark.parametrize("name", [*NAMES, "propose", "none"])
def test_every_move_that_the_table_does_not_have_is_refused_and_changes_nothing(
    name: str, state: DeploymentState, behind: Behind
) -> None:
    """All pairs of move and state, not a sample: the one forgotten would be the way around an approval."""
    proposal_id = state.proposals.create(a_content())[0].content.proposal_id
    for source in State:
        if moves(name, source) is not None and name not in SIGNED:
            continue  # proved above
        stand(behind, proposal_id, source, fence=FENCE)
        before = behind.everything()
        with pytest.raises(ProposalMovedError) as told:
            state.proposals.move(proposal_id, Step(name=name, actor="worker-1", fence=FENCE, receipt=a_receipt()))
        assert told.value.facts["state"] == source
        if name in {"approve", "break_glass", "reject"} and moves(name, source) is None:
            with pytest.raises(ProposalMovedError):
                state.proposals.decide(a_decision(proposal_id, decision=name))  # type: ignore[arg-type]
        assert behind.everything() == before, source


@guarantees("P3.people_commit", "P4.table")
@pytest.mark.parametrize("name", sorted(SIGNED))
def test_a_decision_can_not_be_made_as_a_mere_move(name: str, state: DeploymentState, behind: Behind) -> None:
    """Without a stored decision there is nothing whose signature a worker could check."""
    proposal_id = state.proposals.create(a_content())[0].content.proposal_id
    before = behind.everything()
    with pytest.raises(ProposalMovedError):
        state.proposals.move(proposal_id, Step(name=name, actor="buyer"))
    assert behind.everything() == before


@guarantees("P4.table", "P4.one_effect")
@pytest.mark.parametrize("move", [move for move in MOVES if move.leased], ids=lambda move: f"{move.name} {move.source}")
def test_a_worker_without_the_present_fence_moves_nothing(move: Move, state: DeploymentState, behind: Behind) -> None:
    """A worker that slept through its lease comes back with an old fence, and another one has gone on."""
    proposal_id = state.proposals.create(a_content())[0].content.proposal_id
    stand(behind, proposal_id, move.source, fence=FENCE)
    before = behind.everything()
    for fence in (FENCE - 1, 0, FENCE + 1):
        with pytest.raises(ProposalMovedError):
            state.proposals.move(proposal_id, a_step(move, fence=fence))
    assert behind.everything() == before


@guarantees("P4.table", "P4.one_effect")
def test_a_worker_of_an_earlier_lease_does_not_expire_what_another_one_sent_and_got_turned_away(
    state: DeploymentState,
) -> None:
    """A clock needs no lease for it; whoever claimed it once and comes back to life is no clock."""
    proposal_id = state.proposals.create(a_content())[0].content.proposal_id
    state.proposals.decide(a_decision(proposal_id))
    early = state.proposals.take("early", lease_s=0)
    late = state.proposals.take("late", lease_s=60)
    assert early is not None
    assert late is not None
    for name in ("send", "postpone"):
        state.proposals.move(proposal_id, Step(name=name, actor="late", fence=late.fence, reason="busy"))
    with pytest.raises(ProposalMovedError):
        state.proposals.move(
            proposal_id, Step(name="expire", actor="early", fence=early.fence, reason="not_carried_out")
        )
    assert state.proposals.get(proposal_id).state is State.APPROVED


@guarantees("P4.table")
@pytest.mark.parametrize("source", [State.CLAIMED, State.SENDING, State.RECONCILING])
def test_a_running_lease_is_not_taken_away(
    source: State, state: DeploymentState, clock: FakeClock, behind: Behind
) -> None:
    """Two workers at one proposal would be two effects; only time gives it to another one."""
    proposal_id = state.proposals.create(a_content())[0].content.proposal_id
    stand(behind, proposal_id, source, fence=FENCE, lease=LATER)
    move = next(move for move in MOVES if move.takes_lease and move.source is source)
    with pytest.raises(ProposalMovedError):
        state.proposals.move(proposal_id, a_step(move))
    assert state.proposals.take("worker-2", lease_s=60) is None
    clock.pass_seconds(3600)
    taken = state.proposals.take("worker-2", lease_s=60)
    assert taken is not None
    assert (taken.state, taken.fence, taken.holder if taken.state is not State.UNKNOWN else "") == (
        move.target,
        FENCE + 1,
        "worker-2" if move.target is not State.UNKNOWN else "",
    )


@guarantees("input.clear_errors")
def test_a_move_of_nothing_says_so(state: DeploymentState) -> None:
    """An id that does not exist is a mistake of the caller, not a fault."""
    with pytest.raises(ProposalNotFoundError):
        state.proposals.move("prp_nothing", Step(name="cancel", actor="buyer"))


@guarantees("P4.table", "P5.moves_proved")
def test_a_whole_course_from_proposal_to_receipt_is_kept_and_verifies(state: DeploymentState, clock: FakeClock) -> None:
    """What a worker leaves step by step is what the next process reads."""
    proposal_id = state.proposals.create(a_content())[0].content.proposal_id
    state.proposals.decide(a_decision(proposal_id))
    fence = _claimed(state)
    state.proposals.move(proposal_id, Step(name="postpone", actor="w", fence=fence, reason="system_down"))
    fence = _claimed(state)
    state.proposals.move(proposal_id, Step(name="send", actor="w", fence=fence))
    clock.pass_seconds(120)
    lost = state.proposals.take("w2", lease_s=60)
    assert lost is not None
    assert lost.state is State.UNKNOWN
    found = state.proposals.take("w2", lease_s=60)
    assert found is not None
    assert found.state is State.RECONCILING
    wait = "2026-03-02T06:10:00Z"
    lose = Step(name="lose", actor="w2", fence=found.fence, not_before=wait, misses=1)
    assert state.proposals.move(proposal_id, lose).misses == 1
    assert state.proposals.take("w2", lease_s=60) is None
    clock.pass_seconds(480)
    again = state.proposals.take("w2", lease_s=60)
    assert again is not None
    commit = Step(name="commit", actor="w2", fence=again.fence, receipt=a_receipt())
    done = state.proposals.move(proposal_id, commit)
    assert (done.state, done.receipt, done.misses) == (State.COMMITTED, a_receipt(), 1)
    assert [event.payload["state"] for event in state.proposals.history(proposal_id)] == [
        *("PROPOSED", "AWAITING_APPROVAL", "APPROVED", "CLAIMED", "APPROVED", "CLAIMED", "SENDING", "UNKNOWN"),
        *("RECONCILING", "UNKNOWN", "RECONCILING", "COMMITTED"),
    ]
    report = verify(state.audit.read_all(), strays=state.audit.strays(), proposals=state.proposals.kept())
    assert report.findings == ()


@guarantees("P4.one_effect")
def test_what_may_have_been_sent_is_taken_before_what_waits(
    state: DeploymentState, clock: FakeClock, behind: Behind
) -> None:
    """An unknown outcome blocks people; new work can wait a moment."""
    ids = [state.proposals.create(a_content(f"key-{n:08d}"))[0].content.proposal_id for n in range(5)]
    for proposal_id, where in zip(ids, ("APPROVED", "CLAIMED", "UNKNOWN", "RECONCILING", "SENDING"), strict=True):
        stand(behind, proposal_id, where)
    taken = []
    while (proposal := state.proposals.take("w", lease_s=60)) is not None:
        taken.append((proposal.content.proposal_id, proposal.state.value))
    assert taken[0] == (ids[4], "UNKNOWN")
    assert {one for one, _ in taken[1:4]} == {ids[2], ids[3], ids[4]}
    assert {one for one, _ in taken[4:]} == {ids[0], ids[1]}
    assert {where for _, where in taken[1:]} == {"RECONCILING", "CLAIMED"}


@guarantees("P4.table")
def test_work_is_not_taken_before_its_time(state: DeploymentState, clock: FakeClock) -> None:
    """A system that asked to be left alone for a while is left alone."""
    proposal_id = state.proposals.create(a_content())[0].content.proposal_id
    state.proposals.decide(a_decision(proposal_id))
    wait = Step(name="postpone", actor="w", fence=_claimed(state), not_before="2026-03-02T06:00:30Z")
    state.proposals.move(proposal_id, wait)
    clock.pass_seconds(29)
    assert state.proposals.take("w", lease_s=60) is None
    clock.pass_seconds(1)
    assert state.proposals.take("w", lease_s=60) is not None


@guarantees("P4.kill_switch")
@pytest.mark.parametrize("scope", ["all", "tool:propose_update_delivery_date", "agent:buyer", "system:erp"])
def test_what_is_stopped_is_not_claimed_and_not_sent(scope: str, state: DeploymentState, behind: Behind) -> None:
    """Between a look and a write somebody can press the switch, so both transactions look."""
    waiting = state.proposals.create(a_content("key-waiting"))[0].content.proposal_id
    claimed = state.proposals.create(a_content("key-claimed"))[0].content.proposal_id
    unknown = state.proposals.create(a_content("key-unknown"))[0].content.proposal_id
    stand(behind, waiting, "APPROVED")
    stand(behind, claimed, "CLAIMED", fence=1)
    stand(behind, unknown, "UNKNOWN")
    state.switches.stop(scope, by="olga", reason="inventory")
    before = behind.everything()
    with pytest.raises(WritesStoppedError) as told:
        state.proposals.move(claimed, Step(name="send", actor="w", fence=1))
    assert told.value.facts == {"scope": scope}
    assert behind.everything() == before
    taken = state.proposals.take("w", lease_s=60)
    assert taken is not None
    assert taken.content.proposal_id == unknown, "what may have been sent is still read back"
    assert state.proposals.take("w", lease_s=60) is None
    state.switches.resume(scope, by="olga")
    assert state.proposals.move(claimed, Step(name="send", actor="w", fence=1)).state is State.SENDING
    assert state.proposals.take("w", lease_s=60) is not None


@guarantees("P4.kill_switch")
def test_another_scope_stops_nothing(state: DeploymentState, behind: Behind) -> None:
    """A switch for one tool must not stop the plant."""
    proposal_id = state.proposals.create(a_content())[0].content.proposal_id
    stand(behind, proposal_id, "CLAIMED", fence=1)
    state.switches.stop("tool:propose_update", by="olga", reason="")
    state.switches.stop("agent:buyer2", by="olga", reason="")
    assert state.proposals.move(proposal_id, Step(name="send", actor="w", fence=1)).state is State.SENDING


@guarantees("P4.limits")
def test_a_limit_is_counted_again_when_it_is_sent(state: DeploymentState, clock: FakeClock, behind: Behind) -> None:
    """Proposals made slowly but approved together would else be written together."""
    ids = [_counted(state, clock, number) for number in range(3)]
    fences = {}
    while (proposal := state.proposals.take("w", lease_s=3600)) is not None:
        fences[proposal.content.proposal_id] = proposal.fence
    send = [Step(name="send", actor="w", fence=fences[one]) for one in ids]
    state.proposals.move(ids[0], send[0])
    state.proposals.move(ids[1], send[1])
    before = behind.everything()
    with pytest.raises(LimitExceededError) as told:
        state.proposals.move(ids[2], send[2])
    assert told.value.facts == {"limit": "moves", "maximum": "2", "used": "2", "window_s": 900}
    assert behind.everything() == before
    clock.pass_seconds(900)
    assert state.proposals.move(ids[2], send[2]).state is State.SENDING


@guarantees("P4.limits")
def test_what_was_certainly_not_written_gives_its_share_back(state: DeploymentState, clock: FakeClock) -> None:
    """A refusal at the door must not use a limit up."""
    ids = [_counted(state, clock, number) for number in range(3)]
    fence = _claimed(state)
    first = next(one for one in ids if state.proposals.get(one).state is State.CLAIMED)
    state.proposals.move(first, Step(name="send", actor="w", fence=fence))
    state.proposals.move(first, Step(name="postpone", actor="w", fence=fence, not_before=LATER))
    for _ in range(2):
        taken = state.proposals.take("w", lease_s=3600)
        assert taken is not None
        state.proposals.move(taken.content.proposal_id, Step(name="send", actor="w", fence=taken.fence))


def _claimed(state: DeploymentState) -> int:
    """Let a worker take the next proposal; return its fence."""
    taken = state.proposals.take("w", lease_s=60)
    assert taken is not None
    assert taken.state is State.CLAIMED
    return taken.fence


def _counted(state: DeploymentState, clock: FakeClock, number: int) -> str:
    """Make and approve a proposal under a limit of two in fifteen minutes, outside the window of the one before."""
    use = LimitUse(limit="moves", key="buyer", amount=1, maximum=2, window_s=900)
    content = a_content(f"key-{number:08d}", limits=(use,), created=clock.now)
    proposal_id = state.proposals.create(content)[0].content.proposal_id
    state.proposals.decide(a_decision(proposal_id))
    clock.pass_seconds(1000)
    return proposal_id
