"""A new maintenance notification; nothing is planned by it, and no machine hears of it."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from typing import Final

from erp_mcp.demo.erp_rows import MaintenanceNoticeRow
from erp_mcp.demo.writing import names
from erp_mcp.demo.writing.operation import DocumentKind, ErpOperation
from erp_mcp.demo.writing.reading import read_line
from erp_mcp.demo.writing.work import Arguments, Document, Rejected, Reply, Work
from erp_mcp.domain.call import JsonValue
from erp_mcp.domain.command import Command
from erp_mcp.domain.profile import Profile

CREATE_NOTICE: Final = "maintenance_notification.create"
PRIORITIES: Final = {"high": "1", "medium": "2", "low": "3"}
MAX_TEXT: Final = 500
_COLUMNS: Final = ("mn_no", "plant", "wc_no", "asset_no", "brk_flag", "prio", "descr", "witness", "stat")
_FIRST: Final = 300_101


def _native(command: Command, profile: Profile) -> Arguments | Rejected:
    fields = command.fields
    breakdown = fields.get("breakdown")
    if not isinstance(breakdown, bool):
        return Rejected("bad_breakdown")
    return {
        "plant": names.text_of(fields, "site"),
        "wc_no": names.local(profile, "work_center", names.text_of(fields, "work_center_id")),
        "asset_no": names.text_of(fields, "asset_id"),
        "brk_flag": int(breakdown),
        "prio": PRIORITIES.get(names.text_of(fields, "priority"), ""),
        "descr": names.text_of(fields, "description"),
        "witness": names.text_or_none(fields, "witnessed_by"),
    }


def create_notice(work: Work, arguments: Arguments) -> Reply:
    """Make a notification that waits for a maintenance planner."""
    plant, center, asset, priority, text = (
        names.text_of(arguments, name) for name in ("plant", "wc_no", "asset_no", "prio", "descr")
    )
    down, witness = 1 if arguments.get("brk_flag") else 0, names.text_or_none(arguments, "witness")
    code = _place_refusal(work.database, plant, center, asset) or _content_refusal(priority, text, witness, down=down)
    if code is None and down and _reported(work.database, asset):
        code = "breakdown_reported"
    if code:
        return Rejected(code)
    stamp = work.stamp("mnt_notif")
    number = work.next_number("mnt_notif", "mn_no", "MN", first=_FIRST, prefix="MN", digits=8)
    work.insert(
        "mnt_notif",
        MaintenanceNoticeRow(number, plant, center, asset, down, priority, stamp, "OSNO", None, text, witness, stamp),
    )
    fields, version = _read(work.database, number, "")
    return Document(doc_type="MN", number=number, item="", version=version, fields=fields)


def _place_refusal(database: sqlite3.Connection, plant: str, center: str, asset: str) -> str | None:
    row = database.execute("SELECT plant FROM work_ctr WHERE wc_no = ?", (center,)).fetchone()
    if row != (plant,):
        return "unknown_work_center"
    known = database.execute("SELECT 1 FROM maint_order WHERE asset_no = ? AND wc_no = ?", (asset, center)).fetchone()
    return None if known else "unknown_asset"


def _content_refusal(priority: str, text: str, witness: str | None, *, down: int) -> str | None:
    if priority not in PRIORITIES.values():
        return "bad_priority"
    if not 0 < len(text) <= MAX_TEXT or not text.isprintable():
        return "bad_text"
    return "no_witness" if down and witness is None else None


def _reported(database: sqlite3.Connection, asset: str) -> bool:
    """Return whether a breakdown of the asset is reported and not closed."""
    query = "SELECT 1 FROM mnt_notif WHERE asset_no = ? AND brk_flag = 1 AND stat <> 'NOCO'"
    return database.execute(query, (asset,)).fetchone() is not None


def _read(database: sqlite3.Connection, number: str, item: str) -> tuple[dict[str, JsonValue], str]:
    del item
    return read_line(database, "mnt_notif", _COLUMNS, (number,))


def _canonical(fields: Mapping[str, JsonValue], profile: Profile) -> dict[str, JsonValue]:
    words = {code: word for word, code in PRIORITIES.items()}
    return {
        "site": fields["plant"],
        "work_center_id": names.canonical(profile, "work_center", names.text_of(fields, "wc_no")),
        "asset_id": fields["asset_no"],
        "breakdown": bool(fields["brk_flag"]),
        "priority": words[names.text_of(fields, "prio")],
        "description": fields["descr"],
        "witnessed_by": fields["witness"],
    }


DOCUMENT: Final = DocumentKind(read=_read, canonical=_canonical, key=lambda number, _: number)
OPERATION: Final = ErpOperation(
    name=CREATE_NOTICE,
    kept=("unique_ref", "readback"),
    native=_native,
    carry_out=create_notice,
    refusals=frozenset(
        {
            "bad_breakdown", "bad_priority", "bad_text", "breakdown_reported", "no_witness", "unknown_asset",
            "unknown_work_center",
        }
    ),
)  # fmt: skip
