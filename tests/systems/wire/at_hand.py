"""Which systems are on this machine, asked before anything is started: each is tried with those that are."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

from tests.systems.postgresql.server import installed as postgresql_is_installed

_ROOT: Final = Path(__file__).resolve().parents[3]
# fixture -> what names a running one, what names the installed one, where that is otherwise, what lies in it
_PLACES: Final = {
    "cap": ("ERP_MCP_CAP_DIR", "ERP_MCP_CAP_INSTALL", ".venv-cap", ".installed"),
    "mes": ("ERP_MCP_FSMES_DIR", "ERP_MCP_FSMES_VENV", ".venv-fsmes", "bin/fsmes"),
    "tryton": ("ERP_MCP_TRYTON_DIR", "ERP_MCP_TRYTON_VENV", ".venv-tryton", "bin/trytond"),
}
_ON_POSTGRESQL: Final = frozenset({"cap", "mes"})


def at_hand(fixture: str) -> bool:
    """Say whether a fixture can give its system; where nothing may be missing it has to, and says itself what is."""
    running, named, folder, program = _PLACES[fixture]
    if os.environ.get("REQUIRE_ALL") == "1" or os.environ.get(running):
        return True
    there = (Path(os.environ.get(named, str(_ROOT / folder))) / program).exists()
    return there and (fixture not in _ON_POSTGRESQL or postgresql_is_installed())
