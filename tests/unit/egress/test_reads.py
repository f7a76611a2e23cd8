"""Reads in simulated time: repeats, waits, deadlines, and what is shared."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import pytest

from erp_mcp.domain.call_context import CallContext, calling, trace_of
from erp_mcp.domain.traffic import TrafficLimits
from erp_mcp.egress.local_traffic import LocalTraffic
from erp_mcp.egress.transport import Egress, EgressLimits
from erp_mcp.egress.wire import Answer
from erp_mcp.errors import (
    GatewayError,
    SystemBusyError,
    SystemRestingError,
    SystemTimeoutError,
    SystemUnreachableError,
)
from tests.guarantees import guarantees
from tests.unit.egress.simulated import URL, Erp, answer, egress, now, simulated


def played(erp: Erp, play: Callable[[Egress], Awaitable[Any]], **more: Any) -> Any:
    """Return what a play with an egress to `erp` gives, in simulated time."""

    async def whole() -> Any:
        async with egress(erp, **more) as way:
            return await play(way)

    return simulated(whole)


async def get(way: Egress, path: str = "/one", *, within_s: float | None = None, **headers: str) -> Answer:
    deadline = None if within_s is None else now() + within_s
    with calling(CallContext(deadline=deadline)):
        return await way.send("GET", f"{URL}{path}", headers=headers)


async def failure_of(made: Awaitable[object]) -> tuple[str, dict[str, Any]]:
    try:
        await made
    except GatewayError as error:
        return error.code, dict(error.facts)
    return "", {}


def since_start(erp: Erp) -> list[float]:
    return [round(at - erp.arrived[0][0], 2) for at, _ in erp.arrived]


# --- repeats ----------------------------------------------------------------------------------------------------------


@guarantees("P9.repeats")
@pytest.mark.parametrize("status", [429, 502, 503, 504])
def test_a_read_that_is_put_off_is_asked_again_with_jitter(status: int) -> None:
    """With half of the jitter: 0.25 s, or a second where the system is said to be asked too much."""
    erp = Erp(answers=[answer(status)])
    assert played(erp, get).status == 200
    assert len(erp.arrived) == 2
    assert since_start(erp)[1] >= 0.25


@guarantees("P9.repeats")
@pytest.mark.parametrize("status", [200, 400, 401, 403, 404, 408, 409, 412, 425, 500, 501])
def test_everything_else_is_an_answer(status: int) -> None:
    """500 too: systems say it for a duplicate key or a field they do not know, and would say it again."""
    erp = Erp(answers=[answer(status)])
    assert played(erp, get).status == status
    assert len(erp.arrived) == 1


@guarantees("P9.repeats")
@pytest.mark.parametrize("ail", ["refuses", "breaks"])
def test_a_connection_that_fails_is_tried_again_as_often_as_the_limits_say(ail: str) -> None:
    """And then said to be unreachable."""
    erp = Erp(ails=lambda _: ail)
    limits = TrafficLimits(attempts=3, retry_share=5.0, failures=10)
    assert played(erp, lambda way: failure_of(get(way)), limits=limits)[0] == "adapter.unreachable"
    assert len(erp.arrived) == 3


@guarantees("P9.repeats")
def test_what_was_too_slow_is_not_asked_again() -> None:
    """It would be slow again, and the system is at it already."""
    erp = Erp(ails=lambda _: "hangs")
    assert played(erp, lambda way: failure_of(get(way)))[0] == "adapter.timeout"
    assert len(erp.arrived) == 1


@guarantees("P9.repeats")
def test_a_repeat_waits_as_long_as_the_system_asked_and_so_does_everybody_else() -> None:
    """`Retry-After` in seconds."""
    erp = Erp(answers=[answer(429, **{"retry-after": "4"})])

    async def play(way: Egress) -> list[Answer]:
        return list(await asyncio.gather(get(way), _after(0.5, get, way, "/two")))

    assert [one.status for one in played(erp, play)] == [200, 200]
    assert min(since_start(erp)[1:]) >= 4


@guarantees("P9.repeats", "P9.limits")
def test_nobody_is_told_to_come_back_in_thirty_years() -> None:
    """Whatever a system asks for, we leave it alone for an hour at most, and say no more than that."""
    erp = Erp(answers=[answer(429, **{"retry-after": "999999999"})])
    code, facts = played(erp, lambda way: failure_of(get(way)))
    assert (code, facts["retry_after_s"]) == ("adapter.busy", 3600)


@guarantees("P9.repeats")
def test_retry_after_may_be_a_date_by_the_systems_own_clock() -> None:
    """Our clock has no say in it."""
    dates = {"date": "Mon, 16 Mar 2020 05:00:00 GMT", "retry-after": "Mon, 16 Mar 2020 05:00:05 GMT"}
    erp = Erp(answers=[answer(503, **dates)])
    assert played(erp, get).status == 200
    assert since_start(erp)[1] >= 5


@guarantees("P9.repeats")
@pytest.mark.parametrize(
    "text", ["soon", "-5", "1e9", "\u0663", "Mon, 99 Xxx 2020", "", "Mon, 16 Mar 2020 05:00:05 GMT"]
)
def test_a_retry_after_that_makes_no_sense_is_none(text: str) -> None:
    """A date without the system's own is by nobody's clock."""
    erp = Erp(answers=[answer(503, **{"retry-after": text})])
    assert played(erp, get).status == 200
    assert since_start(erp)[1] < 1


@guarantees("P9.repeats", "P9.limits")
@pytest.mark.parametrize(
    "headers",
    [
        {"ratelimit-remaining": "0", "ratelimit-reset": "6"},
        {"x-ratelimit-remaining": "0", "x-ratelimit-reset": "1584334806", "date": "Mon, 16 Mar 2020 05:00:00 GMT"},
    ],
)
def test_rate_headers_that_say_nothing_is_left_are_obeyed(headers: dict[str, str]) -> None:
    """Seconds from now, or an instant by the system's clock."""
    erp = Erp(answers=[answer(200, **headers)])

    async def play(way: Egress) -> None:
        await get(way)
        await get(way, "/two")

    played(erp, play)
    assert since_start(erp)[1] >= 6


@guarantees("P9.told")
def test_who_is_turned_away_to_the_end_is_told_when_to_come_back() -> None:
    """The agent's error carries the seconds."""
    erp = Erp(ails=lambda _: "503 20")
    told = played(erp, lambda way: failure_of(get(way, within_s=10.0)))
    assert told == ("adapter.busy", {"system": "erp", "retry_after_s": 20})
    assert len(erp.arrived) == 1


@guarantees("P9.repeats")
def test_without_budget_nothing_is_repeated() -> None:
    """However many attempts would be allowed."""
    erp = Erp(ails=lambda _: "502")
    limits = TrafficLimits(attempts=9, retry_share=0.0, failures=100, window=100)

    async def play(way: Egress) -> None:
        for _ in range(20):
            await failure_of(get(way))

    played(erp, play, limits=limits)
    assert len(erp.arrived) == 21  # the one that every system is given


# --- waits and deadlines ----------------------------------------------------------------------------------------------


@guarantees("P9.limits")
def test_places_and_rate_hold_for_many_at_once() -> None:
    """Forty reads of four callers at four places and ten a second take more than two seconds, and all of them go."""
    erp = Erp(takes_s=0.01)

    async def asks(way: Egress, number: int) -> None:
        with calling(CallContext(caller=f"agent {number % 4}")):
            await way.send("GET", f"{URL}/{number}", headers={})

    async def play(way: Egress) -> float:
        began = now()
        await asyncio.gather(*(asks(way, number) for number in range(40)))
        return now() - began

    assert 1.9 <= played(erp, play, limits=TrafficLimits(requests_per_s=10, burst=20, concurrent=4)) <= 3
    assert (len(erp.arrived), erp.most_under_way) == (40, 4)


@guarantees("P9.limits", "P9.bounded", "P9.told")
def test_more_than_may_wait_are_turned_away_at_once() -> None:
    """A queue without end is a memory leak and a promise nobody keeps; the second place is another caller's."""
    erp = Erp(takes_s=5.0)

    async def play(way: Egress) -> list[str]:
        calls = [failure_of(get(way, f"/{number}")) for number in range(20)]
        return [code for code, _ in await asyncio.gather(*calls)]

    codes = played(erp, play, limits=TrafficLimits(concurrent=2, waiting=5))
    assert (codes.count("adapter.busy"), codes.count("")) == (14, 6)


@guarantees("P9.repeats", "P9.told")
@pytest.mark.parametrize("ail", ["", "503", "refuses", "503 3", "429"])
def test_nothing_is_sent_after_the_deadline(ail: str) -> None:
    """Neither from the queue nor as a repeat; and the caller hears of it in time."""
    erp = Erp(takes_s=0.4, ails=lambda _: ail)

    async def play(way: Egress) -> list[float]:
        async def one(number: int) -> float:
            await asyncio.sleep(number % 7 / 10)
            began = now()
            await failure_of(get(way, f"/{number}", within_s=2.0))
            return now() - began

        return list(await asyncio.gather(*(one(number) for number in range(60))))

    took = played(erp, play, limits=TrafficLimits(concurrent=2, waiting=1000, failures=1000, window=1000))
    assert max(took) <= 2.0 + 1e-6
    begun = {f"{URL}/{number}": number % 7 / 10 for number in range(60)}
    assert all(at - 1000.0 <= begun[url] + 2.0 for at, url in erp.arrived)


@guarantees("P9.repeats")
def test_a_deadline_that_is_over_sends_nothing() -> None:
    """An agent that waits no more asks nothing of the system."""
    erp = Erp()
    assert played(erp, lambda way: failure_of(get(way, within_s=0.0)))[0] in {"adapter.timeout", "adapter.busy"}
    assert erp.arrived == []


@guarantees("P9.breaker")
def test_a_hurried_caller_does_not_open_the_breaker() -> None:
    """That we left no time says nothing of the system; a system that hangs is another matter."""
    erp = Erp(takes_s=1.0)

    async def play(way: Egress) -> None:
        for _ in range(8):
            await failure_of(get(way, within_s=0.2))
        assert (await get(way)).status == 200
        erp.ails = lambda _: "hangs"
        for _ in range(5):
            await failure_of(get(way, within_s=5.0))
        with pytest.raises(SystemRestingError):
            await get(way)

    played(erp, play)


@guarantees("P9.breaker", "P9.told")
def test_a_resting_system_is_not_asked_and_everybody_hears_for_how_long() -> None:
    """At once, not after a wait."""
    erp = Erp(ails=lambda _: "502")

    async def play(way: Egress) -> None:
        for _ in range(5):
            await failure_of(get(way))
        sent, began = len(erp.arrived), now()
        told = await asyncio.gather(*(failure_of(get(way, f"/{number}")) for number in range(50)))
        assert {code for code, _ in told} == {"adapter.resting"}
        assert {facts["retry_after_s"] for _, facts in told} == {5}
        assert (len(erp.arrived), now()) == (sent, began)

    played(erp, play, limits=TrafficLimits(attempts=1))


@guarantees("P9.limits", "P9.bounded")
def test_who_has_no_deadline_waits_no_longer_than_a_request_may_take() -> None:
    """Places that never get free must not hold a synchronisation for ever."""
    erp = Erp(takes_s=29.0)

    async def play(way: Egress) -> float:
        first = asyncio.ensure_future(get(way, "/first"))
        second = asyncio.ensure_future(_after(1.0, get, way, "/second"))
        await asyncio.sleep(2.0)
        began = now()
        assert (await failure_of(get(way, "/third")))[0] == "adapter.busy"
        took = now() - began
        await asyncio.gather(first, second)
        return took

    assert played(erp, play, limits=TrafficLimits(concurrent=1)) <= 30


# --- sharing ----------------------------------------------------------------------------------------------------------


@guarantees("P9.shared_reads")
def test_identical_reads_under_way_are_one() -> None:
    """A new one is asked anew; other headers or another path are another read, and so is a POST."""
    erp = Erp()

    async def play(way: Egress) -> None:
        await asyncio.gather(*(get(way) for _ in range(30)))
        assert len(erp.arrived) == 1
        await asyncio.gather(get(way), get(way, "/two"), get(way, Accept="text/plain"))
        assert len(erp.arrived) == 4
        await asyncio.gather(*(way.send("POST", URL, headers={}, body=b"q") for _ in range(2)))
        assert len(erp.arrived) == 6

    played(erp, play)


@guarantees("P9.shared_reads")
def test_a_leader_that_is_cancelled_leaves_the_others_their_answer() -> None:
    """Nobody's answer hangs on somebody else's patience."""
    erp = Erp(takes_s=1.0)

    async def play(way: Egress) -> list[Answer]:
        leader = asyncio.ensure_future(get(way))
        await asyncio.sleep(0.1)
        others = [asyncio.ensure_future(get(way)) for _ in range(5)]
        await asyncio.sleep(0.1)
        leader.cancel()
        answers = await asyncio.gather(*others)
        with pytest.raises(asyncio.CancelledError):
            await leader
        return list(answers)

    assert [one.status for one in played(erp, play)] == [200] * 5
    assert len(erp.arrived) == 1


@guarantees("P9.shared_reads", "P9.repeats")
def test_a_leaders_deadline_is_its_own() -> None:
    """It hears of it in time; who has more of it gets the answer."""
    erp = Erp(takes_s=1.0)

    async def play(way: Egress) -> None:
        hurried = asyncio.ensure_future(get(way, within_s=0.5))
        await asyncio.sleep(0.1)
        patient = asyncio.ensure_future(get(way, within_s=5.0))
        with pytest.raises(SystemTimeoutError):
            await hurried
        assert (await patient).status == 200

    played(erp, play)
    assert len(erp.arrived) == 1


@guarantees("P9.shared_reads", "P9.limits")
def test_what_nobody_waits_for_any_more_is_given_up_with_its_place() -> None:
    """A cancelled call must not keep the system busy."""
    erp, traffic = Erp(takes_s=5.0), LocalTraffic()

    async def play(way: Egress) -> None:
        calls = [asyncio.ensure_future(get(way)) for _ in range(3)]
        await asyncio.sleep(0.1)
        assert traffic.states()[0].running == 1
        for call in calls:
            call.cancel()
        await asyncio.gather(*calls, return_exceptions=True)
        await asyncio.sleep(0.01)
        assert (erp.under_way, traffic.states()[0].running) == (0, 0)
        assert traffic.states()[0].failures == 0

    played(erp, play, traffic=traffic)


@guarantees("P9.shared_reads")
def test_a_failure_is_shared_too() -> None:
    """Thirty who ask at once learn at once; they do not ask one after the other."""
    erp = Erp(ails=lambda _: "breaks")

    async def play(way: Egress) -> list[tuple[str, dict[str, Any]]]:
        return list(await asyncio.gather(*(failure_of(get(way)) for _ in range(30))))

    assert {code for code, _ in played(erp, play, limits=TrafficLimits(attempts=1))} == {"adapter.unreachable"}
    assert len(erp.arrived) == 1


# --- identity and trace -----------------------------------------------------------------------------------------------


class Tokens:
    """An identity whose first token has been revoked."""

    def __init__(self, *, helps: bool = True) -> None:
        self.token = 1
        self.helps = helps
        self.refused: list[Mapping[str, str]] = []

    async def headers(self) -> Mapping[str, str]:
        return {"Authorization": f"Bearer {self.token}"}

    async def after_refusal(self, refused: Mapping[str, str]) -> bool:
        self.refused.append(refused)
        self.token += 1
        return self.helps

    def certificate(self, context: object) -> None:
        raise AssertionError


@guarantees("P9.repeats")
def test_a_refused_token_is_renewed_once_and_the_read_repeated() -> None:
    """Twice refused is refused."""
    for helps, statuses, sent in ((True, [401], 2), (True, [401, 401], 2), (False, [401], 1)):
        identity, erp = Tokens(helps=helps), Erp(answers=[answer(one) for one in statuses])
        assert played(erp, get, identity=identity).status == (200 if helps and len(statuses) == 1 else 401)
        assert (len(erp.arrived), identity.refused[0]) == (sent, {"Authorization": "Bearer 1"})


@guarantees("P5.trace")
async def test_the_trace_is_that_of_the_client_or_of_the_piece_of_work() -> None:
    """What stands in the audit record of a call leads to its requests."""
    given = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    with_trace = trace_of("work", "call-1", given)
    assert with_trace.startswith("00-0af7651916cd43dd8448eb211c80319c-")
    assert with_trace.endswith("-01")
    assert with_trace[36:52] != given[36:52]
    first, second, other = trace_of("work", "call-1"), trace_of("work", "call-2"), trace_of("play", "call-1")
    assert first[:36] == second[:36] != other[:36]
    assert first[36:] != second[36:]
    assert trace_of("", "call-1") == trace_of("call-1", "call-1")


@guarantees("P5.trace")
def test_a_request_bears_the_trace_of_its_call_and_none_outside_of_one() -> None:
    """Header `traceparent` of W3C."""
    seen: list[str] = []

    class Noting(Erp):
        async def exchange(self, request: Any, **more: Any) -> Answer:
            seen.append(request.headers.get("traceparent", ""))
            return await super().exchange(request, **more)

    async def play(way: Egress) -> None:
        with calling(CallContext(traceparent=trace_of("work", "call-1"))):
            await way.send("GET", URL, headers={})
        await way.send("GET", URL, headers={})

    played(Noting(), play)
    assert seen == [trace_of("work", "call-1"), ""]


async def _after(seconds: float, what: Callable[..., Awaitable[Answer]], *given: Any) -> Answer:
    await asyncio.sleep(seconds)
    return await what(*given)


@guarantees("P9.repeats")
def test_the_errors_of_the_door_may_be_repeated() -> None:
    """What agents read in `retryable`."""
    from erp_mcp.domain.answer import Refusal

    for error in (SystemBusyError(system="erp", retry_after_s=3), SystemRestingError(system="erp", retry_after_s=3)):
        told = Refusal.of(error, "call-1")
        assert (told.retryable, told.facts["retry_after_s"]) == (True, 3)
    assert EgressLimits().total_s > 0
    assert issubclass(SystemUnreachableError, GatewayError)
