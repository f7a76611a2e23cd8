"""What two people approved in an emergency, looked at afterwards: what there is, and a third one's signed word."""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, fields
from typing import Final

from erp_mcp.administration.deciding import check_signed_in
from erp_mcp.administration.people import Signing, sign_as, trusted
from erp_mcp.administration.refusals import recorded
from erp_mcp.approval import check, damaged, envelope, review
from erp_mcp.approval.requesters import requesters
from erp_mcp.approval.review import OidcReview, Review
from erp_mcp.bootstrap import Deployment
from erp_mcp.domain.approver import Enrolment
from erp_mcp.domain.call import JsonValue
from erp_mcp.domain.instants import exact_instant
from erp_mcp.domain.proposal import BrokenGlass, Content, Proposal, ReviewVerdict, SignedReview
from erp_mcp.errors import (
    ApproverNotFoundError,
    BadBundleError,
    InvalidArgumentError,
    NotAReviewerError,
    PassphraseNeededError,
    ProposalDamagedError,
    ReasonNeededError,
    RequesterError,
    ReviewedAlreadyError,
)
from erp_mcp.policy.bundle import from_json

MAX_REASON: Final = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Broken:
    """A broken glass as people look at it, whatever became of its proposal.

    `said` is who broke it, by id, and why. `reviewers` are whom policy names. `found` is the words of the review,
    `None` where there is none or its stored words are not in order; `flaw` says why a stored one counts for nothing.
    """

    glass: BrokenGlass
    overdue: bool
    said: tuple[tuple[str, str], ...]
    reviewers: tuple[str, ...]
    found: Review | None = None
    flaw: str = ""

    @property
    def closers(self) -> tuple[str, ...]:
        """Those of the reviewers who did not break it themselves."""
        broke = {who for who, _ in self.said}
        return tuple(one for one in self.reviewers if one not in broke)

    @property
    def stands(self) -> str:
        """`overdue`, `open`, or what was found."""
        if self.glass.review is not None:
            return self.glass.review.verdict
        return "overdue" if self.overdue else "open"

    def review_json(self) -> dict[str, JsonValue]:
        """Return who broke it and what was found, for programs."""
        return {
            "broken_at": self.glass.broken_at,
            "broken_by": [{"approver": who, "reason": why} for who, why in self.said],
            "review_by": [*self.reviewers],
            "review_due_at": self.glass.due_at,
            "review": self.stands,
            "reviewed_by": self.found.approver_id if self.found else None,
            "reviewed_at": self.found.reviewed_at if self.found else None,
            "review_reason": self.found.reason if self.found else None,
            "review_flaw": self.flaw or None,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Emergency(Broken):
    """An approval in an emergency as people look at it."""

    proposal: Proposal

    def as_json(self) -> dict[str, JsonValue]:
        """Return it for programs."""
        return {
            "proposal_id": self.proposal.content.proposal_id,
            "headline": self.proposal.content.preview.headline,
            "state": str(self.proposal.state),
            **self.review_json(),
        }


def emergency(deployment: Deployment, proposal: Proposal) -> Emergency | None:
    """Return what is known of an approval in an emergency, `None` for what was approved as always."""
    glass = deployment.state.proposals.broken_glass(proposal.content.proposal_id)
    return None if glass is None else _seen(deployment, proposal, glass)


def to_review(deployment: Deployment) -> list[Emergency]:
    """Return what waits for a review, what is due first before, without damaged proposals."""
    return list(_readable(deployment, deployment.state.proposals.to_review()))


def emergencies(deployment: Deployment, *, limit: int = 50) -> list[Emergency]:
    """Return what was approved in an emergency, newest first, without damaged proposals."""
    return list(_readable(deployment, deployment.state.proposals.glass_broken(limit=limit)))


def may_review(deployment: Deployment, proposal: Proposal, approver_id: str) -> Enrolment:
    """Return the enrolment of somebody who may review this now; a refusal is recorded.

    Raises:
        ProposalDamagedError: `proposal.damaged`. ReviewedAlreadyError: `approval.reviewed_already`, where nothing is to
            be reviewed (any more). ApproverNotFoundError: `approval.not_found`. NotAReviewerError:
            `approval.not_reviewer`. RequesterError: `approval.requester`.
        RegistryDamagedError: `approval.broken_registry`.
    """
    with recorded(deployment, proposal, approver_id, "review.refused"):
        content = proposal.content
        decisions = deployment.state.proposals.decisions(content.proposal_id)
        is_signed = check.is_whole(proposal) and damaged.names_digest(decisions, proposal.digest)
        if not is_signed or content.deployment != deployment.settings.deployment:
            raise ProposalDamagedError(proposal_id=content.proposal_id)
        glass = deployment.state.proposals.broken_glass(content.proposal_id)
        if glass is None or glass.review is not None:
            raise ReviewedAlreadyError(proposal_id=content.proposal_id, reason="no_review_due" if not glass else "done")
        known = trusted(deployment)
        if approver_id not in known:
            raise ApproverNotFoundError(approver=approver_id[:64])
        objection = objection_to(deployment, proposal, known[approver_id])
        if objection == "requester":
            raise RequesterError(approver=approver_id)
        if objection:
            raise NotAReviewerError(approver=approver_id, reviewers=_reviewers(deployment, content), reason=objection)
        return known[approver_id]


def objection_to(deployment: Deployment, proposal: Proposal, approver: Enrolment) -> str:
    """Return why this approver may not review this: `not_reviewer`, `broke_it`, `requester`, or nothing."""
    known = trusted(deployment)
    broke = [known[one] for one in _broken_by(deployment, proposal) if one in known]
    asked = requesters(proposal.content, (), deployment.clock.wall())
    also = _reviewers(deployment, proposal.content)
    return review.objection_to(proposal.content, approver, asked, broke, also)


def give_review(
    deployment: Deployment, shown: Proposal, signing: Signing, verdict: ReviewVerdict, reason: str
) -> Emergency:
    """Sign what somebody found who looked at an approval in an emergency, and store it. Nothing is undone by it.

    Args:
        deployment: Where.
        shown: The proposal as they looked at it.
        signing: Who says so, with their passphrase for this very statement.
        verdict: It was justified, or not.
        reason: Their own words, 20 to 500 characters.

    Raises:
        ReasonNeededError: `approval.reason_needed`. InvalidArgumentError: `call.invalid_argument`.
        PassphraseNeededError: `approval.passphrase_needed`, for a key that was opened before. SignInAgainError:
            `approval.sign_in_again`, likewise at a provider. BadPassphraseError: `approval.bad_passphrase`.
        Otherwise as `may_review`. Nothing was stored.
    """
    reason = stated(reason)
    deployment.watch.check()
    approver = may_review(deployment, shown, signing.approver_id)
    check_proved(deployment, signing, shown.content.proposal_id, shown.content.risk)
    said = _words(deployment, shown, approver, verdict, reason)
    with recorded(deployment, shown, signing.approver_id, "review.refused"):
        made = signed_review(deployment, signing, said)
    store = deployment.state.proposals
    store.review(made)
    found = emergency(deployment, store.get(said.proposal_id))
    if found is None:
        raise ProposalDamagedError(proposal_id=said.proposal_id)
    return found


def stated(reason: str) -> str:
    """Return somebody's own words without blanks around them.

    Raises:
        ReasonNeededError: `approval.reason_needed`. InvalidArgumentError: `call.invalid_argument`.
    """
    reason = reason.strip()
    if len(reason) < envelope.MIN_REASON:
        raise ReasonNeededError(at_least=envelope.MIN_REASON)
    if len(reason) > MAX_REASON:
        raise InvalidArgumentError(argument="reason", rule="length", expected=f"at most {MAX_REASON} characters")
    return reason


def check_proved(deployment: Deployment, signing: Signing, proposal_id: str, risk: str) -> None:
    """Refuse a reviewer who has not proved who they are for this very statement.

    Raises:
        PassphraseNeededError: `approval.passphrase_needed`. SignInAgainError: `approval.sign_in_again`.
    """
    if signing.sign_in is not None:
        check_signed_in(signing.sign_in, (proposal_id,), deployment.clock.wall())
    elif signing.key is not None:
        raise PassphraseNeededError(approver=signing.approver_id, risk=risk)


def signed_review(deployment: Deployment, signing: Signing, said: Review) -> SignedReview:
    """Return a statement with its signature; raises as `sign_as`."""
    said = _by(signing, said)
    text, message = review.message(said)
    return SignedReview(
        proposal_id=said.proposal_id,
        approver_id=said.approver_id,
        verdict=said.verdict,
        statement=text,
        signature=sign_as(deployment, signing, text, message).signature,
        nonce=said.nonce,
        reviewed_at=said.reviewed_at,
    )


def _readable(deployment: Deployment, broken: Iterable[BrokenGlass]) -> Iterator[Emergency]:
    """Yield those whose row is what was signed; `damaged_glass` has the others."""
    store = deployment.state.proposals
    for one in broken:
        with suppress(ProposalDamagedError):
            proposal = store.get(one.proposal_id)
            if damaged.names_digest(store.decisions(one.proposal_id), proposal.digest):
                yield _seen(deployment, proposal, one)


def _seen(deployment: Deployment, proposal: Proposal, glass: BrokenGlass) -> Emergency:
    decisions = deployment.state.proposals.decisions(proposal.content.proposal_id)
    opened = [(one.approver_id, envelope.opened(one.envelope)) for one in decisions if one.decision == "break_glass"]
    found = review.opened(glass.review.statement) if glass.review is not None else None
    return Emergency(
        proposal=proposal,
        glass=glass,
        overdue=glass.is_overdue(deployment.clock.wall()),
        said=tuple((who, words[0].comment if words else "") for who, words in opened),
        reviewers=_reviewers(deployment, proposal.content),
        found=found[0] if found else None,
        flaw=_flaw(deployment, proposal, glass),
    )


def _flaw(deployment: Deployment, proposal: Proposal, glass: BrokenGlass) -> str:
    """Return why a stored review counts for nothing, empty where it counts or there is none."""
    if glass.review is None:
        return ""
    asked = requesters(proposal.content, (), deployment.clock.wall())
    broke = _broken_by(deployment, proposal)
    also = _reviewers(deployment, proposal.content)
    return review.refusal_of(proposal, glass.review, trusted(deployment), asked, broken_by=broke, also=also)


def _reviewers(deployment: Deployment, content: Content) -> tuple[str, ...]:
    """Return who may review it: whom its terms name, and whom the policy in force names for the same tool."""
    then = content.terms.break_glass
    return tuple(dict.fromkeys((*(then.review_by if then else ()), *reviewers_now(deployment, content.tool))))


def reviewers_now(deployment: Deployment, tool: str) -> tuple[str, ...]:
    """Return whom the policy in force names as reviewers of a tool."""
    digest, text = deployment.state.bundles.active()
    grant = None
    with suppress(BadBundleError):
        grant = from_json(text, digest).grants.get(tool) if digest else None
    now = grant.approval.break_glass if grant is not None else None
    return now.review_by if now else ()


def _broken_by(deployment: Deployment, proposal: Proposal) -> tuple[str, ...]:
    decisions = deployment.state.proposals.decisions(proposal.content.proposal_id)
    return tuple(sorted(one.approver_id for one in decisions if one.decision == "break_glass"))


def _words(deployment: Deployment, shown: Proposal, approver: Enrolment, verdict: ReviewVerdict, reason: str) -> Review:
    content = shown.content
    return Review(
        deployment=content.deployment,
        proposal_id=content.proposal_id,
        digest=shown.digest,
        broken_by=_broken_by(deployment, shown),
        verdict=verdict,
        meaning=review.meaning_of(verdict),
        reason=reason,
        approver_id=approver.approver_id,
        approver_name=approver.name,
        public_key=approver.public_key,
        reviewed_at=exact_instant(deployment.clock.wall()),
        nonce=secrets.token_hex(16),
    )


def _by(signing: Signing, said: Review) -> Review:
    """Return a statement in the words of the page where a provider knew its person."""
    if signing.sign_in is None or signing.key is None:
        return said
    told = {one.name: getattr(said, one.name) for one in fields(said)}
    return OidcReview(**{**told, "public_key": signing.key.public}, sign_in=signing.sign_in)
