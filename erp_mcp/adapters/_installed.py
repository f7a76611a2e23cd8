"""Adapters and commands of third parties, by entry points.

Only the entry point of the kind that a system needs is loaded, so what is broken in a package stops the systems that
use it and no other.
"""

from __future__ import annotations

from importlib.metadata import EntryPoint, entry_points
from typing import Final

from erp_mcp.errors import ConfigurationError

ADAPTERS: Final = "erp_mcp.adapters"
COMMANDS: Final = "erp_mcp.commands"


def installed(group: str, kind: str, system: str) -> type | None:
    """Return the class that an installed package offers for a kind, `None` when none does.

    Args:
        group: `ADAPTERS` or `COMMANDS`.
        kind: The kind that a profile names.
        system: For which system, for the error.

    Raises:
        ConfigurationError: `settings.bad_configuration`: two packages offer the kind, the package can't be imported, or
            what it names is no class with `open`. The error names package and entry point, never the package's text.
    """
    found = list(dict.fromkeys(entry_points(group=group, name=kind)))
    if not found:
        return None
    if len(found) > 1:
        named = ", ".join(sorted(_package(point) for point in found))
        raise _wrong(system, f"kind {kind!r} is offered by several packages ({named}); keep one of them installed")
    return _loaded(found[0], system)


def _loaded(point: EntryPoint, system: str) -> type:
    named = f"package {_package(point)}, entry point {point.group}: {point.name} = {point.value}"
    try:
        offered = point.load()
    except Exception as failure:  # a package may do anything while it is imported
        raise _wrong(system, f"{named}: can't be imported ({type(failure).__name__})") from failure
    if not isinstance(offered, type) or not callable(getattr(offered, "open", None)):
        raise _wrong(system, f"{named}: is no class with `open(connection, profile, clock)`")
    return offered


def _package(point: EntryPoint) -> str:
    return point.dist.name if point.dist is not None else "unknown"


def _wrong(system: str, reason: str) -> ConfigurationError:
    return ConfigurationError(key=f"systems.{system}.profile", reason=reason)
