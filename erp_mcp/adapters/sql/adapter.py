"""`SqlAdapter`: passes over a profile's statements in `changed_at` order, tombstones first."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final, Protocol, Self

from erp_mcp.adapters._connection import Connection
from erp_mcp.adapters._mapping import RecordMapper, checked_instant, checked_key
from erp_mcp.adapters.sql import statements
from erp_mcp.adapters.sql.statements import EntityStatements, Place, Statement
from erp_mcp.adapters.sql.watermark import NOTHING_YET, Tick, Watermark, parse_watermark
from erp_mcp.domain.call import JsonValue
from erp_mcp.domain.entities import Record
from erp_mcp.domain.instants import instant_text
from erp_mcp.domain.profile import Profile
from erp_mcp.errors import BadAnswerError, EntityNotOfferedError, InvalidArgumentError, ProfileFileError
from erp_mcp.ports import MAX_KEYS, ChangePage, Clock

MAX_CROSS_REFERENCES: Final = 1_000_000
_PAGES_PER_STATEMENT: Final = 5  # a statement without a fitting index sorts all it finds: ask less often

Rows = list[dict[str, object]]


class Source(Protocol):
    """Runs read-only statements on one database."""

    dialect: str

    async def rows(self, statement: Statement, *, limit: int) -> Rows:
        """Return at most `limit` rows by column name."""
        ...

    async def probe(self) -> Mapping[str, str]:
        """Run one statement and return what answers here."""
        ...

    async def close(self) -> None:
        """Let go of connections."""
        ...


class SqlAdapter:
    """Reads one system of record through its database."""

    def __init__(self, source: Source, connection: Connection, profile: Profile, clock: Clock) -> None:
        """Read `profile`'s statements from `source`; `open` is the usual way to make one."""
        self._source = source
        self._system = connection.system
        self._page_rows = connection.page_rows
        self._clock = clock
        self._statements = {name: _statements(profile, name, form) for name, form in profile.entities.items()}
        self._mappers = {
            name: RecordMapper(name, system=self._system, states=profile.states) for name in profile.entities
        }
        self._cross_references = {name: rule.query for name, rule in profile.identity.items() if rule.rule == "table"}

    @classmethod
    def open(cls, connection: Connection, profile: Profile, clock: Clock) -> Self:
        """Return an adapter for a SQLite file (a path, or `sqlite:///PATH`) or any database address SQLAlchemy knows.

        Raises:
            ConfigurationError: `settings.bad_configuration`, for an address or driver that is not there.
            ProfileFileError: `systems.bad_profile`, when an entity has no statement.
        """
        return cls(_source(connection), connection, profile, clock)

    @property
    def system(self) -> str:
        """Name of the configured system."""
        return self._system

    @property
    def entities(self) -> frozenset[str]:
        """Canonical entities of the profile."""
        return frozenset(self._statements)

    async def changes(self, entity: str, watermark: str) -> AsyncIterator[ChangePage]:
        """Yield what changed after `watermark`; see `ports.Adapter.changes`.

        An entity without tombstones is read as a whole in each pass, since nothing else shows what is gone.
        """
        form = self._of(entity)
        snapshot = not watermark or not form.tombstones
        high_water = await self._high_water(entity, form)
        at = await self._begin(form) if snapshot else await self._resume(entity, form, watermark)
        if not snapshot:
            async for page in self._gone(entity, form, at):
                yield replace(page, high_water=high_water)
        async for page in self._rows(entity, form, at, as_of=self._as_of(high_water)):
            yield replace(page, high_water=high_water, snapshot=snapshot)

    async def read(self, entity: str, keys: Sequence[str]) -> tuple[Record, ...]:
        """Return the live records with these source keys, at most 200."""
        form = self._of(entity)
        if len(keys) > MAX_KEYS:
            raise InvalidArgumentError(argument="keys", rule=f"at most {MAX_KEYS}")
        if not keys:
            return ()
        wanted = tuple(dict.fromkeys(keys))
        as_of = self._as_of(await self._high_water(entity, form))
        query = statements.by_keys(form.rows, wanted, dialect=self._source.dialect)
        rows = await self._source.rows(query, limit=MAX_KEYS + 1)
        if len(rows) > len(wanted):
            raise BadAnswerError(system=self._system, entity=entity, field="source_key", reason="not unique")
        return tuple(self._mappers[entity].record(row, as_of=as_of) for row in rows)

    async def cross_references(self, entity: str) -> Mapping[str, str]:
        """Return local id → canonical id of an entity whose identity rule is `table`.

        Raises:
            BadAnswerError: `adapter.bad_answer`, when one local id has two canonical ids, or there are too many.
        """
        found: dict[str, str] = {}
        query = statements.as_written(self._cross_references[entity])
        rows = await self._source.rows(query, limit=MAX_CROSS_REFERENCES + 1)
        if len(rows) > MAX_CROSS_REFERENCES:  # cut, the ids beyond would join with nothing
            reason = f"more than {MAX_CROSS_REFERENCES}"
            raise BadAnswerError(system=self._system, entity=entity, field="local", reason=reason)
        for row in rows:
            local = self._key(row.get("local"), entity, "local")
            canonical = self._key(row.get("canonical"), entity, "canonical")
            if found.setdefault(local, canonical) != canonical:
                raise BadAnswerError(system=self._system, entity=entity, field="canonical", reason="not unique")
        return found

    async def probe(self) -> Mapping[str, str]:
        """Return product, access and where it tells the time of the database, after one statement has run on it."""
        return {**await self._source.probe(), "access": "read-only"}

    async def close(self) -> None:
        """Let go of connections."""
        await self._source.close()

    # --- One pass -----------------------------------------------------------------------------------------------------

    async def _begin(self, form: EntityStatements) -> Watermark:
        gone = await self._newest(form.tombstones) if form.tombstones else None
        newest = await self._newest(form.rows)
        return Watermark(rows_edge=NOTHING_YET if newest is None else newest, gone_edge=gone)

    async def _resume(self, entity: str, form: EntityStatements, text: str) -> Watermark:
        try:
            at = parse_watermark(text)
        except (ValueError, TypeError):
            raise BadAnswerError(
                system=self._system, entity=entity, field="watermark", reason="not of this adapter"
            ) from None
        if at.rows_edge is not None:  # killed in the middle of a pass: its edges still hold
            return at
        edges = await self._begin(form)
        key = at.rows.key if at.rows.changed_at == edges.rows_edge else ""
        return replace(edges, rows=at.rows, edge_key=key, gone=Place(changed_at=at.gone.changed_at))

    async def _gone(self, entity: str, form: EntityStatements, at: Watermark) -> AsyncIterator[ChangePage]:
        """Yield pages of keys that are gone; a key that lives again is left out, whatever the log says."""
        while True:
            page = statements.page_after(form.tombstones, at.gone, limit=self._page_rows, dialect=self._source.dialect)
            rows = await self._source.rows(page, limit=self._page_rows)
            if not rows:
                return
            at = replace(at, gone=self._place(rows[-1], entity))
            named = tuple(dict.fromkeys(self._key(row.get("source_key"), entity) for row in rows))
            living = await self._living(entity, form, named)
            deleted = tuple(key for key in named if key not in living)
            if deleted:
                yield ChangePage(records=(), deleted=deleted, watermark=at.text)
            if len(rows) < self._page_rows:
                return

    async def _living(self, entity: str, form: EntityStatements, keys: tuple[str, ...]) -> set[str]:
        living: set[str] = set()
        for start in range(0, len(keys), MAX_KEYS):
            some = keys[start : start + MAX_KEYS]
            query = statements.by_keys(form.rows, some, dialect=self._source.dialect, columns="source_key")
            rows = await self._source.rows(query, limit=MAX_KEYS)
            living.update(self._key(row.get("source_key"), entity) for row in rows)
        return living

    async def _rows(
        self, entity: str, form: EntityStatements, at: Watermark, *, as_of: str
    ) -> AsyncIterator[ChangePage]:
        mapper = self._mappers[entity]
        block = self._page_rows * _PAGES_PER_STATEMENT
        while True:
            query = statements.page_after(form.rows, at.rows, limit=block, dialect=self._source.dialect)
            rows = await self._source.rows(query, limit=block)
            finished = len(rows) < block
            for start in range(0, max(len(rows), 1), self._page_rows):
                some = rows[start : start + self._page_rows]
                records = tuple(mapper.record(row, as_of=as_of) for row in some)
                if some:
                    at = at.passed([self._place(row, entity) for row in some])
                last = finished and start + self._page_rows >= len(rows)
                mark = at.at_end(self._clock.plant()) if last else at
                yield ChangePage(records=records, deleted=(), watermark=mark.text, last=last)
            if finished:
                return

    # --- Parts --------------------------------------------------------------------------------------------------------

    def _of(self, entity: str) -> EntityStatements:
        if entity not in self._statements:
            raise EntityNotOfferedError(system=self._system, entity=entity)
        return self._statements[entity]

    async def _newest(self, inner: str) -> Tick:
        rows = await self._source.rows(statements.newest(inner), limit=1)
        newest = rows[0].get("newest") if rows else None
        return None if newest is None else self._tick(newest, "", "changed_at")

    async def _high_water(self, entity: str, form: EntityStatements) -> str:
        """Return how far the source itself says it is; one that has a feed and does not say is not trusted."""
        if not form.feed:
            return ""
        rows = await self._source.rows(statements.as_written(form.feed), limit=1)
        value = next(iter(rows[0].values()), None) if rows else None
        return checked_instant(value, system=self._system, entity=entity, field="feed")

    def _as_of(self, high_water: str) -> str:
        now = instant_text(self._clock.plant())
        return min(now, high_water) if high_water else now

    def _place(self, row: Mapping[str, object], entity: str) -> Place:
        tick = self._tick(row.get("changed_at"), entity, "changed_at")
        key = row.get("source_key")
        return Place(changed_at=tick, key=key if type(key) is int else self._key(key, entity))

    def _tick(self, value: object, entity: str, field: str) -> str | int:
        if isinstance(value, str | int) and not isinstance(value, bool) and value != "":
            return value
        reason = "missing, or neither text nor a whole number"
        raise BadAnswerError(system=self._system, entity=entity, field=field, reason=reason)

    def _key(self, value: object, entity: str, field: str = "source_key") -> str:
        return checked_key(value, system=self._system, entity=entity, field=field)


def _source(connection: Connection) -> Source:
    scheme, separator, rest = connection.url.partition("://")
    if not separator or scheme == "sqlite":
        path = Path(rest.removeprefix("/")) if separator else Path(connection.url.removeprefix("sqlite:"))
        from erp_mcp.adapters.sql.sqlite_source import SqliteSource

        return SqliteSource(path, system=connection.system, timeout_s=connection.timeout_s)
    from erp_mcp.adapters.sql.engine_source import EngineSource

    return EngineSource(
        connection.url,
        system=connection.system,
        account=connection.account,
        secret=connection.secret,
        timeout_s=connection.timeout_s,
    )


def _statements(profile: Profile, entity: str, form: Mapping[str, JsonValue]) -> EntityStatements:
    texts = {name: value for name, value in form.items() if isinstance(value, str)}
    if not texts.get("statement"):
        raise ProfileFileError(file=profile.name, key=f"entities.{entity}.statement", reason="missing")
    return EntityStatements(rows=texts["statement"], tombstones=texts.get("tombstones", ""), feed=texts.get("feed", ""))
