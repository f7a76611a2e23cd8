"""Who asked: by every name and in every spelling."""

from __future__ import annotations

from dataclasses import replace

import pytest

from erp_mcp.approval import bundles
from erp_mcp.approval.check import objection_to
from erp_mcp.approval.requesters import is_self_approval, key_of, requesters, same_person
from erp_mcp.domain.approver import Applied, Signed
from erp_mcp.domain.decision import Terms
from tests.guarantees import guarantees
from tests.unit.approval.people import BOB, DEPLOYMENT, NOW, Person, at, content, registry_entry

SPELLINGS = [
    "bob",
    "Bob",
    "BOB",
    " bob ",
    "b o b",
    "b\u200bob",
    "\ufeffbob",
    "ｂｏｂ",
    "ＢＯＢ",
    "b\u00adob",
    "bo\u034fb",
    "b\u043eb",  # Cyrillic o
    "\u0412\u041e\u0412",  # three Cyrillic letters
    "\u0392\u039f\u0392",  # three Greek ones
    "b\u00f8b",
]
SELF = Terms(rule="small", approvers=(), needed=1, self_approval=True, valid_s=3600)


def applied(by: str, *, hours_ago: int = 1, signer: str = "", words: bundles.BundleApproval | None = None) -> Applied:
    approval = None
    if signer:
        text = bundles.message(words)[0] if words else "{}"
        approval = Signed(text=text, signer=signer, signature="0" * 128)
    return Applied(digest="c" * 64, applied_by=by, applied_at=at(hours=-hours_ago), approval=approval)


def grant(*, applied_by: str = "root", approver_id: str = "ada", name: str = "Ada") -> bundles.BundleApproval:
    return bundles.BundleApproval(
        deployment=DEPLOYMENT,
        digest="c" * 64,
        previous="",
        applied_by=applied_by,
        applied_at=at(hours=-1),
        approver_id=approver_id,
        approver_name=name,
        public_key="0" * 64,
    )


@guarantees("P3.requesters")
@pytest.mark.parametrize("spelling", SPELLINGS)
def test_a_name_is_one_person_however_it_is_written(spelling: str) -> None:
    """Case, width, spaces and signs that nobody sees make no second person."""
    assert same_person("bob", spelling)


@guarantees("P3.requesters")
def test_different_people_stay_different_and_nobody_is_nobody() -> None:
    """An empty name matches nothing, not even itself."""
    assert not same_person("bob", "rob")
    assert not same_person("", "")
    assert not same_person("\u3164", "\u200b")
    assert key_of("bob.buyer") == key_of("Bob Buyer")


@guarantees("P3.requesters")
@pytest.mark.parametrize("spelling", SPELLINGS)
@pytest.mark.parametrize("path", ["agent", "owner", "account", "signer", "signed account", "signed id", "signed name"])
def test_every_path_by_which_somebody_asked_closes_the_decision_to_them(path: str, spelling: str) -> None:
    """Agent, owner, whoever applied the policy under which it was asked, and whoever signed it."""
    what, bundle = content(), applied("root")
    if path in ("agent", "owner"):
        what = replace(what, agent=spelling) if path == "agent" else replace(what, owner=spelling)
    else:
        bundle = {
            "account": applied(spelling),
            "signer": applied("root", signer=spelling),
            "signed account": applied("root", signer="ada", words=grant(applied_by=spelling)),
            "signed id": applied("root", signer="ada", words=grant(approver_id=spelling)),
            "signed name": applied("root", signer="ada", words=grant(name=spelling)),
        }[path]
    asked = requesters(what, [bundle], NOW)

    assert objection_to(what, registry_entry(BOB), asked) == "requester"
    assert objection_to(what, registry_entry(Person(id="x1", name=spelling)), asked) == "requester"
    assert objection_to(what, registry_entry(Person(id="zoe", name="Zoe")), asked) != "requester"


@guarantees("P3.requesters")
def test_who_applied_a_policy_asks_for_a_day_and_no_longer() -> None:
    """The newest bundle is always told; an old one closes nothing."""
    what = content()

    assert "bob" in requesters(what, [applied("bob", hours_ago=24)], NOW)
    assert "bob" not in requesters(what, [applied("bob", hours_ago=25)], NOW)
    assert "bob" in requesters(what, [replace(applied("bob"), applied_at="yesterday")], NOW)
    assert "bob" in requesters(what, [replace(applied("bob"), applied_at=at(days=400))], NOW)


@guarantees("P3.requesters")
@pytest.mark.parametrize(
    ("risk", "self_approval", "allowed"),
    [("W1", True, True), ("W2", True, True), ("W3", True, False), ("W1", False, False), ("W2", False, False)],
)
def test_self_approval_is_for_owners_of_small_changes_where_policy_says_so(
    risk: str, self_approval: bool, allowed: bool
) -> None:
    """One rule, and never for large ones."""
    what = replace(content(risk=risk, terms=replace(SELF, self_approval=self_approval)), owner="bob")
    bob = registry_entry(BOB)

    assert (objection_to(what, bob, requesters(what, [], NOW)) == "") is allowed
    assert is_self_approval(what, bob) is allowed


@guarantees("P3.requesters")
@pytest.mark.parametrize("path", ["agent", "account", "signer"])
def test_self_approval_opens_no_other_path(path: str) -> None:
    """An owner who is there as agent, or who has just changed the policy, stays outside."""
    what = replace(content(terms=SELF), owner="bob")
    rows = {"account": [applied("bob")], "signer": [applied("root", signer="bob")]}.get(path, [])
    if path == "agent":
        what = replace(what, agent="bob")

    assert objection_to(what, registry_entry(BOB), requesters(what, rows, NOW)) == "requester"
