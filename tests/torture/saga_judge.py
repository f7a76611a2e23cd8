"""What a schedule of a saga left, and what of it its parts do not bear out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from erp_mcp.domain.lifecycle import State
from erp_mcp.domain.proposal import Proposal
from erp_mcp.domain.saga import MAX_WAYS_BACK, NOTHING_WRITTEN, WORTH_ANOTHER

if TYPE_CHECKING:
    from erp_mcp.domain.saga import PlannedStep

Part = tuple[str, bool]
"""A step, and whether it is taken back."""
FOR_A_PERSON: Final = frozenset({State.NEEDS_HUMAN, State.PARTIALLY_COMMITTED})
_IS_THERE: Final = frozenset({"failed_step_is_there", "failed_way_back_is_there"})
_NOT_BEGUN: Final = frozenset({State.DENIED, State.EXPIRED, State.STALE, State.NEEDS_HUMAN, State.CANCELLED})


@dataclass(frozen=True, slots=True, kw_only=True)
class End:
    """What a schedule of a saga left."""

    state: State
    reason: str
    sends: int
    effects: int
    duplicates: tuple[str, ...]
    lost: tuple[str, ...]
    wrongs: tuple[str, ...]
    parts: tuple[tuple[str, str], ...]

    @property
    def is_right(self) -> bool:
        """Whether it is legal, nothing is there twice and nothing is lost."""
        return not (self.duplicates or self.lost or self.wrongs)


def stands_by(forward: State | None, back: State | None) -> bool | None:
    """Return whether a step stands by what its parts say, `None` where they say that nobody knows."""
    if forward is None or forward in NOTHING_WRITTEN:
        return False
    if forward is not State.COMMITTED or (back is not None and back not in NOTHING_WRITTEN | {State.COMMITTED}):
        return None
    return back is not State.COMMITTED


def begun_twice(parts: Sequence[Proposal]) -> list[str]:
    """Return what was begun once more though it may not be: a step, or a way back beside one that may have written."""
    wrongs, ends = [], dict[Part, list[State]]()
    for one in parts:
        ends.setdefault((one.content.step, bool(one.content.undoes)), []).append(one.state)
    for (step, back), states in ends.items():
        anew = [one for one in states[:-1] if not back or one not in WORTH_ANOTHER]
        if anew or len(states) > MAX_WAYS_BACK:
            wrongs.append(f"{step}{' back' if back else ''} was begun {len(states)} times: {states}")
    return wrongs


def misled(saga: Proposal, by: Mapping[Part, State], plan: Sequence[PlannedStep]) -> list[str]:
    """Return what a saga says that its parts do not bear out."""
    written = [one.name for one in plan if by.get((one.name, False)) is State.COMMITTED]
    failed = any(not back and state in NOTHING_WRITTEN for (_, back), state in by.items())
    taken = [name for name in written if by.get((name, True)) is State.COMMITTED]
    waits = any(state in FOR_A_PERSON for state in by.values())
    backs = [name for name, back in by if back]
    right = {
        State.COMMITTED: len(written) == len(plan) and not backs,
        State.COMPENSATED: failed and taken == written,
        State.COMPENSATION_STUCK: failed and (taken != written or saga.reason in _IS_THERE),
        State.CLAIMED: waits and not backs,
        State.COMPENSATING: waits and failed,
    }
    wrongs = [] if right.get(saga.state, not by and saga.state in _NOT_BEGUN) else [f"{saga.state} with {dict(by)}"]
    reverse = [one.name for one in reversed(plan) if one.name in backs]
    return wrongs if backs == reverse else [*wrongs, f"taken back in the order {backs}"]
