"""Bringing the read model up to what a worker wrote, beside others who synchronise it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from typing import Final

from erp_mcp import administration, sync
from erp_mcp.bootstrap import Deployment
from erp_mcp.errors import BusyError, GatewayError, SystemUnreachableError

WAITS: Final = 50  # looks at most, while another process synchronises: its pass is mostly over in some seconds
_LOOK_S: Final = 0.2
_log = logging.getLogger("erp_mcp")


async def refreshed(deployment: Deployment, *systems: str, waits: int | None = None, look_s: float = _LOOK_S) -> None:
    """Read what was written into the read model; a pass of another process, which may have begun before, is waited for.

    Args:
        deployment: Whose read model.
        systems: What was written to.
        waits: How often at most to wait for `look_s` seconds while another process synchronises; else `WAITS`.
        look_s: Seconds between two looks.

    Raises:
        BusyError: `gateway.busy`, where the other one takes longer.
        GatewayError: as `administration.synchronise`; SystemUnreachableError, where a system could not be read.
    """
    reports = await _passed(deployment, systems, WAITS if waits is None else waits, look_s)
    failed = [one.system for one in reports if not one.ok]
    if failed:
        raise SystemUnreachableError(system=failed[0])


async def _passed(deployment: Deployment, systems: Sequence[str], waits: int, look_s: float) -> list[sync.SyncReport]:
    while True:
        try:
            return await asyncio.to_thread(administration.synchronise, deployment, names=systems)
        except BusyError:
            if waits <= 0:
                raise
        waits -= 1
        await asyncio.sleep(look_s)


async def refreshed_or_later(deployment: Deployment, systems: list[str]) -> None:
    """Read what was written into the read model; where that fails, the next synchronisation does it."""
    try:
        await refreshed(deployment, *systems)
    except Exception as error:  # noqa: BLE001 - it is committed and has its receipt, whatever hinders reading
        told = str(error) if isinstance(error, GatewayError) else type(error).__name__
        _log.info("the read model is refreshed later: %s", told)
