"""`RestAdapter`: `ports.Adapter` for systems with a JSON API over HTTP, as their profiles describe them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final, Self
from zoneinfo import ZoneInfo

from erp_mcp.adapters._connection import Connection
from erp_mcp.adapters._documents import Document, Fields, Value
from erp_mcp.adapters._documents.changes import DocumentChanges
from erp_mcp.adapters._http_connection import open_egress
from erp_mcp.adapters._mapping import RecordMapper
from erp_mcp.adapters.rest.answers import text_at
from erp_mcp.adapters.rest.client import Client
from erp_mcp.adapters.rest.grammar import Head, Source, read_head, read_sources
from erp_mcp.adapters.rest.introspection import binding_by_documents, binding_by_schema, document_schemas
from erp_mcp.adapters.rest.login import Login, login_identity, read_login
from erp_mcp.adapters.rest.pages import RestPages
from erp_mcp.adapters.rest.profile_check import fields_of
from erp_mcp.adapters.rest.settings import RestSettings
from erp_mcp.adapters.rest.templates import Filling
from erp_mcp.credentials import Identity
from erp_mcp.domain.entities import Record
from erp_mcp.domain.instants import instant_text
from erp_mcp.domain.introspection import EntityBinding, Introspection
from erp_mcp.domain.profile import Profile
from erp_mcp.egress import Egress
from erp_mcp.errors import (
    BadAnswerError,
    EntityNotOfferedError,
    GatewayError,
    SystemRefusedError,
    UnboundFieldError,
)
from erp_mcp.ports import ChangePage, Clock

LOOKED_AT: Final = 20  # documents of an entity, where no OpenAPI document says what it has
_PROBE_CHARS: Final = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class _Entity:
    source: Source
    fields: Fields
    pages: RestPages
    changes: DocumentChanges


class RestAdapter:
    """Reads one system; it has no method that writes."""

    def __init__(self, settings: RestSettings, head: Head, profile: Profile, clock: Clock, egress: Egress) -> None:
        """Contact nothing yet.

        Raises:
            ProfileFileError: `systems.bad_profile`, naming the key.
        """
        self._settings = settings
        self._head = head
        self._clock = clock
        self._egress = egress
        self._signed_in: Identity | None = None  # an identity of our own making
        self._rights_seen = False  # whether signing in looks at the account's rights, and refuses too many
        self._client = Client(system=settings.system, root=settings.root, head=head, egress=egress)
        self._zone = ZoneInfo(profile.zone)
        self._entities = {
            entity: self._opened(source, profile) for entity, source in read_sources(profile, head).items()
        }
        self._openapi: Mapping[str, Value] | None = None
        self._looking = asyncio.Lock()
        self._looked_at: set[str] = set()

    @classmethod
    def open(cls, connection: Connection, profile: Profile, clock: Clock) -> Self:
        """Return an adapter for a configured connection; see `RestSettings.of` for its options."""
        return cls.signing_in(connection, profile, clock, read_login(profile))

    @classmethod
    def signing_in(cls, connection: Connection, profile: Profile, clock: Clock, login: Login | None) -> Self:
        """Return an adapter that signs in as `login` says, as the connection says where that is `None`."""
        head = read_head(profile)
        settings = RestSettings.of(connection, head)
        if login is None:
            return cls(settings, head, profile, clock, open_egress(connection))
        identity = login_identity(connection, login, settings.root)
        adapter = cls(settings, head, profile, clock, open_egress(replace(connection, identity=identity)))
        adapter._signed_in, adapter._rights_seen = identity, login.rights is not None
        return adapter

    @property
    def identity(self) -> Identity | None:
        """What its requests bear where it signs in by itself; closed with it, so whoever shares it is closed first."""
        return self._signed_in

    @property
    def system(self) -> str:
        """Name of the configured system."""
        return self._settings.system

    @property
    def entities(self) -> frozenset[str]:
        """Canonical entities that the profile maps."""
        return frozenset(self._entities)

    async def changes(self, entity: str, watermark: str) -> AsyncIterator[ChangePage]:
        """Yield what changed; see `ports.Adapter.changes` and `_documents.changes`.

        Raises:
            UnboundFieldError: `adapter.unbound_field`, where the system's OpenAPI document lacks a mandatory field, or
                none of some records has it.
        """
        found = await self._usable(entity)
        try:
            async for page in found.changes.since(watermark):
                yield page
        except BadAnswerError as failure:
            await self._check_bound(found, failure)
            raise

    async def read(self, entity: str, keys: Sequence[str]) -> tuple[Record, ...]:
        """Return the live records with these source keys; see `ports.Adapter.read`. Raises as `changes`."""
        self._entity(entity)
        return await (await self._usable(entity)).changes.read(keys) if keys else ()

    async def probe(self) -> Mapping[str, str]:
        """Return product, version, account and the server's time, as far as the profile says where they are."""
        probe = self._head.probe
        if probe is None:
            entity = self._entities[min(self._entities)]
            await entity.pages.first(1)
            return {"account": self._settings.account} if self._settings.account else {}
        told = await self._client.ask(probe.request, self._filling())
        named = {
            "product": probe.product,
            "version": text_at(told.value, probe.version),
            "account": text_at(told.value, probe.account) or self._settings.account,
            "server_time": told.server_time,
        }
        return {name: value[:_PROBE_CHARS] for name, value in named.items() if value.isprintable() and value}

    async def introspect(self) -> Introspection:
        """Return which fields there are: by the OpenAPI document, where the profile names one, or by some documents."""
        bindings = [await self._binding(self._entities[name]) for name in sorted(self._entities)]
        ways = {name: one.source.paging.kind for name, one in self._entities.items()}
        told = {
            "paging": ", ".join(sorted(set(ways.values()))),
            "described by": "OpenAPI" if self._head.openapi else f"up to {LOOKED_AT} records of each entity",
        }
        return Introspection(entities=tuple(bindings), told=told, rights_seen=self._rights_seen)

    async def close(self) -> None:
        """Let go of connections."""
        await self._egress.close()
        if self._signed_in is not None:
            await self._signed_in.close()

    # --- Parts --------------------------------------------------------------------------------------------------------

    def _opened(self, source: Source, profile: Profile) -> _Entity:
        fields = fields_of(source, profile, system=self.system)
        pages = RestPages(
            source=source,
            fields=fields,
            client=self._client,
            filling=self._filling(),
            page_rows=self._settings.page_rows,
        )
        changes = DocumentChanges(
            fields=fields,
            mapper=RecordMapper(source.entity, system=self.system, states=profile.states),
            pages=pages,
            as_of=lambda: instant_text(self._clock.plant()),
            now=lambda: instant_text(self._clock.wall()),
            overlap_s=self._settings.overlap_s,
            page_rows=self._settings.page_rows,
        )
        return _Entity(source=source, fields=fields, pages=pages, changes=changes)

    def _filling(self) -> Filling:
        return Filling(zone=self._zone, options=self._settings.options)

    def _entity(self, entity: str) -> _Entity:
        if entity not in self._entities:
            raise EntityNotOfferedError(system=self.system, entity=entity)
        return self._entities[entity]

    async def _usable(self, entity: str) -> _Entity:
        """Return an entity, once the OpenAPI document, if there is one, says that its mandatory fields are there."""
        found = self._entity(entity)
        if self._head.openapi and entity not in self._looked_at:
            binding = await self._described(found)
            if binding is not None and binding.mandatory:
                raise UnboundFieldError(system=self.system, entity=entity, fields=binding.mandatory)
            self._looked_at.add(entity)
        return found

    async def _check_bound(self, entity: _Entity, failure: BadAnswerError) -> None:
        """Say so where a mandatory field is missing because the system does not have it at all."""
        if failure.facts.get("field") not in entity.fields.mandatory:
            return
        try:
            binding = binding_by_documents(entity.fields, await entity.pages.first(LOOKED_AT), self._path(entity))
        except GatewayError:
            return
        if binding.mandatory:
            raise UnboundFieldError(system=self.system, entity=binding.entity, fields=binding.mandatory) from None

    async def _binding(self, entity: _Entity) -> EntityBinding:
        described = await self._described(entity) if self._head.openapi else None
        if described is not None:
            return described
        documents: list[Document] = await entity.pages.first(LOOKED_AT)
        return binding_by_documents(entity.fields, documents, self._path(entity))

    async def _described(self, entity: _Entity) -> EntityBinding | None:
        openapi = await self._openapi_document()
        where = entity.source.by_key if entity.source.detail else None
        request = where.request if where else entity.source.listing
        items = where.items if where else entity.source.items
        template = str(request.path.shown)
        schemas = document_schemas(openapi, f"{self._head.base}{template}", request.method, items)
        if not schemas:
            schemas = document_schemas(openapi, template, request.method, items)
        return binding_by_schema(entity.fields, schemas, openapi, self._path(entity)) if schemas else None

    async def _openapi_document(self) -> Mapping[str, Value]:
        """Return the system's own description, read once; one that has none is not refused for it."""
        async with self._looking:
            if self._openapi is None:
                try:
                    found = (await self._client.get(self._head.openapi)).value
                except (BadAnswerError, SystemRefusedError):
                    found = None
                self._openapi = found if isinstance(found, dict) else {}
            return self._openapi

    def _path(self, entity: _Entity) -> str:
        return f"{self._head.base}{entity.source.listing.path.shown}"
