"""Every way by which somebody could come to approve what they asked for themselves, tried one by one: none is open."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from erp_mcp.approval.check import objection_to, refusal_of
from erp_mcp.approval.requesters import requesters
from erp_mcp.domain.approver import Applied
from erp_mcp.domain.decision import Deputy, Group, Terms
from tests.guarantees import guarantees
from tests.unit.approval import people
from tests.unit.approval.people import BOB, EVE, NOW, Person, at, content, decided, proposal, registry_entry, trusted

PLAIN = Terms(rule="r", approvers=("eve",), needed=1, self_approval=False, valid_s=14_400)
ALIAS = Person(id="b-buyer", name="BOB  Büyer")  # enrolled anew under another id and spelling
SIGNER = Applied(digest="d" * 64, applied_by="bob", applied_at=at(hours=-2), previous="")

# How Bob, who asks, might be let in: the terms, who he decides as, and what makes him one who asks.
WAYS: dict[str, dict[str, Any]] = {
    "named by policy": {"terms": replace(PLAIN, approvers=("bob",))},
    "anybody enrolled": {"terms": replace(PLAIN, approvers=())},
    "member of a group": {"terms": replace(PLAIN, approvers=("bob",), groups=(Group(name="g", approvers=("bob",)),))},
    "member of two groups": {
        "terms": replace(
            PLAIN,
            approvers=("bob", "eve"),
            needed=2,
            groups=(Group(name="g", approvers=("bob",)), Group(name="h", approvers=("bob", "eve"))),
        ),
        "with": (EVE,),
    },
    "deputy of one who is named": {
        "terms": replace(PLAIN, deputies=(Deputy(absent="eve", deputy="bob", first="2026-03-01", last="2026-03-31"),))
    },
    "by escalation": {"terms": replace(PLAIN, escalates_s=60, escalates_to=("bob",))},
    "one of two": {"terms": replace(PLAIN, approvers=("bob", "eve"), needed=2), "with": (EVE,)},
    "under another id and spelling": {"terms": replace(PLAIN, approvers=()), "who": ALIAS},
    "as its smaller half": {"terms": replace(PLAIN, approvers=("bob",)), "narrows": "prp_000000000009"},
    "by self approval of what is grave": {
        "terms": replace(PLAIN, approvers=("bob",), self_approval=True),
        "risk": "W3",
    },
}
ASKS = ["agent", "owner", "agent and owner", "has changed the policy"]


@guarantees("P3.requesters")
@pytest.mark.parametrize("asks", ASKS)
@pytest.mark.parametrize("way", WAYS)
def test_no_way_of_being_let_in_lets_in_who_asked(way: str, asks: str) -> None:
    """Before the passphrase, and in the worker with a signature that is right."""
    told = WAYS[way]
    who: Person = told.get("who", BOB)
    what = replace(content(terms=told["terms"], risk=told.get("risk", "W2")), narrows=told.get("narrows", ""))
    if "agent" in asks:
        what = replace(what, agent="bob buyer" if who is ALIAS else "bob")
    if "owner" in asks:
        what = replace(what, owner="bob buyer" if who is ALIAS else "bob")
    applied = [replace(SIGNER, applied_by="Bob Buyer")] if asks == "has changed the policy" else []
    asked, one = requesters(what, applied, NOW), proposal(what)
    yes = [decided(one, who), *(decided(one, other) for other in told.get("with", ()))]
    known = trusted(EVE, *([] if who is ALIAS else [BOB])) | {who.id: registry_entry(who)}

    assert objection_to(what, registry_entry(who), asked, NOW) == "requester"
    assert refusal_of(one, yes, known, asked, NOW) == "requester"


@guarantees("P3.requesters", "P3.enough_people")
@pytest.mark.parametrize("way", [name for name in WAYS if name != "by self approval of what is grave"])
def test_somebody_who_did_not_ask_is_let_in_by_each_of_these_ways(way: str) -> None:
    """The measure: each way is one for others, so it is who asked that closes it."""
    told = WAYS[way]
    who: Person = told.get("who", BOB)
    what = replace(content(terms=told["terms"]), narrows=told.get("narrows", ""))
    one = proposal(what)
    yes = [decided(one, who), *(decided(one, other) for other in told.get("with", ()))]
    known = trusted(EVE, *([] if who is ALIAS else [BOB])) | {who.id: registry_entry(who)}

    assert refusal_of(one, yes, known, requesters(what, [], NOW), NOW) == ""


@guarantees("P3.enough_people")
def test_one_person_under_two_ids_is_one_of_two() -> None:
    """Bob, and Bob enrolled anew: two signatures, one person."""
    one = proposal(content(terms=replace(PLAIN, approvers=(), needed=2)))
    known = trusted(BOB) | {ALIAS.id: registry_entry(ALIAS)}

    assert people.registry_entry(ALIAS).public_key != people.registry_entry(BOB).public_key
    assert refusal_of(one, [decided(one, BOB), decided(one, ALIAS)], known, frozenset(), NOW) == "too_few"
