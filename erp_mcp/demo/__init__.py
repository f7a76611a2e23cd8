"""The demo plant: a generator of an ERP, a MES and the truth about them, and a verifier that shares no code with it."""

from __future__ import annotations

from erp_mcp.demo.generate import DemoPlant, Size, generate, plant_hash
from erp_mcp.demo.tables import dump_hash

__all__ = ["DemoPlant", "Size", "dump_hash", "generate", "plant_hash"]
