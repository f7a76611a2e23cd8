"""How people who are signed in were known at their provider: in the memory of this process, like open keys.

A decision counts on it for minutes; then, and after a restart, its person signs in again at the provider.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from erp_mcp.domain.approver import SignIn
from erp_mcp.ports import Clock
from erp_mcp.web.held_keys import HELD_FOR

_MOST: Final = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class _Held:
    sign_in: SignIn
    id_token: str = field(repr=False)
    until: datetime


class HeldSignIns:
    """Sign-ins by the session that came of them. Safe for several threads."""

    def __init__(self, clock: Clock) -> None:
        """Count minutes by `clock.wall`."""
        self._clock = clock
        self._lock = threading.Lock()
        self._held: dict[str, _Held] = {}

    def keep(self, session: str, sign_in: SignIn, id_token: str) -> None:
        """Hold how somebody was known, in place of what was held; when there are too many, the oldest goes."""
        with self._lock:
            self._held.pop(session, None)
            while len(self._held) >= _MOST:
                del self._held[next(iter(self._held))]
            self._held[session] = _Held(sign_in=sign_in, id_token=id_token, until=self._clock.wall() + HELD_FOR)

    def last(self, session: str) -> SignIn | None:
        """Return how the person of a session was known last, however long ago; `None` after a restart."""
        with self._lock:
            held = self._held.get(session)
        return held.sign_in if held is not None else None

    def of(self, session: str) -> SignIn | None:
        """Return how the person of a session was known, `None` where that is too long ago to decide by."""
        with self._lock:
            held = self._held.get(session)
        return held.sign_in if held is not None and self._clock.wall() < held.until else None

    def id_token(self, session: str) -> str:
        """Return the provider's token for a session, for signing out there; empty where none is held any more."""
        with self._lock:
            held = self._held.get(session)
        return held.id_token if held is not None else ""

    def of_session(self, issuer: str, there: str) -> tuple[str, ...]:
        """Return the sessions whose person proved who they are in that session at the provider."""
        with self._lock:
            return tuple(
                ours
                for ours, held in self._held.items()
                if (held.sign_in.issuer, held.sign_in.session) == (issuer, there)
            )

    def forget(self, session: str) -> None:
        """Let go of what a session held."""
        with self._lock:
            self._held.pop(session, None)
