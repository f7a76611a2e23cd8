"""Parts of a saga in the store: begun with what waits for them in one transaction, never by themselves."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from unittest import mock

import pytest

from erp_mcp.audit.verify import verify
from erp_mcp.domain import saga
from erp_mcp.domain.instants import exact_instant
from erp_mcp.domain.lifecycle import State
from erp_mcp.domain.proposal import Content, LimitUse, Proposal, Step
from erp_mcp.errors import (
    LimitExceededError,
    ObjectFrozenError,
    ProposalMovedError,
    StateUnavailableError,
    WritesStoppedError,
)
from erp_mcp.store.state import State as FileState
from erp_mcp.store.state import file
from erp_mcp.store.state.deployment_state import DeploymentState
from tests.guarantees import guarantees
from tests.unit.store.state.fakes import FakeClock, a_content, a_decision, a_receipt
from tests.unit.store.state.stores import REFUSED, Behind, stand

MIGRATIONS = Path(file.__file__).parent / "migrations"
PASSES = frozenset({State.STALE, State.NOT_APPLIED, State.EXPIRED})  # ends of a way back that say nothing against it
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


def taken_back(state: DeploymentState, clock: FakeClock) -> tuple[Proposal, Content]:
    """Return a saga that is being taken back, and its one step, which is written."""
    whole = claimed(state, a_saga())
    part = a_part(whole.content)
    state.proposals.begin(waits(whole, clock), part)
    committed(state, part.proposal_id)
    again = state.proposals.take("w1", lease_s=60)
    assert again is not None
    return state.proposals.move(again.content.proposal_id, Step(name="compensate", actor="w1", fence=again.fence)), part


@guarantees("P10.saga", "P5.moves_proved")
def test_nothing_is_begun_the_other_way_than_its_saga_goes(state: DeploymentState, clock: FakeClock) -> None:
    """No next step of what is being taken back, no way back of what goes on: refused as moved, and nothing written."""
    onward = claimed(state, a_saga("key-onward01"))
    first = a_part(onward.content)
    state.proposals.begin(waits(onward, clock), first)
    committed(state, first.proposal_id)
    again = state.proposals.take("w1", lease_s=60)
    assert again is not None
    back, whole = a_part(onward.content, undoes=first.proposal_id), again
    for part in (back, a_part(onward.content, "second")):
        before = state.audit.last(1)
        with pytest.raises(ProposalMovedError) as moved:
            state.proposals.begin(waits(whole, clock), part)
        assert moved.value.facts == {"state": whole.state, "move": "begin"}
        assert [one.content for one in state.proposals.parts(onward.content.proposal_id)] == [first]
        assert state.audit.last(1) == before
        step = Step(name="compensate", actor="w1", fence=again.fence)
        whole = state.proposals.move(onward.content.proposal_id, step) if part is back else whole
    assert state.proposals.begin(waits(whole, clock), back).state is State.APPROVED


@guarantees("P10.saga", "P4.table")
def test_taking_back_is_begun_once_by_a_lease_and_goes_on_only_by_a_new_one(
    state: DeploymentState, clock: FakeClock
) -> None:
    """Whoever begins it again by the lease that began it, over by now, would hold it under a lease that is over."""
    whole = claimed(state, a_saga("key-twice01"))
    back = Step(name="compensate", actor="w1", fence=whole.fence)
    going = state.proposals.move(whole.content.proposal_id, back)
    clock.pass_seconds(3600)
    before = state.audit.last(1)
    with pytest.raises(ProposalMovedError) as moved:
        state.proposals.move(whole.content.proposal_id, back)
    assert moved.value.facts == {"state": State.COMPENSATING, "move": "compensate"}
    assert (state.proposals.get(whole.content.proposal_id), state.audit.last(1)) == (going, before)

    taken = state.proposals.take("w2", lease_s=60)
    assert taken is not None
    assert (taken.state, taken.holder, taken.fence) == (State.COMPENSATING, "w2", whole.fence + 1)
    assert taken.lease_expires_at > going.lease_expires_at


def a_way_back(whole: Content, part: Content, number: int) -> Content:
    """Return the n-th way back of a step."""
    made = a_part(whole, undoes=part.proposal_id)
    key = saga.key_of_back(whole.proposal_id, part.step, number)
    return replace(made, idempotency_key=key, proposal_id=f"prp_back{number:06}")


@guarantees("P10.saga", "P4.one_effect", "P5.moves_proved")
def test_a_way_back_is_begun_anew_only_where_all_before_it_certainly_wrote_nothing(
    state: DeploymentState, clock: FakeClock
) -> None:
    """While one is under way another is refused; after each that went stale the next is let in, three in all."""
    whole, part = taken_back(state, clock)
    for number in range(1, saga.MAX_WAYS_BACK + 1):
        state.proposals.begin(waits(whole, clock, 0), a_way_back(whole.content, part, number))
        with pytest.raises(ProposalMovedError):
            state.proposals.begin(waits(whole, clock, 0), a_way_back(whole.content, part, number + 1))
        taken = state.proposals.take("w2", lease_s=60)
        assert taken is not None
        if taken.content.proposal_id == whole.content.proposal_id:  # the more urgent of the two
            whole, taken = taken, state.proposals.take("w2", lease_s=60)
            assert taken is not None
        stale = Step(name="go_stale", actor="w2", fence=taken.fence, reason="record_changed")
        assert state.proposals.move(taken.content.proposal_id, stale).state is State.STALE
    with pytest.raises(ProposalMovedError):
        state.proposals.begin(waits(whole, clock, 0), a_way_back(whole.content, part, saga.MAX_WAYS_BACK + 1))
    assert len(state.proposals.parts(whole.content.proposal_id)) == 1 + saga.MAX_WAYS_BACK
    assert verify(state.audit.read_all(), proposals=state.proposals.kept()).intact


@guarantees("P10.saga", "P4.one_effect")
@pytest.mark.parametrize("where", sorted(set(State) - PASSES))
def test_no_way_back_is_begun_beside_one_that_may_have_written_or_was_refused(
    state: DeploymentState, behind: Behind, clock: FakeClock, where: State
) -> None:
    """Whatever code asks: it could be sent twice, or asked for again after a no."""
    whole, part = taken_back(state, clock)
    first = a_way_back(whole.content, part, 1)
    state.proposals.begin(waits(whole, clock), first)
    stand(behind, first.proposal_id, where)
    with pytest.raises(ProposalMovedError):
        state.proposals.begin(waits(whole, clock), a_way_back(whole.content, part, 2))


@guarantees("P5.moves_proved", "P10.saga")
def test_the_audit_finds_a_way_back_that_was_begun_beside_another_one(
    state: DeploymentState, behind: Behind, clock: FakeClock
) -> None:
    """Whoever moves a row so that another is let in leaves records that tell of it."""
    whole, part = taken_back(state, clock)
    first = a_way_back(whole.content, part, 1)
    state.proposals.begin(waits(whole, clock), first)
    stand(behind, first.proposal_id, "STALE")
    state.proposals.begin(waits(whole, clock), a_way_back(whole.content, part, 2))
    stand(behind, first.proposal_id, "APPROVED")
    report = verify(state.audit.read_all(), proposals=state.proposals.kept())
    assert [one.code for one in report.findings] == ["illegal_move"]


def is_frozen(state: DeploymentState, key: str, record: str, document: str = "") -> str:
    """Return what has to be resolved before a record may be changed, empty where it may be."""
    content = a_content(key)
    command, preview = replace(content.command, key=record), replace(content.preview, document=document)
    try:
        state.proposals.create(replace(content, command=command, preview=preview))
    except ObjectFrozenError as frozen:
        return str(frozen.facts["proposal_id"])
    return ""


@guarantees("P10.saga", "P4.resolved")
@pytest.mark.parametrize(
    ("saga_at", "part_at", "frozen_by"),
    [
        ("COMPENSATION_STUCK", "COMMITTED", "saga"),
        ("NEEDS_HUMAN", "COMMITTED", "saga"),
        ("NEEDS_HUMAN", "UNKNOWN", "saga"),
        ("NEEDS_HUMAN", "NEEDS_HUMAN", "saga"),
        ("CLAIMED", "NEEDS_HUMAN", "part"),
        ("COMPENSATING", "NEEDS_HUMAN", "part"),
        ("CLAIMED", "UNKNOWN", ""),  # a worker reads it back by itself
        ("CLAIMED", "COMMITTED", ""),
        ("COMPENSATING", "COMMITTED", ""),
        ("COMMITTED", "COMMITTED", ""),
        ("COMPENSATED", "COMMITTED", ""),
        ("NOT_APPLIED", "NEEDS_HUMAN", ""),  # a person has said how the saga stands
    ],
)
def test_what_a_saga_was_about_is_frozen_from_where_nothing_goes_on_without_a_person(
    state: DeploymentState, behind: Behind, clock: FakeClock, saga_at: str, part_at: str, frozen_by: str
) -> None:
    """Its parts wrote some of it or may have; the refusal names what has to be resolved, saga or part."""
    whole = claimed(state, a_saga())
    first, second = a_part(whole.content), a_part(whole.content, "second")
    second = replace(second, command=replace(second.command, key="other-record"))
    state.proposals.begin(waits(whole, clock, 0), first)
    stand(behind, first.proposal_id, "COMMITTED")
    again = state.proposals.take("w1", lease_s=60)
    assert again is not None
    state.proposals.begin(waits(again, clock), second)
    stand(behind, second.proposal_id, part_at)
    stand(behind, whole.content.proposal_id, saga_at)
    named = {"saga": whole.content.proposal_id, "part": second.proposal_id, "": ""}[frozen_by]
    assert is_frozen(state, "key-touch0001", first.command.key) == named
    assert is_frozen(state, "key-touch0002", "other-record") == named
    assert is_frozen(state, "key-touch0003", "a-third-record", "other-record") == named  # as people know it
    assert is_frozen(state, "key-touch0004", "a-fourth-record", "elsewhere") == ""


@guarantees("P10.saga", "P4.resolved")
def test_what_stands_half_done_is_not_sent_by_what_was_approved_before(
    state: DeploymentState, behind: Behind, clock: FakeClock
) -> None:
    """It stays approved, and goes once somebody has said how it stands."""
    other = a_content("key-before001")
    state.proposals.create(other)
    state.proposals.decide(a_decision(other.proposal_id, by="anna"))
    taken = state.proposals.take("w0", lease_s=60)
    assert taken is not None
    assert taken.content.proposal_id == other.proposal_id
    whole = claimed(state, a_saga())
    part = a_part(whole.content)
    assert part.command.key == other.command.key
    state.proposals.begin(waits(whole, clock), part)
    for part_at, saga_at in (("NEEDS_HUMAN", "CLAIMED"), ("COMMITTED", "NEEDS_HUMAN")):
        stand(behind, part.proposal_id, part_at)
        stand(behind, whole.content.proposal_id, saga_at)
        with pytest.raises(ObjectFrozenError):
            state.proposals.move(other.proposal_id, Step(name="send", actor="w0", fence=taken.fence))
    stand(behind, whole.content.proposal_id, "NOT_APPLIED")
    sent = state.proposals.move(other.proposal_id, Step(name="send", actor="w0", fence=taken.fence))
    assert sent.state is State.SENDING


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
        " fingerprint, made_at, ends_at, undoes"
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
            undoes,
        )
        behind.run(f"INSERT INTO proposal ({columns}) VALUES ({', '.join('?' * 15)})", row)
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
    assert goes(forged("prp_y", 6))


@guarantees("P10.saga", "P4.table", "P4.one_effect")
def test_plain_sql_approves_no_way_back_beside_one_that_may_have_written(
    state: DeploymentState, behind: Behind, clock: FakeClock
) -> None:
    """The database looks by itself: no second one, none under a column that says otherwise, and three in all."""
    whole, part = taken_back(state, clock)
    made = [a_way_back(whole.content, part, number) for number in range(1, 6)]
    with mock.patch.object(saga, "may_begin", return_value=True):
        state.proposals.begin(waits(whole, clock), made[0])
        for where in sorted(set(State) - PASSES):
            stand(behind, made[0].proposal_id, where)
            with pytest.raises(StateUnavailableError):
                state.proposals.begin(waits(whole, clock), made[1])
        for number, where in enumerate(sorted(PASSES)):
            stand(behind, made[number].proposal_id, where)
            if number + 1 < saga.MAX_WAYS_BACK:
                state.proposals.begin(waits(whole, clock), made[number + 1])
        with pytest.raises(StateUnavailableError):
            state.proposals.begin(waits(whole, clock), made[saga.MAX_WAYS_BACK])
    assert len(state.proposals.parts(whole.content.proposal_id)) == 1 + saga.MAX_WAYS_BACK
    with pytest.raises(REFUSED):
        behind.run("UPDATE proposal SET undoes = '' WHERE proposal_id = ?", (made[0].proposal_id,))
    columns = "proposal_id, content, digest, state, since, needed, part_of, agent, tool, system, idempotency_key"
    text = f'{{"undoes":"{part.proposal_id}"}}'
    row = ("prp_forged1", text, "d", "PROPOSED", "x", 1, whole.content.proposal_id, "buyer", "t", "erp", "k")
    values = f"VALUES ({', '.join('?' * len(row))}, 'f', 'm', 'e', '')"
    behind.run(f"INSERT INTO proposal ({columns}, fingerprint, made_at, ends_at, undoes) {values}", row)
    with pytest.raises(REFUSED):
        behind.run("UPDATE proposal SET state = 'APPROVED' WHERE proposal_id = ?", ("prp_forged1",))


@guarantees("P4.undo", "P4.two_stores")
def test_what_takes_a_proposal_back_is_found_by_what_it_takes_back(state: DeploymentState, behind: Behind) -> None:
    """Live or written, of the same agent; one that wrote nothing is in nobody's way, nor are words that look so."""
    first, other = a_content("key-first001"), a_content("key-other001")
    quoted = replace(a_content("key-quoted01"), rationale=f'"undoes":"{first.proposal_id}"')
    undo = replace(a_content("key-undo0001"), undoes=first.proposal_id)
    for content in (first, other, quoted):
        state.proposals.create(content)
    assert state.proposals.taken_back_by("buyer", first.proposal_id) == ""
    state.proposals.create(undo)
    assert state.proposals.taken_back_by("buyer", first.proposal_id) == undo.proposal_id
    assert state.proposals.taken_back_by("buyer", other.proposal_id) == ""
    assert state.proposals.taken_back_by("buyer", "") == ""
    assert state.proposals.taken_back_by("somebody", first.proposal_id) == ""
    for where, counts in (("COMMITTED", True), ("UNKNOWN", True), ("REJECTED", False), ("STALE", False)):
        stand(behind, undo.proposal_id, where)
        assert bool(state.proposals.taken_back_by("buyer", first.proposal_id)) == counts


@guarantees("P4.two_stores")
def test_what_stands_where_is_counted_for_the_states_asked_for(state: DeploymentState, behind: Behind) -> None:
    """All of them where none is named."""
    for number, where in enumerate(("AWAITING_APPROVAL", "COMMITTED", "COMMITTED", "UNKNOWN")):
        content = a_content(f"key-count{number:04}")
        state.proposals.create(content)
        stand(behind, content.proposal_id, where)
    assert state.proposals.standing() == {"AWAITING_APPROVAL": 1, "COMMITTED": 2, "UNKNOWN": 1}
    assert state.proposals.standing((State.UNKNOWN, State.AWAITING_APPROVAL)) == {"AWAITING_APPROVAL": 1, "UNKNOWN": 1}
    assert state.proposals.standing((State.STALE,)) == {}


@guarantees("P4.undo", "P4.two_stores", "P10.survives")
def test_what_an_older_gateway_wrote_is_found_as_well_by_what_it_takes_back(
    state: DeploymentState, behind: Behind
) -> None:
    """The step to this version reads it out of what is kept, whatever else stands there."""
    first = a_content("key-first001")
    undo = replace(a_content("key-undo0001"), undoes=first.proposal_id, rationale='"undoes":"prp_other00001"')
    for content in (first, undo):
        state.proposals.create(content)
    folder = MIGRATIONS if isinstance(state, FileState) else MIGRATIONS / "postgresql"
    text = (folder / "0010_looked_up.sql").read_text(encoding="utf-8")
    filled = text[text.index("UPDATE proposal SET undoes") :].partition(";")[0]
    behind.forge("UPDATE proposal SET undoes = ''")
    assert state.proposals.taken_back_by("buyer", first.proposal_id) == ""
    behind.forge(filled)
    assert state.proposals.taken_back_by("buyer", first.proposal_id) == undo.proposal_id
    assert state.proposals.taken_back_by("buyer", "prp_other00001") == ""
    assert behind.rows("SELECT undoes FROM proposal ORDER BY undoes") == [("",), (first.proposal_id,)]


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
