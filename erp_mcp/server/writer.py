"""Writes lines to the client from one thread, so that a client that does not read never blocks the event loop."""

from __future__ import annotations

import asyncio
import queue
import threading
from collections.abc import Callable
from typing import Final

from erp_mcp.server.wire import write_all

HIGH_WATER_BYTES: Final = 1 << 20
BATCH_BYTES: Final = 1 << 18


class Writer:
    """One thread, one queue. Whoever feeds it awaits `room` first, so the queue stays bounded."""

    def __init__(self, descriptor: int, *, broken: Callable[[], None]) -> None:
        """Write to `descriptor`; `broken` is called in the event loop when nobody reads any more."""
        self._descriptor = descriptor
        self._broken = broken
        self._loop = asyncio.get_running_loop()
        self._queue: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
        self._waiting_bytes = 0
        self._room = asyncio.Event()
        self._room.set()
        self._thread = threading.Thread(target=self._run, name="stdio-writer", daemon=True)
        self._thread.start()

    def send(self, line: bytes) -> None:
        """Queue one line; never waits."""
        self._waiting_bytes += len(line)
        if self._waiting_bytes > HIGH_WATER_BYTES:
            self._room.clear()
        self._queue.put(line)

    async def room(self) -> None:
        """Wait while more than `HIGH_WATER_BYTES` are unwritten."""
        await self._room.wait()

    def close(self, timeout_s: float) -> None:
        """Write what is queued and end the thread; a client that does not read is left behind after `timeout_s`."""
        self._queue.put(None)
        self._thread.join(timeout_s)

    def _run(self) -> None:
        lines = self._next_lines()
        while lines:
            data = b"".join(lines)
            try:
                write_all(self._descriptor, data)
            except OSError:
                self._tell(self._broken)
                return
            self._tell(self._written, len(data))
            lines = self._next_lines()

    def _next_lines(self) -> list[bytes]:
        """Return what is queued, up to a batch; empty at the end."""
        lines: list[bytes] = []
        size = 0
        while size < BATCH_BYTES:
            try:
                line = self._queue.get(block=not lines)
            except queue.Empty:
                break
            if line is None:
                self._queue.put(None)  # for the round after this batch
                break
            lines.append(line)
            size += len(line)
        return lines

    def _written(self, size: int) -> None:
        self._waiting_bytes -= size
        if self._waiting_bytes <= HIGH_WATER_BYTES:
            self._room.set()

    def _tell(self, what: Callable[..., None], *arguments: int) -> None:
        try:
            self._loop.call_soon_threadsafe(what, *arguments)
        except RuntimeError:  # the loop has ended; there is nobody to tell
            return
