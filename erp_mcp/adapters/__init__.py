"""Adapters: one folder per protocol kind, each behind `ports.Adapter`.

A kind is a name in a profile (`kind: sql`). Outsiders add one by an entry point of the group `erp_mcp.adapters`, and
what writes to systems of it by one of `erp_mcp.commands`; each names a class with the class method
`open(connection, profile, clock)`. `erp_mcp.testing.AdapterContract` and `CommandContract` decide whether it is one.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final, cast

from erp_mcp.adapters import _installed
from erp_mcp.adapters._connection import (
    NO_ACCESS,
    Access,
    ConfiguredSystem,
    Connection,
    Opens,
    OpensCommands,
    WritableSystem,
)
from erp_mcp.domain.profile import Profile
from erp_mcp.errors import ConfigurationError, SystemReadOnlyError
from erp_mcp.ports import Adapter, Clock, Commands

# kind -> module:class; imported only when a system of that kind is opened
KINDS: Final[dict[str, str]] = {
    "jsonrpc": "erp_mcp.adapters.jsonrpc.adapter:JsonRpcAdapter",
    "memory": "erp_mcp.adapters.memory.adapter:MemoryAdapter",
    "odata": "erp_mcp.adapters.odata.adapter:ODataAdapter",
    "rest": "erp_mcp.adapters.rest.adapter:RestAdapter",
    "sql": "erp_mcp.adapters.sql.adapter:SqlAdapter",
}

# the same for those that write; imported by the worker alone
COMMANDS: Final[dict[str, str]] = {
    "jsonrpc": "erp_mcp.adapters.jsonrpc.commands:JsonRpcCommands",
    "odata": "erp_mcp.adapters.odata.commands:ODataCommands",
    "rest": "erp_mcp.adapters.rest.commands:RestCommands",
}

# module of a kind's `check_profile(profile)`, which says what is wrong with a profile without opening a system
CHECKS: Final[dict[str, str]] = {
    "jsonrpc": "erp_mcp.adapters.jsonrpc.profile_check",
    "odata": "erp_mcp.adapters.odata.profile_check",
    "rest": "erp_mcp.adapters.rest.profile_check",
}


def check_profile(profile: Profile) -> None:
    """Refuse a profile that its kind of adapter could not read; nothing is opened.

    Only kinds of ours that have more to say than the grammar of profiles are asked.

    Raises:
        ProfileFileError: `systems.bad_profile`, naming the key.
    """
    if profile.kind in CHECKS:
        check: Callable[[Profile], None] = importlib.import_module(CHECKS[profile.kind]).check_profile
        check(profile)


def open_adapter(
    system: ConfiguredSystem,
    profile: Profile,
    *,
    clock: Clock,
    root: Path,
    secret: str = "",
    access: Access = NO_ACCESS,
) -> Adapter:
    """Return the adapter for one configured system, of the kind its profile names.

    Args:
        system: The system's settings.
        profile: Its profile.
        clock: Where time comes from.
        root: Folder that relative file paths in `url` are relative to.
        secret: The resolved secret, for kinds that know no better.
        access: Secret, identity and traffic as the deployment has them.

    Raises:
        ConfigurationError: `settings.bad_configuration`, when no installed adapter is of that kind.
    """
    connection = _connection(system, root, account=system.account, secret=secret, access=access)
    opens = _class_of(profile.kind, system.name, KINDS, _installed.ADAPTERS)
    if opens is None:
        reason = f"no adapter of kind {profile.kind!r} is installed"
        raise ConfigurationError(key=f"systems.{system.name}.profile", reason=reason)
    return cast("type[Opens]", opens).open(connection, profile, clock)


def open_commands(
    system: WritableSystem,
    profile: Profile,
    *,
    clock: Clock,
    root: Path,
    secret: str = "",
    access: Access = NO_ACCESS,
) -> Commands:
    """Return the port that writes to one configured system, of the kind its profile names, with `write.account`.

    Args:
        system: The system's settings.
        profile: Its profile.
        clock: Where time comes from.
        root: Folder that relative file paths in `url` are relative to.
        secret: The resolved secret of the account that writes, for kinds that know no better.
        access: Secret, identity and traffic as the deployment has them; those of the account that writes.

    Raises:
        SystemReadOnlyError: `adapter.read_only`, for a system without `write:` or a profile without operations.
        ConfigurationError: `settings.bad_configuration`, when no adapter of that kind writes.
        ProfileFileError: `systems.bad_profile`, for operations that the adapter does not have.
    """
    if system.write is None or not profile.commands:
        raise SystemReadOnlyError(system=system.name)
    kind = profile.commands_via or profile.kind
    ours = kind in KINDS and kind not in COMMANDS  # a kind of ours that only reads: no package makes it write
    opens = None if ours else _class_of(kind, system.name, COMMANDS, _installed.COMMANDS)
    if opens is None:
        raise ConfigurationError(key=f"systems.{system.name}.write", reason=f"no adapter of kind {kind!r} writes")
    connection = _connection(system, root, account=system.write.account, secret=secret, access=access)
    return cast("type[OpensCommands]", opens).open(connection, profile, clock)


def _connection(system: ConfiguredSystem, root: Path, *, account: str, secret: str, access: Access) -> Connection:
    return Connection(
        system=system.name,
        url=_anchored(system.url, root),
        database=system.database,
        account=account,
        secret=secret,
        timeout_s=float(system.timeout_s),
        page_rows=system.page_rows,
        options=system.options,
        networks=system.networks,
        limits=system.limits,
        traffic=access.traffic,
        credential=access.credential,
        identity=access.identity,
        ca_file=access.ca_file,
    )


def _anchored(url: str, root: Path) -> str:
    """Return an address with a relative file path made absolute; network addresses are left alone."""
    return url if ":" in url else str((root / Path(url).expanduser()).resolve())


def _class_of(kind: str, system: str, ours: Mapping[str, str], group: str) -> type | None:
    """Return the class for a kind: ours, or that of an installed package."""
    if kind not in ours:
        return _installed.installed(group, kind, system)
    module, _, name = ours[kind].partition(":")
    return cast("type", getattr(importlib.import_module(module), name))


__all__ = [
    "COMMANDS",
    "KINDS",
    "Access",
    "ConfiguredSystem",
    "Connection",
    "Opens",
    "check_profile",
    "open_adapter",
    "open_commands",
]
