"""System profiles: how one product's data becomes canonical records, and how old it may be."""

from __future__ import annotations

from erp_mcp.systems.budgets import load_budgets
from erp_mcp.systems.installed import with_installed
from erp_mcp.systems.load import SHIPPED, load_profile, profile_names

__all__ = ["SHIPPED", "load_budgets", "load_profile", "profile_names", "with_installed"]
