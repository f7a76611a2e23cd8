"""A person who is signed in to the approver's page."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from hashlib import sha256
from typing import Final, Literal

SignInMethod = Literal["passphrase", "oidc"]


@dataclass(frozen=True, slots=True, kw_only=True)
class PageSession:
    """Who is signed in, how, since when, when they were last seen, and when it ends at the latest (UTC instants).

    `token_hash` is the SHA-256, in hexadecimal, of what their browser holds. `provider_session` is what
    `provider_session_of` gives for the session at the provider that this one came of, empty where none was named.
    """

    token_hash: str
    approver_id: str
    method: SignInMethod
    signed_in_at: str
    seen_at: str
    ends_at: str
    provider_session: str = ""


def provider_session_of(issuer: str, session: str) -> str:
    """Return how a session at a provider is kept here: by a hash; empty where the provider named none."""
    return sha256(f"{issuer}\n{session}".encode()).hexdigest() if session else ""


@dataclass(frozen=True, slots=True, kw_only=True)
class EndedThere:
    """What a provider says has ended there, once.

    Attributes:
        word: What tells this word of the provider from any other.
        session: Of `provider_session_of`; empty where all sessions of the person have ended.
        approver_id: Whose account it is, empty for nobody's here.
        hashes: Our sessions whose person has proved anew who they are in that session there.
    """

    word: str
    session: str = ""
    approver_id: str = ""
    hashes: tuple[str, ...] = ()

    def covers(self, one: PageSession) -> bool:
        """Whether a session of ours ends with it; one of that person which came of no named session does."""
        theirs = bool(self.approver_id) and one.approver_id == self.approver_id
        if not self.session:
            return theirs
        return (
            one.token_hash in self.hashes
            or one.provider_session == self.session
            or (theirs and not one.provider_session)
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class FailedTries:
    """How often in a row signing in under a name has failed, and when it last did; empty where it has not."""

    failures: int = 0
    last_at: str = ""


FORGOTTEN_AFTER: Final = timedelta(hours=1)  # failures in a row that lie so far back count no longer


@dataclass(frozen=True, slots=True, kw_only=True)
class ReturnLimits:
    """How many may come back from a provider within a while without being let in, and how long one is remembered."""

    per_client: int
    in_all: int
    window: timedelta
    lasts: timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class CameBack:
    """What became of somebody's return from a provider: let through, or not.

    Attributes:
        name: What it is counted under until it is given back; empty for one that is not counted.
        was_used: Its sign-in was good for another return before.
        full_since: There were too many; the oldest of them is of this instant.
    """

    name: str = ""
    was_used: bool = False
    full_since: str = ""
