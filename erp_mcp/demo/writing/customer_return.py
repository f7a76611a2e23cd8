"""A new customer return: announced, with nothing received, credited or posted."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from decimal import Decimal
from typing import Final

from erp_mcp.demo import erp_rules
from erp_mcp.demo.erp_rows import ReturnRow
from erp_mcp.demo.returns import REASONS
from erp_mcp.demo.writing import names
from erp_mcp.demo.writing.operation import DocumentKind, ErpOperation
from erp_mcp.demo.writing.reading import read_line
from erp_mcp.demo.writing.work import Arguments, Document, Rejected, Reply, Superseded, Work
from erp_mcp.domain.call import JsonValue
from erp_mcp.domain.command import Command
from erp_mcp.domain.profile import Profile

CREATE_RETURN: Final = "customer_return.create"
_COLUMNS: Final = ("rma_no", "item_no", "so_no", "so_item", "qty", "uom", "reason", "lot_no", "stat")
_FIRST: Final = 60_000_101
_ITEM: Final = "0010"


def _native(command: Command, profile: Profile) -> Arguments | Rejected:
    fields = command.fields
    lot = names.text_or_none(fields, "lot_id")
    versions = {names.text_of(one, "line"): names.text_of(one, "version") for one in names.rows_of(fields, "versions")}
    line = names.text_of(fields, "sales_order_line")
    return {
        "so_no": names.local(profile, "sales_order", names.text_of(fields, "sales_order_id")),
        "so_item": line,
        "qty": names.text_of(fields, "qty"),
        "uom": names.text_of(fields, "uom"),
        "reason": names.text_of(fields, "reason_code"),
        "lot_no": names.local(profile, "lot", lot) if lot else None,
        "version": versions.get(line),
    }


def create_return(work: Work, arguments: Arguments) -> Reply:
    """Announce a return of one delivered line that is still at `version`."""
    line = names.text_of(arguments, "so_no"), names.text_of(arguments, "so_item")
    qty, lot = names.text_of(arguments, "qty"), names.text_or_none(arguments, "lot_no")
    row = work.database.execute(
        "SELECT plant, cust_no, mat_no, uom, qty_dlv, changed_at FROM so_item WHERE so_no = ? AND item_no = ?", line
    ).fetchone()
    if row is None:
        return Rejected(erp_rules.absence(work.database, "so_item", "/".join(line)))
    plant, customer, material, uom, delivered, version = row
    if arguments.get("version") != version:
        return Superseded()
    reason = names.text_of(arguments, "reason")
    code = (
        erp_rules.quantity_refusal(qty)
        or (None if arguments.get("uom") == uom else "unknown_unit")
        or (None if reason in REASONS else "unknown_reason")
        or _refusal(work.database, line, qty, lot, delivered)
    )
    if code:
        return Rejected(code)
    number = work.next_number("rma_item", "rma_no", "RM", first=_FIRST)
    work.insert(
        "rma_item",
        ReturnRow(number, _ITEM, plant, customer, *line, material, lot, names.thousandths(qty), uom,
                  work.today.isoformat(), reason, "PEND", "OPEN", None, work.stamp("rma_item")),
    )  # fmt: skip
    fields, version = _read(work.database, number, _ITEM)
    return Document(doc_type="RM", number=number, item=_ITEM, version=version, fields=fields)


def _refusal(
    database: sqlite3.Connection, line: tuple[str, str], qty: str, lot: str | None, delivered: str
) -> str | None:
    back = database.execute("SELECT qty FROM rma_item WHERE so_no = ? AND so_item = ?", line).fetchall()
    if Decimal(qty) > Decimal(delivered) - sum(Decimal(one) for (one,) in back):
        return "more_than_delivered"
    if lot is None:
        return None
    sent = "SELECT 1 FROM dlv_item WHERE so_no = ? AND so_item = ? AND lot_no = ? AND gi_act IS NOT NULL"
    return None if database.execute(sent, (*line, lot)).fetchone() else "unknown_lot"


def _read(database: sqlite3.Connection, number: str, item: str) -> tuple[dict[str, JsonValue], str]:
    return read_line(database, "rma_item", _COLUMNS, (number, item))


def _canonical(fields: Mapping[str, JsonValue], profile: Profile) -> dict[str, JsonValue]:
    lot = names.text_or_none(fields, "lot_no")
    return {
        "sales_order_id": names.canonical(profile, "sales_order", names.text_of(fields, "so_no")),
        "sales_order_line": fields["so_item"],
        "qty": names.quantity(fields["qty"]),
        "uom": fields["uom"],
        "reason_code": fields["reason"],
        "lot_id": names.canonical(profile, "lot", lot) if lot else None,
    }


DOCUMENT: Final = DocumentKind(read=_read, canonical=_canonical)
OPERATION: Final = ErpOperation(
    name=CREATE_RETURN,
    kept=("unique_ref", "readback"),
    native=_native,
    carry_out=create_return,
    refusals=frozenset(
        {
            "bad_quantity", "document_deleted", "more_than_delivered", "unknown_document", "unknown_lot",
            "unknown_reason", "unknown_unit",
        }
    ),
)  # fmt: skip
