"""erp-mcp: the gateway between AI agents and the systems that run a factory."""

from __future__ import annotations

__version__ = "0.1.0"
__all__ = ["__version__"]
