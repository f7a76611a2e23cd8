"""A new purchase order, in draft, with our reference where it can be searched; a buyer quotes and confirms it there."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Final

from erp_mcp.adapters.jsonrpc.lookups import Lookups, RefusedError, day, only, quantity, record_id, text, unit_price
from erp_mcp.adapters.jsonrpc.query import SourceQuery, ids_of
from erp_mcp.adapters.jsonrpc.recipes import OrderRecipe
from erp_mcp.adapters.jsonrpc.rows import VERSION, Row, ShapeError, linked, number, value
from erp_mcp.adapters.jsonrpc.units import rec20
from erp_mcp.adapters.jsonrpc.wire import Encodable
from erp_mcp.adapters.jsonrpc.write_session import Accepted, WriteSession, not_sent
from erp_mcp.domain.call import JsonValue
from erp_mcp.domain.command import Command, Committed, NotSent, Outcome, Refused, Unknown, Written
from erp_mcp.domain.reference import is_reference
from erp_mcp.domain.value import MONEY_DIGITS, QUANTITY_DIGITS, money_text, quantity_text, to_scaled
from erp_mcp.errors import BadAnswerError, GatewayError

ORDER: Final = "purchase.purchase"
ORDER_LINE: Final = "purchase.line"
_CREATOR: Final = "create_uid"
_PRICE_DIGITS: Final = 4
_SET_UP_PAUSE_S: Final = 300
_MAX_LINES: Final = 50
_READ: Final = ("number", "party.code", "warehouse.code", "currency.code", VERSION)
_READ_LINES: Final = ("product.code", "quantity", "unit.symbol", "unit_price")


@dataclass(frozen=True, slots=True, kw_only=True)
class PurchaseOrders:
    """Creates purchase orders by a recipe; `query` asks in the session that writes."""

    session: WriteSession
    query: SourceQuery
    recipe: OrderRecipe

    async def send(self, command: Command) -> Outcome:
        """Create the order with all its lines, in one call, so that there is a whole one or none.

        It stays in draft, without a number: nobody is told, and a buyer of the system goes on with it there.
        """
        if not is_reference(command.reference):
            return Refused(code="bad_reference")
        try:
            account = await self.session.account()
            if not account.company:
                return NotSent(reason="account_has_no_company", retry_after_s=_SET_UP_PAUSE_S)
            if await self._bearing(command.reference):
                return Unknown(reason="reference_exists")
            values = await self._values(command, account.company)
        except RefusedError as refusal:
            return Refused(code=str(refusal))
        except ShapeError as failure:
            return not_sent(self.query.bad(str(failure)))
        except GatewayError as failure:
            return not_sent(failure)
        verdict = await self.session.write(ORDER, "create", [values], reference=command.reference)
        if not isinstance(verdict, Accepted):
            return verdict
        match verdict.result:
            case [int() as made] if made > 0:
                return Committed(written=await self._after(made))
            case _:
                return Unknown(reason="answer_unreadable")

    async def find(self, command: Command) -> Written | None:
        """Return the order of this account that bears the reference.

        Raises:
            BadAnswerError: `adapter.bad_answer`, when there are several, or only one of another account: a copy by hand
                keeps the reference, so nobody can say which is which.
        """
        rows = await self._bearing(command.reference) if is_reference(command.reference) else []
        if not rows:
            return None
        account = await self.session.account()
        ours = [row for row in rows if row.get(_CREATOR) == account.user]
        if len(ours) != 1:
            raise BadAnswerError(system=self.query.system, field="reference", reason="not borne by exactly one of ours")
        return await self._read(ids_of(ours)[0])

    async def _bearing(self, reference: str) -> list[Row]:
        return await self.query.rows(ORDER, [[self.recipe.reference, "=", reference]], ["id", _CREATOR])

    async def _after(self, made: int) -> Written:
        """Return the order as it is; where it can't be read, that it was made is certain all the same."""
        try:
            return await self._read(made)
        except GatewayError:
            return Written(document=f"id:{made}", key="", version_token="")

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

    async def _values(self, command: Command, company: int) -> dict[str, Encodable]:
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
            "company": company,
            "party": record_id(supplier),
            "invoice_address": record_id(await self._address(record_id(supplier))),
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

    async def _address(self, party: int) -> Row:
        """Return the first address of a supplier: invoices of theirs come from it, and an order needs one."""
        rows = await self.query.rows("party.address", [["party", "=", party], ["active", "=", True]], ["id"])
        return only(rows[:1], "supplier_address")


def _code(row: Row, path: str) -> str | None:
    found = value(row, path)
    return found if isinstance(found, str) else None
