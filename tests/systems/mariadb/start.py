"""Start or stop MariaDB: `python -m tests.systems.mariadb.start STATE`, then `… --stop STATE`.

`STATE/rig.json` says where it listens and who may do everything; tests find it by `ERP_MCP_MARIADB_DIR=STATE`.
"""

from __future__ import annotations

import sys
from pathlib import Path

from tests.systems import starting
from tests.systems.mariadb.server import installed, start, stop


def _start(state: Path) -> str:
    if not installed():
        sys.exit("MariaDB (mariadbd, mariadb-install-db) or the driver PyMySQL is not installed")
    rig = start(state)
    return f"MariaDB {rig.version} on {rig.host}:{rig.port}, user {rig.user}"


if __name__ == "__main__":
    starting.run(usage=__doc__, places=range(1, 2), start=_start, stop=stop)
