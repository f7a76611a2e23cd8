"""A worker does what is due, in its own time, and ends after the piece of work in hand."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from erp_mcp import worker
from erp_mcp.committing import Committer
from erp_mcp.domain.proposal import Content, Proposal
from erp_mcp.errors import StateUnavailableError
from erp_mcp.ports import Proposals
from erp_mcp.worker import refreshing
from tests.guarantees import guarantees
from tests.unit.committing.office import CREATE, UPDATE
from tests.unit.worker.shop import CONFIGURATION, Shop

ROOT = Path(__file__).parents[3]


class Log:
    """What the worker told, as (proposal id, state)."""

    def __init__(self) -> None:
        self.told: list[tuple[str, str]] = []

    def __call__(self, proposal: Proposal, lost: bool) -> None:
        assert not lost
        self.told.append((proposal.content.proposal_id, proposal.state.value))


@guarantees("P4.one_effect", "P10.outage")
async def test_once_does_all_that_is_due_and_leaves_what_has_to_wait(shop: Shop) -> None:
    """A one-shot worker never waits: a time that has not come belongs to the next one."""
    shop.office.erp.faults = ["down"]
    waits, done = shop.office.approved(CREATE, number=1), shop.office.approved(CREATE, number=2)
    log = Log()
    assert await worker.work_once(shop, log) == 2
    assert log.told == [(waits.proposal_id, "APPROVED"), (done.proposal_id, "COMMITTED")]
    assert (shop.office.effects(waits), shop.office.effects(done)) == (0, 1)


@guarantees("P9.bounded")
async def test_once_begins_nothing_after_its_time(shop: Shop) -> None:
    """A queue that never ends must not keep a person who approved one thing waiting."""
    content = shop.office.approved()
    assert await worker.work_once(shop, Log(), limit_s=0) == 0
    assert shop.office.stand(content)[0] == "APPROVED"


@guarantees("P4.one_effect", "P10.survives")
async def test_a_lasting_worker_does_what_comes_later_and_ends_when_told(shop: Shop) -> None:
    """It looks again and again, and what is in hand is finished first."""
    log, stop = Log(), asyncio.Event()
    first = shop.office.approved(UPDATE, number=1)
    later: list[Content] = []

    def tell(proposal: Proposal, lost: bool) -> None:
        log(proposal, lost)
        if later:
            stop.set()
        else:
            later.append(shop.office.approved(CREATE, number=2))

    await asyncio.wait_for(worker.work_on(shop, tell, poll_s=0.001, stop=stop), 30)
    assert log.told == [(first.proposal_id, "COMMITTED"), (later[0].proposal_id, "COMMITTED")]


@guarantees("P10.survives", "P9.bounded")
async def test_a_worker_that_never_runs_out_of_work_ends_at_a_signal_all_the_same(shop: Shop) -> None:
    """Nothing in it waits for a network, and what a signal does has its turn after each piece of work."""
    contents = [shop.office.approved(CREATE, number=number) for number in (1, 2, 3)]
    shop.office.erp.faults = ["down"] * 3
    log = Log()

    def tell(proposal: Proposal, lost: bool) -> None:
        log(proposal, lost)
        signal.raise_signal(signal.SIGTERM)

    await asyncio.wait_for(worker.work_on(shop, tell, poll_s=0.001), 30)
    assert log.told == [(contents[0].proposal_id, "APPROVED")]


@guarantees("P10.outage")
async def test_a_state_file_that_cannot_be_used_for_a_while_does_not_end_a_lasting_worker(
    shop: Shop, caplog: pytest.LogCaptureFixture
) -> None:
    """A full disk or a locked file passes; the worker says so and goes on."""
    content = shop.office.approved()
    good, stop = shop.committer, asyncio.Event()
    failures = 3

    class Broken:
        def expire(self) -> int:
            raise StateUnavailableError(reason="OperationalError")

    def committer(**given: Any) -> Committer:
        if shop.rounds < failures:
            return replace(good(**given), proposals=cast("Proposals", Broken()))
        return good(**given)

    shop.committer = committer  # type: ignore[method-assign]
    await asyncio.wait_for(worker.work_on(shop, lambda *_: stop.set(), poll_s=0.001, stop=stop), 30)
    assert shop.office.stand(content)[0] == "COMMITTED"
    assert _pauses(caplog) == [0.001, 0.002, 0.004]


@guarantees("P10.outage")
async def test_a_worker_that_got_on_between_two_failures_does_not_wait_longer_each_time(
    shop: Shop, caplog: pytest.LogCaptureFixture
) -> None:
    """A server of the state that is stopped every few seconds never lets it come to the end of its work."""
    contents = [shop.office.approved(CREATE, number=number) for number in (1, 2, 3)]
    good, log, stop = shop.committer, Log(), asyncio.Event()

    class Broken:
        def expire(self) -> int:
            raise StateUnavailableError(reason="OperationalError")

    def committer(**given: Any) -> Committer:
        one = good(**given)

        async def work(holder: str) -> object:
            nonlocal one
            done = await one.work(holder)
            one = replace(one, proposals=cast("Proposals", Broken()))
            return done

        return cast("Committer", SimpleNamespace(work=work))

    def tell(proposal: Proposal, lost: bool) -> None:
        log(proposal, lost)
        if len(log.told) == len(contents):
            stop.set()

    shop.committer = committer  # type: ignore[method-assign]
    await asyncio.wait_for(worker.work_on(shop, tell, poll_s=0.001, stop=stop), 30)
    assert [state for _, state in log.told] == ["COMMITTED"] * 3
    assert _pauses(caplog) == [0.001, 0.001]


def _pauses(caplog: pytest.LogCaptureFixture) -> list[float]:
    """Return for how long the worker said that it would wait, each time that the state could not be used."""
    told = [cast("tuple[float, str]", one.args) for one in caplog.records if "state.unavailable" in one.getMessage()]
    return [pause_s for pause_s, _ in told]


@guarantees("P4.one_effect", "P10.outage")
async def test_a_refresh_that_fails_changes_nothing(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is committed and has its receipt, whether or not the copy can be brought up to date at once."""
    content = shop.office.approved()
    lease = shop.state.leases.acquire("sync", "somebody else", ttl_s=600)
    assert lease is not None
    monkeypatch.setattr(refreshing, "WAITS", 0)
    assert await worker.work_once(shop, Log()) == 1
    assert shop.office.stand(content)[0] == "COMMITTED"


@guarantees("P10.survives", "cli.teaches")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_lasting_worker_ends_cleanly_on_a_signal(tmp_path: Path, number: signal.Signals) -> None:
    """Services are stopped by signals; the exit status says that nothing went wrong."""
    file = tmp_path / "erp-mcp.yaml"
    file.write_text(CONFIGURATION, encoding="utf-8")
    command = [sys.executable, "-m", "erp_mcp", "worker", "--config", str(file)]
    process = subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None
    assert "The worker runs" in process.stderr.readline()
    wait_until((tmp_path / "state" / "state.sqlite").exists)
    process.send_signal(number)
    _, told = process.communicate(timeout=120)
    assert (process.returncode, told) == (0, "")


def wait_until(true: Callable[[], bool]) -> None:
    """Wait for another process."""
    for _ in range(2400):
        if true():
            return
        time.sleep(0.05)
    raise AssertionError("it did not happen")
