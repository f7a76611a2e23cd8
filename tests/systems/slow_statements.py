"""What becomes of a statement that takes far too long, on a database that is read."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable

import pytest

from erp_mcp.adapters.sql.adapter import SqlAdapter
from erp_mcp.domain.call_context import CallContext, calling
from erp_mcp.errors import SystemTimeoutError
from tests.moments import PATIENCE_S, becomes


async def give_up(one: SqlAdapter, at_work: Callable[[], int]) -> None:
    """Ask for a record, give up once the database works on it, and see it stop.

    Args:
        one: Reads materials by a slow statement, and would wait for it.
        at_work: How many statements of ours the database works on.
    """
    call = asyncio.create_task(one.read("material", ["A"]))
    await becomes(lambda: at_work() == 1)
    call.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await call
    await becomes(lambda: at_work() == 0)


async def run_out_of_time(one: SqlAdapter, at_work: Callable[[], int]) -> None:
    """Ask for a record in a call with half a second left, and see it end then; as `give_up`."""
    await one.probe()
    began = time.monotonic()
    with calling(CallContext(deadline=began + 0.5)), pytest.raises(SystemTimeoutError):
        await one.read("material", ["A"])
    assert time.monotonic() - began < PATIENCE_S / 2
    await becomes(lambda: at_work() == 0)
