"""What people say, as it is stored: under the lock that keeps their key from being revoked meanwhile."""

from __future__ import annotations

from typing import Final

from erp_mcp.domain.approver import rows_of_words
from erp_mcp.domain.proposal import SignedDecision, SignedResolution
from erp_mcp.errors import ApproverNotFoundError
from erp_mcp.store.state.engine import Session
from erp_mcp.store.state.rows import DECISION_COLUMNS, RESOLUTION_COLUMNS

LOCK: Final = "approvers"
_ADD_DECISION: Final = f"INSERT INTO decision ({DECISION_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?)"
_ADD_RESOLUTION: Final = f"INSERT INTO resolution ({RESOLUTION_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?)"
_REVOKED: Final = "SELECT 1 FROM approver WHERE approver_id IN ({}) AND revocation <> ''"


def check_not_revoked(session: Session, approver_id: str, text: str) -> None:
    """Refuse the words of somebody who was revoked since they signed them; nobody is until the transaction ends.

    Their account at a provider and the page's key count too. Words recorded behind the revocation of what they stand on
    would be by no key that was enrolled then.

    Args:
        session: The caller's transaction.
        approver_id: Whose words.
        text: The words as signed.

    Raises:
        ApproverNotFoundError: `approval.not_found`.
    """
    session.lock(LOCK, shared=True)
    rows = rows_of_words(approver_id, text)
    if session.execute(_REVOKED.format(", ".join("?" * len(rows))), rows).fetchone() is not None:
        raise ApproverNotFoundError(approver=approver_id)


def add_decision(session: Session, decision: SignedDecision) -> None:
    """Store a decision; raises as `check_not_revoked`."""
    check_not_revoked(session, decision.approver_id, decision.envelope)
    row = (decision.envelope, decision.signature, decision.nonce, decision.decided_at)
    session.execute(_ADD_DECISION, (decision.proposal_id, decision.approver_id, decision.decision, *row))


def add_resolution(session: Session, said: SignedResolution) -> None:
    """Store what somebody found of an outcome; raises as `check_not_revoked`."""
    check_not_revoked(session, said.approver_id, said.statement)
    row = (said.statement, said.signature, said.nonce, said.resolved_at)
    session.execute(_ADD_RESOLUTION, (said.proposal_id, said.approver_id, said.verdict, *row))
