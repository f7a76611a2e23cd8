"""An ERP that is down for a minute with a hundred agents before it, in simulated time."""

from __future__ import annotations

import asyncio
import random
from dataclasses import dataclass, field

import pytest

from erp_mcp.domain.call_context import CallContext, calling
from erp_mcp.domain.traffic import TrafficLimits
from erp_mcp.egress.local_traffic import LocalTraffic
from erp_mcp.egress.transport import Egress
from erp_mcp.errors import GatewayError
from tests.guarantees import guarantees
from tests.unit.egress.simulated import URL, Erp, egress, now, simulated

AGENTS = 100
PROCESSES = 4
DOWN_FROM = 1_020.0
DOWN_S = 60.0
END = 1_160.0
DEADLINE_S = 10.0


@dataclass(slots=True)
class Told:
    """What the agents saw."""

    codes: list[tuple[float, str]] = field(default_factory=list)
    longest_s: float = 0.0
    asked: int = 0
    late: int = 0

    def during(self, first: float, last: float) -> list[str]:
        return [code for at, code in self.codes if first <= at < last]


async def agent(way: Egress, number: int, told: Told, deadlines: dict[str, float], *, obedient: bool) -> None:
    """Ask something new again and again, and come back when told where it is obedient."""
    chance, asked = random.Random(number), 0
    await asyncio.sleep(chance.random() * 5)
    while now() < END:
        asked += 1
        url, began, pause = f"{URL}/{number}/{asked}", now(), 0.0
        deadlines[url] = began + DEADLINE_S
        try:
            with calling(CallContext(deadline=began + DEADLINE_S)):
                await way.send("GET", url, headers={})
            code = ""
        except GatewayError as error:
            code, fact = error.code, error.facts.get("retry_after_s", 0)
            pause = float(fact) if obedient and isinstance(fact, int) else 0.0
        told.codes.append((now(), code))
        told.longest_s = max(told.longest_s, now() - began)
        await asyncio.sleep(max(pause, 2 + chance.random() * 6))
    told.asked += asked


def outage(ail: str, *, obedient: bool = True, limits: TrafficLimits | None = None) -> tuple[Erp, Told]:
    """Play an outage of one kind and return what the ERP and the agents saw."""
    erp = Erp(ails=lambda at: ail if DOWN_FROM <= at < DOWN_FROM + DOWN_S else "")
    told, deadlines = Told(), dict[str, float]()

    async def play() -> None:
        traffic = LocalTraffic(monotonic=now)
        chance = random.Random(5)
        given = limits or TrafficLimits(requests_per_s=40.0, burst=40)
        ways = [egress(erp, traffic, given, chance=chance.random) for _ in range(PROCESSES)]
        agents = (
            agent(ways[number % PROCESSES], number, told, deadlines, obedient=obedient) for number in range(AGENTS)
        )
        await asyncio.gather(*agents)
        for way in ways:
            await way.close()

    simulated(play)
    told.late = sum(at > deadlines[url] + 1e-6 for at, url in erp.arrived)
    return erp, told


def amplification(erp: Erp) -> float:
    """Return requests per first request at the ERP while it was down; each question has a path of its own."""
    down = [url for at, url in erp.arrived if DOWN_FROM <= at < DOWN_FROM + DOWN_S]
    return len(down) / len(set(down))


@guarantees("P9.repeats", "P9.breaker", "P9.told")
@pytest.mark.parametrize("ail", ["503", "502", "503 2", "429", "refuses", "breaks", "hangs"])
@pytest.mark.parametrize("obedient", [True, False])
def test_a_hundred_agents_do_not_multiply_what_a_dying_erp_gets(ail: str, obedient: bool) -> None:
    """At most a fifth more than what was asked, whatever it says; a resting system gets next to nothing."""
    erp, told = outage(ail, obedient=obedient)
    down = [at for at, _ in erp.arrived if DOWN_FROM <= at < DOWN_FROM + DOWN_S]
    asked = len(told.during(DOWN_FROM, DOWN_FROM + DOWN_S))

    assert amplification(erp) <= 1.2
    assert len(down) <= 1.2 * asked
    assert told.late == 0
    assert told.longest_s <= DEADLINE_S + 1e-6
    assert erp.most_under_way <= 4
    if ail not in {"429", "503 2"}:  # down, and not only busy
        assert len(down) <= (100 if ail == "hangs" else 20)  # who waited long leaves a system no time to answer


@guarantees("P9.breaker")
@pytest.mark.parametrize("ail", ["503", "refuses", "hangs", "429"])
def test_when_it_is_over_agents_are_answered_again(ail: str) -> None:
    """At the latest after the longest rest that the minute made, and nobody has to do anything."""
    _, told = outage(ail)
    before, after = told.during(0, DOWN_FROM), told.during(END - 30, END)
    assert (set(before), set(after)) == ({""}, {""})
    assert len(after) > 100


@guarantees("P9.repeats")
def test_without_rest_and_budget_the_same_agents_would_multiply_it() -> None:
    """What the guard is worth, and that the figure finds one that is missing."""
    endless = TrafficLimits(requests_per_s=40.0, burst=40, failures=10_000, window=10_000, retry_share=100.0)
    erp, _ = outage("503", limits=endless)
    assert amplification(erp) > 2
