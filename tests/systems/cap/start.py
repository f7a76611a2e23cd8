"""Start or stop the CAP rig: `python -m tests.systems.cap.start DEST STATE [PLANT]`, then `… --stop STATE`.

Run `tests/systems/cap/install.sh DEST` once. PLANT is a generated demo plant's directory; without one, seed 1 is made.
`STATE/rig.json` says where it listens and who may read and write; tests find it by `ERP_MCP_CAP_DIR=STATE`.
"""

from __future__ import annotations

from pathlib import Path

from tests.systems import starting
from tests.systems.cap.server import start, stop


def _start(dest: Path, state: Path, plant: Path | None = None) -> str:
    cap = start(dest, state, plant=plant)
    return f"{cap.url}: {cap.rows} rows in {cap.seed_s} s, reader {cap.reader}, writer {cap.writer}, pid {cap.pid}"


if __name__ == "__main__":
    starting.run(usage=__doc__, places=range(2, 4), start=_start, stop=stop)
