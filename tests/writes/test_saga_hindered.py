"""A saga whose ways back something keeps from being begun: what passes is waited for, what stays is for a person."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Final
from unittest import mock

import pytest

from erp_mcp import administration
from erp_mcp.administration import resolving
from erp_mcp.audit.verify import verify
from erp_mcp.committing.ways_back import WaysBack
from erp_mcp.domain.lifecycle import State
from erp_mcp.domain.proposal import Content, Event, Proposal
from erp_mcp.domain.saga import PlannedStep
from erp_mcp.errors import ProposalMovedError, SystemUnreachableError
from erp_mcp.worker.refreshing import refreshed
from tests.faults.plant import DrivenClock
from tests.guarantees import guarantees
from tests.writes.desk import ADMIN, APPROVERS, WriteDesk
from tests.writes.test_procure_steps import standing
from tests.writes.test_procurement import ASKED, TOOL, carried_out, once, parts, saga_of, stuck, ways_back
from tests.writes.test_saga_altered import refused_at_order
from tests.writes.test_saga_meanwhile import DAY_S, DiesError, dies, goes_on, states

LOOK_S: Final = 3600


def dies_taking_back(desk: WriteDesk) -> Proposal:
    """Return a procurement whose order was refused; the worker died when the first way back was begun."""
    saga = saga_of(desk)
    with pytest.raises(DiesError):
        carried_out(desk, saga, refused_at_order(desk, once("allocate_budget", "after_begin", dies, back=True)))
    return desk.proposal(saga.content.proposal_id)


def worked(desk: WriteDesk, saga: Proposal, hinders: Callable[[], bool]) -> Proposal:
    """Let a worker go on until nothing is due; what is read of the ERP can't be brought up to date while it hinders."""

    async def refresh(system: str, entities: Sequence[str]) -> None:
        if hinders():
            raise SystemUnreachableError(system=system)
        await refreshed(desk.deployment, system, entities)

    async def work() -> None:
        committer = desk.deployment.committer(refresh=refresh)
        try:
            while await committer.work("worker:one") is not None:
                pass
        finally:
            await desk.deployment.disconnect()

    asyncio.run(work())
    return desk.proposal(saga.content.proposal_id)


def ordered(desk: WriteDesk, saga: Proposal, by: str = APPROVERS[0]) -> Proposal:
    """Let somebody say that what is left of a saga is to be taken back."""
    signing = desk._signing(by)
    return resolving.resolve(desk.deployment, saga, signing, "take_back", reason="put right what was in the way")


def is_intact(desk: WriteDesk) -> bool:
    """Whether the offline verifier finds nothing."""
    state = desk.deployment.state
    kept, rows = state.proposals.kept(), state.kept_rows()
    return verify(state.audit.read_all(), strays=state.audit.strays(), proposals=kept, rows=rows).intact


@guarantees("P10.saga", "P10.outage")
def test_one_hindrance_a_day_after_it_began_to_be_taken_back_leaves_no_saga_stuck(
    timed: WriteDesk, clock: DrivenClock
) -> None:
    """What counts is how long the hindrance has been there, not how long the saga has been taken back."""
    before = standing(timed)
    saga = dies_taking_back(timed)
    clock.pass_by(DAY_S)
    met: list[str] = []

    def at_first() -> bool:
        met.append("down")
        return len(met) == 1

    saga = worked(timed, saga, at_first)
    while saga.state is State.COMPENSATING and len(met) < 9:
        clock.pass_by(400)
        saga = worked(timed, saga, at_first)
    assert "system_unreachable" in {one.payload["reason"] for one in _told(timed, saga)}
    assert saga.state is State.COMPENSATED, (saga.state, saga.reason, states(timed, saga))
    assert standing(timed) == before


@guarantees("P10.saga", "P10.outage")
def test_a_hindrance_that_nobody_looked_at_in_between_is_looked_at_again_before_a_person_has_to(
    timed: WriteDesk, clock: DrivenClock
) -> None:
    """The worker itself was off for two days: that the system was down before and is down now says little."""
    saga = dies_taking_back(timed)
    clock.pass_by(DAY_S)
    for _ in range(3):
        saga = worked(timed, saga, lambda: True)
        assert saga.state is State.COMPENSATING, saga.reason
        clock.pass_by(DAY_S)
    assert goes_on(timed, saga, clock).state is State.COMPENSATED


@guarantees("P10.saga", "P4.resolved", "P4.one_effect", "P5.rows_vouched")
def test_what_hinders_for_a_day_is_for_a_person_who_lets_it_go_on_once_it_is_put_right(
    timed: WriteDesk, clock: DrivenClock
) -> None:
    """Not an hour before, and by a signed word alone; then each step is taken back once."""
    before = standing(timed)
    saga = dies_taking_back(timed)
    clock.pass_by(DAY_S)
    waited = 0
    while saga.state is State.COMPENSATING and waited < 40:
        saga = worked(timed, saga, lambda: True)
        clock.pass_by(LOOK_S)
        waited += 1
    assert (saga.state, saga.reason) == (State.COMPENSATION_STUCK, "system_unreachable")
    assert 24 <= waited <= 27  # the first look of them lets the way back that was begun expire
    saga = ordered(timed, saga)
    assert saga.state is State.COMPENSATING
    assert worked(timed, saga, lambda: True).state is State.COMPENSATING  # it counts from the order on
    saga = goes_on(timed, saga, clock)
    assert saga.state is State.COMPENSATED, (saga.state, saga.reason, states(timed, saga))
    assert standing(timed) == before
    assert is_intact(timed)


@guarantees("P10.saga", "P10.outage", "P4.kill_switch")
def test_a_stop_that_comes_after_an_outage_of_nearly_a_day_is_no_more_of_it(
    timed: WriteDesk, clock: DrivenClock
) -> None:
    """The system is back; that a person has stopped writes is for that person to end."""
    before, switches = standing(timed), timed.deployment.state.switches
    saga = dies_taking_back(timed)
    clock.pass_by(DAY_S)
    for _ in range(22):
        saga = worked(timed, saga, lambda: True)
        assert saga.state is State.COMPENSATING, saga.reason
        clock.pass_by(LOOK_S)
    switches.stop("all", by="olga", reason="wait")
    clock.pass_by(3 * LOOK_S)  # a day after the outage began
    for _ in range(4):
        saga = worked(timed, saga, lambda: False)
        assert (saga.state, saga.reason) == (State.COMPENSATING, "writes_stopped")
        clock.pass_by(3 * LOOK_S)
    switches.resume("all", by="olga")
    saga = goes_on(timed, saga, clock)
    assert saga.state is State.COMPENSATED, (saga.state, saga.reason, states(timed, saga))
    assert standing(timed) == before


@guarantees("P10.saga", "P4.resolved", "P3.binding")
def test_only_what_is_stuck_is_ordered_to_be_taken_back_further(desk: WriteDesk) -> None:
    """Nothing that goes on by itself, and nothing that is over."""
    with pytest.raises(ProposalMovedError):
        ordered(desk, desk.propose(TOOL, **ASKED))
    saga = stuck(
        desk, "UPDATE resv SET qty = '1.000', changed_at = '2026-03-16T05:30:00Z' WHERE resv_no = 'RS00001700'"
    )
    assert saga.state is State.COMPENSATION_STUCK
    again = carried_out(desk, ordered(desk, saga))  # nothing was put right
    assert (again.state, again.reason) == (State.COMPENSATION_STUCK, saga.reason)
    desk.in_erp("UPDATE resv SET qty = '20.500', changed_at = '2026-03-16T05:31:00Z' WHERE resv_no = 'RS00001700'")
    done = carried_out(desk, ordered(desk, again))
    assert done.state is State.COMPENSATED, (done.state, done.reason, states(desk, done))
    assert is_intact(desk)
    with pytest.raises(ProposalMovedError):
        ordered(desk, done)


@guarantees("P10.saga", "P4.resolved", "P1.default_deny")
def test_a_way_back_that_policy_refused_is_begun_anew_once_it_is_granted_again_and_somebody_orders_it(
    desk: WriteDesk, tmp_path: Path
) -> None:
    """The refused one stays in the records beside the one that wrote."""
    before = standing(desk)
    kept = shutil.copytree(desk.directory / "policies", tmp_path / "kept")
    saga = saga_of(desk)
    less = partial(desk.take_away, TOOL, "propose_release_reservation")
    saga = carried_out(desk, saga, refused_at_order(desk, once("reserve_stock", "after_begin", less, back=True)))
    assert (saga.state, saga.reason) == (State.COMPENSATION_STUCK, "not_taken_back"), states(desk, saga)
    shutil.rmtree(desk.directory / "policies")
    shutil.copytree(kept, desk.directory / "policies")
    administration.apply_policy(desk.deployment, applied_by="tests", signing=desk._signing(ADMIN))
    saga = carried_out(desk, ordered(desk, saga))
    assert saga.state is State.COMPENSATED, (saga.state, saga.reason, states(desk, saga))
    assert [one.state for one in ways_back(desk, saga, "reserve_stock")] == [State.DENIED, State.COMMITTED]
    assert standing(desk) == before
    assert is_intact(desk)


@guarantees("P10.saga", "P4.one_effect")
def test_a_way_back_is_not_sent_when_an_earlier_one_turns_up_in_that_very_moment(
    timed: WriteDesk, clock: DrivenClock
) -> None:
    """It was not there when the second was begun; the system did it late, and the second would be too much."""
    saga = saga_of(timed)
    with pytest.raises(DiesError):
        carried_out(timed, saga, refused_at_order(timed, once("allocate_budget", "after_send", dies, back=True)))
    turned_up: list[str] = []
    is_there = WaysBack.is_there

    async def late(ways: WaysBack, part: Content | PlannedStep) -> bool:
        first = ways_back(timed, saga, "allocate_budget")[0].content
        return bool(turned_up and part.command.reference == first.command.reference) or await is_there(ways, part)

    def at(point: str, part: Proposal) -> None:
        is_second = len(ways_back(timed, saga, "allocate_budget")) == 2
        if point == "taken_claimed" and part.content.undoes and is_second and not turned_up:
            turned_up.append(part.content.proposal_id)

    with mock.patch.object(WaysBack, "is_there", late):
        for _ in range(12):
            clock.pass_by(400)
            saga = carried_out(timed, saga, at)
    first, second = ways_back(timed, saga, "allocate_budget")
    assert first.state is State.NOT_APPLIED
    assert (second.state, second.reason) == (State.NEEDS_HUMAN, "applied_late")
    assert not any(one.type == "proposal.sending" for one in _told(timed, second))
    assert saga.state is State.COMPENSATING
    assert ("reserve_stock", True) not in parts(timed, saga)


def _told(desk: WriteDesk, proposal: Proposal) -> list[Event]:
    return desk.deployment.state.proposals.history(proposal.content.proposal_id)
