"""Whoever's agent asked for one half does not approve the other: looked at where decisions are stored, both stores."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Final

import pytest

from erp_mcp.domain.decision import Separation
from erp_mcp.domain.instants import exact_instant
from erp_mcp.domain.lifecycle import State
from erp_mcp.domain.proposal import Content, Decided, Step
from erp_mcp.errors import AskedOtherHalfError
from erp_mcp.store.state.deployment_state import DeploymentState
from tests.guarantees import guarantees
from tests.unit.approval import people
from tests.unit.approval.people import ROOT, Person
from tests.unit.store.state.fakes import FakeClock, a_content, a_decision

APART: Final = Separation(
    rule="apart", tools=("propose_supplier", "propose_order"), key="supplier", window_s=7 * 86_400
)
ANNA: Final = Person(id="anna", name="Anna Müller")


def asked(
    state: DeploymentState, tool: str, owner: str, now: FakeClock, *, agent: str = "buyer", supplier: str = "V-9"
) -> Content:
    """Store what an agent of somebody asks for."""
    plain = a_content(f"key-{tool}-{owner}-{supplier}", agent=agent, created=now.now, valid_s=30 * 86_400)
    terms = replace(plain.terms, separations=(APART,))
    made = replace(plain, tool=tool, owner=owner, terms=terms, concerns={"supplier": [supplier]})
    state.proposals.create(made)
    return made


def say(state: DeploymentState, content: Content, clock: FakeClock, decision: Decided = "approve") -> State:
    at = exact_instant(clock.now)
    said = replace(a_decision(content.proposal_id, by="anna", decision=decision), decided_at=at)
    return state.proposals.decide(said).state


@guarantees("P3.separation", "P3.requesters", "P4.two_stores")
@pytest.mark.parametrize(
    ("owner", "agent"), [("anna", "buyer"), ("Anna Muller", "buyer"), ("ANNA  MÜLLER", "buyer"), ("eve", "anna")]
)
def test_who_had_one_half_asked_for_does_not_approve_the_other(
    state: DeploymentState, clock: FakeClock, owner: str, agent: str
) -> None:
    """By id or by the name that they are enrolled with, however it is written; a no is free, and so are others."""
    for one in (ROOT, ANNA):
        state.approvers.enrol(people.enrolled(one, ROOT))
    asked(state, "propose_supplier", owner, clock, agent=agent)
    clock.pass_seconds(60)
    other, elsewhere = (asked(state, "propose_order", "carl", clock, supplier=one) for one in ("V-9", "V-1"))

    with pytest.raises(AskedOtherHalfError) as refusal:
        say(state, other, clock)

    assert (refusal.value.code, refusal.value.facts["rule"]) == ("approval.asked_other_half", "apart")
    assert state.proposals.decisions(other.proposal_id) == []
    assert say(state, elsewhere, clock) is State.APPROVED
    assert say(state, other, clock, "reject") is State.REJECTED


@guarantees("P3.separation", "P3.requesters", "P4.two_stores")
def test_whatever_became_of_what_was_asked_for_it_counts_within_the_window(
    state: DeploymentState, clock: FakeClock
) -> None:
    """Cancelled at once, it was still this person who wanted it; after the window it is forgotten."""
    first = asked(state, "propose_supplier", "anna", clock)
    state.proposals.move(first.proposal_id, Step(name="cancel", actor="buyer"))
    for _ in range(2):
        clock.pass_seconds(int(timedelta(days=3).total_seconds()))
    other = asked(state, "propose_order", "carl", clock)
    with pytest.raises(AskedOtherHalfError):
        say(state, other, clock)

    clock.pass_seconds(86_400)

    assert say(state, other, clock) is State.APPROVED


@guarantees("P3.separation", "P4.two_stores")
def test_however_much_others_ask_for_the_one_half_is_found(state: DeploymentState, clock: FakeClock) -> None:
    """Nobody hides what they asked for behind what others did; words that look like an owner's name are none."""

    def others(first: int) -> None:
        for number in range(first, first + 105):
            plain = a_content(f"key-{number:08d}", agent=f"agent-{number}", created=clock.now)
            terms = replace(plain.terms, separations=(APART,))
            told = {**plain.arguments, "owner": "anna"}
            about = replace(plain, tool="propose_supplier", arguments=told, concerns={"supplier": ["V-9"]})
            state.proposals.create(replace(about, terms=terms))

    others(0)
    mine = asked(state, "propose_supplier", "anna", clock)
    others(200)

    since = clock.now - timedelta(seconds=60)
    (found,) = state.proposals.asked_for(("propose_order", "propose_supplier"), {"anna"}, since)

    assert found.content.proposal_id == mine.proposal_id
    assert state.proposals.asked_for((), {"anna"}, since) == []
    assert state.proposals.asked_for(("propose_supplier",), (), since) == []
    assert state.proposals.asked_for(("propose_supplier",), {"anna"}, clock.now + timedelta(seconds=2)) == []
