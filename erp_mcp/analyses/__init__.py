"""Analyses: what needs more than a query, as pure functions over typed rows.

Start at `late_order.py`; the walk is in `causes.py`, the rule who gets what in `domain/pegging.py`. A tool file names
an analysis by its key here. Each is imported when it is first asked for: a worker that commits a change runs none.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Final, cast

if TYPE_CHECKING:
    from erp_mcp.analyses.derivations import DERIVATIONS
    from erp_mcp.domain.analysis import Analysis

_MODULES: Final = {
    "asset_history": "asset_history",
    "availability": "availability",
    "bill_of_material": "bill_of_material",
    "capacity_load": "capacity",
    "downtime_pareto": "pareto",
    "expedite": "expedite",
    "genealogy": "genealogy",
    "late_order": "late_order",
    "match_exceptions": "match",
    "oee": "oee",
    "order_differences": "order_differences",
    "order_shortages": "shortages",
    "order_timeline": "timeline",
    "plant_briefing": "briefing",
    "purchase_history": "purchase_history",
    "shortage_list": "shortage_list",
    "slow_stock": "slow_stock",
    "stock_differences": "stock_differences",
    "supplier_scorecard": "scorecard",
    "supply_demand": "supply_demand",
    "vendor_summary": "vendor_summary",
    "what_if": "what_if",
    "wip_ageing": "wip_ageing",
}


class _WhenAsked(Mapping[str, "Analysis"]):
    """The analyses by name; to look through the names imports none."""

    def __getitem__(self, name: str) -> Analysis:
        module = importlib.import_module(f"{__name__}.{_MODULES[name]}")
        return cast("Analysis", module.ANALYSIS)

    def __contains__(self, name: object) -> bool:
        return name in _MODULES

    def __iter__(self) -> Iterator[str]:
        return iter(_MODULES)

    def __len__(self) -> int:
        return len(_MODULES)


ANALYSES: Final[Mapping[str, Analysis]] = _WhenAsked()

__all__ = ["ANALYSES", "DERIVATIONS"]


def __getattr__(name: str) -> object:
    if name != "DERIVATIONS":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return importlib.import_module(f"{__name__}.derivations").DERIVATIONS
