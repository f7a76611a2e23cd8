"""Who said yes to one half has the other one asked for by nobody of theirs: looked at where proposals are stored."""

from __future__ import annotations

from collections import Counter
from contextlib import ExitStack, closing
from dataclasses import replace
from datetime import timedelta
from functools import partial
from pathlib import Path

import pytest

from erp_mcp.approval.oidc import OidcEnrolment, oidc_message
from erp_mcp.domain import saga
from erp_mcp.domain.approver import Approver, Signed
from erp_mcp.domain.instants import exact_instant
from erp_mcp.domain.lifecycle import State
from erp_mcp.domain.proposal import Content, Decided
from erp_mcp.errors import ApprovedOtherHalfError, AskedOtherHalfError, DutiesSeparatedError
from erp_mcp.store.state.deployment_state import DeploymentState
from tests.guarantees import guarantees
from tests.unit.approval import people
from tests.unit.approval.people import ROOT, Person
from tests.unit.store.state.fakes import FakeClock, a_content, a_decision
from tests.unit.store.state.stores import opened
from tests.unit.store.state.storm import tried
from tests.unit.store.state.test_asked_other_half import ANNA, APART
from tests.unit.store.state.test_hundred_at_once import at_once, say

SUPPLIER, ORDER = APART.tools


def wanted(
    tool: str, owner: str, now: FakeClock, *, agent: str = "buyer", supplier: str = "V-9", name: str = ""
) -> Content:
    """Return what an agent of somebody asks for."""
    plain = a_content(f"key-{name or tool}-{owner}-{supplier}", agent=agent, created=now.now, valid_s=30 * 86_400)
    terms = replace(plain.terms, separations=(APART,))
    return replace(plain, tool=tool, owner=owner, terms=terms, concerns={"supplier": [supplier]})


def as_one(tool: str, owner: str, now: FakeClock, *, name: str = "") -> Content:
    """Return several changes as one, of which a step is made with this tool."""
    plain = wanted("propose_both", owner, now, name=name)
    step = saga.planned(wanted(tool, owner, now), "first", undo_tool="", way_back="none")
    command = replace(
        plain.command,
        operation=saga.CARRY_OUT,
        system=saga.SYSTEM,
        entity=saga.ENTITY,
        key="",
        fields=saga.fields_of([step, replace(step, name="second", tool="propose_price")]),
    )
    return replace(plain, command=command)


def ask(state: DeploymentState, content: Content) -> Content:
    state.proposals.create(content)
    return content


def says(
    state: DeploymentState, content: Content, clock: FakeClock, decision: Decided = "approve", by: str = "anna"
) -> State:
    said = replace(a_decision(content.proposal_id, by=by, decision=decision), decided_at=exact_instant(clock.now))
    return state.proposals.decide(said).state


@pytest.fixture
def enrolled(state: DeploymentState) -> DeploymentState:
    """A state in which Anna may decide."""
    for one in (ROOT, ANNA):
        state.approvers.enrol(people.enrolled(one, ROOT))
    return state


@guarantees("P3.separation", "P3.requesters", "P4.two_stores")
@pytest.mark.parametrize(
    ("owner", "agent"), [("anna", "buyer"), ("Anna Muller", "buyer"), ("ANNA  MÜLLER", "buyer"), ("eve", "anna")]
)
def test_who_approved_one_half_has_the_other_asked_for_by_nobody_of_theirs(
    enrolled: DeploymentState, clock: FakeClock, owner: str, agent: str
) -> None:
    """By id or name, as owner or as the agent; others may ask for it, and theirs for anything else."""
    says(enrolled, ask(enrolled, wanted(SUPPLIER, "carl", clock)), clock)
    clock.pass_seconds(60)
    half = wanted(ORDER, owner, clock, agent=agent)

    with pytest.raises(ApprovedOtherHalfError) as refusal:
        ask(enrolled, half)

    assert (refusal.value.code, refusal.value.facts) == ("proposal.approved_other_half", {"rule": "apart"})
    assert enrolled.proposals.by_key(agent, ORDER, half.idempotency_key) is None
    ask(enrolled, wanted(ORDER, "carl", clock))
    ask(enrolled, wanted(ORDER, owner, clock, agent=agent, supplier="V-1"))
    ask(enrolled, wanted(SUPPLIER, owner, clock, agent=agent))


@guarantees("P3.separation", "P3.requesters", "P4.two_stores")
@pytest.mark.parametrize(
    ("word", "days", "refused"),
    [("approve", 6, True), ("approve", 7, False), ("reject", 1, False)],
    ids=["within the window", "after it", "a no"],
)
def test_only_a_yes_within_the_window_keeps_somebody_from_asking(
    enrolled: DeploymentState, clock: FakeClock, word: Decided, days: int, refused: bool
) -> None:
    """To the second; who said no to it wanted it neither."""
    says(enrolled, ask(enrolled, wanted(SUPPLIER, "carl", clock)), clock, word)
    clock.now += timedelta(days=days)

    assert tried(enrolled.proposals.create, wanted(ORDER, "anna", clock)) == (
        "proposal.approved_other_half" if refused else "done"
    )


@guarantees("P3.separation", "P3.requesters", "P4.two_stores")
@pytest.mark.parametrize("owner", ["cleo", "Cleo of the Page"])
def test_somebody_who_decides_by_an_account_at_a_provider_is_known_by_its_enrolment(
    enrolled: DeploymentState, clock: FakeClock, owner: str
) -> None:
    """Their row has a name of its own; who they are stands in the words that were signed."""
    words = OidcEnrolment(
        deployment="d-1",
        approver_id="cleo",
        name="Cleo of the Page",
        issuer="https://idp.test",
        subject="1",
        enrolled_by=ROOT.id,
        enrolled_at=exact_instant(clock.now),
    )
    text, message = oidc_message(words)
    enrolled.approvers.enrol(
        Approver(
            approver_id=words.row_id,
            enrolment=Signed(text=text, signer=ROOT.id, signature=ROOT.sign(message)),
            sealed_key="",
            account=words.identity,
        )
    )
    says(enrolled, ask(enrolled, wanted(SUPPLIER, "carl", clock)), clock, by="cleo")
    clock.pass_seconds(60)

    with pytest.raises(ApprovedOtherHalfError):
        ask(enrolled, wanted(ORDER, owner, clock))
    asked = ask(enrolled, replace(wanted(ORDER, owner, clock), concerns={"supplier": ["V-3"]}))
    other = ask(enrolled, replace(wanted(SUPPLIER, "carl", clock, name="V-3"), concerns=asked.concerns))
    with pytest.raises(AskedOtherHalfError):
        says(enrolled, other, clock, by="cleo")


@guarantees("P3.separation", "P3.requesters", "P4.two_stores")
def test_the_same_key_again_is_told_what_it_made_before_the_yes(enrolled: DeploymentState, clock: FakeClock) -> None:
    """What stands already is no new asking, and it is what keeps its owner from the yes."""
    half, supplier = ask(enrolled, wanted(ORDER, "anna", clock)), ask(enrolled, wanted(SUPPLIER, "carl", clock))
    clock.pass_seconds(60)
    with pytest.raises(AskedOtherHalfError):
        says(enrolled, supplier, clock)

    again, is_new = enrolled.proposals.create(replace(wanted(ORDER, "anna", clock), fingerprint=half.fingerprint))

    assert (again.content.proposal_id, is_new) == (half.proposal_id, False)


@guarantees("P3.separation", "P3.narrowed", "P4.two_stores")
def test_nobody_makes_a_smaller_one_of_what_its_owner_may_not_ask_for(
    enrolled: DeploymentState, clock: FakeClock
) -> None:
    """Asked for while nothing was kept apart; the smaller one would be asked for now. What waits stays as it is."""
    old = ask(enrolled, replace(wanted(ORDER, "anna", clock), terms=a_content().terms))
    supplier = wanted(SUPPLIER, "carl", clock)
    says(enrolled, ask(enrolled, replace(supplier, terms=old.terms)), clock)
    clock.pass_seconds(60)
    less = replace(wanted(ORDER, "anna", clock, name="less"), narrows=old.proposal_id)
    no = replace(a_decision(old.proposal_id, by="bea", decision="reject"), decided_at=exact_instant(clock.now))
    yes = replace(a_decision(less.proposal_id, by="bea"), decided_at=exact_instant(clock.now))

    with pytest.raises(ApprovedOtherHalfError):
        enrolled.proposals.narrow(no, less, yes)

    assert enrolled.proposals.get(old.proposal_id).state is State.AWAITING_APPROVAL
    assert enrolled.proposals.decisions(old.proposal_id) == []


@guarantees("P3.separation", "P10.saga", "P4.two_stores")
def test_several_changes_as_one_count_by_each_of_their_steps_from_the_first_moment(
    enrolled: DeploymentState, clock: FakeClock
) -> None:
    """Asked for or approved, before or after: with a step that orders, whoever wants it approves no supplier for it."""
    asked = ask(enrolled, as_one(ORDER, "anna", clock))
    supplier = ask(enrolled, wanted(SUPPLIER, "carl", clock))
    with pytest.raises(AskedOtherHalfError):
        says(enrolled, supplier, clock)
    assert says(enrolled, supplier, clock, by="root") is State.APPROVED
    clock.pass_seconds(60)
    with pytest.raises(DutiesSeparatedError):
        says(enrolled, asked, clock, by="root")

    other = replace(wanted(SUPPLIER, "anna", clock), concerns={"supplier": ["V-2"]}, idempotency_key="key-other")
    whole = replace(as_one(ORDER, "carl", clock, name="whole"), concerns={"supplier": ["V-2"]})
    says(enrolled, ask(enrolled, whole), clock)

    with pytest.raises(ApprovedOtherHalfError):
        ask(enrolled, other)
    by_others = replace(other, owner="carl", agent="another")
    with pytest.raises(DutiesSeparatedError):
        says(enrolled, ask(enrolled, by_others), clock)


@guarantees("P3.separation", "P10.saga", "P4.two_stores")
def test_two_of_several_changes_as_one_with_the_same_steps_are_no_two_halves(
    enrolled: DeploymentState, clock: FakeClock
) -> None:
    """Nor one of them and an order by itself; a supplier's yes keeps its person's agents from the whole."""
    for name in ("one", "two"):
        assert says(enrolled, ask(enrolled, as_one(ORDER, "carl", clock, name=name)), clock) is State.APPROVED
    assert says(enrolled, ask(enrolled, wanted(ORDER, "carl", clock)), clock) is State.APPROVED
    ask(enrolled, as_one(ORDER, "anna", clock))

    with pytest.raises(ApprovedOtherHalfError):
        ask(enrolled, as_one(SUPPLIER, "anna", clock, name="other half"))


@guarantees("P3.separation", "P4.two_stores")
def test_of_a_yes_and_an_asking_at_the_same_moment_one_counts(
    state: DeploymentState, home: Path, clock: FakeClock
) -> None:
    """From two processes at once, again and again: whichever is stored first keeps out the other."""
    halves = []
    for number in range(12):
        who = Person(id=f"person-{number}", name=f"Person {number}")
        if not number:
            state.approvers.enrol(people.enrolled(ROOT, ROOT))
        state.approvers.enrol(people.enrolled(who, ROOT))
        supplier = ask(state, wanted(SUPPLIER, "carl", clock, supplier=f"V-{number}"))
        halves.append((who.id, supplier, wanted(ORDER, who.id, clock, supplier=f"V-{number}")))
    told: Counter[str] = Counter()

    with ExitStack() as stack:
        stores = [stack.enter_context(closing(opened(home, clock, busy_s=120.0))) for _ in range(2)]
        for name, supplier, order in halves:
            yes = replace(a_decision(supplier.proposal_id, by=name), decided_at=exact_instant(clock.now))
            acts = [partial(say, decision=yes), partial(asks, content=order)]
            both = Counter(at_once(stores, acts))
            assert both["done"] == 1, both
            told += both

    assert set(told) <= {"done", "approval.asked_other_half", "proposal.approved_other_half"}


def asks(state: DeploymentState, *, content: Content) -> str:
    """Ask for it; return what came of it."""
    return tried(state.proposals.create, content)
