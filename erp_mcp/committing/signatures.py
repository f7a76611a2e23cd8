"""What is signed, checked by the worker itself: a row that somebody wrote into the database is worth nothing here."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from erp_mcp.approval import bundles as bundle_approval
from erp_mcp.approval import check, registry
from erp_mcp.approval.requesters import APPLIED_WITHIN, requesters
from erp_mcp.committing.held_back import later
from erp_mcp.domain import duties
from erp_mcp.domain.instants import parse_instant
from erp_mcp.domain.proposal import Content, Proposal, SignedDecision
from erp_mcp.errors import RegistryDamagedError
from erp_mcp.policy.bundle import Bundle
from erp_mcp.ports import Approvers, Bundles, Proposals

_ALTERED: Final = frozenset({"digest", "envelope", "signature"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Signatures:
    """Where approvals are kept, and the key of the first approver, from a file that only the operator can write."""

    proposals: Proposals
    approvers: Approvers
    bundles: Bundles
    deployment: str
    root_key: str

    def refusal(self, proposal: Proposal, *, now: datetime) -> str:
        """Return why nobody may send this, empty when enough people signed exactly what is stored.

        Returns:
            `registry_damaged`, `other_deployment`, `content_altered`, or `approval_` with the reason of
            `approval.check.refusal_of`, or `separated` or `quota` for what else somebody had said yes to.
        """
        reason = self._reason(proposal, now)
        if reason in {"", "registry_damaged", "other_deployment"}:
            return reason
        return "content_altered" if reason == "digest" else f"approval_{reason}"

    def tampering(self, proposal: Proposal, *, now: datetime) -> str:
        """Return what shows that a proposal which may have been sent was altered since; empty when nothing does.

        An approver who was revoked meanwhile is no reason not to find out what happened.
        """
        reason = self._reason(proposal, now)
        if reason in _ALTERED:
            return "content_altered"
        return reason if reason == "registry_damaged" else ""

    def bundle_refusal(self, bundle: Bundle) -> str:
        """Return why the policy in force may not allow a write: `registry_damaged`, or `policy_` with the reason."""
        newest = self.bundles.applied(since="9999")[0]
        if newest.digest != bundle.digest:  # another one was applied this moment
            return "policy_changed"
        try:
            trusted = registry.trusted(self.approvers.all(), self.root_key, self.deployment)
        except RegistryDamagedError:
            return "registry_damaged"
        reason = bundle_approval.refusal_of(newest, trusted, self.deployment)
        return f"policy_{reason}" if reason else ""

    def _reason(self, proposal: Proposal, now: datetime) -> str:
        content = proposal.content
        if content.deployment != self.deployment:
            return "other_deployment"
        try:
            trusted = registry.trusted(self.approvers.all(), self.root_key, self.deployment)
        except RegistryDamagedError:
            return "registry_damaged"
        applied = self.bundles.applied(since=later(now, -int(APPLIED_WITHIN.total_seconds())))
        asking = requesters(content, applied, now)
        decisions = self.proposals.decisions(content.proposal_id)
        reason = check.refusal_of(proposal, decisions, trusted, asking, now)
        return reason or next(filter(None, (self._besides(content, one) for one in decisions)), "")

    def _besides(self, content: Content, decision: SignedDecision) -> str:
        """Return why a yes does not count for what else its person had said yes to by then."""
        back = duties.longest(content.terms)
        if not back:
            return ""
        at = parse_instant(decision.decided_at)
        said = self.proposals.said_yes(decision.approver_id, at - back - timedelta(seconds=1))
        if duties.separated_by(content, at, said):
            return "separated"
        return "quota" if duties.over_quota(content.terms, at, (one.at for one in said)) else ""
