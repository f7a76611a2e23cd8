"""The door to a system: who may go now, who waits here, and who is told to come back.

What all processes share says who may go (`ports.Traffic`), one caller after the other. Waiting is this process's own
affair: first come, first served within a caller, bounded in number and in time. Where the room is full, whoever has
most waiting in it makes room for who has less.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Collection
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Final
from weakref import WeakKeyDictionary

from erp_mcp.domain.call_context import current_call
from erp_mcp.domain.traffic import Ending, TrafficKind, TrafficLimits
from erp_mcp.egress.repeating import whole_seconds
from erp_mcp.errors import GatewayError, StateUnavailableError, SystemBusyError, SystemRestingError
from erp_mcp.ports import Traffic

_TO_TELL_S: Final = 0.01  # before a deadline, so that who waits in vain is told when to come back

Callers = Callable[[], Collection[str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Pass:
    """Leave to send one request, to be given back."""

    ticket: str
    kind: TrafficKind
    caller: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Door:
    """Admits requests to one system; `lasts_s` is the longest that one may take, `where` what the system points to."""

    system: str
    traffic: Traffic
    limits: TrafficLimits
    lasts_s: float
    where: str = ""
    monotonic: Callable[[], float] = time.monotonic
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep

    async def admit(self, kind: TrafficKind, until: Callable[[], float], callers: Callers | None = None) -> Pass:
        """Wait for leave to send, until a moment that may move; give it back with `leave`.

        Args:
            kind: Whether it reads or writes.
            until: When it is too late.
            callers: For whom it is, at any moment; the caller of this call by itself.

        Raises:
            SystemRestingError: `adapter.resting`, at once, while the breaker is open or its probe is under way.
            SystemBusyError: `adapter.busy`, when too many wait, or it would take too long.
            StateUnavailableError: `state.unavailable`, when traffic can't be counted.
        """
        mine = (current_call().caller,)
        waiter = _Waiter(door=self, until=until, callers=callers or (lambda: mine))
        queue = self._queue(kind)
        if not queue.holds(waiter.callers()):
            found = self.asked(kind, waiter.callers())
            if isinstance(found, Pass):
                return found
            if self.monotonic() + found > until() - _TO_TELL_S:
                raise self.busy(found)
        return await queue.waited(waiter)

    def leave(self, given: Pass, ending: Ending, pause_s: float) -> None:
        """Give leave back; where that can't be written, the ticket runs out by itself.

        What was sent was sent: an error here would hide its answer.
        """
        with suppress(StateUnavailableError):
            self.traffic.finish(
                self.system, given.kind, self.limits, given.ticket, ending, where=self.where, pause_s=pause_s
            )
        for kind in ("read", "write"):
            queue = _queues.get(asyncio.get_running_loop(), {}).get(self._key(kind))
            if queue is not None:
                queue.stirred.set()

    def may_retry(self) -> bool:
        """Take one repeat of a read out of the system's budget, where one is left."""
        return self.traffic.may_retry(self.system, self.limits, where=self.where)

    def asked(self, kind: TrafficKind, callers: Collection[str], lasts_s: float = 0.0) -> Pass | float:
        """Return leave for one of these callers, or in how many seconds to ask again; raises as `admit`."""
        lasts_s = max(lasts_s, self.lasts_s)
        said = self.traffic.admit(self.system, kind, self.limits, where=self.where, lasts_s=lasts_s, callers=callers)
        if said.granted:
            return Pass(ticket=said.ticket, kind=kind, caller=said.caller)
        if said.resting:
            raise SystemRestingError(system=self.system, retry_after_s=whole_seconds(said.wait_s))
        return said.wait_s

    def busy(self, seconds: float) -> SystemBusyError:
        """Return the error for who has to come back, after so many seconds."""
        return SystemBusyError(system=self.system, retry_after_s=whole_seconds(seconds))

    def _queue(self, kind: TrafficKind) -> _Queue:
        queues = _queues.setdefault(asyncio.get_running_loop(), {})
        return queues.setdefault(self._key(kind), _Queue(traffic=self.traffic, kind=kind))

    def _key(self, kind: TrafficKind) -> _Key:
        return id(self.traffic), self.system, self.where, kind


@dataclass(slots=True, kw_only=True, eq=False)
class _Waiter:
    """One request that waits, for one caller or several."""

    door: Door
    until: Callable[[], float]
    callers: Callers
    given: asyncio.Future[Pass] = field(default_factory=lambda: asyncio.get_running_loop().create_future())

    @property
    def time_left_s(self) -> float:
        return self.until() - _TO_TELL_S - self.door.monotonic()

    def refuse(self, error: Exception) -> None:
        if not self.given.done():
            self.given.set_exception(error)


@dataclass(slots=True, kw_only=True)
class _Queue:
    """Those of this process who wait for one kind of request to one system; one task asks for all of them."""

    traffic: Traffic  # held, so that its id names nothing else meanwhile
    kind: TrafficKind
    waiting: list[_Waiter] = field(default_factory=list)
    stirred: asyncio.Event = field(default_factory=asyncio.Event)  # a place was given back, or who waits has changed
    porter: asyncio.Task[None] | None = None

    def holds(self, callers: Collection[str]) -> bool:
        """Say whether one of these callers waits here already."""
        return any(not set(callers).isdisjoint(one.callers()) for one in self.waiting)

    async def waited(self, waiter: _Waiter) -> Pass:
        """Return the leave that a waiter is given in its turn; raises as `Door.admit`."""
        self._make_room(waiter)
        self.waiting.append(waiter)
        self.stirred.set()
        if self.porter is None:
            self.porter = asyncio.get_running_loop().create_task(self._carry())
        try:
            return await waiter.given
        except asyncio.CancelledError:
            if waiter.given.done() and not waiter.given.cancelled() and waiter.given.exception() is None:
                waiter.door.leave(waiter.given.result(), "given_up", 0.0)
            raise
        finally:
            self._leave(waiter)

    def _make_room(self, waiter: _Waiter) -> None:
        """Send away the last of whoever has most waiting, if that is more than this waiter's callers have."""
        most = waiter.door.limits.waiting
        if len(self.waiting) < most:
            return
        busy = waiter.door.busy(len(self.waiting) / waiter.door.limits.requests_per_s)
        alone = [(one, callers.pop()) for one in self.waiting if len(callers := set(one.callers())) == 1]
        count = Counter(caller for _, caller in alone)
        mine = min((count[one] for one in waiter.callers()), default=0)
        greediest, has = max(count.items(), key=lambda one: one[1], default=("", 0))
        if has <= mine + 1:
            raise busy
        last = next(one for one, caller in reversed(alone) if caller == greediest)
        last.refuse(busy)
        self.waiting.remove(last)

    def _leave(self, waiter: _Waiter) -> None:
        if waiter in self.waiting:
            self.waiting.remove(waiter)
            self.stirred.set()

    async def _carry(self) -> None:
        """Ask for those who wait until nobody does."""
        try:
            while self.waiting:
                self.stirred.clear()
                pause_s = self._rounds()
                if self.waiting:
                    await self._stirred(pause_s)
        except Exception as defect:  # noqa: BLE001 - whoever waits must hear of it, or would wait for ever
            self._refuse_all(defect)
        finally:
            self.porter = None

    def _rounds(self) -> float:
        """Give what there is to give and return in how many seconds to ask again."""
        while self.waiting:
            try:
                found = self._asked()
            except GatewayError as error:
                self._refuse_all(error)
                break
            if isinstance(found, Pass):
                self._give(found)
                continue
            for one in [one for one in self.waiting if one.time_left_s < found]:
                self._refuse(one, one.door.busy(max(found, len(self.waiting) / one.door.limits.requests_per_s)))
            return found
        return 0.0

    def _asked(self) -> Pass | float:
        callers = dict.fromkeys(caller for one in self.waiting for caller in one.callers())
        longest = max(one.door.lasts_s for one in self.waiting)
        return self.waiting[0].door.asked(self.kind, tuple(callers), longest)

    def _give(self, given: Pass) -> None:
        one = next(one for one in self.waiting if given.caller in one.callers())
        self.waiting.remove(one)
        if one.given.done():  # it has just been cancelled
            one.door.leave(given, "given_up", 0.0)
        else:
            one.given.set_result(given)

    def _refuse(self, waiter: _Waiter, error: Exception) -> None:
        self.waiting.remove(waiter)
        waiter.refuse(error)

    def _refuse_all(self, error: Exception) -> None:
        for one in tuple(self.waiting):  # to each an error of its own: each is raised somewhere else
            self._refuse(one, type(error)(**error.facts) if isinstance(error, GatewayError) else error)

    async def _stirred(self, seconds: float) -> None:
        """Wait until this process gave a place back, somebody else came to wait, or the time is over."""
        stirred = asyncio.ensure_future(self.stirred.wait())
        over = asyncio.ensure_future(self.waiting[0].door.sleep(seconds))
        try:
            await asyncio.wait({stirred, over}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            stirred.cancel()
            over.cancel()


_Key = tuple[int, str, str, TrafficKind]
_queues: Final[WeakKeyDictionary[asyncio.AbstractEventLoop, dict[_Key, _Queue]]] = WeakKeyDictionary()
