"""A saga while the world goes on: grants go, everything is down for a day, people stop it or say how a part ended."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial
from typing import Final

import pytest

from erp_mcp.administration import looking, resolving
from erp_mcp.domain.lifecycle import State
from erp_mcp.domain.proposal import Proposal
from tests.faults.plant import DrivenClock
from tests.guarantees import guarantees
from tests.writes.desk import APPROVERS, WriteDesk
from tests.writes.test_procure_steps import standing
from tests.writes.test_procurement import STEPS, TOOL, carried_out, once, parts, saga_of, ways_back
from tests.writes.test_saga_altered import BUDGET, refused_at_order

DAY_S: Final = 25 * 3600
Where = tuple[str, str, bool]
"""A step, a point that its worker comes to, and whether the step is being taken back."""


class DiesError(BaseException):
    """Whatever a worker does: it is gone."""


def dies() -> None:
    """End a worker here."""
    raise DiesError


def goes_on(desk: WriteDesk, saga: Proposal, clock: DrivenClock, rounds: int = 12) -> Proposal:
    """Let workers go on while time passes, until nothing is under way."""
    for _ in range(rounds):
        saga = carried_out(desk, saga)
        clock.pass_by(400)  # longer than any pause, settling or lease
    return saga


def states(desk: WriteDesk, saga: Proposal) -> list[tuple[str, bool, str]]:
    """Return the parts in the order in which they were begun, and where each stands."""
    found = desk.deployment.state.proposals.parts(saga.content.proposal_id)
    return [(one.content.step, bool(one.content.undoes), str(one.state)) for one in found]


@guarantees("P10.saga", "P1.default_deny", "P3.people_commit")
def test_a_step_that_policy_has_stopped_granting_is_not_sent_and_the_rest_is_taken_back(desk: WriteDesk) -> None:
    """What was approved under another policy is not carried out under this one; the ways back are still granted."""
    before = standing(desk)
    saga = saga_of(desk)
    less = partial(desk.take_away, TOOL, "propose_create_purchase_order")
    saga = carried_out(desk, saga, once("allocate_budget", "after_commit", less))
    order = parts(desk, saga)["create_order", False]
    assert (order.state, order.reason) == (State.DENIED, "policy_denied")
    assert saga.state is State.COMPENSATED, (saga.state, saga.reason, states(desk, saga))
    assert standing(desk) == before


@guarantees("P10.saga", "P1.default_deny", "P3.people_commit")
@pytest.mark.parametrize(
    ("when", "begun"),
    [(("create_order", "after_deny", False), []), (("reserve_stock", "after_begin", True), [State.DENIED])],
)
def test_a_way_back_that_policy_has_stopped_granting_is_not_sent_and_a_person_looks(
    desk: WriteDesk, when: Where, begun: list[State]
) -> None:
    """The other one is taken back; this step stands, and is not tried again: policy has said no."""
    saga = saga_of(desk)
    step, point, back = when
    less = partial(desk.take_away, TOOL, "propose_release_reservation")
    saga = carried_out(desk, saga, refused_at_order(desk, once(step, point, less, back=back)))
    assert saga.state is State.COMPENSATION_STUCK
    assert saga.reason == ("not_taken_back" if begun else "policy_denied")
    tried = ways_back(desk, saga, "reserve_stock")
    assert [one.state for one in tried] == begun
    assert all(one.reason == "policy_denied" for one in tried)
    assert [one.state for one in ways_back(desk, saga, "allocate_budget")] == [State.COMMITTED]
    assert desk.erp(BUDGET) == [("867000.00",)]
    assert desk.erp("SELECT qty FROM resv WHERE resv_no = 'RS00001700'") == [("20.500",)]
    assert desk.work() == []


@guarantees("P10.saga", "P10.outage", "P10.survives", "P4.one_effect")
@pytest.mark.parametrize(
    ("when", "first_try"),
    [
        (("create_order", "after_deny", False), "COMMITTED"),  # nothing of the way back is begun
        (("allocate_budget", "after_begin", True), "EXPIRED"),
        (("allocate_budget", "taken_claimed", True), "EXPIRED"),
        (("allocate_budget", "after_send", True), "NOT_APPLIED"),
        (("allocate_budget", "before_commit", True), "COMMITTED"),  # done, and not recorded
    ],
)
def test_a_saga_that_is_being_taken_back_goes_on_after_everything_was_down_for_a_day(
    timed: WriteDesk, clock: DrivenClock, when: Where, first_try: str
) -> None:
    """Worker, gateway and system are gone for 25 hours: then what is left is taken back, each step once."""
    before = standing(timed)
    saga = saga_of(timed)
    step, point, back = when
    with pytest.raises(DiesError):
        carried_out(timed, saga, refused_at_order(timed, once(step, point, dies, back=back)))
    clock.pass_by(DAY_S)
    saga = goes_on(timed, saga, clock)
    assert saga.state is State.COMPENSATED, (saga.state, saga.reason, states(timed, saga))
    tried = ways_back(timed, saga, "allocate_budget")
    assert str(tried[0].state) == first_try
    assert [one.state for one in tried if one.state is State.COMMITTED] == [State.COMMITTED]
    assert len(tried) == (1 if first_try == "COMMITTED" else 2)
    assert standing(timed) == before


@guarantees("P10.saga", "P4.resolved", "P4.one_effect")
@pytest.mark.parametrize("back", [False, True])
def test_a_part_that_a_person_says_was_applied_lets_its_saga_go_on(
    timed: WriteDesk, clock: DrivenClock, back: bool
) -> None:
    """Forward the next step comes, back the one before; what is stated is sent by nobody again."""
    before = standing(timed)
    saga = saga_of(timed)
    died: list[str] = []

    def at(point: str, part: Proposal) -> None:
        here = (part.content.step, bool(part.content.undoes)) == ("allocate_budget", back)
        if here and point == ("taken_unknown" if died else "before_commit"):
            died.append(point)
            raise DiesError

    hook: Callable[[str, Proposal], None] = refused_at_order(timed, at) if back else at
    for _ in range(2):  # the first has it written, the second finds that nobody knows
        with pytest.raises(DiesError):
            carried_out(timed, saga, hook)
        clock.pass_by(400)
    part = parts(timed, saga)["allocate_budget", back]
    assert part.state is State.UNKNOWN
    sight = asyncio.run(looking.look(timed.deployment, part))
    signing = timed._signing(APPROVERS[0])
    stated = resolving.resolve(
        timed.deployment, part, signing, "applied", reason="I see it there.", document="", found=sight.found
    )
    assert stated.state is State.COMMITTED
    saga = goes_on(timed, saga, clock)
    sent = timed.deployment.state.proposals.history(part.content.proposal_id)
    assert sum(one.type == "proposal.sending" for one in sent) == 1
    if back:
        assert saga.state is State.COMPENSATED, (saga.state, saga.reason, states(timed, saga))
        assert standing(timed) == before
    else:
        assert states(timed, saga) == [(step, False, "COMMITTED") for step in STEPS]
        assert saga.state is State.COMMITTED
        assert timed.erp(BUDGET) == [("867800.00",)]


@guarantees("P10.saga", "P4.kill_switch", "P4.stopped_sites")
@pytest.mark.parametrize("scope", ["all", "site:1000", "tool:propose_create_purchase_order", f"tool:{TOOL}"])
def test_a_stop_in_the_middle_of_a_saga_holds_it_there_and_it_goes_on_when_it_is_lifted(
    timed: WriteDesk, clock: DrivenClock, scope: str
) -> None:
    """Nothing more is written and nothing is taken back while it is stopped; then the rest is written, once."""
    switches = timed.deployment.state.switches
    saga = saga_of(timed)
    stop = partial(switches.stop, scope, by="olga", reason="wait")
    carried_out(timed, saga, once("allocate_budget", "after_commit", stop))
    held = timed.dump()
    saga = goes_on(timed, saga, clock, rounds=2)  # within the half hour that a saga with stock in it waits
    assert timed.dump() == held
    assert saga.state is State.CLAIMED
    written = [one for one in states(timed, saga) if one[2] == "COMMITTED"]
    assert [step for step, _, _ in written] == list(STEPS[:2])
    assert all(state == "APPROVED" for _, _, state in states(timed, saga)[2:])
    switches.resume(scope, by="olga")
    saga = goes_on(timed, saga, clock)
    assert states(timed, saga) == [(step, False, "COMMITTED") for step in STEPS]
    assert saga.state is State.COMMITTED


@guarantees("P10.saga", "P4.kill_switch", "P4.stopped_sites")
@pytest.mark.parametrize("scope", ["all", "site:1000", "tool:propose_allocate_budget", f"tool:{TOOL}"])
def test_a_stop_while_a_saga_is_taken_back_holds_it_there_and_it_goes_on_when_it_is_lifted(
    timed: WriteDesk, clock: DrivenClock, scope: str
) -> None:
    """A stop stops every write, those that take back as well; nobody is told that it was taken back meanwhile."""
    before, switches = standing(timed), timed.deployment.state.switches
    saga = saga_of(timed)
    stop = partial(switches.stop, scope, by="olga", reason="wait")
    carried_out(timed, saga, refused_at_order(timed, once("allocate_budget", "after_begin", stop, back=True)))
    held = timed.dump()
    saga = goes_on(timed, saga, clock)
    assert timed.dump() == held
    assert saga.state is State.COMPENSATING
    assert states(timed, saga)[-1] == ("allocate_budget", True, "APPROVED")
    switches.resume(scope, by="olga")
    saga = goes_on(timed, saga, clock)
    assert saga.state is State.COMPENSATED, (saga.state, saga.reason, states(timed, saga))
    assert standing(timed) == before


@guarantees("P10.saga", "P4.kill_switch", "P4.stopped_sites", "P4.one_effect")
@pytest.mark.parametrize("scope", ["all", "site:1000", "tool:propose_allocate_budget", f"tool:{TOOL}"])
@pytest.mark.parametrize(
    ("when", "begun"),
    [
        (("create_order", "after_compensate", False), []),  # nothing of the way back is begun
        (("allocate_budget", "after_begin", True), ["EXPIRED"]),  # its day went by while nobody could send it
        (("allocate_budget", "taken_claimed", True), ["EXPIRED"]),
    ],
)
def test_a_saga_is_taken_back_after_a_stop_of_many_days_by_nobody_but_the_worker(
    timed: WriteDesk, clock: DrivenClock, scope: str, when: Where, begun: list[str]
) -> None:
    """However long it lasts it is no failure of the way back: one may run out of time, and no other is begun."""
    before, switches = standing(timed), timed.deployment.state.switches
    saga = saga_of(timed)
    step, point, back = when
    stop = partial(switches.stop, scope, by="olga", reason="wait")
    carried_out(timed, saga, refused_at_order(timed, once(step, point, stop, back=back)))
    held = timed.dump()
    for _ in range(30):
        clock.pass_by(6 * 3600)
        saga = carried_out(timed, saga)
    assert (saga.state, saga.reason) == (State.COMPENSATING, "writes_stopped")
    assert timed.dump() == held
    assert [str(one.state) for one in ways_back(timed, saga, "allocate_budget")] == begun

    switches.resume(scope, by="olga")
    saga = goes_on(timed, saga, clock)

    assert saga.state is State.COMPENSATED, (saga.state, saga.reason, states(timed, saga))
    assert [str(one.state) for one in ways_back(timed, saga, "allocate_budget")] == [*begun, "COMMITTED"]
    assert standing(timed) == before
