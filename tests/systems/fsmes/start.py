"""Start or stop FactorySemantics MES: `python -m tests.systems.fsmes.start VENV STATE`, then `… --stop STATE`.

Run `tests/systems/fsmes/install.sh VENV` once. It stands on the PostgreSQL that `ERP_MCP_POSTGRESQL_DIR` names, or on
one of its own. `STATE/rig.json` says where it listens and who may read; tests find it by `ERP_MCP_FSMES_DIR=STATE`.
"""

from __future__ import annotations

from pathlib import Path

from tests.systems import starting
from tests.systems.fsmes.server import start, stop


def _start(venv: Path, state: Path) -> str:
    running = start(venv, state)
    return f"{running.url} account {running.account} pid {running.pid}"


if __name__ == "__main__":
    starting.run(usage=__doc__, places=range(2, 3), start=_start, stop=stop)
