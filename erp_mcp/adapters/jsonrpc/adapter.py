"""`JsonRpcAdapter`: `ports.Adapter` for systems that speak JSON-RPC the way Tryton does."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Final, Self

from erp_mcp.adapters._connection import Connection
from erp_mcp.adapters._mapping import RecordMapper
from erp_mcp.adapters.jsonrpc.changes import Changes
from erp_mcp.adapters.jsonrpc.grammar import sources
from erp_mcp.adapters.jsonrpc.query import SourceQuery
from erp_mcp.adapters.jsonrpc.session import Session
from erp_mcp.adapters.jsonrpc.settings import JsonRpcSettings
from erp_mcp.adapters.jsonrpc.snapshot import Snapshot
from erp_mcp.adapters.jsonrpc.watermark import Watermark, WatermarkError
from erp_mcp.domain.entities import Record
from erp_mcp.domain.instants import instant_text
from erp_mcp.domain.profile import Profile
from erp_mcp.errors import BadAnswerError, EntityNotOfferedError, InvalidArgumentError
from erp_mcp.ports import MAX_KEYS, ChangePage, Clock

_MAX_ID_DIGITS: Final = 18


class JsonRpcAdapter:
    """Reads one system over one session; it has no method that writes."""

    def __init__(self, settings: JsonRpcSettings, profile: Profile, clock: Clock) -> None:
        """Contact nothing yet.

        Raises:
            ProfileFileError: `systems.bad_profile`, naming the key.
            ConfigurationError: `settings.bad_configuration`, likewise.
        """
        self._settings = settings
        self._clock = clock
        self._session = Session(settings)
        self._queries = {
            entity: SourceQuery(
                source=source,
                session=self._session,
                system=settings.system,
                page_rows=settings.page_rows,
                mapper=RecordMapper(entity, system=settings.system, states=profile.states),
                as_of=self._now,
            )
            for entity, source in sources(profile).items()
        }

    @classmethod
    def open(cls, connection: Connection, profile: Profile, clock: Clock) -> Self:
        """Return an adapter for a configured connection; see `JsonRpcSettings.of` for its options."""
        return cls(JsonRpcSettings.of(connection), profile, clock)

    @property
    def system(self) -> str:
        """Name of the configured system."""
        return self._settings.system

    @property
    def entities(self) -> frozenset[str]:
        """Canonical entities that the profile maps."""
        return frozenset(self._queries)

    async def changes(self, entity: str, watermark: str) -> AsyncIterator[ChangePage]:
        """Yield what changed; see `ports.Adapter.changes`.

        Deletions and records that left the profile's filter are found by comparing ids, at the end of the pass.
        Computed entities come as a snapshot each time; their watermark is not looked at.
        """
        query = self._query(entity)
        mark = self._parsed(entity, watermark) if not query.source.snapshot else Watermark()
        found = (
            Snapshot(query=query).pages()
            if query.source.snapshot
            else Changes(query=query, overlap_s=self._settings.overlap_s).since(mark)
        )
        async for page in found:
            yield page

    async def read(self, entity: str, keys: Sequence[str]) -> tuple[Record, ...]:
        """Return the live records with these source keys, at most 200; computed entities are counted anew."""
        query = self._query(entity)
        if len(keys) > MAX_KEYS:
            raise InvalidArgumentError(argument="keys", rule=f"at most {MAX_KEYS}")
        if not keys:
            return ()
        if query.source.snapshot:
            return await self._counted(query, frozenset(keys))
        ids = sorted({int(one) for key in keys if _is_id(one := key.partition("/")[0])})
        size = self._settings.page_rows
        pieces = [ids[start : start + size] for start in range(0, len(ids), size)]
        rows = [row for some in pieces for row in await query.page([["id", "in", some]])]
        wanted = set(keys)
        return tuple(one for row in rows for one in query.records(row)[0] if one.source_key in wanted)

    async def _counted(self, query: SourceQuery, wanted: frozenset[str]) -> tuple[Record, ...]:
        """Return records of a computed entity; one that is met in two places is the first, as a pass tells it."""
        found: dict[str, Record] = {}
        async for one in Snapshot(query=query).records():
            if one.source_key in wanted:
                found.setdefault(one.source_key, one)
        return tuple(found.values())

    async def probe(self) -> Mapping[str, str]:
        """Return product, version, account and the server's time."""
        version = await self._session.version()
        await self._session.call("res.user", "get_preferences", True)
        found = {"product": "Tryton", "version": version[:20], "account": self._settings.account}
        moment = self._session.server_time()
        return {**found, "server_time": instant_text(moment)} if moment else found

    async def close(self) -> None:
        """Forget the session and let go of connections."""
        await self._session.close()

    def _query(self, entity: str) -> SourceQuery:
        if entity not in self._queries:
            raise EntityNotOfferedError(system=self.system, entity=entity)
        return self._queries[entity]

    def _parsed(self, entity: str, watermark: str) -> Watermark:
        try:
            return Watermark.parse(watermark)
        except WatermarkError:
            raise BadAnswerError(
                system=self.system, entity=entity, field="watermark", reason="not of this adapter"
            ) from None

    def _now(self) -> str:
        return instant_text(self._clock.plant())


def _is_id(key: str) -> bool:
    return key.isascii() and key.isdecimal() and 0 < len(key) <= _MAX_ID_DIGITS
