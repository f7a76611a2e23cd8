"""Keys of approvers who are signed in, unsealed, in the memory of this process and nowhere else, for minutes.

The passphrase itself is never kept. A key is forgotten when its time is over, when its session ends, and with the
process; a decision then takes the passphrase again.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from erp_mcp.approval.keys import OpenKey
from erp_mcp.ports import Clock

HELD_FOR: Final = timedelta(minutes=10)  # from the moment at which the passphrase was given, used or not
_MOST: Final = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class _Held:
    key: OpenKey
    until: datetime


class HeldKeys:
    """Unsealed keys by the session that opened them. Safe for several threads."""

    def __init__(self, clock: Clock) -> None:
        """Forget by `clock.wall`."""
        self._clock = clock
        self._lock = threading.Lock()
        self._held: dict[str, _Held] = {}

    def keep(self, session: str, key: OpenKey) -> None:
        """Hold a key for a session, in place of one that it had; when too many are held, the oldest goes."""
        with self._lock:
            self._forget_old()
            while len(self._held) >= _MOST and session not in self._held:
                del self._held[min(self._held, key=lambda one: self._held[one].until)]
            self._held[session] = _Held(key=key, until=self._clock.wall() + HELD_FOR)

    def of(self, session: str) -> OpenKey | None:
        """Return the key of a session, `None` where none is held any more."""
        with self._lock:
            self._forget_old()
            held = self._held.get(session)
        return held.key if held is not None else None

    def forget(self, session: str) -> None:
        """Let go of the key of a session."""
        with self._lock:
            self._held.pop(session, None)

    def _forget_old(self) -> None:
        now = self._clock.wall()
        for session in [one for one, held in self._held.items() if held.until <= now]:
            del self._held[session]
