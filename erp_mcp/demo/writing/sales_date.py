"""Another confirmed date of an open sales order line."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from typing import Final

from erp_mcp.demo import erp_rules
from erp_mcp.demo.writing import names
from erp_mcp.demo.writing.operation import DocumentKind, ErpOperation
from erp_mcp.demo.writing.reading import read_line
from erp_mcp.demo.writing.work import Arguments, Document, Rejected, Reply, Superseded, Work
from erp_mcp.domain.call import JsonValue
from erp_mcp.domain.command import Command
from erp_mcp.domain.profile import Profile

UPDATE_SALES_DATE: Final = "sales_order_line.update_delivery_date"
_COLUMNS: Final = ("so_no", "item_no", "conf_date", "stat")


def _native(command: Command, profile: Profile) -> Arguments | Rejected:
    fields = command.fields
    so_no, _, item_no = command.key.partition("/")
    order = names.local(profile, "sales_order", names.text_of(fields, "sales_order_id"))
    if (order, names.text_of(fields, "line")) not in {(so_no, item_no), ("", "")}:
        return Rejected("key_mismatch")  # two lines are named: whichever is written, one was not approved
    return {
        "so_no": so_no,
        "item_no": item_no,
        "new_date": names.text_of(fields, "new_date"),
        "version": command.version_token,
    }


def confirm(work: Work, arguments: Arguments) -> Reply:
    """Confirm another date for a line that is still at `version`; what the customer asked for stays what it was."""
    line = names.text_of(arguments, "so_no"), names.text_of(arguments, "item_no")
    new_date = names.text_of(arguments, "new_date")
    row = work.database.execute(
        "SELECT changed_at, stat, qty_open, conf_date FROM so_item WHERE so_no = ? AND item_no = ?", line
    ).fetchone()
    if row is None:
        return Rejected(erp_rules.absence(work.database, "so_item", "/".join(line)))
    if row[0] != arguments.get("version"):
        return Superseded()
    code = erp_rules.line_refusal(row[1], row[2]) or erp_rules.date_refusal(new_date, work.today)
    if code or new_date == row[3]:
        return Rejected("fully_delivered" if code == "fully_received" else code or "nothing_changes")
    work.database.execute(
        "UPDATE so_item SET conf_date = ?, changed_at = ? WHERE so_no = ? AND item_no = ?",
        (new_date, work.stamp("so_item"), *line),
    )
    fields, version = _read(work.database, *line)
    return Document(doc_type="SO", number=line[0], item=line[1], version=version, fields=fields)


def _read(database: sqlite3.Connection, number: str, item: str) -> tuple[dict[str, JsonValue], str]:
    return read_line(database, "so_item", _COLUMNS, (number, item))


def _canonical(fields: Mapping[str, JsonValue], profile: Profile) -> dict[str, JsonValue]:
    return {
        "sales_order_id": names.canonical(profile, "sales_order", names.text_of(fields, "so_no")),
        "line": fields["item_no"],
        "new_date": fields["conf_date"],
    }


DOCUMENT: Final = DocumentKind(read=_read, canonical=_canonical)
OPERATION: Final = ErpOperation(
    name=UPDATE_SALES_DATE,
    kept=("conditional", "readback"),
    native=_native,
    carry_out=confirm,
    refusals=frozenset(
        {
            "bad_date", "date_in_past", "document_cancelled", "document_closed", "document_deleted", "fully_delivered",
            "key_mismatch", "nothing_changes", "unknown_document",
        }
    ),
)  # fmt: skip
