"""A clock that jumps, and days on which the hours of a zone are not twenty-four, double nothing and lose nothing."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

import pytest

from erp_mcp.domain.lifecycle import State as Stand
from erp_mcp.domain.proposal import LimitUse
from erp_mcp.errors import LimitExceededError
from tests.guarantees import guarantees
from tests.unit.committing.office import TOOLS, Office
from tests.unit.store.state.fakes import FakeClock, a_content, a_state

_POINTS: Final = (
    *("taken_claimed", "signatures_checked", "decided", "looked_up", "prepared", "before_send", "after_send"),
    *("erp_before_commit", "erp_after_commit", "answered", "read_back", "before_commit", "after_commit"),
)
_HOUR_S: Final = 3600
_ROUNDS: Final = 200
_ENDS: Final = {Stand.COMMITTED, Stand.NOT_APPLIED, Stand.NEEDS_HUMAN}  # a yes of later than now is for a person
# In zones of plants: the hour that is left out, the one that comes twice; ends of months, of February and of the year.
_MOMENTS: Final = (
    *("2026-03-29T00:55:00+00:00", "2026-10-25T00:55:00+00:00", "2026-03-08T06:55:00+00:00"),
    *("2026-02-28T23:55:00+00:00", "2028-02-29T23:55:00+00:00", "2026-12-31T23:55:00+00:00"),
)


@guarantees("P4.one_effect", "P4.unknown", "P10.survives")
@pytest.mark.parametrize("jump_s", [-_HOUR_S, _HOUR_S], ids=["back", "forward"])
@pytest.mark.parametrize("point", _POINTS)
@pytest.mark.parametrize("tool", TOOLS)
async def test_a_clock_that_jumps_under_a_worker_s_hands_makes_no_second_change(
    tool: str, point: str, jump_s: int, tmp_path: Path
) -> None:
    """An hour back or forward at any point of the way: the end says what is in the ERP, which is once or never."""
    office = Office.furnished(tmp_path)
    content = office.approved(tool)
    jumped: list[str] = []

    def at(name: str) -> None:
        if name == point and not jumped:
            jumped.append(name)
            office.clock.advance(jump_s, plant=False)

    office.erp.at = lambda name: at(f"erp_{name}")
    await office.committer(at=at).work("w1")
    for _ in range(_ROUNDS):  # a lease of before a jump back is long
        await office.work_off()
        if office.state.proposals.get(content.proposal_id).state in _ENDS:
            break
        office.clock.advance(60, plant=False)
    end = office.state.proposals.get(content.proposal_id).state
    assert jumped == [point]
    assert end in _ENDS
    assert end is not Stand.NEEDS_HUMAN or (jump_s < 0 and not office.erp.sent)
    assert office.effects(content) == (end is Stand.COMMITTED)
    assert len(office.erp.sent) <= 1
    assert office.flaws() == []
    office.close()


@guarantees("P4.limits")
@pytest.mark.parametrize("moment", _MOMENTS)
def test_a_window_is_as_long_on_every_day_of_the_year(moment: str, tmp_path: Path) -> None:
    """Counted in UTC: an hour that comes twice opens no window twice, one that is left out none early."""
    clock = FakeClock()
    clock.now = datetime.fromisoformat(moment).astimezone(UTC)
    use = LimitUse(limit="short", key="all", amount=1, maximum=3, window_s=900)
    state = a_state(tmp_path, clock)
    for number in range(3):
        state.proposals.create(a_content(f"key-{number:08d}", limits=(use,), created=clock.now))
    clock.now += timedelta(seconds=899)
    with pytest.raises(LimitExceededError):
        state.proposals.create(a_content("key-00000008", limits=(use,), created=clock.now))
    clock.now += timedelta(seconds=1)
    state.proposals.create(a_content("key-00000009", limits=(use,), created=clock.now))
    state.close()


@guarantees("P4.limits")
def test_a_clock_that_goes_back_opens_no_window_a_second_time(tmp_path: Path) -> None:
    """What was counted lies in the future then, and counts."""
    clock = FakeClock()
    use = LimitUse(limit="short", key="all", amount=1, maximum=3, window_s=900)
    state = a_state(tmp_path, clock)
    for number in range(3):
        state.proposals.create(a_content(f"key-{number:08d}", limits=(use,), created=clock.now))
    for back_s in (1, 901, _HOUR_S):
        clock.now -= timedelta(seconds=back_s)
        with pytest.raises(LimitExceededError):
            state.proposals.create(a_content("key-00000009", limits=(use,), created=clock.now))
    state.close()
