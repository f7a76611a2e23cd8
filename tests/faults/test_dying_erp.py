"""Four processes of agents before one ERP, over real connections and the real traffic file."""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from erp_mcp.domain.traffic import TrafficLimits
from erp_mcp.store.traffic import SqliteTraffic
from erp_mcp.testing import FixedClock
from erp_mcp.testing.loopback import LoopbackServer, Message, Receive, Send
from tests.faults.readers import Orders, Told
from tests.guarantees import guarantees

PROCESSES = 4
START_S = 4.0  # until all processes are there, on a busy machine


class Erp:
    """Answers 503 at some moments, slowly if told to, and notes when which path was asked."""

    def __init__(self, *, down: Callable[[float], bool] = lambda _: False, takes_s: float = 0.0) -> None:
        self.down = down
        self.takes_s = takes_s
        self.arrived: list[tuple[float, str]] = []

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        self.arrived.append((time.monotonic(), str(scope["path"])))
        await receive()
        await asyncio.sleep(self.takes_s)
        status = 503 if self.down(time.monotonic()) else 200
        await send({"type": "http.response.start", "status": status, "headers": [(b"content-length", b"2")]})
        await send({"type": "http.response.body", "body": b"{}"})


async def run(orders: Orders) -> list[Told]:
    """Let one process work and return what its agents were told."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.faults.readers", orders.text(), stdout=asyncio.subprocess.PIPE
    )
    out, _ = await process.communicate()
    assert process.returncode == 0
    return [Told(**one) for one in json.loads(out)]


async def all_run(
    url: str, folder: Path, limits: TrafficLimits, *, agents: int, begin: float, end: float, deadline_s: float = 3.0
) -> list[Told]:
    orders = [
        Orders(
            folder=str(folder), url=url, name=f"p{number}", agents=agents, begin=begin, end=end,
            deadline_s=deadline_s, limits=limits,
        )
        for number in range(PROCESSES)
    ]  # fmt: skip
    return [one for told in await asyncio.gather(*map(run, orders)) for one in told]


@guarantees("P9.breaker", "P9.told")
async def test_of_two_hundred_callers_in_four_processes_one_probe_reaches_a_half_open_erp(tmp_path: Path) -> None:
    """The others are told to come back, whichever process they are in; then the breaker closes for all."""
    limits = TrafficLimits(requests_per_s=1000.0, burst=1000, concurrent=300, waiting=300, rest_s=0.1, attempts=3)
    with closing(SqliteTraffic(tmp_path, clock=FixedClock())) as traffic:
        for _ in range(limits.failures):
            traffic.finish("erp", "read", limits, traffic.admit("erp", "read", limits).ticket, "failed")
        assert traffic.states()[0].breaker == "open"
        async with LoopbackServer(erp := Erp(takes_s=1.5)) as server:
            begin = time.monotonic() + START_S
            told = await all_run(server.url, tmp_path, limits, agents=50, begin=begin, end=begin, deadline_s=8.0)

        codes = Counter(one.code for one in told)
        assert (len(told), len(erp.arrived)) == (200, 1)
        assert codes == {"": 1, "adapter.resting": 199}
        assert all(one.retry_after_s >= 1 for one in told if one.code)
        assert traffic.states()[0].breaker == "closed"


@guarantees("P9.breaker", "P9.repeats", "P9.told")
async def test_a_hundred_agents_in_four_processes_do_not_multiply_what_a_dying_erp_gets(tmp_path: Path) -> None:
    """Three seconds of 503: hardly more than the first signs reach it, nothing comes late, and then all goes on."""
    limits = TrafficLimits(requests_per_s=200.0, burst=200, concurrent=8, rest_s=0.5, longest_rest_s=1.0)
    begin = time.monotonic() + START_S
    first, last, end = begin + 1.0, begin + 4.0, begin + 7.0
    async with LoopbackServer(erp := Erp(down=lambda at: first <= at < last, takes_s=0.01)) as server:
        told = await all_run(server.url, tmp_path, limits, agents=25, begin=begin, end=end)

    down = [path for at, path in erp.arrived if first <= at < last]
    asked = [one for one in told if first <= one.at < last]
    assert len(down) <= 1.2 * len(set(down))
    assert len(down) <= 40
    assert len(asked) > 150
    deadlines = {one.path: one.deadline for one in told}
    assert [path for at, path in erp.arrived if at > deadlines[path] + 0.1] == []  # on its way at the deadline
    for well in ([one for one in told if one.at < first], [one for one in told if one.at > last + 2.0]):
        answered = sum(not one.code for one in well)
        assert answered >= 0.9 * len(well) > 50  # a machine that is busy with other things makes some of them late
    with closing(SqliteTraffic(tmp_path, clock=FixedClock())) as traffic:
        state = traffic.states()[0]
        assert (state.breaker, state.running, state.requests) == ("closed", 0, len(erp.arrived))
