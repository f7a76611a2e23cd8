"""Pictures of answers for hosts that show them (MCP Apps): self-contained pages (docs/views.md)."""

from __future__ import annotations

from erp_mcp.views.pages import MIME_TYPE, View, card, page, view_at, view_of

__all__ = ["MIME_TYPE", "View", "card", "page", "view_at", "view_of"]
