"""How long it took until work went on, after the server of the state was stopped or a process was killed.

It is told by the times of the journal's own events, which are written with the step that they are about, and by moments
that the one who stops and kills has noted on the same machine's clock.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from typing import Final

from erp_mcp.domain.instants import parse_instant
from erp_mcp.domain.lifecycle import ENDS
from erp_mcp.domain.proposal import Event

IN_HAND: Final = frozenset({"CLAIMED", "SENDING", "RECONCILING"})
_OVER: Final = frozenset(one.value for one in ENDS) | {"NEEDS_HUMAN"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Stop:
    """When PostgreSQL was told to stop, and when it took connections again."""

    at: datetime
    up: datetime


def first_after(stops: Iterable[Stop], events: Iterable[Event], is_one: Callable[[Event], bool]) -> list[float]:
    """Return the seconds from each time that the server was up again to the first event of a kind.

    One that comes only after the next stop is counted all the same, with the time that the server was away. A stop
    after which there is none is left out: there was nothing to do any more.
    """
    times = sorted(_time(event) for event in events if is_one(event))
    found = ((stop.up, bisect_left(times, stop.up)) for stop in stops)
    return [(times[at] - up).total_seconds() for up, at in found if at < len(times)]


def ended_after(moments: Sequence[datetime], paths: Mapping[str, Sequence[Event]], *, by_another: bool) -> list[float]:
    """Return the seconds from each moment to the end of each piece of work that somebody had in hand then.

    Args:
        moments: Of kills or stops, in order. What was in hand at several of them is counted from the first.
        paths: The events of each proposal, oldest first.
        by_another: Only what somebody else went on with, as after a kill: that is what the one who was killed had.
    """
    return [
        (over - moments[at]).total_seconds()
        for path in paths.values()
        for number, (one, then) in enumerate(pairwise(path))
        if one.payload["state"] in IN_HAND
        and not (by_another and one.payload["actor"] == then.payload["actor"])
        and (at := bisect_left(moments, _time(one))) < len(moments)
        and moments[at] < _time(then)
        and (over := _over(path[number + 1 :])) is not None
    ]


def spread(seconds: Sequence[float]) -> str:
    """Return the median, the 95th percentile and the most of some figures, and how many they are."""
    if not seconds:
        return "nothing to measure"
    ordered = sorted(seconds)
    half, most = (ordered[math.ceil(part * len(ordered)) - 1] for part in (0.5, 0.95))
    return f"p50 {half:.2f} s, p95 {most:.2f} s, at most {ordered[-1]:.2f} s, of {len(ordered)}"


def _over(path: Sequence[Event]) -> datetime | None:
    return next((_time(one) for one in path if one.payload["state"] in _OVER), None)


def _time(event: Event) -> datetime:
    return parse_instant(event.time)
