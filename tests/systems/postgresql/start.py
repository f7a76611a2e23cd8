"""Start or stop PostgreSQL with a replica: `python -m tests.systems.postgresql.start STATE`, then `… --stop STATE`.

`STATE/rig.json` says where they listen and who may do everything; tests find them by `ERP_MCP_POSTGRESQL_DIR=STATE`.
"""

from __future__ import annotations

import sys
from pathlib import Path

from tests.systems.postgresql.server import installed, start, stop


def main(arguments: list[str]) -> int:
    """Do what the arguments say; returns the exit status."""
    match arguments:
        case ["--stop", state]:
            stop(Path(state).absolute())
            print("stopped")
        case [state] if not state.startswith("-"):
            if not installed():
                print("PostgreSQL is not installed (initdb, pg_ctl, postgres and pg_basebackup)", file=sys.stderr)
                return 1
            rig = start(Path(state).absolute())
            print(f"PostgreSQL {rig.version}: primary {rig.url()}, replica {rig.url(replica=True)}, user {rig.user}")
        case _:
            print(__doc__)
            return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
