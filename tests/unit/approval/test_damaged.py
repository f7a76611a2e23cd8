"""What two signed in an emergency stands in their words, whatever became of the row; another one closes its review."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from erp_mcp.approval import review
from erp_mcp.approval.damaged import Standing, askers, names_digest, objection_to, refusal_of, signed_digest
from erp_mcp.approval.review import Review
from erp_mcp.domain.proposal import SignedDecision, SignedReview
from tests.guarantees import guarantees
from tests.unit.approval.people import BOB, DEPLOYMENT, EVE, Person, at, decided, registry_entry, signed, trusted, words
from tests.unit.approval.test_break_glass import CARL, DORA, OLAF, OLGA, PEOPLE, STORED, by_glass

ID = STORED.content.proposal_id
TWO = (by_glass(CARL), by_glass(DORA))
STANDING = Standing(
    deployment=DEPLOYMENT,
    proposal_id=ID,
    digest=STORED.digest,
    broken_by=("carl", "dora"),
    reviewers=("olaf", "carl", "olga"),
    asked=askers("planner", "olga"),
)
BROKE = tuple(registry_entry(one) for one in (CARL, DORA))


def digest_of(*decisions: SignedDecision, known: dict[str, Any] = PEOPLE, proposal_id: str = ID) -> str:
    return signed_digest(decisions, known, DEPLOYMENT, proposal_id)


@guarantees("P3.break_glass", "P3.signed")
def test_the_digest_is_the_one_that_two_different_people_signed() -> None:
    """An ordinary yes beside them, by whomever, is no matter of it."""
    assert digest_of(*TWO) == STORED.digest
    assert digest_of(decided(STORED, BOB), *TWO) == STORED.digest
    assert digest_of(*TWO, by_glass(BOB)) == STORED.digest
    assert names_digest([*TWO, decided(STORED, BOB)], STORED.digest)


FORGED: dict[str, tuple[SignedDecision, ...]] = {
    "only one": TWO[:1],
    "none": (),
    "two ordinary ones": (decided(STORED, CARL), decided(STORED, DORA)),
    "another digest in one": (TWO[0], by_glass(DORA, digest="f" * 64)),
    "a third one with another digest": (*TWO, by_glass(BOB, digest="f" * 64)),
    "a changed envelope": (TWO[0], replace(TWO[1], envelope=TWO[1].envelope.replace(STORED.digest, "f" * 64))),
    "both envelopes changed": tuple(
        replace(one, envelope=one.envelope.replace(STORED.digest, "f" * 64)) for one in TWO
    ),
    "no envelope": (TWO[0], replace(TWO[1], envelope="{}")),
    "another's signature": (TWO[0], replace(TWO[1], signature=TWO[0].signature)),
    "signed by somebody else": (TWO[0], signed(replace(words(STORED, DORA, decision="break_glass")), EVE)),
    "somebody not enrolled": (TWO[0], by_glass(Person(id="mallory"))),
    "about another proposal": (TWO[0], by_glass(DORA, proposal_id="prp_00000000000x")),
    "of another deployment": (TWO[0], by_glass(DORA, deployment="elsewhere")),
    "in another meaning": (TWO[0], by_glass(DORA, meaning="I approve that exactly this is written.")),
    "by a key held open": (TWO[0], by_glass(DORA, method="session")),
    "under another name": (TWO[0], by_glass(DORA, approver_name="Somebody Else")),
    "with another key in it": (TWO[0], by_glass(DORA, public_key=EVE.public)),
    "a row of another person": (TWO[0], replace(TWO[1], approver_id="bob")),
    "a row of another moment": (TWO[0], replace(TWO[1], decided_at=at(minutes=-9))),
    "a row with another number": (TWO[0], replace(TWO[1], nonce="0" * 64)),
    "a row of another proposal": (TWO[0], replace(TWO[1], proposal_id="prp_00000000000x")),
}


@guarantees("P3.break_glass", "P3.signed")
@pytest.mark.parametrize("decisions", FORGED.values(), ids=FORGED)
def test_where_their_words_are_not_in_order_there_is_none(decisions: tuple[SignedDecision, ...]) -> None:
    """Then nobody knows what the glass was broken for, and no review of it is closed."""
    assert digest_of(*decisions) == ""


@guarantees("P3.break_glass", "P3.signed")
def test_two_names_of_one_person_are_no_two_people() -> None:
    """As with any other yes."""
    twin = Person(id="dora2", name="Carl Chief")
    assert digest_of(TWO[0], by_glass(twin), known=trusted(CARL, DORA, twin)) == ""


@guarantees("P3.break_glass")
def test_a_content_that_one_of_them_did_not_sign_is_not_what_they_signed() -> None:
    """Also where its row is whole in itself, or their words can't be read."""
    assert not names_digest(TWO, "f" * 64)
    assert not names_digest([TWO[0], by_glass(DORA, digest="f" * 64)], STORED.digest)
    assert not names_digest([TWO[0], replace(TWO[1], envelope="{}")], STORED.digest)


@guarantees("P3.break_glass", "P3.requesters")
@pytest.mark.parametrize(
    ("who", "changed", "objection"),
    [
        (OLAF, {}, ""),
        (EVE, {}, "not_reviewer"),
        (CARL, {}, "broke_it"),
        (Person(id="olaf", name="Dora  DUTY"), {}, "broke_it"),
        (OLGA, {}, "requester"),
        (OLAF, {"digest": ""}, "unknown"),
        (OLAF, {"asked": frozenset()}, "unknown"),
        (OLAF, {"reviewers": ()}, "not_reviewer"),
        (OLAF, {"reviewers": ("olaf",), "broken_by": ("dora", "olaf")}, "broke_it"),
    ],
)  # fmt: skip
def test_only_whom_the_policy_of_today_names_closes_it_and_none_of_the_two_nor_who_asked(
    who: Person, changed: dict[str, Any], objection: str
) -> None:
    """Where it is not known what it was or who asked for it, nobody does."""
    assert objection_to(replace(STANDING, **changed), registry_entry(who), BROKE) == objection


def closed(by: Person = OLAF, *, row: dict[str, Any] | None = None, **changed: Any) -> SignedReview:
    """Return what a reviewer signed in the place of a review."""
    told: dict[str, Any] = {
        "deployment": DEPLOYMENT, "proposal_id": ID, "digest": STORED.digest, "broken_by": ("carl", "dora"),
        "verdict": "not_justified", "meaning": review.DAMAGED, "reason": "Its row was changed; I asked both of them.",
        "approver_id": by.id, "approver_name": by.name, "public_key": by.public, "reviewed_at": at(minutes=-1),
        "nonce": "c" * 32, **changed,
    }  # fmt: skip
    text, message = review.message(Review(**told))
    stored = SignedReview(
        proposal_id=ID,
        approver_id=told["approver_id"],
        verdict=told["verdict"],
        statement=text,
        signature=by.sign(message),
        nonce=told["nonce"],
        reviewed_at=told["reviewed_at"],
    )
    return replace(stored, **row or {})


@guarantees("P3.break_glass", "P3.signed")
@pytest.mark.parametrize(
    ("stored", "flaw"),
    [
        (closed(), ""),
        (closed(digest="f" * 64), "envelope"),
        (closed(verdict="justified"), "envelope"),
        (closed(verdict="justified", meaning=review.meaning_of("justified")), "envelope"),
        (closed(meaning=review.meaning_of("not_justified")), "envelope"),
        (closed(broken_by=("carl",)), "envelope"),
        (closed(row={"verdict": "justified"}), "envelope"),
        (closed(row={"signature": "e" * 128}), "signature"),
        (closed(approver_name="Olga Owner"), "not_enrolled"),
        (closed(public_key=EVE.public), "not_enrolled"),
        (closed(EVE), "not_reviewer"),
        (closed(CARL), "broke_it"),
        (closed(OLGA), "requester"),
    ],
)  # fmt: skip
def test_what_closes_a_review_counts_only_as_it_was_signed(stored: SignedReview, flaw: str) -> None:
    """About the digest that the two signed, as `not_justified`, by somebody who may."""
    assert refusal_of(STANDING, stored, PEOPLE, BROKE) == flaw


@guarantees("P3.break_glass")
def test_once_the_row_is_right_again_what_closed_its_review_still_counts() -> None:
    """It was true when it was said, and is about the same content."""
    asked = askers("planner", "olga")
    found = review.refusal_of(STORED, closed(), PEOPLE, asked, broken_by=("dora", "carl"))
    justified = closed(verdict="justified")
    assert found == ""
    assert review.refusal_of(STORED, justified, PEOPLE, asked, broken_by=("carl", "dora")) == "envelope"
