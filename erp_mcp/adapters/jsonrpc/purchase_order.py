"""A new purchase order, in draft, with our reference where it can be searched; a buyer quotes and confirms it there."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Final

from erp_mcp.adapters.jsonrpc.lookups import Lookups, RefusedError, day, quantity, record_id, text, unit_price
from erp_mcp.adapters.jsonrpc.new_document import NewDocuments
from erp_mcp.adapters.jsonrpc.query import SourceQuery, ids_of
from erp_mcp.adapters.jsonrpc.recipes import OrderRecipe
from erp_mcp.adapters.jsonrpc.rows import VERSION, Row, ShapeError, linked, number, value
from erp_mcp.adapters.jsonrpc.units import rec20
from erp_mcp.adapters.jsonrpc.wire import Encodable
from erp_mcp.adapters.jsonrpc.write_session import Account, WriteSession
from erp_mcp.domain.call import JsonValue
from erp_mcp.domain.command import Command, Outcome, Written
from erp_mcp.domain.value import MONEY_DIGITS, QUANTITY_DIGITS, money_text, quantity_text, to_scaled

ORDER: Final = "purchase.purchase"
ORDER_LINE: Final = "purchase.line"
_PRICE_DIGITS: Final = 4
_MAX_LINES: Final = 50
_READ: Final = ("number", "party.code", "warehouse.code", "currency.code", VERSION)
_READ_LINES: Final = ("product.code", "quantity", "unit.symbol", "unit_price")


@dataclass(frozen=True, slots=True, kw_only=True)
class PurchaseOrders:
    """Creates purchase orders by a recipe; `query` asks in the session that writes."""

    session: WriteSession
    query: SourceQuery
    recipe: OrderRecipe

    @property
    def _new(self) -> NewDocuments:
        return NewDocuments(
            session=self.session,
            query=self.query,
            model=ORDER,
            reference=self.recipe.reference,
            lacking=lambda account: "" if account.company else "account_has_no_company",
            values=self._values,
            read=self._read,
        )

    async def send(self, command: Command) -> Outcome:
        """Create the order with all its lines.

        It stays in draft, without a number: nobody is told, and a buyer of the system goes on with it there.
        """
        return await self._new.send(command)

    async def find(self, command: Command) -> Written | None:
        """Return the order that bears the reference; raises as `NewDocuments.find`."""
        return await self._new.find(command)

    async def _read(self, order: int) -> Written:
        paths = [*_READ, *(f"lines.{name}" for name in ("id", *_READ_LINES, self.recipe.line_date))]
        rows = await self.query.rows(ORDER, [["id", "=", order]], sorted(paths))
        if not rows:
            raise self.query.bad("id")
        try:
            return self._written(rows[0], order)
        except ShapeError as failure:
            raise self.query.bad(str(failure)) from None

    def _written(self, row: Row, order: int) -> Written:
        known, version = value(row, "number"), row.get(VERSION)
        fields: dict[str, JsonValue] = {
            "supplier_id": _code(row, "party.code"),
            "site": _code(row, "warehouse.code"),
            "currency": _code(row, "currency.code"),
            "lines": [self._line(one) for one in sorted(linked(row, "lines"), key=lambda one: ids_of([one]))],
        }
        return Written(
            document=known if isinstance(known, str) and known else f"id:{order}",
            key=str(order),
            version_token=version if isinstance(version, str) else "",
            fields=fields,
        )

    def _line(self, row: Row) -> dict[str, JsonValue]:
        asked, price = number(row, "quantity"), number(row, "unit_price")
        due = value(row, self.recipe.line_date)
        symbol = value(row, "unit.symbol")
        return {
            "material_id": _code(row, "product.code"),
            "qty": quantity_text(to_scaled(asked, QUANTITY_DIGITS)) if asked is not None else None,
            "uom": rec20(symbol) if isinstance(symbol, str) else None,
            "price": money_text(to_scaled(price, MONEY_DIGITS)) if price is not None else None,
            "price_unit": 1,
            "delivery_date": due.isoformat() if isinstance(due, date) else None,
        }

    # --- what an order is made of -------------------------------------------------------------------------------------

    async def _values(self, command: Command, account: Account) -> dict[str, Encodable]:
        fields = command.fields
        if fields.get("requisitions"):
            raise RefusedError("requisitions_not_linked")  # they would stay open beside the order
        lines = fields.get("lines")
        if not isinstance(lines, list) or not 0 < len(lines) <= _MAX_LINES:
            raise RefusedError("bad_lines")
        lookups = Lookups(query=self.query)
        supplier = await lookups.supplier(text(fields.get("supplier_id")))
        warehouse = await lookups.warehouse(text(fields.get("site")))
        currency = await lookups.named("currency.currency", text(fields.get("currency")), "currency")
        made: list[Encodable] = [await self._line_values(lookups, one) for one in lines]
        return {
            "company": account.company,
            "party": record_id(supplier),
            "warehouse": record_id(warehouse),
            "currency": record_id(currency),
            self.recipe.reference: command.reference,
            "lines": [["create", made]],
        }

    async def _line_values(self, lookups: Lookups, line: JsonValue) -> dict[str, Encodable]:
        if not isinstance(line, dict):
            raise RefusedError("bad_lines")
        product = await lookups.product(text(line.get("material_id")))
        unit = await lookups.unit(text(line.get("uom")), product)
        asked = quantity(line.get("qty"), digits=number(unit, "digits"))
        return {
            **self.recipe.line_with,
            "product": record_id(product),
            "quantity": asked,
            "unit": record_id(unit),
            "unit_price": unit_price(line.get("price"), per=line.get("price_unit"), digits=_PRICE_DIGITS),
            self.recipe.line_date: day(line.get("delivery_date")),
        }


def _code(row: Row, path: str) -> str | None:
    found = value(row, path)
    return found if isinstance(found, str) else None
