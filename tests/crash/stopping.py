"""PostgreSQL itself is stopped in the middle of whatever is going on, without a word, and started again."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import Final

from erp_mcp.bootstrap import SystemClock
from erp_mcp.domain.lifecycle import State
from erp_mcp.errors import StateUnavailableError
from erp_mcp.store.state.proposals import StoredProposals
from tests.crash.asked import Asked
from tests.crash.crew import AHEAD, Crew
from tests.crash.recovering import Stop
from tests.systems.postgresql.server import Rig, crash

EACH_STOP: Final = 6  # changes that are asked for before each stop, where not all are from the beginning
_BETWEEN_S: Final = (2.0, 10.0)
_WAITING: Final = (State.AWAITING_APPROVAL, State.APPROVED)
_UP: Final = "database system is ready to accept connections"
_STAMP: Final = "%Y-%m-%d %H:%M:%S.%f"  # 23 characters of a line of PostgreSQL's log, in UTC
_LENGTH: Final = 23


@dataclass(frozen=True, slots=True, kw_only=True)
class Stopping:
    """Stops the server of the state.

    Attributes:
        rig: Its own one, which nobody else is on.
        stops: How often at most.
        wanted: How many changes are asked for meanwhile, all from the beginning; it is over when none of these waits
            any more to be decided or sent. Without it, some at each stop.
        within_s: No stop after so many seconds.
        proposals: To look at what waits.
    """

    rig: Rig
    stops: int
    wanted: int
    within_s: float
    proposals: StoredProposals

    async def stop(self, crew: Crew, left: Iterator[Asked], chance: random.Random) -> None:
        """Stop and start it again, at moments that chance chooses, while everybody is at work."""
        crew.release(islice(left, AHEAD + self.wanted))
        await crew.until_at_work()
        ends_at = time.monotonic() + self.within_s
        while len(crew.fired.stops) < self.stops and time.monotonic() < ends_at:
            crew.release(islice(left, 0 if self.wanted else EACH_STOP))
            await asyncio.sleep(chance.uniform(*_BETWEEN_S))
            if self.wanted and crew.asked_all and not is_any(self.proposals, _WAITING):
                return
            at = SystemClock().wall()
            await asyncio.to_thread(crash, self.rig)
            crew.fired.stops.append(Stop(at=at, up=_up_since(self.rig)))


def is_any(proposals: StoredProposals, states: tuple[State, ...]) -> bool:
    """Whether there is a proposal in such a state; said too where the server was not found at once, just come back."""
    with suppress(StateUnavailableError):
        return bool(proposals.in_states(states, limit=1))
    return True


def _up_since(rig: Rig) -> datetime:
    """Return when the primary last said that it takes connections."""
    lines = (Path(rig.directory) / "primary.log").read_text(encoding="utf-8", errors="replace").splitlines()
    last = next(line for line in reversed(lines) if _UP in line)
    return datetime.strptime(last[:_LENGTH], _STAMP).replace(tzinfo=UTC)
