"""Start or stop nginx: `python -m tests.systems.nginx.start DEST STATE`, then `… --stop STATE`.

`STATE/rig.json` says where it listens and where the page behind it has to; tests find it by
`ERP_MCP_NGINX_DIR=STATE`.
"""

from __future__ import annotations

from pathlib import Path

from tests.systems import starting
from tests.systems.nginx.server import start, stop


def _start(dest: Path, state: Path) -> str:
    rig = start(dest, state)
    return f"nginx: {rig.public} before the page on port {rig.page_port}, certificate authority {rig.ca_file}"


if __name__ == "__main__":
    starting.run(usage=__doc__, places=range(2, 3), start=_start, stop=stop)
