"""`python -m tests.crash.forked [KILLS]`: forked workers killed by SIGKILL at random moments, until all is done.

Where `schedules` chooses the points, this does not: the kill comes from outside, in the middle of whatever is going on.
"""

from __future__ import annotations

import asyncio
import os
import random
import signal
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

from tests.crash.run import in_memory
from tests.crash.schedules import LEASE_OVER_S
from tests.unit.approval.people import NOW
from tests.unit.committing.erp import shipped_profile
from tests.unit.committing.office import CREATE, Office

_PROPOSALS = 20  # of one batch: as many as the policy of the office allows in a day
_KILLS_A_BATCH = 15  # more would find no work left
_LONGEST_LIFE_S = 0.12


@dataclass(slots=True)
class Seen:
    """What was left."""

    kills: int = 0
    proposals: int = 0
    duplicates: int = 0
    lost: int = 0
    flaws: list[str] = field(default_factory=list)
    states: Counter[str] = field(default_factory=Counter)


def batch(folder: Path, kills: int, chance: random.Random, seen: Seen) -> None:
    """Let workers die until enough have, then let one live, and look at what is there."""
    office = Office.furnished(folder)
    contents = [office.approved(CREATE, number=number) for number in range(1, _PROPOSALS + 1)]
    office.close()
    elapsed = 0
    for _ in range(kills):
        _killed(folder, elapsed, chance.uniform(0, _LONGEST_LIFE_S))
        elapsed += LEASE_OVER_S
        seen.kills += 1
    office = Office(folder, now=NOW + timedelta(seconds=elapsed))
    for content in contents:
        state = asyncio.run(office.until_end(content)).state.value
        effects = office.effects(content)
        seen.proposals += 1
        seen.states[state] += 1
        seen.duplicates += effects > 1
        seen.lost += (state == "COMMITTED") != (effects == 1)
    seen.flaws += office.flaws()
    office.close()


def _killed(folder: Path, elapsed: int, life_s: float) -> None:
    child = os.fork()
    if child == 0:
        office = Office(folder, now=NOW + timedelta(seconds=elapsed))
        asyncio.run(office.work_off())
        signal.pause()
        os._exit(0)
    time.sleep(life_s)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)


def play(kills: int, seed: int = 1) -> Seen:
    """Kill so many workers."""
    seen, chance = Seen(), random.Random(seed)
    shipped_profile()
    while seen.kills < kills:
        with tempfile.TemporaryDirectory(dir=in_memory()) as name:
            batch(Path(name), min(_KILLS_A_BATCH, kills - seen.kills), chance, seen)
    return seen


def main() -> int:
    """Play and print."""
    seen = play(int(sys.argv[1]) if len(sys.argv) > 1 else 200)
    states = ", ".join(f"{state} {count}" for state, count in sorted(seen.states.items()))
    print(f"{seen.kills} kills, {seen.proposals} proposals: {seen.duplicates} duplicates, {seen.lost} lost,")
    print(f"{len(seen.flaws)} flaws in the records; {states}")
    return 1 if seen.duplicates or seen.lost or seen.flaws else 0


if __name__ == "__main__":
    sys.exit(main())
