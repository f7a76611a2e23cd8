"""What somebody signs who looks afterwards at what two people approved in an emergency: it was justified, or not."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Final, Protocol

from erp_mcp.approval import envelope, oidc, signed
from erp_mcp.approval.requesters import asked_in_emergency, names_of
from erp_mcp.domain.approver import Enrolment, SignIn
from erp_mcp.domain.proposal import Content, Proposal, ReviewVerdict, SignedReview

DAMAGED: Final = (
    "I could not look at what the glass was broken for: what is stored of it is not what was signed. It counts as not"
    " justified."
)
_MEANINGS: Final[Mapping[ReviewVerdict, str]] = {
    "justified": "I have looked at why and how the glass was broken for this: it was justified.",
    "not_justified": "I have looked at why and how the glass was broken for this: it was not justified.",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Review:
    """A statement in the words that are signed.

    `digest` is that of the whole content, as in a decision. `broken_by` are the ids of those who approved it in an
    emergency, sorted. `reason` are the reviewer's own words.
    """

    deployment: str
    proposal_id: str
    digest: str
    broken_by: tuple[str, ...]
    verdict: ReviewVerdict
    meaning: str
    reason: str
    approver_id: str
    approver_name: str
    public_key: str
    reviewed_at: str
    nonce: str


@dataclass(frozen=True, slots=True, kw_only=True)
class OidcReview(Review):
    """A statement of a person whom a provider knew, in the words that the page signs; `public_key` is the page's."""

    sign_in: SignIn


def meaning_of(verdict: ReviewVerdict) -> str:
    """Return in words what a statement says."""
    return _MEANINGS[verdict]


def message(review: Review) -> tuple[str, bytes]:
    """Return the text that is stored and the bytes that are signed."""
    return signed.written(signed.OIDC_REVIEW if isinstance(review, OidcReview) else signed.REVIEW, review)


def opened(text: str) -> tuple[Review, bytes] | None:
    """Return the statement of a stored text and the bytes that must have been signed; `None` if it isn't one."""
    own = signed.opened(signed.REVIEW, Review, text)
    return own or signed.opened(signed.OIDC_REVIEW, OidcReview, text)


def objection_to(
    content: Content,
    approver: Enrolment,
    requesters: frozenset[str],
    broken_by: Collection[Enrolment],
    also: Collection[str] = (),
) -> str:
    """Return why this approver may not look at it: `not_reviewer`, `broke_it`, `requester`, or nothing.

    Args:
        content: What was approved in an emergency.
        approver: Who would look at it.
        requesters: Normalised names as `requesters.requesters` found them; the owner counts in any case.
        broken_by: Those who approved it.
        also: Ids of those whom policy names as reviewers by now; else one whose reviewers have left could be reviewed
            by nobody, and the glass stay shut for good.
    """
    glass = content.terms.break_glass
    if glass is None or approver.approver_id not in {*glass.review_by, *also}:
        return "not_reviewer"
    if any(names_of(approver) & names_of(one) for one in broken_by):
        return "broke_it"
    return "requester" if names_of(approver) & asked_in_emergency(content, requesters) else ""


def refusal_of(
    proposal: Proposal,
    stored: SignedReview,
    trusted: Mapping[str, Enrolment],
    requesters: frozenset[str],
    *,
    broken_by: Collection[str],
    also: Collection[str] = (),
) -> str:
    """Return why a stored statement does not count, empty when it does.

    Args:
        proposal: What it is about, as stored.
        stored: The statement as stored; nothing of it is believed that no signature holds.
        trusted: Approvers as `registry.trusted` found them.
        requesters: Normalised names as `requesters.requesters` found them.
        broken_by: Ids of those who approved it in an emergency.
        also: As `objection_to`.

    Returns:
        `envelope`, `not_enrolled`, `signature`, as `objection_to`, or nothing.
    """
    content = proposal.content
    about = _About(
        deployment=content.deployment,
        proposal_id=content.proposal_id,
        digest=envelope.digest(content),
        broken_by=tuple(sorted(broken_by)),
    )
    # Its row may have been put right since somebody closed the review of what they could not look at.
    meanings = (meaning_of(stored.verdict), *((DAMAGED,) if stored.verdict == "not_justified" else ()))
    approver = signer_of(stored, trusted, about, meanings)
    if isinstance(approver, str):
        return approver
    broke = [trusted[one] for one in broken_by if one in trusted]
    return objection_to(content, approver, requesters, broke, also)


class About(Protocol):
    """What a statement has to be about."""

    @property
    def deployment(self) -> str:
        """Return where."""

    @property
    def proposal_id(self) -> str:
        """Return of which proposal."""

    @property
    def digest(self) -> str:
        """Return of which content."""

    @property
    def broken_by(self) -> tuple[str, ...]:
        """Return the ids of those who approved it in an emergency, sorted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _About:
    deployment: str
    proposal_id: str
    digest: str
    broken_by: tuple[str, ...]


def signer_of(
    stored: SignedReview, trusted: Mapping[str, Enrolment], about: About, meanings: Collection[str]
) -> Enrolment | str:
    """Return who signed a stored statement that says one of these of this, or why it does not count.

    Args:
        stored: As stored.
        trusted: Approvers as `registry.trusted` found them.
        about: What it has to be about.
        meanings: What it may say.

    Returns:
        The approver; or `envelope`, `not_enrolled`, `signature`.
    """
    found = opened(stored.statement)
    if found is None:
        return "envelope"
    words, signed_bytes = found
    row = (stored.proposal_id, stored.approver_id, stored.verdict, stored.nonce, stored.reviewed_at)
    said = (words.proposal_id, words.approver_id, words.verdict, words.nonce, words.reviewed_at)
    told = (words.deployment, words.proposal_id, words.digest, words.broken_by)
    wanted = (about.deployment, about.proposal_id, about.digest, about.broken_by)
    if row != said or told != wanted or words.meaning not in meanings:
        return "envelope"
    approver = trusted.get(stored.approver_id)
    if approver is None or approver.name != words.approver_name:
        return "not_enrolled"
    sign_in = words.sign_in if isinstance(words, OidcReview) else None
    unsigned = oidc.unsigned(words, words.reviewed_at, signed_bytes, stored.signature, approver, sign_in=sign_in)
    return unsigned or approver
