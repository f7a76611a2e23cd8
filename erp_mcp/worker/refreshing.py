"""Bringing the read model up to what a worker wrote, beside others who synchronise it.

Of the system written to only what the operation touches is read again, as its profile says; the rest keeps its age and
its cadence. An operation of which the profile says nothing may have changed anything, so all is read.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Collection
from typing import Final

from erp_mcp import administration, sync
from erp_mcp.bootstrap import Deployment
from erp_mcp.domain import human_task
from erp_mcp.domain.command import Command
from erp_mcp.errors import BusyError, GatewayError, SystemUnreachableError

WAITS: Final = 50  # looks at most, while another process synchronises: its pass is mostly over in some seconds
_LOOK_S: Final = 0.2
_log = logging.getLogger("erp_mcp")


class Touched:
    """What the writes of a worker can have changed: entities by system, `None` for all of them."""

    def __init__(self, deployment: Deployment) -> None:
        """Begin with nothing; the profiles of the deployment say what an operation touches."""
        self._deployment = deployment
        self._systems: dict[str, frozenset[str] | None] = {}

    def add(self, command: Command) -> None:
        """Note one that was carried out; the gateway's own records are in no read model."""
        if command.system == human_task.SYSTEM:
            return
        said = self._said(command)
        before = self._systems.get(command.system, frozenset())
        self._systems[command.system] = None if said is None or before is None else before | said

    async def refresh(self) -> None:
        """Read it again, system by system; where that fails, the next synchronisation does it."""
        for system, entities in sorted(self._systems.items()):
            await _refreshed_or_later(self._deployment, system, entities)

    def _said(self, command: Command) -> frozenset[str] | None:
        try:
            said = self._deployment.profile(self._deployment.system(command.system)).touches.get(command.operation)
        except GatewayError:  # it was written, so whatever became of the profile meanwhile, look at everything
            return None
        return frozenset(said) if said is not None else None


async def refreshed(
    deployment: Deployment,
    system: str,
    entities: Collection[str] | None = None,
    *,
    waits: int | None = None,
    look_s: float = _LOOK_S,
) -> None:
    """Read what was written into the read model; a pass of another process, which may have begun before, is waited for.

    Args:
        deployment: Whose read model.
        system: What was written to.
        entities: Which of its entities; all of them when `None`.
        waits: How often at most to wait for `look_s` seconds while another process synchronises; else `WAITS`.
        look_s: Seconds between two looks.

    Raises:
        BusyError: `gateway.busy`, where the other one takes longer.
        GatewayError: as `administration.synchronise`; SystemUnreachableError, where something could not be read.
    """
    reports = await _passed(deployment, system, entities, WAITS if waits is None else waits, look_s)
    failed = [one.system for one in reports if not one.ok]
    if failed:
        raise SystemUnreachableError(system=failed[0])


async def _passed(
    deployment: Deployment, system: str, entities: Collection[str] | None, waits: int, look_s: float
) -> list[sync.SyncReport]:
    while True:
        try:
            return await asyncio.to_thread(administration.synchronise, deployment, names=(system,), entities=entities)
        except BusyError:
            if waits <= 0:
                raise
        waits -= 1
        await asyncio.sleep(look_s)


async def _refreshed_or_later(deployment: Deployment, system: str, entities: Collection[str] | None) -> None:
    try:
        await refreshed(deployment, system, entities)
    except Exception as error:  # noqa: BLE001 - it is committed and has its receipt, whatever hinders reading
        told = str(error) if isinstance(error, GatewayError) else type(error).__name__
        _log.info("the read model is refreshed later: %s", told)
