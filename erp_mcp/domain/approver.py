"""People who decide: enrolments that each stand on an earlier one, and what may be signed beside decisions."""

from __future__ import annotations

import json
from dataclasses import dataclass
from hashlib import sha256
from typing import Final

_APART: Final = "\n"  # stands in no issuer


@dataclass(frozen=True, slots=True, kw_only=True)
class Enrolment:
    """Who may decide, in the words that are signed: by themselves for the first, else by one who was there before."""

    deployment: str
    approver_id: str
    name: str
    public_key: str  # Ed25519, 32 bytes, lower-case hexadecimal
    enrolled_by: str
    enrolled_at: str


@dataclass(frozen=True, slots=True, kw_only=True)
class OidcApprover(Enrolment):
    """An approver in force who may also sign in at an OpenID provider.

    `public_key` is empty where they have no key of their own: no signature is ever theirs then. `subjects` are issuer
    and subject of each account; `page_keys` are the keys of pages in force, which sign what such a person decides.
    """

    subjects: tuple[tuple[str, str], ...]
    page_keys: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class SignIn:
    """How a provider knew a person, in the words that the page signs.

    `session` is the provider's name for its session, or else ours for the one at the page. `authenticated_at` is when
    the person proved who they are there; `acr` and `amr` say how, where the provider tells. `asked_for` is what they
    were asked to prove it for: a proposal's id, `taint:AGENT`, or nothing for signing in to the page.
    """

    issuer: str
    subject: str
    session: str
    authenticated_at: str
    acr: str
    amr: tuple[str, ...]
    asked_for: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Signed:
    """A canonical JSON text and an Ed25519 signature over it (with a domain tag before it), lower-case hexadecimal."""

    text: str
    signer: str  # approver id
    signature: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Approver:
    """An enrolment as stored, with the sealed private key and the revocation, where there is one.

    `account` is given where one at a provider is enrolled: the word that no second enrolment may have.
    """

    approver_id: str
    enrolment: Signed
    sealed_key: str
    revocation: Signed | None = None
    account: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Applied:
    """Who made a policy bundle count, when, in place of which, and with whose signature where it allows writes."""

    digest: str
    applied_by: str
    applied_at: str
    approval: Signed | None = None
    previous: str = ""  # digest of the bundle that was in force before


@dataclass(frozen=True, slots=True, kw_only=True)
class Stop:
    """A pressed kill switch: `all`, or one `tool:…`, `agent:…`, `system:…`, `site:…`."""

    scope: str
    set_by: str
    set_at: str
    reason: str


def account_identity(issuer: str, subject: str) -> str:
    """Return one word for an account at a provider; the subject itself stands in the signed words alone."""
    return f"oidc:{sha256(_APART.join((issuer, subject)).encode()).hexdigest()}"


def account_row(issuer: str, subject: str) -> str:
    """Return under which id an account at a provider is enrolled; a person's own id may have a key as well."""
    return account_identity(issuer, subject)[: len("oidc:") + 24]


def page_row(public_key: str) -> str:
    """Return under which id the key of a page is enrolled."""
    return f"page:{public_key[:16]}"


def rows_of_words(approver_id: str, text: str) -> tuple[str, ...]:
    """Return the ids of the enrolments that somebody's signed words stand on.

    Args:
        approver_id: Whose words they are.
        text: The words, canonical JSON; nothing of them is verified here.

    Returns:
        The person's own id, and where a page signed for somebody whom a provider knew, those of account and page.
    """
    try:
        told = json.loads(text)
        known, key = told["sign_in"], told["public_key"]
        return (approver_id, account_row(known["issuer"], known["subject"]), page_row(key))
    except (ValueError, TypeError, KeyError, RecursionError):  # a person's own words, or none at all
        return (approver_id,)
