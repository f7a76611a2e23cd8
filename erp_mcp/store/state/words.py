"""What people say, as it is stored: under the lock that keeps their key from being revoked meanwhile."""

from __future__ import annotations

from typing import Final

from erp_mcp.domain.proposal import SignedDecision, SignedResolution
from erp_mcp.errors import ApproverNotFoundError
from erp_mcp.store.state.engine import Session
from erp_mcp.store.state.rows import DECISION_COLUMNS, RESOLUTION_COLUMNS

LOCK: Final = "approvers"
_ADD_DECISION: Final = f"INSERT INTO decision ({DECISION_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?)"
_ADD_RESOLUTION: Final = f"INSERT INTO resolution ({RESOLUTION_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?)"
_REVOKED: Final = "SELECT 1 FROM approver WHERE approver_id = ? AND revocation <> ''"


def check_not_revoked(session: Session, approver_id: str) -> None:
    """Refuse the word of somebody who was revoked since they signed it; nobody is until the caller's transaction ends.

    A word recorded behind its signer's revocation would be one by no key that was enrolled then.

    Raises:
        ApproverNotFoundError: `approval.not_found`.
    """
    session.lock(LOCK, shared=True)
    if session.execute(_REVOKED, (approver_id,)).fetchone() is not None:
        raise ApproverNotFoundError(approver=approver_id)


def add_decision(session: Session, decision: SignedDecision) -> None:
    """Store a decision; raises as `check_not_revoked`."""
    check_not_revoked(session, decision.approver_id)
    row = (decision.envelope, decision.signature, decision.nonce, decision.decided_at)
    session.execute(_ADD_DECISION, (decision.proposal_id, decision.approver_id, decision.decision, *row))


def add_resolution(session: Session, said: SignedResolution) -> None:
    """Store what somebody found of an outcome; raises as `check_not_revoked`."""
    check_not_revoked(session, said.approver_id)
    row = (said.statement, said.signature, said.nonce, said.resolved_at)
    session.execute(_ADD_RESOLUTION, (said.proposal_id, said.approver_id, said.verdict, *row))
