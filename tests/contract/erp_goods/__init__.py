"""For each command of the demo ERP: one that it takes, one that it refuses, and what of its tables the command changes.

One module an area, each with `GOODS`, by operation, and `EFFECTS`, statements on the ERP's file whose rows are a source
key, the key of the whole document where it is new, and a text of everything that a command may change.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Mapping
from typing import Final

from tests.contract.erp_goods.form import Goods, Made

_AREAS: Final = tuple(
    importlib.import_module(f"{__name__}.{one.name}")
    for one in sorted(pkgutil.iter_modules(__path__), key=lambda one: one.name)
    if one.name != "form"
)

GOODS: Final[Mapping[str, Goods]] = {name: goods for area in _AREAS for name, goods in area.GOODS.items()}
EFFECTS: Final[tuple[str, ...]] = tuple(statement for area in _AREAS for statement in area.EFFECTS)

__all__ = ["EFFECTS", "GOODS", "Goods", "Made"]
