"""System profiles: how one product's data becomes canonical records, and how old it may be."""

from __future__ import annotations

from erp_mcp.systems.budgets import load_budgets
from erp_mcp.systems.load import load_profile, profile_names

__all__ = ["load_budgets", "load_profile", "profile_names"]
