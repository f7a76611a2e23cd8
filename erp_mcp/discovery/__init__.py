"""How an agent finds tools that its list does not show: words, ranking, and the rows that answer (docs/discovery.md).

Pure, and over the tools that the caller may call: whatever else there is can't be found, nor told from what is not.
"""

from __future__ import annotations

from erp_mcp.discovery.index import Index
from erp_mcp.discovery.rows import advice, described, found

__all__ = ["Index", "advice", "described", "found"]
