"""The worker beside the page: kept alive, and gone with it."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys

from erp_mcp.web.supervising import Supervised
from tests.guarantees import guarantees
from tests.unit.cli.people_at_work import Desk

_PATIENCE_S = 120  # a machine may be slow; a worker that never comes is a failure


def lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


@guarantees("P4.page_worker")
async def test_a_worker_that_dies_is_followed_by_another_and_the_last_one_goes_with_the_page(desk: Desk) -> None:
    """What was approved must not wait until somebody notices."""
    started: asyncio.Queue[int] = asyncio.Queue()
    worker = Supervised(config=desk.config, first_pause_s=0, started=started.put_nowait)

    async with asyncio.timeout(_PATIENCE_S), worker.kept():
        first = await started.get()
        os.kill(first, signal.SIGKILL)
        second = await started.get()
        assert lives(second)

    assert second != first
    assert not lives(second)
    assert not lives(first)


@guarantees("P4.page_worker")
def test_a_worker_ends_when_whoever_looks_after_it_is_gone(desk: Desk) -> None:
    """A page that is killed can't tell its worker; the end of the pipe does."""
    words = [sys.executable, "-m", "erp_mcp", "worker", "--until-input-ends", "--config", str(desk.config)]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL) as child:
        assert child.stdin is not None
        assert child.stderr is not None
        assert b"worker runs" in child.stderr.readline()

        child.stdin.close()

        assert child.wait(_PATIENCE_S) == 0
