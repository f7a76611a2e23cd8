"""What an operator signs who looked into a system: a change whose outcome nobody knew is there, or it is not."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

from erp_mcp.approval import envelope, oidc, signed
from erp_mcp.approval.requesters import key_of, names_of
from erp_mcp.domain.approver import Enrolment, SignIn
from erp_mcp.domain.proposal import Content, Proposal, SignedResolution

RESOLUTION: Final = b"erp-mcp/resolution/v1\n"
Verdict = Literal["applied", "not_applied", "take_back"]
_MEANINGS: Final[Mapping[Verdict, str]] = {
    "applied": "I have looked into the system of record: exactly this was written there, once.",
    "not_applied": "I have looked into the system of record: nothing of this was written there, and nothing will be.",
    "take_back": (
        "I have looked into the systems of record: what is left of this is to be taken back, as it was approved to be."
    ),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Resolution:
    """A statement in the words that are signed.

    `digest` is that of the whole content, as in a decision. `document`, `key` and `version_token` are what is there,
    empty where nothing is. `reason` are the operator's own words: where they looked, and what they saw.
    """

    deployment: str
    proposal_id: str
    digest: str
    verdict: Verdict
    meaning: str
    document: str
    key: str
    version_token: str
    reason: str
    approver_id: str
    approver_name: str
    public_key: str
    resolved_at: str
    nonce: str


@dataclass(frozen=True, slots=True, kw_only=True)
class OidcResolution(Resolution):
    """A statement of a person whom a provider knew, in the words that the page signs; `public_key` is the page's."""

    sign_in: SignIn


def meaning_of(verdict: Verdict) -> str:
    """Return in words what a statement says."""
    return _MEANINGS[verdict]


def message(resolution: Resolution) -> tuple[str, bytes]:
    """Return the text that is stored and the bytes that are signed."""
    tag = signed.OIDC_RESOLUTION if isinstance(resolution, OidcResolution) else RESOLUTION
    return signed.written(tag, resolution)


def opened(text: str) -> tuple[Resolution, bytes] | None:
    """Return the statement of a stored text and the bytes that must have been signed; `None` if it isn't one."""
    own = signed.opened(RESOLUTION, Resolution, text)
    return own or signed.opened(signed.OIDC_RESOLUTION, OidcResolution, text)


def refusal_of(
    proposal: Proposal, stored: SignedResolution, trusted: Mapping[str, Enrolment], requesters: frozenset[str]
) -> str:
    """Return why a stored statement does not count, empty when it does.

    Args:
        proposal: What it is about, as stored.
        stored: The statement as stored; nothing of it is believed that no signature holds.
        trusted: Approvers as `registry.trusted` found them.
        requesters: Normalised names as `requesters.requesters` found them.

    Returns:
        `envelope`, `not_enrolled`, `signature`, `requester`, or nothing.
    """
    found = opened(stored.statement)
    if found is None or not _is_of(proposal, stored, found[0]):
        return "envelope"
    words, signed_bytes = found
    approver = trusted.get(stored.approver_id)
    if approver is None or approver.name != words.approver_name:
        return "not_enrolled"
    sign_in = words.sign_in if isinstance(words, OidcResolution) else None
    unsigned = oidc.unsigned(words, words.resolved_at, signed_bytes, stored.signature, approver, sign_in=sign_in)
    if unsigned:
        return unsigned
    return objection_to(proposal.content, approver, requesters)


def objection_to(content: Content, approver: Enrolment, requesters: frozenset[str]) -> str:
    """Return why this approver may not say what became of this: `requester`, or nothing.

    Any enrolled person who did not ask may: saying what is there decides nothing that policy would name others for.
    """
    asked = requesters | {key_of(content.owner)}  # even where they might approve their own
    return "requester" if names_of(approver) & asked else ""


def _is_of(proposal: Proposal, stored: SignedResolution, words: Resolution) -> bool:
    content = proposal.content
    about = (words.deployment, words.proposal_id, words.digest, words.meaning)
    row = (stored.proposal_id, stored.approver_id, stored.verdict, stored.nonce, stored.resolved_at)
    said = (words.proposal_id, words.approver_id, words.verdict, words.nonce, words.resolved_at)
    expected = (content.deployment, content.proposal_id, envelope.digest(content), meaning_of(words.verdict))
    return row == said and about == expected
