"""Rows that a record vouches for: one that is gone, came back or says something else is found by verification."""

from __future__ import annotations

from hashlib import sha256

import pytest

from erp_mcp.audit.verify import verify
from erp_mcp.domain.approver import Signed
from erp_mcp.domain.declaration import Declaration
from erp_mcp.store.state.deployment_state import DeploymentState
from tests.guarantees import guarantees
from tests.unit.store.state.fakes import a_content, a_decision, an_approver
from tests.unit.store.state.stores import Behind

# What somebody with the file does, and the row that verification names.
CHANGES = {
    "a revocation taken back": (
        "UPDATE approver SET revocation = '', revocation_signer = '', revocation_signature = ''",
        ("row_missing", "revocation bert"),
    ),
    "an approver gone": ("DELETE FROM approver WHERE approver_id = 'anna'", ("row_missing", "enrolment anna")),
    "an approver whom nobody enrolled": (
        (
            "INSERT INTO approver (position, approver_id, enrolment, enrolment_signer, enrolment_signature, sealed_key)"
            " SELECT 9, 'eve', enrolment, enrolment_signer, enrolment_signature, sealed_key FROM approver"
            " WHERE approver_id = 'anna'"
        ),
        ("unrecorded", "enrolment eve"),
    ),
    "another name in an enrolment": (
        "UPDATE approver SET enrolment = replace(enrolment, 'Anna', 'Dana')",
        ("row_changed", "enrolment anna"),
    ),
    "another signature under a revocation": (
        "UPDATE approver SET revocation_signature = 'x' WHERE revocation <> ''",
        ("row_changed", "revocation bert"),
    ),
    "an earlier policy once more": (
        (
            "INSERT INTO policy_bundle (version, digest, bundle, applied_by, applied_at, audit_seq) SELECT"
            " 3, digest, bundle, applied_by, applied_at, audit_seq FROM policy_bundle WHERE version = 1"
        ),
        ("unrecorded", "policy 3"),
    ),
    "the newest policy gone": ("DELETE FROM policy_bundle WHERE version = 2", ("row_missing", "policy 2")),
    "another text under the digest of a policy": (
        "UPDATE policy_bundle SET bundle = '{}' WHERE version = 2",
        ("row_changed", "policy 2"),
    ),
    "another account under a policy": (
        "UPDATE policy_bundle SET applied_by = 'somebody' WHERE version = 2",
        ("row_changed", "policy 2"),
    ),
    "a policy that was applied long ago": (
        "UPDATE policy_bundle SET applied_at = '2026-02-01T06:00:00Z' WHERE version = 2",
        ("row_changed", "policy 2"),
    ),
    "a decision gone": ("DELETE FROM decision", ("row_missing", "decision prp_")),
    "another decision": ("UPDATE decision SET decision = 'reject'", ("row_changed", "decision prp_")),
    "other words of a decision": ("UPDATE decision SET envelope = '{}'", ("row_changed", "decision prp_")),
    "a stop let go": ("DELETE FROM kill_switch", ("row_missing", "stop all")),
    "a declaration gone": ("DELETE FROM declaration", ("row_missing", "declaration sap")),
    "a declaration by another": (
        "UPDATE declaration SET declared_by = 'Eve'",
        ("row_changed", "declaration sap"),
    ),
    "a declaration of another address": ("UPDATE declaration SET target = 'x'", ("row_changed", "declaration sap")),
    "a declaration of long ago": (
        "UPDATE declaration SET declared_at = '2026-02-01T06:00:00.000000Z'",
        ("row_changed", "declaration sap"),
    ),
    "a declaration that was taken back": (
        (
            "INSERT INTO declaration SELECT 'old', name, target, declared_by, account, pathway, declared_at"
            " FROM declaration"
        ),
        ("unrecorded", "declaration old"),
    ),
    "a stop by another": ("UPDATE kill_switch SET set_by = 'somebody'", ("row_changed", "stop all")),
}


@pytest.fixture
def used(state: DeploymentState) -> DeploymentState:
    """A state with two approvers (one revoked), two policies, a decision and stops."""
    for text, before in (("1", ""), ("2", digest_of("1"))):
        state.bundles.put_bundle(digest_of(text), text, applied_by="root", previous=before)
    state.approvers.enrol(an_approver("anna"))
    state.approvers.enrol(an_approver("bert"))
    state.approvers.revoke("bert", Signed(text='{"approver_id":"bert"}', signer="anna", signature="e" * 128))
    proposal_id = state.proposals.create(a_content("key-00000001"))[0].content.proposal_id
    state.proposals.decide(a_decision(proposal_id))
    for scope in ("all", "system:erp", "all"):
        state.switches.stop(scope, by="root" if scope == "all" else "dana", reason="closing")
    state.switches.resume("system:erp", by="root")
    for system, target in (("sap", "t1"), ("old", "t2"), ("sap", "t3")):
        state.declarations.declare(
            Declaration(system=system, name="licensed", target=target, by="Ina", account="root", pathway="API hub")
        )
    state.declarations.withdraw("old", account="root")
    return state


def digest_of(text: str) -> str:
    """Return the digest that a policy of this text is stored under."""
    return sha256(text.encode()).hexdigest()


def found(state: DeploymentState) -> list[tuple[str, str]]:
    """Return what verification finds wrong."""
    report = verify(state.audit.read_all(), rows=state.kept_rows())
    return [(finding.code, finding.detail) for finding in report.findings]


@guarantees("P5.rows_vouched")
def test_rows_that_nobody_touched_are_those_recorded(used: DeploymentState) -> None:
    """A verification that cries over what is right would soon be looked at by nobody."""
    assert found(used) == []


@guarantees("P5.rows_vouched")
@pytest.mark.parametrize("name", CHANGES)
def test_a_row_changed_behind_its_record_is_named(used: DeploymentState, behind: Behind, name: str) -> None:
    """Signatures hold what a row says; that it is gone, came back or is used again, only the records tell."""
    statement, (code, detail) = CHANGES[name]
    behind.forge(statement)
    assert [(one, where.startswith(detail)) for one, where in found(used)] == [(code, True)], found(used)
