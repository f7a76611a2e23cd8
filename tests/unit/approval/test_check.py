"""Approved means: enough enrolled people signed exactly this, and none of them had asked for it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from erp_mcp.approval import envelope
from erp_mcp.approval.check import refusal_of
from erp_mcp.approval.envelope import Envelope
from erp_mcp.approval.requesters import requesters
from erp_mcp.domain.approver import Enrolment
from erp_mcp.domain.decision import Terms
from erp_mcp.domain.forms import from_json, to_json
from erp_mcp.domain.proposal import Content, Proposal, SignedDecision
from tests.guarantees import guarantees
from tests.unit.approval.people import (
    BOB,
    EVE,
    NOW,
    RICH,
    ROOT,
    at,
    content,
    decided,
    proposal,
    signed,
    trusted,
    words,
)

ANY_TWO = Terms(rule="two", approvers=(), needed=2, self_approval=False, valid_s=3600)
SELF = Terms(rule="small", approvers=(), needed=1, self_approval=True, valid_s=3600)


def refusal(
    of: Proposal,
    *decisions: SignedDecision,
    known: dict[str, Enrolment] | None = None,
    asked: frozenset[str] | None = None,
) -> str:
    people = trusted(BOB, EVE) if known is None else known
    return refusal_of(of, decisions, people, requesters(of.content, [], NOW) if asked is None else asked, NOW)


OTHER_WORD = {
    "W2": "W1",
    "flag": "ok",
    "approve": "reject",
    "passphrase": "passphrases",
    "supplier": "site",
}  # of closed lists
Path = tuple[str | int, ...]


def leaves(value: Any, path: Path = ()) -> Iterator[Path]:
    """Yield the path of every value that holds no others, and of every empty holder."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    found = list(inner)
    if not found:
        yield path
    for key, item in found:
        yield from leaves(item, (*path, key))


def altered(value: Any, path: Path) -> Any:
    """Return a copy with one leaf changed: another word, the next number, the other truth."""
    if path:
        key, rest = path[0], path[1:]
        copy: Any = dict(value) if isinstance(value, dict) else list(value)
        copy[key] = altered(copy[key], rest)
        return copy
    if isinstance(value, bool):
        return not value
    if isinstance(value, int):
        return value + 1
    if isinstance(value, str) and value in OTHER_WORD:
        return OTHER_WORD[value]
    if isinstance(value, str):
        return value[:-1] + ("x" if not value.endswith("x") else "y") if value else "x"
    return {"x": "y"} if isinstance(value, dict) else ["x"]


CONTENT_LEAVES = sorted(leaves(to_json(content(terms=RICH))), key=str)
ENVELOPE_LEAVES = sorted(leaves(to_json(words(proposal(), BOB))), key=str)
ROW = ["proposal_id", "approver_id", "decision", "envelope", "signature", "nonce", "decided_at"]


@guarantees("P3.binding")
def test_an_approved_proposal_counts_as_approved() -> None:
    """The measure for everything below."""
    rich = proposal(content(terms=RICH))

    assert refusal(proposal(), decided(proposal(), BOB)) == ""
    assert refusal(rich, decided(rich, BOB)) == ""


@guarantees("P3.binding")
@pytest.mark.parametrize("path", CONTENT_LEAVES, ids=str)
def test_a_change_of_any_field_of_the_content_is_found_also_with_a_new_digest(path: Path) -> None:
    """Payload, preview, tool, record's version, terms, evidence, people, times: whatever was shown or counted."""
    stored = proposal(content(terms=RICH))
    decision = decided(stored, BOB)
    what = from_json(Content, altered(to_json(stored.content), path))

    assert refusal(replace(stored, content=what), decision) != ""
    assert refusal(replace(stored, content=what, digest=envelope.digest(what)), decision) != ""


@guarantees("P3.binding", "P10.survives")
def test_what_was_proposed_before_there_was_a_glass_to_break_has_the_digest_that_it_had() -> None:
    """What terms got later does not stand in what people signed before."""
    assert envelope.digest(content()) == "e3e4917c8d0a857a91ea6edf01ff879e0aa2fd53d31b5ad2e7a08b60f39e79f8"


@guarantees("P3.binding")
def test_the_stored_digest_is_never_believed() -> None:
    """It is worked out again from the content."""
    assert refusal(replace(proposal(), digest="0" * 64), decided(proposal(), BOB)) == "digest"


@guarantees("P3.binding")
@pytest.mark.parametrize("path", ENVELOPE_LEAVES, ids=str)
def test_a_change_of_any_word_that_was_signed_is_found(path: Path) -> None:
    """Also where the row beside it is changed to say the same."""
    decision = decided(proposal(), BOB)
    changed = altered(json.loads(decision.envelope), path)
    text = json.dumps(changed, sort_keys=True, separators=(",", ":"))
    row: dict[str, Any] = {name: changed[name] for name in ("proposal_id", "approver_id", "nonce", "decided_at")}

    assert refusal(proposal(), replace(decision, envelope=text)) != ""
    assert refusal(proposal(), replace(decision, envelope=text, **row)) != ""


@guarantees("P3.binding")
@pytest.mark.parametrize("field", ROW)
def test_a_change_of_any_column_of_a_decision_is_found(field: str) -> None:
    """The columns stand in the words as well."""
    decision = decided(proposal(), BOB)
    value: Any = altered(getattr(decision, field), ())

    assert refusal(proposal(), replace(decision, **{field: value})) != ""


@guarantees("P3.binding")
@pytest.mark.parametrize("field", ["deployment", "approver_id", "name", "public_key"])
def test_an_enrolment_that_is_another_one_now_does_not_carry_the_decision(field: str) -> None:
    """Whoever decided must be who is enrolled: by id, name and key."""
    bob = trusted(BOB)["bob"]
    other = replace(bob, **{field: altered(getattr(bob, field), ())})

    assert refusal(proposal(), decided(proposal(), BOB), known={other.approver_id: other}) == "not_enrolled"


@guarantees("P3.binding")
def test_a_decision_about_one_proposal_is_none_about_another() -> None:
    """Approve A, execute B: by id, by row, by envelope, and with the same payload."""
    first = proposal()
    second = proposal(content(proposal_id="prp_000000000002"))
    of_first = decided(first, BOB)

    assert refusal(second, of_first) == "envelope"
    assert refusal(second, replace(of_first, proposal_id="prp_000000000002")) == "envelope"
    swapped = replace(first, content=second.content)
    assert refusal(swapped, of_first) == "digest"
    assert refusal(replace(swapped, digest=second.digest), of_first) == "envelope"


@guarantees("P3.signed")
@pytest.mark.parametrize(
    "spoil",
    [
        lambda text: text.replace(",", ", "),
        lambda text: "{" + ",".join(reversed(text[1:-1].split('","'))) + "}",
        lambda text: text[:-1] + ',"comment":"x"}',
        lambda text: text + " ",
        lambda text: text[:-1] + ',"more":"x"}',
        lambda text: text[: len(text) // 2],
        lambda _: "[" * 50_000,
        lambda _: "",
        lambda _: "null",
        lambda text: text.replace('"comment":""', '"comment":"\\ud800"'),
        lambda _: "x" * 1_000_000,
    ],
)
def test_words_in_any_form_but_the_canonical_one_are_no_decision(spoil: Any) -> None:
    """Other order, spaces, doubled keys, a cut, a bomb."""
    decision = decided(proposal(), BOB)

    assert refusal(proposal(), replace(decision, envelope=spoil(decision.envelope))) == "envelope"


@guarantees("P3.signed")
def test_a_signature_of_somebody_else_or_for_something_else_does_not_count() -> None:
    """Another key, another domain, another message."""
    decision = decided(proposal(), BOB)
    said = words(proposal(), BOB)
    text, _ = envelope.message(said)

    assert refusal(proposal(), signed(said, EVE)) == "signature"
    assert refusal(proposal(), replace(decision, signature=BOB.sign(text.encode()))) == "signature"
    tagged = b"erp-mcp/enrolment/v1\n" + text.encode()
    assert refusal(proposal(), replace(decision, signature=BOB.sign(tagged))) == "signature"
    assert refusal(proposal(), replace(decision, signature="")) == "signature"


@guarantees("P3.enrolled")
def test_who_is_not_enrolled_or_not_any_more_decides_nothing() -> None:
    """A revoked approver's old decisions included."""
    assert refusal(proposal(), decided(proposal(), BOB), known=trusted(EVE)) == "not_enrolled"


@guarantees("P3.enough_people")
def test_enough_people_means_different_people() -> None:
    """Nobody counts twice, however often they say it."""
    two = proposal(content(terms=ANY_TWO))
    again = signed(replace(words(two, BOB), nonce="f" * 64), BOB)

    assert refusal(two, decided(two, BOB), decided(two, EVE)) == ""
    assert refusal(two, decided(two, BOB)) == "too_few"
    assert refusal(two, decided(two, BOB), decided(two, BOB)) == "too_few"
    assert refusal(two, decided(two, BOB), again) == "too_few"


@guarantees("P3.enough_people")
def test_two_enrolments_that_share_a_name_are_one_person() -> None:
    """The registry refuses one key twice; a name twice is at best a coincidence."""
    two = proposal(content(terms=ANY_TWO))
    twin = replace(EVE, name="BOB  buyer")

    assert refusal(two, decided(two, BOB), decided(two, twin), known=trusted(BOB, twin)) == "too_few"


@guarantees("P3.enough_people")
@pytest.mark.parametrize("needed", [0, -1, 1])
def test_nobody_is_never_enough(needed: int) -> None:
    """A forged proposal that asks for no approval is not approved."""
    assert refusal(proposal(content(terms=replace(ANY_TWO, needed=needed)))) == "too_few"


@guarantees("P3.enough_people")
def test_only_named_people_decide_where_policy_names_them() -> None:
    """A group is its members."""
    assert refusal(proposal(), decided(proposal(), EVE)) == "not_named"


@guarantees("P3.enough_people")
def test_a_rejection_among_the_decisions_ends_it() -> None:
    """Also where its row was turned into an approval."""
    two = proposal(content(terms=ANY_TWO))
    no = decided(two, ROOT, decision="reject")

    assert refusal(two, decided(two, BOB), decided(two, EVE), no) == "rejected"
    assert refusal(two, decided(two, BOB), replace(no, decision="approve")) == "envelope"


@guarantees("P3.requesters")
def test_who_asked_does_not_decide_whatever_they_signed() -> None:
    """The worker looks again."""
    assert refusal(proposal(), decided(proposal(), BOB), asked=frozenset({"bob"})) == "requester"
    assert refusal(proposal(), decided(proposal(), BOB), asked=frozenset({"bobbuyer"})) == "requester"


@guarantees("P3.requesters")
def test_self_approval_counts_only_in_the_words_that_say_so() -> None:
    """Envelope, and so receipt and record, tell that it was the owner."""
    own = proposal(replace(content(terms=SELF), owner="bob"))
    silent = replace(words(own, BOB), meaning=envelope.meaning_of("approve", by_self_approval=False))
    wrong = replace(words(own, EVE), meaning=envelope.meaning_of("approve", by_self_approval=True))

    assert "self approval" in words(own, BOB).meaning
    assert refusal(own, decided(own, BOB)) == ""
    assert refusal(own, signed(silent, BOB)) == "envelope"
    assert refusal(own, signed(wrong, EVE)) == "envelope"


@guarantees("P3.expires")
@pytest.mark.parametrize(
    ("decided_at", "reason"),
    [
        (at(hours=3), "decided_after_expiry"),
        (at(hours=3, microseconds=-1), "decided_in_future"),
        (at(hours=-1), "decided_before_proposal"),
        (at(minutes=-20), ""),
        (at(minutes=4), ""),
        (at(minutes=6), "decided_in_future"),
        ("soon", "envelope"),
        ("2026-03-16T08:00:00", "envelope"),
    ],
)
def test_a_decision_is_made_while_the_proposal_waits(decided_at: str, reason: str) -> None:
    """To the microsecond; clocks may be five minutes apart."""
    assert refusal(proposal(), decided(proposal(), BOB, decided_at=decided_at)) == reason


@guarantees("P3.expires")
def test_a_decision_in_time_stays_one_when_it_is_looked_at_later() -> None:
    """An outage loses nothing; whether it still may be carried out is the worker's question."""
    late = NOW + timedelta(hours=10)
    asked = requesters(proposal().content, [], NOW)

    assert refusal_of(proposal(), [decided(proposal(), BOB)], trusted(BOB), asked, late) == ""


@guarantees("P3.binding")
def test_the_words_of_an_envelope_come_back_as_they_were() -> None:
    """One decision, one text."""
    said: Envelope = words(proposal(), BOB)
    text, message = envelope.message(said)

    assert envelope.opened(text) == (said, message)
