"""Start or stop an OpenBao: `python -m tests.systems.openbao.start VENV STATE`, then `… --stop STATE`.

`STATE/rig.json` says where it listens and with which token it is administered; tests find it by
`ERP_MCP_OPENBAO_DIR=STATE`.
"""

from __future__ import annotations

from pathlib import Path

from tests.systems import starting
from tests.systems.openbao.server import start, stop


def _start(venv: Path, state: Path) -> str:
    rig = start(venv, state)
    return f"OpenBao: {rig.url}, certificate authority {rig.ca_file}"


if __name__ == "__main__":
    starting.run(usage=__doc__, places=range(2, 3), start=_start, stop=stop)
