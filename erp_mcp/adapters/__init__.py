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

from erp_mcp.adapters._connection import ConfiguredSystem, Connection, Opens
from erp_mcp.domain.profile import Profile
from erp_mcp.errors import ConfigurationError
from erp_mcp.ports import Adapter, Clock

GROUP: Final = "erp_mcp.adapters"

# kind -> module:class; imported only when a system of that kind is opened
KINDS: Final[dict[str, str]] = {
    "jsonrpc": "erp_mcp.adapters.jsonrpc.adapter:JsonRpcAdapter",
    "memory": "erp_mcp.adapters.memory.adapter:MemoryAdapter",
    "sql": "erp_mcp.adapters.sql.adapter:SqlAdapter",
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
    connection = Connection(
        system=system.name,
        url=_anchored(system.url, root),
        database=system.database,
        account=system.account,
        secret=secret,
        timeout_s=float(system.timeout_s),
        page_rows=system.page_rows,
        options=system.options,
    )
    return _class_of(profile.kind, system.name).open(connection, profile, clock)


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


__all__ = ["GROUP", "KINDS", "ConfiguredSystem", "Connection", "Opens", "open_adapter"]
