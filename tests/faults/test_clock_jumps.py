"""The clock is set while a deployment is at work: what its times would open, let expire or call over waits until then.

A limit of three in an hour, the demo ERP with its own notes of each effect, and the product's gateway and worker.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

import pytest

from erp_mcp import worker
from erp_mcp.audit.verify import verify
from erp_mcp.domain.answer import Answer, Refusal
from erp_mcp.domain.clock_watch import CALM_S
from tests.faults.shop import Shop, code
from tests.guarantees import guarantees

_HOUR_S: Final = 3600
# By how much the clock is set, and how a change ends that was approved before, once the new time counts.
_ENDS: Final = {_HOUR_S: "COMMITTED", -10: "COMMITTED", -2 * _HOUR_S: "NEEDS_HUMAN", 9 * _HOUR_S: "EXPIRED"}
_JUMPS: Final = pytest.mark.parametrize("jump_s", _ENDS)
_NO_JUMPS: Final = pytest.mark.parametrize(
    ("slept_s", "jump_s"), [(0, 1.5), (0, -1.5), (3 * _HOUR_S, 0)], ids=["1.5 s", "-1.5 s", "sleep"]
)


def once(point: str, then: Callable[[], None]) -> Callable[[str], None]:
    """Do something the first time that a worker comes to a point."""
    left = [point]

    def at(name: str) -> None:
        if name in left:
            left.remove(name)
            then()

    return at


@guarantees("P4.clock", "P4.limits")
@_JUMPS
def test_while_the_clock_has_jumped_nothing_is_proposed_and_nothing_is_sent(shop: Shop, jump_s: int) -> None:
    """For sixty seconds of steady time the three stay approved, even those whose time would be over by it."""
    assert code(shop.propose()) == "limit.exceeded"
    shop.clock.jump(jump_s)
    for passed in range(0, CALM_S, 20):
        refused = shop.propose()
        assert isinstance(refused, Refusal)
        assert refused.code == "gateway.clock_jumped"
        assert refused.facts == {"seconds": jump_s, "retry_after_s": CALM_S - passed}
        shop.work()
        assert shop.states() == [("APPROVED", "")] * 3
        assert shop.effects() == 0
        shop.clock.pass_by(20)
    (jump,) = shop.jumps()
    assert jump["seconds"] == jump_s
    assert verify(shop.deployment.state.audit.read_all()).intact


@guarantees("P4.clock", "P4.limits", "P10.outage")
def test_once_it_is_steady_the_limit_counts_and_what_was_approved_is_sent(shop: Shop) -> None:
    """Ten seconds back open no window, and cost nothing but the wait."""
    shop.clock.jump(-10)
    assert code(shop.propose()) == "gateway.clock_jumped"
    shop.clock.pass_by(CALM_S)
    assert code(shop.propose()) == "limit.exceeded"
    shop.work()
    assert shop.states() == [("COMMITTED", "")] * 3
    assert shop.effects() == 3


@guarantees("P4.clock", "P4.limits")
def test_an_hour_that_was_taken_back_in_time_opens_no_window(shop: Shop) -> None:
    """Whoever sets the clock right again within the wait finds the limit as it was."""
    shop.clock.jump(_HOUR_S)
    assert code(shop.propose()) == "gateway.clock_jumped"
    shop.clock.pass_by(30)
    shop.clock.jump(-_HOUR_S)
    assert code(shop.propose()) == "gateway.clock_jumped"
    shop.clock.pass_by(CALM_S)
    assert code(shop.propose()) == "limit.exceeded"
    assert [one["seconds"] for one in shop.jumps()] == [_HOUR_S, -_HOUR_S]


@guarantees("P4.clock")
def test_reading_goes_on(shop: Shop) -> None:
    """What is read, and where one's own proposals stand; what would be late by the clock has not expired."""
    shop.clock.jump(9 * _HOUR_S)
    assert isinstance(shop.ask("list_purchase_orders", limit=1), Answer)
    assert [one["seconds"] for one in shop.jumps()] == [9 * _HOUR_S]  # seen by the first call, whatever it asks
    told = shop.ask("get_proposal", proposal_id=shop.contents[0].proposal_id)
    assert isinstance(told, Answer)
    table = told.tables["proposal"]
    assert table.rows[0][table.columns.index("state")] == "APPROVED"
    assert isinstance(shop.ask("list_my_proposals"), Answer)
    assert shop.states() == [("APPROVED", "")] * 3


@guarantees("P4.clock")
@_NO_JUMPS
def test_a_little_and_sleep_are_no_jumps(shop: Shop, slept_s: int, jump_s: float) -> None:
    """Everything goes on at once."""
    shop.clock.pass_by(slept_s)
    shop.clock.jump(jump_s)
    shop.work()
    assert shop.states() == [("COMMITTED", "")] * 3
    assert shop.effects() == 3
    assert code(shop.propose()) == "limit.exceeded"  # of what was sent this hour
    assert shop.jumps() == []


@guarantees("P4.clock", "P4.one_effect", "P10.outage")
@_JUMPS
@pytest.mark.parametrize("point", ["taken_claimed", "signatures_checked", "decided", "prepared", "after_send"])
def test_a_jump_under_a_worker_s_hands_keeps_the_change_from_being_sent_and_from_ending(
    shop: Shop, point: str, jump_s: int
) -> None:
    """At any point up to the request itself: it goes back to approved, as certainly not sent."""
    shop.work(once(point, lambda: shop.clock.jump(jump_s)))
    assert sorted(shop.states()) == [("APPROVED", ""), ("APPROVED", ""), ("APPROVED", "clock_jumped")]
    assert shop.effects() == 0
    assert shop.was_sending() == (1 if point == "after_send" else 0)
    assert [one["seconds"] for one in shop.jumps()] == [jump_s]
    for _ in range(2):
        shop.clock.pass_by(5 * CALM_S)
        shop.work()
    assert {state for state, _ in shop.states()} == {_ENDS[jump_s]}
    assert shop.effects() == (3 if _ENDS[jump_s] == "COMMITTED" else 0)
    assert verify(shop.deployment.state.audit.read_all()).intact


@guarantees("P4.clock", "P10.outage")
@_JUMPS
def test_a_change_goes_on_as_soon_as_a_clock_that_was_put_right_is_steady(shop: Shop, jump_s: int) -> None:
    """It has no time of the wrong clock before which nobody tries."""
    shop.work(once("prepared", lambda: shop.clock.jump(jump_s)))
    shop.clock.jump(-jump_s)
    shop.work()
    assert shop.effects() == 0
    shop.clock.pass_by(CALM_S)
    shop.work()
    assert shop.states() == [("COMMITTED", "")] * 3
    assert shop.effects() == 3


@guarantees("P4.clock", "P9.bounded")
async def test_a_worker_that_runs_on_waits_and_says_it_once(shop: Shop, caplog: pytest.LogCaptureFixture) -> None:
    """It neither ends nor runs hot, and goes on by itself."""
    told: list[str] = []
    stop = asyncio.Event()
    looks: list[float] = []

    class Counting:
        """Counts the looks, and ends the worker once it has done its work or looked long enough."""

        def __call__(self) -> bool:
            looks.append(shop.clock.steady())
            shop.clock.pass_by(1)
            if len(told) == 3 or len(looks) > 5 * CALM_S:
                stop.set()
            return steady()

    shop.clock.jump(-10)
    watch = shop.deployment.watch
    steady = watch.is_steady
    watch.is_steady = Counting()  # type: ignore[method-assign]
    with caplog.at_level("WARNING", logger="erp_mcp"):
        await asyncio.wait_for(
            worker.work_on(
                shop.deployment,
                lambda proposal, lost: told.append(proposal.state.value),
                poll_s=0.001,
                stop=stop,
            ),
            120,
        )
    assert told == ["COMMITTED"] * 3
    assert shop.effects() == 3
    assert CALM_S <= len(looks) <= CALM_S + 10
    assert [one.getMessage() for one in caplog.records if "clock" in one.getMessage()] == [
        "the clock has jumped by -10 s; nothing is proposed or sent until it is steady"
    ]
