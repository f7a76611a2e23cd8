"""Smaller proposals that somebody has worked out and not yet said yes to: in memory, one for each session."""

from __future__ import annotations

import threading
from typing import Final

from erp_mcp.administration import Narrowed

_MOST: Final = 100


class Drafts:
    """What each session is about to say yes to. Safe for several threads."""

    def __init__(self) -> None:
        """Hold nothing yet."""
        self._lock = threading.Lock()
        self._held: dict[str, Narrowed] = {}

    def keep(self, session: str, made: Narrowed) -> None:
        """Hold what a session has worked out, in place of what it had; when there are too many, the oldest goes."""
        with self._lock:
            self._held.pop(session, None)
            while len(self._held) >= _MOST:
                del self._held[next(iter(self._held))]
            self._held[session] = made

    def of(self, session: str, digest: str) -> Narrowed | None:
        """Return what a session has worked out, where it is the one of this digest."""
        with self._lock:
            made = self._held.get(session)
        return made if made is not None and made.proposal.digest == digest else None
