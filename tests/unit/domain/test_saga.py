"""Every way through a saga ends where nobody is left wondering: all of it, none of it, or a person with it in view."""

from __future__ import annotations

from dataclasses import replace
from itertools import product

import pytest

from erp_mcp.domain.lifecycle import ENDS, State
from erp_mcp.domain.saga import (
    MAX_STEPS,
    NOTHING_WRITTEN,
    Begin,
    Direction,
    End,
    StepStand,
    Wait,
    advance,
    problem_of,
)
from tests.guarantees import guarantees

LEGAL = frozenset({State.COMMITTED, State.COMPENSATED, State.COMPENSATION_STUCK})


def steps_of(count: int, *, last_can_be_undone: bool = False) -> list[StepStand]:
    """Return the steps of a saga that was not begun."""
    return [
        StepStand(name=f"s{number}", can_be_undone=number < count - 1 or last_can_be_undone) for number in range(count)
    ]


def run(steps: list[StepStand], fails: dict[tuple[int, Direction], State]) -> tuple[End, list[tuple[int, Direction]]]:
    """Carry a saga out: a part ends committed, or as `fails` says; return its end and the parts in their order."""
    begun: list[tuple[int, Direction]] = []
    while True:
        move = advance(steps)
        if isinstance(move, End):
            return move, begun
        assert isinstance(move, Begin)
        part = (move.step, move.direction)
        assert part not in begun
        begun.append(part)
        state = fails.get(part, State.COMMITTED)
        step = steps[move.step]
        steps[move.step] = replace(step, forward=state) if move.direction == "forward" else replace(step, back=state)


@guarantees("P10.saga")
@pytest.mark.parametrize("count", range(2, MAX_STEPS + 1))
def test_whatever_step_fails_and_whatever_compensation_fails_the_end_is_legal(count: int) -> None:
    """The whole matrix: fail at step k, the compensation of step j fails, in every way that writes nothing."""
    ways = sorted(NOTHING_WRITTEN)
    for fail, (how, stuck) in product(range(count), product(ways, range(-1, count))):
        fails: dict[tuple[int, Direction], State] = {(fail, "forward"): how}
        if stuck >= 0:
            fails[stuck, "back"] = how
        end, begun = run(steps_of(count), fails)

        forward = [(number, "forward") for number in range(fail + 1)]
        back = [(number, "back") for number in reversed(range(fail)) if stuck >= fail or number >= stuck]
        assert begun == [*forward, *back]
        assert end.state in LEGAL
        assert end.failed == fail
        assert (end.state is State.COMPENSATION_STUCK) == (0 <= stuck < fail)
        assert end.step == (stuck if 0 <= stuck < fail else -1)


@guarantees("P10.saga")
@pytest.mark.parametrize("count", [2, 4, 8])
def test_where_all_steps_go_through_nothing_is_taken_back(count: int) -> None:
    """The ordinary case: each step once, in order."""
    end, begun = run(steps_of(count), {})
    assert end == End(State.COMMITTED)
    assert begun == [(number, "forward") for number in range(count)]


@guarantees("P10.saga", "P4.unknown")
@pytest.mark.parametrize("state", sorted(set(State) - NOTHING_WRITTEN - {State.COMMITTED}))
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
    assert ahead.for_a_person == behind.for_a_person == (state in {State.NEEDS_HUMAN, State.PARTIALLY_COMMITTED})


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
