"""`SqlAdapter`: passes over a profile's statements in `changed_at` order, tombstones first."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final, Self

from erp_mcp.adapters._connection import Connection
from erp_mcp.adapters._mapping import RecordMapper, checked_instant, checked_key
from erp_mcp.adapters.sql import statements
from erp_mcp.adapters.sql.bindings import binding_of, check_bound
from erp_mcp.adapters.sql.rights import revocations, shown
from erp_mcp.adapters.sql.source import Found, Source
from erp_mcp.adapters.sql.statements import EntityStatements, Place
from erp_mcp.adapters.sql.watermark import NOTHING_YET, Tick, Watermark, parse_watermark
from erp_mcp.domain.call import JsonValue
from erp_mcp.domain.entities import Record
from erp_mcp.domain.instants import instant_text, parse_instant
from erp_mcp.domain.introspection import Introspection
from erp_mcp.domain.profile import Profile
from erp_mcp.domain.select_text import called_functions, is_select
from erp_mcp.errors import BadAnswerError, EntityNotOfferedError, InvalidArgumentError, ProfileFileError
from erp_mcp.ports import MAX_KEYS, ChangePage, Clock

MAX_CROSS_REFERENCES: Final = 1_000_000
_PAGES_PER_STATEMENT: Final = 5  # a statement without a fitting index sorts all it finds: ask less often


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
        self._bound = False
        _check_texts(profile, self._statements, self._cross_references)

    @classmethod
    def open(cls, connection: Connection, profile: Profile, clock: Clock) -> Self:
        """Return an adapter for a SQLite file (a path, or `sqlite:///PATH`) or any database address SQLAlchemy knows.

        Raises:
            ConfigurationError: `settings.bad_configuration`, for an address or driver that is not there.
            ProfileFileError: `systems.bad_profile`, when an entity has no statement, or a statement is not one SELECT.
        """
        return cls(_source(connection, profile, clock), connection, profile, clock)

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

        An entity without tombstones is read as a whole in each pass, since nothing else shows what is gone. A page of
        a replica is as old as the replica was when it was asked.
        """
        form = self._of(entity)
        await self._check_bound()
        snapshot = not watermark or not form.tombstones
        mark = await self._fed(entity, form)
        at = await self._begin(form) if snapshot else await self._resume(entity, form, watermark)
        if not snapshot:
            async for page in self._gone(entity, form, at, mark):
                yield page
        async for page in self._rows(entity, form, at, mark):
            yield replace(page, snapshot=snapshot)

    async def read(self, entity: str, keys: Sequence[str]) -> tuple[Record, ...]:
        """Return the live records with these source keys, at most 200."""
        form = self._of(entity)
        if len(keys) > MAX_KEYS:
            raise InvalidArgumentError(argument="keys", rule=f"at most {MAX_KEYS}")
        if not keys:
            return ()
        await self._check_bound()
        wanted = tuple(dict.fromkeys(keys))
        mark = await self._fed(entity, form)
        query = statements.by_keys(form.rows, wanted, dialect=self._source.dialect)
        asked = self._clock.plant()
        found = await self._source.find(query, limit=MAX_KEYS + 1)
        if len(found.rows) > len(wanted):
            raise BadAnswerError(system=self._system, entity=entity, field="source_key", reason="not unique")
        as_of = min(instant_text(asked), _high_water(mark, asked, found) or instant_text(asked))
        return tuple(self._mappers[entity].record(row, as_of=as_of) for row in found.rows)

    async def cross_references(self, entity: str) -> Mapping[str, str]:
        """Return local id → canonical id of an entity whose identity rule is `table`.

        Raises:
            BadAnswerError: `adapter.bad_answer`, when one local id has two canonical ids, or there are too many.
        """
        found: dict[str, str] = {}
        limit = MAX_CROSS_REFERENCES + 1
        query = statements.first_rows(self._cross_references[entity], limit=limit, dialect=self._source.dialect)
        rows = (await self._source.find(query, limit=limit)).rows
        if len(rows) > MAX_CROSS_REFERENCES:  # cut, the ids beyond would join with nothing
            reason = f"more than {MAX_CROSS_REFERENCES}"
            raise BadAnswerError(system=self._system, entity=entity, field="local", reason=reason)
        for row in rows:
            local = self._key(row.get("local"), entity, "local")
            canonical = self._key(row.get("canonical"), entity, "canonical")
            if found.setdefault(local, canonical) != canonical:
                raise BadAnswerError(system=self._system, entity=entity, field="canonical", reason="not unique")
        return found

    async def introspect(self) -> Introspection:
        """Return what the account could write, and which fields the database lacks; see `ports.Introspects`.

        An account that is refused is not used to look any further.
        """
        rights = await self._source.rights()
        if rights.refused:
            return Introspection(excess=shown(rights.barring), revoke=revocations(rights.barring))
        entities = [await binding_of(name, form, self._source) for name, form in self._statements.items()]
        told = {"paging": "by change time and key", "page_rows": str(self._page_rows), **await self.probe()}
        return Introspection(entities=tuple(entities), told=told, rights_seen=rights.known)

    async def probe(self) -> Mapping[str, str]:
        """Return product, version, account and rights, whether it is a replica, and the database's time if it has one.

        Raises:
            AccountTooPowerfulError: `adapter.account_too_powerful`; otherwise as `changes`.
        """
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

    async def _gone(self, entity: str, form: EntityStatements, at: Watermark, mark: str) -> AsyncIterator[ChangePage]:
        """Yield pages of keys that are gone; a key that lives again is left out, whatever the log says."""
        while True:
            page = statements.page_after(form.tombstones, at.gone, limit=self._page_rows, dialect=self._source.dialect)
            asked = self._clock.plant()
            found = await self._source.find(page, limit=self._page_rows)
            rows = found.rows
            if not rows:
                return
            at = replace(at, gone=self._place(rows[-1], entity))
            named = tuple(dict.fromkeys(self._key(row.get("source_key"), entity) for row in rows))
            living = await self._living(entity, form, named)
            deleted = tuple(key for key in named if key not in living)
            if deleted:
                high_water = _high_water(mark, asked, found)
                yield ChangePage(records=(), deleted=deleted, watermark=at.text, high_water=high_water)
            if len(rows) < self._page_rows:
                return

    async def _living(self, entity: str, form: EntityStatements, keys: tuple[str, ...]) -> set[str]:
        living: set[str] = set()
        for start in range(0, len(keys), MAX_KEYS):
            some = keys[start : start + MAX_KEYS]
            query = statements.by_keys(form.rows, some, dialect=self._source.dialect, columns="source_key")
            found = await self._source.find(query, limit=MAX_KEYS)
            living.update(self._key(row.get("source_key"), entity) for row in found.rows)
        return living

    async def _rows(self, entity: str, form: EntityStatements, at: Watermark, mark: str) -> AsyncIterator[ChangePage]:
        mapper = self._mappers[entity]
        block = self._page_rows * _PAGES_PER_STATEMENT
        while True:
            query = statements.page_after(form.rows, at.rows, limit=block, dialect=self._source.dialect)
            asked = self._clock.plant()
            found = await self._source.find(query, limit=block)
            high_water = _high_water(mark, asked, found)
            as_of = min(instant_text(asked), high_water or instant_text(asked))
            finished = len(found.rows) < block
            for start in range(0, max(len(found.rows), 1), self._page_rows):
                some = found.rows[start : start + self._page_rows]
                records = tuple(mapper.record(row, as_of=as_of) for row in some)
                if some:
                    at = at.passed([self._place(row, entity) for row in some])
                last = finished and start + self._page_rows >= len(found.rows)
                # By the time that the source itself has reached: on a replica that is late, ticks close late.
                reached = at.at_end(parse_instant(as_of)) if last else at
                yield ChangePage(records=records, deleted=(), watermark=reached.text, high_water=high_water, last=last)
            if finished:
                return

    # --- Parts --------------------------------------------------------------------------------------------------------

    def _of(self, entity: str) -> EntityStatements:
        if entity not in self._statements:
            raise EntityNotOfferedError(system=self._system, entity=entity)
        return self._statements[entity]

    async def _newest(self, inner: str) -> Tick:
        rows = (await self._source.find(statements.newest(inner), limit=1)).rows
        newest = rows[0].get("newest") if rows else None
        return None if newest is None else self._tick(newest, "", "changed_at")

    async def _fed(self, entity: str, form: EntityStatements) -> str:
        """Return how far the source's feed says it is; one that has a feed and does not say is not trusted."""
        if not form.feed:
            return ""
        query = statements.first_rows(form.feed, limit=1, dialect=self._source.dialect)
        rows = (await self._source.find(query, limit=1)).rows
        value = next(iter(rows[0].values()), None) if rows else None
        return checked_instant(value, system=self._system, entity=entity, field="feed")

    async def _check_bound(self) -> None:
        """Refuse the system at its first use, and until it is mended, when it lacks fields that it must have."""
        if not self._bound:
            await check_bound(self._statements, self._source, self._system)
            self._bound = True

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


def _high_water(mark: str, asked: datetime, found: Found) -> str:
    """Return how far rows reach: the older of what the feed says and of how far a replica was behind when asked."""
    if found.behind_s is None:
        return mark
    reached = instant_text(asked - timedelta(seconds=found.behind_s))
    return min(mark, reached) if mark else reached


def _source(connection: Connection, profile: Profile, clock: Clock) -> Source:
    scheme, separator, rest = connection.url.partition("://")
    if not separator or scheme == "sqlite":
        path = Path(rest.removeprefix("/")) if separator else Path(connection.url.removeprefix("sqlite:"))
        from erp_mcp.adapters.sql.sqlite_source import SqliteSource

        return SqliteSource(path, system=connection.system, timeout_s=connection.timeout_s)
    from erp_mcp.adapters.sql.engine_source import EngineSource

    return EngineSource(connection, clock, called=_called(profile))


def _called(profile: Profile) -> frozenset[str]:
    """Return the functions that the profile's own texts call: an account may have to run those as their owner."""
    forms = [value for form in profile.entities.values() for value in form.values() if isinstance(value, str)]
    texts = [*forms, *(rule.query for rule in profile.identity.values())]
    return frozenset(name for text in texts if is_select(text) for name in called_functions(text))


def _statements(profile: Profile, entity: str, form: Mapping[str, JsonValue]) -> EntityStatements:
    texts = {name: value for name, value in form.items() if isinstance(value, str)}
    if not texts.get("statement"):
        raise ProfileFileError(file=profile.name, key=f"entities.{entity}.statement", reason="missing")
    return EntityStatements(rows=texts["statement"], tombstones=texts.get("tombstones", ""), feed=texts.get("feed", ""))


def _check_texts(profile: Profile, forms: Mapping[str, EntityStatements], queries: Mapping[str, str]) -> None:
    """Refuse a profile with a text that is not one SELECT; some of them are sent without a SELECT of ours around."""
    texts = {f"identity.{name}.query": query for name, query in queries.items()}
    for name, form in forms.items():
        parts = {"statement": form.rows, "tombstones": form.tombstones, "feed": form.feed}
        texts |= {f"entities.{name}.{part}": text for part, text in parts.items() if text}
    for key, text in texts.items():
        if not is_select(text):
            raise ProfileFileError(file=profile.name, key=key, reason="must be one SELECT")
