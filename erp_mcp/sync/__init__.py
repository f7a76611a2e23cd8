"""Synchronisation: from the systems of record into the read model, resumable at any point (docs/sync.md)."""

from __future__ import annotations

from erp_mcp.sync.engine import not_opened, sync_once
from erp_mcp.sync.report import EntityReport, Progress, SyncReport
from erp_mcp.sync.schedule import LEASE, LEASE_TTL_S, LeaseKeeper, ManagedSystem, due, run_due, scheduled
from erp_mcp.sync.working_out import work_out

__all__ = [
    "LEASE",
    "LEASE_TTL_S",
    "EntityReport",
    "LeaseKeeper",
    "ManagedSystem",
    "Progress",
    "SyncReport",
    "due",
    "not_opened",
    "run_due",
    "scheduled",
    "sync_once",
    "work_out",
]
