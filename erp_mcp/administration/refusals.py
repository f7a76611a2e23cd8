"""What leaves a record although nothing came of it: somebody tried to say something about a proposal and may not."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from erp_mcp.bootstrap import Deployment
from erp_mcp.domain.audit import AuditEntry
from erp_mcp.domain.proposal import Proposal
from erp_mcp.errors import GatewayError


@contextmanager
def recorded(deployment: Deployment, proposal: Proposal, approver_id: str, kind: str, **facts: str) -> Iterator[None]:
    """Leave a record where what is done meanwhile is refused: who tried, about what, and why not.

    Args:
        deployment: Where.
        proposal: What it was about.
        approver_id: Who they said they were; nothing of it is verified yet.
        kind: Of the record, `decision.refused`, `resolution.refused` or `review.refused`.
        facts: What else the record says.
    """
    content = proposal.content
    with recorded_of(
        deployment, content.proposal_id, approver_id, kind, correlation_id=content.correlation_id, **facts
    ):
        yield


@contextmanager
def recorded_of(
    deployment: Deployment, proposal_id: str, approver_id: str, kind: str, *, correlation_id: str = "", **facts: str
) -> Iterator[None]:
    """Leave a record as `recorded`, about what can be read no more."""
    try:
        yield
    except GatewayError as refusal:
        deployment.state.audit.append(
            AuditEntry(
                kind=kind,
                correlation_id=correlation_id,
                causation_id="",
                trace="",
                actor=approver_id[:64],
                facts={"proposal_id": proposal_id, **facts, "code": refusal.code},
                fields={},
            )
        )
        raise
