"""What the store holds of an approval in an emergency: two who say so, what is due afterwards; on both stores."""

from __future__ import annotations

import secrets
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from erp_mcp.audit.verify import verify
from erp_mcp.domain.canonical_json import canonical
from erp_mcp.domain.decision import BreakGlass, Separation
from erp_mcp.domain.instants import exact_instant
from erp_mcp.domain.lifecycle import GLASS_BROKEN, GLASS_REVIEWED, REVIEW_OVERDUE, State
from erp_mcp.domain.proposal import Content, Decided, ReviewVerdict, SignedReview, Step
from erp_mcp.errors import (
    DutiesSeparatedError,
    NoBreakGlassError,
    ProposalMovedError,
    QuotaReachedError,
    ReviewedAlreadyError,
    ReviewOverdueError,
)
from erp_mcp.store.state.deployment_state import DeploymentState
from tests.guarantees import guarantees
from tests.unit.store.state.fakes import FakeClock, a_content, a_decision
from tests.unit.store.state.stores import REFUSED, Behind
from tests.unit.store.state.test_parts import a_part, a_saga, committed, waits

DAY_S = 24 * 3600
GLASS = BreakGlass(people=("carl", "dora"), review_by=("olaf",), review_s=DAY_S)


def made(state: DeploymentState, key: str = "key-00000001", **terms: Any) -> Content:
    plain = a_content(key, needed=3, created=now(state), valid_s=7 * DAY_S)
    tool, concerns = terms.pop("tool", plain.tool), terms.pop("concerns", {})
    terms = {"break_glass": GLASS, **terms}
    content = replace(plain, tool=tool, concerns=concerns, terms=replace(plain.terms, **terms))
    state.proposals.create(content)
    return content


def says(state: DeploymentState, content: Content, who: str, decision: Decided = "break_glass") -> State:
    said = a_decision(content.proposal_id, by=who, decision=decision)
    return state.proposals.decide(replace(said, decided_at=exact_instant(now(state)))).state


def now(state: DeploymentState) -> datetime:
    return state.proposals._clock.wall()


def broken(state: DeploymentState, key: str = "key-00000001", **terms: Any) -> Content:
    content = made(state, key, **terms)
    assert [says(state, content, who) for who in ("carl", "dora")] == [State.AWAITING_APPROVAL, State.APPROVED]
    return content


def a_review(content: Content, *, by: str = "olaf", verdict: ReviewVerdict = "justified") -> SignedReview:
    nonce = secrets.token_hex(16)
    text = canonical({"proposal_id": content.proposal_id, "nonce": nonce}).decode("utf-8")
    return SignedReview(
        proposal_id=content.proposal_id,
        approver_id=by,
        verdict=verdict,
        statement=text,
        signature="e" * 128,
        nonce=nonce,
        reviewed_at="2026-03-02T08:00:00Z",
    )


def flaws(state: DeploymentState) -> list[str]:
    report = verify(
        state.audit.read_all(),
        strays=state.audit.strays(),
        proposals=state.proposals.kept(),
        rows=state.kept_rows(),
    )
    return [f"{one.code} {one.detail}" for one in report.findings if not one.is_notice]


@guarantees("P3.break_glass", "P4.two_stores")
def test_the_second_person_approves_it_and_a_review_is_due(state: DeploymentState, clock: FakeClock) -> None:
    """One transaction: the move, its record, the alarm, and until when somebody looks at it."""
    content = broken(state)

    kept = state.proposals.broken_glass(content.proposal_id)
    assert kept is not None
    assert (kept.broken_at, kept.due_at) == (
        exact_instant(clock.now),
        exact_instant(clock.now + timedelta(seconds=DAY_S)),
    )
    assert (kept.review, state.proposals.get(content.proposal_id).reason) == (None, "")
    moves = [one.payload["move"] for one in state.proposals.history(content.proposal_id)]
    assert moves[-3:] == ["break_glass", "break_glass", "ask_for_review"]
    assert [one.type for one in state.proposals.history(content.proposal_id)][-3:] == [
        "proposal.approved_in_part",
        "proposal.approved",
        GLASS_BROKEN,
    ]
    assert flaws(state) == []
    state.proposals.review(a_review(content, verdict="not_justified"))
    reviewed = state.proposals.broken_glass(content.proposal_id)
    assert reviewed is not None
    assert reviewed.review is not None
    assert (reviewed.review.verdict, state.proposals.to_review()) == ("not_justified", [])
    assert state.proposals.history(content.proposal_id)[-1].type == GLASS_REVIEWED
    assert state.proposals.get(content.proposal_id).state is State.APPROVED
    assert flaws(state) == []


@guarantees("P3.break_glass", "P3.enough_people", "P4.two_stores")
def test_ordinary_ones_add_nothing_to_it_and_it_adds_nothing_to_them(state: DeploymentState) -> None:
    """Three are asked for; one in an emergency is none of them, and two of them are none in an emergency."""
    content = made(state)
    stood = [says(state, content, who, "approve") for who in ("anna", "bea")]
    stood += [says(state, content, "carl"), says(state, content, "cleo", "approve")]
    assert stood == [*[State.AWAITING_APPROVAL] * 3, State.APPROVED]
    assert state.proposals.broken_glass(content.proposal_id) is None
    assert flaws(state) == []


@guarantees("P3.break_glass", "P4.two_stores")
def test_one_no_ends_it_and_one_person_says_it_once(state: DeploymentState) -> None:
    """As ever."""
    content = made(state)
    says(state, content, "carl")
    with pytest.raises(ProposalMovedError):
        says(state, content, "carl")
    assert says(state, content, "dora", "reject") is State.REJECTED
    with pytest.raises(ProposalMovedError):
        says(state, content, "dan")
    assert flaws(state) == []


@guarantees("P3.break_glass", "P4.two_stores")
def test_where_the_terms_have_no_glass_nobody_breaks_it(state: DeploymentState, home: Path) -> None:
    """Nothing is stored of it."""
    content = made(state, break_glass=None)
    behind = Behind(home)
    before = behind.everything()
    with pytest.raises(NoBreakGlassError):
        says(state, content, "carl")
    assert behind.everything() == before


@guarantees("P3.break_glass", "P4.two_stores")
def test_while_a_review_is_overdue_no_other_glass_is_broken(state: DeploymentState, clock: FakeClock) -> None:
    """To the microsecond; once somebody has looked at it, there is another one."""
    first, second, third = broken(state), made(state, "key-00000002"), made(state, "key-00000003")
    clock.pass_seconds(DAY_S - 1)
    assert says(state, second, "carl") is State.AWAITING_APPROVAL
    clock.pass_seconds(1)
    for who, content in (("dora", second), ("dora", third)):
        with pytest.raises(ReviewOverdueError):
            says(state, content, who)
    assert says(state, third, "anna", "approve") is State.AWAITING_APPROVAL

    state.proposals.review(a_review(first))
    assert says(state, second, "dora") is State.APPROVED
    assert [one.proposal_id for one in state.proposals.to_review()] == [second.proposal_id]
    assert [one.proposal_id for one in state.proposals.glass_broken()] == [second.proposal_id, first.proposal_id]
    assert flaws(state) == []


@guarantees("P3.break_glass", "P5.events", "P4.two_stores")
def test_of_an_overdue_review_is_told_once_and_of_one_that_was_given_never(
    state: DeploymentState, clock: FakeClock
) -> None:
    """By whichever worker looks first; what stands in the records leads to the rows."""
    late, given = broken(state), broken(state, "key-00000002")
    state.proposals.review(a_review(given))
    told = [state.proposals.escalate()]
    clock.pass_seconds(DAY_S)
    told += [state.proposals.escalate() for _ in range(2)]
    assert told == [0, 1, 0]
    types = [state.proposals.history(one.proposal_id)[-1].type for one in (late, given)]
    assert types == [REVIEW_OVERDUE, GLASS_REVIEWED]
    assert flaws(state) == []


@guarantees("P3.break_glass", "P4.two_stores")
def test_a_review_is_given_once_and_only_of_what_was_broken(state: DeploymentState) -> None:
    """Nothing is looked at twice, and nothing that people approved as always."""
    content, waiting = broken(state), made(state, "key-00000002")
    state.proposals.review(a_review(content))
    for one in (content, waiting):
        with pytest.raises(ReviewedAlreadyError):
            state.proposals.review(a_review(one))
    with pytest.raises(ProposalMovedError) as told:
        state.proposals.move(waiting.proposal_id, Step(name="break_glass", actor="worker"))
    assert told.value.facts["reason"] == "needs_decision"


@guarantees("P3.break_glass", "P3.separation", "P4.two_stores")
def test_the_quota_does_not_hold_it_up_and_separated_duties_do(state: DeploymentState, clock: FakeClock) -> None:
    """It is counted all the same: the next ordinary yes is one too many."""
    apart = (Separation(rule="apart", tools=("propose_a", "propose_b"), key="supplier", window_s=DAY_S),)
    told: dict[str, Any] = {"quota": 1, "separations": apart, "concerns": {"supplier": ["V-9"]}}
    broken(state, tool="propose_a", **told)
    clock.pass_seconds(1)
    other = made(state, "key-00000002", tool="propose_c", quota=1)
    assert says(state, other, "carl") is State.AWAITING_APPROVAL
    with pytest.raises(QuotaReachedError):
        says(state, other, "dora", "approve")
    half = made(state, "key-00000003", tool="propose_b", **told)
    with pytest.raises(DutiesSeparatedError):
        says(state, half, "carl")


@guarantees("P3.break_glass", "P10.saga", "P4.two_stores")
def test_a_saga_that_two_approved_so_begins_its_parts(state: DeploymentState, clock: FakeClock) -> None:
    """A part needs nobody's yes but those that its saga has, however they were given."""
    plain = a_saga(needed=2)
    content = replace(plain, terms=replace(plain.terms, break_glass=GLASS))
    state.proposals.create(content)
    for who in ("carl", "dora"):
        says(state, content, who)
    taken = state.proposals.take("w1", lease_s=60)
    assert taken is not None
    part = a_part(content)
    assert state.proposals.begin(waits(taken, clock), part).state is State.APPROVED
    committed(state, part.proposal_id)
    assert flaws(state) == []


@guarantees("P3.break_glass", "P4.two_stores")
@pytest.mark.parametrize(
    ("statement", "why"),
    [
        ("INSERT INTO glass VALUES ('{waiting}', '2026-03-02T06:00:00Z', '2026-03-03T06:00:00Z')", "two people"),
        ("INSERT INTO glass VALUES ('{plain}', '2026-03-02T06:00:00Z', '2026-03-03T06:00:00Z')", "two people"),
        ("UPDATE proposal SET state = 'APPROVED' WHERE proposal_id = '{waiting}'", "too few"),
        ("UPDATE proposal SET state = 'APPROVED' WHERE proposal_id = '{plain}'", "too few"),
        ("UPDATE glass SET due_at = '2027-01-01T00:00:00Z'", "stays broken"),
        ("DELETE FROM glass", "stays broken"),
        ("INSERT INTO glass_review VALUES ('{broken}', 'carl', 'justified', 's', 's', 'n', 't')", "does not review"),
        ("INSERT INTO glass_review VALUES ('{broken}', 'olaf', 'fine', 's', 's', 'n', 't')", "verdict"),
        ("UPDATE glass_review SET verdict = 'justified'", "append-only"),
        ("DELETE FROM glass_review", "append-only"),
    ],
)
def test_the_tables_themselves_hold_what_must_not_be(
    statement: str, why: str, state: DeploymentState, home: Path
) -> None:
    """Whatever code would ask for it: no glass without two, no approval without either, no word taken back."""
    done, waiting, plain = broken(state), made(state, "key-00000002"), made(state, "key-00000003", break_glass=None)
    reviewed = broken(state, "key-00000004")
    state.proposals.review(a_review(reviewed, verdict="not_justified"))
    says(state, waiting, "carl")
    ids = {"waiting": waiting.proposal_id, "plain": plain.proposal_id, "broken": done.proposal_id}
    with pytest.raises(REFUSED, match=why):
        Behind(home).run(statement.format(**ids))


@guarantees("P3.break_glass", "P4.two_stores")
def test_the_tables_let_no_two_break_a_glass_that_the_content_does_not_have(state: DeploymentState, home: Path) -> None:
    """Two rows are soon written; what people signed says whether there is a glass."""
    plain = made(state, break_glass=None)
    behind = Behind(home)
    for who in ("carl", "dora"):
        behind.run("INSERT INTO decision VALUES (?, ?, 'break_glass', 'e', 's', ?, 't')", (plain.proposal_id, who, who))
    with pytest.raises(REFUSED, match="two people"):
        behind.run("INSERT INTO glass VALUES (?, '2026-03-02T06:00:00Z', '2026-03-03T06:00:00Z')", (plain.proposal_id,))


@guarantees("P3.break_glass", "P4.two_stores")
@pytest.mark.parametrize(
    ("statement", "told"),
    [
        ("DELETE FROM glass WHERE proposal_id = '{open}'", "row_missing glass {open}"),
        ("UPDATE glass SET due_at = '2027-01-01T00:00:00Z' WHERE proposal_id = '{open}'", "row_changed glass {open}"),
        ("INSERT INTO glass VALUES ('{plain}', 'a', 'b')", "unrecorded glass {plain}"),
        ("DELETE FROM glass_review", "row_missing review {reviewed}"),
        ("UPDATE glass_review SET verdict = 'justified'", "row_changed review {reviewed}"),
        (
            "INSERT INTO glass_review VALUES ('{open}', 'olaf', 'justified', 's', 's', 'n', 't')",
            "unrecorded review {open}",
        ),
        ("UPDATE decision SET decision = 'approve' WHERE approver_id = 'dora'", "row_changed decision {open} dora"),
    ],
)
def test_verification_finds_a_glass_without_its_review_row_and_a_review_without_its_glass(
    statement: str, told: str, state: DeploymentState, home: Path
) -> None:
    """Whoever owns the database can write such rows, and is found."""
    content, plain = broken(state), made(state, "key-00000002")
    reviewed = broken(state, "key-00000003")
    state.proposals.review(a_review(reviewed, verdict="not_justified"))
    ids = {"open": content.proposal_id, "plain": plain.proposal_id, "reviewed": reviewed.proposal_id}
    assert flaws(state) == []
    Behind(home).forge(statement.format(**ids))
    assert told.format(**ids) in flaws(state)
