"""What a call answers: rows shaped and checked, text cleaned, the envelope written in both forms (docs/answers.md)."""

from __future__ import annotations

from erp_mcp.answers.fit import MAX_TOKENS, fit
from erp_mcp.answers.render import structured, text
from erp_mcp.answers.shape import shape

__all__ = ["MAX_TOKENS", "fit", "shape", "structured", "text"]
