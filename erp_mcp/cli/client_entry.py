"""How an MCP client starts the server on this machine."""

from __future__ import annotations

import sys
from pathlib import Path


def program() -> list[str]:
    """Return the absolute command of this installation: the installed program, else Python with the module.

    Clients with a window have another search path than a shell, so a bare `erp-mcp` would not be found.
    """
    installed = Path(sys.executable).parent / ("erp-mcp.exe" if sys.platform == "win32" else "erp-mcp")
    return [str(installed)] if installed.exists() else [sys.executable, "-P", "-m", "erp_mcp"]


def server_command(directory: Path, agent: str) -> list[str]:
    """Return the command that serves the demo plant in `directory` to an agent."""
    return [*program(), "serve", "--demo-dir", str(directory), "--as", agent]


def deployment_command(file: Path, agent: str) -> list[str]:
    """Return the command that serves the deployment of a configuration file to an agent, whatever the directory."""
    return [*program(), "serve", "--config", str(file.resolve()), "--as", agent]
