"""Proposals as they are made, decided and let go: keys, limits, people, time."""

from __future__ import annotations

import dataclasses
import json
from typing import Literal

import pytest

from erp_mcp.approval.envelope import digest
from erp_mcp.domain.lifecycle import State
from erp_mcp.domain.proposal import LimitUse, Step
from erp_mcp.errors import (
    KeyReusedError,
    LimitExceededError,
    ProposalMovedError,
    ProposalNotFoundError,
    TooManyProposalsError,
    WritesStoppedError,
)
from erp_mcp.store.state.deployment_state import DeploymentState
from tests.guarantees import guarantees
from tests.unit.store.state.fakes import FakeClock, a_content, a_decision
from tests.unit.store.state.stores import Behind, stand

LIVE = frozenset(State) - {
    *(State.DENIED, State.REJECTED, State.EXPIRED, State.CANCELLED),
    *(State.REFUSED_BY_SYSTEM, State.NOT_APPLIED, State.STALE, State.COMPENSATED),
}


@guarantees("P3.binding", "P5.events")
def test_a_proposal_is_kept_exactly_and_put_before_its_approvers(state: DeploymentState) -> None:
    """An approval is bound to the digest of all of it, so the store must give back the very same."""
    content = a_content()
    proposal, new = state.proposals.create(content)
    assert new
    assert (proposal.content, proposal.state) == (content, State.AWAITING_APPROVAL)
    assert proposal.digest == digest(content)
    assert state.proposals.get(content.proposal_id) == proposal
    events = state.proposals.history(content.proposal_id)
    assert [event.type for event in events] == ["proposal.proposed", "proposal.awaiting_approval"]
    assert events == state.proposals.events()
    assert state.proposals.events(after=events[0].audit_seq) == events[1:]
    record = state.audit.read()[0]
    told = json.loads(json.dumps(dataclasses.asdict(content)))
    assert told["terms"].pop("break_glass") is None  # it came later, and stands only where there is one
    assert record.details["content"][1] == told
    assert json.loads(record.leaf)["correlation_id"] == content.correlation_id


@guarantees("P4.idempotent")
def test_the_same_key_gives_the_same_proposal_whatever_else_has_changed(state: DeploymentState, behind: Behind) -> None:
    """An agent that lost the answer asks again; a stop or a limit reached meanwhile must not hide its handle."""
    use = LimitUse(limit="l", key="k", amount=1, maximum=1, window_s=60)
    first = a_content(limits=(use,))
    made, _ = state.proposals.create(first)
    state.switches.stop("all", by="olga", reason="")
    before = behind.everything()
    again, new = state.proposals.create(dataclasses.replace(first, proposal_id="prp_other", rationale="other words"))
    assert (again, new) == (made, False)
    assert behind.everything() == before
    assert state.proposals.by_key("buyer", first.tool, first.idempotency_key) == made
    assert state.proposals.by_key("planner", first.tool, first.idempotency_key) is None


@guarantees("P4.idempotent")
def test_a_key_with_another_meaning_is_refused(state: DeploymentState, behind: Behind) -> None:
    """Answering with the old proposal would let an agent believe that its new change is under way."""
    made, _ = state.proposals.create(a_content())
    before = behind.everything()
    with pytest.raises(KeyReusedError) as told:
        state.proposals.create(a_content(fingerprint="other"))
    assert told.value.facts["proposal_id"] == made.content.proposal_id
    assert behind.everything() == before


@guarantees("P4.idempotent")
def test_agents_and_tools_have_their_own_keys(state: DeploymentState) -> None:
    """A key that another agent took must tell nothing of it."""
    ids = {
        state.proposals.create(content)[0].content.proposal_id
        for content in (
            a_content(),
            a_content(agent="buyer-2"),
            dataclasses.replace(a_content(), tool="propose_create_purchase_requisition"),
        )
    }
    assert len(ids) == 3


@guarantees("P4.kill_switch")
@pytest.mark.parametrize("scope", ["all", "tool:propose_update_delivery_date", "agent:buyer", "system:erp"])
def test_nothing_new_is_proposed_while_it_is_stopped(scope: str, state: DeploymentState, behind: Behind) -> None:
    """People who stopped writes must not come back to a queue of them."""
    state.switches.stop(scope, by="olga", reason="inventory")
    before = behind.everything()
    with pytest.raises(WritesStoppedError) as told:
        state.proposals.create(a_content())
    assert told.value.facts == {"scope": scope}
    assert behind.everything() == before
    state.switches.resume(scope, by="olga")
    assert state.proposals.create(a_content())[1]


@guarantees("P9.bounded")
def test_an_agent_can_not_flood_its_approvers(state: DeploymentState, clock: FakeClock, behind: Behind) -> None:
    """Fifty decisions are a day's work; the rest would be clicked through."""
    for number in range(50):
        state.proposals.create(a_content(f"key-{number:08d}"))
    before = behind.everything()
    with pytest.raises(TooManyProposalsError):
        state.proposals.create(a_content("key-over"))
    assert behind.everything() == before
    assert state.proposals.create(a_content("key-over", agent="planner"))[1], "others are not held up"
    state.proposals.move(state.proposals.of_agent("buyer")[0].content.proposal_id, Step(name="cancel", actor="buyer"))
    assert state.proposals.create(a_content("key-over"))[1]
    clock.pass_seconds(4 * 3600)
    late = a_content("key-late", created=clock.now)
    assert state.proposals.create(late)[1], "what nobody can decide any more does not count"


@guarantees("P4.limits")
def test_a_limit_refuses_what_would_go_beyond_it(state: DeploymentState, clock: FakeClock, behind: Behind) -> None:
    """Exact at its edge: what fits is accepted, one more is not, and the window slides."""
    use = LimitUse(limit="spend", key="buyer", amount=400, maximum=1000, window_s=600, currency="EUR")
    state.proposals.create(a_content("key-1", limits=(use,)))
    clock.pass_seconds(100)
    state.proposals.create(a_content("key-2", limits=(use,)))
    before = behind.everything()
    with pytest.raises(LimitExceededError) as told:
        state.proposals.create(a_content("key-3", limits=(use,)))
    assert told.value.facts == {"limit": "spend", "maximum": "0.10 EUR", "used": "0.08 EUR", "window_s": 600}
    assert behind.everything() == before
    exactly = dataclasses.replace(use, amount=200)
    state.proposals.create(a_content("key-4", limits=(exactly,)))
    other_key, other_limit = dataclasses.replace(use, key="planner"), dataclasses.replace(use, limit="count")
    state.proposals.create(a_content("key-5", limits=(other_key, other_limit)))
    clock.pass_seconds(499)
    with pytest.raises(LimitExceededError):
        state.proposals.create(a_content("key-6", limits=(use,)))
    clock.pass_seconds(1)
    state.proposals.create(a_content("key-7", limits=(use,)))


@guarantees("P4.limits")
def test_only_what_was_or_may_be_written_takes_of_a_limit(state: DeploymentState, behind: Behind) -> None:
    """A rejected proposal must not use up a day; one that nobody knows the end of must."""
    use = LimitUse(limit="one", key="k", amount=1, maximum=1, window_s=600)
    proposal_id = state.proposals.create(a_content("key-first", limits=(use,)))[0].content.proposal_id
    for number, where in enumerate(State):
        stand(behind, proposal_id, where)
        content = a_content(f"key-{number:08d}", limits=(use,))
        if where in LIVE:
            with pytest.raises(LimitExceededError):
                state.proposals.create(content)
            continue
        made = state.proposals.create(content)[0].content.proposal_id
        stand(behind, made, "CANCELLED")


@guarantees("P4.limits")
def test_what_waits_beyond_its_time_takes_nothing_of_a_limit(state: DeploymentState, clock: FakeClock) -> None:
    """Without a worker nobody says that it has expired, and the limit would be used up for nothing."""
    use = LimitUse(limit="one", key="k", amount=1, maximum=1, window_s=86_400)
    state.proposals.create(a_content("key-1", limits=(use,), valid_s=60))
    with pytest.raises(LimitExceededError):
        state.proposals.create(a_content("key-2", limits=(use,)))
    clock.pass_seconds(60)
    assert state.proposals.create(a_content("key-2", limits=(use,)))[1]


@guarantees("P4.idempotent")
def test_the_same_meaning_is_found_only_where_it_is_live_or_done(
    state: DeploymentState, clock: FakeClock, behind: Behind
) -> None:
    """A warning about a proposal that came to nothing would teach agents to ignore warnings."""
    content = a_content(fingerprint="f" * 64)
    assert state.proposals.same("buyer", content.fingerprint, within_s=3600) == ""
    state.proposals.create(content)
    for where in State:
        stand(behind, content.proposal_id, where)
        found = state.proposals.same("buyer", content.fingerprint, within_s=3600)
        assert found == (content.proposal_id if where in LIVE else "")
    stand(behind, content.proposal_id, "COMMITTED")
    assert state.proposals.same("planner", content.fingerprint, within_s=3600) == ""
    clock.pass_seconds(3600)
    assert state.proposals.same("buyer", content.fingerprint, within_s=3600) == ""


@guarantees("P3.enough_people")
def test_as_many_different_people_as_needed_make_it_approved(state: DeploymentState, behind: Behind) -> None:
    """One person twice is one person."""
    proposal_id = state.proposals.create(a_content(needed=2))[0].content.proposal_id
    first = a_decision(proposal_id, by="anna")
    assert state.proposals.decide(first).state is State.AWAITING_APPROVAL
    before = behind.everything()
    for twice in (a_decision(proposal_id, by="anna"), a_decision(proposal_id, by="anna", decision="reject"), first):
        with pytest.raises(ProposalMovedError) as told:
            state.proposals.decide(twice)
        assert told.value.facts["reason"] == "decided_already"
    with pytest.raises(ProposalMovedError):
        state.proposals.decide(dataclasses.replace(first, approver_id="bea"))  # the nonce of another decision
    assert behind.everything() == before
    assert state.proposals.decide(a_decision(proposal_id, by="bea")).state is State.APPROVED
    assert [one.approver_id for one in state.proposals.decisions(proposal_id)] == ["anna", "bea"]
    assert [event.type for event in state.proposals.history(proposal_id)][2:] == [
        "proposal.approved_in_part",
        "proposal.approved",
    ]


@guarantees("P3.enough_people")
def test_one_person_can_end_what_several_must_approve(state: DeploymentState) -> None:
    """A no does not wait for others."""
    proposal_id = state.proposals.create(a_content(needed=2))[0].content.proposal_id
    state.proposals.decide(a_decision(proposal_id, by="anna"))
    assert state.proposals.decide(a_decision(proposal_id, by="bea", decision="reject")).state is State.REJECTED


@guarantees("P3.expires")
@pytest.mark.parametrize("decision", ["approve", "reject"])
def test_a_decision_that_comes_too_late_is_none(
    decision: Literal["approve", "reject"], state: DeploymentState, clock: FakeClock, behind: Behind
) -> None:
    """No worker need have come by to say that the time is over."""
    proposal_id = state.proposals.create(a_content(valid_s=60))[0].content.proposal_id
    clock.pass_seconds(60)
    before = behind.everything()
    with pytest.raises(ProposalMovedError):
        state.proposals.decide(a_decision(proposal_id, decision=decision))
    assert behind.everything() == before
    with pytest.raises(ProposalNotFoundError):
        state.proposals.decide(a_decision("prp_nothing", decision=decision))


@guarantees("P3.signed")
def test_the_record_of_a_decision_holds_all_that_proves_it(state: DeploymentState) -> None:
    """Years later somebody checks the signature from the audit alone."""
    proposal_id = state.proposals.create(a_content())[0].content.proposal_id
    decision = a_decision(proposal_id)
    state.proposals.decide(decision)
    record = state.audit.last(1)[0]
    facts = json.loads(record.leaf)["facts"]
    assert facts["approver"] == "anna"
    assert facts["signature"] == decision.signature
    assert facts["public_key"] == "c" * 64
    assert record.details["envelope"][1] == decision.envelope
    assert state.proposals.decisions(proposal_id) == [decision]


@guarantees("P3.expires")
def test_time_ends_what_nobody_decided_or_carried_out_and_nothing_else(
    state: DeploymentState, clock: FakeClock, behind: Behind
) -> None:
    """The reason says whose turn it was."""
    ids = {where: state.proposals.create(a_content(f"key-{where}"))[0].content.proposal_id for where in State}
    for where, proposal_id in ids.items():
        stand(behind, proposal_id, where)
    clock.pass_seconds(4 * 3600 - 1)
    assert state.proposals.expire() == 0
    clock.pass_seconds(1)
    assert state.proposals.expire() == 2
    gone = {where: state.proposals.get(proposal_id) for where, proposal_id in ids.items()}
    assert gone[State.AWAITING_APPROVAL].state is State.EXPIRED
    assert gone[State.AWAITING_APPROVAL].reason == "not_decided"
    assert gone[State.APPROVED].reason == "not_carried_out"
    others = set(State) - {State.AWAITING_APPROVAL, State.APPROVED}
    assert all(gone[where].state is where for where in others)
    assert state.proposals.expire() == 0


@guarantees("P3.expires")
def test_more_expire_at_once_than_fit_into_one_transaction(state: DeploymentState, clock: FakeClock) -> None:
    """Others wait for the write lock, so many are let go in several transactions, and none is forgotten."""
    for number in range(205):
        state.proposals.create(a_content(f"key-{number:08d}", agent=f"agent-{number % 5}"))
    clock.pass_seconds(4 * 3600)
    assert state.proposals.expire() == 205


@guarantees("P9.bounded")
def test_lists_page_and_filter(state: DeploymentState, behind: Behind) -> None:
    """An agent sees its own, newest first; a person what waits, oldest first."""
    made = [dataclasses.replace(a_content(f"key-{n:08d}"), proposal_id=f"prp_{n:012d}") for n in range(5)]
    for content in made:
        state.proposals.create(content)
    state.proposals.create(a_content("key-other", agent="planner"))
    page = state.proposals.of_agent("buyer", limit=2)
    assert [one.content for one in page] == [made[4], made[3]]
    rest = state.proposals.of_agent("buyer", before=page[-1].content.proposal_id)
    assert [one.content for one in rest] == [made[2], made[1], made[0]]
    stand(behind, "prp_000000000001", "APPROVED")
    stand(behind, "prp_000000000000", "UNKNOWN")
    waiting = state.proposals.in_states((State.APPROVED, State.UNKNOWN))
    assert [one.content for one in waiting] == made[:2]
    some = (State.AWAITING_APPROVAL, State.APPROVED, State.UNKNOWN)
    first, last = (state.proposals.in_states(some, limit=3, newest=newest) for newest in (False, True))
    everything = [one.content for one in state.proposals.in_states(some)]
    assert ([one.content for one in first], [one.content for one in last]) == (everything[:3], everything[-3:])


@guarantees("input.clear_errors")
def test_what_is_not_there_is_told(state: DeploymentState) -> None:
    """A mistyped id is no fault."""
    with pytest.raises(ProposalNotFoundError):
        state.proposals.get("prp_nothing")
    assert state.proposals.history("prp_nothing") == []
    assert state.proposals.decisions("prp_nothing") == []
