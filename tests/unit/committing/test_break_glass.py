"""The worker looks at what two people approved in an emergency: at their words, and at all that holds as ever."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from erp_mcp.domain.decision import BreakGlass, Separation
from erp_mcp.domain.instants import exact_instant
from erp_mcp.domain.proposal import Content, SignedDecision
from tests.guarantees import guarantees
from tests.systems.postgresql.server import running
from tests.unit.approval import people
from tests.unit.approval.people import EVE, ROOT, Person
from tests.unit.approval.test_break_glass import CARL, DORA, WHY
from tests.unit.committing.erp import change_line
from tests.unit.committing.office import CREATE, TERMS, UPDATE, Office
from tests.unit.committing.test_checked_again import latest
from tests.unit.store.state.stores import schema_on

GLASS = BreakGlass(people=("carl", "dora"), review_by=("olaf",), review_s=3600)
WITH = replace(TERMS, needed=2, break_glass=GLASS)


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    """An office whose policy lets Carl and Dora break the glass."""
    yield from furnished(tmp_path)


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.live)])
def anywhere(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Office]:
    """The same, on each store."""
    if request.param == "sqlite":
        yield from furnished(tmp_path)
        return
    name = f"glass_{os.getpid()}"
    with running(tmp_path / "postgresql") as rig:
        schema_on(rig, name).describe(tmp_path / "state")
        yield from furnished(tmp_path)
        with rig.admin() as admin:
            admin.execute(f"DROP DATABASE {name} WITH (FORCE)")
            admin.execute(f"DROP ROLE {name}")


def furnished(folder: Path) -> Iterator[Office]:
    one = Office.furnished(folder)
    for person in (CARL, DORA):
        one.state.approvers.enrol(people.enrolled(person, ROOT))
    one.policy = glassy(one.policy)
    one.apply()
    yield one
    one.close()


def glassy(policy: Any, glass: BreakGlass | None = GLASS) -> Any:
    found = latest(policy)
    approval = {**found["approvals"][0], "needed": 2}
    approval.pop("break_glass", None)
    if glass is not None:
        approval["break_glass"] = {
            "people": [*glass.people],
            "review_by": [*glass.review_by],
            "review_s": glass.review_s,
        }
    return {**found, "approvals": [approval]}


def word(office: Office, content: Content, person: Person, **changed: str) -> SignedDecision:
    stored = office.state.proposals.get(content.proposal_id)
    said = replace(people.words(stored, person, decision="break_glass"), comment=WHY)
    said = replace(said, decided_at=exact_instant(office.clock.wall()))
    return people.signed(replace(said, **changed), person)  # type: ignore[arg-type]


def broken(office: Office, terms: Any = WITH) -> Content:
    content = office.propose(terms=terms)
    for person in (CARL, DORA):
        office.state.proposals.decide(word(office, content, person))
    return content


async def ends(office: Office, content: Content) -> tuple[str, str, int]:
    await office.work_off()
    return (*office.stand(content), office.effects(content))


@guarantees("P3.break_glass", "P4.one_effect", "P4.two_stores")
async def test_what_two_approved_in_an_emergency_is_written_once_and_what_one_did_is_not(anywhere: Office) -> None:
    """In the place of two others whom policy names."""
    content, other = broken(anywhere), anywhere.propose(number=2, terms=WITH)
    anywhere.state.proposals.decide(word(anywhere, other, CARL))
    assert await ends(anywhere, content) == ("COMMITTED", "", 1)
    assert (*anywhere.stand(other), anywhere.effects(other)) == ("AWAITING_APPROVAL", "", 0)
    assert anywhere.flaws() == []


@guarantees("P3.break_glass", "P3.signed")
@pytest.mark.parametrize(
    ("forged", "reason"),
    [
        ({"comment": "because"}, "approval_no_reason"),
        ({"method": "session"}, "approval_envelope"),
        ({"meaning": "I approve."}, "approval_envelope"),
    ],
)
async def test_words_that_our_own_commands_would_not_have_signed_write_nothing(
    office: Office, forged: dict[str, str], reason: str
) -> None:
    """The store takes what it is given; the worker reads it."""
    content = office.propose(terms=WITH)
    office.state.proposals.decide(word(office, content, CARL))
    office.state.proposals.decide(word(office, content, DORA, **forged))
    assert await ends(office, content) == ("NEEDS_HUMAN", reason, 0)


@guarantees("P3.break_glass", "P3.signed", "P3.enrolled")
@pytest.mark.parametrize(
    "who",
    ["eve", pytest.param("stranger", marks=pytest.mark.bends_log("a yes of who was never enrolled")), "owner"],
)
async def test_a_yes_of_who_is_not_named_not_enrolled_or_asked_for_it_writes_nothing(office: Office, who: str) -> None:
    """Whatever row stands there."""
    owner = Person(id="olga", name="Olga Owner")
    office.state.approvers.enrol(people.enrolled(owner, ROOT))
    second = {"eve": EVE, "stranger": Person(id="zed", name="Zed"), "owner": owner}[who]
    content = office.propose(terms=replace(WITH, break_glass=replace(GLASS, people=("carl", "dora", "olga", "zed"))))
    office.state.proposals.decide(word(office, content, CARL))
    office.state.proposals.decide(word(office, content, second))
    reason = {"eve": "not_named", "stranger": "not_enrolled", "owner": "requester"}[who]
    assert await ends(office, content) == ("NEEDS_HUMAN", f"approval_{reason}", 0)


@guarantees("P3.break_glass", "P3.signed")
@pytest.mark.bends_log("a decision that nobody made")
async def test_a_row_forged_beside_a_true_one_writes_nothing(office: Office) -> None:
    """Whoever owns the database writes a second yes, and where the proposal stands."""
    content = office.propose(terms=WITH)
    true = word(office, content, CARL)
    office.state.proposals.decide(true)
    office.alter(
        "INSERT INTO decision SELECT proposal_id, 'dora', decision, replace(envelope, 'carl', 'dora'), signature, 'n',"
        " decided_at FROM decision WHERE proposal_id = ?",
        content.proposal_id,
    )
    office.alter("INSERT INTO glass VALUES (?, '2026-03-16T08:00:00Z', '2026-03-16T09:00:00Z')", content.proposal_id)
    office.alter("UPDATE proposal SET state = 'APPROVED' WHERE proposal_id = ?", content.proposal_id)
    stood = await ends(office, content)
    assert (stood[0], stood[2]) == ("NEEDS_HUMAN", 0)
    assert stood[1] in {"approval_envelope", "approval_not_enrolled", "approval_signature"}


@guarantees("P3.break_glass")
@pytest.mark.bends_log("the row of a review that is due is taken away")
async def test_without_the_row_that_asks_for_a_review_nothing_is_written(office: Office) -> None:
    """Whoever takes it out to be looked at by nobody has nothing written."""
    content = broken(office)
    office.alter("DELETE FROM glass WHERE proposal_id = ?", content.proposal_id)
    assert await ends(office, content) == ("NEEDS_HUMAN", "approval_review_missing", 0)


@guarantees("P3.break_glass", "P3.not_stricter")
@pytest.mark.parametrize(
    ("now", "reason"),
    [
        (None, "break_glass_withdrawn"),
        (replace(GLASS, people=("carl", "eve")), "approver_withdrawn"),
        (replace(GLASS, review_by=("bob",), review_s=7200), ""),
    ],
)
async def test_a_policy_that_takes_the_glass_away_holds_it(office: Office, now: BreakGlass | None, reason: str) -> None:
    """What policy asks of others, and how it is reviewed, holds nothing back."""
    content = broken(office)
    office.policy = glassy(office.policy, now)
    office.apply()
    expected = ("DENIED", "terms_stricter", 0) if reason else ("COMMITTED", "", 1)
    assert await ends(office, content) == expected
    if reason:
        leaf = office.state.audit.read(limit=1000)[-1].leaf.decode()
        assert f'"terms":"{reason}"' in leaf


@guarantees("P3.break_glass", "P4.stale")
async def test_a_changed_record_holds_it(office: Office) -> None:
    """It takes the place of who must say yes, and of nothing else."""
    content = broken(office)
    change_line(office.erp_path)
    assert await ends(office, content) == ("STALE", "record_changed", 0)


@guarantees("P3.break_glass", "P3.separation")
async def test_separated_duties_hold_it_and_a_quota_does_not(office: Office) -> None:
    """Of two that one person signed at once, the worker finds what the store could not see yet."""
    apart = (Separation(rule="apart", tools=(UPDATE, CREATE), key="supplier", window_s=3600),)
    half = office.propose(terms=replace(WITH, separations=apart))
    other = office.propose(CREATE, number=2, terms=replace(WITH, quota=1))
    now = office.clock.wall()
    for content, minutes in ((half, 2), (other, 1)):
        at = exact_instant(now + timedelta(minutes=minutes))
        office.state.proposals.decide(word(office, content, CARL, decided_at=at))
    for content in (half, other):
        office.state.proposals.decide(word(office, content, DORA))
    assert await ends(office, half) == ("NEEDS_HUMAN", "approval_separated", 0)
    assert (*office.stand(other), office.effects(other)) == ("COMMITTED", "", 1)
