"""One caller that asks too much beside one that asks little, in simulated time: the second is served in time."""

from __future__ import annotations

import asyncio
import copy
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest

from erp_mcp.domain.call_context import CallContext, calling
from erp_mcp.domain.traffic import Admission, TrafficKind, TrafficLimits
from erp_mcp.egress.admission import Door
from erp_mcp.egress.local_traffic import LocalTraffic
from erp_mcp.egress.transport import Egress
from erp_mcp.egress.wire import Answer, Progress, Request
from erp_mcp.errors import GatewayError, StateUnavailableError
from tests.guarantees import guarantees
from tests.unit.egress.simulated import URL, Erp, answer, egress, now, simulated

SLOW_S = 3.0
QUICK_S = 0.05
DEADLINE_S = 10.0
MINUTE = 60


@dataclass(slots=True, kw_only=True)
class Uneven(Erp):
    """Takes long over some questions."""

    slow_s: float = SLOW_S

    async def _answer(self, request: Request, within_s: float, progress: Progress) -> Answer:
        progress.begun = True
        self.arrived.append((now(), request.url))
        await asyncio.sleep(self.slow_s if "/slow" in request.url else QUICK_S)
        return answer()


@dataclass(slots=True, kw_only=True)
class Heard:
    """What one caller was told: code, empty for an answer, and after how long."""

    codes: list[str] = field(default_factory=list)
    waits: list[float] = field(default_factory=list)

    @property
    def answered(self) -> int:
        return self.codes.count("")


async def ask(way: Egress, caller: str, path: str, heard: Heard, *, deadline_s: float = DEADLINE_S) -> None:
    began = now()
    try:
        with calling(CallContext(deadline=began + deadline_s, caller=caller)):
            await way.send("GET", f"{URL}{path}", headers={})
        heard.codes.append("")
    except GatewayError as error:
        heard.codes.append(error.code)
    heard.waits.append(now() - began)


async def greedy(way: Egress, caller: str, heard: Heard, *, path: str) -> None:
    """Ask eighty things at once, and the next eighty as soon as some can have been answered."""
    async with asyncio.TaskGroup() as tasks:
        for wave in range(MINUTE // 4):
            for number in range(80):
                tasks.create_task(ask(way, caller, f"{path}/{caller}/{wave}/{number}", heard))
            await asyncio.sleep(4.0)


async def modest(way: Egress, heard: Heard, *, after_s: float = 2.0) -> None:
    """Ask one thing a second."""
    await asyncio.sleep(after_s)
    async with asyncio.TaskGroup() as tasks:
        for number in range(MINUTE - 10):
            tasks.create_task(ask(way, "modest", f"/quick/{number}", heard))
            await asyncio.sleep(1.0)


def side_by_side(
    path: str, limits: TrafficLimits, *, processes: int, greedy_ones: int = 1, slow_s: float = SLOW_S
) -> tuple[Heard, Sequence[Heard]]:
    """Return what the modest caller heard, and the greedy ones, each in a process of its own or all in one."""
    quiet, loud = Heard(), [Heard() for _ in range(greedy_ones)]

    async def play() -> None:
        traffic = LocalTraffic(monotonic=now)
        # a copy has the same loads and another identity: to the door, that of another process
        views = [copy.copy(traffic) for _ in range(processes)]
        ways = [egress(Uneven(slow_s=slow_s), view, limits) for view in views]
        many = (
            greedy(ways[number % processes], f"greedy {number}", heard, path=path) for number, heard in enumerate(loud)
        )
        await asyncio.gather(modest(ways[-1], quiet), *many)
        for way in ways:
            await way.close()

    simulated(play)
    return quiet, loud


@guarantees("P9.fair_share")
@pytest.mark.parametrize("processes", [1, 2])
@pytest.mark.parametrize("places", [2, 4, 8])
def test_slow_reads_of_one_leave_another_its_answers(processes: int, places: int) -> None:
    """One read a second beside hundreds that take three: answered at once, each of them."""
    quiet, (loud,) = side_by_side("/slow", TrafficLimits(concurrent=places), processes=processes)
    assert quiet.codes == [""] * (MINUTE - 10)
    assert max(quiet.waits) < 1.0
    assert loud.answered >= (places - places // 4 - 1) * MINUTE / SLOW_S * 0.8  # and it is served as well


@guarantees("P9.fair_share")
@pytest.mark.parametrize("processes", [1, 2])
def test_a_flood_of_quick_reads_leaves_another_its_share_of_the_rate(processes: int) -> None:
    """Ten a second are there for all; who asks for one gets it at its next turn."""
    quiet, (loud,) = side_by_side("/quick", TrafficLimits(), processes=processes)
    assert quiet.codes == [""] * (MINUTE - 10)
    assert max(quiet.waits) < 1.0
    assert loud.answered > 8 * MINUTE


@guarantees("P9.fair_share")
@pytest.mark.parametrize("processes", [1, 2])
def test_at_a_system_with_one_place_callers_take_turns(processes: int) -> None:
    """Nothing can be kept free there: the other waits for what runs, and for nothing else."""
    quiet, _ = side_by_side("/slow", TrafficLimits(concurrent=1), processes=processes, slow_s=0.6)
    assert set(quiet.codes) == {""}
    assert max(quiet.waits) < 1.5  # what runs, and what ran between two of its own


@guarantees("P9.fair_share")
@pytest.mark.parametrize("processes", [1, 4])
def test_three_that_ask_too_much_leave_the_fourth_its_answers(processes: int) -> None:
    """Each of them keeps places; the last one stays free for who has none."""
    quiet, loud = side_by_side("/slow", TrafficLimits(), processes=processes, greedy_ones=3)
    assert set(quiet.codes) == {""}
    assert sorted(quiet.waits)[-10] < 1.0  # the first ones wait until a place of the three is given back
    shares = [one.answered for one in loud]
    assert min(shares) >= 0.5 * max(shares)


# --- the waiting room -------------------------------------------------------------------------------------------------


def told(limits: TrafficLimits, asked: Sequence[tuple[str, str]], *, slow_s: float = 1.0) -> dict[str, Heard]:
    """Return what callers heard that asked in this order, all at once in one process."""
    heard = {caller: Heard() for caller, _ in asked}

    async def play() -> None:
        async with egress(Uneven(slow_s=slow_s), None, limits) as way:
            tasks = []
            for caller, path in asked:
                tasks.append(asyncio.ensure_future(ask(way, caller, path, heard[caller], deadline_s=60.0)))
                await asyncio.sleep(0.001)
            await asyncio.gather(*tasks)

    simulated(play)
    return heard


@guarantees("P9.fair_share", "P9.bounded", "P9.told")
def test_in_a_full_room_the_last_of_whoever_has_most_makes_room() -> None:
    """It is told to come back, as if it had come too late; who asks little waits as if the room were empty."""
    asked = [("greedy", f"/slow/{number}") for number in range(30)]
    asked += [("modest", "/slow/mine"), ("modest", "/slow/mine too")]
    heard = told(TrafficLimits(concurrent=1, waiting=10), asked)
    assert heard["modest"].codes == ["", ""]
    assert max(heard["modest"].waits) < 5
    assert (heard["greedy"].answered, heard["greedy"].codes.count("adapter.busy")) == (9, 21)


@guarantees("P9.fair_share", "P9.bounded")
def test_nobody_makes_room_for_who_has_as_much() -> None:
    """The bound holds: where all wait alike, the next one is told to come back."""
    asked = [(f"agent {number}", f"/slow/{number}") for number in range(8)]
    heard = told(TrafficLimits(concurrent=2, waiting=4), asked)
    assert [heard[f"agent {number}"].codes for number in range(8)] == [[""]] * 6 + [["adapter.busy"]] * 2


@guarantees("P9.fair_share", "P9.shared_reads")
def test_a_read_that_two_wait_for_goes_at_the_first_turn_of_either() -> None:
    """Who asks for what a greedy one has at the end of its queue does not wait for the whole queue."""
    asked = [("greedy", f"/slow/{number}") for number in range(20)] + [("modest", "/slow/19")]
    heard = told(TrafficLimits(concurrent=1, waiting=30), asked)
    assert heard["modest"].codes == [""]
    assert heard["modest"].waits[0] < 4
    assert heard["greedy"].answered == 20


class Meeting(LocalTraffic):
    """Calls something at the very moment at which it lets the second request go."""

    def __init__(self, then: Callable[[], object]) -> None:
        super().__init__(monotonic=now)
        self.then = then
        self.granted = 0

    def admit(self, system: str, kind: TrafficKind, limits: TrafficLimits, **more: Any) -> Admission:
        said = super().admit(system, kind, limits, **more)
        self.granted += said.granted
        if said.granted and self.granted == 2:
            self.then()
        return said


@guarantees("P9.limits")
@pytest.mark.parametrize("moment", ["before it is told", "before it goes on"])
def test_a_place_given_to_who_is_just_leaving_is_given_back(moment: str) -> None:
    """Leave and cancellation may meet; no place is lost by that."""

    async def play() -> tuple[int, int]:
        loop = asyncio.get_running_loop()

        def leaves() -> object:
            return second.cancel() if moment == "before it is told" else loop.call_soon(second.cancel)

        traffic = Meeting(leaves)
        door = Door(system="erp", traffic=traffic, limits=TrafficLimits(concurrent=1), lasts_s=60.0, monotonic=now)
        first = await door.admit("read", lambda: now() + 10)
        second = asyncio.ensure_future(door.admit("read", lambda: now() + 10))
        await asyncio.sleep(1.0)
        door.leave(first, "answered", 0.0)
        with pytest.raises(asyncio.CancelledError):
            await second
        await asyncio.sleep(1.0)
        return traffic.granted, traffic.states()[0].running

    assert simulated(play) == (2, 0)


class Failing(LocalTraffic):
    """Can't be used after a while."""

    asked = 0

    def admit(self, system: str, kind: TrafficKind, limits: TrafficLimits, **more: Any) -> Admission:
        self.asked += 1
        if self.asked > 3:
            raise StateUnavailableError(file="traffic.sqlite", reason="OperationalError")
        return super().admit(system, kind, limits, **more)


@guarantees("P9.limits", "input.clear_errors")
def test_who_waits_hears_of_it_when_traffic_can_not_be_counted_any_more() -> None:
    """Each of them, at once; nobody waits for a door that nobody opens."""
    heard = Heard()

    async def play() -> None:
        async with egress(Uneven(), Failing(monotonic=now), TrafficLimits(concurrent=1)) as way:
            await asyncio.gather(*(ask(way, "a", f"/slow/{number}", heard) for number in range(5)))

    simulated(play)
    assert sorted(heard.codes) == [""] + ["state.unavailable"] * 4
