"""Synchronisation: from the systems of record into the read model, resumable at any point (docs/sync.md)."""

from __future__ import annotations

from erp_mcp.sync.engine import sync_once
from erp_mcp.sync.report import EntityReport, Progress, SyncReport
from erp_mcp.sync.schedule import ManagedSystem, due, run_due, scheduled

__all__ = ["EntityReport", "ManagedSystem", "Progress", "SyncReport", "due", "run_due", "scheduled", "sync_once"]
