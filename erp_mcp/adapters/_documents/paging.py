"""Walking through a listing by offset without losing what others' deletions shift.

Each page begins one row before where the last one ended. When that row is not one we have seen, rows have shifted, and
the walk goes back a page until it stands on seen ground again. Rows that come twice are left out. The listing
has to be ordered by something that never changes and is unique: then whatever was there all the time is given.
"""

from __future__ import annotations

import json
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Final

from erp_mcp.adapters._documents.changes import Batch
from erp_mcp.adapters._documents.json_text import Document
from erp_mcp.errors import BadAnswerError

MAX_ROWS: Final = 20_000_000
_PATIENCE: Final = 50  # turns without getting further than ever before, beside the way back and forth
_REMEMBERED: Final = 20  # pages whose rows count as seen ground
_SAME_AGAIN: Final = 15  # pages without anything new, beside those walked back, after which offsets are ignored


@dataclass(frozen=True, slots=True, kw_only=True)
class Fetched:
    """One page as the system gave it; `more` is what it says itself about further rows, `None` where it does not."""

    documents: Sequence[Document]
    more: bool | None = None
    server_time: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class OffsetWalk:
    """`fetch(offset, count)` gives rows in a fixed order; `identity` tells them apart; `bad` makes the error.

    `size` is at least two, since one row of each page is known already.
    """

    fetch: Callable[[int, int], Awaitable[Fetched]]
    identity: Callable[[Document], str]
    bad: Callable[[str, str], BadAnswerError]
    size: int

    async def batches(self, at: str) -> AsyncIterator[Batch]:
        """Yield the rows from a position on; an empty or unknown one is the beginning."""
        offset, seen = _position(at)
        recent: deque[frozenset[str]] = deque([frozenset(seen)], maxlen=_REMEMBERED)
        stale = furthest = turns = 0
        while True:
            turns += 1
            if turns > _PATIENCE + 4 * furthest // self.size:
                raise self.bad("offset", "the pages shift without an end")
            page = await self.fetch(offset, self.size)
            names = [self.identity(one) for one in page.documents]
            known = frozenset[str]().union(*recent)
            if offset and (not names or names[0] not in known):
                offset = max(0, offset - self.size)  # shifted: back to ground that we know
                stale -= 1
                continue
            new = [one for one, name in zip(page.documents, names, strict=True) if name not in known]
            reached = offset + len(names)
            turns, furthest = (0, reached) if reached > furthest else (turns, furthest)
            stale = min(stale, 0) if new else stale + 1
            # The end brings something new, is the row that we know, or was walked back to; else offsets are ignored.
            proved = stale <= 0 or len(names) <= 1
            ends = not new and len(names) <= 1 if page.more is None else not page.more and proved
            yield Batch(documents=new, resume=_resume(reached, names), server_time=page.server_time)
            if ends:
                return
            if stale >= _SAME_AGAIN or reached > MAX_ROWS or not names:
                raise self.bad("offset", "the pages have no end")
            recent.append(frozenset(names))
            offset = reached - 1


def _position(at: str) -> tuple[int, list[str]]:
    """Return where to go on and the row that is expected there."""
    try:
        reached, last = json.loads(at)
    except (ValueError, TypeError):
        return 0, []
    if not isinstance(reached, int) or not isinstance(last, str) or not 0 < reached <= MAX_ROWS:
        return 0, []
    return reached - 1, [last]


def _resume(reached: int, names: Sequence[str]) -> str:
    return json.dumps([reached, names[-1]], separators=(",", ":")) if names else ""
