"""The door to a system: who may go now, who waits here, and who is told to come back.

What all processes share says who may go (`ports.Traffic`); waiting is this process's own affair, first come first
served, bounded in number and in time.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Final
from weakref import WeakKeyDictionary

from erp_mcp.domain.traffic import Ending, TrafficKind, TrafficLimits
from erp_mcp.egress.repeating import whole_seconds
from erp_mcp.errors import StateUnavailableError, SystemBusyError, SystemRestingError
from erp_mcp.ports import Traffic


@dataclass(slots=True)
class _Queue:
    """Those of this process who wait for one kind of request to one system."""

    traffic: Traffic  # held, so that its id names nothing else meanwhile
    waiting: int = 0
    turn: asyncio.Lock = field(default_factory=asyncio.Lock)
    freed: asyncio.Event = field(default_factory=asyncio.Event)


_TO_TELL_S: Final = 0.01  # before a deadline, so that who waits in vain is told when to come back


_queues: Final[WeakKeyDictionary[asyncio.AbstractEventLoop, dict[tuple[int, str, TrafficKind], _Queue]]] = (
    WeakKeyDictionary()
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pass:
    """Leave to send one request, to be given back."""

    ticket: str
    kind: TrafficKind


@dataclass(frozen=True, slots=True, kw_only=True)
class Door:
    """Admits requests to one system; `lasts_s` is the longest that one may take."""

    system: str
    traffic: Traffic
    limits: TrafficLimits
    lasts_s: float
    monotonic: Callable[[], float] = time.monotonic
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep

    async def admit(self, kind: TrafficKind, until: Callable[[], float]) -> Pass:
        """Wait for leave to send, until a moment that may move; give it back with `leave`.

        Raises:
            SystemRestingError: `adapter.resting`, at once, while the breaker is open or its probe is under way.
            SystemBusyError: `adapter.busy`, when too many wait, or it would take too long.
        """
        queue = self._queue(kind)
        if not queue.waiting:
            found = self._asked(kind)
            if isinstance(found, Pass):
                return found
        if queue.waiting >= self.limits.waiting:
            raise self._busy(queue.waiting / self.limits.requests_per_s)
        queue.waiting += 1
        try:
            return await self._in_turn(queue, kind, until)
        finally:
            queue.waiting -= 1

    def leave(self, given: Pass, ending: Ending, pause_s: float) -> None:
        """Give leave back; where that can't be written, the ticket runs out by itself.

        What was sent was sent: an error here would hide its answer.
        """
        with suppress(StateUnavailableError):
            self.traffic.finish(self.system, given.kind, self.limits, given.ticket, ending, pause_s=pause_s)
        for kind in ("read", "write"):
            queue = _queues.get(asyncio.get_running_loop(), {}).get((id(self.traffic), self.system, kind))
            if queue is not None:
                queue.freed.set()

    async def _in_turn(self, queue: _Queue, kind: TrafficKind, until: Callable[[], float]) -> Pass:
        left = until() - self.monotonic() - _TO_TELL_S
        try:
            async with asyncio.timeout(max(0.0, left)):
                await queue.turn.acquire()
        except TimeoutError:
            raise self._busy(queue.waiting / self.limits.requests_per_s) from None
        try:
            return await self._first(queue, kind, until)
        finally:
            queue.turn.release()

    async def _first(self, queue: _Queue, kind: TrafficKind, until: Callable[[], float]) -> Pass:
        """Ask until there is leave; whoever is first in the queue asks alone."""
        while True:
            queue.freed.clear()
            found = self._asked(kind)
            if isinstance(found, Pass):
                return found
            if self.monotonic() + found > until() - _TO_TELL_S:
                raise self._busy(found)
            await self._freed(queue, found)

    def _asked(self, kind: TrafficKind) -> Pass | float:
        """Return leave, or in how many seconds to ask again."""
        said = self.traffic.admit(self.system, kind, self.limits, lasts_s=self.lasts_s)
        if said.granted:
            return Pass(ticket=said.ticket, kind=kind)
        if said.resting:
            raise SystemRestingError(system=self.system, retry_after_s=whole_seconds(said.wait_s))
        return said.wait_s

    async def _freed(self, queue: _Queue, seconds: float) -> None:
        """Wait until this process gave a place back, or the time is over."""
        freed = asyncio.ensure_future(queue.freed.wait())
        over = asyncio.ensure_future(self.sleep(seconds))
        try:
            await asyncio.wait({freed, over}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            freed.cancel()
            over.cancel()

    def _queue(self, kind: TrafficKind) -> _Queue:
        queues = _queues.setdefault(asyncio.get_running_loop(), {})
        return queues.setdefault((id(self.traffic), self.system, kind), _Queue(self.traffic))

    def _busy(self, seconds: float) -> SystemBusyError:
        return SystemBusyError(system=self.system, retry_after_s=whole_seconds(seconds))
