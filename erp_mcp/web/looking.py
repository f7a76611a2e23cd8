"""Looking into a system of record, by a process that has the way in: the page has none."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Final

_PATIENCE_S: Final = 90


def look(config: Path, proposal_id: str) -> str:
    """Ask the system what it shows of a proposal, in a process that has the way in, and return what it says."""
    words = [sys.executable, "-P", "-m", "erp_mcp", "proposals", "show", proposal_id, "--look", "--json"]
    words += ["--config", str(config)]
    try:
        done = subprocess.run(  # noqa: S603 - our own program and an id of the store
            words, stdin=subprocess.DEVNULL, capture_output=True, timeout=_PATIENCE_S, check=False
        )
    except subprocess.TimeoutExpired:
        return ""
    return done.stdout.decode("utf-8", "replace")
