"""Other planned dates of a production order: written to the order while it is as read and may move."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Final

from erp_mcp.adapters.jsonrpc.change_log import wrote_since
from erp_mcp.adapters.jsonrpc.lookups import RefusedError, day
from erp_mcp.adapters.jsonrpc.query import SourceQuery
from erp_mcp.adapters.jsonrpc.recipes import OrderDatesRecipe
from erp_mcp.adapters.jsonrpc.rows import Row, value, version_of
from erp_mcp.adapters.jsonrpc.write_session import Accepted, WriteSession, not_sent
from erp_mcp.domain.call import JsonValue
from erp_mcp.domain.command import Command, Committed, Conflict, Outcome, Refused, Written
from erp_mcp.domain.entities.production import ProductionOrder
from erp_mcp.errors import GatewayError

PRODUCTION: Final = "production"
_WRITER: Final = "write_uid"
_MAX_ID_DIGITS: Final = 18


@dataclass(frozen=True, slots=True, kw_only=True)
class _Order:
    """An order as it is now."""

    record: ProductionOrder
    row: Row


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderDates:
    """Writes the dates by a recipe; `query` reads the canonical orders, in the session that writes."""

    session: WriteSession
    query: SourceQuery
    recipe: OrderDatesRecipe

    async def send(self, command: Command) -> Outcome:
        """Write both dates in one call, where the order is as it was read when the change was worked out.

        What needs its components follows by the system's own rules; nothing is released or begun.
        """
        try:
            order = await self._read(command.key)
            if order is None or order.record.version_token != command.version_token:
                return Conflict()
            self._check(order, command)
            values = {field: day(command.fields.get(name)) for name, field in self.recipe.fields.items()}
        except RefusedError as refusal:
            return Refused(code=str(refusal))
        except GatewayError as failure:
            return not_sent(failure)
        number = int(command.key)
        verdict = await self.session.write(
            PRODUCTION,
            "write",
            [number],
            values,
            reference=command.reference,
            versions={f"{PRODUCTION},{number}": version_of(order.row)},
        )
        return Committed(written=await self._after(order, command)) if isinstance(verdict, Accepted) else verdict

    async def find(self, command: Command) -> Written | None:
        """Return what this account wrote to the order since the change was worked out.

        Nothing was written where the order is as it was. Else the writer of the present dates says so, or the system's
        own log of changes does, where somebody wrote after us.
        """
        order = await self._read(command.key)
        if order is None or order.record.version_token == command.version_token:
            return None
        account = await self.session.account()
        written = self._written(order)
        as_asked = all(written.fields.get(name) == command.fields.get(name) for name in self.recipe.fields)
        ours = as_asked and order.row.get(_WRITER) == account.user
        resource = f"{PRODUCTION},{command.key}"
        if ours or await wrote_since(self.query, [resource], user=account.user, version_token=command.version_token):
            return written
        return None

    def _check(self, order: _Order, command: Command) -> None:
        """Refuse an order that is another one than was named, or stands in a state that keeps its dates."""
        if command.fields.get("production_order_id") not in (order.record.production_order_id, None):
            raise RefusedError("key_mismatch")  # two orders are named: whichever is written, one was not approved
        if order.row.get("state") not in self.recipe.states:
            raise RefusedError("order_not_movable")

    async def _after(self, before: _Order, command: Command) -> Written:
        """Return the order as it is now; where it can't be read, what was written is certain all the same."""
        try:
            after = await self._read(command.key)
        except GatewayError:
            after = None
        if after is not None:
            return self._written(after)
        number = before.record.production_order_id
        return Written(document=number, key=command.key, version_token="", fields=dict(command.fields))

    async def _read(self, key: str) -> _Order | None:
        """Return the order with this source key, `None` where there is none."""
        if not (key.isascii() and key.isdecimal() and 0 < len(key) <= _MAX_ID_DIGITS):
            return None
        fields = sorted({*self.query.fields(), "state", _WRITER, *self.recipe.fields.values()})
        rows = await self.query.rows(PRODUCTION, [["id", "=", int(key)]], fields)
        record = self.query.record(rows[0]) if rows else None
        return _Order(record=record, row=rows[0]) if isinstance(record, ProductionOrder) else None

    def _written(self, order: _Order) -> Written:
        dates: Mapping[str, JsonValue] = {
            name: found.isoformat() if isinstance(found := value(order.row, field), date) else None
            for name, field in self.recipe.fields.items()
        }
        record = order.record
        return Written(
            document=record.production_order_id,
            key=record.source_key,
            version_token=record.version_token,
            fields={"production_order_id": record.production_order_id, **dates},
        )
