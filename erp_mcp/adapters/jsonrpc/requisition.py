"""A new purchase requisition of one line, in draft, with our reference where it can be searched."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal, InvalidOperation
from typing import Final

from erp_mcp.adapters.jsonrpc.query import SourceQuery, ids_of
from erp_mcp.adapters.jsonrpc.recipes import RequisitionRecipe
from erp_mcp.adapters.jsonrpc.rows import Row, ShapeError, number, value
from erp_mcp.adapters.jsonrpc.units import symbols
from erp_mcp.adapters.jsonrpc.wire import Encodable
from erp_mcp.adapters.jsonrpc.write_session import Accepted, Account, WriteSession, not_sent
from erp_mcp.domain.call import JsonValue
from erp_mcp.domain.command import Command, Committed, NotSent, Outcome, Refused, Unknown, Written
from erp_mcp.domain.entities.procurement import PurchaseRequisition
from erp_mcp.domain.reference import is_reference
from erp_mcp.domain.value import quantity_text
from erp_mcp.errors import BadAnswerError, GatewayError

HEAD: Final = "purchase.requisition"
_CREATOR: Final = "create_uid"
_SET_UP_PAUSE_S: Final = 300


class _RefusedError(Exception):
    """What was asked for can't be expressed in the system; carries our code."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Requisitions:
    """Creates requisitions by a recipe; `query` reads the canonical lines, in the session that writes."""

    session: WriteSession
    query: SourceQuery
    recipe: RequisitionRecipe

    async def send(self, command: Command) -> Outcome:
        """Create the requisition, in one call, so that there is a whole one or none.

        It stays in draft: a person of the system adds what is missing and sends it on its way to approval there. A
        reference that is there already is `Unknown`, since what bears it may be this very command's.
        """
        if not is_reference(command.reference):
            return Refused(code="bad_reference")
        try:
            account = await self.session.account()
            if not account.employee or not account.company:
                return NotSent(reason="account_has_no_employee", retry_after_s=_SET_UP_PAUSE_S)
            if await self._bearing(command.reference):
                return Unknown(reason="reference_exists")
            values = await self._values(command, account)
        except _RefusedError as refusal:
            return Refused(code=str(refusal))
        except ShapeError as failure:
            return not_sent(self.query.bad(str(failure)))
        except GatewayError as failure:
            return not_sent(failure)
        verdict = await self.session.write(HEAD, "create", [values], reference=command.reference)
        if not isinstance(verdict, Accepted):
            return verdict
        match verdict.result:
            case [int() as made] if made > 0:
                return Committed(written=await self._after(made))
            case _:
                return Unknown(reason="answer_unreadable")

    async def find(self, command: Command) -> Written | None:
        """Return the requisition of this account that bears the reference.

        Raises:
            BadAnswerError: `adapter.bad_answer`, when there are several, or only one of another account: a copy by hand
                keeps the reference, so nobody can say which is which.
        """
        rows = await self._bearing(command.reference)
        if not rows:
            return None
        account = await self.session.account()
        ours = [row for row in rows if row.get(_CREATOR) == account.user]
        if len(ours) != 1:
            raise BadAnswerError(system=self.query.system, field="reference", reason="not borne by exactly one of ours")
        return await self._read(ids_of(ours)[0])

    async def _bearing(self, reference: str) -> list[Row]:
        domain: list[Encodable] = [[self.recipe.reference, "=", reference]]
        return await self.query.rows(HEAD, domain, ["id", _CREATOR])

    async def _after(self, made: int) -> Written:
        """Return the requisition as it is; where it can't be read, that it was made is certain all the same."""
        try:
            return await self._read(made)
        except GatewayError:
            return Written(document=f"id:{made}", key="", version_token="")

    async def _read(self, head: int) -> Written:
        """Return a requisition by its record number, with the fields of its first line."""
        lines = await self.query.page([["requisition", "=", head]])
        record = self.query.record(lines[0]) if lines else None
        if isinstance(record, PurchaseRequisition):
            return _written(record)
        rows = await self.query.rows(HEAD, [["id", "=", head]], ["number"])  # somebody has taken its line away since
        known = value(rows[0], "number") if rows else None
        return Written(document=known if isinstance(known, str) else f"id:{head}", key="", version_token="")

    async def _values(self, command: Command, account: Account) -> dict[str, Encodable]:
        """Return what the requisition is made of, canonical ids looked up."""
        fields, head, line = command.fields, self.recipe.head, self.recipe.line
        if fields.get("cost_object") is not None:
            raise _RefusedError("no_cost_objects")  # there is no place for it; leaving it out would change the request
        product = await self._product(_text(fields.get("material_id")))
        unit = await self._unit(_text(fields.get("uom")), product)
        supplier = fields.get("supplier_id")
        quantity = _quantity(fields.get("qty"), digits=number(unit, "digits"))
        made: dict[str, Encodable] = {
            line["material_id"]: _id(product), line["qty"]: quantity, line["uom"]: _id(unit),
        }  # fmt: skip
        if supplier is not None:
            made[line["supplier_id"]] = _id(await self._named("party.party", _text(supplier), "supplier"))
        warehouse = await self._named("stock.location", _text(fields.get("site")), "site", [["type", "=", "warehouse"]])
        return {
            "company": account.company,
            "employee": account.employee,
            self.recipe.reference: command.reference,
            head["delivery_date"]: _date(fields.get("delivery_date")),
            head["site"]: _id(warehouse),
            "lines": [["create", [made]]],
        }

    async def _product(self, code: str) -> Row:
        fields = ["default_uom.category"]
        return await self._named("product.product", code, "material", [["purchasable", "=", True]], fields)

    async def _unit(self, uom: str, product: Row) -> Row:
        """Return the unit of this code that the product can be counted in."""
        category = value(product, "default_uom.category")
        domain: list[Encodable] = [["symbol", "in", symbols(uom)], ["active", "=", True]]
        rows = await self.query.rows("product.uom", domain, ["digits", "category"])
        fitting = [row for row in rows if row.get("category") == category]
        return _only(fitting, "unit")

    async def _named(
        self, model: str, code: str, what: str, narrowed: Sequence[Encodable] = (), fields: Sequence[str] = ()
    ) -> Row:
        """Return the one active record with a code; a record without one is named by `id:`."""
        if not (code and code.isprintable()):
            raise _RefusedError(f"{what}_unknown")
        named: Encodable = ["code", "=", code]
        if code.startswith("id:") and code[3:].isascii() and code[3:].isdecimal():
            named = ["id", "=", int(code[3:])]
        domain: list[Encodable] = [named, ["active", "=", True], *narrowed]
        return _only(await self.query.rows(model, domain, ["id", *fields]), what)


def _only(rows: Sequence[Row], what: str) -> Row:
    if len(rows) != 1:
        raise _RefusedError(f"{what}_ambiguous" if rows else f"{what}_unknown")
    return rows[0]


def _id(row: Row) -> int:
    return ids_of([row])[0]


def _text(found: JsonValue | None) -> str:
    return found if isinstance(found, str) else ""  # nothing has this code, so it is refused as unknown


def _date(found: JsonValue | None) -> date:
    try:
        return date.fromisoformat(_text(found))
    except ValueError:
        raise _RefusedError("bad_date") from None


def _quantity(found: JsonValue | None, *, digits: Decimal | None) -> float:
    """Return a quantity as the system keeps it, when that is the same number."""
    try:
        exact = Decimal(_text(found))
        kept = round(exact, int(digits or 0))
        same = exact > 0 and kept == exact == Decimal(repr(float(exact)))
    except (InvalidOperation, ValueError, OverflowError):
        raise _RefusedError("bad_quantity") from None
    if not same:
        raise _RefusedError("bad_quantity" if exact <= 0 else "quantity_too_fine")
    return float(exact)


def _written(record: PurchaseRequisition) -> Written:
    fields: dict[str, JsonValue] = {
        "material_id": record.material_id,
        "site": record.site,
        "qty": quantity_text(record.qty),
        "uom": record.uom,
        "delivery_date": record.delivery_date,
        "supplier_id": record.supplier_id,
        "cost_object": None,
    }
    return Written(
        document=record.requisition_id, key=record.source_key, version_token=record.version_token, fields=fields
    )
