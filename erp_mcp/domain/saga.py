"""Several changes as one: which step comes next, and how what was written is taken back where a later step fails.

A saga is one proposal; each of its steps, forward and back, is a part: an ordinary change with a state of its own.
What is here is pure, so every way through it can be tried.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

from erp_mcp.domain.lifecycle import State

MAX_STEPS: Final = 8
Direction = Literal["forward", "back"]

NOTHING_WRITTEN: Final = frozenset(
    {
        State.REFUSED_BY_SYSTEM, State.STALE, State.DENIED, State.EXPIRED, State.NOT_APPLIED, State.CANCELLED,
        State.REJECTED,
    }
)  # fmt: skip
"""Ends of a part of which it is certain that nothing of it stands in its system."""

_FOR_A_PERSON: Final = frozenset({State.PARTIALLY_COMMITTED, State.NEEDS_HUMAN})


@dataclass(frozen=True, slots=True, kw_only=True)
class StepStand:
    """Where one step stands: the states of its parts, `None` for one that was not begun.

    `can_be_undone` is what its operation declares; the last step alone may be without.
    """

    name: str
    can_be_undone: bool
    forward: State | None = None
    back: State | None = None


@dataclass(frozen=True, slots=True)
class Begin:
    """Begin this part next."""

    step: int
    direction: Direction


@dataclass(frozen=True, slots=True)
class Wait:
    """A part is under way. `for_a_person` where no worker can go on with it."""

    step: int
    for_a_person: bool


@dataclass(frozen=True, slots=True)
class End:
    """The saga is over: COMMITTED, COMPENSATED (nothing of it stands), or COMPENSATION_STUCK at `step`.

    `failed` is the step that did not go through, -1 where all did.
    """

    state: State
    failed: int = -1
    step: int = -1


Next = Begin | Wait | End


def advance(steps: Sequence[StepStand]) -> Next:
    """Return what has to happen next.

    Steps go forward one after the other. Where one ends without having written anything, those before it are taken
    back in reverse. Where it can't be said what a part wrote, nothing else is begun until that is known.

    Args:
        steps: In order, 2 to `MAX_STEPS`.
    """
    for number, step in enumerate(steps):
        if step.forward is None:
            return Begin(number, "forward")
        if step.forward in NOTHING_WRITTEN:
            return _back(steps[:number], failed=number)
        if step.forward is not State.COMMITTED:
            return Wait(number, step.forward in _FOR_A_PERSON)
    return End(State.COMMITTED)


def _back(written: Sequence[StepStand], *, failed: int) -> Next:
    for number, step in reversed(list(enumerate(written))):
        if step.back is State.COMMITTED:
            continue
        if not step.can_be_undone or step.back in NOTHING_WRITTEN:
            return End(State.COMPENSATION_STUCK, failed=failed, step=number)
        if step.back is None:
            return Begin(number, "back")
        return Wait(number, step.back in _FOR_A_PERSON)
    return End(State.COMPENSATED, failed=failed)


def problem_of(steps: Sequence[StepStand]) -> str:
    """Return what is wrong with the plan of a saga, empty where nothing is.

    Returns:
        `too_few_steps`, `too_many_steps`, `step_named_twice`, or `irreversible_not_last`: a step that can't be undone
        may only come when nothing after it can fail.
    """
    if len(steps) < 2:
        return "too_few_steps"
    if len(steps) > MAX_STEPS:
        return "too_many_steps"
    if len({step.name for step in steps}) < len(steps):
        return "step_named_twice"
    return "" if all(step.can_be_undone for step in steps[:-1]) else "irreversible_not_last"
