"""`JsonRpcCommands`: `ports.Commands` for systems that speak JSON-RPC the way Tryton does."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Final, Self

from erp_mcp.adapters._connection import Connection
from erp_mcp.adapters._mapping import RecordMapper
from erp_mcp.adapters.jsonrpc import readiness
from erp_mcp.adapters.jsonrpc.amendment import Amendments
from erp_mcp.adapters.jsonrpc.delivery_date import MOVES, PURCHASE_LINE, SALE_LINE, DeliveryDates
from erp_mcp.adapters.jsonrpc.grammar import Source, sources
from erp_mcp.adapters.jsonrpc.production_dates import OrderDates
from erp_mcp.adapters.jsonrpc.purchase_order import PurchaseOrders
from erp_mcp.adapters.jsonrpc.query import SourceQuery
from erp_mcp.adapters.jsonrpc.recipes import (
    AmendmentRecipe,
    DateRecipe,
    OrderDatesRecipe,
    OrderRecipe,
    Recipe,
    SourcePriceRecipe,
    recipes,
)
from erp_mcp.adapters.jsonrpc.requisition import Requisitions
from erp_mcp.adapters.jsonrpc.settings import JsonRpcSettings
from erp_mcp.adapters.jsonrpc.source_price import PRICES, SOURCE, SourcePrices
from erp_mcp.adapters.jsonrpc.write_session import WriteSession
from erp_mcp.domain.command import Accepted, Command, Committed, Outcome, Refused, RetryContract, Written
from erp_mcp.domain.instants import instant_text
from erp_mcp.domain.profile import Profile
from erp_mcp.errors import ProfileFileError, SystemRefusedError
from erp_mcp.ports import Clock

_PAGE_ROWS: Final = 20  # records that a change is about: an order line, a requisition

_Way = DeliveryDates | Requisitions | PurchaseOrders | OrderDates | Amendments | SourcePrices


class JsonRpcCommands:
    """Writes to one system over a session of its own, with the account that may write."""

    def __init__(self, settings: JsonRpcSettings, profile: Profile, clock: Clock) -> None:
        """Contact nothing yet.

        Raises:
            ProfileFileError: `systems.bad_profile`, naming the key.
            ConfigurationError: `settings.bad_configuration`, likewise.
        """
        self._settings = settings
        self._profile = profile
        self._clock = clock
        self._session = WriteSession(settings)
        self._recipes = recipes(profile)
        entities = {name.partition(".")[0] for name in self._recipes}
        mapped = sources(dataclasses.replace(profile, entities={name: profile.entities[name] for name in entities}))
        self._ways = {name: self._way(name, recipe, mapped) for name, recipe in self._recipes.items()}

    @classmethod
    def open(cls, connection: Connection, profile: Profile, clock: Clock) -> Self:
        """Return the commands of a configured connection, whose account and secret are those that write."""
        return cls(JsonRpcSettings.of(connection), profile, clock)

    @property
    def system(self) -> str:
        """Name of the configured system."""
        return self._settings.system

    @property
    def operations(self) -> Mapping[str, RetryContract]:
        """The operations of the profile with their contracts."""
        return {name: recipe.contract for name, recipe in self._recipes.items()}

    async def send(self, command: Command) -> Outcome:
        """Write one change; see `ports.Commands.send`."""
        way = self._ways.get(command.operation)
        return await way.send(command) if way is not None else Refused(code="unknown_operation")

    async def find(self, command: Command) -> Written | None:
        """Return what a command wrote; see `ports.Commands.find`."""
        way = self._ways.get(command.operation)
        if way is None:
            raise SystemRefusedError(system=self.system, reason="the profile has no such operation")
        return await way.find(command)

    async def acknowledged(self, command: Command, ticket: str) -> Committed | Refused | Accepted | None:
        """Return what became of what was taken in; see `ports.Acknowledges`."""
        way = self._ways.get(command.operation)
        return await way.acknowledged(command, ticket) if isinstance(way, Amendments) else None

    async def probe(self) -> Mapping[str, str]:
        """Return product, version, account, server time, for each operation whether it can be done, and what is more.

        Nothing is written.
        """
        version = await self._session.version()
        told = await readiness.of(self._session, self._recipes, system=self.system)
        found = {"product": "Tryton", "version": version[:20], "account": self._settings.account, **told}
        moment = self._session.server_time()
        return {**found, "server_time": instant_text(moment)} if moment else found

    async def close(self) -> None:
        """Forget the session and let go of connections."""
        await self._session.close()

    def _way(self, name: str, recipe: Recipe, mapped: Mapping[str, Source]) -> _Way:
        source = mapped[name.partition(".")[0]]
        query = SourceQuery(
            source=source,
            session=self._session,
            system=self.system,
            page_rows=_PAGE_ROWS,
            mapper=RecordMapper(source.entity, system=self.system, states=self._profile.states),
            as_of=lambda: instant_text(self._clock.plant()),
        )
        match recipe:
            case OrderRecipe():
                return PurchaseOrders(session=self._session, query=query, recipe=recipe)
            case OrderDatesRecipe():
                return OrderDates(session=self._session, query=query, recipe=recipe)
            case AmendmentRecipe():
                return Amendments(session=self._session, query=query, recipe=recipe)
            case SourcePriceRecipe():
                self._need(source, SOURCE, PRICES, "prices")
                return SourcePrices(session=self._session, query=query, recipe=recipe)
            case DateRecipe():
                wanted = PURCHASE_LINE if source.entity.startswith("purchase") else SALE_LINE
                self._need(source, wanted, MOVES, "dates")
                return DeliveryDates(session=self._session, query=query, recipe=recipe)
        return Requisitions(session=self._session, query=query, recipe=recipe)

    def _need(self, source: Source, model: str, link: str, what: str) -> None:
        """Refuse a profile that reads another model, or whose versions leave out where the change is kept."""
        if source.model != model or link not in source.version:
            key, reason = (
                f"entities.{source.entity}.version",
                f"the model {model} and `{link}` are needed to write {what}",
            )
            raise ProfileFileError(profile=self._profile.name, key=key, reason=reason)
