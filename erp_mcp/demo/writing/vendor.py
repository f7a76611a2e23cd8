"""A new vendor, blocked for purchasing; this service never lifts a block."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Mapping
from typing import Final

from erp_mcp.demo.erp_rows import VendorRow
from erp_mcp.demo.writing import names
from erp_mcp.demo.writing.operation import DocumentKind, ErpOperation
from erp_mcp.demo.writing.work import Arguments, Document, Rejected, Reply, Work
from erp_mcp.domain.call import JsonValue
from erp_mcp.domain.command import Command
from erp_mcp.domain.profile import Profile

CREATE_VENDOR: Final = "supplier.create"
GROUPS: Final = {"material": "MATL", "service": "SERV", "subcontractor": "SUBC", "carrier": "CARR"}
_MAX_NAME: Final = 40
_COUNTRY: Final = re.compile(r"[A-Z]{2}")
_TAX: Final = re.compile(r"[A-Z0-9]{5,18}")
# The generated plant groups its vendors in no way, so groups stand in a table of the first command's own.
_ROLES: Final = "CREATE TABLE IF NOT EXISTS vendor_group (vendor_no TEXT PRIMARY KEY, grp TEXT NOT NULL) WITHOUT ROWID"


def _native(command: Command, profile: Profile) -> Arguments | Rejected:
    del profile
    fields = command.fields
    if fields.get("blocked") is not True:
        return Rejected("not_blocked")  # nobody is bought from before a person has looked
    return {
        "name1": names.text_of(fields, "name"),
        "country": names.text_of(fields, "country"),
        "tax_no": names.text_of(fields, "tax_id"),
        "pay_terms": names.text_of(fields, "payment_terms"),
        "grp": GROUPS.get(names.text_of(fields, "supplier_type"), ""),
    }


def create_vendor(work: Work, arguments: Arguments) -> Reply:
    """Make a vendor of whom nothing can be ordered yet."""
    name, country, tax, terms, group = (
        names.text_of(arguments, one) for one in ("name1", "country", "tax_no", "pay_terms", "grp")
    )
    code = _refusal(work.database, arguments)
    if code:
        return Rejected(code)
    stamp, number = work.stamp("vendor"), _next_number(work.database)
    work.insert("vendor", VendorRow(number, name, country, tax, 1, terms, stamp))
    work.database.execute(_ROLES)
    work.insert("vendor_group", (number, group))
    fields, version = _read(work.database, number, "")
    return Document(doc_type="VENDOR", number=number, item="", version=version, fields=fields)


def _refusal(database: sqlite3.Connection, arguments: Arguments) -> str | None:
    name, country, tax = (names.text_of(arguments, one) for one in ("name1", "country", "tax_no"))
    if not (0 < len(name.strip()) <= _MAX_NAME and name.isprintable()):
        return "bad_name"
    if not _COUNTRY.fullmatch(country):
        return "bad_country"
    if not _TAX.fullmatch(tax):
        return "bad_tax_number"
    if names.text_of(arguments, "grp") not in GROUPS.values():
        return "unknown_group"
    terms = names.text_of(arguments, "pay_terms")
    if not database.execute("SELECT 1 FROM vendor WHERE pay_terms = ?", (terms,)).fetchone():
        return "unknown_terms"
    if database.execute("SELECT 1 FROM vendor WHERE tax_no = ?", (tax,)).fetchone():
        return "tax_number_exists"
    known = database.execute("SELECT 1 FROM vendor WHERE lower(name1) = lower(?) AND country = ?", (name, country))
    return "vendor_exists" if known.fetchone() else None


def _next_number(database: sqlite3.Connection) -> str:
    """Return the next number; one that was ever given is never given again."""
    (last,) = database.execute(
        "SELECT max(no) FROM (SELECT max(vendor_no) AS no FROM vendor UNION ALL"
        " SELECT max(doc_no) FROM ext_ref WHERE doc_type = 'VENDOR')"
    ).fetchone()
    return f"S{int((last or 'S0000')[1:]) + 1:04d}"


def _read(database: sqlite3.Connection, number: str, _: str) -> tuple[dict[str, JsonValue], str]:
    row = database.execute(
        "SELECT name1, country, tax_no, purch_block, pay_terms, changed_at FROM vendor WHERE vendor_no = ?", (number,)
    ).fetchone()
    if row is None:
        return {}, ""
    (group,) = database.execute("SELECT max(grp) FROM vendor_group WHERE vendor_no = ?", (number,)).fetchone()
    columns = ("name1", "country", "tax_no", "purch_block", "pay_terms")
    return {**dict(zip(columns, row[:-1], strict=True)), "grp": group}, row[-1]


def _canonical(fields: Mapping[str, JsonValue], profile: Profile) -> dict[str, JsonValue]:
    del profile
    return {
        "name": fields["name1"],
        "country": fields["country"],
        "tax_id": fields["tax_no"],
        "supplier_type": next((name for name, group in GROUPS.items() if group == fields["grp"]), None),
        "payment_terms": fields["pay_terms"],
        "blocked": fields["purch_block"] == 1,
    }


DOCUMENT: Final = DocumentKind(read=_read, canonical=_canonical, key=lambda number, _: number)
OPERATION: Final = ErpOperation(
    name=CREATE_VENDOR,
    kept=("unique_ref", "readback"),
    native=_native,
    carry_out=create_vendor,
    refusals=frozenset(
        {
            "bad_country", "bad_name", "bad_tax_number", "not_blocked", "tax_number_exists", "unknown_group",
            "unknown_terms", "vendor_exists",
        }
    ),
)  # fmt: skip
