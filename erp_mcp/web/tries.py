"""Guessing passphrases is slow: after a few failures in a row each further one has to wait, longer each time.

Nobody is locked out for good, and what somebody else guesses under a name never costs its owner more than a minute.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Final, Protocol

from erp_mcp.domain.instants import parse_instant
from erp_mcp.domain.page_session import FORGOTTEN_AFTER, FailedTries
from erp_mcp.errors import BadPassphraseError, BusyError, TooManyTriesError
from erp_mcp.ports import Clock

FREE: Final = 3  # failures in a row before there is a wait
LONGEST_S: Final = 60
_AT_ONCE: Final = 2  # passphrases tried at one time: each takes 64 MiB
_PATIENCE_S: Final = 10.0


class KeepsTries(Protocol):
    """What remembers failures, whatever process saw them."""

    def tries(self, name: str) -> FailedTries:
        """Return how often in a row a name has failed."""
        ...

    def failed(self, name: str, *, failures: int, code: str) -> None:
        """Note one more failure."""
        ...

    def forgive(self, name: str) -> None:
        """Forget the failures of a name."""
        ...


class Tries:
    """Who may try a passphrase now. Safe for several threads."""

    def __init__(self, kept: KeepsTries, clock: Clock) -> None:
        """Remember failures in `kept`; waits are on `clock.wall`."""
        self._kept = kept
        self._clock = clock
        self._room = threading.BoundedSemaphore(_AT_ONCE)
        self._turns: dict[str, threading.Lock] = {}  # approvers, and one for everybody who is not
        self._turns_lock = threading.Lock()

    @contextmanager
    def one(self, name: str) -> Iterator[None]:
        """Let the block try one passphrase under a name; a wrong one counts, a right one wipes the slate.

        Raises:
            TooManyTriesError: `approval.too_many_tries`; the block was not run. BusyError: `gateway.busy`, the same.
            BadPassphraseError: as the block; it was counted.
        """
        with _held(self._turn(name)):  # who asks many times at once is counted each time before the next
            before = self._check(name)
            with _held(self._room):
                try:
                    yield
                except BadPassphraseError as wrong:
                    self._kept.failed(name, failures=before.failures + 1, code=wrong.code)
                    raise
            if before.failures:
                self._kept.forgive(name)

    def _turn(self, name: str) -> threading.Lock:
        with self._turns_lock:
            return self._turns.setdefault(name, threading.Lock())

    def _check(self, name: str) -> FailedTries:
        before = self._kept.tries(name)
        if not before.failures:
            return before
        passed = self._clock.wall() - parse_instant(before.last_at)
        if passed >= FORGOTTEN_AFTER:
            return FailedTries()
        wait = wait_after(before.failures) - passed
        if wait > timedelta(0):
            raise TooManyTriesError(retry_after_s=int(wait.total_seconds()) + 1)
        return before


@contextmanager
def _held(what: threading.Lock | threading.BoundedSemaphore) -> Iterator[None]:
    if not what.acquire(timeout=_PATIENCE_S):
        raise BusyError
    try:
        yield
    finally:
        what.release()


def wait_after(failures: int) -> timedelta:
    """Return how long after so many failures in a row the next try has to wait."""
    if failures < FREE:
        return timedelta(0)
    return timedelta(seconds=min(LONGEST_S, 2 ** min(failures - FREE + 1, 10)))
