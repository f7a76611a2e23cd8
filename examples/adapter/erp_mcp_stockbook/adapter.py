"""Reads Stockbook: lists of changes by a running number, and rows by their ids.

    GET /v1/about                              {"product", "version", "time", "account", "rights"}
    GET /v1/LIST/changes?after=N&limit=M       {"rows": [{"id", "seq", "gone"?, …}], "more": true | false}
    GET /v1/LIST?id=A&id=B                     {"rows": […]}

Each change of a row gives it the next `seq`, and a row that is deleted stays in the list of changes with `gone`.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import urlencode

from erp_mcp.adapters.kit import (
    OPTIONS,
    Connection,
    Document,
    DocumentError,
    Egress,
    Fields,
    RecordMapper,
    compile_fields,
    decode_json,
    open_egress,
    wrong,
)
from erp_mcp.domain.call import JsonValue
from erp_mcp.domain.entities import Record
from erp_mcp.domain.instants import instant_text, parse_instant
from erp_mcp.domain.introspection import Introspection
from erp_mcp.domain.profile import Profile
from erp_mcp.errors import (
    BadAnswerError,
    EntityNotOfferedError,
    InvalidArgumentError,
    ProfileFileError,
    SystemRefusedError,
)
from erp_mcp.ports import MAX_KEYS, ChangePage, Clock

_KEYS_PER_REQUEST = 50
_OUR_KEYS = frozenset({"list", "key", "version", "fields"})


@dataclass(frozen=True, slots=True, kw_only=True)
class _Part:
    """How one entity is read: from which list, and how its rows become records."""

    entity: str
    list: str
    fields: Fields
    mapper: RecordMapper

    @classmethod
    def of(cls, entity: str, mapping: Mapping[str, JsonValue], profile: Profile, system: str) -> _Part:
        unknown = sorted(set(mapping) - _OUR_KEYS)
        name = mapping.get("list")
        if unknown or not isinstance(name, str) or not name.isidentifier():
            key = f"entities.{entity}.{unknown[0] if unknown else 'list'}"
            raise ProfileFileError(profile=profile.name, key=key, reason="list: NAME, key, version and fields go here")
        return cls(
            entity=entity,
            list=name,
            fields=compile_fields(entity, mapping, profile=profile, system=system),
            mapper=RecordMapper(entity, system=system, states=profile.states),
        )


class StockbookAdapter:
    """The adapter of kind `stockbook`."""

    def __init__(self, connection: Connection, parts: Mapping[str, _Part], clock: Clock, egress: Egress) -> None:
        self._connection = connection
        self._parts = parts
        self._clock = clock
        self._egress = egress

    @classmethod
    def open(cls, connection: Connection, profile: Profile, clock: Clock) -> StockbookAdapter:
        """Return an adapter; nothing is contacted before the first read."""
        unknown = sorted(set(connection.options) - OPTIONS)
        if unknown:
            raise wrong(connection, f"options.{unknown[0]}", "there is no such option")
        parts = {
            name: _Part.of(name, mapping, profile, connection.system) for name, mapping in profile.entities.items()
        }
        return cls(connection, parts, clock, open_egress(connection))

    @property
    def system(self) -> str:
        """Name of the configured system."""
        return self._connection.system

    @property
    def entities(self) -> frozenset[str]:
        """Canonical entities this system can give."""
        return frozenset(self._parts)

    async def changes(self, entity: str, watermark: str) -> AsyncIterator[ChangePage]:
        """Yield what changed after `watermark`, which is the running number of the last row that was given."""
        part = self._part(entity)
        place, more = self._place(entity, watermark), True
        while more:
            as_of = instant_text(self._clock.plant())
            asked = urlencode({"after": place, "limit": self._connection.page_rows})
            rows, more = self._page(part, await self._get(f"{part.list}/changes?{asked}"))
            place = self._next_place(part, rows, place, more=more)
            living = [row for row in rows if not row.get("gone")]
            yield ChangePage(
                records=tuple(part.mapper.record(part.fields.row(row), as_of=as_of) for row in living),
                deleted=tuple(key for row in rows if row.get("gone") for key in part.fields.keys(row)),
                watermark=str(place),
                last=not more,
                snapshot=not watermark,
            )

    async def read(self, entity: str, keys: Sequence[str]) -> tuple[Record, ...]:
        """Return the records with these source keys; missing ones are left out."""
        part = self._part(entity)
        if len(keys) > MAX_KEYS:
            raise InvalidArgumentError(argument="keys", rule=f"at most {MAX_KEYS}")
        records: list[Record] = []
        for some in _portions(list(dict.fromkeys(keys))):
            as_of = instant_text(self._clock.plant())
            rows, _ = self._page(part, await self._get(f"{part.list}?{urlencode([('id', key) for key in some])}"))
            records += [part.mapper.record(part.fields.row(row), as_of=as_of) for row in rows if not row.get("gone")]
        return tuple(record for record in records if record.source_key in keys)

    async def probe(self) -> Mapping[str, str]:
        """Return product, version, account and time of the system."""
        about = await self._get("about")
        told = {name: about.get(name) for name in ("product", "version", "account")}
        found = {name: value for name, value in told.items() if isinstance(value, str) and len(value) <= 100}
        server_time = self._time(about.get("time"))
        return {**found, "server_time": server_time} if server_time else found

    async def introspect(self) -> Introspection:
        """Say what the account may do beyond reading."""
        rights = (await self._get("about")).get("rights")
        named = [str(right) for right in rights] if isinstance(rights, list) else []
        told = {"paging": f"by running number, {self._connection.page_rows} rows a page"}
        return Introspection(excess=tuple(sorted(right for right in named if right != "read")), told=told)

    async def close(self) -> None:
        """Let go of connections."""
        await self._egress.close()

    # --- What the system says -----------------------------------------------------------------------------------------

    async def _get(self, path: str) -> Document:
        url = f"{self._connection.url.rstrip('/')}/v1/{path}"
        answer = await self._egress.send("GET", url, headers={"Accept": "application/json"})
        if answer.status in {401, 403}:
            raise SystemRefusedError(system=self.system)
        if answer.status != 200:
            raise BadAnswerError(system=self.system, reason=f"status {answer.status}")
        try:
            value = decode_json(answer.body)
        except DocumentError as failure:
            raise BadAnswerError(system=self.system, reason=str(failure)) from None
        if not isinstance(value, dict):
            raise BadAnswerError(system=self.system, reason="not an object")
        return value

    def _page(self, part: _Part, answer: Document) -> tuple[list[Document], bool]:
        rows = answer.get("rows")
        if not isinstance(rows, list) or len(rows) > max(self._connection.page_rows, _KEYS_PER_REQUEST):
            raise BadAnswerError(system=self.system, entity=part.entity, field="rows", reason="not a page of rows")
        documents: list[Document] = [row for row in rows if isinstance(row, dict)]
        if len(documents) != len(rows):
            raise BadAnswerError(system=self.system, entity=part.entity, field="rows", reason="not all are objects")
        return documents, answer.get("more") is True

    def _next_place(self, part: _Part, rows: Sequence[Document], place: int, *, more: bool) -> int:
        """Return the running number of the last row; one that does not grow would never end."""
        for row in rows:
            number = row.get("seq")
            if not isinstance(number, int) or number <= place:
                raise BadAnswerError(system=self.system, entity=part.entity, field="seq", reason="does not grow")
            place = number
        if more and not rows:
            raise BadAnswerError(system=self.system, entity=part.entity, field="more", reason="more, and no row")
        return place

    def _place(self, entity: str, watermark: str) -> int:
        if not watermark:
            return 0
        if not (watermark.isascii() and watermark.isdecimal() and len(watermark) <= 18):
            raise BadAnswerError(system=self.system, entity=entity, field="watermark", reason="not one of this adapter")
        return int(watermark)

    def _part(self, entity: str) -> _Part:
        if entity not in self._parts:
            raise EntityNotOfferedError(system=self.system, entity=entity)
        return self._parts[entity]

    def _time(self, value: object) -> str:
        """Return the system's time in UTC, empty where it tells none."""
        try:
            return instant_text(parse_instant(value)) if isinstance(value, str) else ""
        except ValueError:
            return ""


def _portions(keys: list[str]) -> Iterator[list[str]]:
    for start in range(0, len(keys), _KEYS_PER_REQUEST):
        yield keys[start : start + _KEYS_PER_REQUEST]
