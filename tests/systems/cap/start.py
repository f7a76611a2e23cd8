"""Start or stop the CAP rig: `python -m tests.systems.cap.start DEST STATE [PLANT]`, then `… --stop STATE`.

Run `tests/systems/cap/install.sh DEST` once. PLANT is a generated demo plant's directory; without one, seed 1 is made.
`STATE/rig.json` says where it listens and who may read and write; tests find it by `ERP_MCP_CAP_DIR=STATE`.
"""

from __future__ import annotations

import sys
from pathlib import Path

from tests.systems.cap.server import start, stop


def main(arguments: list[str]) -> int:
    """Do what the arguments say; returns the exit status."""
    match arguments:
        case ["--stop", state]:
            stop(Path(state).absolute())
            print("stopped")
        case [dest, state, *plant] if not dest.startswith("-") and len(plant) < 2:
            found = Path(plant[0]).absolute() if plant else None
            cap = start(Path(dest).absolute(), Path(state).absolute(), plant=found)
            print(
                f"{cap.url}: {cap.rows} rows in {cap.seed_s} s, reader {cap.reader}, writer {cap.writer}, pid {cap.pid}"
            )
        case _:
            print(__doc__)
            return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
