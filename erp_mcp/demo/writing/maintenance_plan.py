"""A new maintenance order for a notification; it is created, and only people release it."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from typing import Final

from erp_mcp.demo import erp_rules
from erp_mcp.demo.erp_rows import MaintenanceRow
from erp_mcp.demo.writing import names
from erp_mcp.demo.writing.operation import DocumentKind, ErpOperation
from erp_mcp.demo.writing.work import Arguments, Document, Rejected, Reply, Superseded, Work
from erp_mcp.domain.call import JsonValue
from erp_mcp.domain.command import Command
from erp_mcp.domain.profile import Profile

CREATE_ORDER: Final = "maintenance_order.create"
_FIRST: Final = 4_000_101
_READ: Final = """
    SELECT o.wc_no, o.asset_no, o.start_plan, o.finish_plan, o.permit_flag, n.mn_no, o.changed_at
      FROM maint_order o LEFT JOIN mnt_notif n ON n.mnt_no = o.mnt_no
     WHERE o.mnt_no = ?
"""
_NOTICE: Final = "SELECT plant, wc_no, asset_no, brk_flag, prio, stat, changed_at FROM mnt_notif WHERE mn_no = ?"


def _native(command: Command, profile: Profile) -> Arguments | Rejected:
    fields = command.fields
    permit = fields.get("permit_to_work")
    if not isinstance(permit, bool):
        return Rejected("bad_permit")
    number = names.text_of(fields, "notification_id")
    versions = {
        names.text_of(one, "notification_id"): names.text_of(one, "version")
        for one in names.rows_of(fields, "versions")
    }
    return {
        "mn_no": number,
        "wc_no": names.local(profile, "work_center", names.text_of(fields, "work_center_id")),
        "asset_no": names.text_of(fields, "asset_id"),
        "start_plan": names.text_of(fields, "planned_start"),
        "finish_plan": names.text_of(fields, "planned_finish"),
        "permit_flag": int(permit),
        "version": versions.get(number),
    }


def create_order(work: Work, arguments: Arguments) -> Reply:
    """Make an order that nobody works on before it is released, and note it in its notification."""
    notice = names.text_of(arguments, "mn_no")
    start, finish = names.text_of(arguments, "start_plan"), names.text_of(arguments, "finish_plan")
    row = work.database.execute(_NOTICE, (notice,)).fetchone()
    if row is None:
        return Rejected(erp_rules.absence(work.database, "mnt_notif", notice))
    plant, center, asset, down, priority, state, version = row
    if version != arguments.get("version"):
        return Superseded()
    code = erp_rules.date_refusal(start, work.today) or erp_rules.date_refusal(finish, work.today)
    if (arguments.get("wc_no"), arguments.get("asset_no")) != (center, asset):
        code = "key_mismatch"
    if code or state != "OSNO" or finish < start:
        return Rejected(code or ("bad_date" if finish < start else "not_open"))
    number = work.next_number("maint_order", "mnt_no", "PM", first=_FIRST, digits=12)
    stamp = work.stamp("maint_order", "mnt_notif")
    kind, permit = "PM01" if down else "PM02", 1 if arguments.get("permit_flag") else 0
    work.insert(
        "maint_order",
        MaintenanceRow(number, plant, center, kind, start, finish, "CRTD", 0, f"Order for {notice}", asset, priority,
                       None, None, permit, stamp),
    )  # fmt: skip
    work.database.execute(
        "UPDATE mnt_notif SET stat = 'NOPR', mnt_no = ?, changed_at = ? WHERE mn_no = ?", (number, stamp, notice)
    )
    fields, version = _read(work.database, number, "")
    return Document(doc_type="PM", number=number, item="", version=version, fields=fields)


def _read(database: sqlite3.Connection, number: str, item: str) -> tuple[dict[str, JsonValue], str]:
    """Return the order with the notification that it was planned for."""
    del item
    row = database.execute(_READ, (number,)).fetchone()
    names_of = ("wc_no", "asset_no", "start_plan", "finish_plan", "permit_flag", "mn_no")
    return (dict(zip(names_of, row[:-1], strict=True)), row[-1]) if row else ({}, "")


def _canonical(fields: Mapping[str, JsonValue], profile: Profile) -> dict[str, JsonValue]:
    return {
        "notification_id": fields["mn_no"],
        "asset_id": fields["asset_no"],
        "work_center_id": names.canonical(profile, "work_center", names.text_of(fields, "wc_no")),
        "planned_start": fields["start_plan"],
        "planned_finish": fields["finish_plan"],
        "permit_to_work": bool(fields["permit_flag"]),
    }


DOCUMENT: Final = DocumentKind(read=_read, canonical=_canonical, key=lambda number, _: number)
OPERATION: Final = ErpOperation(
    name=CREATE_ORDER,
    kept=("unique_ref", "readback"),
    native=_native,
    carry_out=create_order,
    refusals=frozenset(
        {
            "bad_date", "bad_permit", "date_in_past", "document_deleted", "key_mismatch", "not_open",
            "unknown_document",
        }
    ),
)  # fmt: skip
