"""Rows of proposals and events as the core knows them; what is not as it was written is told apart."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Final

from erp_mcp.domain.audit import KeptProposal
from erp_mcp.domain.canonical_json import canonical
from erp_mcp.domain.forms import from_json, to_json
from erp_mcp.domain.lifecycle import State
from erp_mcp.domain.proposal import (
    BrokenGlass,
    Content,
    Event,
    Proposal,
    Receipt,
    SignedDecision,
    SignedResolution,
    SignedReview,
    TakeBackOrder,
)
from erp_mcp.errors import ProposalDamagedError

_CONTENT_DOMAIN: Final = b"erp-mcp/proposal/v1\n"
COLUMNS: Final = (
    "proposal_id, content, digest, agent, tool, system, state, since, reason, fence, holder, lease_expires_at,"
    " not_before, misses, receipt, paused_until"
)
EVENT_COLUMNS: Final = "event_id, aggregate_id, type, time, payload, audit_seq"
DECISION_COLUMNS: Final = "proposal_id, approver_id, decision, envelope, signature, nonce, decided_at"
RESOLUTION_COLUMNS: Final = "proposal_id, approver_id, verdict, statement, signature, nonce, resolved_at"
REVIEW_COLUMNS: Final = "proposal_id, approver_id, verdict, statement, signature, nonce, reviewed_at"
ORDER_COLUMNS: Final = "proposal_id, approver_id, statement, signature, nonce, resolved_at, made_at"
# Ends in which nothing was written: they take nothing of a limit, and the same may be proposed again.
WITHOUT_EFFECT: Final = frozenset(
    {
        State.DENIED,
        State.REJECTED,
        State.EXPIRED,
        State.CANCELLED,
        State.REFUSED_BY_SYSTEM,
        State.NOT_APPLIED,
        State.STALE,
        State.COMPENSATED,
    }
)
# Nothing has been sent yet.
_UNSENT: Final = frozenset({State.PROPOSED, State.AWAITING_APPROVAL, State.APPROVED, State.CLAIMED})


def in_sql(states: Iterable[State]) -> str:
    """Return states as a list of SQL: `'A', 'B'`; they are our own names, so nothing is quoted away."""
    return ", ".join(f"'{state}'" for state in sorted(states))


def in_table(table: str, columns: str) -> str:
    """Return a list of columns, each with the name of its table."""
    return ", ".join(f"{table}.{name.strip()}" for name in columns.split(","))


COUNTING: Final = in_sql(frozenset(State) - WITHOUT_EFFECT)
SENT: Final = in_sql(frozenset(State) - WITHOUT_EFFECT - _UNSENT)


@dataclass(frozen=True, slots=True, kw_only=True)
class Stored:
    """A row of a proposal. `content` is `None` where what is stored is not what was written."""

    proposal_id: str
    content: Content | None
    digest: str
    agent: str
    tool: str
    system: str
    state: State
    since: str
    reason: str = ""
    fence: int = 0
    holder: str = ""
    lease_expires_at: str = ""
    not_before: str = ""
    misses: int = 0
    receipt: Receipt | None = None
    paused_until: str = ""

    @property
    def proposal(self) -> Proposal:
        """The proposal.

        Raises:
            ProposalDamagedError: `proposal.damaged`.
        """
        if self.content is None:
            raise ProposalDamagedError(proposal_id=self.proposal_id)
        return Proposal(
            content=self.content,
            digest=self.digest,
            state=self.state,
            since=self.since,
            reason=self.reason,
            fence=self.fence,
            holder=self.holder,
            lease_expires_at=self.lease_expires_at,
            not_before=self.not_before,
            misses=self.misses,
            receipt=self.receipt,
            paused_until=self.paused_until,
        )


def content_text(content: Content) -> str:
    """Return the canonical JSON that a content is stored as.

    Raises:
        ValueError: it holds something outside the canonical subset.
    """
    return canonical(to_json(content)).decode("utf-8")


def beside(content: Content) -> tuple[str, ...]:
    """Return what stands beside a content to be looked up by."""
    names = (content.agent, content.tool, content.command.system, content.idempotency_key, content.fingerprint)
    return (*names, content.created_at, content.expires_at)


def content_digest(text: str) -> str:
    """Return the digest that an approval binds to: SHA-256 of the tagged canonical content, lower-case hexadecimal."""
    return sha256(_CONTENT_DOMAIN + text.encode("utf-8")).hexdigest()


def stored(row: Sequence[Any]) -> Stored:
    """Return a row of `COLUMNS`.

    Raises:
        ProposalDamagedError: `proposal.damaged`, when it stands in no known state, so that no move starts from it.
    """
    (proposal_id, text, digest, agent, tool, system, state, since, *rest) = row
    reason, fence, holder, lease_expires_at, not_before, misses, receipt_text, paused_until = rest
    if state not in State.__members__:
        raise ProposalDamagedError(proposal_id=str(proposal_id))
    content, receipt = _content((proposal_id, agent, tool, system), text, digest), None
    try:
        receipt = from_json(Receipt, json.loads(receipt_text)) if receipt_text else None
    except ValueError:
        content = None
    return Stored(
        proposal_id=proposal_id,
        content=content,
        digest=digest,
        agent=agent,
        tool=tool,
        system=system,
        state=State(state),
        since=since,
        reason=reason,
        fence=fence,
        holder=holder,
        lease_expires_at=lease_expires_at,
        not_before=not_before,
        misses=misses,
        receipt=receipt,
        paused_until=paused_until,
    )


def kept(proposal_id: str, state: str, digest: str, text: str, receipt: str) -> KeptProposal:
    """Return what a row really holds, for the verification of its records."""
    actual = content_digest(text)
    return KeptProposal(
        proposal_id=proposal_id,
        state=state,
        digest=actual if actual == digest else "",
        receipt=sha256(receipt.encode("utf-8")).hexdigest() if receipt else "",
    )


def event(row: Sequence[Any]) -> Event:
    """Return a row of `EVENT_COLUMNS`."""
    event_id, proposal_id, kind, time, payload, audit_seq = row
    return Event(
        event_id=event_id,
        proposal_id=proposal_id,
        type=kind,
        time=time,
        payload=json.loads(payload),
        audit_seq=audit_seq,
    )


def decision(row: Sequence[Any]) -> SignedDecision:
    """Return a row of `DECISION_COLUMNS`."""
    proposal_id, approver_id, decided, envelope, signature, nonce, decided_at = row
    return SignedDecision(
        proposal_id=proposal_id,
        approver_id=approver_id,
        decision=decided,
        envelope=envelope,
        signature=signature,
        nonce=nonce,
        decided_at=decided_at,
    )


def resolution(row: Sequence[Any]) -> SignedResolution:
    """Return a row of `RESOLUTION_COLUMNS`."""
    proposal_id, approver_id, verdict, statement, signature, nonce, resolved_at = row
    return SignedResolution(
        proposal_id=proposal_id,
        approver_id=approver_id,
        verdict=verdict,
        statement=statement,
        signature=signature,
        nonce=nonce,
        resolved_at=resolved_at,
    )


def order(row: Sequence[Any]) -> TakeBackOrder:
    """Return a row of `ORDER_COLUMNS`."""
    proposal_id, approver_id, statement, signature, nonce, resolved_at, made_at = row
    said = SignedResolution(
        proposal_id=proposal_id,
        approver_id=approver_id,
        verdict="take_back",
        statement=statement,
        signature=signature,
        nonce=nonce,
        resolved_at=resolved_at,
    )
    return TakeBackOrder(said=said, made_at=made_at)


def broken_glass(row: Sequence[Any]) -> BrokenGlass:
    """Return a row of what was approved in an emergency, with the `REVIEW_COLUMNS` of its review, if any."""
    broken_id, broken_at, due_at, proposal_id, approver_id, verdict, statement, signature, nonce, reviewed_at = row
    review = None
    if proposal_id is not None:
        review = SignedReview(
            proposal_id=proposal_id,
            approver_id=approver_id,
            verdict=verdict,
            statement=statement,
            signature=signature,
            nonce=nonce,
            reviewed_at=reviewed_at,
        )
    return BrokenGlass(proposal_id=broken_id, broken_at=broken_at, due_at=due_at, review=review)


def _content(beside_it: tuple[str, ...], text: str, digest: str) -> Content | None:
    """Return the content, `None` when it is not the one that was written under this digest beside these names."""
    try:
        if content_digest(text) != digest:
            return None
        content = from_json(Content, json.loads(text))
    except (ValueError, TypeError, RecursionError):
        return None
    names = (content.proposal_id, content.agent, content.tool, content.command.system)
    return content if names == beside_it else None
