"""`python -m tests.model --steps 20000`: lets chance do everything at once, and says what was seen.

Exits 1 where the gateway and the model differed, with the shortest story of it that was found. It is a stage of
`python -m tests.torture` too, which plays it on both stores.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
import time
from pathlib import Path

from tests.crash.run import in_memory
from tests.model.playing import played, played_on
from tests.prepared import prepare
from tests.torture.homes import home_on
from tests.torture.plant import prepared


def main() -> int:
    """Play, print, and say by the exit status whether anything was wrong."""
    parser = argparse.ArgumentParser(prog="python -m tests.model", description=__doc__)
    parser.add_argument("--steps", type=int, default=20_000)
    parser.add_argument("--store", default="sqlite", choices=("sqlite", "postgresql"))
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--no-shrink", action="store_true", help="stop at the first story, as it was found")
    parser.add_argument("--plant", type=Path, help="a prepared demo plant, which is copied")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=in_memory()) as name:
        plant = Path(name) / "plant"
        kit = prepared(Path(shutil.copytree(chosen.plant, plant)) if chosen.plant else prepare(plant))
        with home_on(chosen.store, kit.settings) as home, played_on(kit, home):
            began = time.monotonic()
            seen = played(chosen.steps, begin=chosen.seed, shrinks=not chosen.no_shrink)
            seconds = time.monotonic() - began
        kit.close()
    told = ", ".join(f"{name} {count}" for name, count in sorted(seen.items()) if name != "steps")
    print(f"{seen['steps']} steps, 0 invariant breaks, {seconds:.0f} s, {1000 * seconds / seen['steps']:.1f} ms a step")
    print(told)
    return 0


if __name__ == "__main__":
    sys.exit(main())
