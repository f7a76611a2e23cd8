"""Which lots came of a lot and which went into it: a walk over the genealogy, level by level.

The walk takes every lot once, at its smallest distance, so a cycle in the data ends it as any other graph does.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal, NamedTuple

Direction = Literal["up", "down"]


class EdgeRow(NamedTuple):
    """How much of one lot went into another, in one production order."""

    output_lot_id: str
    input_lot_id: str
    production_order_id: str
    qty: int | None
    uom: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """One edge as it was walked: `depth` is the distance of its far end from the lot asked for, 1 for the next one."""

    edge: EdgeRow
    direction: Direction
    depth: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Walk:
    """What was reached in one direction. `beyond` says that there is more than the depth asked for."""

    depths: Mapping[str, int]  # lot -> distance; the lot asked for is not among them
    links: tuple[Link, ...]
    beyond: bool


def walk(edges: Iterable[EdgeRow], start: str, direction: Direction, max_depth: int) -> Walk:
    """Walk from a lot up (what went into it) or down (what came of it).

    Args:
        edges: Edges in any order; the same one from several systems counts once.
        start: The lot to begin with.
        direction: Where to walk.
        max_depth: Steps from `start`, at least 1.

    Returns:
        Every lot within `max_depth` steps, by its shortest way, and every edge between two lots of the walk.
    """
    ends = _by_near_end(edges, direction)
    depths = {start: 0}
    links: list[Link] = []
    level = [start]
    for depth in range(1, max_depth + 1):
        steps = [step for lot in level for step in ends.get(lot, ())]
        links += [Link(edge=edge, direction=direction, depth=depth) for _, edge in steps]
        level = list(dict.fromkeys(far for far, _ in steps if far not in depths))
        depths.update(dict.fromkeys(level, depth))
    beyond = any(far not in depths for lot in level for far, _ in ends.get(lot, ()))
    del depths[start]
    return Walk(depths=depths, links=tuple(links), beyond=beyond)


def _by_near_end(edges: Iterable[EdgeRow], direction: Direction) -> dict[str, list[tuple[str, EdgeRow]]]:
    """Group edges by the end that is reached first, each with its other end; sorted, so that each walk is the same."""
    ends: defaultdict[str, list[tuple[str, EdgeRow]]] = defaultdict(list)
    once = {(edge.output_lot_id, edge.input_lot_id, edge.production_order_id): edge for edge in edges}
    for (output, source, _), edge in sorted(once.items()):
        near, far = (output, source) if direction == "up" else (source, output)
        ends[near].append((far, edge))
    return ends
