"""What a source asks the system for: one page of rows with look-ups resolved, or ids; every shape is checked."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from erp_mcp.adapters._mapping import RecordMapper
from erp_mcp.adapters.jsonrpc.forms import points_in_time
from erp_mcp.adapters.jsonrpc.grammar import Source
from erp_mcp.adapters.jsonrpc.rows import VERSION, Row, ShapeError, value, version_of
from erp_mcp.adapters.jsonrpc.session import Session
from erp_mcp.adapters.jsonrpc.wire import Decoded, Encodable
from erp_mcp.domain.entities import Record
from erp_mcp.errors import BadAnswerError

IDS_PER_CALL: Final = 10_000
STAMPS: Final = ("write_date", "create_date")
_BY_ID: Final[Encodable] = [["id", "ASC"]]


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceQuery:
    """One source of one system; `as_of` gives the time of reading as an instant."""

    source: Source
    session: Session
    system: str
    page_rows: int
    mapper: RecordMapper
    as_of: Callable[[], str]

    async def page(self, narrowed: Sequence[Encodable], *, context: Mapping[str, Encodable] | None = None) -> list[Row]:
        """Return at most `page_rows` rows of the source's filter and `narrowed`, by id."""
        domain = [*as_sent(self.source.domain), *narrowed]
        rows = await self.rows(self.source.model, domain, self.fields(), context=context)
        return await self._looked_up(rows)

    def fields(self) -> list[str]:
        """Return the field paths that a record of the source is made from."""
        versions = [f"{link}.{name}" for link in self.source.version for name in ("id", VERSION)]
        return sorted({*self.source.paths(), *self.stamps(), *versions, VERSION, "id"})

    async def rows(
        self,
        model: str,
        domain: Sequence[Encodable],
        fields: Sequence[str],
        *,
        context: Mapping[str, Encodable] | None = None,
    ) -> list[Row]:
        """Return at most `page_rows` rows of any model, by id.

        Raises:
            BadAnswerError: `adapter.bad_answer`, for more than asked, rows out of order, or none at all.
        """
        found = await self.session.call(
            model, "search_read", domain, 0, self.page_rows, _BY_ID, fields, context=context
        )
        if not isinstance(found, list) or len(found) > self.page_rows:
            raise self.bad("page")
        rows = [row for row in found if isinstance(row, dict)]
        ids = ids_of(rows)
        if len(ids) != len(found) or any(one >= after for one, after in itertools.pairwise(ids)):
            raise self.bad("id")
        return list(rows)

    def beyond(self, rows: Sequence[Row], after: int) -> list[Row]:
        """Return rows that were asked for beyond a record; a system that gives others would never come to an end.

        Raises:
            BadAnswerError: `adapter.bad_answer`, for a row that is not beyond it.
        """
        if any(one <= after for one in ids_of(rows)):
            raise self.bad("id")
        return list(rows)

    async def every(self, model: str, domain: Sequence[Encodable], fields: Sequence[str]) -> list[Row]:
        """Return all rows of a model that is known to be short."""
        rows: list[Row] = []
        while True:
            after = max(ids_of(rows[-1:]), default=0)
            page = await self.rows(model, [*domain, ["id", ">", after]], fields)
            rows.extend(self.beyond(page, after))
            if len(page) < self.page_rows:
                return rows

    async def ids(self) -> frozenset[int]:
        """Return the ids of all records that pass the filter now."""
        ids: list[int] = []
        while True:
            domain: list[Encodable] = [*as_sent(self.source.domain), ["id", ">", ids[-1] if ids else 0]]
            found = await self.session.call(self.source.model, "search", domain, 0, IDS_PER_CALL, _BY_ID)
            if not isinstance(found, list) or len(found) > IDS_PER_CALL:
                raise self.bad("id")
            for one in found:
                if not isinstance(one, int) or isinstance(one, bool) or one <= (ids[-1] if ids else 0):
                    raise self.bad("id")
                ids.append(one)
            if len(found) < IDS_PER_CALL:
                return frozenset(ids)

    def stamps(self) -> Iterable[str]:
        """Yield the fields that tell when a record, or one that it watches, was changed."""
        yield from STAMPS
        for link in self.source.watch:
            yield from (f"{link.path}.{stamp}" for stamp in STAMPS)

    def changed_since(self, start: datetime) -> Encodable:
        """Return the filter for records that were changed, or watch one that was, at or after a time."""
        own: list[Encodable] = [[stamp, ">=", start] for stamp in STAMPS]
        for link in self.source.watch:
            model = [link.model] if link.model else []  # a link to several models is followed to a named one
            own.extend([f"{link.path}.{stamp}", ">=", start, *model] for stamp in STAMPS)
        return ["OR", *own]

    def newest(self, rows: Iterable[Row], before: str) -> str:
        """Return the newest change of some rows or `before`, as ISO text in the system's own clock."""
        times = [stamp.isoformat() for row in rows for path in self.stamps() for stamp in points_in_time(row, path)]
        return max([*times, before])

    def records(self, row: Row) -> tuple[list[Record], list[str]]:
        """Return the canonical records of a row, and the keys of those that it could have and has not.

        Raises:
            BadAnswerError: `adapter.bad_answer`, naming entity and field path.
            InexactNumberError: `adapter.inexact_number`, likewise.
        """
        if self.source.spread is None:
            own = str(row["id"])
            found = self.made(row, own)
            return ([found], []) if found else ([], [own])
        told: list[Record] = []
        absent: list[str] = []
        try:
            variants = list(self.source.spread.rows(row))
        except ShapeError as failure:
            raise self.bad(str(failure)) from None
        for end, seen, counts in variants:
            key = _key(row, end)
            found = self.made(seen, key) if counts else None
            if found:
                told.append(found)
            else:
                absent.append(key)
        return told, absent

    async def keys_of(self, ids: Sequence[int]) -> list[str]:
        """Return the keys of all records that rows with these ids may have been told as."""
        spread = self.source.spread
        if spread is None:
            return [str(one) for one in ids]
        if "" not in spread.links:
            return [f"{one}/{side}" for one in ids for side in spread.links]
        found = await self.rows(self.source.model, [["id", "in", list(ids)]], list(spread.own_paths()))
        return [_key(row, end) for row in found for end, _, _ in spread.rows(row)]

    def record(self, row: Row) -> Record:
        """Return the one canonical record of a row, by its number.

        Raises:
            BadAnswerError: `adapter.bad_answer`, naming entity and field path, also of what is needed and not there.
            InexactNumberError: `adapter.inexact_number`, likewise.
        """
        found = self.made(row, str(row["id"]))
        if found is None:
            raise self.bad(self.source.needs[0])
        return found

    def made(self, row: Row, key: str) -> Record | None:
        """Return the canonical record of a row under a key, `None` where it lacks what the source needs.

        Raises:
            BadAnswerError: `adapter.bad_answer`, naming entity and field path.
            InexactNumberError: `adapter.inexact_number`, likewise.
        """
        try:
            raw: dict[str, object] = {name: form.make(row) for name, form in self.source.fields.items()}
            raw["version_token"] = version_of(row, self.source.version)
        except ShapeError as failure:
            raise self.bad(str(failure)) from None
        except ArithmeticError:
            raise self.bad("number") from None
        if any(raw[name] in (None, "") for name in self.source.needs):
            return None
        raw["source_key"] = key
        return self.mapper.record(raw, as_of=self.as_of())

    def bad(self, field: str) -> BadAnswerError:
        """Return the error for an answer of the wrong shape."""
        return BadAnswerError(system=self.system, entity=self.source.entity, field=field, reason="wrong shape")

    async def _looked_up(self, rows: list[Row]) -> list[Row]:
        """Put beside each row which of its look-up texts name a record; one call per look-up and page."""
        for lookup in self.source.lookups:
            texts = sorted({text for row in rows if isinstance(text := value(row, lookup.path), str) and text})
            known: list[Decoded] = []
            if texts:
                found = await self.rows(lookup.model, [[lookup.by, "in", texts]], [lookup.by])
                known = [row.get(lookup.by) for row in found]
            rows = [{**row, lookup.slot: known} for row in rows]
        return rows


def ids_of(rows: Iterable[Row]) -> list[int]:
    """Return the ids of rows that have a proper one."""
    return [one for row in rows if isinstance(one := row.get("id"), int) and not isinstance(one, bool) and one > 0]


def _key(row: Row, end: str) -> str:
    """Return the key of a record that a row is spread over."""
    number = str(row["id"])
    return f"{number}/{end}"


def as_sent(domain: Sequence[object]) -> list[Encodable]:
    """Return a profile's filter as a request holds it; both are plain JSON."""
    return list(domain)  # type: ignore[arg-type]  # JSON values can be sent
