"""A watch tells a clock that was set from one that goes on, whatever a machine sleeps, slews or stands still."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

import pytest

from erp_mcp.bootstrap import SystemClock
from erp_mcp.domain.clock_watch import CALM_S, ClockWatch, Jump
from erp_mcp.errors import AuditUnavailableError, ClockJumpedError
from erp_mcp.testing import FixedClock
from tests.guarantees import guarantees

_WEEK_S: Final = 7 * 86_400


class Told(list[Jump]):
    """The jumps that were told."""

    @property
    def seconds(self) -> list[float]:
        return [jump.seconds for jump in self]


@guarantees("P4.clock")
@pytest.mark.parametrize("seconds", [3600.0, -10.0, 2.5, -2.5, 86_400.0 * 365])
def test_a_clock_that_was_set_is_noticed_told_once_and_held_until_it_is_steady(seconds: float) -> None:
    """Forward and back; the sixty seconds are counted by the clock that nobody sets."""
    clock, told = FixedClock(), Told()
    watch = ClockWatch(clock, told.append)
    assert watch.is_steady()
    clock.jump(seconds)
    for passed in range(CALM_S):
        with pytest.raises(ClockJumpedError) as refused:
            watch.check()
        assert refused.value.facts == {"seconds": round(seconds), "retry_after_s": CALM_S - passed}
        clock.advance(1)
    assert watch.is_steady()
    assert told.seconds == [seconds]


@guarantees("P4.clock")
def test_each_jump_begins_the_wait_anew() -> None:
    """Also the one that puts right what the first one did."""
    clock, told = FixedClock(), Told()
    watch = ClockWatch(clock, told.append)
    clock.jump(3600)
    assert not watch.is_steady()
    clock.advance(CALM_S - 1)
    clock.jump(-3600)
    assert not watch.is_steady()
    clock.advance(CALM_S - 1)
    assert not watch.is_steady()
    clock.advance(1)
    assert watch.is_steady()
    assert told.seconds == [3600, -3600]


@guarantees("P4.clock")
@pytest.mark.parametrize("seconds", [1.5, -1.5, 1.0])
def test_less_than_two_seconds_are_no_jump(seconds: float) -> None:
    """A leap second, or a first answer of NTP."""
    clock, told = FixedClock(), Told()
    watch = ClockWatch(clock, told.append)
    clock.jump(seconds)
    assert watch.is_steady()
    clock.advance(CALM_S + 1)
    assert watch.is_steady()
    clock.jump(seconds)  # long after the first one, which is forgotten
    assert watch.is_steady()
    assert told == []


@guarantees("P4.clock")
def test_small_steps_at_once_are_a_jump() -> None:
    """Whoever sets a clock by a second each second opens a window as well."""
    clock, told = FixedClock(), Told()
    watch = ClockWatch(clock, told.append)
    seen = []
    for _ in range(4):
        clock.jump(1)
        clock.advance(1)
        seen.append(watch.is_steady())
    assert seen == [True, True, False, False]


@guarantees("P4.clock")
@pytest.mark.parametrize("look_s", [10, 59, 3600, _WEEK_S], ids=["ten_seconds", "59_s", "hourly", "weekly"])
@pytest.mark.parametrize("ppm", [500, -500])
def test_a_clock_that_is_slewed_for_a_week_has_not_jumped(look_s: int, ppm: int) -> None:
    """Five minutes in all, however often a process looks."""
    clock, told = FixedClock(), Told()
    watch = ClockWatch(clock, told.append)
    for _ in range(_WEEK_S // look_s):
        clock.advance(look_s)
        clock.jump(look_s * ppm / 1_000_000)
        watch.check()
    assert told == []


@guarantees("P4.clock")
@pytest.mark.parametrize("hours", [8, 24 * 30])
def test_a_machine_that_slept_has_not_jumped(hours: int) -> None:
    """Both clocks go on in sleep."""
    clock, told = FixedClock(), Told()
    watch = ClockWatch(clock, told.append)
    clock.advance(hours * 3600)
    assert watch.is_steady()
    assert told == []


class HeldUp(FixedClock):
    """A clock of a process that is stopped for ten seconds between two readings, as often as it is said."""

    times = 0

    def steady(self) -> float:
        said = super().steady()
        if self.times:
            self.times -= 1
            self.advance(10)
        return said


@guarantees("P4.clock")
def test_a_process_that_stood_still_between_its_readings_reads_again() -> None:
    """Or a debugger would look like somebody who set the clock."""
    clock, told = HeldUp(), Told()
    watch = ClockWatch(clock, told.append)
    clock.times = 1
    assert watch.is_steady()
    assert told == []


@guarantees("P4.clock", "P5.audit_or_nothing")
def test_a_jump_that_can_not_be_recorded_is_recorded_later_and_counts_before() -> None:
    """Nothing passes meanwhile, and the record is made once."""
    clock, told = FixedClock(), Told()
    is_full = [True]

    def tell(jump: Jump) -> None:
        if is_full[0]:
            raise AuditUnavailableError
        told.append(jump)

    watch = ClockWatch(clock, tell)
    clock.jump(3600)
    for _ in range(2):
        with pytest.raises(AuditUnavailableError):
            watch.check()
    is_full[0] = False
    with pytest.raises(ClockJumpedError):
        watch.check()
    assert told.seconds == [3600]
    assert told[0].seen_at == FixedClock().wall() + timedelta(hours=1)


@guarantees("P4.clock")
def test_the_machine_s_own_clocks_go_along() -> None:
    """Seconds that nobody sets, in the unit of the others."""
    clock = SystemClock()
    before, wall = clock.steady(), clock.wall()
    watch = ClockWatch(clock)
    while clock.steady() - before < 0.01:
        pass
    assert watch.is_steady()
    assert abs((clock.wall() - wall).total_seconds() - (clock.steady() - before)) < 2
