"""Several changes as one: which step comes next, and how what was written is taken back where a later step fails.

A saga is one proposal; each of its steps, forward and back, is a part: an ordinary change with a state of its own.
What is here is pure, so every way through it can be tried.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final, Literal

from erp_mcp.domain import human_task
from erp_mcp.domain.call import JsonValue
from erp_mcp.domain.command import Command
from erp_mcp.domain.forms import FormError, from_json, to_json
from erp_mcp.domain.instants import parse_instant
from erp_mcp.domain.lifecycle import State
from erp_mcp.domain.proposal import Content, Preview, Proposal, TakeBackOrder
from erp_mcp.domain.tool import Risk

SYSTEM: Final = human_task.SYSTEM  # the gateway's own record; each step names the system that it writes to
ENTITY: Final = "saga"
CARRY_OUT: Final = "saga.carry_out"

MAX_STEPS: Final = 8
_STEPS: Final = "steps"
Direction = Literal["forward", "back"]

NOTHING_WRITTEN: Final = frozenset(
    {
        State.REFUSED_BY_SYSTEM, State.STALE, State.DENIED, State.EXPIRED, State.NOT_APPLIED, State.CANCELLED,
        State.REJECTED,
    }
)  # fmt: skip
"""Ends of a part of which it is certain that nothing of it stands in its system."""

WORTH_ANOTHER: Final = frozenset({State.STALE, State.NOT_APPLIED, State.EXPIRED})
"""Ends of a way back that say nothing against it: somebody changed the record that moment, what was sent got lost, or
nobody could send it in its time. What a system, a rule or the policy said no to is not asked for again.
"""

MAX_WAYS_BACK: Final = 3
"""How often a way back of one step is begun: once, once more after somebody came between, and once more after what was
sent got lost on top of that. What came to nothing three times does not pass by itself.
"""

MAX_ORDERS: Final = 9
"""How often a person may order that a stuck saga be taken back further; each lets as many ways back begin anew."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StepStand:
    """Where one step stands: the states of its parts, `None` for one that was not begun.

    `can_be_undone` is what its operation declares; the last step alone may be without. `back` is that of the newest way
    back, `tries` how many were begun.
    """

    name: str
    can_be_undone: bool
    forward: State | None = None
    back: State | None = None
    tries: int = 0


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
    """The saga is over: COMMITTED, COMPENSATED (nothing of it stands), or it is for a person to say how it stands.

    Then `step` could not be taken back (COMPENSATION_STUCK), or is written in part, which no way back is for
    (NEEDS_HUMAN). `failed` is the step that did not go through, -1 where all did.
    """

    state: State
    failed: int = -1
    step: int = -1


Next = Begin | Wait | End


def advance(steps: Sequence[StepStand]) -> Next:
    """Return what has to happen next.

    Steps go forward one after the other. Where one ends without having written anything, those before it are taken
    back in reverse; a way back that wrote nothing for a cause that passes is begun anew, `MAX_WAYS_BACK` times in all.
    Where it can't be said what a part wrote, nothing else is begun until that is known.

    Args:
        steps: In order, 2 to `MAX_STEPS`.
    """
    for number, step in enumerate(steps):
        if step.forward is None:
            return Begin(number, "forward")
        if step.forward in NOTHING_WRITTEN:
            return _back(steps[:number], failed=number)
        if step.forward is State.PARTIALLY_COMMITTED:  # no statement leads out of that, so the saga is looked at
            return End(State.NEEDS_HUMAN, failed=number, step=number)
        if step.forward is not State.COMMITTED:
            return Wait(number, step.forward is State.NEEDS_HUMAN)
    return End(State.COMMITTED)


def _back(written: Sequence[StepStand], *, failed: int) -> Next:
    for number, step in reversed(list(enumerate(written))):
        if step.back is State.COMMITTED:
            continue
        again = step.back in WORTH_ANOTHER and step.tries < MAX_WAYS_BACK
        if step.can_be_undone and (step.back is None or again):
            return Begin(number, "back")
        if not step.can_be_undone or step.back in NOTHING_WRITTEN or step.back is State.PARTIALLY_COMMITTED:
            return End(State.COMPENSATION_STUCK, failed=failed, step=number)
        return Wait(number, step.back is State.NEEDS_HUMAN)
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


# --- The plan, as people approve it -----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedStep:
    """One step as it was worked out and shown: everything that its part will hold, and how it would be taken back.

    `undo_tool` is empty for a step that can't be taken back; `way_back` says how, or why not. The rest is as in
    `Content`.
    """

    name: str
    proposal_id: str
    tool: str
    tool_version: int
    tool_hash: str
    risk: Risk
    arguments: Mapping[str, JsonValue]
    idempotency_key: str
    fingerprint: str
    command: Command
    preview: Preview
    rules: tuple[str, ...]
    sources: Mapping[str, JsonValue]
    target: str
    concerns: Mapping[str, JsonValue]
    parameters: Mapping[str, JsonValue]
    undo_tool: str
    way_back: str


def is_saga(content: Content) -> bool:
    """Whether a proposal is several changes as one."""
    return (content.command.system, content.command.entity) == (SYSTEM, ENTITY)


def planned(content: Content, name: str, *, undo_tool: str, way_back: str) -> PlannedStep:
    """Return a step, from what a proposal of it alone would hold."""
    return PlannedStep(
        name=name,
        proposal_id=content.proposal_id,
        tool=content.tool,
        tool_version=content.tool_version,
        tool_hash=content.tool_hash,
        risk=content.risk,
        arguments=content.arguments,
        idempotency_key=content.idempotency_key,
        fingerprint=content.fingerprint,
        command=content.command,
        preview=content.preview,
        rules=content.rules,
        sources=content.sources,
        target=content.target,
        concerns=content.concerns,
        parameters=content.parameters,
        undo_tool=undo_tool,
        way_back=way_back,
    )


def fields_of(steps: Sequence[PlannedStep]) -> dict[str, JsonValue]:
    """Return the payload of a saga: its steps in order, whole."""
    return {_STEPS: [to_json(one) for one in steps]}


def plan_of(content: Content) -> tuple[PlannedStep, ...]:
    """Return the steps of a saga in order.

    Raises:
        FormError: it holds something else.
    """
    steps = content.command.fields.get(_STEPS)
    if not isinstance(steps, list):
        raise FormError("steps are no list")
    return tuple(from_json(PlannedStep, one) for one in steps)


def tools_of(content: Content) -> frozenset[str]:
    """Return the tools of a saga's steps; what is no plan names none."""
    steps = content.command.fields.get(_STEPS)
    named = [one.get("tool") for one in steps if isinstance(one, dict)] if isinstance(steps, list) else []
    return frozenset(one for one in named if isinstance(one, str))


def part_of(saga: Content, step: PlannedStep) -> Content:
    """Return the part that carries out a step: a change like any other, by the terms and in the time of the saga.

    It counts against no limit by itself, since the saga does so for all of its steps.
    """
    return replace(
        saga,
        proposal_id=step.proposal_id,
        tool=step.tool,
        tool_version=step.tool_version,
        tool_hash=step.tool_hash,
        risk=step.risk,
        arguments=step.arguments,
        idempotency_key=step.idempotency_key,
        fingerprint=step.fingerprint,
        command=step.command,
        preview=step.preview,
        rules=step.rules,
        limits=(),
        sources=step.sources,
        causation_id=saga.proposal_id,
        target=step.target,
        concerns=step.concerns,
        parameters=step.parameters,
        narrows="",
        part_of=saga.proposal_id,
        step=step.name,
    )


def back_of(saga: Content, step: PlannedStep, change: PlannedStep, *, created_at: str, expires_at: str) -> Content:
    """Return the part that takes a step back by a change of its own, which must be one of the tool that was named.

    The time in which an approval has to be taken up is no matter of it: its saga was.
    """
    terms = replace(saga.terms, carry_out_s=0)
    part = replace(part_of(saga, change), step=step.name, undoes=step.proposal_id, terms=terms)
    return replace(part, created_at=created_at, expires_at=expires_at)


def key_of_back(saga_id: str, step: str, number: int) -> str:
    """Return the idempotency key of the n-th way back of a step, from 1; no agent's own key has a slash."""
    return f"{saga_id}/{step}/back" + (f"/{number}" if number > 1 else "")


def ways_back_of(step: str, parts: Sequence[Proposal]) -> list[Proposal]:
    """Return the ways back of a step that were begun, in the order of the parts."""
    return [one for one in parts if one.content.undoes and one.content.step == step]


def may_begin(part: Content, begun: Sequence[Proposal], orders: Sequence[TakeBackOrder] = ()) -> bool:
    """Whether a part may be begun beside those of its saga that were: once; a way back anew where none before wrote.

    Args:
        part: What would be begun.
        begun: All parts of its saga that were.
        orders: That its saga be taken back further, oldest first.
    """
    same = [one for one in begun if (one.content.step, one.content.undoes) == (part.step, part.undoes)]
    if not part.undoes:
        return not same
    since = counting(same, orders)
    few = len(since) < MAX_WAYS_BACK and len(same) < MAX_WAYS_BACK * (1 + len(orders))
    return few and all(one.state in WORTH_ANOTHER for one in since)


def counting(ways_back: Sequence[Proposal], orders: Sequence[TakeBackOrder]) -> list[Proposal]:
    """Return the ways back of a step that speak for or against another one.

    Those that came to nothing before a person ordered that it be tried again do not.
    """
    if not orders:
        return list(ways_back)
    ordered = max(parse_instant(one.made_at) for one in orders)
    return [one for one in ways_back if one.state not in NOTHING_WRITTEN or parse_instant(one.since) > ordered]


def is_of(part: Content, saga: Content) -> bool:
    """Whether a part is what its saga says: the very step that people saw, or what takes one back by the tool they saw.

    Raises:
        FormError: the saga is none.
    """
    step = next((one for one in plan_of(saga) if one.name == part.step), None)
    if step is None:
        return False
    if not part.undoes:
        return to_json(part) == to_json(part_of(saga, step))
    change = planned(part, step.name, undo_tool="", way_back="")
    same = back_of(saga, step, change, created_at=part.created_at, expires_at=part.expires_at)
    keys = (
        key_of_back(saga.proposal_id, step.name, number) for number in range(1, MAX_WAYS_BACK * (1 + MAX_ORDERS) + 1)
    )
    return part.tool == step.undo_tool and part.idempotency_key in keys and to_json(part) == to_json(same)


def stands_of(
    plan: Sequence[PlannedStep], parts: Sequence[Proposal], orders: Sequence[TakeBackOrder] = ()
) -> list[StepStand]:
    """Return where each step of a saga stands; what came to nothing before a person's order does not count."""
    forward = {one.content.step: one.state for one in parts if not one.content.undoes}
    back = {step.name: [one.state for one in counting(ways_back_of(step.name, parts), orders)] for step in plan}
    return [
        StepStand(
            name=step.name,
            can_be_undone=bool(step.undo_tool),
            forward=forward.get(step.name),
            back=_newest(back[step.name]),
            tries=len(back[step.name]),
        )
        for step in plan
    ]


def _newest(states: Sequence[State]) -> State | None:
    """Return where the way back of a step stands: begun anew is only what ended `WORTH_ANOTHER`, so another is last."""
    return next((one for one in states if one not in WORTH_ANOTHER), states[-1] if states else None)
