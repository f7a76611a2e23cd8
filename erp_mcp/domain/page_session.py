"""A person who is signed in to the approver's page."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

SignInMethod = Literal["passphrase", "oidc"]


@dataclass(frozen=True, slots=True, kw_only=True)
class PageSession:
    """Who is signed in, how, since when, when they were last seen, and when it ends at the latest (UTC instants).

    `token_hash` is the SHA-256, in hexadecimal, of what their browser holds.
    """

    token_hash: str
    approver_id: str
    method: SignInMethod
    signed_in_at: str
    seen_at: str
    ends_at: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FailedTries:
    """How often in a row signing in under a name has failed, and when it last did; empty where it has not."""

    failures: int = 0
    last_at: str = ""
