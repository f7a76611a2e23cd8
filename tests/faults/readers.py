"""`python -m tests.faults.readers JSON`: one process of agents that read from one ERP, with the shared traffic file.

Says "ready", begins at a line on standard input, ends at the next one, and prints what each agent is told, one JSON
object a line: moment, path, code, retry_after_s, deadline. Moments are those of the machine's monotonic clock.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import random
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path

from erp_mcp.domain.call_context import CallContext, calling
from erp_mcp.domain.traffic import TrafficLimits
from erp_mcp.egress.transport import Egress, EgressLimits, Origin
from erp_mcp.errors import GatewayError
from erp_mcp.store.traffic import SqliteTraffic
from erp_mcp.testing import FixedClock


@dataclass(frozen=True, slots=True, kw_only=True)
class Orders:
    """What one process is to do: `agents` ask once, or `again` and again until they are told to end."""

    folder: str
    url: str
    name: str
    agents: int
    again: bool
    deadline_s: float
    limits: TrafficLimits

    def text(self) -> str:
        return json.dumps(asdict(self))


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What an agent was told: `code` is empty for an answer."""

    at: float
    path: str
    code: str
    retry_after_s: int
    deadline: float


async def agent(way: Egress, orders: Orders, number: int, ending: asyncio.Event) -> None:
    """Ask; who is to ask again ends with an answer that began after the end was told."""
    chance = random.Random(f"{orders.name} {number}")
    for asked in itertools.count(1):
        last = ending.is_set()
        path, deadline = f"/{orders.name}/{number}/{asked}", time.monotonic() + orders.deadline_s
        code, after = "", 0
        try:
            with calling(CallContext(deadline=deadline)):
                await way.send("GET", f"{orders.url}{path}", headers={})
        except GatewayError as error:
            code, after = error.code, int(str(error.facts.get("retry_after_s", 0)))
        told = Told(at=time.monotonic(), path=path, code=code, retry_after_s=after, deadline=deadline)
        print(json.dumps(asdict(told)), flush=True)
        if not orders.again or (last and not code):
            return
        await asyncio.sleep(0.4 + chance.random() * 0.8)


async def work(orders: Orders) -> None:
    """Let all agents of this process ask."""
    traffic = SqliteTraffic(Path(orders.folder), clock=FixedClock())
    origin = Origin.of(orders.url)
    assert origin is not None
    ending = asyncio.Event()
    async with Egress(
        system="erp", allowed=[origin], limits=EgressLimits(connect_s=60.0, read_s=60.0, total_s=120.0),
        traffic=traffic, traffic_limits=orders.limits,
    ) as way:  # fmt: skip
        print("ready", flush=True)
        await asyncio.to_thread(sys.stdin.readline)
        agents = [asyncio.create_task(agent(way, orders, number, ending)) for number in range(orders.agents)]
        if orders.again:
            await asyncio.to_thread(sys.stdin.readline)
            ending.set()
        await asyncio.gather(*agents)
    traffic.close()


def read(text: str) -> Orders:
    given = json.loads(text)
    return Orders(**{**given, "limits": TrafficLimits(**given["limits"])})


if __name__ == "__main__":
    asyncio.run(work(read(sys.argv[1])))
