"""A new credit request: finance decides on it and pays; this service does neither."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from decimal import Decimal
from typing import Final

from erp_mcp.demo import erp_rules
from erp_mcp.demo.erp_rows import CreditRequestRow
from erp_mcp.demo.returns import REASONS
from erp_mcp.demo.writing import names
from erp_mcp.demo.writing.budget_transfer import money
from erp_mcp.demo.writing.operation import DocumentKind, ErpOperation
from erp_mcp.demo.writing.reading import read_line
from erp_mcp.demo.writing.work import Arguments, Document, Rejected, Reply, Superseded, Work
from erp_mcp.domain.call import JsonValue
from erp_mcp.domain.command import Command
from erp_mcp.domain.profile import Profile

REQUEST_REFUND: Final = "refund_request.create"
_COLUMNS: Final = ("cr_no", "so_no", "so_item", "rma_no", "amount", "curr", "reason", "stat")
_FIRST: Final = 65_000_101


def _native(command: Command, profile: Profile) -> Arguments | Rejected:
    fields = command.fields
    line = names.text_of(fields, "sales_order_line")
    versions = {names.text_of(one, "line"): names.text_of(one, "version") for one in names.rows_of(fields, "versions")}
    return {
        "so_no": names.local(profile, "sales_order", names.text_of(fields, "sales_order_id")),
        "so_item": line,
        "rma_no": names.text_or_none(fields, "return_id"),
        "amount": names.text_of(fields, "amount"),
        "curr": names.text_of(fields, "currency"),
        "reason": names.text_of(fields, "reason_code"),
        "version": versions.get(line),
    }


def request_refund(work: Work, arguments: Arguments) -> Reply:
    """Make a request that waits for finance, for one line that is still at `version`."""
    line = names.text_of(arguments, "so_no"), names.text_of(arguments, "so_item")
    row = work.database.execute(
        "SELECT plant, cust_no, curr, changed_at FROM so_item WHERE so_no = ? AND item_no = ?", line
    ).fetchone()
    if row is None:
        return Rejected(erp_rules.absence(work.database, "so_item", "/".join(line)))
    plant, customer, currency, version = row
    if version != arguments.get("version"):
        return Superseded()
    amount, back, reason = (
        money(names.text_of(arguments, "amount")), names.text_or_none(arguments, "rma_no"),
        names.text_of(arguments, "reason"),
    )  # fmt: skip
    if amount is None:
        return Rejected("bad_amount")
    code = None if reason in REASONS else "unknown_reason"
    code = code or (None if arguments.get("curr") == currency else "other_currency")
    code = code or _refusal(work.database, line, amount, back)
    if code:
        return Rejected(code)
    number, stamp = work.next_number("cr_req", "cr_no", "CR", first=_FIRST), work.stamp("cr_req")
    work.insert(
        "cr_req",
        CreditRequestRow(number, plant, customer, *line, back, str(amount), currency, reason, work.today.isoformat(),
                         "REQ", stamp),
    )  # fmt: skip
    fields, version = _read(work.database, number, "")
    return Document(doc_type="CR", number=number, item="", version=version, fields=fields)


def _refusal(database: sqlite3.Connection, line: tuple[str, str], amount: Decimal, back: str | None) -> str | None:
    returned = "SELECT 1 FROM rma_item WHERE rma_no = ? AND so_no = ? AND so_item = ?"
    if back is not None and database.execute(returned, (back, *line)).fetchone() is None:
        return "unknown_return"
    earlier = database.execute(
        "SELECT rma_no, amount FROM cr_req WHERE so_no = ? AND so_item = ? AND stat <> 'REJ'", line
    ).fetchall()
    if any(one == back for one, _ in earlier):
        return "already_requested"
    billed = database.execute("SELECT amount FROM bill_item WHERE so_no = ? AND so_item = ?", line).fetchall()
    left = sum(Decimal(one) for (one,) in billed) - sum(Decimal(one) for _, one in earlier)
    return "more_than_billed" if amount > left else None


def _read(database: sqlite3.Connection, number: str, item: str) -> tuple[dict[str, JsonValue], str]:
    del item
    return read_line(database, "cr_req", _COLUMNS, (number,))


def _canonical(fields: Mapping[str, JsonValue], profile: Profile) -> dict[str, JsonValue]:
    return {
        "sales_order_id": names.canonical(profile, "sales_order", names.text_of(fields, "so_no")),
        "sales_order_line": fields["so_item"],
        "return_id": fields["rma_no"],
        "amount": names.money(fields["amount"]),
        "currency": fields["curr"],
        "reason_code": fields["reason"],
    }


DOCUMENT: Final = DocumentKind(read=_read, canonical=_canonical, key=lambda number, _: number)
OPERATION: Final = ErpOperation(
    name=REQUEST_REFUND,
    kept=("unique_ref", "readback"),
    native=_native,
    carry_out=request_refund,
    refusals=frozenset(
        {
            "already_requested", "bad_amount", "document_deleted", "more_than_billed", "other_currency",
            "unknown_document", "unknown_reason", "unknown_return",
        }
    ),
)  # fmt: skip
