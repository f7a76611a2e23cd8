"""Purchase order lines that are wanted no more: one, or several of one order."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from decimal import Decimal
from typing import Final

from erp_mcp.demo import erp_rules
from erp_mcp.demo.writing import names
from erp_mcp.demo.writing.operation import DocumentKind, ErpOperation
from erp_mcp.demo.writing.reading import read_line
from erp_mcp.demo.writing.work import Arguments, Document, Rejected, Reply, Superseded, Work
from erp_mcp.domain.call import JsonValue
from erp_mcp.domain.command import Command
from erp_mcp.domain.profile import Profile

CANCEL_LINES: Final = "purchase_order_line.cancel"
REASONS: Final = {"no_demand": "01", "wrong_order": "02", "supplier_failed": "03", "better_source": "04", "other": "09"}
_STATE: Final = "SELECT changed_at, stat, qty_open, qty_recv FROM po_item WHERE po_no = ? AND item_no = ?"
_BILLED: Final = "SELECT 1 FROM vend_inv WHERE po_no = ? AND po_item = ? AND stat <> 'CANC'"


def _native(command: Command, profile: Profile) -> Arguments | Rejected:
    fields = command.fields
    po_no, _, item_no = command.key.partition("/")
    order = names.local(profile, "purchase_order", names.text_of(fields, "purchase_order_id"))
    others = names.rows_of(fields, "versions")
    named = [item_no, *(names.text_of(one, "line") for one in others)]
    if order != po_no or fields.get("lines") != named or [*others] != fields.get("versions"):
        return Rejected("key_mismatch")  # what would be cancelled is not what was approved
    items: list[JsonValue] = [{"item_no": item_no, "version": command.version_token}]
    items += [{"item_no": names.text_of(one, "line"), "version": names.text_of(one, "version")} for one in others]
    reason = REASONS.get(names.text_of(fields, "cancel_reason"), "")
    return {"po_no": po_no, "reason": reason, "items": items}


def cancel_lines(work: Work, arguments: Arguments) -> Reply:
    """Cancel lines of one order of which nothing has arrived and nothing is billed: all of them or none."""
    po_no, items = names.text_of(arguments, "po_no"), names.rows_of(arguments, "items")
    reason = names.text_of(arguments, "reason")
    if reason not in REASONS.values():
        return Rejected("bad_reason")
    for one in items:
        key = po_no, names.text_of(one, "item_no")
        row = work.database.execute(_STATE, key).fetchone()
        if row is None:
            return Rejected(erp_rules.absence(work.database, "po_item", "/".join(key)))
        if row[0] != one.get("version"):
            return Superseded()
        code = erp_rules.line_refusal(row[1], row[2]) or ("received" if Decimal(row[3]) > 0 else None)
        if code is None and work.database.execute(_BILLED, key).fetchone():
            code = "billed"
        if code:
            return Rejected(code)
    stamp = work.stamp("po_item")
    for one in items:
        work.database.execute(
            "UPDATE po_item SET stat = 'CANC', qty_open = '0.000', open_value = '0.00', memo = ?, changed_at = ?"
            " WHERE po_no = ? AND item_no = ?",
            (f"Cancelled, reason {reason}.", stamp, po_no, names.text_of(one, "item_no")),
        )
    item_no = names.text_of(items[0], "item_no")
    fields, version = _read(work.database, po_no, item_no)
    return Document(doc_type="POCX", number=po_no, item=item_no, version=version, fields=fields)


def _read(database: sqlite3.Connection, number: str, item: str) -> tuple[dict[str, JsonValue], str]:
    return read_line(database, "po_item", ("po_no", "item_no", "stat", "qty_open"), (number, item))


def _canonical(fields: Mapping[str, JsonValue], profile: Profile) -> dict[str, JsonValue]:
    return {
        "purchase_order_id": names.canonical(profile, "purchase_order", names.text_of(fields, "po_no")),
        "line": fields["item_no"],
        "order_state": {"CANC": "cancelled", "OPEN": "open"}.get(names.text_of(fields, "stat"), "closed"),
        "qty_open": names.quantity(fields["qty_open"]),
    }


DOCUMENT: Final = DocumentKind(read=_read, canonical=_canonical)
OPERATION: Final = ErpOperation(
    name=CANCEL_LINES,
    kept=("conditional", "readback"),
    native=_native,
    carry_out=cancel_lines,
    refusals=frozenset(
        {
            "bad_reason", "billed", "document_cancelled", "document_closed", "document_deleted", "fully_received",
            "key_mismatch", "received", "unknown_document",
        }
    ),
)  # fmt: skip
