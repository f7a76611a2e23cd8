"""`python -m tests.faults.readers JSON`: one process of agents that read from one ERP, with the shared traffic file.

Prints what they were told as JSON: (moment, path, code, retry_after_s, deadline).
"""

from __future__ import annotations

import asyncio
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
    """What one process is to do: `agents` begin at a moment and ask until another, once where both are the same."""

    folder: str
    url: str
    name: str
    agents: int
    begin: float
    end: float
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


async def agent(way: Egress, orders: Orders, number: int, told: list[Told]) -> None:
    chance, asked = random.Random(f"{orders.name} {number}"), 0
    await asyncio.sleep(max(0.0, orders.begin - time.monotonic()))
    while not asked or time.monotonic() < orders.end:
        asked += 1
        path, deadline = f"/{orders.name}/{number}/{asked}", time.monotonic() + orders.deadline_s
        code, after = "", 0
        try:
            with calling(CallContext(deadline=deadline)):
                await way.send("GET", f"{orders.url}{path}", headers={})
        except GatewayError as error:
            code, after = error.code, int(str(error.facts.get("retry_after_s", 0)))
        told.append(Told(at=time.monotonic(), path=path, code=code, retry_after_s=after, deadline=deadline))
        if time.monotonic() < orders.end:
            await asyncio.sleep(0.4 + chance.random() * 0.8)


async def work(orders: Orders) -> list[Told]:
    """Let all agents of this process ask, and return what they were told."""
    traffic = SqliteTraffic(Path(orders.folder), clock=FixedClock())
    origin = Origin.of(orders.url)
    assert origin is not None
    told: list[Told] = []
    async with Egress(
        system="erp", allowed=[origin], limits=EgressLimits(connect_s=2.0, read_s=5.0, total_s=8.0),
        traffic=traffic, traffic_limits=orders.limits,
    ) as way:  # fmt: skip
        await asyncio.gather(*(agent(way, orders, number, told) for number in range(orders.agents)))
    traffic.close()
    return told


def read(text: str) -> Orders:
    given = json.loads(text)
    return Orders(**{**given, "limits": TrafficLimits(**given["limits"])})


if __name__ == "__main__":
    print(json.dumps([asdict(one) for one in asyncio.run(work(read(sys.argv[1])))]))
