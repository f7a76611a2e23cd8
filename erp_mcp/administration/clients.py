"""MCP clients: where each keeps its configuration, and what an entry that starts us looks like there.

Places are those that the vendors document (docs/clients.md). The machine is handed in, so that those of Windows and
macOS are found, and tested, anywhere.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from erp_mcp.domain.call import JsonValue

Platform = Literal["windows", "macos", "linux"]
_PLATFORMS: Final[Mapping[str, Platform]] = {"win32": "windows", "darwin": "macos"}
_PACKAGES: Final = "Claude_*"  # the publisher's part of a packaged app's name differs


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """The machine and account whose clients are meant; `environ` as the account's programs see it."""

    platform: Platform
    home: Path
    environ: Mapping[str, str]

    @staticmethod
    def here() -> Machine:
        """Return this machine and this account."""
        return Machine(platform=_PLATFORMS.get(sys.platform, "linux"), home=Path.home(), environ=os.environ)

    def folder(self, name: str, default: Path) -> Path:
        """Return the folder that a variable of the environment names, else the default."""
        return Path(self.environ.get(name) or default)

    @property
    def roaming(self) -> Path:
        """Where Windows keeps what programs remember of an account."""
        return self.folder("APPDATA", self.home / "AppData" / "Roaming")

    @property
    def local(self) -> Path:
        """Where Windows keeps what stays on one machine."""
        return self.folder("LOCALAPPDATA", self.home / "AppData" / "Local")

    @property
    def programs(self) -> Path:
        """Where desktop programs keep their settings."""
        return {
            "windows": self.roaming,
            "macos": self.home / "Library" / "Application Support",
            "linux": self.folder("XDG_CONFIG_HOME", self.home / ".config"),
        }[self.platform]


@dataclass(frozen=True, slots=True, kw_only=True)
class Client:
    """One MCP client.

    `section` is the key that holds its servers, `typed` whether an entry names its transport. A `strict` client reads
    no comments. `restart` says when it sees a change.
    """

    name: str
    title: str
    section: str
    restart: str
    typed: bool = False
    strict: bool = False

    def entry(self, command: Sequence[str]) -> dict[str, JsonValue]:
        """Return the entry that starts a command over standard input and output."""
        typed: dict[str, JsonValue] = {"type": "stdio"} if self.typed else {}
        return {**typed, "command": command[0], "args": list(command[1:])}


_QUIT: Final = "Quit it altogether (closing the window is not enough) and start it again."
CLIENTS: Final[dict[str, Client]] = {
    one.name: one
    for one in (
        Client(name="claude-desktop", title="Claude Desktop", section="mcpServers", restart=_QUIT, strict=True),
        Client(
            name="claude-code",
            title="Claude Code",
            section="mcpServers",
            restart="Sessions started from now on have it; /mcp shows it.",
            typed=True,
            strict=True,
        ),
        Client(
            name="vscode",
            title="Visual Studio Code",
            section="servers",
            restart="Run `MCP: List Servers` and start it there.",
            typed=True,
        ),
        Client(
            name="vscode-insiders",
            title="Visual Studio Code Insiders",
            section="servers",
            restart="Run `MCP: List Servers` and start it there.",
            typed=True,
        ),
        Client(name="cursor", title="Cursor", section="mcpServers", restart="Look under Settings, MCP."),
        Client(name="windsurf", title="Windsurf", section="mcpServers", restart="Refresh the servers in its settings."),
        Client(name="gemini-cli", title="Gemini CLI", section="mcpServers", restart="Start it again; /mcp shows it."),
    )
}


def places(client: Client, machine: Machine) -> tuple[Path, ...]:
    """Return where a client may keep its configuration, the place that counts first; files need not exist."""
    match client.name:
        case "claude-desktop":
            return tuple(_claude_desktop(machine))
        case "claude-code":
            return (machine.folder("CLAUDE_CONFIG_DIR", machine.home) / ".claude.json",)
        case "vscode":
            return (machine.programs / "Code" / "User" / "mcp.json",)
        case "vscode-insiders":
            return (machine.programs / "Code - Insiders" / "User" / "mcp.json",)
        case "cursor":
            return (machine.home / ".cursor" / "mcp.json",)
        case "windsurf":
            return (machine.home / ".codeium" / "windsurf" / "mcp_config.json",)
        case _:
            return (machine.home / ".gemini" / "settings.json",)


def packaged(machine: Machine) -> tuple[Path, ...]:
    """Return the settings folders of Claude Desktop as a packaged Windows app, which sees no other."""
    if machine.platform != "windows":
        return ()
    roots = sorted((machine.local / "Packages").glob(f"{_PACKAGES}/LocalCache/Roaming"))
    return tuple(root / "Claude" for root in roots if root.is_dir())


def _claude_desktop(machine: Machine) -> Iterator[Path]:
    for folder in (*packaged(machine), machine.programs / "Claude"):
        yield folder / "claude_desktop_config.json"
