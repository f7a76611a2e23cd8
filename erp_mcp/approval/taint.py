"""Has an agent read, within the time that policy looks back, text that outsiders wrote? Then one more person decides.

An approver may say that what it read is of no concern: a signed word about that very reading, and about none after it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from erp_mcp.approval import keys, oidc, signed
from erp_mcp.approval.oidc import PageWord
from erp_mcp.approval.requesters import key_of, names_of
from erp_mcp.domain.approver import Enrolment, Signed, SignIn
from erp_mcp.domain.instants import parse_instant
from erp_mcp.domain.principal import Principal
from erp_mcp.domain.taint import OutsiderText


@dataclass(frozen=True, slots=True, kw_only=True)
class Clearing:
    """The words that are signed: I have looked at what this agent read up to then, and it asks for nothing."""

    deployment: str
    agent: str
    read_at: str
    fields: tuple[str, ...]
    reason: str
    approver_id: str
    approver_name: str
    public_key: str
    cleared_at: str
    nonce: str


@dataclass(frozen=True, slots=True, kw_only=True)
class OidcClearing(Clearing):
    """The same of a person whom a provider knew, in the words that the page signs; `public_key` is the page's."""

    sign_in: SignIn


def message(clearing: Clearing) -> tuple[str, bytes]:
    """Return the text that is stored and the bytes that are signed."""
    return signed.written(signed.OIDC_TAINT if isinstance(clearing, OidcClearing) else signed.TAINT, clearing)


def opened(text: str) -> tuple[Clearing, bytes] | None:
    """Return the words of a stored text and the bytes that must have been signed; `None` if it isn't any."""
    return signed.opened(signed.TAINT, Clearing, text) or signed.opened(signed.OIDC_TAINT, OidcClearing, text)


def asked_for(agent: str) -> str:
    """Return what somebody proves anew who they are for, to clear what an agent has read."""
    return f"taint:{agent}"


def is_within(read: OutsiderText, taint_s: int, now: datetime) -> bool:
    """Whether a reading counts at this moment; a time that can't be read, or is to come, counts."""
    try:
        return parse_instant(read.read_at) > now - timedelta(seconds=taint_s)
    except ValueError:
        return True


def may_clear(approver: Enrolment, principal: Principal) -> bool:
    """Whether an approver may speak for what an agent read: not the agent itself, nor the person it acts for."""
    return not names_of(approver) & {key_of(principal.agent), key_of(principal.owner)}


def is_cleared(
    read: OutsiderText,
    clearings: Iterable[Signed],
    trusted: Mapping[str, Enrolment],
    principal: Principal,
    deployment: str,
) -> bool:
    """Whether an approver in force signed that this very reading is of no concern; any other word is worth nothing."""
    return any(_clears(read, one, trusted, principal, deployment) for one in clearings)


def _clears(
    read: OutsiderText, stored: Signed, trusted: Mapping[str, Enrolment], principal: Principal, deployment: str
) -> bool:
    found = opened(stored.text)
    approver = trusted.get(stored.signer)
    if found is None or approver is None or not may_clear(approver, principal):
        return False
    words, signed_bytes = found
    told = (words.deployment, words.agent, words.read_at, words.approver_id, words.approver_name)
    meant = (deployment, read.agent, read.read_at, approver.approver_id, approver.name)
    return told == meant and _is_signed(words, signed_bytes, stored.signature, approver)


def _is_signed(words: Clearing, signed_bytes: bytes, signature: str, approver: Enrolment) -> bool:
    if not isinstance(words, OidcClearing):
        own = words.public_key == approver.public_key
        return own and keys.verifies(approver.public_key, signed_bytes, signature)
    word = PageWord(
        sign_in=words.sign_in,
        page_key=words.public_key,
        said_at=words.cleared_at,
        message=signed_bytes,
        signature=signature,
    )
    return not oidc.flaw(word, approver, (asked_for(words.agent),))
