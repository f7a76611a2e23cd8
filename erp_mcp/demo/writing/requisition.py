"""A new purchase requisition that waits for release; this service never releases one."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from typing import Final

from erp_mcp.demo import erp_rules
from erp_mcp.demo.erp_rows import RequisitionRow
from erp_mcp.demo.writing import names
from erp_mcp.demo.writing.operation import DocumentKind, ErpOperation
from erp_mcp.demo.writing.reading import read_line
from erp_mcp.demo.writing.work import Arguments, Document, Rejected, Reply, Work
from erp_mcp.domain.call import JsonValue
from erp_mcp.domain.command import Command
from erp_mcp.domain.profile import Profile

CREATE_REQUISITION: Final = "purchase_requisition.create"
_COLUMNS: Final = (
    "pr_no", "item_no", "mat_no", "plant", "qty", "uom", "dlv_date", "vendor_no", "release_ind", "stat",
)  # fmt: skip
_FIRST: Final = 30_000_101
_FIRST_ITEM: Final = "00010"


def _native(command: Command, profile: Profile) -> Arguments | Rejected:
    fields = command.fields
    if fields.get("cost_object") is not None:
        return Rejected("no_cost_objects")  # the ERP has no place for it; leaving it out would change what was approved
    supplier = names.text_or_none(fields, "supplier_id")
    return {
        "mat_no": names.local(profile, "material", names.text_of(fields, "material_id")),
        "plant": names.text_of(fields, "site"),
        "qty": names.text_of(fields, "qty"),
        "uom": names.text_of(fields, "uom"),
        "dlv_date": names.text_of(fields, "delivery_date"),
        "vendor_no": names.local(profile, "supplier", supplier) if supplier else None,
    }


def create_requisition(work: Work, arguments: Arguments) -> Reply:
    """Make a requisition of one line."""
    material, plant, qty, uom, dlv_date = (
        names.text_of(arguments, name) for name in ("mat_no", "plant", "qty", "uom", "dlv_date")
    )
    vendor = names.text_or_none(arguments, "vendor_no")
    code = (
        erp_rules.material_refusal(work.database, material, plant, uom)
        or erp_rules.quantity_refusal(qty)
        or erp_rules.date_refusal(dlv_date, work.today)
        or erp_rules.supplier_refusal(work.database, vendor)
    )
    if code:
        return Rejected(code)
    stamp, number = work.stamp("pr_item"), work.next_number("pr_item", "pr_no", "PR", first=_FIRST)
    work.insert(
        "pr_item",
        RequisitionRow(
            number, _FIRST_ITEM, plant, material, names.thousandths(qty), uom, dlv_date, stamp, "W", vendor, "OPEN",
            "GATE", stamp,
        ),
    )  # fmt: skip
    fields, version = _read(work.database, number, _FIRST_ITEM)
    return Document(doc_type="PR", number=number, item=_FIRST_ITEM, version=version, fields=fields)


def _read(database: sqlite3.Connection, number: str, item: str) -> tuple[dict[str, JsonValue], str]:
    return read_line(database, "pr_item", _COLUMNS, (number, item))


def _canonical(fields: Mapping[str, JsonValue], profile: Profile) -> dict[str, JsonValue]:
    vendor = names.text_or_none(fields, "vendor_no")
    return {
        "material_id": names.canonical(profile, "material", names.text_of(fields, "mat_no")),
        "site": fields["plant"],
        "qty": names.quantity(fields["qty"]),
        "uom": fields["uom"],
        "delivery_date": fields["dlv_date"],
        "supplier_id": names.canonical(profile, "supplier", vendor) if vendor else None,
    }


DOCUMENT: Final = DocumentKind(read=_read, canonical=_canonical)
OPERATION: Final = ErpOperation(
    name=CREATE_REQUISITION,
    kept=("unique_ref", "readback"),
    native=_native,
    carry_out=create_requisition,
    refusals=frozenset(
        {
            "bad_date", "bad_quantity", "date_in_past", "material_blocked", "material_discontinued", "no_cost_objects",
            "not_purchased", "supplier_blocked", "unknown_material", "unknown_supplier", "unknown_unit",
        }
    ),
)  # fmt: skip
