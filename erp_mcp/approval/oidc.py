"""People who sign in at an OpenID provider: how they are enrolled, and when what the page signs for them counts.

They have no key here. The page has one, enrolled by an approver like a person's; it signs that a provider knew
somebody, how and when, and what they decided. It speaks for people who are enrolled with their subject and nobody else.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Protocol

from erp_mcp.approval import keys, signed
from erp_mcp.domain.approver import Enrolment, OidcApprover, SignIn, account_identity, account_row, page_row
from erp_mcp.domain.instants import parse_instant

FRESH: Final = timedelta(minutes=5)  # between proving who one is for something, and signing it
LONGEST: Final = timedelta(hours=12)  # between proving who one is and any decision
_SKEW: Final = timedelta(minutes=1)  # between the provider's clock and ours


@dataclass(frozen=True, slots=True, kw_only=True)
class OidcEnrolment:
    """The words that let somebody decide who signs in at a provider: issuer and subject, never an e-mail address."""

    deployment: str
    approver_id: str
    name: str
    issuer: str
    subject: str
    enrolled_by: str
    enrolled_at: str

    @property
    def row_id(self) -> str:
        """Return under which id this is stored; a person's own id may have a key as well."""
        return account_row(self.issuer, self.subject)

    @property
    def identity(self) -> str:
        """Return what only one enrolment may have."""
        return account_identity(self.issuer, self.subject)


@dataclass(frozen=True, slots=True, kw_only=True)
class PageEnrolment:
    """The words that let a page sign what people decide who sign in at a provider."""

    deployment: str
    page: str
    public_key: str
    enrolled_by: str
    enrolled_at: str

    @property
    def row_id(self) -> str:
        """Return under which id this is stored."""
        return page_row(self.public_key)

    @property
    def identity(self) -> str:
        """Return what only one enrolment may have."""
        return self.public_key


def oidc_message(enrolment: OidcEnrolment) -> tuple[str, bytes]:
    """Return the text that is stored and the bytes that are signed."""
    return signed.written(signed.OIDC_ENROLMENT, enrolment)


def page_message(enrolment: PageEnrolment) -> tuple[str, bytes]:
    """Return the text that is stored and the bytes that are signed."""
    return signed.written(signed.PAGE_ENROLMENT, enrolment)


def is_known(approver: Enrolment, sign_in: SignIn, page_key: str) -> bool:
    """Whether this account is enrolled as this approver's, and that key as a page's."""
    if not isinstance(approver, OidcApprover):
        return False
    return (sign_in.issuer, sign_in.subject) in approver.subjects and page_key in approver.page_keys


def is_timely(sign_in: SignIn, at: datetime, anew_for: Collection[str]) -> bool:
    """Whether somebody had proved who they are recently enough to decide at that moment.

    Args:
        sign_in: How they were known.
        at: When they decide.
        anew_for: What they must have proved it for, minutes before; empty where signing in to the page is enough.
    """
    try:
        age = at - parse_instant(sign_in.authenticated_at)
    except ValueError:
        return False
    if anew_for and sign_in.asked_for not in anew_for:
        return False
    return -_SKEW <= age <= (FRESH + _SKEW if anew_for else LONGEST)


class Words(Protocol):
    """What every statement about a proposal says."""

    @property
    def proposal_id(self) -> str:
        """Return what it is about."""

    @property
    def public_key(self) -> str:
        """Return whose key signed it: the person's own, or the page's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PageWord:
    """What the page signed for somebody: how they were known, when they said it, and its signature."""

    sign_in: SignIn
    page_key: str
    said_at: str
    message: bytes
    signature: str


def flaw(word: PageWord, approver: Enrolment, anew_for: Collection[str]) -> str:
    """Return what is wrong with what a page signed for somebody: `not_enrolled`, `signature`, `envelope`, or nothing.

    Args:
        word: As signed.
        approver: In force, as `registry.trusted` found them.
        anew_for: As `is_timely`.
    """
    if not is_known(approver, word.sign_in, word.page_key):
        return "not_enrolled"
    if not keys.verifies(word.page_key, word.message, word.signature):
        return "signature"
    try:
        said = parse_instant(word.said_at)
    except ValueError:
        return "envelope"
    return "" if is_timely(word.sign_in, said, anew_for) else "envelope"


def unsigned(
    words: Words, said_at: str, signed_bytes: bytes, signature: str, approver: Enrolment, *, sign_in: SignIn | None
) -> str:
    """Return what is wrong with the signature of a statement, for which who makes it proves anew who they are.

    Args:
        words: The statement.
        said_at: When, as it says.
        signed_bytes: What must have been signed.
        signature: As stored.
        approver: Whose it is said to be, in force.
        sign_in: How a provider knew them; `None` where they have a key of their own.

    Returns:
        `not_enrolled`, `signature`, `envelope`, or nothing.
    """
    if sign_in is not None:
        word = PageWord(
            sign_in=sign_in, page_key=words.public_key, said_at=said_at, message=signed_bytes, signature=signature
        )
        return flaw(word, approver, (words.proposal_id,))
    if approver.public_key != words.public_key:
        return "not_enrolled"
    return "" if keys.verifies(approver.public_key, signed_bytes, signature) else "signature"
