"""A new purchase requisition of one line, in draft, with our reference where it can be searched."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from erp_mcp.adapters.jsonrpc.lookups import Lookups, RefusedError, day, quantity, record_id, text
from erp_mcp.adapters.jsonrpc.new_document import NewDocuments
from erp_mcp.adapters.jsonrpc.query import SourceQuery
from erp_mcp.adapters.jsonrpc.recipes import RequisitionRecipe
from erp_mcp.adapters.jsonrpc.rows import number, value
from erp_mcp.adapters.jsonrpc.wire import Encodable
from erp_mcp.adapters.jsonrpc.write_session import Account, WriteSession
from erp_mcp.domain.call import JsonValue
from erp_mcp.domain.command import Command, Outcome, Written
from erp_mcp.domain.entities.procurement import PurchaseRequisition
from erp_mcp.domain.value import quantity_text

HEAD: Final = "purchase.requisition"


@dataclass(frozen=True, slots=True, kw_only=True)
class Requisitions:
    """Creates requisitions by a recipe; `query` reads the canonical lines, in the session that writes."""

    session: WriteSession
    query: SourceQuery
    recipe: RequisitionRecipe

    @property
    def _new(self) -> NewDocuments:
        return NewDocuments(
            session=self.session,
            query=self.query,
            model=HEAD,
            reference=self.recipe.reference,
            lacking=lambda account: "" if account.employee and account.company else "account_has_no_employee",
            values=self._values,
            read=self._read,
        )

    async def send(self, command: Command) -> Outcome:
        """Create the requisition.

        It stays in draft: a person of the system adds what is missing and sends it on its way to approval there.
        """
        return await self._new.send(command)

    async def find(self, command: Command) -> Written | None:
        """Return the requisition that bears the reference; raises as `NewDocuments.find`."""
        return await self._new.find(command)

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
