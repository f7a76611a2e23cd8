"""Identical reads that are under way at once are one."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine, Hashable
from typing import Generic, TypeVar

from erp_mcp.domain.call_context import CallContext
from erp_mcp.errors import SystemTimeoutError, SystemUnreachableError

T = TypeVar("T")


class Flight:
    """One request and the calls that wait for it; it may last as long as the most patient of them."""

    def __init__(self, call: CallContext) -> None:
        """Begin with the first call."""
        self.deadline = call.deadline
        self.callers = [call.caller]

    def joined(self, call: CallContext) -> None:
        """Let another call wait for it; it counts for any of their callers."""
        self.callers.append(call.caller)
        if self.deadline is not None:
            self.deadline = None if call.deadline is None else max(self.deadline, call.deadline)

    def left(self, call: CallContext) -> bool:
        """Let a call wait no longer, and say whether nobody does now."""
        self.callers.remove(call.caller)
        return not self.callers


class Shared(Generic[T]):
    """The flights of one egress. Whoever leaves, by cancellation or deadline, leaves the others their answer."""

    def __init__(self, system: str, monotonic: Callable[[], float] = time.monotonic) -> None:
        """Take the clock of deadlines."""
        self._system = system
        self._monotonic = monotonic
        self._flights: dict[Hashable, tuple[Flight, asyncio.Task[T]]] = {}
        self._tasks: set[asyncio.Task[T]] = set()  # those that nobody waits for any more, too

    async def once(
        self, key: Hashable, call: CallContext, start: Callable[[Flight], Coroutine[object, object, T]]
    ) -> T:
        """Return what the flight of this key brings; `start` begins it where there is none.

        Raises:
            SystemTimeoutError: `adapter.timeout`, when this call's deadline passes first. Otherwise as the flight.
        """
        flight, task = self._joined(key, call, start)
        left = None if call.deadline is None else max(0.0, call.deadline - self._monotonic())
        try:
            async with asyncio.timeout(left):
                return await asyncio.shield(task)
        except TimeoutError:
            raise SystemTimeoutError(system=self._system) from None
        except asyncio.CancelledError:
            me = asyncio.current_task()
            if me is not None and me.cancelling():
                raise
            raise SystemUnreachableError(system=self._system, reason="closed") from None
        finally:
            if flight.left(call) and not task.done():
                self._forget(key, task)
                task.cancel()

    async def close(self) -> None:
        """End what is still under way."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _joined(
        self, key: Hashable, call: CallContext, start: Callable[[Flight], Coroutine[object, object, T]]
    ) -> tuple[Flight, asyncio.Task[T]]:
        known = self._flights.get(key)
        if known is not None and not known[1].done():
            known[0].joined(call)
            return known
        flight = Flight(call)
        task = asyncio.get_running_loop().create_task(start(flight))
        self._flights[key] = (flight, task)
        self._tasks.add(task)
        task.add_done_callback(lambda done: self._ended(key, done))
        return flight, task

    def _ended(self, key: Hashable, task: asyncio.Task[T]) -> None:
        self._forget(key, task)
        self._tasks.discard(task)
        if not task.cancelled():
            task.exception()  # looked at, so that nobody complains where all callers have left

    def _forget(self, key: Hashable, task: asyncio.Task[T]) -> None:
        known = self._flights.get(key)
        if known is not None and known[1] is task:
            del self._flights[key]
