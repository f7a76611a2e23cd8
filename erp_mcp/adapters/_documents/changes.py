"""What changed in one entity of a system that gives documents: one logic for every kind that lists them in pages.

A kind implements `Pages`; how it pages is its own affair, and it says whether its listings are `stable`.

A pass from the beginning names every record. A later one reads what changed since the last, less an overlap for
transactions that ended late. When deletions are due, all keys are read *before* the changes: what is there and was not
read again is named as `present`, what is named nowhere is gone. A key that came in between is among the changes.

How far the next pass goes back: to the newest change met, or to the beginning of this pass where that was earlier,
since what was changed behind the listing is older than the newest one met.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Final, Protocol, TypeVar

from erp_mcp.adapters._documents.fields import Fields
from erp_mcp.adapters._documents.json_text import Document
from erp_mcp.adapters._documents.watermark import NEVER, Watermark, WatermarkError
from erp_mcp.adapters._mapping import RecordMapper
from erp_mcp.domain.entities import Record
from erp_mcp.domain.instants import instant_text, parse_instant, seconds_between
from erp_mcp.errors import InvalidArgumentError
from erp_mcp.ports import MAX_KEYS, ChangePage

PRESENT_PER_PAGE: Final = 10_000

_SNAPSHOT: Final = "snapshot"  # nothing to go on from: the next pass reads everything
_Item = TypeVar("_Item")


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """Some documents of a listing, at most a page.

    `resume` is the position after them, from which `Pages.listing` goes on in another process; empty where it can't.
    `server_time` is the system's own time (UTC instant) when it answered, empty where it does not tell.
    """

    documents: Sequence[Document]
    resume: str = ""
    server_time: str = ""


class Pages(Protocol):
    """How a kind asks for the documents of one entity. All raise as `ports.Adapter.changes` does."""

    @property
    def stable(self) -> bool:
        """Whether a listing misses nothing that is there from its start to its end, whatever others do meanwhile.

        Keyset paging is stable, and so is an offset that checks for shifts (`paging.OffsetWalk`); a link or token whose
        meaning only the server knows is not. What an unstable listing missed is found by its keys afterwards, and it is
        never resumed.
        """
        ...

    def listing(self, *, since: str, at: str) -> AsyncIterator[Batch]:
        """Yield all documents, or those changed at or after an instant; from position `at` on, where it is not empty.

        A position that the system does not know any more starts over.
        """
        ...

    def keys(self, *, since: str) -> AsyncIterator[Sequence[str]]:
        """Yield the source keys of the same documents, and read nothing else of them."""
        ...

    async def read(self, keys: Sequence[str]) -> Sequence[Document]:
        """Return the documents that hold these source keys (at most `MAX_KEYS`), without those that are not there."""
        ...


@dataclass(slots=True)
class _Listing:
    """What is known of a listing while it runs; `told` is kept only where it is needed."""

    mark: Watermark
    told: set[str] | None
    batches: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class DocumentChanges:
    """One entity of one system.

    `as_of` is when a record read now is from (plant clock), `now` our own time; both are instants. `overlap_s` is read
    again before the last change; `page_rows` bounds the records of a page.
    """

    fields: Fields
    mapper: RecordMapper
    pages: Pages
    as_of: Callable[[], str]
    now: Callable[[], str]
    overlap_s: int
    page_rows: int

    async def since(self, watermark: str) -> AsyncIterator[ChangePage]:
        """Yield what changed; see `ports.Adapter.changes`."""
        if self.fields.changed_path is None:
            found = self._snapshot()
        else:
            mark = self._parsed(watermark)
            if not mark.since:
                found = self._everything(mark)
            elif self._due(mark):
                found = self._swept(mark)
            else:
                found = self._changed(mark)
        async for page in found:
            yield page

    async def read(self, keys: Sequence[str]) -> tuple[Record, ...]:
        """Return live records; see `ports.Adapter.read`."""
        if len(keys) > MAX_KEYS:
            raise InvalidArgumentError(argument="keys", rule=f"at most {MAX_KEYS}")
        possible = [key for key in dict.fromkeys(keys) if self.fields.key_parts(key) is not None]
        return tuple(await self._by_key(possible)) if possible else ()

    # --- Kinds of passes ----------------------------------------------------------------------------------------------

    async def _snapshot(self) -> AsyncIterator[ChangePage]:
        listing = _Listing(Watermark(), None if self.pages.stable else set())
        async for records in self._listed(listing, since="", at=""):
            for some in _pieces(records, self.page_rows):
                yield ChangePage(records=tuple(some), deleted=(), watermark=_SNAPSHOT, snapshot=True)
        async for records in self._missed(listing, since=""):
            yield ChangePage(records=tuple(records), deleted=(), watermark=_SNAPSHOT, snapshot=True)
        yield ChangePage(records=(), deleted=(), watermark=_SNAPSHOT, last=True, snapshot=True)

    async def _everything(self, start: Watermark) -> AsyncIterator[ChangePage]:
        resumed = bool(start.at) and self.pages.stable
        began = start if resumed else Watermark(swept=self.now())
        listing = _Listing(began, None if self.pages.stable else set())
        async for page in self._told(listing, since="", snapshot=not resumed):
            yield page
        yield self._last(listing.mark, swept=began.swept, snapshot=not resumed)

    async def _changed(self, start: Watermark) -> AsyncIterator[ChangePage]:
        began = start if start.under_way and self.pages.stable else self._anew(start)
        listing = _Listing(began, None if self.pages.stable else set())
        async for page in self._told(listing, since=self._back(start.since), snapshot=False):
            yield page
        yield self._last(listing.mark, swept=start.swept, snapshot=False)

    async def _swept(self, start: Watermark) -> AsyncIterator[ChangePage]:
        """Keys, then changes, then what was not among them; a killed one is done again from its beginning."""
        began, at = self._anew(start), self.now()
        there = [_packed(keys) async for keys in self.pages.keys(since="") if keys]
        told: set[str] = set()
        listing = _Listing(began, told)
        async for page in self._told(listing, since=self._back(start.since), snapshot=True):
            yield replace(page, watermark=began.text)
        for packed in there:
            left = [key for key in packed.split("\n") if key not in told]
            for some in _pieces(left, PRESENT_PER_PAGE):
                yield ChangePage(records=(), deleted=(), watermark=began.text, snapshot=True, present=tuple(some))
        yield self._last(listing.mark, swept=at, snapshot=True)

    # --- Their parts --------------------------------------------------------------------------------------------------

    async def _told(self, listing: _Listing, *, since: str, snapshot: bool) -> AsyncIterator[ChangePage]:
        """Yield the records of a listing in pages; the position is kept with the last page of each batch."""
        before = listing.mark.text
        async for records in self._listed(listing, since=since, at=listing.mark.at):
            pieces = list(_pieces(records, self.page_rows))
            for number, some in enumerate(pieces, start=1):
                mark = listing.mark.text if number == len(pieces) else before
                yield ChangePage(records=tuple(some), deleted=(), watermark=mark, snapshot=snapshot)
            before = listing.mark.text
        async for records in self._missed(listing, since=since):
            yield ChangePage(records=tuple(records), deleted=(), watermark=listing.mark.text, snapshot=snapshot)

    async def _listed(self, listing: _Listing, *, since: str, at: str) -> AsyncIterator[list[Record]]:
        async for batch in self.pages.listing(since=since, at=at):
            listing.batches += 1
            records = [one for document in batch.documents for one in self._records(document)]
            newest = max([*(self.fields.changed(one) for one in batch.documents), listing.mark.newest])
            listing.mark = replace(
                listing.mark,
                at=batch.resume if self.pages.stable else "",
                started=listing.mark.started or batch.server_time or self.now(),
                newest=newest,
            )
            if listing.told is not None:
                listing.told.update(one.source_key for one in records)
            yield records

    async def _missed(self, listing: _Listing, *, since: str) -> AsyncIterator[list[Record]]:
        """Yield what an unstable listing of several pages did not give though it is there."""
        if self.pages.stable or listing.batches < 2 or listing.told is None:
            return
        missed = [key async for keys in self.pages.keys(since=since) for key in keys if key not in listing.told]
        for some in _pieces(missed, min(MAX_KEYS, self.page_rows)):
            records = await self._by_key(some)
            listing.told.update(one.source_key for one in records)
            yield records

    async def _by_key(self, keys: Sequence[str]) -> list[Record]:
        wanted = set(keys)
        found: dict[str, Record] = {}
        for document in await self.pages.read(keys):
            found.update((one.source_key, one) for one in self._records(document) if one.source_key in wanted)
        return list(found.values())

    def _records(self, document: Document) -> list[Record]:
        as_of = self.as_of()
        return [self.mapper.record(row, as_of=as_of) for row in self.fields.rows(document)]

    def _last(self, mark: Watermark, *, swept: str, snapshot: bool) -> ChangePage:
        newest = max(mark.newest, mark.since)
        since = min(one for one in (newest, mark.started) if one) if newest else NEVER
        end = Watermark(since=since, swept=swept, under_way=False)
        return ChangePage(records=(), deleted=(), watermark=end.text, last=True, snapshot=snapshot)

    def _anew(self, mark: Watermark) -> Watermark:
        return Watermark(since=mark.since, swept=mark.swept)

    def _back(self, since: str) -> str:
        try:
            return instant_text(parse_instant(since) - timedelta(seconds=self.overlap_s))
        except OverflowError:
            return since

    def _due(self, mark: Watermark) -> bool:
        every = self.fields.sweep_s
        return every is not None and (not mark.swept or seconds_between(mark.swept, self.now()) >= every)

    def _parsed(self, watermark: str) -> Watermark:
        try:
            return Watermark.parse(watermark)
        except WatermarkError:
            raise self.fields.bad("watermark", "not of this adapter") from None


def _packed(keys: Sequence[str]) -> str:
    """Return keys in the form that takes the least memory; no key holds a line break."""
    return "\n".join(keys)


def _pieces(items: Sequence[_Item], size: int) -> Iterator[Sequence[_Item]]:
    for start in range(0, len(items), size):
        yield items[start : start + size]
