"""A value that is fetched once for all who ask, kept while it is good, and fetched anew before it ends."""

from __future__ import annotations

import asyncio
import contextvars
import logging
import random
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final, Generic, Protocol, TypeVar

from erp_mcp.errors import GatewayError, SecretUnavailableError, TransientError

Value = TypeVar("Value")
_log: Final = logging.getLogger("erp_mcp")
_DUE: Final = 0.8  # of the time that a value is good for
_JITTER: Final = 0.1  # of the same, so that processes started together do not refresh together
_FIRST_PAUSE_S: Final = 1.0
_LONGEST_PAUSE_S: Final = 60.0


class Ticks(Protocol):
    """A clock that only goes forward, in seconds."""

    def __call__(self) -> float:
        """Return the seconds since some moment."""
        ...


@dataclass(frozen=True, slots=True)
class Timing:
    """Where time and chance come from: `monotonic` in seconds, `chance` between 0 and 1."""

    monotonic: Ticks = time.monotonic
    chance: Callable[[], float] = random.random


@dataclass(frozen=True, slots=True, kw_only=True)
class Fetched(Generic[Value]):
    """A value, how many seconds it is good for from the moment it was asked for, and how long it may be used beyond."""

    value: Value
    good_s: float
    stale_s: float = 0.0

    def __repr__(self) -> str:
        """Show the times alone."""
        return f"Fetched(good_s={self.good_s}, stale_s={self.stale_s})"


class SingleFlight(Generic[Value]):
    """Lets one fetch run at a time; whoever asks meanwhile gets what it brings, its failure too."""

    def __init__(self) -> None:
        """Nothing runs yet."""
        self._flight: asyncio.Task[Value] | None = None

    async def run(self, fetch: Callable[[], Awaitable[Value]]) -> Value:
        """Return what `fetch`, or the fetch that runs already, brings; a caller who leaves does not end it."""
        return await asyncio.shield(self.start(fetch))

    def start(self, fetch: Callable[[], Awaitable[Value]]) -> asyncio.Task[Value]:
        """Return the running fetch, started now if there is none.

        It belongs to no caller, so it bears no deadline and no trace of one.
        """
        flight = self._flight
        if flight is None or flight.done() or flight.get_loop() is not asyncio.get_running_loop():
            flight = asyncio.create_task(_awaited(fetch), context=contextvars.Context())
            flight.add_done_callback(_looked_at)
            self._flight = flight
        return flight


async def _awaited(fetch: Callable[[], Awaitable[Value]]) -> Value:
    return await fetch()


def _looked_at(flight: asyncio.Task[Value]) -> None:
    """Take the failure of a fetch that nobody waits for any more."""
    if not flight.cancelled():
        flight.exception()


class Refreshing(Generic[Value]):
    """Keeps one value: fetched when first asked for, fetched anew beside its use once 80 % of its time is over.

    While the source can't be reached, the value is used to its end and `stale_s` beyond, and no longer; attempts are
    spaced out. What the source refuses outright ends the value at once.
    """

    def __init__(self, fetch: Callable[[], Awaitable[Fetched[Value]]], timing: Timing) -> None:
        """Fetch nothing yet."""
        self._fetch = fetch
        self._timing = timing
        self._flight: SingleFlight[Value] = SingleFlight()
        self._kept: Fetched[Value] | None = None
        self._asked_at = 0.0
        self._due_at = 0.0
        self._pause_s = 0.0
        self._not_before = 0.0
        self._failure: TransientError | None = None

    async def current(self) -> Value:
        """Return the value.

        Raises:
            SecretUnavailableError: `credentials.unavailable`, when there is none that may be used; whatever else
            `fetch` raises.
        """
        now = self._timing.monotonic()
        kept = self._kept
        if kept is None or now >= self._asked_at + kept.good_s + kept.stale_s:
            return await self._fetched_now(now)
        if now >= max(self._due_at, self._not_before):
            self._flight.start(self._anew)
        return kept.value

    async def renewed(self, refused: Value) -> Value:
        """Return a value that was fetched after `refused`, waiting for it; another that is kept already will do."""
        kept = self._kept
        if kept is not None and kept.value != refused:
            return kept.value
        self._due_at = 0.0
        return await self._fetched_now(self._timing.monotonic())

    def forget(self) -> None:
        """Drop the value."""
        self._kept = None

    async def _fetched_now(self, now: float) -> Value:
        if self._failure is not None and now < self._not_before:
            raise SecretUnavailableError(**self._failure.facts)
        return await self._flight.run(self._anew)

    async def _anew(self) -> Value:
        asked_at = self._timing.monotonic()
        try:
            fetched = await self._fetch()
        except TransientError as failure:
            self._failed(failure)
            raise
        except GatewayError:
            self.forget()
            raise
        self._kept, self._asked_at = fetched, asked_at
        self._due_at = asked_at + fetched.good_s * (_DUE - _JITTER * self._timing.chance())
        self._pause_s, self._not_before, self._failure = 0.0, 0.0, None
        return fetched.value

    def _failed(self, failure: TransientError) -> None:
        """Space attempts out: doubled each time, shortened by chance; an operator learns of what callers don't."""
        if self._kept is not None:
            _log.warning("a secret that is still good could not be fetched anew: %s", failure)
        self._pause_s = min(_LONGEST_PAUSE_S, max(_FIRST_PAUSE_S, 2 * self._pause_s))
        self._not_before = self._timing.monotonic() + self._pause_s * (1 - self._timing.chance() / 2)
        self._failure = failure
