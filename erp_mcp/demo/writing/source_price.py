"""Another price of a source of supply."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import Final

from erp_mcp.demo import erp_rules
from erp_mcp.demo.writing import names
from erp_mcp.demo.writing.operation import DocumentKind, ErpOperation
from erp_mcp.demo.writing.reading import read_line
from erp_mcp.demo.writing.work import Arguments, Document, Rejected, Reply, Superseded, Work
from erp_mcp.domain.call import JsonValue
from erp_mcp.domain.command import Command
from erp_mcp.domain.profile import Profile

UPDATE_PRICE: Final = "supply_source.update_price"
_PLACES: Final = Decimal("0.0001")
_COLUMNS: Final = ("mat_no", "vendor_no", "plant", "price", "price_per", "curr")


def _native(command: Command, profile: Profile) -> Arguments | Rejected:
    fields = command.fields
    key = (
        names.local(profile, "material", names.text_of(fields, "material_id")),
        names.local(profile, "supplier", names.text_of(fields, "supplier_id")),
        names.text_of(fields, "site"),
    )
    if "/".join(key) != command.key:
        return Rejected("key_mismatch")  # two sources are named: whichever is written, one was not approved
    return {
        **dict(zip(("mat_no", "vendor_no", "plant"), key, strict=True)),
        "price": names.text_of(fields, "price"),
        "price_per": fields.get("price_unit"),
        "curr": names.text_of(fields, "currency"),
        "version": command.version_token,
    }


def update_price(work: Work, arguments: Arguments) -> Reply:
    """Give a source that is still at `version` another price, in the currency and for the unit that it has."""
    key = tuple(names.text_of(arguments, name) for name in ("mat_no", "vendor_no", "plant"))
    row = work.database.execute(
        "SELECT s.changed_at, s.price, s.price_per, s.curr, s.blocked, s.valid_to, v.purch_block FROM source_list s"
        " JOIN vendor v USING (vendor_no) WHERE mat_no = ? AND vendor_no = ? AND plant = ?",
        key,
    ).fetchone()
    if row is None:
        return Rejected(erp_rules.absence(work.database, "source_list", "/".join(key)))
    if row[0] != arguments.get("version"):
        return Superseded()
    code = _refusal(row, arguments, work.today.isoformat())
    if code:
        return Rejected(code)
    price = str(Decimal(names.text_of(arguments, "price")).quantize(_PLACES))
    work.database.execute(
        "UPDATE source_list SET price = ?, changed_at = ? WHERE mat_no = ? AND vendor_no = ? AND plant = ?",
        (price, work.stamp("source_list"), *key),
    )
    fields, version = read_line(work.database, "source_list", _COLUMNS, key)
    return Document(doc_type="SRC", number="/".join(key[:2]), item=key[2], version=version, fields=fields)


def _refusal(row: tuple[str | int, ...], arguments: Arguments, today: str) -> str | None:
    _, before, per, currency, blocked, valid_to, vendor_blocked = row
    if vendor_blocked:
        return "supplier_blocked"
    if blocked or str(valid_to) < today:
        return "source_blocked"
    if (arguments.get("price_per"), arguments.get("curr")) != (per, currency):
        return "other_terms"
    price = exact_price(names.text_of(arguments, "price"))
    if price is None:
        return "bad_price"
    if price == Decimal(str(before)):
        return "nothing_changes"
    return None if price <= 2 * Decimal(str(before)) else "price_too_high"


def exact_price(text: str) -> Decimal | None:
    """Return a price above zero with at most four decimals, `None` where a text is none."""
    try:
        price = Decimal(text)
        exact = price.is_finite() and price == price.quantize(_PLACES)
    except InvalidOperation:
        return None
    return price if exact and price > 0 else None


def _read(database: sqlite3.Connection, number: str, item: str) -> tuple[dict[str, JsonValue], str]:
    material, _, vendor = number.partition("/")
    return read_line(database, "source_list", _COLUMNS, (material, vendor, item))


def _canonical(fields: Mapping[str, JsonValue], profile: Profile) -> dict[str, JsonValue]:
    return {
        "material_id": names.canonical(profile, "material", names.text_of(fields, "mat_no")),
        "supplier_id": names.canonical(profile, "supplier", names.text_of(fields, "vendor_no")),
        "site": fields["plant"],
        "price": names.money(fields["price"]),
        "price_unit": fields["price_per"],
        "currency": fields["curr"],
    }


DOCUMENT: Final = DocumentKind(read=_read, canonical=_canonical)
OPERATION: Final = ErpOperation(
    name=UPDATE_PRICE,
    kept=("conditional", "readback"),
    native=_native,
    carry_out=update_price,
    refusals=frozenset(
        {
            "bad_price", "document_deleted", "key_mismatch", "nothing_changes", "other_terms", "price_too_high",
            "source_blocked", "supplier_blocked", "unknown_document",
        }
    ),
)  # fmt: skip
