"""Operations: what can be proposed, as pure functions from typed rows and live records to a draft of one change.

A tool file names an operation by its key here.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from erp_mcp.commands import delivery_date, purchase_requisition
from erp_mcp.domain.operation import Operation

OPERATIONS: Final[Mapping[str, Operation]] = MappingProxyType(
    {module.OPERATION.name: module.OPERATION for module in (delivery_date, purchase_requisition)}
)

__all__ = ["OPERATIONS"]
