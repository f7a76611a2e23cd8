"""Analyses: what needs more than a query, as pure functions over typed rows.

Start at `late_order.py`; the walk is in `causes.py`, the rule who gets what in `domain/pegging.py`. A tool file names
an analysis by its key here.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from erp_mcp.analyses import briefing, expedite, late_order, shortages, supply_demand
from erp_mcp.domain.analysis import Analysis

ANALYSES: Final[Mapping[str, Analysis]] = MappingProxyType(
    {module.ANALYSIS.name: module.ANALYSIS for module in (briefing, expedite, late_order, shortages, supply_demand)}
)

__all__ = ["ANALYSES"]
