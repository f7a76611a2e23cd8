"""One person's decision about one proposal: may they, and then their signature under exactly what they saw."""

from __future__ import annotations

import logging
import secrets
from collections.abc import Collection
from datetime import datetime
from typing import Any, Final

from erp_mcp.administration import watching
from erp_mcp.administration.people import Signing, sign_as, trusted
from erp_mcp.administration.refusals import recorded
from erp_mcp.approval import check, envelope, oidc
from erp_mcp.approval.envelope import Choice, Envelope, OidcEnvelope, meaning_of
from erp_mcp.approval.requesters import APPLIED_WITHIN, is_self_approval, names_of, proves_anew, requesters
from erp_mcp.bootstrap import Deployment
from erp_mcp.domain import duties
from erp_mcp.domain.approver import Enrolment, SignIn
from erp_mcp.domain.instants import exact_instant, parse_instant
from erp_mcp.domain.lifecycle import State
from erp_mcp.domain.proposal import BrokenGlass, Content, Proposal, SignedDecision
from erp_mcp.errors import (
    ApproverNotFoundError,
    AskedOtherHalfError,
    DecidedAlreadyError,
    DutiesSeparatedError,
    NoBreakGlassError,
    NotAnApproverError,
    PassphraseNeededError,
    ProposalDamagedError,
    ProposalMovedError,
    QuotaReachedError,
    ReasonNeededError,
    RequesterError,
    ReviewOverdueError,
    SignInAgainError,
)

_log: Final = logging.getLogger("erp_mcp")


def why_not(deployment: Deployment, content: Content, approver: Enrolment, choice: Choice = "approve") -> str:
    """Return why this approver may not say yes to this.

    `requester`, `not_named`, `separated` (approved the other half), `asked_half` (asked for it), `quota`, or nothing.

    In an emergency (`break_glass`) also `no_break_glass` or `review_overdue`, and no `quota`.
    """
    now = deployment.clock.wall()
    applied = deployment.state.bundles.applied(since=exact_instant(now - APPLIED_WITHIN))
    objection = check.objection_to(content, approver, requesters(content, applied, now), now, choice)
    if choice == "break_glass":
        objection = objection or ("review_overdue" if overdue(deployment) else "")
    return objection or _besides(deployment, content, approver, choice)


def overdue(deployment: Deployment) -> list[BrokenGlass]:
    """Return what was approved in an emergency and nobody looked at in time, the longest ago first."""
    now = deployment.clock.wall()
    return [one for one in deployment.state.proposals.to_review() if one.is_overdue(now)]


def _besides(deployment: Deployment, content: Content, approver: Enrolment, choice: Choice) -> str:
    """Return why somebody may not say yes for what else they said yes to, or had asked for."""
    back, now = duties.longest(content.terms), deployment.clock.wall()
    if not back:
        return ""
    said = deployment.state.proposals.said_yes(approver.approver_id, now - back)
    if duties.separated_by(content, now, said):
        return "separated"
    names = names_of(approver)
    asked = deployment.state.proposals.asked_for(duties.separated_tools(content.terms), names, now - back)
    if duties.asked_apart(content, now, asked, names):
        return "asked_half"
    if choice == "break_glass":  # counted, and waiting for none
        return ""
    return "quota" if duties.over_quota(content.terms, now, (one.at for one in said)) else ""


def may_decide(deployment: Deployment, proposal: Proposal, approver_id: str, choice: Choice) -> Enrolment:
    """Return the enrolment of an approver who may decide about a proposal now; a refusal is recorded.

    Whoever asked may not approve, but may reject: that stops something and starts nothing.

    Raises:
        ProposalDamagedError: `proposal.damaged`. ProposalMovedError: `proposal.moved`, when it waits for no decision,
            or not any more. ApproverNotFoundError: `approval.not_found`. DecidedAlreadyError:
            `approval.decided_already`.
        RequesterError: `approval.requester`. NotAnApproverError: `approval.not_allowed`.
        NoBreakGlassError: `approval.no_break_glass`. ReviewOverdueError: `approval.review_overdue`.
        RegistryDamagedError: `approval.broken_registry`.
    """
    with recorded(deployment, proposal, approver_id, "decision.refused", decision=choice):
        return _admitted(deployment, proposal, approver_id, choice)


def _admitted(deployment: Deployment, proposal: Proposal, approver_id: str, choice: Choice) -> Enrolment:
    _check_waiting(deployment, proposal)
    known = trusted(deployment)
    approver = known.get(approver_id)
    if approver is None:
        nobody = {} if known else {"reason": "nobody is enrolled yet: erp-mcp approvals enrol ID"}
        raise ApproverNotFoundError(approver=approver_id[:64], **nobody)
    if any(
        one.approver_id == approver_id for one in deployment.state.proposals.decisions(proposal.content.proposal_id)
    ):
        raise DecidedAlreadyError(approver=approver_id)
    objection = why_not(deployment, proposal.content, approver, choice)
    if choice != "reject" or objection == "not_named":
        _refuse(deployment, proposal.content, approver_id, objection, choice)
    return approver


def _refuse(deployment: Deployment, content: Content, approver_id: str, objection: str, choice: Choice) -> None:
    """Raise what an objection says, nothing where there is none."""
    glass = content.terms.break_glass
    if objection == "requester":
        raise RequesterError(approver=approver_id)
    if objection == "no_break_glass":
        raise NoBreakGlassError(proposal_id=content.proposal_id)
    if objection == "not_named":
        named = glass.people if choice == "break_glass" and glass else content.terms.approvers
        raise NotAnApproverError(approver=approver_id, approvers=named)
    if objection == "separated":
        raise DutiesSeparatedError(approver=approver_id)
    if objection == "asked_half":
        raise AskedOtherHalfError(approver=approver_id)
    if objection == "quota":
        raise QuotaReachedError(approver=approver_id, per_hour=content.terms.quota)
    if objection == "review_overdue":
        late = overdue(deployment)[0]
        raise ReviewOverdueError(proposal_id=late.proposal_id, due_at=late.due_at)


def decide(deployment: Deployment, shown: Proposal, signing: Signing, choice: Choice, comment: str = "") -> Proposal:
    """Sign a decision about a proposal as it was shown, and store it.

    Args:
        deployment: Where.
        shown: The proposal that the person looked at; the signature is bound to its content.
        signing: Who decides.
        choice: What they decide.
        comment: Their own words, kept with the decision; in an emergency why it is one, at least 20 characters.

    Returns:
        The proposal as it stands now.

    Raises:
        BadPassphraseError: `approval.bad_passphrase`. PassphraseNeededError: `approval.passphrase_needed`, for a key
            that was opened before, where this decision takes the passphrase itself. SignInAgainError:
            `approval.sign_in_again`, likewise where a provider knew them. ReasonNeededError: `approval.reason_needed`.
            Otherwise as `may_decide`. Nothing was stored.
    """
    after = deployment.state.proposals.decide(signed_decision(deployment, shown, signing, choice, comment))
    watching.tell(deployment, after)
    if choice == "break_glass" and after.state is not State.AWAITING_APPROVAL:
        _log.warning("glass broken for %s by %s: a review is due", after.content.proposal_id, signing.approver_id)
    return after


def signed_decision(
    deployment: Deployment, shown: Proposal, signing: Signing, choice: Choice, comment: str = ""
) -> SignedDecision:
    """Return a decision about a proposal as it was shown, signed and not stored; raises as `decide`."""
    if choice != "reject":  # when it is said is signed, and compared with the times of others
        deployment.watch.check()
    approver = may_decide(deployment, shown, signing.approver_id, choice)
    content = shown.content
    if choice == "break_glass" and len(comment.strip()) < envelope.MIN_REASON:
        raise ReasonNeededError(at_least=envelope.MIN_REASON)
    _check_proved(content, approver, signing, choice, deployment.clock.wall())
    said = _words(
        signing,
        deployment=content.deployment,
        proposal_id=content.proposal_id,
        digest=shown.digest,
        decision=choice,
        meaning=meaning_of(choice, by_self_approval=is_self_approval(content, approver), narrows=bool(content.narrows)),
        approver_id=approver.approver_id,
        approver_name=approver.name,
        public_key=signing.key.public if signing.key and signing.sign_in else approver.public_key,
        decided_at=exact_instant(deployment.clock.wall()),
        nonce=secrets.token_hex(16),
        comment=comment,
    )
    text, message = envelope.message(said)
    with recorded(deployment, shown, signing.approver_id, "decision.refused", decision=choice):
        signature = sign_as(deployment, signing, text, message).signature
    return SignedDecision(
        proposal_id=said.proposal_id,
        approver_id=said.approver_id,
        decision=choice,
        envelope=text,
        signature=signature,
        nonce=said.nonce,
        decided_at=said.decided_at,
    )


def _words(signing: Signing, **told: str) -> Envelope:
    """Return the words that are signed: those of a person's own key, or of the page for whom a provider knew."""
    facts: dict[str, Any] = dict(told)
    if signing.sign_in is not None:
        return OidcEnvelope(method="oidc", sign_in=signing.sign_in, **facts)
    return Envelope(method="passphrase" if signing.key is None else "session", **facts)


def _check_proved(content: Content, approver: Enrolment, signing: Signing, choice: Choice, now: datetime) -> None:
    """Refuse a yes for which its person has not proved who they are as this one asks for."""
    anew = proves_anew(choice, content, approver)
    if signing.sign_in is not None:
        check_signed_in(signing.sign_in, (content.proposal_id, content.narrows) if anew else (), now)
    elif signing.key is not None and anew:
        raise PassphraseNeededError(approver=signing.approver_id, risk=content.risk)


def check_signed_in(sign_in: SignIn, anew_for: Collection[str], now: datetime) -> None:
    """Refuse what was not proved at the provider for it, or too long ago.

    Raises:
        SignInAgainError: `approval.sign_in_again`.
    """
    if not oidc.is_timely(sign_in, now, frozenset(filter(None, anew_for))):
        raise SignInAgainError


def _check_waiting(deployment: Deployment, proposal: Proposal) -> None:
    content = proposal.content
    if envelope.digest(content) != proposal.digest or content.deployment != deployment.settings.deployment:
        raise ProposalDamagedError(proposal_id=content.proposal_id)
    if proposal.state is not State.AWAITING_APPROVAL:
        raise ProposalMovedError(state=proposal.state)
    if parse_instant(content.expires_at) <= deployment.clock.wall():
        deployment.watch.check()
        deployment.state.proposals.expire()
        raise ProposalMovedError(state=State.EXPIRED)
