"""Profiles that third parties ship: folders of installed packages, by entry points of the group `erp_mcp.profiles`.

An entry point names a package whose folder holds profile files; nothing of it is imported but the package around it.
What can't be found is left out and told, since one broken package must not take the others' profiles away.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from importlib.metadata import EntryPoint, entry_points
from importlib.util import find_spec
from pathlib import Path
from typing import Final

GROUP: Final = "erp_mcp.profiles"
_log: Final = logging.getLogger("erp_mcp")


def with_installed(folders: Sequence[Path]) -> list[Path]:
    """Return folders of profiles with those of installed packages behind them."""
    found = [folder for point in entry_points(group=GROUP) for folder in _folders(point)]
    return list(dict.fromkeys([*folders, *found]))


def _folders(point: EntryPoint) -> list[Path]:
    package = point.dist.name if point.dist is not None else "unknown"
    try:
        spec = find_spec(point.value)
    except Exception as failure:  # noqa: BLE001 - a package may do anything while it is imported
        _log.warning("profiles of package %s can't be found: %s", package, type(failure).__name__)
        return []
    folders = [Path(place) for place in (spec.submodule_search_locations or ())] if spec is not None else []
    if not folders:
        _log.warning("profiles of package %s can't be found: %s is no package with a folder", package, point.value)
    return folders
