"""A new purchase requisition of one line, in draft, with our reference where it can be searched."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from erp_mcp.adapters.jsonrpc.lookups import Lookups, RefusedError, day, quantity, record_id, text
from erp_mcp.adapters.jsonrpc.query import SourceQuery, ids_of
from erp_mcp.adapters.jsonrpc.recipes import RequisitionRecipe
from erp_mcp.adapters.jsonrpc.rows import Row, ShapeError, number, value
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
        except RefusedError as refusal:
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
        rows = await self._bearing(command.reference) if is_reference(command.reference) else []
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
            raise RefusedError("no_cost_objects")  # there is no place for it; leaving it out would change the request
        lookups = Lookups(query=self.query)
        product = await lookups.product(text(fields.get("material_id")))
        unit = await lookups.unit(text(fields.get("uom")), product)
        supplier = fields.get("supplier_id")
        asked = quantity(fields.get("qty"), digits=number(unit, "digits"))
        made: dict[str, Encodable] = {
            line["material_id"]: record_id(product), line["qty"]: asked, line["uom"]: record_id(unit),
        }  # fmt: skip
        if supplier is not None:
            made[line["supplier_id"]] = record_id(await lookups.supplier(text(supplier)))
        warehouse = await lookups.warehouse(text(fields.get("site")))
        return {
            "company": account.company,
            "employee": account.employee,
            self.recipe.reference: command.reference,
            head["delivery_date"]: day(fields.get("delivery_date")),
            head["site"]: record_id(warehouse),
            "lines": [["create", [made]]],
        }


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
