"""What changed in a source since a watermark, what entered its filter, and what left it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from erp_mcp.adapters.jsonrpc.query import SourceQuery, ids_of
from erp_mcp.adapters.jsonrpc.rows import Row
from erp_mcp.adapters.jsonrpc.watermark import IdDigest, Watermark
from erp_mcp.adapters.jsonrpc.wire import Encodable
from erp_mcp.ports import ChangePage

_NEVER = "1970-01-01T00:00:00"


@dataclass(frozen=True, slots=True, kw_only=True)
class Changes:
    """One source's changes; `overlap_s` is re-read before the watermark, for transactions that ended late."""

    query: SourceQuery
    overlap_s: int

    async def since(self, start: Watermark) -> AsyncIterator[ChangePage]:
        """Yield pages by id, then what moved in or out of the filter; the last page holds no records."""
        mark, seen, size = start, set[int](), self.query.page_rows
        whole = start == Watermark()
        changed, full = self._changed_since(start.since), True
        while full:
            rows = self.query.beyond(await self.query.page([*changed, ["id", ">", mark.after]]), mark.after)
            full = len(rows) == size
            seen.update(ids_of(rows))
            mark = self._advanced(mark, rows, started=mark.started or self._server_time())
            yield self._page(mark, rows, whole=whole)
        present = await self.query.ids()
        suspect = self._suspect(start, mark, present)
        known = mark.held if start.since else mark.paged
        entered = {one for one in present - seen if one > known.top} | (_within(suspect, present) - seen)
        for some in _pieces(sorted(entered), size):
            rows = await self.query.page([["id", "in", some]])
            mark = replace(mark, paged=mark.paged.plus(ids_of(rows)))  # told, so a killed pass must know of them too
            yield self._page(mark, rows, whole=whole)
        gone = {one for ids in suspect for one in ids if one not in present} | (seen - present)
        for some in _pieces(sorted(gone), size):
            yield self._page(mark, [], deleted=await self.query.keys_of(some), whole=whole)
        # What was changed behind the paging is older than the newest change met: go on from where the pass began.
        since = min(mark.newest, mark.started) or mark.since or _NEVER
        end = Watermark(since=since, held=IdDigest().plus(present))
        yield self._page(end, [], whole=whole, last=True)

    def _suspect(self, start: Watermark, mark: Watermark, present: frozenset[int]) -> list[range]:
        """Return the id ranges where what was told may differ from what is there.

        A first pass has told what it paged. A later one had told what was held before; what a killed part of it told is
        known only by range, so those ranges are compared as well.
        """
        if not start.since:
            return mark.paged.suspect(present)
        return [*mark.held.suspect(present), *start.paged.filled()]

    def _changed_since(self, since: str) -> list[Encodable]:
        if not since:
            return []
        start = datetime.fromisoformat(since) - timedelta(seconds=self.overlap_s)
        return [self.query.changed_since(start)]

    def _server_time(self) -> str:
        moment = self.query.session.server_time()
        return moment.replace(tzinfo=None).isoformat() if moment else ""

    def _advanced(self, mark: Watermark, rows: Sequence[Row], *, started: str) -> Watermark:
        ids = ids_of(rows)
        newest = self.query.newest(rows, mark.newest or mark.since)
        return replace(mark, after=max([*ids, mark.after]), newest=newest, started=started, paged=mark.paged.plus(ids))

    def _page(
        self, mark: Watermark, rows: Iterable[Row], *, deleted: Sequence[str] = (), whole: bool, last: bool = False
    ) -> ChangePage:
        made = [self.query.records(row) for row in rows]
        return ChangePage(
            records=tuple(record for told, _ in made for record in told),
            # What a whole pass does not tell is gone by that.
            deleted=(*deleted, *(key for _, absent in made for key in absent if not whole)),
            watermark=mark.text(),
            last=last,
            snapshot=whole,
        )


def _within(ranges: Iterable[range], ids: Iterable[int]) -> set[int]:
    held = set(ids)
    return {one for some in ranges for one in some if one in held}


def _pieces(ids: Sequence[int], size: int) -> Iterator[list[int]]:
    for start in range(0, len(ids), size):
        yield list(ids[start : start + size])
