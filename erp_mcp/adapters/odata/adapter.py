"""`ODataAdapter`: `ports.Adapter` for systems that speak OData V2 or V4."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Self

from erp_mcp.adapters._connection import Connection
from erp_mcp.adapters._documents.changes import DocumentChanges
from erp_mcp.adapters._documents.fields import compile_fields
from erp_mcp.adapters._http_connection import open_egress
from erp_mcp.adapters._mapping import RecordMapper
from erp_mcp.adapters.odata.binding import Binding
from erp_mcp.adapters.odata.grammar import read_head, read_sources
from erp_mcp.adapters.odata.introspect import Look
from erp_mcp.adapters.odata.pages import SetPages
from erp_mcp.adapters.odata.service import Services
from erp_mcp.adapters.odata.settings import ODataSettings
from erp_mcp.domain.entities import Record
from erp_mcp.domain.instants import instant_text
from erp_mcp.domain.introspection import Introspection
from erp_mcp.domain.profile import Profile
from erp_mcp.errors import EntityNotOfferedError, InvalidArgumentError
from erp_mcp.ports import MAX_KEYS, ChangePage, Clock


class ODataAdapter:
    """Reads one system; the only method it ever sends is GET."""

    def __init__(self, settings: ODataSettings, profile: Profile, clock: Clock, services: Services) -> None:
        """Contact nothing yet.

        Raises:
            ProfileFileError: `systems.bad_profile`, naming the key.
        """
        self._settings = settings
        self._profile = profile
        self._clock = clock
        self._services = services
        self._sources = read_sources(profile, read_head(profile))
        for entity, mapping in profile.entities.items():
            compile_fields(entity, mapping, profile=profile, system=settings.system)
        self._changes: dict[str, DocumentChanges] = {}
        self._binding = asyncio.Lock()
        self._lacking: dict[str, tuple[str, ...]] = {}

    @classmethod
    def open(cls, connection: Connection, profile: Profile, clock: Clock) -> Self:
        """Return an adapter for a configured connection; see `ODataSettings.of` for its options."""
        settings = ODataSettings.of(connection, read_head(profile))
        return cls(settings, profile, clock, Services(settings, open_egress(connection)))

    @property
    def system(self) -> str:
        """Name of the configured system."""
        return self._settings.system

    @property
    def entities(self) -> frozenset[str]:
        """Canonical entities that the profile maps."""
        return frozenset(self._sources)

    async def changes(self, entity: str, watermark: str) -> AsyncIterator[ChangePage]:
        """Yield what changed; see `ports.Adapter.changes`."""
        async for page in (await self._entity(entity)).since(watermark):
            yield page

    async def read(self, entity: str, keys: Sequence[str]) -> tuple[Record, ...]:
        """Return the live records with these source keys, at most 200."""
        if entity not in self._sources:
            raise EntityNotOfferedError(system=self.system, entity=entity)
        if len(keys) > MAX_KEYS:
            raise InvalidArgumentError(argument="keys", rule=f"at most {MAX_KEYS}")
        return await (await self._entity(entity)).read(keys) if keys else ()

    async def probe(self) -> Mapping[str, str]:
        """Return product, version, account and the server's time; one record of each service is asked for."""
        return await self._look().probe()

    async def introspect(self) -> Introspection:
        """Return what of the profile the services have; see `ports.Introspects`."""
        return await self._look().introspect()

    async def close(self) -> None:
        """Let go of connections."""
        await self._services.close()

    def lacking(self, entity: str) -> tuple[str, ...]:
        """Return the optional fields that are mapped and that the service does not have, once it was looked at."""
        return self._lacking.get(entity, ())

    def _look(self) -> Look:
        return Look(
            settings=self._settings,
            profile=self._profile,
            sources=self._sources,
            services=self._services,
            pages=self._pages,
        )

    async def _entity(self, entity: str) -> DocumentChanges:
        if entity not in self._sources:
            raise EntityNotOfferedError(system=self.system, entity=entity)
        if entity not in self._changes:
            async with self._binding:
                if entity not in self._changes:
                    self._changes[entity] = await self._bound(entity)
        return self._changes[entity]

    async def _bound(self, entity: str) -> DocumentChanges:
        pages = await self._pages(entity)
        self._lacking[entity] = pages.bound.missing
        return DocumentChanges(
            fields=pages.bound.fields,
            mapper=RecordMapper(entity, system=self.system, states=self._profile.states),
            pages=pages,
            as_of=lambda: instant_text(self._clock.plant()),
            now=lambda: instant_text(self._clock.wall()),
            overlap_s=self._settings.overlap_s,
            page_rows=self._settings.page_rows,
        )

    async def _pages(self, entity: str) -> SetPages:
        source, settings = self._sources[entity], self._settings
        model = await self._services.model(source.service)
        binding = Binding(self._profile, source, model, system=self.system, version=settings.versions[source.service])
        return SetPages(
            source=source,
            bound=binding.bind(),
            services=self._services,
            service_url=settings.services[source.service],
            system=self.system,
            version=settings.versions[source.service],
            page_rows=settings.page_rows,
        )
