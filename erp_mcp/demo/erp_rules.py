"""The demo ERP's own rules: each returns the code of a refusal, or `None`."""

from __future__ import annotations

import sqlite3
from datetime import date, timedelta
from decimal import Decimal, InvalidOperation
from typing import Final

_MAX_REFERENCE: Final = 40
_MAX_QTY: Final = Decimal(10_000_000)
THOUSANDTH: Final = Decimal("0.001")


def reference_refusal(work: sqlite3.Connection, reference: str) -> str | None:
    """Return why a reference of another system is not taken."""
    if not (0 < len(reference) <= _MAX_REFERENCE and reference.isascii() and reference.isalnum()):
        return "bad_reference"
    taken = work.execute("SELECT 1 FROM ext_ref WHERE reference = ?", (reference,)).fetchone()
    return "reference_exists" if taken else None


def absence(work: sqlite3.Connection, table: str, key: str) -> str:
    """Return why a document is not there."""
    gone = work.execute("SELECT 1 FROM deletion_log WHERE table_name = ? AND key = ?", (table, key)).fetchone()
    return "document_deleted" if gone else "unknown_document"


def line_refusal(state: str, open_qty: str) -> str | None:
    """Return why the promise of a purchase order line can not move."""
    if state == "CANC":
        return "document_cancelled"
    if state != "OPEN":
        return "document_closed"
    return "fully_received" if Decimal(open_qty) <= 0 else None


def material_refusal(work: sqlite3.Connection, mat_no: str, plant: str, uom: str) -> str | None:
    """Return why a material is not bought, at this plant, in this unit."""
    row = work.execute(
        "SELECT g.mat_stat, p.proc_type, g.base_uom FROM mat_gen g JOIN mat_plant p USING (mat_no)"
        " WHERE g.mat_no = ? AND p.plant = ?",
        (mat_no, plant),
    ).fetchone()
    if row is None:
        return "unknown_material"
    status, procurement, base = row
    if status != "01":
        return "material_discontinued" if status == "03" else "material_blocked"
    if procurement != "F":
        return "not_purchased"
    known = work.execute("SELECT 1 FROM mat_unit WHERE mat_no = ? AND alt_uom = ?", (mat_no, uom)).fetchone()
    return None if uom == base or known else "unknown_unit"


def quantity_refusal(text: str) -> str | None:
    """Return why a quantity is none; the ERP keeps thousandths."""
    try:
        qty = Decimal(text)
        exact = qty.is_finite() and qty == qty.quantize(THOUSANDTH)
    except InvalidOperation:
        return "bad_quantity"
    return None if exact and 0 < qty <= _MAX_QTY else "bad_quantity"


def supplier_refusal(work: sqlite3.Connection, vendor_no: str | None) -> str | None:
    """Return why a supplier is not ordered from."""
    if vendor_no is None:
        return None
    row = work.execute("SELECT purch_block FROM vendor WHERE vendor_no = ?", (vendor_no,)).fetchone()
    if row is None:
        return "unknown_supplier"
    return "supplier_blocked" if row[0] else None


def date_refusal(text: str, today: date) -> str | None:
    """Return why a day is none, or none that can be promised; `today` is the plant's."""
    try:
        day = date.fromisoformat(text)
    except ValueError:
        return "bad_date"
    if day.isoformat() != text:
        return "bad_date"
    return "date_in_past" if day < today else None


def day_before(day: date) -> str:
    """Return the day before a day."""
    return (day - timedelta(days=1)).isoformat()
