"""A saga while the machine's clock jumps: it waits where it is, and goes on as it would have gone."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import Final

import pytest

from erp_mcp.domain.clock_watch import CALM_S
from erp_mcp.domain.lifecycle import State
from erp_mcp.domain.proposal import Proposal
from erp_mcp.worker.refreshing import refreshed
from tests.faults.plant import DrivenClock
from tests.guarantees import guarantees
from tests.writes.desk import WriteDesk
from tests.writes.test_procurement import carried_out, parts, saga_of

_DAY_S: Final = 86_400
_JUMPS: Final = pytest.mark.parametrize("jump_s", [2 * _DAY_S, -7200], ids=["two_days_ahead", "two_hours_back"])


def worked(desk: WriteDesk, saga: Proposal, clock: DrivenClock, jump_s: int, point: str, turn: int) -> Proposal:
    """Let a worker go on until nothing is due; the clock is set when it comes to a point for so manieth a time."""
    left = [point] * turn

    def at(name: str) -> None:
        if left and name == point:
            left.pop()
            if not left:
                clock.jump(jump_s)

    async def work() -> None:
        committer = desk.deployment.committer(at=at, refresh=partial(refreshed, desk.deployment))
        try:
            while await committer.work("worker:one") is not None:
                pass
        finally:
            await desk.deployment.disconnect()

    asyncio.run(work())
    assert not left
    return desk.proposal(saga.content.proposal_id)


@guarantees("P4.clock", "P10.saga")
@_JUMPS
@pytest.mark.parametrize("turn", [1, 2, 3])
def test_a_saga_waits_while_the_clock_has_jumped_and_is_whole_in_the_end(
    timed: WriteDesk, clock: DrivenClock, turn: int, jump_s: int
) -> None:
    """Set in the hands of the saga's own worker, of its first step's, of the saga's again; and set right again."""
    saga = saga_of(timed)
    seen = worked(timed, saga, clock, jump_s, "taken_claimed", turn)
    assert seen.state in {State.APPROVED, State.CLAIMED}, (seen.state, seen.reason)
    assert {one.state for one in parts(timed, saga).values()} <= {State.APPROVED, State.COMMITTED}
    clock.jump(-jump_s)
    assert carried_out(timed, saga).state is seen.state
    for _ in range(4):
        clock.pass_by(3 * CALM_S)  # a lease of before the jump is over
        seen = carried_out(timed, saga)
    assert seen.state is State.COMMITTED, (seen.state, seen.reason)
