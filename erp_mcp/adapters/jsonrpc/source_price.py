"""Another price of a supplier of a product: written to the one price that it has, as long as that is as it was read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from erp_mcp.adapters.jsonrpc.change_log import wrote_since
from erp_mcp.adapters.jsonrpc.lookups import RefusedError, unit_price
from erp_mcp.adapters.jsonrpc.query import SourceQuery, as_sent, ids_of
from erp_mcp.adapters.jsonrpc.recipes import SourcePriceRecipe
from erp_mcp.adapters.jsonrpc.rows import VERSION, Row, ShapeError, linked, number, value, version_of
from erp_mcp.adapters.jsonrpc.write_session import Accepted, WriteSession, not_sent
from erp_mcp.domain.call import JsonValue
from erp_mcp.domain.command import Command, Committed, Conflict, Outcome, Refused, Written
from erp_mcp.domain.entities.procurement import SupplySource
from erp_mcp.domain.value import money_text
from erp_mcp.errors import GatewayError

SOURCE: Final = "purchase.product_supplier"
PRICE: Final = "purchase.product_supplier.price"
PRICES: Final = "prices"
_PRICE_DIGITS: Final = 4
_WRITER: Final = "write_uid"
_MAX_ID_DIGITS: Final = 18
_READ: Final = ("id", "unit_price", VERSION, _WRITER)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Source:
    """A supplier of a product as it is now, for the one site there is, with all its prices."""

    record: SupplySource
    prices: tuple[Row, ...]
    sites: int
    is_active: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class SourcePrices:
    """Writes the price by a recipe; `query` reads the canonical sources, in the session that writes."""

    session: WriteSession
    query: SourceQuery
    recipe: SourcePriceRecipe

    async def send(self, command: Command) -> Outcome:
        """Write the price where supplier and price are as they were read when the change was worked out."""
        try:
            source = await self._read(command.key)
            if source is None or source.record.version_token != command.version_token:
                return Conflict()
            price = _checked(source, command)
        except RefusedError as refusal:
            return Refused(code=str(refusal))
        except GatewayError as failure:
            return not_sent(failure)
        (row,) = source.prices
        verdict = await self.session.write(
            PRICE,
            "write",
            ids_of([row]),
            {"unit_price": price},
            reference=command.reference,
            versions={_name(row): version_of(row)},
        )
        return Committed(written=await self._after(source, command)) if isinstance(verdict, Accepted) else verdict

    async def find(self, command: Command) -> Written | None:
        """Return what this account wrote to the price since the change was worked out.

        Nothing was written where it is as it was. Else the writer of the present price says so, or the system's own log
        of changes does, where somebody wrote after us.
        """
        source = await self._read(command.key)
        if source is None or source.record.version_token == command.version_token:
            return None
        account, written = await self.session.account(), _written(source.record)
        as_asked = written.fields.get("price") == command.fields.get("price")
        ours = as_asked and [one.get(_WRITER) for one in source.prices] == [account.user]
        names = [_name(one) for one in source.prices]
        if ours or await wrote_since(self.query, names, user=account.user, version_token=command.version_token):
            return written
        return None

    async def _after(self, before: _Source, command: Command) -> Written:
        """Return the source as it is now; where it can't be read, what was written is certain all the same."""
        try:
            after = await self._read(command.key)
        except GatewayError:
            after = None
        if after is not None:
            return _written(after.record)
        known = _written(before.record)
        return Written(document=known.document, key=command.key, version_token="", fields=dict(command.fields))

    async def _read(self, key: str) -> _Source | None:
        """Return the source with this source key, `<supplier of a product>@<site>`; `None` where there is none."""
        number_text, _, site = key.partition("@")
        if not (_is_id(number_text) and _is_id(site)):
            return None
        (each,) = self.query.source.each
        sites = await self.query.every(each.model, as_sent(each.domain), ["id", *each.fields])
        here = [one for one in sites if one.get("id") == int(site)]
        fields = sorted({*self.query.fields(), "party.active", *(f"{PRICES}.{name}" for name in _READ)})
        rows = await self.query.rows(SOURCE, [["id", "=", int(number_text)]], fields)
        if not rows or not here:
            return None
        record = self.query.made({**rows[0], f"{each.name}.": dict(here[0])}, key)
        try:
            prices, is_active = tuple(linked(rows[0], PRICES)), bool(value(rows[0], "party.active"))
        except ShapeError as failure:
            raise self.query.bad(str(failure)) from None
        if not isinstance(record, SupplySource) or len(ids_of(prices)) != len(prices):
            raise self.query.bad(PRICES)
        return _Source(record=record, prices=prices, sites=len(sites), is_active=is_active)


def _checked(source: _Source, command: Command) -> Decimal:
    """Return the price that is to be written.

    Raises:
        RefusedError: it can't be, or would change more than was approved.
    """
    record, fields = source.record, command.fields
    named = (record.material_id, record.supplier_id, record.site)
    if tuple(fields.get(name) for name in ("material_id", "supplier_id", "site")) != named:
        raise RefusedError("key_mismatch")  # two sources are named: whichever is written, one was not approved
    if source.sites != 1:
        raise RefusedError("shared_by_sites")  # a supplier's price there is one for all of them
    if len(source.prices) != 1:
        raise RefusedError("several_prices")  # for several quantities, or none at all
    if not source.is_active:
        raise RefusedError("supplier_blocked")
    if (fields.get("price_unit"), fields.get("currency")) != (record.price_unit, record.currency):
        raise RefusedError("other_terms")
    price = unit_price(fields.get("price"), per=1, digits=_PRICE_DIGITS)
    if price == number(source.prices[0], "unit_price"):
        raise RefusedError("nothing_changes")
    return price


def _written(record: SupplySource) -> Written:
    fields: Mapping[str, JsonValue] = {
        "material_id": record.material_id,
        "supplier_id": record.supplier_id,
        "site": record.site,
        "price": money_text(record.price or 0),
        "price_unit": record.price_unit,
        "currency": record.currency,
    }
    document = f"{record.material_id}/{record.supplier_id}/{record.site}"
    return Written(document=document, key=record.source_key, version_token=record.version_token, fields=fields)


def _name(price: Row) -> str:
    return ",".join((PRICE, *(str(one) for one in ids_of([price]))))


def _is_id(text: str) -> bool:
    return text.isascii() and text.isdecimal() and 0 < len(text) <= _MAX_ID_DIGITS
