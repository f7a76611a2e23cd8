"""What an approver signs: a decision bound to the digest of everything that makes up the proposal."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256
from typing import Final, Literal

from erp_mcp.approval import signed
from erp_mcp.domain.approver import SignIn
from erp_mcp.domain.canonical_json import canonical
from erp_mcp.domain.forms import to_json
from erp_mcp.domain.proposal import Content, Decided

_CONTENT_DOMAIN: Final = b"erp-mcp/proposal/v1\n"
_MEANINGS: Final = {
    ("approve", False): "I approve that exactly this is written, as it was shown to me.",
    ("approve", True): "I approve that exactly this is written, as it was shown to me, as owner, by self approval.",
    ("narrow", False): "I approve that exactly this is written, less than was asked for, as it was shown to me.",
    ("narrow", True): (
        "I approve that exactly this is written, less than was asked for, as it was shown to me, as owner, by self"
        " approval."
    ),
    ("break_glass", False): (
        "In an emergency I approve that exactly this is written, as it was shown to me, by break-glass; I answer for it"
        " in the review."
    ),
    ("reject", False): "I reject this; it is not to be written.",
    ("reject", True): "I reject this; it is not to be written.",
}

Choice = Decided
MIN_REASON: Final = 20  # characters of why the glass is broken
Method = Literal["passphrase", "session", "oidc"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Envelope:
    """A decision in the words that are signed: who, what, about which content, when, how known, and what they meant.

    `digest` is that of the whole content: payload, preview, definition of the tool, version of the record, policy and
    its terms, limits, age of the evidence, agent, owner and times. `method` is how the person was known: `passphrase`,
    given for this very decision; `session`, given minutes before to the page that held the key since then; `oidc`, by
    a provider, where `public_key` is the page's and the words are an `OidcEnvelope`.
    """

    deployment: str
    proposal_id: str
    digest: str
    decision: Choice
    meaning: str
    approver_id: str
    approver_name: str
    public_key: str
    method: Method
    decided_at: str
    nonce: str
    comment: str


@dataclass(frozen=True, slots=True, kw_only=True)
class OidcEnvelope(Envelope):
    """A decision of a person whom a provider knew, in the words that the page signs."""

    sign_in: SignIn


def meaning_of(decision: Choice, *, by_self_approval: bool, narrows: bool = False) -> str:
    """Return in words what a decision says; `narrows`, where it is about less than was asked for."""
    if decision == "break_glass":  # never as owner, whatever the terms say
        return _MEANINGS[decision, False]
    return _MEANINGS["narrow" if narrows and decision == "approve" else decision, by_self_approval]


def message(envelope: Envelope) -> tuple[str, bytes]:
    """Return the text that is stored and the bytes that are signed."""
    return signed.written(signed.OIDC_DECISION if isinstance(envelope, OidcEnvelope) else signed.DECISION, envelope)


def opened(text: str) -> tuple[Envelope, bytes] | None:
    """Return the envelope of a stored text and the bytes that must have been signed; `None` if it isn't one.

    Only the canonical form counts, so that one decision has one text.
    """
    found = signed.opened(signed.DECISION, Envelope, text) or signed.opened(signed.OIDC_DECISION, OidcEnvelope, text)
    if found is None or (found[0].method == "oidc") != isinstance(found[0], OidcEnvelope):
        return None
    return found


def digest(content: Content) -> str:
    """Return the digest of a content as it is now; equal to what was signed only if nothing of it was changed.

    Raises:
        ValueError: The content holds what has no canonical form.
    """
    return sha256(_CONTENT_DOMAIN + canonical(to_json(content))).hexdigest()
