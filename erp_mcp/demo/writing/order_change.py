"""Another quantity, price or requested day of an open purchase order line."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from decimal import Decimal
from typing import Final

from erp_mcp.demo import erp_rules
from erp_mcp.demo.writing import names
from erp_mcp.demo.writing.operation import DocumentKind, ErpOperation
from erp_mcp.demo.writing.order import open_value, price_refusal
from erp_mcp.demo.writing.reading import read_line
from erp_mcp.demo.writing.work import Arguments, Document, Rejected, Reply, Superseded, Work
from erp_mcp.domain.call import JsonValue
from erp_mcp.domain.command import Command
from erp_mcp.domain.profile import Profile

CHANGE_LINE: Final = "purchase_order_line.change"
_COLUMNS: Final = ("po_no", "item_no", "qty_ord", "price", "req_date")
_STATE: Final = (
    "SELECT changed_at, stat, qty_open, qty_recv, qty_ord, price, req_date, price_per, mat_no, vendor_no, plant"
    " FROM po_item WHERE po_no = ? AND item_no = ?"
)
_BILLED: Final = "SELECT qty FROM vend_inv WHERE po_no = ? AND po_item = ? AND stat <> 'CANC'"
_THOUSANDTH: Final = erp_rules.THOUSANDTH


def _native(command: Command, profile: Profile) -> Arguments | Rejected:
    fields = command.fields
    po_no, _, item_no = command.key.partition("/")
    order = names.local(profile, "purchase_order", names.text_of(fields, "purchase_order_id"))
    if (order, names.text_of(fields, "line")) != (po_no, item_no):
        return Rejected("key_mismatch")  # two lines are named: whichever is written, one was not approved
    return {
        "po_no": po_no,
        "item_no": item_no,
        "version": command.version_token,
        "qty": names.text_of(fields, "qty"),
        "price": names.text_of(fields, "price"),
        "req_date": names.text_of(fields, "delivery_date"),
    }


def change_line(work: Work, arguments: Arguments) -> Reply:
    """Give an open line another quantity, price or requested day; a dearer one waits for release again."""
    key = names.text_of(arguments, "po_no"), names.text_of(arguments, "item_no")
    qty, price, day = (names.text_of(arguments, name) for name in ("qty", "price", "req_date"))
    row = work.database.execute(_STATE, key).fetchone()
    if row is None:
        return Rejected(erp_rules.absence(work.database, "po_item", "/".join(key)))
    if row[0] != arguments.get("version"):
        return Superseded()
    code = erp_rules.line_refusal(row[1], row[2]) or _change_refusal(work, key, row, (qty, price, day))
    if code:
        return Rejected(code)
    left = Decimal(qty) - Decimal(row[3])
    same_value = Decimal(qty) == Decimal(row[4]) and Decimal(price) == Decimal(row[5])
    stamp = work.stamp("po_item")
    work.database.execute(
        "UPDATE po_item SET qty_ord = ?, qty_open = ?, price = ?, open_value = ?, req_date = ?, stat = ?,"
        " release_ind = CASE WHEN ? THEN release_ind ELSE 'W' END, changed_at = ? WHERE po_no = ? AND item_no = ?",
        (
            names.thousandths(qty), str(left.quantize(_THOUSANDTH)), str(Decimal(price).quantize(Decimal("0.0001"))),
            open_value(str(left), price, row[7]), day, "OPEN" if left > 0 else "CLSD", same_value, stamp, *key,
        ),
    )  # fmt: skip
    fields, version = read_line(work.database, "po_item", _COLUMNS, key)
    return Document(doc_type="POCH", number=key[0], item=key[1], version=version, fields=fields)


def _change_refusal(work: Work, key: tuple[str, str], row: tuple[str, ...], wanted: tuple[str, str, str]) -> str | None:
    qty, price, day = wanted
    code = erp_rules.quantity_refusal(qty)
    if code:
        return code
    billed = sum((Decimal(one) for (one,) in work.database.execute(_BILLED, key)), Decimal(0))
    if Decimal(qty) < max(Decimal(row[3]), billed):
        return "below_received"
    listed = work.database.execute(
        "SELECT price FROM source_list WHERE mat_no = ? AND vendor_no = ? AND plant = ?", row[8:11]
    ).fetchone()
    code = price_refusal(price, max(Decimal(row[5]), Decimal(listed[0]) if listed else Decimal(0)))
    if code is None and day != row[6]:
        code = erp_rules.date_refusal(day, work.today)
    if code:
        return code
    same = (Decimal(qty), Decimal(price), day) == (Decimal(row[4]), Decimal(row[5]), row[6])
    return "nothing_changes" if same else None


def _read(database: sqlite3.Connection, number: str, item: str) -> tuple[dict[str, JsonValue], str]:
    return read_line(database, "po_item", _COLUMNS, (number, item))


def _canonical(fields: Mapping[str, JsonValue], profile: Profile) -> dict[str, JsonValue]:
    return {
        "purchase_order_id": names.canonical(profile, "purchase_order", names.text_of(fields, "po_no")),
        "line": fields["item_no"],
        "qty": names.quantity(fields["qty_ord"]),
        "price": names.money(fields["price"]),
        "delivery_date": fields["req_date"],
    }


DOCUMENT: Final = DocumentKind(read=_read, canonical=_canonical)
OPERATION: Final = ErpOperation(
    name=CHANGE_LINE,
    kept=("conditional", "readback"),
    native=_native,
    carry_out=change_line,
    refusals=frozenset(
        {
            "bad_date", "bad_price", "bad_quantity", "below_received", "date_in_past", "document_cancelled",
            "document_closed", "document_deleted", "fully_received", "key_mismatch", "nothing_changes",
            "price_too_high", "unknown_document",
        }
    ),
)  # fmt: skip
