"""Time in tests: a clock that is moved by hand, and waiting for a state instead of for a while."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Final

from erp_mcp.credentials.refreshing import Timing

PATIENCE_S: Final = 120.0
"""How long something may take that takes a moment: passed only where it never comes, on the slowest machine."""

_LOOK_S: Final = 0.01


class Ticks:
    """A clock that stands still until it is moved: what a test says of time is true on every machine."""

    def __init__(self, now: float = 1000.0) -> None:
        """Stand at `now`, in seconds."""
        self.now = now

    def __call__(self) -> float:
        """Return where it stands."""
        return self.now


def still(ticks: Ticks) -> Timing:
    """Return a timing without chance: refreshed at exactly 80 %, pauses in full."""
    return Timing(monotonic=ticks, chance=lambda: 0.0)


async def settled() -> None:
    """Let what was started beside run to its end, so that it ends in the moment in which it began."""
    async with asyncio.timeout(PATIENCE_S):
        while beside := asyncio.all_tasks() - {asyncio.current_task()}:
            await asyncio.wait(beside)


async def becomes(holds: Callable[[], bool]) -> None:
    """Wait until something holds, looking again and again.

    Raises:
        AssertionError: It never did.
    """
    ends = time.monotonic() + PATIENCE_S
    while not holds():
        assert time.monotonic() < ends, "it never came to be"
        await asyncio.sleep(_LOOK_S)
