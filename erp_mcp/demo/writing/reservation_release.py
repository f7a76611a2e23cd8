"""Stock that is held no more: a reservation becomes smaller, down to nothing."""

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

RELEASE_RESERVATION: Final = "reservation.release"


def _native(command: Command, profile: Profile) -> Arguments | Rejected:
    del profile
    fields = command.fields
    if names.text_of(fields, "reservation_id") != command.key:
        return Rejected("key_mismatch")  # what would be released is not what was approved
    return {
        "resv_no": command.key,
        "qty": names.text_of(fields, "qty"),
        "qty_left": names.text_of(fields, "qty_left"),
        "uom": names.text_of(fields, "uom"),
        "version": command.version_token,
    }


def release_reservation(work: Work, arguments: Arguments) -> Reply:
    """Take a quantity off a reservation that is still at the version named; what is left is said, and must be right."""
    number, text = names.text_of(arguments, "resv_no"), names.text_of(arguments, "qty")
    row = work.database.execute("SELECT qty, uom, changed_at FROM resv WHERE resv_no = ?", (number,)).fetchone()
    if row is None:
        return Rejected(erp_rules.absence(work.database, "resv", number))
    held, uom, version = row
    if version != arguments.get("version"):
        return Superseded()
    code = erp_rules.quantity_refusal(text) or (None if uom == arguments.get("uom") else "unknown_unit")
    if code:
        return Rejected(code)
    left = Decimal(held) - Decimal(text)
    if left < 0:
        return Rejected("not_enough_held")
    kept = names.thousandths(str(left))
    if names.quantity(kept) != arguments.get("qty_left"):
        return Rejected("bad_quantity")
    stamp = work.stamp("resv")
    work.database.execute("UPDATE resv SET qty = ?, changed_at = ? WHERE resv_no = ?", (kept, stamp, number))
    fields, version = _read(work.database, number, "")
    return Document(doc_type="RSRL", number=number, item="", version=version, fields=fields)


def _read(database: sqlite3.Connection, number: str, _: str) -> tuple[dict[str, JsonValue], str]:
    return read_line(database, "resv", ("resv_no", "qty", "uom"), (number,))


def _canonical(fields: Mapping[str, JsonValue], profile: Profile) -> dict[str, JsonValue]:
    del profile
    return {
        "reservation_id": fields["resv_no"],
        "qty_left": names.quantity(fields["qty"]),
        "uom": fields["uom"],
    }


DOCUMENT: Final = DocumentKind(read=_read, canonical=_canonical, key="{0}".format)
OPERATION: Final = ErpOperation(
    name=RELEASE_RESERVATION,
    kept=("conditional", "readback"),
    native=_native,
    carry_out=release_reservation,
    refusals=frozenset(
        {
            "bad_quantity", "document_deleted", "key_mismatch", "not_enough_held", "unknown_document", "unknown_unit",
        }
    ),
)  # fmt: skip
