"""Approvers, kill switches and signed policies as they are kept."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any, Final

import pytest

from erp_mcp.domain.approver import Signed, account_row, page_row
from erp_mcp.domain.call import JsonValue
from erp_mcp.domain.canonical_json import canonical
from erp_mcp.domain.proposal import SignedDecision
from erp_mcp.errors import ApproverExistsError, ApproverNotFoundError, BadScopeError
from erp_mcp.store.state.deployment_state import DeploymentState
from tests.guarantees import guarantees
from tests.unit.store.state.fakes import FakeClock, a_content, a_decision, a_resolution, an_approver
from tests.unit.store.state.stores import REFUSED, Behind, stand
from tests.unit.store.state.test_break_glass import a_review, broken, made

REVOCATION = Signed(text='{"approver_id":"anna"}', signer="bea", signature="1" * 128)


@guarantees("P3.enrolled")
def test_enrolments_are_kept_word_for_word_in_their_order(state: DeploymentState) -> None:
    """Each stands on one before it, so order and every letter count."""
    people = [an_approver("zoe"), an_approver("anna"), an_approver("bea")]
    for person in people:
        state.approvers.enrol(person)
    assert state.approvers.all() == people
    leaf = json.loads(state.audit.last(1)[0].leaf)
    assert (leaf["kind"], leaf["actor"], leaf["facts"]["public_key"]) == ("approver.enrolled", "bea", "key of bea")


@guarantees("P3.enrolled")
def test_an_id_or_a_key_is_enrolled_once(state: DeploymentState, behind: Behind) -> None:
    """Two people with one key, or one id for two people, could not be told apart; a revoked one stays taken."""
    state.approvers.enrol(an_approver("anna"))
    state.approvers.revoke("anna", REVOCATION)
    before = behind.everything()
    with pytest.raises(ApproverExistsError) as same_id:
        state.approvers.enrol(an_approver("anna", key="another"))
    with pytest.raises(ApproverExistsError) as same_key:
        state.approvers.enrol(an_approver("bea", key="key of anna"))
    assert (same_id.value.facts["taken"], same_key.value.facts["taken"]) == ("id", "key")
    assert behind.everything() == before


@guarantees("P3.enrolled")
def test_a_revocation_is_final(state: DeploymentState, behind: Behind) -> None:
    """Who was revoked must not come back by another revocation over the first."""
    state.approvers.enrol(an_approver("anna"))
    state.approvers.revoke("anna", REVOCATION)
    assert state.approvers.all()[0].revocation == REVOCATION
    before = behind.everything()
    for name in ("anna", "nobody"):
        with pytest.raises(ApproverNotFoundError):
            state.approvers.revoke(name, REVOCATION)
    assert behind.everything() == before
    assert json.loads(state.audit.last(1)[0].leaf)["kind"] == "approver.revoked"


@guarantees("P3.enrolled")
@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE approver SET enrolment = '{}'",
        "UPDATE approver SET public_key = 'mine'",
        "UPDATE approver SET sealed_key = 'mine'",
        "UPDATE approver SET revocation = ''",
        "UPDATE approver SET revocation = 'other'",
        "DELETE FROM approver",
    ],
)
def test_the_store_itself_refuses_to_change_enrolments(statement: str, state: DeploymentState, behind: Behind) -> None:
    """A slip with an SQL shell must not make an approver; a forger is found by the signatures."""
    state.approvers.enrol(an_approver("anna"))
    state.approvers.revoke("anna", REVOCATION)
    with pytest.raises(REFUSED):
        behind.run(statement)


WORDS = ["approve", "reject", "narrow", "resolve", "take back", "review"]
KNOWN: Final = {"issuer": "https://login.example.com", "subject": "sub-anna"}  # how a provider knew her
PAGE = "5" * 64


def by_a_page(said: Any) -> Any:
    """The same decision, statement or review, as a page signs it for somebody whom a provider knew."""
    name = "envelope" if isinstance(said, SignedDecision) else "statement"
    told: dict[str, JsonValue] = {**json.loads(getattr(said, name)), "public_key": PAGE, "sign_in": {**KNOWN}}
    return replace(said, **{name: canonical(told).decode("utf-8")})


def annas(
    word: str, state: DeploymentState, behind: Behind, as_signed: Callable[[Any], Any] = lambda said: said
) -> Callable[[], object]:
    """Return what lets the store hear a word of Anna's about a proposal that waits for just that."""
    content = broken(state) if word == "review" else made(state)
    handle = content.proposal_id
    less = replace(a_content("key-less0001"), narrows=handle)
    stands = {"resolve": "NEEDS_HUMAN", "take back": "COMPENSATION_STUCK"}
    if word in stands:
        stand(behind, handle, stands[word])
    yes, no = as_signed(a_decision(handle)), as_signed(a_decision(handle, decision="reject"))
    there = replace(as_signed(a_resolution(handle)), verdict="take_back")
    said: dict[str, Callable[[], object]] = {
        "approve": lambda: state.proposals.decide(yes),
        "reject": lambda: state.proposals.decide(no),
        "narrow": lambda: state.proposals.narrow(no, less, as_signed(a_decision(less.proposal_id))),
        "resolve": lambda: state.proposals.resolve(as_signed(a_resolution(handle, applied=False)), None),
        "take back": lambda: state.proposals.resolve(there, None),
        "review": lambda: state.proposals.review(as_signed(a_review(content, by="anna"))),
    }
    return said[word]


@guarantees("P3.enrolled", "P5.moves_proved")
@pytest.mark.parametrize("word", WORDS)
def test_nobody_who_was_revoked_since_they_signed_is_heard(word: str, state: DeploymentState, behind: Behind) -> None:
    """Between their signature and its being stored lies a moment; by the log nobody signs who was revoked before."""
    say = annas(word, state, behind)
    state.approvers.enrol(an_approver("anna"))
    state.approvers.revoke("anna", REVOCATION)
    before = behind.everything()

    with pytest.raises(ApproverNotFoundError) as refusal:
        say()

    assert refusal.value.facts == {"approver": "anna"}
    assert behind.everything() == before


@guarantees("P3.enrolled", "P3.page_accounts", "P5.moves_proved")
@pytest.mark.parametrize("gone", ["the account", "the key of the page"])
@pytest.mark.parametrize("word", WORDS)
def test_what_a_page_signed_is_not_heard_once_the_account_or_its_key_was_revoked(
    word: str, gone: str, state: DeploymentState, behind: Behind
) -> None:
    """Either of them carries these words; another account or page, revoked at the same time, does not."""
    say = annas(word, state, behind, by_a_page)
    account, page = account_row(KNOWN["issuer"], KNOWN["subject"]), page_row(PAGE)
    others = account_row(KNOWN["issuer"], "sub-bea"), page_row("6" * 64)
    for row in (account, page, *others):
        state.approvers.enrol(an_approver(row))
    for row in others:
        state.approvers.revoke(row, REVOCATION)
    state.approvers.revoke(account if gone == "the account" else page, REVOCATION)
    before = behind.everything()

    with pytest.raises(ApproverNotFoundError) as refusal:
        say()

    assert refusal.value.facts == {"approver": "anna"}
    assert behind.everything() == before


@guarantees("P3.page_accounts")
@pytest.mark.parametrize("word", WORDS)
def test_what_a_page_signed_is_heard_while_account_and_key_stand(
    word: str, state: DeploymentState, behind: Behind
) -> None:
    """The accounts and pages of others may have been revoked."""
    say = annas(word, state, behind, by_a_page)
    others = account_row(KNOWN["issuer"], "sub-bea"), page_row("6" * 64)
    for row in (account_row(KNOWN["issuer"], KNOWN["subject"]), page_row(PAGE), *others):
        state.approvers.enrol(an_approver(row))
    for row in others:
        state.approvers.revoke(row, REVOCATION)
    before = behind.everything()
    say()
    assert behind.everything() != before


@guarantees("P4.kill_switch")
def test_a_stop_is_kept_with_who_when_and_why_until_it_is_taken_back(state: DeploymentState, clock: FakeClock) -> None:
    """Whoever finds everything standing still must be able to ask somebody."""
    state.switches.stop("system:erp", by="olga", reason="inventory")
    clock.pass_seconds(60)
    state.switches.stop("system:erp", by="ben", reason="inventory, until noon")
    (stop,) = state.switches.stopped()
    assert (stop.scope, stop.set_by, stop.reason) == ("system:erp", "olga", "inventory, until noon")
    assert stop.set_at == "2026-03-02T06:00:00.000000Z"
    assert not state.switches.resume("all", by="ben")
    assert state.switches.resume("system:erp", by="ben")
    assert state.switches.stopped() == []
    leaves = [json.loads(record.leaf) for record in state.audit.read()]
    assert [(leaf["kind"], leaf["actor"]) for leaf in leaves] == [
        ("writes.stopped", "olga"),
        ("writes.stopped", "ben"),
        ("writes.resumed", "ben"),
    ]


@guarantees("P4.kill_switch", "input.clear_errors")
@pytest.mark.parametrize(
    "scope", ["", "ALL", "tool", "tool:", "site:", "place:1000", "tool:a b", "agent:*", "system:erp\n", "x" * 90]
)
def test_a_scope_that_would_stop_nothing_is_refused(scope: str, state: DeploymentState, behind: Behind) -> None:
    """A switch that looks pressed and is not is worse than none."""
    with pytest.raises(BadScopeError):
        state.switches.stop(scope, by="olga", reason="")
    with pytest.raises(BadScopeError):
        state.switches.resume(scope, by="olga")
    assert behind.everything() == []


@guarantees("P2.signed_policy")
def test_who_applied_policies_and_who_signed_them_is_kept(state: DeploymentState, clock: FakeClock) -> None:
    """Whoever widened the policy asked for the change too, and must not decide about it alone."""
    signed = Signed(text='{"bundle":"d2"}', signer="anna", signature="2" * 128)
    assert state.bundles.applied() == []
    state.bundles.put_bundle("d1", "{}", applied_by="olga", previous="")
    clock.pass_seconds(3600)
    state.bundles.put_bundle("d2", "{}", applied_by="ben", previous="d1", approval=signed)
    newest, oldest = state.bundles.applied()
    assert (newest.digest, newest.applied_by, newest.approval) == ("d2", "ben", signed)
    assert (oldest.digest, oldest.applied_by, oldest.approval) == ("d1", "olga", None)
    assert state.bundles.applied(since="2026-03-02T06:30:00Z") == [newest]
    assert state.bundles.applied(since="2026-03-02T07:00:00Z") == [newest]
    assert state.bundles.applied(since="2027-01-01T00:00:00Z") == [newest], "the one in force counts however old"
    facts = json.loads(state.audit.last(1)[0].leaf)["facts"]
    assert (facts["approver"], facts["signature"]) == ("anna", "2" * 128)
