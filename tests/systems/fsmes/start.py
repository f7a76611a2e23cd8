"""Start or stop FactorySemantics MES: `python -m tests.systems.fsmes.start VENV STATE`, then `… --stop STATE`.

Run `tests/systems/fsmes/install.sh VENV` once. It stands on the PostgreSQL that `ERP_MCP_POSTGRESQL_DIR` names, or on
one of its own. `STATE/rig.json` says where it listens and who may read; tests find it by `ERP_MCP_FSMES_DIR=STATE`.
"""

from __future__ import annotations

import sys
from pathlib import Path

from tests.systems.fsmes.server import start, stop


def main(arguments: list[str]) -> int:
    """Do what the arguments say; returns the exit status."""
    match arguments:
        case ["--stop", state]:
            stop(Path(state).absolute())
            print("stopped")
        case [venv, state]:
            running = start(Path(venv).absolute(), Path(state).absolute())
            print(f"{running.url} account {running.account} pid {running.pid}")
        case _:
            print(__doc__)
            return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
