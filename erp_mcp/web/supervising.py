"""A worker that lasts as long as the page: a process of its own, started again when it ends, ended with the page."""

from __future__ import annotations

import asyncio
import logging
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

_FIRST_PAUSE_S: Final = 1.0
_LONGEST_PAUSE_S: Final = 60.0
_LONG_ENOUGH_S: Final = 30.0  # a worker that lived this long starts again at once
_LEAVES_WITHIN_S: Final = 20.0  # it ends the piece of work in hand first
_log = logging.getLogger("erp_mcp")


@dataclass(frozen=True, slots=True, kw_only=True)
class Supervised:
    """A worker of a deployment, kept alive; `started` is told the process of each."""

    config: Path
    first_pause_s: float = _FIRST_PAUSE_S
    leaves_within_s: float = _LEAVES_WITHIN_S
    started: Callable[[int], None] = lambda _: None

    @asynccontextmanager
    async def kept(self) -> AsyncIterator[None]:
        """Keep a worker alive inside the block, and end it behind, by its own process and no other."""
        keeping = asyncio.create_task(self._keep())
        try:
            yield
        finally:
            keeping.cancel()
            with suppress(asyncio.CancelledError):
                await keeping

    async def _keep(self) -> None:
        loop = asyncio.get_running_loop()
        pause_s = self.first_pause_s
        while True:
            began = loop.time()
            status = await self._one()
            lived = loop.time() - began >= _LONG_ENOUGH_S
            pause_s = self.first_pause_s if lived else min(pause_s * 2, _LONGEST_PAUSE_S)
            _log.warning("the worker ended with status %s; another one starts in %g seconds", status, pause_s)
            await asyncio.sleep(pause_s)

    async def _one(self) -> int:
        """Run one worker to its end; where this is cancelled, the worker ends after the piece of work in hand."""
        words = [sys.executable, "-P", "-m", "erp_mcp", "worker", "--until-input-ends", "--config", str(self.config)]
        child = await asyncio.create_subprocess_exec(
            *words, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, start_new_session=True
        )  # its input ends with this process, however that dies
        self.started(child.pid)
        try:
            return await child.wait()
        finally:
            if child.returncode is None:
                await _ended(child, self.leaves_within_s)


async def _ended(child: asyncio.subprocess.Process, within_s: float) -> None:
    """Ask a process to end, and end it where it does not; nothing is lost, the next worker goes on."""
    if child.stdin is not None:
        child.stdin.close()
    if os.name == "posix":  # elsewhere this would kill it in the middle of its work
        with suppress(ProcessLookupError):
            child.terminate()
    try:
        await asyncio.wait_for(child.wait(), within_s)
    except TimeoutError:
        with suppress(ProcessLookupError):
            child.kill()
        await child.wait()
