"""Every way through a saga ends where nobody is left wondering: all of it, none of it, or a person with it in view."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, replace
from itertools import product
from typing import Any

import pytest

from erp_mcp.domain.lifecycle import ENDS, State
from erp_mcp.domain.proposal import Content, Proposal, SignedResolution, TakeBackOrder
from erp_mcp.domain.saga import (
    CARRY_OUT,
    ENTITY,
    MAX_STEPS,
    MAX_WAYS_BACK,
    NOTHING_WRITTEN,
    SYSTEM,
    WORTH_ANOTHER,
    Begin,
    Direction,
    End,
    StepStand,
    Wait,
    advance,
    back_of,
    counting,
    fields_of,
    is_of,
    key_of_back,
    part_of,
    planned,
    problem_of,
)
from tests.guarantees import guarantees
from tests.unit.approval.people import content

LEGAL = frozenset({State.COMMITTED, State.COMPENSATED, State.COMPENSATION_STUCK})


def steps_of(count: int, *, last_can_be_undone: bool = False) -> list[StepStand]:
    """Return the steps of a saga that was not begun."""
    return [
        StepStand(name=f"s{number}", can_be_undone=number < count - 1 or last_can_be_undone) for number in range(count)
    ]


Ends = dict[tuple[int, Direction], State | list[State]]
"""How a part ends where not committed: always so, or so many times one after the other, and then committed."""


def run(steps: list[StepStand], fails: Ends) -> tuple[End, list[tuple[int, Direction]]]:
    """Carry a saga out: a part ends committed, or as `fails` says; return its end and the parts in their order."""
    begun: list[tuple[int, Direction]] = []
    while len(begun) < 100:
        move = advance(steps)
        if isinstance(move, End):
            return move, begun
        assert isinstance(move, Begin)
        part = (move.step, move.direction)
        step, tried = steps[move.step], begun.count(part)
        assert tried == 0 or (move.direction == "back" and step.back in WORTH_ANOTHER)
        begun.append(part)
        ends = fails.get(part, State.COMMITTED)
        state = ends if isinstance(ends, State) else ends[tried] if tried < len(ends) else State.COMMITTED
        if move.direction == "forward":
            steps[move.step] = replace(step, forward=state)
        else:
            steps[move.step] = replace(step, back=state, tries=tried + 1)
    raise AssertionError("there is no end to it")


@guarantees("P10.saga")
@pytest.mark.parametrize("count", range(2, MAX_STEPS + 1))
def test_whatever_step_fails_and_whatever_compensation_fails_the_end_is_legal(count: int) -> None:
    """The whole matrix: fail at step k, the compensation of step j fails, in every way that writes nothing."""
    ways = sorted(NOTHING_WRITTEN)
    for fail, (how, stuck) in product(range(count), product(ways, range(-1, count))):
        fails: Ends = {(fail, "forward"): how}
        if stuck >= 0:
            fails[stuck, "back"] = how
        end, begun = run(steps_of(count), fails)

        forward = [(number, "forward") for number in range(fail + 1)]
        back = [(number, "back") for number in reversed(range(fail)) if stuck >= fail or number >= stuck]
        if 0 <= stuck < fail and how in WORTH_ANOTHER:
            back += [(stuck, "back")] * (MAX_WAYS_BACK - 1)
        assert begun == [*forward, *back]
        assert end.state in LEGAL
        assert end.failed == fail
        assert (end.state is State.COMPENSATION_STUCK) == (0 <= stuck < fail)
        assert end.step == (stuck if 0 <= stuck < fail else -1)


@guarantees("P10.saga")
@pytest.mark.parametrize("fewer", range(1, MAX_WAYS_BACK + 1))
def test_a_way_back_that_wrote_nothing_for_a_cause_that_passes_is_begun_anew_and_not_for_ever(fewer: int) -> None:
    """Every mix of such causes: gone through on the last try allowed, stuck after one more."""
    for ends in product(sorted(WORTH_ANOTHER), repeat=fewer):
        for step in range(3):
            end, begun = run(steps_of(4), {(3, "forward"): State.DENIED, (step, "back"): list(ends)})
            stuck = fewer == MAX_WAYS_BACK
            assert end.state is (State.COMPENSATION_STUCK if stuck else State.COMPENSATED)
            assert begun.count((step, "back")) == min(fewer + 1, MAX_WAYS_BACK)
            assert end.step == (step if stuck else -1)


@guarantees("P10.saga")
@pytest.mark.parametrize("said_no", [State.REFUSED_BY_SYSTEM, State.DENIED, State.REJECTED, State.CANCELLED])
def test_a_way_back_that_was_refused_is_not_asked_for_again(said_no: State) -> None:
    """Neither at once nor after one that failed for a cause that passes: a person looks."""
    for ends in ([said_no], [State.STALE, said_no]):
        end, begun = run(steps_of(3), {(2, "forward"): State.DENIED, (0, "back"): list(ends)})
        assert end == End(State.COMPENSATION_STUCK, failed=2, step=0)
        assert begun.count((0, "back")) == len(ends)


@guarantees("P10.saga")
@pytest.mark.parametrize("count", [2, 4, 8])
def test_where_all_steps_go_through_nothing_is_taken_back(count: int) -> None:
    """The ordinary case: each step once, in order."""
    end, begun = run(steps_of(count), {})
    assert end == End(State.COMMITTED)
    assert begun == [(number, "forward") for number in range(count)]


@guarantees("P10.saga", "P4.unknown")
@pytest.mark.parametrize("state", sorted(set(State) - NOTHING_WRITTEN - {State.COMMITTED, State.PARTIALLY_COMMITTED}))
def test_nothing_else_is_begun_while_it_is_not_known_what_a_part_wrote(state: State) -> None:
    """Going on could write twice or take back what was never written."""
    steps = steps_of(3)
    steps[0] = replace(steps[0], forward=State.COMMITTED)
    steps[1] = replace(steps[1], forward=state)
    ahead = advance(steps)
    steps[1] = replace(steps[1], forward=State.REFUSED_BY_SYSTEM)
    steps[0] = replace(steps[0], back=state)
    behind = advance(steps)

    assert isinstance(ahead, Wait)
    assert isinstance(behind, Wait)
    assert ahead.for_a_person == behind.for_a_person == (state is State.NEEDS_HUMAN)


@guarantees("P10.saga", "P4.resolved")
def test_a_part_that_is_written_in_part_leaves_the_saga_to_a_person_who_can_resolve_it() -> None:
    """Nobody can say anything else of the part itself, so to wait for it would be to wait for ever."""
    steps = steps_of(3)
    steps[0] = replace(steps[0], forward=State.COMMITTED)
    steps[1] = replace(steps[1], forward=State.PARTIALLY_COMMITTED)
    assert advance(steps) == End(State.NEEDS_HUMAN, failed=1, step=1)
    steps[1] = replace(steps[1], forward=State.DENIED)
    steps[0] = replace(steps[0], back=State.PARTIALLY_COMMITTED, tries=1)
    assert advance(steps) == End(State.COMPENSATION_STUCK, failed=1, step=0)


@guarantees("P10.saga")
def test_every_end_of_a_part_is_looked_at() -> None:
    """A state that somebody adds must be sorted: written, not written, or for a person."""
    sorted_out = NOTHING_WRITTEN | {
        State.COMMITTED, State.PARTIALLY_COMMITTED, State.NEEDS_HUMAN, State.COMPENSATED, State.COMPENSATION_STUCK,
    }  # fmt: skip
    assert sorted_out >= ENDS


@guarantees("P10.saga")
@pytest.mark.parametrize(
    ("steps", "problem"),
    [
        (steps_of(1), "too_few_steps"),
        (steps_of(MAX_STEPS + 1), "too_many_steps"),
        ([steps_of(1)[0], *steps_of(2)], "step_named_twice"),
        ([StepStand(name="a", can_be_undone=False), *steps_of(2)], "irreversible_not_last"),
        (steps_of(4), ""),
        (steps_of(4, last_can_be_undone=True), ""),
    ],
)
def test_a_plan_that_could_not_be_taken_back_is_refused(steps: list[StepStand], problem: str) -> None:
    """At most one step can't be undone, and nothing comes after it."""
    assert problem_of(steps) == problem


def a_way_back(state: State, since: str) -> Proposal:
    """Return a way back that stands somewhere since some minute."""
    begun = replace(content(), part_of="prp_saga00000001", step="s0", undoes="prp_step00000001")
    return Proposal(content=begun, digest="", state=state, since=since)


def an_order(made_at: str) -> TakeBackOrder:
    """Return a person's order; what it says is no matter of what counts."""
    said = SignedResolution(
        proposal_id="prp_saga00000001", approver_id="ada", verdict="take_back", statement="", signature="",
        nonce=made_at, resolved_at=made_at,
    )  # fmt: skip
    return TakeBackOrder(said=said, made_at=made_at)


@guarantees("P10.saga", "P4.one_effect")
@pytest.mark.parametrize(
    ("orders", "counts"),
    [
        ((), ["EXPIRED", "REFUSED_BY_SYSTEM", "COMMITTED", "UNKNOWN", "STALE"]),
        (("10:05",), ["COMMITTED", "UNKNOWN", "STALE"]),
        (("10:05", "10:25"), ["COMMITTED", "UNKNOWN"]),
    ],
)
def test_what_came_to_nothing_before_a_persons_order_speaks_against_nothing(
    orders: tuple[str, ...], counts: list[str]
) -> None:
    """The newest order counts; what was written, and what nobody knows of, counts whenever it was."""
    found = [
        a_way_back(State.EXPIRED, "2026-03-02T10:00:00Z"),
        a_way_back(State.REFUSED_BY_SYSTEM, "2026-03-02T10:01:00Z"),
        a_way_back(State.COMMITTED, "2026-03-02T10:02:00Z"),
        a_way_back(State.UNKNOWN, "2026-03-02T10:03:00Z"),
        a_way_back(State.STALE, "2026-03-02T10:20:00Z"),
    ]
    left = counting(found, [an_order(f"2026-03-02T{at}:00Z") for at in orders])
    assert [str(one.state) for one in left] == counts


def a_saga() -> tuple[Content, Content, Content]:
    """Return a saga of two steps, the part of its first step, and what takes that back."""
    first = replace(content(), proposal_id="prp_step00000001", tool="propose_reserve", idempotency_key="key-1/s0")
    second = replace(first, proposal_id="prp_step00000002", tool="propose_order", idempotency_key="key-1/s1")
    plan = [
        planned(first, "s0", undo_tool="propose_release", way_back="It is released."),
        planned(second, "s1", undo_tool="", way_back="It stays."),
    ]
    whole = replace(content(), proposal_id="prp_saga00000001")
    command = replace(whole.command, operation=CARRY_OUT, system=SYSTEM, entity=ENTITY, fields=fields_of(plan))
    whole = replace(whole, command=command)
    key = key_of_back(whole.proposal_id, "s0", 1)
    back = replace(first, proposal_id="prp_back00000001", tool="propose_release", idempotency_key=key)
    change = planned(back, "s0", undo_tool="", way_back="")
    made, ends = "2026-03-02T10:00:00Z", "2026-03-03T10:00:00Z"
    return whole, part_of(whole, plan[0]), back_of(whole, plan[0], change, created_at=made, expires_at=ends)


_OF_A_WAY_BACK = frozenset(  # worked out when it is begun, from what its system has then
    {
        *("proposal_id", "tool_version", "tool_hash", "risk", "arguments", "fingerprint", "command", "preview"),
        *("rules", "sources", "target", "concerns", "parameters", "created_at", "expires_at"),
    }
)


@guarantees("P10.saga", "P3.binding")
@pytest.mark.parametrize("name", [one.name for one in fields(Content)])
def test_a_part_is_of_its_saga_by_everything_that_it_holds(name: str) -> None:
    """Of a way back what people saw is the tool that takes the step back; the key says of which step it is."""
    whole, part, back = a_saga()
    assert is_of(part, whole)
    assert is_of(back, whole)
    assert is_of(altered(part, name), whole) is False
    assert is_of(altered(back, name), whole) is (name in _OF_A_WAY_BACK)


def altered(part: Content, name: str) -> Content:
    """Return a part of which one field says something else."""
    value = getattr(part, name)
    other: object
    if isinstance(value, str):
        other = f"{value}x"
    elif isinstance(value, int):
        other = value + 1
    elif isinstance(value, Mapping):
        other = {**value, "another": "x"}
    elif name == "limits":
        other = content().limits
        assert other
    elif isinstance(value, tuple):
        other = (*value, "x")
    else:
        first = next(one.name for one in fields(value) if isinstance(getattr(value, one.name), str))
        other = replace(value, **{first: f"{getattr(value, first)}x"})
    changed: dict[str, Any] = {name: other}
    return replace(part, **changed)
