"""Time and identifiers for tests: they move only when told to."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta


class FixedClock:
    """A clock whose two faces stand still until `advance`, or until somebody sets it by `jump`."""

    def __init__(self, plant: datetime | None = None, wall: datetime | None = None) -> None:
        """Stand at these aware instants; a Monday morning in March 2026 by default."""
        self._plant = plant or datetime(2026, 3, 16, 5, 0, tzinfo=UTC)
        self._wall = wall or self._plant
        self._jumped_s = 0.0

    def wall(self) -> datetime:
        """Return the time of day."""
        return self._wall

    def plant(self) -> datetime:
        """Return the plant's business time."""
        return self._plant

    def steady(self) -> float:
        """Return seconds that go along with `advance`."""
        return self._wall.timestamp() - self._jumped_s

    def jump(self, seconds: float) -> None:
        """Set the time of day; no time passes."""
        self._wall += timedelta(seconds=seconds)
        self._jumped_s += seconds

    def advance(self, seconds: float, *, plant: bool = True) -> None:
        """Move the wall clock, and the plant clock unless told not to."""
        self._wall += timedelta(seconds=seconds)
        if plant:
            self._plant += timedelta(seconds=seconds)


class NumberedIds:
    """Identifiers `id-000001`, `id-000002`, …: unique and sorted."""

    def __init__(self) -> None:
        """Start at one."""
        self._last = 0

    def new(self) -> str:
        """Return the next identifier."""
        self._last += 1
        return f"id-{self._last:06d}"
