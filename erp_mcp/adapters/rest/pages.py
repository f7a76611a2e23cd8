"""How documents of one entity are listed and read over REST: every kind of paging behind `changes.Pages`."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Final, TypeVar

from erp_mcp.adapters._documents import Document, Fields, Path
from erp_mcp.adapters._documents.changes import Batch
from erp_mcp.adapters._documents.paging import Fetched, OffsetWalk
from erp_mcp.adapters.rest.answers import Told, items_of_answer, single_of_answer, text_at, whole_at
from erp_mcp.adapters.rest.client import Client
from erp_mcp.adapters.rest.grammar import ByKey, Request, Source
from erp_mcp.adapters.rest.templates import Filling, UnwritableError

MAX_PAGES: Final = 200_000
AT_ONCE: Final = 4
MAX_CURSOR: Final = 2000

_NEXT: Final = re.compile(r'<([^<>]{1,4000})>\s*(?:;[^,<>]*)?;\s*rel="?next"?(?:[;,\s]|$)', re.IGNORECASE)
_Found = TypeVar("_Found")


@dataclass(frozen=True, slots=True, kw_only=True)
class RestPages:
    """`ports`-side of one source; `page_rows` bounds what is asked for at once, `filling` holds zone and options."""

    source: Source
    fields: Fields
    client: Client
    filling: Filling
    page_rows: int

    @property
    def stable(self) -> bool:
        """As the profile's paging is."""
        return self.source.paging.stable

    async def listing(self, *, since: str, at: str) -> AsyncIterator[Batch]:
        """Yield documents in the profile's way of paging."""
        request = self.source.changed if since and self.source.changed else self.source.listing
        async for batch in self.batches(request, replace(self.filling, since=since), at):
            yield replace(batch, documents=await self._detailed(batch.documents)) if self.source.detail else batch

    async def keys(self, *, since: str) -> AsyncIterator[Sequence[str]]:
        """Yield keys alone, in the same way."""
        request = self.source.changed if since and self.source.changed else self.source.keys
        async for batch in self.batches(request, replace(self.filling, since=since), ""):
            inside = self.source.detail and self.fields.each  # the listing does not show what the keys are of
            documents = await self._detailed(batch.documents) if inside else batch.documents
            yield [key for document in documents for key in self.fields.keys(document)]

    async def read(self, keys: Sequence[str]) -> Sequence[Document]:
        """Return the documents of some keys: in batches, one by one, or out of a whole listing, as the profile says."""
        by_key = self.source.by_key
        if by_key is None:
            return [one async for batch in self.listing(since="", at="") for one in batch.documents]
        known = {self._document_key(key): None for key in keys}
        return await self._read_documents(by_key, [one for one in known if one is not None])

    async def _read_documents(self, by_key: ByKey, known: Sequence[Sequence[str]]) -> list[Document]:
        parts = [one for one in known if self._writable(by_key, one)]
        pieces = [parts[start : start + by_key.batch] for start in range(0, len(parts), by_key.batch)]
        found = await _in_turns([partial(self._read_some, by_key, some) for some in pieces])
        return [one for some in found for one in some]

    async def first(self, count: int) -> list[Document]:
        """Return some documents, to see what they look like."""
        async for batch in self.listing(since="", at=""):
            if batch.documents:
                return list(batch.documents[:count])
        return []

    # --- By key -------------------------------------------------------------------------------------------------------

    def _document_key(self, key: str) -> tuple[str, ...] | None:
        parts = self.fields.key_parts(key)
        if parts is None:
            return None
        own = [part for part, inside in zip(parts, self.fields.in_document, strict=True) if inside]
        return tuple(own) or parts

    def _writable(self, by_key: ByKey, parts: Sequence[str]) -> bool:
        try:
            self.client.address(by_key.request, replace(self.filling, keys=[parts]))
            if by_key.request.body:
                by_key.request.body.fill(replace(self.filling, keys=[parts]))
        except (UnwritableError, IndexError):
            return False
        return True

    async def _read_some(self, by_key: ByKey, keys: Sequence[Sequence[str]]) -> list[Document]:
        filling = replace(self.filling, keys=keys)
        if by_key.single:
            return await self._read_one(by_key, filling)
        if self.source.paging.kind in {"keyset", "none"}:
            own_limit = self.source.paging.limit in by_key.request.query
            told = await self.client.ask(by_key.request, filling, {} if own_limit else self._limit(by_key.batch))
            items = self._items(told, by_key.items)
            full = bool(self.source.paging.limit) and not own_limit and len(items) > by_key.batch
            if full or (self._more(told, len(items)) and not own_limit):
                raise self.fields.bad("by_key", "more than was asked for")
            return items
        found: list[Document] = []
        own = replace(self, source=replace(self.source, items=by_key.items))
        async for batch in own.batches(by_key.request, filling, ""):
            found.extend(batch.documents)
            if len(found) >= len(keys) and sum(self.fields.in_document) == 1:
                break  # each key names one document
        return found

    async def _read_one(self, by_key: ByKey, filling: Filling) -> list[Document]:
        told = await self.client.ask_for_one(by_key.request, filling)
        if told is None:
            return []
        one = single_of_answer(told.value, by_key.items)
        if one is None:
            raise self.fields.bad("by_key", "no document")
        if any(self.fields.in_document) and self.fields.document_key(one) != tuple(filling.keys[0]):
            raise self.fields.bad("by_key", "another document than was asked for")
        return [one]

    async def _detailed(self, documents: Sequence[Document]) -> Sequence[Document]:
        if self.source.by_key is None:
            return documents
        return await self._read_documents(self.source.by_key, [self.fields.document_key(one) for one in documents])

    # --- Paging -------------------------------------------------------------------------------------------------------

    def batches(self, request: Request, filling: Filling, at: str) -> AsyncIterator[Batch]:
        """Yield what a request lists, from a position on."""
        kinds: Mapping[str, Callable[[Request, Filling, str], AsyncIterator[Batch]]] = {
            "offset": self._by_offset,
            "keyset": self._by_keyset,
            "page": self._by_page,
            "none": self._at_once,
        }
        return kinds.get(self.source.paging.kind, self._by_word)(request, filling, at)

    def _by_offset(self, request: Request, filling: Filling, at: str) -> AsyncIterator[Batch]:
        paging = self.source.paging

        async def fetch(offset: int, count: int) -> Fetched:
            told = await self.client.ask(request, filling, {paging.offset: str(offset), paging.limit: str(count)})
            items = self._items(told)
            return Fetched(documents=items, more=self._more(told, offset + len(items)), server_time=told.server_time)

        walk = OffsetWalk(fetch=fetch, identity=self.fields.identity, bad=self.fields.bad, size=self._size())
        return walk.batches(at)

    async def _by_keyset(self, request: Request, filling: Filling, at: str) -> AsyncIterator[Batch]:
        after = at or self.source.paging.start
        marked = after
        for number in range(1, MAX_PAGES):
            told = await self.client.ask(request, replace(filling, after=after), self._limit())
            more = self._more(told, None)
            # Some systems begin with the key that is named, others behind it.
            items = [one for one in self._items(told) if self.fields.identity(one) != after]
            last = self.fields.identity(items[-1]) if items else after
            if items and last == marked:
                raise self.fields.bad("after", "the pages have no end")
            after = last
            marked = after if number.bit_count() == 1 else marked  # a circle of any length meets it
            yield Batch(documents=items, resume=after, server_time=told.server_time)
            if not items or more is False:
                return
        raise self.fields.bad("after", "the pages have no end")

    async def _by_page(self, request: Request, filling: Filling, _: str) -> AsyncIterator[Batch]:
        paging = self.source.paging
        given, before = 0, ""
        for number in range(paging.first, MAX_PAGES):
            told = await self.client.ask(request, filling, {paging.page: str(number), **self._limit()})
            items = self._items(told)
            given += len(items)
            names = "\n".join(self.fields.identity(one) for one in items)
            more = self._more(told, given)
            if items and names == before:
                raise self.fields.bad("page", "the pages have no end")
            before = names
            yield Batch(documents=items, server_time=told.server_time)
            if not items or more is False:
                return
        raise self.fields.bad("page", "the pages have no end")

    async def _by_word(self, request: Request, filling: Filling, at: str) -> AsyncIterator[Batch]:
        """Go on by what the system says: a cursor, a link in the body or in a header."""
        url, seen = self._resumed(request, filling, at), set[str]()
        for _ in range(MAX_PAGES):
            told = await self.client.ask_at(url, request, filling)
            word = self._word(told)
            yield Batch(
                documents=self._items(told), resume=json.dumps([word]) if word else "", server_time=told.server_time
            )
            if not word:
                return
            if word in seen:
                raise self.fields.bad("next", "the pages have no end")
            seen.add(word)
            url = self._after(request, filling, url, word)
        raise self.fields.bad("next", "the pages have no end")

    async def _at_once(self, request: Request, filling: Filling, _: str) -> AsyncIterator[Batch]:
        told = await self.client.ask(request, filling)
        yield Batch(documents=self._items(told), server_time=told.server_time)

    def _resumed(self, request: Request, filling: Filling, at: str) -> str:
        start = self.client.address(request, filling, self._limit())
        try:
            (word,) = json.loads(at)
        except (ValueError, TypeError):
            return start
        return self._after(request, filling, start, word) if isinstance(word, str) else start

    def _word(self, told: Told) -> str:
        paging = self.source.paging
        if paging.kind == "link":
            found = _NEXT.search(told.headers.get("link", ""))
            return found[1] if found else ""
        word = text_at(told.value, paging.next)
        if paging.kind == "cursor" and len(word) > MAX_CURSOR:
            raise self.fields.bad("next", "a cursor that is too long")
        return word

    def _after(self, request: Request, filling: Filling, url: str, word: str) -> str:
        paging = self.source.paging
        if paging.kind == "cursor":
            return self.client.address(request, filling, {paging.cursor: word, **self._limit()})
        return self.client.follow(url, word, rewrite=paging.rewrite)

    def _items(self, told: Told, places: Sequence[Path | None] | None = None) -> list[Document]:
        items = items_of_answer(told.value, places or self.source.items)
        if items is None:
            raise self.fields.bad("items", "no list of documents")
        return items

    def _more(self, told: Told, reached: int | None) -> bool | None:
        """Return what the system says itself about further rows."""
        paging = self.source.paging
        if paging.more is not None:
            text = text_at(told.value, paging.more).lower()
            if text not in {"true", "false", "1", "0"}:
                raise self.fields.bad(str(paging.more), "not a truth value")
            return text in {"true", "1"}
        if paging.total is not None and reached is not None:
            total = whole_at(told.value, paging.total)
            if total is None:
                raise self.fields.bad(str(paging.total), "not a number")
            return reached < total
        return None

    def _limit(self, least: int = 0) -> dict[str, str]:
        return {self.source.paging.limit: str(max(least + 1, self._size()))} if self.source.paging.limit else {}

    def _size(self) -> int:
        return max(2, min(self.source.paging.rows, self.page_rows))


async def _in_turns(work: Sequence[Callable[[], Coroutine[None, None, _Found]]]) -> list[_Found]:
    """Return the results of some requests, a few of them at once; the first failure ends all."""
    done: list[_Found] = []
    for start in range(0, len(work), AT_ONCE):
        tasks = [asyncio.ensure_future(one()) for one in work[start : start + AT_ONCE]]
        try:
            done.extend(await asyncio.gather(*tasks))
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
    return done
