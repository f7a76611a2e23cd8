"""All commands that the demo ERP takes, and all kinds of documents that they leave."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from erp_mcp.demo.writing import promise, requisition
from erp_mcp.demo.writing.operation import DocumentKind, ErpOperation

OPERATIONS: Final[Mapping[str, ErpOperation]] = MappingProxyType(
    {one.name: one for one in (promise.OPERATION, requisition.OPERATION)}
)
DOCUMENTS: Final[Mapping[str, DocumentKind]] = MappingProxyType({"PO": promise.DOCUMENT, "PR": requisition.DOCUMENT})

ALWAYS: Final = frozenset({"bad_reference", "reference_exists"})  # of every command
REFUSALS: Final = ALWAYS.union(*(one.refusals for one in OPERATIONS.values()))
