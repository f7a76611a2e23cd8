"""Beside the work: people are told that something waits for them. What hinders telling never hinders the work."""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress
from typing import Final

from erp_mcp.bootstrap import Deployment
from erp_mcp.errors import GatewayError

_LONGEST_PAUSE_S: Final = 60.0
_log = logging.getLogger("erp_mcp")


async def notify_on(deployment: Deployment, holder: str, ended: asyncio.Event, *, poll_s: float) -> None:
    """Send notices until `ended`; nothing happens where none are configured.

    Args:
        deployment: Whose proposals.
        holder: Name of this process, for the lease.
        ended: Ends it.
        poll_s: Seconds between two looks at what is new.
    """
    if deployment.settings.notices is None:
        return
    pause_s = poll_s
    notifier = None
    try:
        while not ended.is_set():
            try:
                notifier = notifier or deployment.notifier()
                await notifier.work(holder)
                pause_s = poll_s
            except Exception as error:  # noqa: BLE001 - whatever it is, it may be mended while this goes on
                told = str(error) if isinstance(error, GatewayError) else type(error).__name__
                _log.warning("notices go on in %g seconds: %s", pause_s, told)
                pause_s = min(pause_s * 2, _LONGEST_PAUSE_S)
            with suppress(TimeoutError):
                await asyncio.wait_for(ended.wait(), pause_s)
    finally:
        if notifier is not None:
            await notifier.close()
