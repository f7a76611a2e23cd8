"""A supplier's new promise for an open purchase order line."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from typing import Final

from erp_mcp.demo import erp_rules
from erp_mcp.demo.erp_rows import ConfirmationRow
from erp_mcp.demo.writing import names
from erp_mcp.demo.writing.operation import DocumentKind, ErpOperation
from erp_mcp.demo.writing.reading import read_line
from erp_mcp.demo.writing.work import Arguments, Document, Rejected, Reply, Superseded, Work
from erp_mcp.domain.call import JsonValue
from erp_mcp.domain.command import Command
from erp_mcp.domain.profile import Profile

UPDATE_DATE: Final = "purchase_order_line.update_delivery_date"
_COLUMNS: Final = ("po_no", "item_no", "promise", "promise_set_at", "stat")


def _native(command: Command, profile: Profile) -> Arguments | Rejected:
    fields = command.fields
    po_no, _, item_no = command.key.partition("/")
    order = names.local(profile, "purchase_order", names.text_of(fields, "purchase_order_id"))
    if (order, names.text_of(fields, "line")) not in {(po_no, item_no), ("", "")}:
        return Rejected("key_mismatch")  # two lines are named: whichever is written, one was not approved
    return {
        "po_no": po_no,
        "item_no": item_no,
        "new_date": names.text_of(fields, "new_date"),
        "version": command.version_token,
    }


def move_promise(work: Work, arguments: Arguments) -> Reply:
    """Move the promise of a line that is still at `version`; the first promise stays what it was."""
    line = names.text_of(arguments, "po_no"), names.text_of(arguments, "item_no")
    new_date = names.text_of(arguments, "new_date")
    row = work.database.execute(
        "SELECT changed_at, stat, qty_open, promise FROM po_item WHERE po_no = ? AND item_no = ?", line
    ).fetchone()
    if row is None:
        return Rejected(erp_rules.absence(work.database, "po_item", "/".join(line)))
    if row[0] != arguments.get("version"):
        return Superseded()
    code = erp_rules.line_refusal(row[1], row[2]) or erp_rules.date_refusal(new_date, work.today)
    if code or new_date == row[3]:
        return Rejected(code or "nothing_changes")
    stamp = work.stamp("po_item", "po_conf")
    _move(work, line, new_date, stamp)
    fields, version = _read(work.database, *line)
    return Document(doc_type="PO", number=line[0], item=line[1], version=version, fields=fields)


def _move(work: Work, line: tuple[str, str], new_date: str, stamp: str) -> None:
    """Where the supplier confirms its promises, this is one more of them."""
    work.database.execute(
        "UPDATE po_item SET promise = ?, promise_set_at = ?, changed_at = ? WHERE po_no = ? AND item_no = ?",
        (new_date, stamp, stamp, *line),
    )
    plant, qty, uom, confirmed = work.database.execute(
        "SELECT plant, qty_ord, uom, conf_flag FROM po_item WHERE po_no = ? AND item_no = ?", line
    ).fetchone()
    if confirmed:
        (last,) = work.database.execute("SELECT max(seq) FROM po_conf WHERE po_no = ? AND item_no = ?", line).fetchone()
        work.insert("po_conf", ConfirmationRow(*line, (last or 0) + 1, plant, stamp, new_date, qty, uom, None, stamp))


def _read(database: sqlite3.Connection, number: str, item: str) -> tuple[dict[str, JsonValue], str]:
    return read_line(database, "po_item", _COLUMNS, (number, item))


def _canonical(fields: Mapping[str, JsonValue], profile: Profile) -> dict[str, JsonValue]:
    return {
        "purchase_order_id": names.canonical(profile, "purchase_order", names.text_of(fields, "po_no")),
        "line": fields["item_no"],
        "new_date": fields["promise"],
    }


DOCUMENT: Final = DocumentKind(read=_read, canonical=_canonical)
OPERATION: Final = ErpOperation(
    name=UPDATE_DATE,
    kept=("conditional", "readback"),
    native=_native,
    carry_out=move_promise,
    refusals=frozenset(
        {
            "bad_date", "date_in_past", "document_cancelled", "document_closed", "document_deleted", "fully_received",
            "key_mismatch", "nothing_changes", "unknown_document",
        }
    ),
)  # fmt: skip
