"""A pass that is read page by page while others write between its pages, and what has to come of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from erp_mcp.ports import Adapter, ChangePage
from erp_mcp.testing.passes import apply, content, fold

MOST_TURNS = 8  # of writing, so that a pass which begins anew comes to its end


class Written(Protocol):
    """A system that others write to."""

    def keys(self) -> set[str]:
        """Return the source keys of all that it has at this moment."""

    def write(self, turn: int) -> None:
        """Add records before and behind what was read, change some, delete some; each turn does something else."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What came of a pass during which others wrote.

    `turns` times something was written. `stayed` was there all the time, `held` is what the pass left, `again` what the
    next one made of it; `now` is what the system has, and `same` whether `again` has the very records that a new
    pass over everything gives.
    """

    turns: int
    stayed: set[str]
    held: set[str]
    again: set[str]
    now: set[str]
    same: bool


async def read_under_writes(adapter: Adapter, entity: str, system: Written, *, later: Adapter) -> Seen:
    """Read a pass while others write between its pages, then the next one with `later`, which may be the same."""
    before, pages, turns = system.keys(), list[ChangePage](), 0
    async for page in adapter.changes(entity, ""):
        pages.append(page)
        if not page.last and turns < MOST_TURNS:
            system.write(turns)
            turns += 1
    now = system.keys()
    held = apply({}, pages)
    again = await fold(later, entity, pages[-1].watermark, dict(held))
    return Seen(
        turns=turns,
        stayed=before & now,
        held=set(held),
        again=set(again),
        now=now,
        same=content(again) == content(await fold(later, entity)),
    )


def check_nothing_is_lost(seen: Seen) -> None:
    """Fail where a record that stayed is not in the pass, or where the next pass does not end with what is there."""
    assert seen.turns >= 3, "too few pages to write between them"
    assert seen.stayed, "nothing stayed, so nothing was proved"
    assert seen.stayed - seen.held == set()
    assert (seen.now - seen.again, seen.again - seen.now) == (set(), set())
    assert seen.same, "the next pass left records as they were before"
