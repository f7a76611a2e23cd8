"""One stdio connection from its first handled message to its end."""

from __future__ import annotations

import asyncio
import contextlib
import gc
from collections.abc import Callable, Collection
from enum import Enum
from typing import Final

from erp_mcp.administration.signals import on_end_signals
from erp_mcp.server.handlers import Handlers
from erp_mcp.server.listeners import Listeners
from erp_mcp.server.report import describe, say, tell_logs
from erp_mcp.server.sdk import SdkPeer
from erp_mcp.server.session import Load, Session
from erp_mcp.server.start import Opening
from erp_mcp.server.stdio import DRAIN_S, StdioLoop
from erp_mcp.server.watcher import watch
from erp_mcp.server.writer import Writer

FLUSH_S: Final = 2.0


class End(Enum):
    """Why a connection ends, and how many seconds what is under way then has left to be answered."""

    CLIENT_CLOSED = DRAIN_S
    SIGNAL = 1.0
    NOBODY_READS = 0.0


def run(load: Load, opening: Opening) -> int:
    """Serve the connection to its end; return the exit status, 1 when a defect ended it."""
    return asyncio.run(serve_stdio(load, opening))


async def serve_stdio(load: Load, opening: Opening) -> int:
    """Serve one connection: the session is loaded beside it, so a broken set-up still leaves a client its answers."""
    tell_logs()
    end: asyncio.Future[End] = asyncio.get_running_loop().create_future()
    writer = Writer(opening.wire.outgoing, broken=lambda: _end(end, End.NOBODY_READS))
    stdio = StdioLoop(opening.reader, writer, first=opening.first)
    handlers = Handlers(load)
    peer = SdkPeer(handlers, Listeners(), stdio.notify)
    on_end_signals(lambda: _end(end, End.SIGNAL))

    attending = asyncio.create_task(_attend(handlers, peer.lists_changed))
    serving = asyncio.create_task(stdio.run(peer))
    serving.add_done_callback(lambda _: _end(end, End.CLIENT_CLOSED))
    try:
        reason = await end
        sound = await _stop(serving)
        await stdio.drain(peer, within_s=reason.value)
    finally:
        await _stop(attending)
        writer.close(FLUSH_S)
    return 0 if sound else 1


async def _attend(handlers: Handlers, changed: Callable[[Collection[str]], None]) -> None:
    """Open the session and do what runs beside its calls, until cancelled."""
    session = await handlers.open()
    if session is None:
        return
    # What is imported and loaded by now stays; the collector need not look at it again.
    gc.collect()
    gc.freeze()
    try:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(watch(session, changed))
            tasks.create_task(_in_background(session))
    finally:
        await session.close()


async def _in_background(session: Session) -> None:
    try:
        await session.background()
    except Exception as error:  # noqa: BLE001 - answers go on without it
        say(f"work in the background has stopped. {describe(error)}")


async def _stop(task: asyncio.Task[None]) -> bool:
    """Cancel a task, wait for its end and return whether it was sound."""
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        try:
            await task
        except Exception as error:  # noqa: BLE001 - the connection is over; the reason goes to the person
            say(f"the connection ended badly. {describe(error)}")
            return False
    return True


def _end(end: asyncio.Future[End], reason: End) -> None:
    if not end.done():
        end.set_result(reason)
