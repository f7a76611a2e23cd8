"""`python -m tests.crash.run`: plays every schedule of one death and of two, and prints what became of them.

`--ways` and `--tools` narrow it, `--pairs N` plays N seeded pairs instead of all, `--triples N` adds N of three deaths.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field, fields
from itertools import product
from pathlib import Path
from typing import Any

from tests.crash.schedules import PLANTED, WAYS, Ending, Schedule, Stage
from tests.unit.committing.office import TOOLS


@dataclass(slots=True)
class Tally:
    """What was seen of one tool on one way."""

    schedules: int = 0
    duplicates: int = 0
    lost: int = 0
    illegal: int = 0
    states: Counter[str] = field(default_factory=Counter)
    seen: list[str] = field(default_factory=list)

    def add(self, endings: Iterable[Ending]) -> None:
        for one in endings:
            self.schedules += 1
            self.duplicates += one.is_duplicate
            self.lost += one.is_lost
            self.illegal += bool(one.illegal)
            self.states[one.state] += 1
            if one.is_duplicate or one.is_lost or one.illegal:
                self.seen.append(f"{one.schedule.kills} {one.state} {one.effects} {'; '.join(one.illegal)}")


def play(stage: Stage, tool: str, way: str, *, pairs: int | None, triples: int) -> Tally:
    """Play one tool on one way: every single death, and pairs and triples as many as asked for (`None`: every pair)."""
    tally = Tally()
    tally.add(stage.singles(tool, way))
    if pairs == 0 and not triples:
        return tally
    every = list(stage.pairs(tool, way))
    chance = random.Random(f"{tool} {way}")
    chosen = every if pairs is None else chance.sample(every, min(pairs, len(every)))
    tally.add(stage.play(one) for one in chosen)
    for _ in range(triples):
        one = chance.choice(every)
        third = Schedule(tool=tool, way=way, kills=(*one.kills, chance.randrange(12)))
        tally.add([stage.play(third)])
    return tally


def in_memory() -> str | None:
    """Return a folder in memory where there is one: a killed process loses nothing that was written without a sync."""
    folder = Path("/dev/shm")
    return str(folder) if folder.is_dir() and os.access(folder, os.W_OK) else None


def facts_of(one: Any) -> dict[str, Any]:
    """Return the fields of what was seen, for JSON; `dataclasses.asdict` makes nonsense of a counter."""
    return {each.name: getattr(one, each.name) for each in fields(one)}


def main() -> int:
    """Play, print, and say by the exit status whether anything was wrong."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--ways", nargs="*", default=list(WAYS), choices=WAYS)
    parser.add_argument("--tools", nargs="*", default=list(TOOLS), choices=TOOLS)
    parser.add_argument("--pairs", type=int, default=None)
    parser.add_argument("--triples", type=int, default=0)
    parser.add_argument("--planted", default="", choices=PLANTED, help="a worker that is wrong, which must be found")
    parser.add_argument("--json", action="store_true")
    chosen = parser.parse_args()
    began = time.perf_counter()
    tallies: dict[tuple[str, str], Tally] = {}
    with tempfile.TemporaryDirectory(dir=in_memory()) as name:
        stage = Stage(Path(name), planted=chosen.planted)
        for tool, way in product(chosen.tools, chosen.ways):
            tallies[tool, way] = play(stage, tool, way, pairs=chosen.pairs, triples=chosen.triples)
            if not chosen.json:
                print(_line(tool, way, tallies[tool, way]), flush=True)
    total = Tally()
    for one in tallies.values():
        total.schedules += one.schedules
        total.duplicates += one.duplicates
        total.lost += one.lost
        total.illegal += one.illegal
        total.states += one.states
        total.seen += one.seen
    seconds = time.perf_counter() - began
    if chosen.json:
        rows = [
            {"tool": tool, "way": way, "schedules": one.schedules, "states": dict(one.states), "seen": one.seen}
            for (tool, way), one in tallies.items()
        ]
        print(json.dumps({"rows": rows, **_figures(total), "seconds": round(seconds, 1)}))
    else:
        print(f"{_line('total', '', total)}   {seconds:.0f} s, {1000 * seconds / max(1, total.schedules):.0f} ms each")
    return 1 if total.seen else 0


def _figures(one: Tally) -> dict[str, int]:
    return {"total": one.schedules, "duplicates": one.duplicates, "lost": one.lost, "illegal": one.illegal}


def _line(tool: str, way: str, one: Tally) -> str:
    states = ", ".join(f"{state} {count}" for state, count in sorted(one.states.items()))
    figures = f"{one.schedules:6} schedules  {one.duplicates} duplicates  {one.lost} lost  {one.illegal} illegal"
    return "\n".join([f"{tool:36} {way:11} {figures}   {states}", *(f"    {wrong}" for wrong in one.seen[:10])])


if __name__ == "__main__":
    sys.exit(main())
