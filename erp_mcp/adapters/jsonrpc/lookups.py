"""Canonical ids and values as the system has them; what it has not, or not clearly, refuses the change."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal, InvalidOperation

from erp_mcp.adapters.jsonrpc.query import SourceQuery, ids_of
from erp_mcp.adapters.jsonrpc.rows import Row, value
from erp_mcp.adapters.jsonrpc.units import symbols
from erp_mcp.adapters.jsonrpc.wire import Encodable
from erp_mcp.domain.call import JsonValue


class RefusedError(Exception):
    """What was asked for can't be expressed in the system; carries our code."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lookups:
    """Finds records by their codes, in the session that writes; each raises `RefusedError` for none or several."""

    query: SourceQuery

    async def product(self, code: str) -> Row:
        """Return the material of a code that may be bought, with the category of its unit."""
        fields = ["default_uom.category"]
        return await self.named("product.product", code, "material", [["purchasable", "=", True]], fields)

    async def unit(self, uom: str, product: Row) -> Row:
        """Return the unit of this code that the product can be counted in."""
        category = value(product, "default_uom.category")
        domain: list[Encodable] = [["symbol", "in", symbols(uom)], ["active", "=", True]]
        rows = await self.query.rows("product.uom", domain, ["digits", "category"])
        fitting = [row for row in rows if row.get("category") == category]
        return only(fitting, "unit")

    async def warehouse(self, site: str) -> Row:
        """Return the warehouse of a site."""
        return await self.named("stock.location", site, "site", [["type", "=", "warehouse"]])

    async def supplier(self, code: str) -> Row:
        """Return the party of a supplier's code."""
        return await self.named("party.party", code, "supplier")

    async def named(
        self, model: str, code: str, what: str, narrowed: Sequence[Encodable] = (), fields: Sequence[str] = ()
    ) -> Row:
        """Return the one active record with a code; a record without one is named by `id:`."""
        if not (code and code.isprintable()):
            raise RefusedError(f"{what}_unknown")
        named: Encodable = ["code", "=", code]
        if code.startswith("id:") and code[3:].isascii() and code[3:].isdecimal():
            named = ["id", "=", int(code[3:])]
        domain: list[Encodable] = [named, ["active", "=", True], *narrowed]
        return only(await self.query.rows(model, domain, ["id", *fields]), what)


def only(rows: Sequence[Row], what: str) -> Row:
    """Return the one row there is."""
    if len(rows) != 1:
        raise RefusedError(f"{what}_ambiguous" if rows else f"{what}_unknown")
    return rows[0]


def record_id(row: Row) -> int:
    """Return the number of a record."""
    return ids_of([row])[0]


def text(found: JsonValue | None) -> str:
    """Return a text; nothing has the empty code, so what is none is refused as unknown."""
    return found if isinstance(found, str) else ""


def day(found: JsonValue | None) -> date:
    """Return a day.

    Raises:
        RefusedError: `bad_date`.
    """
    try:
        return date.fromisoformat(text(found))
    except ValueError:
        raise RefusedError("bad_date") from None


def quantity(found: JsonValue | None, *, digits: Decimal | None) -> float:
    """Return a quantity as the system keeps it, when that is the same number.

    Raises:
        RefusedError: `bad_quantity`, or `quantity_too_fine` for more digits than the unit has.
    """
    try:
        exact = Decimal(text(found))
        kept = round(exact, int(digits or 0))
        same = exact > 0 and kept == exact == Decimal(repr(float(exact)))
    except (InvalidOperation, ValueError, OverflowError):
        raise RefusedError("bad_quantity") from None
    if not same:
        raise RefusedError("bad_quantity" if exact <= 0 else "quantity_too_fine")
    return float(exact)


def unit_price(found: JsonValue | None, *, per: JsonValue | None, digits: int) -> Decimal:
    """Return the price of one unit, when it is exact in so many digits.

    Raises:
        RefusedError: `bad_price`, or `price_too_fine`.
    """
    try:
        exact = Decimal(text(found))
    except InvalidOperation:
        raise RefusedError("bad_price") from None
    if not exact.is_finite() or exact <= 0 or isinstance(per, bool) or not isinstance(per, int) or per < 1:
        raise RefusedError("bad_price")
    kept = round(exact / per, digits)
    if kept * per != exact:
        raise RefusedError("price_too_fine")
    return kept
