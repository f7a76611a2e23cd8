"""Another price of an open sales order line that is not billed."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from decimal import ROUND_HALF_UP, Decimal
from typing import Final

from erp_mcp.demo import erp_rules
from erp_mcp.demo.writing import names
from erp_mcp.demo.writing.operation import DocumentKind, ErpOperation
from erp_mcp.demo.writing.reading import read_line
from erp_mcp.demo.writing.source_price import exact_price
from erp_mcp.demo.writing.work import Arguments, Document, Rejected, Reply, Superseded, Work
from erp_mcp.domain.call import JsonValue
from erp_mcp.domain.command import Command
from erp_mcp.domain.profile import Profile

UPDATE_SALES_PRICE: Final = "sales_order_line.update_price"
_CENT: Final = Decimal("0.01")
_COLUMNS: Final = ("so_no", "item_no", "net_value", "curr")


def _native(command: Command, profile: Profile) -> Arguments | Rejected:
    fields = command.fields
    so_no, _, item_no = command.key.partition("/")
    order = names.local(profile, "sales_order", names.text_of(fields, "sales_order_id"))
    if (order, names.text_of(fields, "line")) != (so_no, item_no):
        return Rejected("key_mismatch")  # two lines are named: whichever is written, one was not approved
    return {
        "so_no": so_no,
        "item_no": item_no,
        "price": names.text_of(fields, "price"),
        "net_value": names.text_of(fields, "net_value"),
        "curr": names.text_of(fields, "currency"),
        "version": command.version_token,
    }


def update_price(work: Work, arguments: Arguments) -> Reply:
    """Give a line that is still at `version` another price; the order's sum follows."""
    line = names.text_of(arguments, "so_no"), names.text_of(arguments, "item_no")
    row = work.database.execute(
        "SELECT changed_at, stat, qty_open, qty_ord, net_value, curr FROM so_item WHERE so_no = ? AND item_no = ?", line
    ).fetchone()
    if row is None:
        return Rejected(erp_rules.absence(work.database, "so_item", "/".join(line)))
    if row[0] != arguments.get("version"):
        return Superseded()
    code = erp_rules.line_refusal(row[1], row[2]) or _refusal(work.database, line, row, arguments)
    if code:
        return Rejected("fully_delivered" if code == "fully_received" else code)
    price, stamp = Decimal(names.text_of(arguments, "price")), work.stamp("so_item", "so_head")
    net, left = _cents(Decimal(row[3]) * price), _cents(Decimal(row[2]) * price)
    work.database.execute(
        "UPDATE so_item SET net_value = ?, open_value = ?, changed_at = ? WHERE so_no = ? AND item_no = ?",
        (str(net), str(left), stamp, *line),
    )
    (total,) = work.database.execute("SELECT net_value FROM so_head WHERE so_no = ?", line[:1]).fetchone()
    work.database.execute(
        "UPDATE so_head SET net_value = ?, changed_at = ? WHERE so_no = ?",
        (str(Decimal(total) - Decimal(row[4]) + net), stamp, line[0]),
    )
    fields, version = _read(work.database, *line)
    return Document(doc_type="SOPR", number=line[0], item=line[1], version=version, fields=fields)


def _refusal(
    database: sqlite3.Connection, line: tuple[str, str], row: tuple[str, ...], arguments: Arguments
) -> str | None:
    if database.execute("SELECT 1 FROM bill_item WHERE so_no = ? AND so_item = ?", line).fetchone():
        return "billed"
    if arguments.get("curr") != row[5]:
        return "other_terms"
    price = exact_price(names.text_of(arguments, "price"))
    if price is None:
        return "bad_price"
    net = _cents(Decimal(row[3]) * price)
    if exact_price(names.text_of(arguments, "net_value")) != net:
        return "other_value"  # what was approved is not what would be charged
    return "nothing_changes" if net == Decimal(row[4]) else None


def _cents(value: Decimal) -> Decimal:
    return value.quantize(_CENT, ROUND_HALF_UP)


def _read(database: sqlite3.Connection, number: str, item: str) -> tuple[dict[str, JsonValue], str]:
    return read_line(database, "so_item", _COLUMNS, (number, item))


def _canonical(fields: Mapping[str, JsonValue], profile: Profile) -> dict[str, JsonValue]:
    return {
        "sales_order_id": names.canonical(profile, "sales_order", names.text_of(fields, "so_no")),
        "line": fields["item_no"],
        "net_value": names.money(fields["net_value"]),
        "currency": fields["curr"],
    }


DOCUMENT: Final = DocumentKind(read=_read, canonical=_canonical)
OPERATION: Final = ErpOperation(
    name=UPDATE_SALES_PRICE,
    kept=("conditional", "readback"),
    native=_native,
    carry_out=update_price,
    refusals=frozenset(
        {
            "bad_price", "billed", "document_cancelled", "document_closed", "document_deleted", "fully_delivered",
            "key_mismatch", "nothing_changes", "other_terms", "other_value", "unknown_document",
        }
    ),
)  # fmt: skip
