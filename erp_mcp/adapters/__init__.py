"""Adapters: one folder per protocol kind, each behind `ports.Adapter`.

A kind is a name in a profile (`kind: sql`). Outsiders add one by an entry point of the group `erp_mcp.adapters` whose
object has the class method `open(connection, profile, clock)`; `erp_mcp.testing.AdapterContract` decides whether it
is one.
"""

from __future__ import annotations

import importlib
from importlib.metadata import entry_points
from pathlib import Path
from typing import Final, cast

from erp_mcp.adapters._connection import ConfiguredSystem, Connection, Opens, OpensCommands, WritableSystem
from erp_mcp.domain.profile import Profile
from erp_mcp.errors import ConfigurationError, SystemReadOnlyError
from erp_mcp.ports import Adapter, Clock, Commands

GROUP: Final = "erp_mcp.adapters"

# kind -> module:class; imported only when a system of that kind is opened
KINDS: Final[dict[str, str]] = {
    "jsonrpc": "erp_mcp.adapters.jsonrpc.adapter:JsonRpcAdapter",
    "memory": "erp_mcp.adapters.memory.adapter:MemoryAdapter",
    "sql": "erp_mcp.adapters.sql.adapter:SqlAdapter",
}

# the same for those that write; imported by the worker alone
COMMANDS: Final[dict[str, str]] = {
    "jsonrpc": "erp_mcp.adapters.jsonrpc.commands:JsonRpcCommands",
}


def open_adapter(system: ConfiguredSystem, profile: Profile, *, clock: Clock, root: Path, secret: str = "") -> Adapter:
    """Return the adapter for one configured system, of the kind its profile names.

    Args:
        system: The system's settings.
        profile: Its profile.
        clock: Where time comes from.
        root: Folder that relative file paths in `url` are relative to.
        secret: The resolved secret.

    Raises:
        ConfigurationError: `settings.bad_configuration`, when no installed adapter is of that kind.
    """
    connection = _connection(system, root, account=system.account, secret=secret)
    return _class_of(profile.kind, system.name).open(connection, profile, clock)


def open_commands(system: WritableSystem, profile: Profile, *, clock: Clock, root: Path, secret: str = "") -> Commands:
    """Return the port that writes to one configured system, of the kind its profile names, with `write.account`.

    Args:
        system: The system's settings.
        profile: Its profile.
        clock: Where time comes from.
        root: Folder that relative file paths in `url` are relative to.
        secret: The resolved secret of the account that writes.

    Raises:
        SystemReadOnlyError: `adapter.read_only`, for a system without `write:` or a profile without operations.
        ConfigurationError: `settings.bad_configuration`, when no adapter of that kind writes.
        ProfileFileError: `systems.bad_profile`, for operations that the adapter does not have.
    """
    if system.write is None or not profile.commands:
        raise SystemReadOnlyError(system=system.name)
    kind = profile.commands_via or profile.kind
    if kind not in COMMANDS:
        raise ConfigurationError(key=f"systems.{system.name}.write", reason=f"no adapter of kind {kind!r} writes")
    module, _, name = COMMANDS[kind].partition(":")
    opens = cast("type[OpensCommands]", getattr(importlib.import_module(module), name))
    return opens.open(_connection(system, root, account=system.write.account, secret=secret), profile, clock)


def _connection(system: ConfiguredSystem, root: Path, *, account: str, secret: str) -> Connection:
    return Connection(
        system=system.name,
        url=_anchored(system.url, root),
        database=system.database,
        account=account,
        secret=secret,
        timeout_s=float(system.timeout_s),
        page_rows=system.page_rows,
        options=system.options,
    )


def _anchored(url: str, root: Path) -> str:
    """Return an address with a relative file path made absolute; network addresses are left alone."""
    return url if ":" in url else str((root / Path(url).expanduser()).resolve())


def _class_of(kind: str, system: str) -> type[Opens]:
    if kind in KINDS:
        module, _, name = KINDS[kind].partition(":")
        return cast("type[Opens]", getattr(importlib.import_module(module), name))
    for point in entry_points(group=GROUP, name=kind):
        return cast("type[Opens]", point.load())
    raise ConfigurationError(key=f"systems.{system}", reason=f"no adapter of kind {kind!r} is installed")


__all__ = ["COMMANDS", "GROUP", "KINDS", "ConfiguredSystem", "Connection", "Opens", "open_adapter", "open_commands"]
