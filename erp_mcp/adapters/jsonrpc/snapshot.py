"""Sources that are read as a whole each time: computed quantities, and lists made for each place."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal

from erp_mcp.adapters.jsonrpc.grammar import Each, Parts
from erp_mcp.adapters.jsonrpc.query import SourceQuery, ids_of
from erp_mcp.adapters.jsonrpc.rows import Row, linked, number
from erp_mcp.adapters.jsonrpc.wire import Decoded, Encodable
from erp_mcp.domain.entities import Record
from erp_mcp.ports import ChangePage


@dataclass(frozen=True, slots=True)
class _Place:
    """One combination of outer records: what rows see of it, the key it gives them, the context it asks with."""

    outer: Mapping[str, Row]
    key: str
    context: Mapping[str, Encodable]


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """One source, read whole."""

    query: SourceQuery

    async def pages(self) -> AsyncIterator[ChangePage]:
        """Yield all records in pages; a record met in two places is given once, with the first."""
        told: set[str] = set()
        size = self.query.page_rows
        waiting: list[Record] = []
        async for record in self.records():
            if record.source_key in told:
                continue
            told.add(record.source_key)
            waiting.append(record)
            if len(waiting) == size:
                yield self._page(waiting)
                waiting = []
        yield self._page(waiting, last=True)

    async def records(self) -> AsyncIterator[Record]:
        """Yield the records of each place in turn, and then those of the source that is read after this one."""
        async for record in self._own():
            yield record
        if self.query.source.then:
            async for record in Snapshot(query=replace(self.query, source=self.query.source.then)).records():
                yield record

    async def _own(self) -> AsyncIterator[Record]:
        for place in await self._places():
            after, full = 0, True
            while full:
                rows = self.query.beyond(await self.query.page([["id", ">", after]], context=place.context), after)
                full = len(rows) == self.query.page_rows
                after = max(ids_of(rows), default=after)
                made = [self._record(row, place) for row in await self._counted(rows, place)]
                for record in filter(None, made):
                    yield record

    async def _places(self) -> list[_Place]:
        places = [_Place({}, "", {})]
        for each in self.query.source.each:
            places = [inner for place in places for inner in await self._inner(each, place)]
        return places

    async def _inner(self, each: Each, place: _Place) -> list[_Place]:
        domain: list[Encodable] = list(each.domain)
        if each.under:
            parents = [one for row in place.outer.values() for one in ids_of([row])]
            domain.append([each.under, "child_of", parents[-1:], each.under])
        rows = await self.query.every(each.model, domain, each.fields)
        return [
            _Place(
                outer={**place.outer, f"{each.name}.": row},
                key=f"{place.key}@{one}",
                context={**place.context, **_context(each, one)},
            )
            for row in rows
            for one in ids_of([row])
        ]

    async def _counted(self, rows: Sequence[Row], place: _Place) -> list[Row]:
        """Return the rows; of a source with parts, each part and then what no part accounts for."""
        parts = self.query.source.parts
        if parts is None or not rows:
            return list(rows)
        domain: list[Encodable] = [[parts.owner, "in", ids_of(rows)], [parts.quantity, "!=", 0]]
        found = await self._parts(parts.model, domain, ["id", parts.owner, parts.quantity, *parts.fields], place)
        return [one for row in rows for one in _split(row, found, parts)]

    async def _parts(self, model: str, domain: Sequence[Encodable], fields: Sequence[str], place: _Place) -> list[Row]:
        parts: list[Row] = []
        after, full = 0, True
        while full:
            found = await self.query.rows(model, [*domain, ["id", ">", after]], fields, context=place.context)
            page = self.query.beyond(found, after)
            full = len(page) == self.query.page_rows
            after = max(ids_of(page), default=after)
            parts.extend(page)
        return parts

    def _record(self, row: Row, place: _Place) -> Record | None:
        part = row.get("part.")
        key = self.query.source.key
        named = linked(row, key)[:1] if key else [row]
        own = "/".join(str(one) for one in ids_of([*named, part] if isinstance(part, dict) else named))
        places: dict[str, Decoded] = {name: dict(outer) for name, outer in place.outer.items()}
        return self.query.made({**row, **places}, own if self.query.source.once else f"{own}{place.key}")

    def _page(self, records: Sequence[Record], *, last: bool = False) -> ChangePage:
        return ChangePage(records=tuple(records), deleted=(), watermark=self.query.as_of(), last=last, snapshot=True)


def _context(each: Each, one: int) -> dict[str, Encodable]:
    return {name: [one] if value == "*" else value for name, value in each.context.items()}


def _split(row: Row, parts: Sequence[Row], how: Parts) -> Iterator[Row]:
    """Yield one row per part with its quantity, and one for the rest, where there is one."""
    digits = int(number(row, f"{how.unit}.digits") or 0)
    rest = number(row, how.quantity) or Decimal(0)
    for part in parts:
        if part.get(how.owner) == row["id"]:
            rest -= number(part, how.quantity) or Decimal(0)
            yield {**row, how.quantity: part.get(how.quantity), "part.": dict(part)}
    if round(rest, digits):
        yield {**row, how.quantity: rest, "part.": None}
