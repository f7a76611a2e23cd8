"""What is signed, checked by the worker itself: a row that somebody wrote into the database is worth nothing here."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from erp_mcp.approval import bundles as bundle_approval
from erp_mcp.approval import check, registry, resolution
from erp_mcp.approval.oidc import OidcEnrolment
from erp_mcp.approval.requesters import APPLIED_WITHIN, key_of, names_of, requesters
from erp_mcp.committing.held_back import later
from erp_mcp.domain import duties, saga
from erp_mcp.domain.approver import Approver, Enrolment
from erp_mcp.domain.forms import FormError
from erp_mcp.domain.instants import parse_instant
from erp_mcp.domain.lifecycle import RESOLVE_TAKE_BACK
from erp_mcp.domain.proposal import Content, Proposal, SignedDecision
from erp_mcp.domain.quorum import BREAK_GLASS_NEEDED
from erp_mcp.errors import ProposalDamagedError, ProposalNotFoundError, RegistryDamagedError
from erp_mcp.policy.bundle import Bundle
from erp_mcp.ports import Approvers, Bundles, Proposals

_ALTERED: Final = frozenset({"digest", "envelope", "signature", "not_of_saga"})


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
            `approval.check.refusal_of`, or `separated`, `asked_half` or `quota` for what else somebody had said yes to
            or asked for, or `approved_half` for what whoever asks for it had said yes to, or
            `not_of_saga` for a part that its saga does not name. Of a way back it is asked as in `never_approved`.
        """
        if proposal.content.part_of and proposal.content.undoes:
            return self.never_approved(proposal, now=now)
        return _told(self._reason(proposal, now))

    def never_approved(self, proposal: Proposal, *, now: datetime) -> str:
        """Return why a saga that was begun, or a way back of one, never had enough signatures; empty when it had.

        As `refusal`, but whoever was revoked since, or applied a policy, or said yes to something else, counts: what
        was written on their word is taken back on it. A row that nobody signed is worth nothing here either.
        """
        part = proposal.content.part_of
        if part and (reason := self._not_of_saga(proposal)):
            return _told(reason)
        whole = self.proposals.get(part) if part else proposal
        if whole.content.deployment != self.deployment:
            return "other_deployment"
        decisions = self.proposals.decisions(whole.content.proposal_id)
        try:
            trusted = self._trusted_then([(one.approver_id, one.decided_at) for one in decisions])
        except RegistryDamagedError:
            return "registry_damaged"
        return _told(check.refusal_of(whole, decisions, trusted, requesters(whole.content, (), now), now))

    def not_ordered(self, saga_: Proposal) -> str:
        """Return why a saga that went on after it was stuck may not; empty when a person signed each time that it may.

        Returns:
            `order_missing`, or `order_` with the reason of `approval.resolution.refusal_of`, or `registry_damaged`.
        """
        proposal_id = saga_.content.proposal_id
        orders = [one.said for one in self.proposals.orders(proposal_id)]
        went_on = [one for one in self.proposals.history(proposal_id) if one.payload.get("move") == RESOLVE_TAKE_BACK]
        if len({one.nonce for one in orders}) != len(went_on):
            return "order_missing"
        try:
            trusted = self._trusted_then([(one.approver_id, one.resolved_at) for one in orders]) if orders else {}
        except RegistryDamagedError:
            return "registry_damaged"
        asked = requesters(saga_.content, (), parse_instant(saga_.content.created_at))
        reason = next(filter(None, (resolution.refusal_of(saga_, one, trusted, asked) for one in orders)), "")
        return f"order_{reason}" if reason else ""

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
        if content.part_of:
            return self._of_part(proposal, now)
        if content.deployment != self.deployment:
            return "other_deployment"
        try:
            trusted = registry.trusted(self.approvers.all(), self.root_key, self.deployment)
        except RegistryDamagedError:
            return "registry_damaged"
        applied = self.bundles.applied(since=later(now, -int(APPLIED_WITHIN.total_seconds())))
        asking = requesters(content, applied, now)
        decisions = self.proposals.decisions(content.proposal_id)
        reason = check.refusal_of(proposal, decisions, trusted, asking, now) or self._not_to_be_reviewed(decisions)
        besides = (self._besides(content, one, trusted) for one in decisions)
        return reason or next(filter(None, besides), "") or self._approved_half(content)

    def _approved_half(self, content: Content) -> str:
        """What was asked for by the agent of somebody who had said yes to the other half by then is not sent."""
        if not content.terms.separations:
            return ""
        at, names = parse_instant(content.created_at), duties.askers(content)
        since = at - duties.longest(content.terms)
        mine = {who for row in self.approvers.all() for who, known in _named(row) if known & names}
        said = [yes for who in sorted(mine) for yes in self.proposals.said_yes(who, since) if yes.at <= at]
        return "approved_half" if duties.separated_by(content, at, said) else ""

    def _not_to_be_reviewed(self, decisions: Sequence[SignedDecision]) -> str:
        """What was approved in an emergency is not written unless it stands there that somebody has to look at it."""
        glass = [one for one in decisions if one.decision == "break_glass"]
        broken = len(glass) >= BREAK_GLASS_NEEDED
        return "review_missing" if broken and self.proposals.broken_glass(glass[0].proposal_id) is None else ""

    def _of_part(self, proposal: Proposal, now: datetime) -> str:
        """A part has the signatures of its saga, which say all of it, or by which tool it is taken back."""
        return self._not_of_saga(proposal) or self._reason(self.proposals.get(proposal.content.part_of), now)

    def _not_of_saga(self, proposal: Proposal) -> str:
        """Return what is wrong with a part by itself: another one than its saga says."""
        if not check.is_whole(proposal):
            return "digest"
        try:
            whole = self.proposals.get(proposal.content.part_of)
            if whole.content.part_of or not saga.is_of(proposal.content, whole.content):
                return "not_of_saga"
        except (ProposalNotFoundError, ProposalDamagedError, FormError):
            return "not_of_saga"
        return ""

    def _trusted_then(self, said: Sequence[tuple[str, str]]) -> dict[str, Enrolment]:
        """Return who may decide, and of those revoked since whoever had said something before that (who, and when).

        Raises:
            RegistryDamagedError: as `registry.trusted`.
        """
        return registry.trusted_then(self.approvers.all(), self.root_key, self.deployment, said)

    def _besides(self, content: Content, decision: SignedDecision, trusted: Mapping[str, Enrolment]) -> str:
        """Return why a yes does not count for what else its person had said yes to, or had asked for, by then."""
        back = duties.longest(content.terms)
        if not back:
            return ""
        at = parse_instant(decision.decided_at)
        since = at - back - timedelta(seconds=1)
        said = [one for one in self.proposals.said_yes(decision.approver_id, since) if one.at < at]
        if duties.separated_by(content, at, said):
            return "separated"
        names = names_of(trusted[decision.approver_id])
        asked = self.proposals.asked_for(duties.separated_tools(content.terms), names, since)
        if duties.asked_apart(content, at, (one for one in asked if one.at <= at), names):
            return "asked_half"
        if decision.decision == "break_glass":  # it counts for the hour, and waits for none
            return ""
        return "quota" if duties.over_quota(content.terms, at, (one.at for one in said)) else ""


def _told(reason: str) -> str:
    """Return the stable code of why something is not sent."""
    if reason in {"", "registry_damaged", "other_deployment"}:
        return reason
    return "content_altered" if reason == "digest" else f"approval_{reason}"


def _named(row: Approver) -> Iterator[tuple[str, frozenset[str]]]:
    """Yield whom an enrolment is of, revoked or not, and their normalised names; a page's is of nobody."""
    found = registry.opened(row)
    if found is not None and isinstance(found[0], Enrolment | OidcEnrolment):
        who = found[0]
        yield who.approver_id, frozenset(filter(None, (key_of(who.approver_id), key_of(who.name))))
