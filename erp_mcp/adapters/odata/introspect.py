"""A close look at a system without writing anything: what is bound, how it pages, whether it gives versions."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from erp_mcp.adapters._documents.json_text import Document
from erp_mcp.adapters.odata.binding import Binding
from erp_mcp.adapters.odata.grammar import Source
from erp_mcp.adapters.odata.pages import SetPages
from erp_mcp.adapters.odata.query import address
from erp_mcp.adapters.odata.service import Services
from erp_mcp.adapters.odata.settings import ODataSettings
from erp_mcp.adapters.odata.shape import ETAG
from erp_mcp.domain.instants import instant_text
from erp_mcp.domain.introspection import EntityBinding, Introspection
from erp_mcp.domain.profile import Profile

_VERSION: Final = "version_token"
_RIGHTS: Final = "not visible over OData without writing; check the account's roles in the system"


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """One system, looked at for a person."""

    settings: ODataSettings
    profile: Profile
    sources: Mapping[str, Source]
    services: Services
    pages: Callable[[str], Awaitable[SetPages]]

    async def probe(self) -> Mapping[str, str]:
        """Return product, version, account and server time; one record of each service is asked for.

        Raises:
            as `ports.Adapter.probe`.
        """
        for source in {one.service: one for one in self.sources.values()}.values():
            model = await self.services.model(source.service)
            structure = model.of_set(source.set)
            if structure is not None:  # else `introspect` says so
                options = {"$select": ",".join(structure.keys), "$top": "1"}
                url = address(self.settings.services[source.service], source.set, options)
                await self.services.page(source.service, url)
        told = {"product": "OData", "version": f"V{self.settings.version}", "account": self.settings.account}
        moment = self.services.server_time()
        return {**told, "server_time": instant_text(moment)} if moment else told

    async def introspect(self) -> Introspection:
        """Return what of each entity is there, and what one record of it tells."""
        entities: list[EntityBinding] = []
        told: dict[str, list[str]] = {}
        for entity in sorted(self.sources):
            binding = await self._binding(entity)
            if not binding.mandatory:
                pages = await self.pages(entity)
                found = await pages.first()
                binding = self._versioned(binding, found)
                for what in self._told(entity, pages, found):
                    told.setdefault(what, []).append(entity)
            entities.append(binding)
        listed = {what: ", ".join(some) for what, some in told.items()}
        return Introspection(entities=tuple(entities), told={**self._about(), **listed}, rights_seen=False)

    async def _binding(self, entity: str) -> EntityBinding:
        source = self.sources[entity]
        model = await self.services.model(source.service)
        version = self.settings.versions[source.service]
        return Binding(self.profile, source, model, system=self.settings.system, version=version).told()

    def _versioned(self, binding: EntityBinding, found: Sequence[Document]) -> EntityBinding:
        """Return a binding that lacks its version where the profile takes the ETag and the records have none.

        Metadata says nothing of ETags, so only a record tells.
        """
        if not self._by_etag(binding.entity) or not found or found[0].get(ETAG):
            return binding
        return replace(binding, mandatory=(_VERSION,))

    def _by_etag(self, entity: str) -> bool:
        return self.profile.entities[entity].get("version") == "etag"

    def _told(self, entity: str, pages: SetPages, found: Sequence[Document]) -> list[str]:
        """Return what one record and the profile say of an entity; each is a heading that entities are listed under."""
        told = ["read by change time" if pages.bound.changed else "read whole each time"]
        if found and ETAG in found[0]:
            told.append("with etag")
        if not found and self._by_etag(entity):
            told.append("no record yet, so its etag can't be seen")
        if not pages.stable:
            told.append("paged by the system's links")
        return told

    def _about(self) -> dict[str, str]:
        about = {
            "protocol": f"OData V{self.settings.version}",
            "page": f"{self.settings.page_rows} records, by key",
            "write rights": _RIGHTS,
        }
        versions = self.services.metadata_versions
        if versions:
            about["metadata"] = ", ".join(f"{alias} {version}" for alias, version in sorted(versions.items()))
        if self.services.noted:
            about["messages"] = ", ".join(self.services.noted)
        return about
