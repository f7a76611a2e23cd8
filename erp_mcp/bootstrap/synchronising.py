"""Keeps the read model of a deployment up to date while it serves."""

from __future__ import annotations

import asyncio
import logging
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Final
from zoneinfo import ZoneInfo

from erp_mcp.bootstrap.deployment import Deployment, open_deployment
from erp_mcp.errors import GatewayError
from erp_mcp.settings import SystemSettings

if TYPE_CHECKING:
    from erp_mcp.sync import ManagedSystem

_log: Final = logging.getLogger("erp_mcp")
_AFTER_FIRST_ANSWER_S: Final = 2.0  # a client that has just started us asks first


async def synchronise_beside(config: Path) -> None:
    """Keep a deployment synchronised in a thread of its own, so that answers do not wait for it, until cancelled.

    The thread does not hold up the end of the process: a synchronisation killed at any point goes on at the next start.
    """
    await asyncio.sleep(_AFTER_FIRST_ANSWER_S)
    threading.Thread(target=_synchronise, args=(config,), name="synchronisation", daemon=True).start()


async def keep_synchronised(deployment: Deployment) -> None:
    """Synchronise what is due, again and again; one process of the deployment at a time does it, under a lease."""
    from erp_mcp import sync

    systems = [one for system in deployment.settings.systems if (one := _managed(deployment, system)) is not None]
    writer = deployment.writer()
    leases, clock, ids = deployment.sync_leases, deployment.clock, deployment.ids
    holder, zone = ids.new(), ZoneInfo(deployment.settings.zone)

    async def run() -> None:
        await sync.run_due(systems, writer, leases, clock, ids, budgets=deployment.budgets, holder=holder, zone=zone)

    try:
        await sync.scheduled(run, sleep=asyncio.sleep, on_error=_told)
    finally:
        for one in systems:
            await one.adapter.close()
        writer.close()


def _synchronise(config: Path) -> None:
    try:
        deployment = open_deployment(config)  # its own connections: those of SQLite belong to one thread
        asyncio.run(keep_synchronised(deployment))
    except Exception as failure:  # noqa: BLE001 - answers go on without it, and their age tells
        _log.warning("nothing is synchronised until the next start: %s", _words(failure))


def _managed(deployment: Deployment, system: SystemSettings) -> ManagedSystem | None:
    """Return a system ready to be read; one that can't be opened must not hold up the others."""
    from erp_mcp.sync import ManagedSystem

    try:
        return ManagedSystem(adapter=deployment.adapter(system), profile=deployment.profile(system))
    except GatewayError as failure:
        _log.warning("system %s is not synchronised until the next start: %s", system.name, failure)
        return None


def _told(failure: Exception) -> None:
    _log.warning("synchronisation failed, it will be tried again: %s", _words(failure))


def _words(failure: Exception) -> str:
    """Return what may be logged of a failure: our own errors hold no secret, others may."""
    return str(failure) if isinstance(failure, GatewayError) else type(failure).__name__
