"""A new quality notification; it may ask for a hold, which quality applies and this service never does."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from typing import Final

from erp_mcp.demo.erp_rows import NotificationRow
from erp_mcp.demo.quality import DEFECTS
from erp_mcp.demo.writing import names
from erp_mcp.demo.writing.operation import DocumentKind, ErpOperation
from erp_mcp.demo.writing.reading import read_line
from erp_mcp.demo.writing.work import Arguments, Document, Rejected, Reply, Work
from erp_mcp.domain.call import JsonValue
from erp_mcp.domain.command import Command
from erp_mcp.domain.profile import Profile

CREATE_NOTICE: Final = "quality_notification.create"
MAX_TEXT: Final = 500
_COLUMNS: Final = ("qn_no", "plant", "mat_no", "lot_no", "defect", "hold_flag", "descr", "stat")
_FIRST: Final = 200_101


def _native(command: Command, profile: Profile) -> Arguments | Rejected:
    fields = command.fields
    lot = names.text_or_none(fields, "lot_id")
    hold = fields.get("hold")
    if not isinstance(hold, bool):
        return Rejected("bad_hold")
    return {
        "plant": names.text_of(fields, "site"),
        "mat_no": names.local(profile, "material", names.text_of(fields, "material_id")),
        "lot_no": names.local(profile, "lot", lot) if lot else None,
        "defect": names.text_of(fields, "defect_code"),
        "descr": names.text_of(fields, "description"),
        "hold_flag": int(hold),
    }


def create_notice(work: Work, arguments: Arguments) -> Reply:
    """Make a notification that waits for quality; the lot and its stock stay what they are."""
    plant, material, defect, text = (names.text_of(arguments, name) for name in ("plant", "mat_no", "defect", "descr"))
    lot, hold = names.text_or_none(arguments, "lot_no"), 1 if arguments.get("hold_flag") else 0
    code = _subject_refusal(work.database, plant, material, lot) or _content_refusal(defect, text, lot, hold=hold)
    if code:
        return Rejected(code)
    stamp = work.stamp("qual_notif")
    number = work.next_number("qual_notif", "qn_no", "QN", first=_FIRST, prefix="QN", digits=8)
    work.insert(
        "qual_notif",
        NotificationRow(number, plant, "Q3", "3", material, lot, defect, hold, stamp, "OSNO", "quality_inspector", text,
                        stamp),
    )  # fmt: skip
    fields, version = _read(work.database, number, "")
    return Document(doc_type="QN", number=number, item="", version=version, fields=fields)


def _subject_refusal(database: sqlite3.Connection, plant: str, material: str, lot: str | None) -> str | None:
    if not database.execute("SELECT 1 FROM mat_plant WHERE mat_no = ? AND plant = ?", (material, plant)).fetchone():
        return "unknown_material"
    if lot is None:
        return None
    row = database.execute("SELECT mat_no, plant FROM batch WHERE lot_no = ?", (lot,)).fetchone()
    return None if row == (material, plant) else "unknown_lot"


def _content_refusal(defect: str, text: str, lot: str | None, *, hold: int) -> str | None:
    if defect not in DEFECTS:
        return "unknown_defect"
    if not 0 < len(text) <= MAX_TEXT or not text.isprintable():
        return "bad_text"
    return "hold_without_lot" if hold and lot is None else None


def _read(database: sqlite3.Connection, number: str, item: str) -> tuple[dict[str, JsonValue], str]:
    del item
    return read_line(database, "qual_notif", _COLUMNS, (number,))


def _canonical(fields: Mapping[str, JsonValue], profile: Profile) -> dict[str, JsonValue]:
    lot = names.text_or_none(fields, "lot_no")
    return {
        "site": fields["plant"],
        "material_id": names.canonical(profile, "material", names.text_of(fields, "mat_no")),
        "lot_id": names.canonical(profile, "lot", lot) if lot else None,
        "defect_code": fields["defect"],
        "description": fields["descr"],
        "hold": bool(fields["hold_flag"]),
    }


DOCUMENT: Final = DocumentKind(read=_read, canonical=_canonical, key=lambda number, _: number)
OPERATION: Final = ErpOperation(
    name=CREATE_NOTICE,
    kept=("unique_ref", "readback"),
    native=_native,
    carry_out=create_notice,
    refusals=frozenset(
        {"bad_hold", "bad_text", "hold_without_lot", "unknown_defect", "unknown_lot", "unknown_material"}
    ),
)
