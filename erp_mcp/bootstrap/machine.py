"""The machine's clock and source of ids; all other code gets both through `ports.Clock` and `ports.Ids`."""

from __future__ import annotations

import logging
import os
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Final

from erp_mcp.domain.audit import AuditEntry
from erp_mcp.domain.clock_watch import Jump
from erp_mcp.domain.instants import exact_instant
from erp_mcp.ports import AuditStore, Ids

_log: Final = logging.getLogger("erp_mcp")
# The first on Linux, the second on macOS; there `time.monotonic` stands still in sleep, and on Windows it goes on.
_ON_IN_SLEEP: Final[int | None] = getattr(
    time, "CLOCK_BOOTTIME", None if sys.platform == "win32" else time.CLOCK_MONOTONIC
)


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

    def steady(self) -> float:
        """Return seconds since some moment; nobody sets them, and they go on while the machine sleeps."""
        return time.monotonic() if _ON_IN_SLEEP is None else time.clock_gettime(_ON_IN_SLEEP)


class TimeOrderedIds:
    """UUIDv7 (RFC 9562): 48 bits of milliseconds, then randomness."""

    def new(self) -> str:
        """Return a new id as lower-case text."""
        value = (time.time_ns() // 1_000_000) << 80 | int.from_bytes(os.urandom(10), "big")
        value = value & ~(0xF << 76) | 0x7 << 76
        value = value & ~(0x3 << 62) | 0x2 << 62
        text = f"{value:032x}"
        return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


def jump_recorder(audit: Callable[[], AuditStore], ids: Ids) -> Callable[[Jump], None]:
    """Return what records a jump of the clock and says it in the log, as `ClockWatch.tell`."""

    def record(jump: Jump) -> None:
        seconds = round(jump.seconds)
        expected = exact_instant(jump.seen_at - timedelta(seconds=jump.seconds))
        entry = AuditEntry(
            kind="clock.jumped",
            correlation_id=ids.new(),
            causation_id="",
            trace="",
            actor="clock",
            facts={"seconds": seconds, "said": exact_instant(jump.seen_at), "expected": expected},
            fields={},
        )
        audit().append(entry)
        _log.warning("the clock has jumped by %+d s; nothing is proposed or sent until it is steady", seconds)

    return record
