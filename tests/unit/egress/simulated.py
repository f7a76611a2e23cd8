"""A world without waiting: an event loop whose clock jumps to what is due next, and an ERP of a few lines in it."""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any, TypeVar

from erp_mcp.domain.traffic import TrafficLimits
from erp_mcp.egress.transport import Egress, EgressLimits, Origin
from erp_mcp.egress.wire import Answer, Progress, Request
from erp_mcp.errors import SystemTimeoutError, SystemUnreachableError
from erp_mcp.ports import Traffic

T = TypeVar("T")
URL = "https://erp.example"


class _Selector(selectors.DefaultSelector):
    """Waits for nothing: where nothing is ready, time passes at once."""

    now = 1_000.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(0)
        if not ready and timeout is None:
            raise AssertionError("everything waits for ever")
        if not ready and timeout:
            self.now += timeout
        return ready


class SimulatedLoop(asyncio.SelectorEventLoop):
    """An event loop in simulated seconds."""

    def __init__(self) -> None:
        self.selector = _Selector()
        super().__init__(self.selector)

    def time(self) -> float:
        return self.selector.now


def simulated(play: Callable[[], Coroutine[Any, Any, T]]) -> T:
    """Run a coroutine in simulated time."""
    with asyncio.Runner(loop_factory=SimulatedLoop) as runner:
        return runner.run(play())


def now() -> float:
    """Return the simulated moment."""
    return asyncio.get_running_loop().time()


@dataclass(slots=True, kw_only=True)
class Erp:
    """What is on the other end: `ails` says what is wrong at a moment, empty where nothing is."""

    ails: Callable[[float], str] = lambda _: ""
    takes_s: float = 0.05
    arrived: list[tuple[float, str]] = field(default_factory=list)
    under_way: int = 0
    most_under_way: int = 0
    answers: list[Answer] = field(default_factory=list)  # given first, in turn

    async def exchange(self, request: Request, *, within_s: float, progress: Progress) -> Answer:
        self.under_way += 1
        self.most_under_way = max(self.most_under_way, self.under_way)
        try:
            return await self._answer(request, within_s, progress)
        finally:
            self.under_way -= 1

    async def close(self) -> None:
        pass

    async def _answer(self, request: Request, within_s: float, progress: Progress) -> Answer:
        what = self.ails(now())
        if what == "refuses":
            self.arrived.append((now(), request.url))
            raise SystemUnreachableError(system="erp", reason="no connection")
        progress.begun = True
        self.arrived.append((now(), request.url))
        if what == "hangs":
            await asyncio.sleep(within_s)
            raise SystemTimeoutError(system="erp")
        await asyncio.sleep(min(self.takes_s, within_s))
        if self.takes_s > within_s:
            raise SystemTimeoutError(system="erp")
        if what == "breaks":
            raise SystemUnreachableError(system="erp", reason="connection broken")
        if self.answers:
            return self.answers.pop(0)
        if what.startswith("503 "):
            return answer(503, **{"retry-after": what[4:]})
        return answer(int(what) if what else 200)


def answer(status: int = 200, **headers: str) -> Answer:
    return Answer(status=status, headers=headers, body=b"{}")


def egress(erp: Erp, traffic: Traffic | None = None, limits: TrafficLimits | None = None, **more: Any) -> Egress:
    """Return the product's egress with the simulated wire and clock; inside of `simulated`."""
    given = {"limits": EgressLimits(connect_s=2.0, read_s=10.0, total_s=30.0), "chance": lambda: 0.5, **more}
    return Egress(
        system="erp", allowed=[Origin("https", "erp.example", 443)], traffic=traffic, traffic_limits=limits,
        wire=erp, monotonic=now, **given,
    )  # fmt: skip
