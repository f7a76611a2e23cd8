"""The machine's clock and source of ids; all other code gets both through `ports.Clock` and `ports.Ids`."""

from __future__ import annotations

import os
import time
from datetime import UTC, datetime


class SystemClock:
    """The machine's clock; the plant clock is the same, or stands still at an instant (demo)."""

    def __init__(self, plant: str = "") -> None:
        """Take the instant at which the plant clock stands, empty for the time of day."""
        self._plant = datetime.fromisoformat(plant) if plant else None

    def wall(self) -> datetime:
        """Return the time of day, UTC."""
        return datetime.now(UTC)

    def plant(self) -> datetime:
        """Return the plant's business time, UTC."""
        return self._plant or datetime.now(UTC)


class TimeOrderedIds:
    """UUIDv7 (RFC 9562): 48 bits of milliseconds, then randomness."""

    def new(self) -> str:
        """Return a new id as lower-case text."""
        value = (time.time_ns() // 1_000_000) << 80 | int.from_bytes(os.urandom(10), "big")
        value = value & ~(0xF << 76) | 0x7 << 76
        value = value & ~(0x3 << 62) | 0x2 << 62
        text = f"{value:032x}"
        return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"
