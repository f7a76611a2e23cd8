"""What the read model works out ahead of time."""

from __future__ import annotations

from typing import Final

from erp_mcp.analyses import (
    capacity,
    exceptions_ahead,
    expedite,
    match,
    shortage_list,
    stock_differences,
    stocked_lots,
    supplier_record,
)
from erp_mcp.domain.derivation import Derivation

# First what others rest on.
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
