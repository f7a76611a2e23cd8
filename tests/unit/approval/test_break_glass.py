"""In an emergency two people whom policy names for it say yes in the place of others; nothing else is let go for it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields, replace
from typing import Any

import pytest

from erp_mcp.approval import envelope, review
from erp_mcp.approval.check import refusal_of
from erp_mcp.approval.requesters import requesters
from erp_mcp.approval.review import Review
from erp_mcp.domain.approver import SignIn
from erp_mcp.domain.decision import BreakGlass, Terms
from erp_mcp.domain.proposal import Proposal, SignedDecision, SignedReview
from tests.guarantees import guarantees
from tests.unit.approval import test_oidc
from tests.unit.approval.people import (
    BOB,
    DEPLOYMENT,
    EVE,
    NOW,
    ROOT,
    Person,
    at,
    content,
    decided,
    proposal,
    registry_entry,
    signed,
    trusted,
    words,
)

CARL = Person(id="carl", name="Carl Chief")
DORA = Person(id="dora", name="Dora Duty")
OLAF = Person(id="olaf", name="Olaf Auditor")
OLGA = Person(id="olga", name="Olga Owner")
WHY = "The line stands still and nobody of the buyers answers."
GLASS = BreakGlass(people=("carl", "dora", "bob", "olga"), review_by=("olaf", "carl"), review_s=86400)
TERMS = Terms(rule="buyers", approvers=("bob", "eve"), needed=2, self_approval=True, valid_s=14400, break_glass=GLASS)
STORED = proposal(content(terms=TERMS))
PEOPLE = trusted(BOB, EVE, CARL, DORA, OLAF, OLGA)


def by_glass(person: Person, of: Proposal = STORED, **changed: Any) -> SignedDecision:
    """Return a yes in an emergency, in words of which some are others."""
    said = replace(words(of, person, decision="break_glass"), comment=WHY)
    return signed(replace(said, **changed), person)


def refusal(*decisions: SignedDecision, of: Proposal = STORED) -> str:
    return refusal_of(of, decisions, PEOPLE, requesters(of.content, [], NOW), NOW)


@guarantees("P3.break_glass")
def test_two_whom_policy_names_for_it_are_enough() -> None:
    """Whoever waits in vain for others finds two people who answer for it."""
    assert refusal(by_glass(CARL), by_glass(DORA)) == ""
    assert refusal(by_glass(CARL), by_glass(BOB)) == ""  # whom the terms name anyway
    assert refusal(decided(STORED, EVE), by_glass(CARL), by_glass(DORA)) == ""


@guarantees("P3.break_glass", "P3.enough_people")
@pytest.mark.parametrize(
    ("decisions", "reason"),
    [
        ([by_glass(CARL)], "too_few"),
        ([by_glass(CARL), by_glass(CARL)], "too_few"),
        ([by_glass(CARL), decided(STORED, BOB)], "too_few"),
        ([by_glass(BOB), decided(STORED, EVE)], "too_few"),
        ([by_glass(CARL), by_glass(EVE)], "not_named"),
        ([by_glass(CARL), by_glass(OLAF)], "not_named"),
        ([by_glass(CARL), by_glass(OLGA)], "requester"),
        ([by_glass(CARL), by_glass(DORA), decided(STORED, BOB, decision="reject")], "rejected"),
        ([by_glass(CARL), decided(STORED, DORA)], "not_named"),
    ],
)
def test_one_alone_the_same_one_twice_others_and_who_asked_are_not_enough(
    decisions: Sequence[SignedDecision], reason: str
) -> None:
    """An ordinary yes adds nothing to it, and one no ends it; the owner counts for nothing, whatever the terms say."""
    assert refusal(*decisions) == reason


@guarantees("P3.break_glass")
def test_two_who_may_be_one_person_are_one() -> None:
    """Their names are all that tells them apart."""
    twin = Person(id="dora", name="CARL  chief")
    people = {**PEOPLE, "dora": registry_entry(twin)}
    decisions = [by_glass(CARL), by_glass(twin)]
    assert refusal_of(STORED, decisions, people, requesters(STORED.content, [], NOW), NOW) == "too_few"


@guarantees("P3.break_glass")
@pytest.mark.parametrize("glass", [None, replace(GLASS, people=("carl", "eve"))])
def test_without_the_leave_of_the_terms_that_were_signed_nobody_breaks_it(glass: BreakGlass | None) -> None:
    """What a policy says later, or said before, is not what this one was proposed under."""
    other = proposal(content(terms=replace(TERMS, break_glass=glass)))
    decisions = (by_glass(CARL, other), by_glass(DORA, other))
    assert refusal(*decisions, of=other) == ("not_named" if glass else "no_break_glass")


@guarantees("P3.break_glass", "P3.signed")
@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"comment": ""}, "no_reason"),
        ({"comment": "x" * (envelope.MIN_REASON - 1)}, "no_reason"),
        ({"comment": " " * 40 + "urgent"}, "no_reason"),
        ({"method": "session"}, "envelope"),
        ({"meaning": envelope.meaning_of("approve", by_self_approval=False)}, "envelope"),
        ({"decision": "approve"}, "envelope"),
        ({"decided_at": at(hours=4)}, "decided_after_expiry"),
    ],
)
def test_words_without_a_reason_of_another_meaning_or_from_a_session_count_for_nothing(
    changed: dict[str, str], reason: str
) -> None:
    """Each answers for this very decision, and says why."""
    assert refusal(by_glass(DORA), by_glass(CARL, STORED, **changed)) == reason


@guarantees("P3.break_glass", "P3.signed")
def test_a_row_that_calls_an_ordinary_yes_one_by_break_glass_or_the_other_way_round_is_found() -> None:
    """Whoever writes into the database makes nothing of what was signed for something else."""
    plain = replace(decided(STORED, BOB), decision="break_glass")
    glass = replace(by_glass(CARL), decision="approve")
    for forged in (plain, glass):
        assert refusal(by_glass(DORA), forged) == "envelope"
    unsigned = replace(by_glass(CARL), signature=by_glass(DORA).signature)
    assert refusal(by_glass(DORA), unsigned) == "signature"


# --- the review afterwards --------------------------------------------------------------------------------------------


def reviewed(person: Person = OLAF, **changed: object) -> SignedReview:
    """Return a stored review in words of which some are others."""
    said = Review(
        deployment=DEPLOYMENT,
        proposal_id=STORED.content.proposal_id,
        digest=STORED.digest,
        broken_by=("bob", "carl"),
        verdict="justified",
        meaning=review.meaning_of("justified"),
        reason="I have asked both of them.",
        approver_id=person.id,
        approver_name=person.name,
        public_key=person.public,
        reviewed_at=at(minutes=-1),
        nonce="n" * 32,
    )
    said = replace(said, **changed)  # type: ignore[arg-type]
    text, message = review.message(said)
    return SignedReview(
        proposal_id=said.proposal_id,
        approver_id=said.approver_id,
        verdict=said.verdict,
        statement=text,
        signature=person.sign(message),
        nonce=said.nonce,
        reviewed_at=said.reviewed_at,
    )


def review_refusal(stored: SignedReview, of: Proposal = STORED) -> str:
    return review.refusal_of(of, stored, PEOPLE, requesters(of.content, [], NOW), broken_by=("carl", "bob"))


@guarantees("P3.break_glass", "P3.signed")
@pytest.mark.parametrize(
    ("stored", "reason"),
    [
        (reviewed(), ""),
        (reviewed(verdict="not_justified", meaning=review.meaning_of("not_justified")), ""),
        (reviewed(verdict="not_justified"), "envelope"),
        (reviewed(digest="0" * 64), "envelope"),
        (reviewed(deployment="other"), "envelope"),
        (reviewed(broken_by=("bob",)), "envelope"),
        (reviewed(broken_by=("bob", "dora")), "envelope"),
        (replace(reviewed(), verdict="not_justified"), "envelope"),
        (replace(reviewed(), nonce="m" * 32), "envelope"),
        (replace(reviewed(), signature="0" * 128), "signature"),
        (reviewed(approver_name="Olaf"), "not_enrolled"),
        (reviewed(public_key=BOB.public), "not_enrolled"),
        (reviewed(CARL), "broke_it"),
        (reviewed(EVE), "not_reviewer"),
        (reviewed(ROOT), "not_reviewer"),
    ],
)
def test_a_review_counts_with_the_signature_of_a_reviewer_who_is_none_of_the_two(
    stored: SignedReview, reason: str
) -> None:
    """Over the very decision, and over who made it."""
    assert review_refusal(stored) == reason


@guarantees("P3.break_glass")
def test_whom_policy_names_by_now_reviews_it_as_well_and_one_of_the_two_never() -> None:
    """Else one whose reviewers have left would keep the glass shut for good."""
    asked = requesters(STORED.content, [], NOW)
    for person, reason in ((EVE, ""), (BOB, "broke_it"), (DORA, "not_reviewer")):
        stored, also = reviewed(person), ("eve", "bob")
        assert review.refusal_of(STORED, stored, PEOPLE, asked, broken_by=("carl", "bob"), also=also) == reason


@guarantees("P3.break_glass", "P3.requesters")
def test_the_agents_owner_does_not_review_what_was_written_for_them() -> None:
    """Not even where policy names them."""
    terms = replace(TERMS, break_glass=replace(GLASS, review_by=("olga",)))
    asked = replace(STORED, content=content(terms=terms))
    asked = replace(asked, digest=envelope.digest(asked.content))
    assert review_refusal(reviewed(OLGA, digest=asked.digest), asked) == "requester"


@guarantees("P3.signed")
def test_a_review_is_no_decision_and_no_decision_a_review() -> None:
    """What is signed says what kind of words it is."""
    assert envelope.opened(reviewed().statement) is None
    assert review.opened(by_glass(CARL).envelope) is None
    assert isinstance(envelope.opened(by_glass(CARL).envelope), tuple)


# --- people whom a provider knows -------------------------------------------------------------------------------------

OF_CLEO = replace(GLASS, people=("bob", "cleo"), review_by=("cleo", "olaf"))


def cleos(glass: BreakGlass = OF_CLEO) -> Proposal:
    return proposal(content(terms=replace(TERMS, break_glass=glass)))


@guarantees("P3.break_glass", "P3.page_accounts")
@pytest.mark.parametrize(
    ("known", "reason"),
    [
        (test_oidc.KNOWN, ""),
        (replace(test_oidc.KNOWN, asked_for=""), "envelope"),
        (replace(test_oidc.KNOWN, asked_for="prp_000000000002"), "envelope"),
        (replace(test_oidc.KNOWN, authenticated_at=at(minutes=-17)), "envelope"),
    ],
)
def test_at_a_provider_it_takes_a_sign_in_for_this_very_decision(known: SignIn, reason: str) -> None:
    """Also for a change for which a sign-in of the day is enough else."""
    of = cleos()
    said = test_oidc.words(
        of,
        decision="break_glass",
        meaning=envelope.meaning_of("break_glass", by_self_approval=False),
        comment=WHY,
        sign_in=known,
    )
    decisions = [signed(said, test_oidc.PAGE), by_glass(BOB, of)]
    assert refusal_of(of, decisions, test_oidc.trusted(), frozenset(), NOW) == reason


@guarantees("P3.break_glass", "P3.page_accounts")
@pytest.mark.parametrize(
    ("known", "reason"), [(test_oidc.KNOWN, ""), (replace(test_oidc.KNOWN, asked_for=""), "envelope")]
)
def test_a_review_at_a_provider_takes_a_sign_in_for_it(known: SignIn, reason: str) -> None:
    """As each word that ends something."""
    of = cleos()
    plain = review.Review(
        deployment=DEPLOYMENT,
        proposal_id=of.content.proposal_id,
        digest=of.digest,
        broken_by=("bob", "carl"),
        verdict="justified",
        meaning=review.meaning_of("justified"),
        reason="I have asked both of them.",
        approver_id="cleo",
        approver_name="cleo",
        public_key=test_oidc.PAGE.public,
        reviewed_at=at(minutes=-10),
        nonce="n" * 32,
    )
    told = {one.name: getattr(plain, one.name) for one in fields(plain)}
    text, message = review.message(review.OidcReview(**told, sign_in=known))
    stored = SignedReview(
        proposal_id=plain.proposal_id,
        approver_id="cleo",
        verdict="justified",
        statement=text,
        signature=test_oidc.PAGE.sign(message),
        nonce=plain.nonce,
        reviewed_at=plain.reviewed_at,
    )
    assert review.refusal_of(of, stored, test_oidc.trusted(), frozenset(), broken_by=("bob", "carl")) == reason
