"""Analyses: what needs more than a query, as pure functions over typed rows.

Start at `late_order.py`; the walk is in `causes.py`, the rule who gets what in `domain/pegging.py`. A tool file names
an analysis by its key here.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from erp_mcp.analyses import (
    asset_history,
    availability,
    bill_of_material,
    briefing,
    capacity,
    exceptions_ahead,
    expedite,
    genealogy,
    late_order,
    match,
    oee,
    order_differences,
    pareto,
    purchase_history,
    scorecard,
    shortage_list,
    shortages,
    slow_stock,
    stock_differences,
    stocked_lots,
    supplier_record,
    supply_demand,
    timeline,
    vendor_summary,
    what_if,
    wip_ageing,
)
from erp_mcp.domain.analysis import Analysis
from erp_mcp.domain.derivation import Derivation

_ALL: Final = (
    asset_history.ANALYSIS,
    availability.ANALYSIS,
    bill_of_material.ANALYSIS,
    briefing.ANALYSIS,
    capacity.ANALYSIS,
    expedite.ANALYSIS,
    genealogy.ANALYSIS,
    late_order.ANALYSIS,
    match.ANALYSIS,
    oee.ANALYSIS,
    order_differences.ANALYSIS,
    pareto.ANALYSIS,
    purchase_history.ANALYSIS,
    scorecard.ANALYSIS,
    shortage_list.ANALYSIS,
    shortages.ANALYSIS,
    slow_stock.ANALYSIS,
    stock_differences.ANALYSIS,
    supply_demand.ANALYSIS,
    timeline.ANALYSIS,
    vendor_summary.ANALYSIS,
    what_if.ANALYSIS,
    wip_ageing.ANALYSIS,
)
ANALYSES: Final[Mapping[str, Analysis]] = MappingProxyType({analysis.name: analysis for analysis in _ALL})
# What the read model works out ahead of time: first what others rest on.
DERIVATIONS: Final[tuple[Derivation, ...]] = (
    shortage_list.SHORT_DEMAND,
    *exceptions_ahead.EXCEPTIONS,
    expedite.CANDIDATE,
    stock_differences.DIFFERING_LOTS,
    capacity.WAITING_WORK,
    stocked_lots.STOCKED_LOT,
    supplier_record.SUPPLIER_RECORD,
    supplier_record.DELIVERED_LOT,
    match.MATCHED_ORDER,
    match.LOOSE_INVOICE,
)

__all__ = ["ANALYSES", "DERIVATIONS"]
