"""Start or stop an OpenBao: `python -m tests.systems.openbao.start VENV STATE`, then `… --stop STATE`.

`STATE/rig.json` says where it listens and with which token it is administered; tests find it by
`ERP_MCP_OPENBAO_DIR=STATE`.
"""

from __future__ import annotations

import sys
from pathlib import Path

from tests.systems.openbao.server import start, stop


def main(arguments: list[str]) -> int:
    """Do what the arguments say; returns the exit status."""
    match arguments:
        case ["--stop", state]:
            stop(Path(state).absolute())
            print("stopped")
        case [venv, state]:
            rig = start(Path(venv).absolute(), Path(state).absolute())
            print(f"OpenBao: {rig.url}, certificate authority {rig.ca_file}")
        case _:
            print(__doc__)
            return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
