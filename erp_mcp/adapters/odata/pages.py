"""How one entity set is listed: by key, so that others may write meanwhile, or by the system's own links.

By key means that each page asks for what lies beyond the last key of the page before. Nothing is counted, so rows that
come or go do not shift the others. That needs a system that sorts keys as it compares them: where a page is not in the
order of its characters, the system is asked whether it does, at each turn of the page.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from typing import Final, NamedTuple

from erp_mcp.adapters._documents.changes import Batch
from erp_mcp.adapters._documents.json_text import Document
from erp_mcp.adapters._documents.paths import Path, ShapeError, code_of, value_at
from erp_mcp.adapters.odata.beside import Bond
from erp_mcp.adapters.odata.binding import Bound, Changed, Part
from erp_mcp.adapters.odata.grammar import Source, Version
from erp_mcp.adapters.odata.literals import NUMERIC, LiteralError, encoded, literal
from erp_mcp.adapters.odata.query import MAX_FILTER_CHARS, address, beyond, either, equal, every, ordered, up_to
from erp_mcp.adapters.odata.service import Services
from erp_mcp.adapters.odata.shape import Shape, ShapeChangedError
from erp_mcp.domain.instants import parse_instant
from erp_mcp.errors import BadAnswerError

MAX_PAGES: Final = 100_000
_MAX_READ_PAGES: Final = 250

_Key = tuple[str, ...]


class _Page(NamedTuple):
    """One answer, read."""

    documents: list[Document]
    next_url: str
    server_time: str


@dataclass(slots=True, kw_only=True)
class SetPages:
    """One entity set of one service; implements `_documents.changes.Pages`."""

    source: Source
    bound: Bound
    services: Services
    service_url: str
    system: str
    version: Version
    page_rows: int
    _obeys_top: bool = field(default=False)

    @property
    def stable(self) -> bool:
        """Whether it is listed by key."""
        return self.source.paging == "keys"

    async def listing(self, *, since: str, at: str) -> AsyncIterator[Batch]:
        """Yield documents, all or those changed at or after an instant."""
        async for batch in self.services.ahead(self._listed(self.bound.shape, since, self._position(at))):
            yield batch

    async def keys(self, *, since: str) -> AsyncIterator[Sequence[str]]:
        """Yield source keys, and ask for nothing else."""
        async for batch in self.services.ahead(self._listed(self.bound.key_shape, since, ())):
            yield [key for document in batch.documents for key in self.bound.fields.keys(document)]

    async def read(self, keys: Sequence[str]) -> Sequence[Document]:
        """Return the documents that hold these source keys."""
        if not self.bound.key:  # its parts are in lists alone, so there is nothing to ask for
            wanted = set(keys)
            return [
                one
                async for batch in self.listing(since="", at="")
                for one in batch.documents
                if wanted.intersection(self.bound.fields.keys(one))
            ]
        found: list[Document] = []
        for some in self._filters(keys):
            found.extend(await self._all_of(some))
        return found

    async def first(self) -> Sequence[Document]:
        """Return one document, where there is one: for a look at what the system gives."""
        url = self._address(self.bound.shape, [], {"$top": "1"})
        return (await self._page(url, self.bound.shape)).documents[:1]

    # --- Listing ------------------------------------------------------------------------------------------------------

    async def _listed(self, shape: Shape, since: str, after: _Key) -> AsyncIterator[Batch]:
        walk = self._by_key(shape, since, after) if self.stable else self._by_link(shape, since)
        async for one in walk:
            yield one

    async def _by_key(self, shape: Shape, since: str, after: _Key) -> AsyncIterator[Batch]:
        order = ordered(".".join(part.path) for part in self.bound.order)
        paging = {"$orderby": order, "$top": str(self.page_rows)}
        before: frozenset[_Key] = frozenset()
        for _ in range(MAX_PAGES):
            conditions = [self._changed_since(since), self._beyond(after)]
            page = await self._page(self._address(shape, conditions, paging), shape)
            keys = self._keys_of(page.documents, before)
            after = keys[-1] if keys else after
            yield Batch(
                documents=page.documents, resume=json.dumps(after) if after else "", server_time=page.server_time
            )
            self._obeys_top |= len(keys) == self.page_rows
            # A server may cap pages without a word: a short one is the end only where a full one has been seen.
            if not keys or (not page.next_url and self._obeys_top and len(keys) < self.page_rows):
                return
            before = frozenset(keys)
            if not self._in_order(keys):
                await self._check_order(since, keys)
        raise self._bad("", "more pages than can be")

    async def _by_link(self, shape: Shape, since: str) -> AsyncIterator[Batch]:
        order = ordered(".".join(part.path) for part in self.bound.order)
        url = self._address(shape, [self._changed_since(since)], {"$orderby": order})
        seen: set[int] = set()
        while url:
            if hash(url) in seen or len(seen) == MAX_PAGES:
                raise self._bad("", "next links that go round")
            seen.add(hash(url))
            page = await self._page(url, shape)
            url = page.next_url
            yield Batch(documents=page.documents, server_time=page.server_time)

    async def _check_order(self, since: str, keys: Sequence[_Key]) -> None:
        """Ask for the last record that is compared as not beyond this page; it must be one of the page."""
        order = ",".join(f"{'/'.join(part.path)} desc" for part in self.bound.order)
        names = [".".join(part.path) for part in self.bound.order]
        conditions = [self._changed_since(since), up_to(names, self._literals(keys[-1]))]
        url = self._address(self.bound.key_shape, conditions, {"$orderby": order, "$top": "1"})
        page = await self._page(url, self.bound.key_shape)
        if any(self._key_of(one) not in keys for one in page.documents[:1]):
            raise self._bad("source_key", "keys are sorted otherwise than compared; `paging: links` is needed")

    def _keys_of(self, documents: Sequence[Document], before: frozenset[_Key]) -> list[_Key]:
        keys = [self._key_of(one) for one in documents]
        if len(set(keys)) != len(keys):
            raise self._bad("source_key", "not unique")
        if not before.isdisjoint(keys):
            raise self._bad("source_key", "records come again, so the filter is not obeyed")
        return keys

    # --- Reading by key -----------------------------------------------------------------------------------------------

    def _filters(self, keys: Sequence[str]) -> Iterator[str]:
        """Yield filters for these keys, each short enough for an address; keys that can't be are left out."""
        room, parts = MAX_FILTER_CHARS, list[str]()
        for one in dict.fromkeys(filter(None, map(self._equal, keys))):
            size = len(encoded(one)) + len(encoded(" or ()"))
            if parts and size > room:
                yield either(parts)
                room, parts = MAX_FILTER_CHARS, []
            parts.append(one)
            room -= size
        if parts:
            yield either(parts)

    def _equal(self, key: str) -> str:
        """Return what holds for the document of a source key; empty for a key that no document can have."""
        parts = self.bound.fields.key_parts(key)
        if parts is None:
            return ""
        own = [part for part, one in zip(parts, self.bound.fields.in_document, strict=True) if one]
        try:
            literals = [literal(text, part.kind, self.version) for text, part in zip(own, self.bound.key, strict=True)]
        except LiteralError:
            return ""
        return equal([".".join(part.path) for part in self.bound.key], literals)

    async def _all_of(self, condition: str) -> list[Document]:
        return await self._whole(self._address(self.bound.shape, [condition], {}), self.bound.shape)

    async def _whole(self, url: str, shape: Shape) -> list[Document]:
        """Return the documents of all pages that an address leads to."""
        found = list[Document]()
        for _ in range(_MAX_READ_PAGES):
            page = await self._page(url, shape)
            found.extend(page.documents)
            url = page.next_url
            if not url:
                return found
        raise self._bad("", "more pages than can be")

    # --- Parts of an address ------------------------------------------------------------------------------------------

    def _address(self, shape: Shape, conditions: Sequence[str], paging: Mapping[str, str]) -> str:
        held = [one for one in (*self.bound.fixed, *conditions) if one]
        filtered = {"$filter": every(held)} if held else {}
        return address(self.service_url, self.source.set, {**shape.query(self.version), **filtered, **paging})

    def _changed_since(self, since: str) -> str:
        changed = self.bound.changed
        if not since or changed is None:
            return ""
        bound = literal(_native(since, changed), changed.kind, self.version)
        return f"{'/'.join(changed.path)} ge {bound}"

    def _beyond(self, after: _Key) -> str:
        if not after:
            return ""
        return beyond([".".join(part.path) for part in self.bound.order], self._literals(after))

    def _literals(self, key: _Key) -> list[str]:
        try:
            return [literal(text, part.kind, self.version) for text, part in zip(key, self.bound.order, strict=True)]
        except LiteralError as failure:
            raise self._bad("source_key", str(failure)) from None

    def _position(self, at: str) -> _Key:
        """Return the key that a listing goes on from; one that is not of this set starts over."""
        try:
            found = json.loads(at) if at else []
            fits = isinstance(found, list) and all(isinstance(one, str) for one in found)
            key = tuple(found) if fits and len(found) == len(self.bound.order) else ()
            for text, part in zip(key, self.bound.order, strict=False):
                literal(text, part.kind, self.version)
        except ValueError:  # not JSON, or no literal
            return ()
        return key

    # --- Documents ----------------------------------------------------------------------------------------------------

    async def _page(self, url: str, shape: Shape) -> _Page:
        page = await self._fetched(url, shape)
        if shape is not self.bound.shape or not page.documents:
            return page
        documents = page.documents
        for bond in self.bound.bonds:
            documents = await self._joined(bond, documents)
        return page._replace(documents=documents)

    async def _fetched(self, url: str, shape: Shape) -> _Page:
        page = await self.services.page(self.source.service, url)
        try:
            documents: list[Document] = [shape.read(one) for one in page.items]
        except ShapeChangedError as failure:
            raise self._bad(failure.name, failure.reason) from None
        return _Page(documents, page.next_url, page.server_time)

    async def _joined(self, bond: Bond, documents: list[Document]) -> list[Document]:
        """Return documents with what another set says of them; it is read after them, so that it is no older."""
        found: list[Document] = []
        try:
            for condition in bond.asked(documents, self.version):
                options = {**bond.query(self.version), "$filter": condition}
                found.extend(await self._whole(address(self.service_url, bond.beside.set, options), bond.shape))
            return bond.join(documents, found)
        except (LiteralError, ShapeError) as failure:
            raise self._bad(bond.beside.name, str(failure)) from None

    def _key_of(self, document: Document) -> _Key:
        return tuple(self._text(document, part) for part in self.bound.order)

    def _text(self, document: Document, part: Part) -> str:
        try:
            found = value_at((document,), Path(part.path)) if len(part.path) > 1 else document.get(part.path[0])
            text = found if isinstance(found, str) else code_of(found)
        except ShapeError as failure:
            raise self._bad(".".join(part.path), failure.reason) from None
        if found is None:
            raise self._bad(".".join(part.path), "missing")
        return text

    def _in_order(self, keys: list[_Key]) -> bool:
        """Say whether keys stand as they sort where nothing is said: numbers as such, all else by their characters."""
        kinds = [part.kind in NUMERIC for part in self.bound.order]
        if not any(kinds):
            return keys == sorted(keys)
        plain = [tuple(Decimal(one) if kind else one for one, kind in zip(key, kinds, strict=True)) for key in keys]
        return plain == sorted(plain)

    def _bad(self, name: str, reason: str) -> BadAnswerError:
        facts = {"field": name} if name else {}
        return BadAnswerError(system=self.system, entity=self.source.entity, reason=reason, **facts)


def _native(since: str, changed: Changed) -> str:
    """Return an instant as the system keeps its changes: in UTC, or in the zone that its times are in.

    V2 writes a day as it writes a local time, and what is of a day may come in on the next one: such are read by days.
    """
    moment = parse_instant(since)
    if changed.kind == "Edm.DateTimeOffset":
        return since
    local: datetime = moment.astimezone(changed.zone)
    if changed.kind == "Edm.Date":
        return local.date().isoformat()
    if changed.kind == "Edm.String":
        return f"{local:%Y%m%d%H%M%S}"
    day = local if changed.zone is UTC else local.replace(hour=0, minute=0, second=0)
    return day.replace(tzinfo=None).isoformat()
