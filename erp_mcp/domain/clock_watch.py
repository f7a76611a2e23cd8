"""Whether the time of day goes on as time does: who looks keeps a clock that jumps from opening windows and expiries.

A watch belongs to one process and knows nothing of what was before it. It compares the time of day with a steady clock
that nobody sets and that goes on in sleep. What a machine gains or loses slowly adds up to no jump.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Protocol

from erp_mcp.errors import ClockJumpedError

JUMP_S: Final = 2.0  # less than this is none
CALM_S: Final = 60  # so long it has to go on steadily before its times count again
_SLEW: Final = 0.0005  # a machine's clock is put right by so much at the most without being set: 500 ppm
_ANCHOR_S: Final = 60.0  # what differs less is forgotten after so long
_HELD_UP_S: Final = 0.5  # a process that stood still between two readings reads once more
_TRIES: Final = 3


class Readings(Protocol):
    """The two readings that are compared; as `ports.Clock`."""

    def wall(self) -> datetime:
        """Return the time of day."""
        ...

    def steady(self) -> float:
        """Return seconds since some moment."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Jump:
    """The clock was set by so many seconds (negative: back); `seen_at` is what it said when that was noticed."""

    seconds: float
    seen_at: datetime


@dataclass(frozen=True, slots=True)
class _Reading:
    wall: datetime
    steady: float

    def ahead_of(self, before: _Reading) -> float:
        """Return by how many seconds more the time of day has gone on since than time has."""
        return (self.wall - before.wall).total_seconds() - (self.steady - before.steady)


class ClockWatch:
    """Notices jumps of one process's clock; any thread may look."""

    def __init__(self, clock: Readings, tell: Callable[[Jump], None] = lambda _: None) -> None:
        """Begin to watch; `tell` gets each jump once, and once more where it could not take it."""
        self._clock = clock
        self._tell = tell
        self._lock = threading.Lock()
        self._anchor = self._read()
        self._last: tuple[Jump, float] | None = None  # with the steady second at which it was noticed
        self._untold: list[Jump] = []

    def look(self) -> ClockJumpedError | None:
        """Return why the times of this clock don't count now, `None` where they do.

        Raises:
            GatewayError: of `tell`; the jump is told at the next look, and counts all the same.
        """
        with self._lock:
            now = self._read()
            self._compare(now)
            self._tell_all()
            if self._last is None:
                return None
            jump, noticed = self._last
            left_s = CALM_S - (now.steady - noticed)
            return (
                ClockJumpedError(seconds=round(jump.seconds), retry_after_s=math.ceil(left_s)) if left_s > 0 else None
            )

    def check(self) -> None:
        """Refuse while the times of this clock don't count.

        Raises:
            ClockJumpedError: `gateway.clock_jumped`. GatewayError: as `look`.
        """
        why = self.look()
        if why is not None:
            raise why

    def is_steady(self) -> bool:
        """Say whether the times of this clock count; raises as `look`."""
        return self.look() is None

    def _compare(self, now: _Reading) -> None:
        passed_s, ahead_s = now.steady - self._anchor.steady, now.ahead_of(self._anchor)
        if abs(ahead_s) > JUMP_S + _SLEW * abs(passed_s):
            jump = Jump(seconds=ahead_s, seen_at=now.wall)
            self._last, self._anchor = (jump, now.steady), now
            self._untold.append(jump)
        elif passed_s >= _ANCHOR_S:
            self._anchor = now

    def _tell_all(self) -> None:
        while self._untold:
            self._tell(self._untold[0])
            del self._untold[0]

    def _read(self) -> _Reading:
        """Read both at one moment; a process that is stopped between the two would see a jump that was none."""
        tries = 0
        while True:
            before, wall, after = self._clock.steady(), self._clock.wall(), self._clock.steady()
            tries += 1
            if after - before < _HELD_UP_S or tries == _TRIES:
                return _Reading(wall, before)
