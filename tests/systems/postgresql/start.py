"""Start or stop PostgreSQL with a replica: `python -m tests.systems.postgresql.start STATE`, then `… --stop STATE`.

`STATE/rig.json` says where they listen and who may do everything; tests find them by `ERP_MCP_POSTGRESQL_DIR=STATE`.
"""

from __future__ import annotations

import sys
from pathlib import Path

from tests.systems import starting
from tests.systems.postgresql.server import installed, start, stop


def _start(state: Path) -> str:
    if not installed():
        sys.exit("PostgreSQL is not installed (initdb, pg_ctl, postgres and pg_basebackup)")
    rig = start(state)
    return f"PostgreSQL {rig.version}: primary {rig.url()}, replica {rig.url(replica=True)}, user {rig.user}"


if __name__ == "__main__":
    starting.run(usage=__doc__, places=range(1, 2), start=_start, stop=stop)
