"""Start or stop a seeded Tryton: `python -m tests.systems.tryton.start VENV DIR`, then `… --stop DIR`.

Sets nothing up by itself: run `tests/systems/tryton/install.sh VENV` once. `DIR/tryton.json` says where it listens and
who may read; tests find it by `ERP_MCP_TRYTON_DIR=DIR`.
"""

from __future__ import annotations

import sys
from pathlib import Path

from tests.systems.tryton.server import Running, start, stop


def main(arguments: list[str]) -> int:
    """Do what the arguments say; returns the exit status."""
    match arguments:
        case ["--stop", directory]:
            stop(Running.load(Path(directory)))
            print("stopped")
        case [venv, directory]:
            running = start(Path(venv).absolute(), Path(directory).absolute())
            print(f"{running.url} database {running.database} account {running.user} pid {running.pid}")
        case _:
            print(__doc__)
            return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
