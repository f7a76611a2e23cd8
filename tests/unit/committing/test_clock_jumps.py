"""What a worker has in hand when the clock jumps: nothing is called not applied, over or due by a time that was set."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import pytest

from erp_mcp.domain.clock_watch import CALM_S
from erp_mcp.domain.proposal import Content
from tests.guarantees import guarantees
from tests.unit.committing.erp import Fault
from tests.unit.committing.office import TOOLS, Office

_HOUR_S: Final = 3600
_DAYS_S: Final = 30 * 86_400


def jumps(office: Office, point: str, seconds: float) -> Callable[[str], None]:
    """Set the clock the first time that a worker comes to a point."""
    left = [point]

    def at(name: str) -> None:
        if name in left:
            left.remove(name)
            office.clock.jump(seconds)

    return at


async def unknown(office: Office, fault: Fault = "cut_before") -> Content:
    """Return a proposal of which nobody knows what became."""
    content = office.approved(TOOLS[1])
    office.erp.faults = [fault]
    await office.work_off()
    return content


@guarantees("P4.clock", "P4.unknown")
@pytest.mark.parametrize("jump_s", [_HOUR_S, _DAYS_S], ids=["an_hour", "a_month"])
async def test_a_change_that_is_missing_by_a_clock_that_has_jumped_is_not_called_not_applied(
    office: Office, jump_s: int
) -> None:
    """It has had no more time to come than before, and nobody has waited for it for a month."""
    content = await unknown(office)
    assert office.stand(content)[0] == "UNKNOWN"
    for _ in range(2):
        office.clock.advance(400, plant=False)
        await office.committer(jumps(office, "looked_for", jump_s)).work("w1")
        assert office.stand(content) == ("UNKNOWN", "clock_jumped")
        assert office.state.proposals.get(content.proposal_id).not_before == ""  # no time of a clock that was set
    office.clock.advance(CALM_S - 1, plant=False)
    assert await office.committer().work("w1") is None
    office.clock.advance(2 * _HOUR_S, plant=False)
    assert (await office.erp.send(content.command)) is not None  # it comes after all
    await office.work_off()
    assert (office.stand(content), office.effects(content)) == (("COMMITTED", ""), 1)
    assert office.flaws() == []


@guarantees("P4.clock", "P4.accepted")
async def test_a_system_s_time_to_confirm_is_not_over_by_a_clock_that_has_jumped(office: Office) -> None:
    """It is asked again, as if the clock had gone on."""
    content = await unknown(office, "accept")
    assert office.stand(content)[0] == "AWAITING_ACK"
    office.clock.advance(20, plant=False)
    await office.committer(jumps(office, "taken_reconciling", _DAYS_S)).work("w1")
    assert office.stand(content) == ("AWAITING_ACK", "not_acknowledged_yet")
    assert office.flaws() == []


@guarantees("P4.clock", "P4.unknown")
async def test_nothing_is_taken_up_while_the_clock_has_jumped_whatever_it_is(office: Office) -> None:
    """Leases are over by it that run, and times have come that have not."""
    content = await unknown(office)
    approved = office.approved(TOOLS[0], number=2)
    office.clock.advance(10, plant=False)  # a look is due
    before = [office.stand(one) for one in (approved, content)]
    told = len(office.path_of(content))
    office.clock.jump(_HOUR_S)
    for _ in range(CALM_S):
        assert await office.committer().work("w2") is None
        office.clock.advance(1, plant=False)
    assert [office.stand(one) for one in (approved, content)] == before
    assert len(office.path_of(content)) == told
    assert await office.committer().work("w2") is not None


@guarantees("P4.clock", "P4.one_effect")
async def test_an_answer_that_comes_while_the_clock_has_jumped_is_recorded(office: Office) -> None:
    """What a system says it did is no question of the time."""
    content = office.approved()
    await office.committer(jumps(office, "answered", _HOUR_S)).work("w1")
    assert (office.stand(content), office.effects(content)) == (("COMMITTED", ""), 1)
