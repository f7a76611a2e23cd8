"""What two people approved in an emergency whose row is not what they signed: what is known, and closing its review.

Its row says nothing that counts. The two signed a digest; where the audit log still has the content of that digest, it
is known what it was, and else what the first record says in the clear.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Final

from erp_mcp.administration import reviewing
from erp_mcp.administration.people import Signing, trusted
from erp_mcp.administration.refusals import recorded_of
from erp_mcp.administration.reviewing import Broken
from erp_mcp.approval import damaged, envelope, registry, review
from erp_mcp.approval.damaged import Standing
from erp_mcp.approval.review import Review
from erp_mcp.bootstrap import Deployment, approvers_root
from erp_mcp.domain.approver import Enrolment
from erp_mcp.domain.audit import AuditRecord
from erp_mcp.domain.call import JsonValue
from erp_mcp.domain.forms import from_json
from erp_mcp.domain.instants import exact_instant
from erp_mcp.domain.proposal import BrokenGlass, Content, SignedDecision
from erp_mcp.errors import (
    ApproverNotFoundError,
    NotAReviewerError,
    ProposalDamagedError,
    ProposalMovedError,
    ProposalNotFoundError,
    RequesterError,
    ReviewedAlreadyError,
)

_FIRST: Final = "proposal.proposed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What the audit log knows of it; `headline` is empty where it has the content of that digest no more."""

    tool: str = ""
    agent: str = ""
    owner: str = ""
    headline: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class DamagedEmergency(Broken):
    """An approval in an emergency that nobody can look at any more.

    `digest` is of the content that the two signed, empty where their words are not in order either. `reviewers` are
    those whom the policy of today names.
    """

    proposal_id: str
    digest: str
    known: Known

    def as_json(self) -> dict[str, JsonValue]:
        """Return it for programs."""
        return {
            "proposal_id": self.proposal_id,
            "damaged": True,
            "headline": self.known.headline or None,
            "tool": self.known.tool or None,
            "agent": self.known.agent or None,
            "owner": self.known.owner or None,
            "signed_digest": self.digest or None,
            "state": None,
            **self.review_json(),
        }


def emergency(deployment: Deployment, proposal_id: str) -> DamagedEmergency | None:
    """Return what is known of an approval in an emergency whose row is not what was signed, `None` for all else."""
    glass = deployment.state.proposals.broken_glass(proposal_id)
    return None if glass is None else _seen(deployment, glass)


def to_review(deployment: Deployment) -> list[DamagedEmergency]:
    """Return the damaged ones of what waits for a review, what is due first before."""
    found = (_seen(deployment, one) for one in deployment.state.proposals.to_review())
    return [one for one in found if one is not None]


def emergencies(deployment: Deployment, *, limit: int = 50) -> list[DamagedEmergency]:
    """Return the damaged ones of what was approved in an emergency, newest first."""
    found = (_seen(deployment, one) for one in deployment.state.proposals.glass_broken(limit=limit))
    return [one for one in found if one is not None]


def objection_to(deployment: Deployment, shown: DamagedEmergency, approver: Enrolment) -> str:
    """Return why this approver may not close it: as `approval.damaged.objection_to`."""
    return damaged.objection_to(_standing(deployment, shown), approver, _broke(deployment, shown.proposal_id))


def may_close(deployment: Deployment, shown: DamagedEmergency, approver_id: str) -> Enrolment:
    """Return the enrolment of somebody who may close the review of this now; a refusal is recorded.

    Raises:
        ProposalDamagedError: `proposal.damaged`, where it is not known what the two signed, or who asked for it: its
            row has to be put right. ReviewedAlreadyError: `approval.reviewed_already`. ApproverNotFoundError:
            `approval.not_found`. NotAReviewerError: `approval.not_reviewer`. RequesterError: `approval.requester`.
        RegistryDamagedError: `approval.broken_registry`.
    """
    with recorded_of(deployment, shown.proposal_id, approver_id, "review.refused"):
        if shown.glass.review is not None:
            raise ReviewedAlreadyError(proposal_id=shown.proposal_id, reason="done")
        known = trusted(deployment)
        if approver_id not in known:
            raise ApproverNotFoundError(approver=approver_id[:64])
        objection = objection_to(deployment, shown, known[approver_id])
        if objection == "unknown":
            raise ProposalDamagedError(proposal_id=shown.proposal_id)
        if objection == "requester":
            raise RequesterError(approver=approver_id)
        if objection:
            raise NotAReviewerError(approver=approver_id, reviewers=shown.reviewers, reason=objection)
        return known[approver_id]


def close(deployment: Deployment, shown: DamagedEmergency, signing: Signing, reason: str) -> DamagedEmergency:
    """Sign that nobody could look at what was approved in an emergency, and store it as `not_justified`.

    Nothing is undone by it, and the row stays as it is: `audit verify` goes on to name it.

    Args:
        deployment: Where.
        shown: What was known as they looked at it.
        signing: Who says so, with their passphrase for this very statement.
        reason: Their own words, 20 to 500 characters.

    Raises:
        ProposalMovedError: `proposal.moved`, where the row was put right meanwhile. Otherwise as `may_close` and
            `reviewing.give_review`. Nothing was stored.
    """
    reason = reviewing.stated(reason)
    deployment.watch.check()
    approver = may_close(deployment, shown, signing.approver_id)
    reviewing.check_proved(deployment, signing, shown.proposal_id, "")
    said = Review(
        deployment=deployment.settings.deployment,
        proposal_id=shown.proposal_id,
        digest=shown.digest,
        broken_by=tuple(who for who, _ in shown.said),
        verdict="not_justified",
        meaning=review.DAMAGED,
        reason=reason,
        approver_id=approver.approver_id,
        approver_name=approver.name,
        public_key=approver.public_key,
        reviewed_at=exact_instant(deployment.clock.wall()),
        nonce=secrets.token_hex(16),
    )
    with recorded_of(deployment, shown.proposal_id, signing.approver_id, "review.refused"):
        made = reviewing.signed_review(deployment, signing, said)
        deployment.state.proposals.review_damaged(made, shown.digest)
    found = emergency(deployment, shown.proposal_id)
    if found is None:
        raise ProposalMovedError(state="", reason="not_damaged")
    return found


def _seen(deployment: Deployment, glass: BrokenGlass) -> DamagedEmergency | None:
    """Return what is known of it, `None` where its row is what the two signed."""
    decisions = deployment.state.proposals.decisions(glass.proposal_id)
    with suppress(ProposalDamagedError, ProposalNotFoundError):
        if damaged.names_digest(decisions, deployment.state.proposals.get(glass.proposal_id).digest):
            return None
    then = _then(deployment, decisions)
    digest = damaged.signed_digest(decisions, then, deployment.settings.deployment, glass.proposal_id)
    known = _known(deployment, glass.proposal_id, digest)
    opened = [(one.approver_id, envelope.opened(one.envelope)) for one in damaged.glass_of(decisions)]
    found = review.opened(glass.review.statement) if glass.review is not None else None
    seen = DamagedEmergency(
        proposal_id=glass.proposal_id,
        glass=glass,
        overdue=glass.is_overdue(deployment.clock.wall()),
        digest=digest,
        said=tuple((who, words[0].comment if words else "") for who, words in opened),
        reviewers=reviewing.reviewers_now(deployment, known.tool) if known.tool else (),
        known=known,
        found=found[0] if found else None,
    )
    if glass.review is None:
        return seen
    standing, broke = _standing(deployment, seen), _broke(deployment, glass.proposal_id)
    return replace(seen, flaw=damaged.refusal_of(standing, glass.review, trusted(deployment), broke))


def _standing(deployment: Deployment, shown: DamagedEmergency) -> Standing:
    return Standing(
        deployment=deployment.settings.deployment,
        proposal_id=shown.proposal_id,
        digest=shown.digest,
        broken_by=tuple(who for who, _ in shown.said),
        reviewers=shown.reviewers,
        asked=damaged.askers(shown.known.agent, shown.known.owner),
    )


def _then(deployment: Deployment, decisions: Sequence[SignedDecision]) -> dict[str, Enrolment]:
    """Return the approvers as they were when these decided."""
    said = [(one.approver_id, one.decided_at) for one in damaged.glass_of(decisions)]
    root = approvers_root(deployment.settings.state_dir)
    return registry.trusted_then(deployment.state.approvers.all(), root, deployment.settings.deployment, said)


def _broke(deployment: Deployment, proposal_id: str) -> list[Enrolment]:
    decisions = damaged.glass_of(deployment.state.proposals.decisions(proposal_id))
    then = _then(deployment, decisions)
    return [then[one.approver_id] for one in decisions if one.approver_id in then]


def _known(deployment: Deployment, proposal_id: str, digest: str) -> Known:
    """Return what the log says of the content of this digest, nothing where it speaks of another, or of none."""
    _, told = deployment.state.proposals.recorded(proposal_id)
    mine = [one.record for one in told if one.proposal_id == proposal_id and one.kind == _FIRST]
    record = next((one for one in mine if one is not None), None)
    if record is None or not digest:
        return Known()
    content = _content(record, digest)
    if content is not None:
        headline = content.preview.headline
        return Known(tool=content.tool, agent=content.agent, owner=content.owner, headline=headline)
    return _in_the_clear(record, digest)


def _content(record: AuditRecord, digest: str) -> Content | None:
    """Return the content that the log still has, `None` where it is not the one that was signed."""
    _, value = record.details.get("content", ("", None))
    try:
        content = from_json(Content, value)
        return content if envelope.digest(content) == digest else None
    except (ValueError, TypeError, RecursionError):
        return None


def _in_the_clear(record: AuditRecord, digest: str) -> Known:
    """Return what a record says of a content whose words were erased."""
    try:
        leaf = json.loads(record.leaf)
        facts = leaf["facts"]
        if facts["digest"] != digest:
            return Known()
        return Known(tool=str(facts["tool"]), agent=str(leaf["actor"]), owner=str(facts["owner"]))
    except (ValueError, TypeError, KeyError, RecursionError):
        return Known()
