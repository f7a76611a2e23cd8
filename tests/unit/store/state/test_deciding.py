"""What the store holds of who may say yes, when others are told, and when it is too late; on both stores."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from erp_mcp.audit.verify import verify
from erp_mcp.domain.approver import Signed
from erp_mcp.domain.decision import Group, Separation
from erp_mcp.domain.instants import exact_instant
from erp_mcp.domain.lifecycle import State
from erp_mcp.domain.proposal import Content, LimitUse, SignedDecision, Step
from erp_mcp.errors import (
    DutiesSeparatedError,
    LimitExceededError,
    ProposalMovedError,
    QuotaReachedError,
    WritesStoppedError,
)
from erp_mcp.store.state.deployment_state import DeploymentState
from tests.guarantees import guarantees
from tests.unit.store.state.fakes import FakeClock, a_content, a_decision, an_entry
from tests.unit.store.state.stores import REFUSED, Behind, opened

APART = Separation(rule="apart", tools=("propose_a", "propose_b"), key="supplier", window_s=7 * 86_400)


def made(state: DeploymentState, key: str, *, tool: str = "", concerns: str = "", **terms: Any) -> Content:
    plain = a_content(key, needed=terms.pop("needed", 1))
    content = replace(
        plain,
        terms=replace(plain.terms, **terms),
        tool=tool or plain.tool,
        concerns={"supplier": [concerns]} if concerns else {},
    )
    state.proposals.create(content)
    return content


def yes(state: DeploymentState, content: Content, who: str, clock: FakeClock, **changed: Any) -> State:
    return state.proposals.decide(said(content, who, clock.now, **changed)).state


def said(content: Content, who: str, at: datetime, **changed: Any) -> SignedDecision:
    return replace(a_decision(content.proposal_id, by=who, **changed), decided_at=exact_instant(at))


def flaws(state: DeploymentState) -> list[str]:
    report = verify(state.audit.read_all(), strays=state.audit.strays(), proposals=state.proposals.kept())
    return [f"{one.seq} {one.code} {one.detail}" for one in report.findings if not one.is_notice]


@guarantees("P3.groups", "P4.two_stores")
def test_two_of_one_group_approve_nothing_that_asks_for_one_of_each(state: DeploymentState, clock: FakeClock) -> None:
    """The third person, of the other group, is the one who makes it approved."""
    groups = (Group(name="warehouse", approvers=("anna", "bea")), Group(name="finance", approvers=("carl",)))
    content = made(state, "key-00000001", needed=2, groups=groups, approvers=("anna", "bea", "carl"))

    stood = [yes(state, content, who, clock) for who in ("anna", "bea", "carl")]

    assert stood == [State.AWAITING_APPROVAL, State.AWAITING_APPROVAL, State.APPROVED]
    assert flaws(state) == []


@guarantees("P3.separation", "P4.two_stores")
def test_one_person_does_not_say_yes_to_both_halves_of_a_duty(state: DeploymentState, clock: FakeClock) -> None:
    """Looked at where the decision is stored; a no is always free, and so is another person."""
    first = made(state, "key-00000001", tool="propose_a", concerns="V-9", separations=(APART,))
    second = made(state, "key-00000002", tool="propose_b", concerns="V-9", separations=(APART,))
    assert yes(state, first, "anna", clock) == State.APPROVED
    clock.pass_seconds(60)

    with pytest.raises(DutiesSeparatedError):
        yes(state, second, "anna", clock)
    assert state.proposals.decisions(second.proposal_id) == []
    assert yes(state, second, "bea", clock) == State.APPROVED
    third = made(state, "key-00000003", tool="propose_b", concerns="V-9", separations=(APART,))
    assert yes(state, third, "anna", clock, decision="reject") == State.REJECTED


@guarantees("P3.separation", "P4.two_stores")
def test_more_than_the_quota_in_an_hour_waits_for_the_next(state: DeploymentState, clock: FakeClock) -> None:
    """A person who clicks through a queue is no second pair of eyes."""
    some = [made(state, f"key-0000000{number}", quota=2) for number in range(4)]
    assert [yes(state, one, "anna", clock) for one in some[:1]] == [State.APPROVED]
    clock.pass_seconds(1800)
    assert yes(state, some[1], "anna", clock) == State.APPROVED
    clock.pass_seconds(1799)

    with pytest.raises(QuotaReachedError):
        yes(state, some[2], "anna", clock)
    assert yes(state, some[2], "bea", clock) == State.APPROVED
    clock.pass_seconds(2)
    assert yes(state, some[3], "anna", clock) == State.APPROVED


@guarantees("P3.escalation", "P4.two_stores")
def test_who_may_decide_as_well_is_told_once_and_in_the_records(state: DeploymentState, clock: FakeClock) -> None:
    """An event that notices go by; it moves nothing."""
    content = made(state, "key-00000001", escalates_s=3600, escalates_to=("boss",))
    plain = made(state, "key-00000002")
    clock.pass_seconds(3599)
    assert state.proposals.escalate() == 0
    clock.pass_seconds(1)

    assert [state.proposals.escalate(), state.proposals.escalate()] == [1, 0]
    kinds = [event.type for event in state.proposals.history(content.proposal_id)]
    assert kinds == ["proposal.proposed", "proposal.awaiting_approval", "proposal.escalated"]
    assert len(state.proposals.history(plain.proposal_id)) == 2
    assert state.proposals.get(content.proposal_id).state is State.AWAITING_APPROVAL
    assert yes(state, content, "boss", clock) == State.APPROVED
    assert flaws(state) == []


@guarantees("P3.taken_up", "P4.two_stores")
def test_what_no_worker_took_up_in_its_time_is_gone(state: DeploymentState, clock: FakeClock) -> None:
    """Counted from the last yes; what a worker has had once is not touched by it."""
    late, taken, plain = (
        made(state, f"key-0000000{number}", carry_out_s=carry) for number, carry in ((1, 600), (2, 600), (3, 0))
    )
    clock.pass_seconds(1200)
    assert yes(state, taken, "anna", clock) == State.APPROVED
    had = state.proposals.take("w1", lease_s=30)
    assert had is not None
    for one in (late, plain):
        assert yes(state, one, "anna", clock) == State.APPROVED
    back = Step(name="postpone", actor="w1", fence=had.fence, not_before=exact_instant(clock.now + timedelta(hours=1)))
    state.proposals.move(had.content.proposal_id, back)
    clock.pass_seconds(599)
    assert state.proposals.expire() == 0
    clock.pass_seconds(1)

    assert [state.proposals.expire(), state.proposals.expire()] == [1, 0]
    gone = [one for one in (late, taken, plain) if state.proposals.get(one.proposal_id).state is State.EXPIRED]
    assert gone == [late]
    assert state.proposals.get(late.proposal_id).reason == "not_carried_out"
    assert flaws(state) == []


@guarantees("P10.survives", "P4.two_stores")
def test_whoever_asks_what_is_overdue_waits_for_nobody(state: DeploymentState, home: Path, clock: FakeClock) -> None:
    """Each worker asks before each piece of work: that one is in the middle of another must not hold it up."""
    waits = made(state, "key-00000001", escalates_s=60, escalates_to=("boss",), carry_out_s=600)
    made(state, "key-00000002", escalates_s=3600, escalates_to=("boss",))
    assert yes(state, waits, "anna", clock) == State.APPROVED
    other = opened(home, clock, busy_s=0.05)
    with state.engine.writing():
        assert [other.proposals.escalate(), other.proposals.expire()] == [0, 0]
    clock.pass_seconds(3600)
    assert [other.proposals.escalate(), other.proposals.expire()] == [1, 1]
    other.close()


@guarantees("P3.escalation", "P3.taken_up", "P4.two_stores")
def test_what_a_forged_row_says_of_its_time_makes_nothing_overdue(
    state: DeploymentState, clock: FakeClock, behind: Behind
) -> None:
    """Whatever looks overdue is looked at whole, content and digest, before others are told or it is let go."""
    asked = made(state, "key-00000001", escalates_s=3600, escalates_to=("boss",))
    approved = made(state, "key-00000002", carry_out_s=600)
    assert yes(state, approved, "anna", clock) == State.APPROVED
    for one, term in ((asked, '"escalates_s":3600'), (approved, '"carry_out_s":600')):
        behind.forge(
            f"UPDATE proposal SET content = replace(content, '{term}', '{term.partition(':')[0]}:1')"
            " WHERE proposal_id = ?",
            (one.proposal_id,),
        )
    clock.pass_seconds(2)
    assert [state.proposals.escalate(), state.proposals.expire()] == [0, 0]
    assert [len(state.proposals.history(one.proposal_id)) for one in (asked, approved)] == [2, 3]


# --- narrowing --------------------------------------------------------------------------------------------------------

USE = LimitUse(limit="per-day", key="agent:buyer", amount=3, maximum=4, window_s=86_400)


def smaller(content: Content, *, amount: int = 1, maximum: int = 4) -> Content:
    plain = a_content("key-smaller1", limits=(replace(USE, amount=amount, maximum=maximum),))
    return replace(
        plain, terms=content.terms, narrows=content.proposal_id, idempotency_key=f"narrows {content.proposal_id}"
    )


@guarantees("P3.narrowed", "P4.limits", "P4.two_stores")
def test_the_smaller_one_takes_the_place_of_the_other_within_the_limits(
    state: DeploymentState, clock: FakeClock
) -> None:
    """What the larger one took of a limit is free for it, in the same transaction."""
    content = replace(a_content(), limits=(USE,))
    state.proposals.create(content)
    less = smaller(content, amount=2)

    after = state.proposals.narrow(
        said(content, "anna", clock.now, decision="reject"), less, said(less, "anna", clock.now)
    )

    assert (after.state, after.content) == (State.APPROVED, less)
    before = state.proposals.get(content.proposal_id)
    assert (before.state, before.reason) == (State.REJECTED, "narrowed")
    assert flaws(state) == []


@guarantees("P3.narrowed", "P4.two_stores")
def test_with_two_needed_the_smaller_one_waits_for_the_second_person(state: DeploymentState, clock: FakeClock) -> None:
    """One yes is kept with it; it needs as many as the other."""
    content = made(state, "key-00000001", needed=2)
    less = smaller(content)

    after = state.proposals.narrow(
        said(content, "anna", clock.now, decision="reject"), less, said(less, "anna", clock.now)
    )

    assert after.state is State.AWAITING_APPROVAL
    with pytest.raises(ProposalMovedError):
        yes(state, less, "anna", clock)
    assert yes(state, less, "bea", clock) == State.APPROVED


@guarantees("P3.narrowed", "P4.whole_or_none", "P4.two_stores")
@pytest.mark.parametrize("why", ["limit", "decided", "stopped", "moved", "quota"])
def test_where_the_smaller_one_can_not_be_made_the_other_stays_as_it_is(
    why: str, state: DeploymentState, clock: FakeClock, behind: Behind
) -> None:
    """All of it or nothing: a half would leave two that can be carried out, or none."""
    content = made(state, "key-00000001", needed=2, quota=1)
    other = made(state, "key-00000002", quota=1)
    less = smaller(content, amount=5) if why == "limit" else smaller(content)
    errors: dict[str, type[Exception]] = {
        "limit": LimitExceededError,
        "stopped": WritesStoppedError,
        "quota": QuotaReachedError,
    }
    if why == "decided":
        yes(state, content, "anna", clock)
    if why == "moved":
        yes(state, content, "bea", clock, decision="reject")
    if why == "quota":
        yes(state, other, "anna", clock)
        clock.pass_seconds(1)
    if why == "stopped":
        state.switches.stop("all", reason="a test of it", by="olga")
    stood = state.proposals.get(content.proposal_id)
    records = len(list(state.audit.read_all()))

    with pytest.raises(errors.get(why, ProposalMovedError)):
        state.proposals.narrow(said(content, "anna", clock.now, decision="reject"), less, said(less, "anna", clock.now))
    assert state.proposals.get(content.proposal_id) == stood
    assert len(list(state.audit.read_all())) == records
    assert state.proposals.by_key("buyer", less.tool, less.idempotency_key) is None


# --- what outsiders wrote ---------------------------------------------------------------------------------------------


@guarantees("P3.taint", "P4.two_stores")
def test_what_an_agent_read_is_kept_with_the_record_of_its_call(
    state: DeploymentState, clock: FakeClock, behind: Behind
) -> None:
    """The last reading counts, per agent; nothing takes it back."""
    plain = an_entry(actor="buyer")
    state.audit.append(plain)
    assert state.taint.of("buyer") is None
    for seconds, column in ((0, "lines.note"), (60, "order.note")):
        clock.pass_seconds(seconds)
        state.audit.append(replace(plain, facts={**plain.facts, "outsider_text": [column]}))
    state.audit.append(replace(plain, actor="planner", facts={"outsider_text": ["order.note"]}))

    found = state.taint.of("buyer")

    assert found is not None
    assert (found.read_at, found.fields) == (exact_instant(clock.now), ("order.note",))
    assert [one.agent for one in state.taint.all()] == ["buyer", "planner"]
    for statement in ("DELETE FROM taint", "UPDATE taint SET read_at = '2020'", "UPDATE taint SET agent = 'x'"):
        with pytest.raises(REFUSED):
            behind.run(statement)


@guarantees("P3.taint", "P4.two_stores")
def test_what_approvers_said_of_it_is_kept_and_recorded(state: DeploymentState, behind: Behind) -> None:
    """Newest first; a word is never changed."""
    for number in (1, 2):
        words = Signed(text=f'{{"n":{number}}}', signer="anna", signature="e" * 128)
        state.taint.clear("buyer", words, nonce=f"n{number}", at=f"2026-03-02T06:00:0{number}.000000Z")

    assert [one.text for one in state.taint.clearings("buyer")] == ['{"n":2}', '{"n":1}']
    assert state.taint.clearings("planner") == []
    for statement in ("DELETE FROM taint_clearing", "UPDATE taint_clearing SET statement = ''"):
        with pytest.raises(REFUSED):
            behind.run(statement)
    kinds = [json.loads(record.leaf)["kind"] for record in state.audit.read_all()]
    assert kinds == ["taint.cleared", "taint.cleared"]
