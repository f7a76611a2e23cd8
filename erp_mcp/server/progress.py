"""Signs of life for a call that takes long: hosts that wait for progress give up later."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterator, Mapping
from typing import Final

from erp_mcp.domain.call import JsonValue
from erp_mcp.server.exchange import SendNotice

PROGRESS: Final = "notifications/progress"
FIRST_S: Final = 1.0  # most answers are there by then, and nobody hears of progress
EVERY_S: Final = 2.0


def token_of(meta: Mapping[str, JsonValue]) -> str | int | None:
    """Return the token by which a client wants to hear of progress; `None` when it does not."""
    token = meta.get("progressToken")
    return token if isinstance(token, str | int) and not isinstance(token, bool) else None


@contextlib.contextmanager
def telling(
    token: str | int | None, notify: SendNotice, *, first_s: float = FIRST_S, every_s: float = EVERY_S
) -> Iterator[None]:
    """Tell the client from time to time that its call is under way, as long as the block runs.

    How much is left is not known, so there is no total; `progress` is how many signs were sent, which only grows.
    """
    if token is None:
        yield
        return
    signs = _Signs(token, notify, every_s)
    signs.next(first_s)
    try:
        yield
    finally:
        signs.end()


class _Signs:
    def __init__(self, token: str | int, notify: SendNotice, every_s: float) -> None:
        self._token = token
        self._notify = notify
        self._every_s = every_s
        self._sent = 0
        self._timer: asyncio.TimerHandle | None = None

    def next(self, in_s: float) -> None:
        """Send the next sign in so many seconds."""
        self._timer = asyncio.get_running_loop().call_later(in_s, self._send)

    def _send(self) -> None:
        self._sent += 1
        self._notify(
            PROGRESS, {"progressToken": self._token, "progress": self._sent, "message": "Reading and working it out."}
        )
        self.next(self._every_s)

    def end(self) -> None:
        """Send no more."""
        if self._timer is not None:
            self._timer.cancel()
