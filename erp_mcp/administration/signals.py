"""What ends a process from outside: SIGTERM, and Ctrl-C."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable
from contextlib import suppress
from types import FrameType


def on_end_signals(stop: Callable[[], object]) -> None:
    """Let SIGTERM and SIGINT call `stop` in the running event loop; outside the main thread nobody sends them.

    Windows has no handlers in the loop: there an ordinary one wakes the loop up.
    """
    loop = asyncio.get_running_loop()

    def from_handler(_number: int, _frame: FrameType | None) -> None:
        loop.call_soon_threadsafe(stop)

    for number in (signal.SIGTERM, signal.SIGINT):
        with suppress(RuntimeError, ValueError):  # not the main thread
            try:
                loop.add_signal_handler(number, stop)
            except NotImplementedError:  # Windows
                signal.signal(number, from_handler)
