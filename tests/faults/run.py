"""`python -m tests.faults.run`: plays every fault at every place and stories by chance, and prints what became of each.

`--stories N` tells so many stories, from seed `--seed` on; `--no-matrix` leaves the faults out.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import shutil
import sys
import tempfile
import time
from collections.abc import Coroutine, Iterator
from pathlib import Path
from typing import Final

from tests.crash.run import in_memory
from tests.faults import chance, matrix, plant
from tests.faults.driving import Tally

EACH: Final = 18  # proposals of each tool: as many as there are faults, with the effect and without
_Played = Coroutine[None, None, Tally]


def main() -> int:
    """Play, print, and say by the exit status whether anything was wrong."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--stories", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--no-matrix", action="store_true")
    chosen = parser.parse_args()
    logging.disable()  # planted failures are many, and each is logged
    began = time.perf_counter()
    total = Tally()
    print(f"{'':24}{'schedules':>10}{'sends':>7}{'effects':>9}{'duplicates':>12}{'lost':>6}{'illegal':>9}")
    with tempfile.TemporaryDirectory(dir=in_memory()) as name:
        folder = Path(name)
        template = plant.with_proposals(plant.prepared(folder / "template"), EACH)
        if not chosen.no_matrix:
            for spot in matrix.SPOTS:
                plays = [matrix.play(template, folder / "play", matrix.every(spot, one)) for one in matrix.LENGTHS]
                total.add(_shown(f"fault: {spot}", plays, folder / "play"))
        stories = range(chosen.seed, chosen.seed + chosen.stories)
        told = (chance.told(template, folder / "play", seed) for seed in stories)
        total.add(_shown(f"{chosen.stories} stories by chance", told, folder / "play"))
    print(f"{_row('total', total)}   {time.perf_counter() - began:.0f} s")
    return 1 if total.wrongs else 0


def _shown(name: str, plays: list[_Played] | Iterator[_Played], folder: Path) -> Tally:
    tally = Tally()
    for play in plays:
        tally.add(asyncio.run(play))
        shutil.rmtree(folder)
    print("\n".join([_row(name, tally), *(f"    {wrong}" for wrong in tally.wrongs[:10])]), flush=True)
    return tally


def _row(name: str, one: Tally) -> str:
    illegal = max(0, len(one.wrongs) - one.duplicates - one.lost)
    states = ", ".join(f"{state} {count}" for state, count in sorted(one.states.items()))
    figures = f"{one.schedules:10}{one.sends:7}{one.effects:9}{one.duplicates:12}{one.lost:6}{illegal:9}"
    return f"{name:24}{figures}   {states}"


if __name__ == "__main__":
    sys.exit(main())
