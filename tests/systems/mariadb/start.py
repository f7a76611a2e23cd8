"""Start or stop MariaDB: `python -m tests.systems.mariadb.start STATE`, then `… --stop STATE`.

`STATE/rig.json` says where it listens and who may do everything; tests find it by `ERP_MCP_MARIADB_DIR=STATE`.
"""

from __future__ import annotations

import sys
from pathlib import Path

from tests.systems.mariadb.server import installed, start, stop


def main(arguments: list[str]) -> int:
    """Do what the arguments say; returns the exit status."""
    match arguments:
        case ["--stop", state]:
            stop(Path(state).absolute())
            print("stopped")
        case [state] if not state.startswith("-"):
            if not installed():
                print("MariaDB (mariadbd, mariadb-install-db) or the driver PyMySQL is not installed", file=sys.stderr)
                return 1
            rig = start(Path(state).absolute())
            print(f"MariaDB {rig.version} on {rig.host}:{rig.port}, user {rig.user}")
        case _:
            print(__doc__)
            return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
