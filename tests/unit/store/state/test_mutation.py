"""Every field of what people signed, changed one by one in the database of either store: each change is found.

What is changed is what an owner of the database can change, past its triggers: the stored content (with its digest
left, or worked out anew and the columns beside it made to agree), the signed words, the columns of a decision,
enrolments, and the approval of the policy. Found means that the worker, which goes by nothing but this, would not send.
"""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from erp_mcp.approval import bundles as bundle_approval
from erp_mcp.approval import envelope
from erp_mcp.committing import Signatures
from erp_mcp.domain.approver import Signed
from erp_mcp.domain.canonical_json import canonical
from erp_mcp.domain.forms import to_json
from erp_mcp.domain.instants import exact_instant
from erp_mcp.domain.lifecycle import State
from erp_mcp.domain.proposal import Content, Proposal
from erp_mcp.errors import ProposalDamagedError, RegistryDamagedError
from erp_mcp.policy.bundle import canonical as bundle_text
from erp_mcp.policy.bundle import digest_of, from_document
from erp_mcp.store.state.deployment_state import DeploymentState
from erp_mcp.store.state.rows import content_digest
from tests.guarantees import guarantees
from tests.unit.approval import people
from tests.unit.approval.people import BOB, DEPLOYMENT, NOW, RICH, ROOT
from tests.unit.approval.test_check import altered, leaves
from tests.unit.committing.office import a_policy
from tests.unit.store.state.fakes import FakeClock
from tests.unit.store.state.stores import Behind

BESIDE = ("agent", "tool", "idempotency_key", "fingerprint")


@pytest.fixture
def clock() -> FakeClock:
    """The clock of the people of these tests."""
    found = FakeClock()
    found.now = NOW
    return found


@pytest.fixture
def approved(state: DeploymentState) -> Proposal:
    """A proposal with terms that hold everything terms can hold, approved by Bob, who is enrolled."""
    for person in (ROOT, BOB):
        state.approvers.enrol(people.enrolled(person, ROOT))
    proposal, _ = state.proposals.create(people.content(terms=RICH))
    return state.proposals.decide(people.decided(proposal, BOB))


@pytest.fixture
def checked(state: DeploymentState) -> Signatures:
    """What the worker goes by."""
    return Signatures(
        proposals=state.proposals,
        approvers=state.approvers,
        bundles=state.bundles,
        deployment=DEPLOYMENT,
        root_key=ROOT.public,
    )


def is_found(state: DeploymentState, checked: Signatures, proposal_id: str) -> bool:
    """Whether the worker would not send what the database holds now."""
    try:
        return bool(checked.refusal(state.proposals.get(proposal_id), now=NOW))
    except (ProposalDamagedError, RegistryDamagedError):
        return True


def text_of(value: Any) -> str:
    return canonical(value).decode("utf-8")


@guarantees("P3.binding", "P4.two_stores")
def test_every_field_of_a_content_changed_in_the_database_is_found(
    state: DeploymentState, behind: Behind, approved: Proposal, checked: Signatures
) -> None:
    """With the old digest, and with a new one beside columns that agree: of all leaves, none is missed."""
    content, key = to_json(approved.content), approved.content.proposal_id
    assert not is_found(state, checked, key)
    tried, missed = 0, []
    for path in leaves(content):
        changed = altered(content, path)
        text = text_of(changed)
        for digest in (approved.digest, _digest(text)):
            behind.forge("UPDATE proposal SET content = ?, digest = ?", (text, digest))
            _make_agree(behind, changed)
            tried += 1
            stored = str(changed["proposal_id"])
            if not is_found(state, checked, stored if path == ("proposal_id",) else key):
                missed.append((path, digest))
            _restore(behind, approved)
    assert missed == []
    assert tried == 2 * len(list(leaves(content))) > 170
    assert not is_found(state, checked, key)


@guarantees("P3.binding", "P4.two_stores")
def test_every_word_of_an_envelope_changed_in_the_database_is_found(
    state: DeploymentState, behind: Behind, approved: Proposal, checked: Signatures
) -> None:
    """Alone, and with the columns beside it changed to say the same."""
    key = approved.content.proposal_id
    (decision,) = state.proposals.decisions(key)
    words = json.loads(decision.envelope)
    columns = {"approver_id", "nonce", "decided_at", "decision"}
    tried, missed = 0, []
    for path in leaves(words):
        changed = altered(words, path)
        for beside in (False, True):
            row = changed if beside else words
            told = {name: row[name] for name in columns if name != "decision" or row[name] in ("approve", "reject")}
            names = ", ".join(f"{name} = ?" for name in told)
            behind.forge(f"UPDATE decision SET envelope = ?, {names}", (text_of(changed), *told.values()))
            tried += 1
            if not is_found(state, checked, key):
                missed.append((path, beside))
        behind.forge("UPDATE decision SET envelope = ?", (decision.envelope,))
        for name in columns:
            behind.forge(f"UPDATE decision SET {name} = ?", (words[name],))
    assert missed == []
    assert tried == 2 * len(list(leaves(words)))
    assert not is_found(state, checked, key)


@guarantees("P3.binding", "P4.two_stores")
def test_every_column_of_a_decision_and_of_an_enrolment_changed_in_the_database_is_found(
    state: DeploymentState, behind: Behind, approved: Proposal, checked: Signatures
) -> None:
    """The rows that a decision stands on, column by column."""
    key = approved.content.proposal_id
    (decision,) = state.proposals.decisions(key)
    bob = next(one for one in state.approvers.all() if one.approver_id == "bob")
    enrolment = json.loads(bob.enrolment.text)
    rows: list[tuple[str, str, str, Any]] = [
        ("decision", name, "", getattr(decision, name))
        for name in ("approver_id", "decision", "envelope", "signature", "nonce", "decided_at")
    ]
    rows += [
        ("approver", "enrolment_signer", "bob", bob.enrolment.signer),
        ("approver", "enrolment_signature", "bob", bob.enrolment.signature),
        ("approver", "approver_id", "bob", "bob"),
    ]
    where = " WHERE public_key = '" + BOB.public + "'"
    missed = []
    for table, column, of, value in rows:
        new = "reject" if column == "decision" else altered(value, ())
        behind.forge(f"UPDATE {table} SET {column} = ?{where if of else ''}", (new,))
        if not is_found(state, checked, key):
            missed.append((table, column))
        behind.forge(f"UPDATE {table} SET {column} = ?{where if of else ''}", (value,))
    for name in enrolment:
        text = text_of({**enrolment, name: altered(enrolment[name], ())})
        behind.forge(f"UPDATE approver SET enrolment = ?{where}", (text,))
        if not is_found(state, checked, key):
            missed.append(("enrolment", name))
        behind.forge(f"UPDATE approver SET enrolment = ?{where}", (bob.enrolment.text,))
    assert missed == []
    assert not is_found(state, checked, key)


@guarantees("P3.binding", "P2.signed_policy", "P4.two_stores")
def test_every_word_of_the_approval_of_a_policy_changed_in_the_database_is_found(
    state: DeploymentState, behind: Behind, approved: Proposal, checked: Signatures, clock: FakeClock
) -> None:
    """What allows writes is signed as well: word by word, and column by column."""
    del approved
    text = bundle_text(a_policy())
    now = exact_instant(clock.now)
    words, message = bundle_approval.message(
        bundle_approval.BundleApproval(
            deployment=DEPLOYMENT, digest=digest_of(text), previous="", applied_by="ada", applied_at=now,
            approver_id=ROOT.id, approver_name=ROOT.name, public_key=ROOT.public, targets={"erp": "7" * 64},
        )
    )  # fmt: skip
    signed = Signed(text=words, signer=ROOT.id, signature=ROOT.sign(message))
    state.bundles.put_bundle(digest_of(text), text, applied_by="ada", previous="", approval=signed)
    bundle = from_document(json.loads(text))
    assert checked.bundle_refusal(bundle) == ""
    told, missed = json.loads(words), []
    for path in leaves(told):
        behind.forge("UPDATE policy_bundle SET approval = ?", (text_of(altered(told, path)),))
        if not checked.bundle_refusal(bundle):
            missed.append(path)
    behind.forge("UPDATE policy_bundle SET approval = ?", (words,))
    columns = {"applied_by": "ada", "approval_signer": ROOT.id, "approval_signature": signed.signature}
    for name, value in columns.items():
        behind.forge(f"UPDATE policy_bundle SET {name} = ?", (altered(value, ()),))
        if not checked.bundle_refusal(bundle):
            missed.append((name,))
        behind.forge(f"UPDATE policy_bundle SET {name} = ?", (value,))
    later = exact_instant(clock.now + timedelta(hours=1))
    behind.forge("UPDATE policy_bundle SET applied_at = ?", (later,))
    assert checked.bundle_refusal(bundle) == "policy_applied_at"
    behind.forge("UPDATE policy_bundle SET applied_at = ?", (now,))
    assert missed == []
    assert checked.bundle_refusal(bundle) == ""


@guarantees("P3.binding", "P4.two_stores")
def test_a_decision_of_one_proposal_put_beside_another_is_found(
    state: DeploymentState, behind: Behind, approved: Proposal, checked: Signatures
) -> None:
    """The same change, the same people, the same moment: another id."""
    other = replace(approved.content, proposal_id="prp_000000000002", idempotency_key="key-99999")
    state.proposals.create(other)
    behind.forge("UPDATE decision SET proposal_id = ?", (other.proposal_id,))
    behind.displace("UPDATE proposal SET state = 'APPROVED' WHERE proposal_id = ?", (other.proposal_id,))

    assert state.proposals.get(other.proposal_id).state is State.APPROVED
    assert checked.refusal(state.proposals.get(other.proposal_id), now=NOW) == "approval_envelope"
    assert checked.refusal(state.proposals.get(approved.content.proposal_id), now=NOW) != ""


def _digest(text: str) -> str:
    return content_digest(text)


def _make_agree(behind: Behind, content: Any) -> None:
    """Let the columns beside a content say what it says."""
    told = {name: content[name] for name in BESIDE} | {"system": content["command"]["system"]}
    names = ", ".join(f"{name} = ?" for name in told)
    behind.forge(f"UPDATE proposal SET {names}", tuple(told.values()))
    for table in ("decision", "limit_use"):
        behind.forge(f"UPDATE {table} SET proposal_id = ?", (content["proposal_id"],))
    behind.forge("UPDATE outbox SET aggregate_id = ?", (content["proposal_id"],))
    behind.forge("UPDATE proposal SET proposal_id = ?", (content["proposal_id"],))


def _restore(behind: Behind, approved: Proposal) -> None:
    content: Content = approved.content
    text = text_of(to_json(content))
    behind.forge("UPDATE proposal SET content = ?, digest = ?", (text, envelope.digest(content)))
    _make_agree(behind, to_json(content))
