"""How an MCP client starts the server on this machine."""

from __future__ import annotations

import sys
from pathlib import Path


def server_command(directory: Path, agent: str) -> list[str]:
    """Return the command that serves the demo plant in `directory` to an agent: the installed one, else by module."""
    installed = Path(sys.executable).parent / ("erp-mcp.exe" if sys.platform == "win32" else "erp-mcp")
    start = [str(installed)] if installed.exists() else [sys.executable, "-P", "-m", "erp_mcp"]
    return [*start, "serve", "--demo-dir", str(directory), "--as", agent]
