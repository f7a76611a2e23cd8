"""Four processes of agents before one ERP, over real connections and the real traffic file."""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, closing
from pathlib import Path

from erp_mcp.domain.traffic import TrafficLimits
from erp_mcp.egress.places import where_to
from erp_mcp.store.traffic import SqliteTraffic
from erp_mcp.testing import FixedClock
from erp_mcp.testing.loopback import LoopbackServer, Message, Receive, Send
from tests.faults.readers import Orders, Told
from tests.guarantees import guarantees
from tests.moments import PATIENCE_S, becomes

PROCESSES = 4


class Erp:
    """Answers 503 while it is down, after `waits`, and notes when which path was asked."""

    def __init__(self, waits: Callable[[], Awaitable[object]]) -> None:
        self.down = False
        self.waits = waits
        self.arrived: list[tuple[float, str]] = []
        self.refused: list[str] = []

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        self.arrived.append((time.monotonic(), str(scope["path"])))
        await receive()
        await self.waits()
        if self.down:
            self.refused.append(str(scope["path"]))
        status = 503 if self.down else 200
        await send({"type": "http.response.start", "status": status, "headers": [(b"content-length", b"2")]})
        await send({"type": "http.response.body", "body": b"{}"})


class Readers:
    """Processes of agents, all there and waiting for a word; what their agents are told comes in as they are told."""

    def __init__(self, processes: list[asyncio.subprocess.Process]) -> None:
        self._processes = processes
        self.told: list[Told] = []
        self._listening: list[asyncio.Task[None]] = []

    async def begin(self) -> None:
        for process in self._processes:
            assert process.stdout is not None
            assert await process.stdout.readline() == b"ready\n"
        self._say()
        self._listening = [asyncio.create_task(self._listen(process)) for process in self._processes]

    def _say(self) -> None:
        for process in self._processes:
            assert process.stdin is not None
            process.stdin.write(b"\n")

    async def _listen(self, process: asyncio.subprocess.Process) -> None:
        assert process.stdout is not None
        async for line in process.stdout:
            self.told.append(Told(**json.loads(line)))

    async def end(self) -> None:
        self._say()
        await asyncio.gather(*self._listening)
        assert [await process.wait() for process in self._processes] == [0] * PROCESSES


@asynccontextmanager
async def readers(
    url: str, folder: Path, limits: TrafficLimits, *, agents: int, again: bool, deadline_s: float
) -> AsyncIterator[Readers]:
    """Yield processes of so many agents each, begun once all of them are there, however long that takes."""
    started = []
    for number in range(PROCESSES):
        orders = Orders(
            folder=str(folder), url=url, name=f"p{number}", agents=agents, again=again, deadline_s=deadline_s,
            limits=limits,
        )  # fmt: skip
        started.append(
            await asyncio.create_subprocess_exec(
                sys.executable, "-m", "tests.faults.readers", orders.text(), stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
            )
        )  # fmt: skip
    try:
        yield Readers(started)
    finally:
        for process in started:
            if process.returncode is None:
                process.kill()
                await process.wait()


@guarantees("P9.breaker", "P9.told")
async def test_of_two_hundred_callers_in_four_processes_one_probe_reaches_a_half_open_erp(tmp_path: Path) -> None:
    """The others are told to come back, whichever process they are in; then the breaker closes for all."""
    limits = TrafficLimits(requests_per_s=1000.0, burst=1000, concurrent=300, waiting=300, rest_s=0.1, attempts=3)
    others_told = asyncio.Event()  # the probe is answered after the last of the others was told, not after a while
    with closing(SqliteTraffic(tmp_path, clock=FixedClock())) as traffic:
        async with (
            LoopbackServer(erp := Erp(others_told.wait)) as server,
            readers(server.url, tmp_path, limits, agents=50, again=False, deadline_s=2 * PATIENCE_S) as agents,
        ):
            where = where_to(server.url)
            for _ in range(limits.failures):
                ticket = traffic.admit("erp", "read", limits, where=where).ticket
                traffic.finish("erp", "read", limits, ticket, "failed", where=where)
            assert traffic.states()[0].breaker == "open"
            await agents.begin()
            try:
                await becomes(lambda: len(agents.told) == 199)
            finally:
                others_told.set()
            await agents.end()

        codes = Counter(one.code for one in agents.told)
        assert (len(agents.told), len(erp.arrived)) == (200, 1)
        assert codes == {"": 1, "adapter.resting": 199}
        assert all(one.retry_after_s >= 1 for one in agents.told if one.code)
        assert traffic.states()[0].breaker == "closed"


@guarantees("P9.breaker", "P9.repeats", "P9.told")
async def test_a_hundred_agents_in_four_processes_do_not_multiply_what_a_dying_erp_gets(tmp_path: Path) -> None:
    """While it answers 503, hardly more than the first signs reach it, nothing comes late, and then all goes on."""
    limits = TrafficLimits(requests_per_s=200.0, burst=200, concurrent=8, rest_s=0.5, longest_rest_s=1.0)
    async with (
        LoopbackServer(erp := Erp(lambda: asyncio.sleep(0.01))) as server,
        readers(server.url, tmp_path, limits, agents=25, again=True, deadline_s=3.0) as agents,
    ):
        await agents.begin()
        await becomes(lambda: len({_agent(one) for one in agents.told if not one.code}) == 100)
        erp.down, before = True, len(agents.told)
        await becomes(lambda: len(agents.told) - before > 200)
        erp.down = False
        while_down = len(agents.told) - before
        await agents.end()

    assert len(erp.refused) <= 1.2 * len(set(erp.refused))
    assert len(erp.refused) <= 40 < while_down
    deadlines = {one.path: one.deadline for one in agents.told}
    assert [path for at, path in erp.arrived if at > deadlines[path] + _ON_ITS_WAY_S] == []
    assert {_agent(one) for one in agents.told if not one.code} == {_agent(one) for one in agents.told}
    given_up = sum(one.code == "adapter.timeout" for one in agents.told)
    with closing(SqliteTraffic(tmp_path, clock=FixedClock())) as traffic:
        state = traffic.states()[0]
        assert (state.breaker, state.running) == ("closed", 0)
        assert 0 <= state.requests - len(erp.arrived) <= given_up  # at the deadline, before there was a connection


_ON_ITS_WAY_S = 2.0  # at the deadline; what were sent without regard to it would come up to two minutes later


def _agent(told: Told) -> str:
    return told.path.rpartition("/")[0]
