"""`python -m tests.model --steps 20000`: lets chance do everything at once, and says what was seen.

Exits 1 where the gateway and the model differed, with the shortest story of it that was found.
"""

from __future__ import annotations

import argparse
import logging
import shutil
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from unittest import mock

from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis.stateful import run_state_machine_as_test

from erp_mcp.approval import keys
from tests.crash.run import in_memory
from tests.model.machine import Everything
from tests.model.shop import stocked
from tests.prepared import prepare

STEPS = 60  # of one story


@contextmanager
def furnished(plant: Path) -> Iterator[None]:
    """Let the machine run on a prepared plant, which nobody else uses."""
    logging.disable()  # planted failures are many, and each is logged
    with mock.patch.object(keys, "_stretched", lru_cache(keys._stretched)):  # each takes a quarter of a second
        Everything.stock = stocked(plant)
        try:
            yield
        finally:
            Everything.stock.kit.close()
            logging.disable(logging.NOTSET)


def play(stories: int, *, begin: int = 1, shrinks: bool = True) -> Counter[str]:
    """Play so many stories, the same ones for the same number to begin with; return what was seen.

    Raises:
        AssertionError: gateway and model differ, or something that must hold does not.
    """
    Everything.seen.clear()
    phases = (Phase.generate, Phase.shrink) if shrinks else (Phase.generate,)
    chosen = settings(
        max_examples=stories, stateful_step_count=STEPS, deadline=None, database=None, phases=phases,
        suppress_health_check=list(HealthCheck), print_blob=False,
    )  # fmt: skip
    run_state_machine_as_test(seed(begin)(Everything), settings=chosen)
    return Counter(Everything.seen)


def main() -> int:
    """Play, print, and say by the exit status whether anything was wrong."""
    parser = argparse.ArgumentParser(prog="python -m tests.model", description=__doc__)
    parser.add_argument("--steps", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--no-shrink", action="store_true", help="stop at the first story, as it was found")
    parser.add_argument("--plant", type=Path, help="a prepared demo plant, which is copied")
    chosen = parser.parse_args()
    began, seen = time.monotonic(), Counter[str]()
    with tempfile.TemporaryDirectory(dir=in_memory()) as name:
        plant = Path(name) / "plant"
        with furnished(Path(shutil.copytree(chosen.plant, plant)) if chosen.plant else prepare(plant)):
            begin = chosen.seed
            while seen["steps"] < chosen.steps:
                seen += play(100, begin=begin, shrinks=not chosen.no_shrink)
                begin += 1
    seconds = time.monotonic() - began
    told = ", ".join(f"{name} {count}" for name, count in sorted(seen.items()) if name != "steps")
    print(f"{seen['steps']} steps, 0 invariant breaks, {seconds:.0f} s, {1000 * seconds / seen['steps']:.1f} ms a step")
    print(told)
    return 0


if __name__ == "__main__":
    sys.exit(main())
