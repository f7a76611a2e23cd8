"""When the worker works: until nothing is due, or for as long as it lives."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Final

from erp_mcp.administration.signals import on_end_signals
from erp_mcp.bootstrap import Deployment
from erp_mcp.domain.lifecycle import State
from erp_mcp.domain.proposal import Proposal
from erp_mcp.errors import GatewayError
from erp_mcp.worker.notifying import notify_on
from erp_mcp.worker.refreshing import Touched, refreshed

ONCE_S: Final = 60.0  # a one-shot worker begins no piece of work after so many seconds
POLL_S: Final = 1.0
_LONGEST_PAUSE_S: Final = 60.0
_WRITTEN: Final = frozenset({State.COMMITTED, State.PARTIALLY_COMMITTED})
_log = logging.getLogger("erp_mcp")

# Called after each piece of work: the proposal as it was left, and whether another worker had taken it over.
Told = Callable[[Proposal, bool], None]


async def work_once(deployment: Deployment, tell: Told, *, limit_s: float = ONCE_S) -> int:
    """Work until nothing is due now; what waits for a later time is left to the next worker.

    Args:
        deployment: Whose proposals.
        tell: Called after each piece of work.
        limit_s: No piece of work is begun later than so many seconds after the start.

    Returns:
        How many pieces of work were done.

    Raises:
        StateUnavailableError: `state.unavailable`. ConfigurationError: `settings.bad_configuration`.
    """
    stop = _stopped_by_signals()
    loop = asyncio.get_running_loop()
    ends_at = loop.time() + limit_s

    def over() -> bool:
        return stop.is_set() or loop.time() >= ends_at

    try:
        return await _work_off(deployment, _new_name(deployment), tell, over)
    finally:
        await deployment.disconnect()


async def work_on(
    deployment: Deployment, tell: Told, *, poll_s: float = POLL_S, stop: asyncio.Event | None = None
) -> None:
    """Work for as long as the process lives; SIGTERM and SIGINT end it after the piece of work in hand.

    A failure that belongs to no proposal (the state file can't be used) is logged, and tried again after a while, which
    is longer each time that nothing was done in between.

    Args:
        deployment: Whose proposals.
        tell: Called after each piece of work.
        poll_s: Seconds between two looks at what is due.
        stop: Ends it, beside the signals.
    """
    ended = _stopped_by_signals(stop)
    worker = _new_name(deployment)
    failing_s = poll_s

    def went_on(proposal: Proposal, lost: bool) -> None:
        nonlocal failing_s
        failing_s = poll_s
        tell(proposal, lost)

    telling = asyncio.create_task(notify_on(deployment, worker, ended, poll_s=poll_s))
    try:
        while not ended.is_set():
            pause_s = poll_s
            try:
                await _work_off(deployment, worker, went_on, ended.is_set)
                failing_s = poll_s
            except Exception as error:  # noqa: BLE001 - what waits must not wait for somebody to start it again
                told = str(error) if isinstance(error, GatewayError) else type(error).__name__
                pause_s, failing_s = failing_s, min(failing_s * 2, _LONGEST_PAUSE_S)
                _log.warning("the worker goes on in %g seconds: %s", pause_s, told)
            with suppress(TimeoutError):
                await asyncio.wait_for(ended.wait(), pause_s)
    finally:
        telling.cancel()
        with suppress(asyncio.CancelledError):
            await telling
        await deployment.disconnect()


def _new_name(deployment: Deployment) -> str:
    """Return a name for this worker, which no other one has."""
    return f"worker:{deployment.ids.new()}"


async def _work_off(deployment: Deployment, holder: str, tell: Told, over: Callable[[], bool]) -> int:
    """Do everything that is due, then bring the read model up to what was written."""
    committer = deployment.committer(refresh=partial(refreshed, deployment))
    touched = Touched(deployment)
    count = 0
    while not over():
        done = await committer.work(holder)
        if done is None:
            break
        count += 1
        tell(done.proposal, done.lost)
        if done.proposal.state in _WRITTEN and not done.lost:
            touched.add(done.proposal.content.command)
        await _give_turns()
    await touched.refresh()
    return count


async def _give_turns() -> None:
    """Let signals and notices have their turn: where nothing waits for a network, they have no other.

    A signal takes three: one to be seen, one to be told apart, one to do what it does.
    """
    for _ in range(3):
        await asyncio.sleep(0)


def _stopped_by_signals(stop: asyncio.Event | None = None) -> asyncio.Event:
    """Return an event that SIGTERM and SIGINT set."""
    event = stop or asyncio.Event()
    on_end_signals(event.set)
    return event
