"""Whose turn it is at a system, among the callers of all processes.

Callers that wait stand in one line, in which each of them stands once, however many requests it has: whoever was served
stands at its end again. The last places are kept for callers that have none, so that slow requests of a few never hold
up everybody else.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from typing import Final

from erp_mcp.domain.traffic import TrafficKind

STANDS_S: Final = 0.25
"""How long a caller keeps its place in the line after it should have asked again: its process may be gone."""

Line = tuple["InLine", ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class InLine:
    """A caller with requests of one kind that wait, in whichever process; `until` is when it is given up."""

    caller: str
    kind: TrafficKind
    until: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Room:
    """What there is to give at a moment: `places` in all, whose they are, and how many may be taken now."""

    places: int
    holders: tuple[str, ...]  # one for each place that is taken
    most: int
    resting: tuple[TrafficKind, ...] = ()


def kept_places(places: int) -> int:
    """Return how many places only callers without one may take: a quarter, at least one, none where there is one."""
    return max(1, places // 4) if places > 1 else 0


def joined(line: Line, kind: TrafficKind, callers: Iterable[str], until: float) -> Line:
    """Return the line with these callers in it; who stands there keeps the place."""
    asking = dict.fromkeys(callers)
    stay = tuple(replace(one, until=until) if one.kind == kind and one.caller in asking else one for one in line)
    known = {one.caller for one in stay if one.kind == kind}
    return stay + tuple(InLine(caller=one, kind=kind, until=until) for one in asking if one not in known)


def left(line: Line, kind: TrafficKind, callers: Collection[str]) -> Line:
    """Return the line without these callers."""
    return tuple(one for one in line if one.kind != kind or one.caller not in callers)


def next_of(line: Line, kind: TrafficKind, callers: Collection[str], room: Room) -> str | None:
    """Return which of some callers in the line may go now; places are left for those who stand before it."""
    held = list(room.holders)
    free, most, kept = room.places - len(room.holders), room.most, kept_places(room.places)
    for one in line:
        if free <= 0 or most <= 0:
            return None
        if one.kind in room.resting or (free <= kept and one.caller in held):
            continue
        if one.kind == kind and one.caller in callers:
            return one.caller
        free, most = free - 1, most - 1
        held.append(one.caller)
    return None
