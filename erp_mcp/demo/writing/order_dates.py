"""Other dates of a production order that has not begun: its head, its operations and the needs of its components."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from datetime import date, timedelta
from decimal import Decimal
from typing import Final

from erp_mcp.demo import erp_rules
from erp_mcp.demo.writing import names
from erp_mcp.demo.writing.operation import DocumentKind, ErpOperation
from erp_mcp.demo.writing.reading import read_line
from erp_mcp.demo.writing.work import Arguments, Document, Rejected, Reply, Superseded, Work
from erp_mcp.domain.call import JsonValue
from erp_mcp.domain.command import Command
from erp_mcp.domain.instants import instant_text, parse_instant
from erp_mcp.domain.profile import Profile

RESCHEDULE: Final = "production_order.reschedule"
_COLUMNS: Final = ("ord_no", "start_sched", "finish_sched", "start_basic", "finish_basic", "stat")
_MOVABLE: Final = frozenset({"PLND", "CRTD", "REL", "RELM"})


def _native(command: Command, profile: Profile) -> Arguments | Rejected:
    fields = command.fields
    order = names.local(profile, "production_order", names.text_of(fields, "production_order_id"))
    if order not in (command.key, ""):
        return Rejected("key_mismatch")  # two orders are named: whichever is written, one was not approved
    return {
        "ord_no": command.key,
        "start": names.text_of(fields, "new_start"),
        "finish": names.text_of(fields, "new_finish"),
        "version": command.version_token,
    }


def reschedule(work: Work, arguments: Arguments) -> Reply:
    """Move an order that is still at `version`, with everything below it; its state stays what it was."""
    order, start, finish = (names.text_of(arguments, name) for name in ("ord_no", "start", "finish"))
    row = read_line(work.database, "prod_head", _COLUMNS, (order,))
    if not row[0]:
        return Rejected(erp_rules.absence(work.database, "prod_head", order))
    if row[1] != arguments.get("version"):
        return Superseded()
    code = begun_refusal(work.database, order) or _dates_refusal(start, finish, work.today)
    if code:
        return Rejected(code)
    if {row[0]["start_sched"], row[0]["start_basic"]} == {start} and {
        row[0]["finish_sched"],
        row[0]["finish_basic"],
    } == {finish}:
        return Rejected("nothing_changes")
    _move(work, order, start, finish)
    return order_document(work, order)


def begun_refusal(database: sqlite3.Connection, order: str) -> str | None:
    """Return why the dates of an order can't change: it is locked or done, or something of it has begun."""
    state, qty_yield, qty_scrap = database.execute(
        "SELECT stat, qty_yield, qty_scrap FROM prod_head WHERE ord_no = ?", (order,)
    ).fetchone()
    if state not in _MOVABLE:
        return "order_not_movable"
    (steps,) = database.execute("SELECT count(*) FROM prod_op WHERE ord_no = ? AND stat <> 'CRTD'", (order,)).fetchone()
    issued = database.execute("SELECT qty_wd FROM prod_comp WHERE ord_no = ?", (order,)).fetchall()
    begun = steps or Decimal(qty_yield) or Decimal(qty_scrap) or any(Decimal(qty) for (qty,) in issued)
    return "order_has_begun" if begun else None


def _dates_refusal(start: str, finish: str, today: date) -> str | None:
    code = erp_rules.date_refusal(start, today) or erp_rules.date_refusal(finish, today)
    return code or ("finish_before_start" if finish < start else None)


def _move(work: Work, order: str, start: str, finish: str) -> None:
    """The first operation begins on the new start, what follows keeps its distance."""
    stamp = work.stamp("prod_head", "prod_op", "prod_comp")
    steps = work.database.execute(
        "SELECT op_no, start_at, finish_at FROM prod_op WHERE ord_no = ?", (order,)
    ).fetchall()
    (basic,) = work.database.execute("SELECT start_basic FROM prod_head WHERE ord_no = ?", (order,)).fetchone()
    first = min((begin[:10] for _, begin, _ in steps), default=basic)
    moved = date.fromisoformat(start) - date.fromisoformat(first)
    work.database.execute(
        "UPDATE prod_head SET start_basic = ?, finish_basic = ?, start_sched = ?, finish_sched = ?, changed_at = ?"
        " WHERE ord_no = ?",
        (start, finish, start, finish, stamp, order),
    )
    for number, begin, end in steps:
        work.database.execute(
            "UPDATE prod_op SET start_at = ?, finish_at = ?, changed_at = ? WHERE ord_no = ? AND op_no = ?",
            (_later(begin, moved), _later(end, moved), stamp, order, number),
        )
    needs = work.database.execute("SELECT item_no, need_date FROM prod_comp WHERE ord_no = ?", (order,)).fetchall()
    for item, need_date in needs:
        day = (date.fromisoformat(need_date) + moved).isoformat()
        work.database.execute(
            "UPDATE prod_comp SET need_date = ?, changed_at = ? WHERE ord_no = ? AND item_no = ?",
            (day, stamp, order, item),
        )


def _later(instant: str, by: timedelta) -> str:
    return instant_text(parse_instant(instant) + by)


def order_document(work: Work, order: str) -> Document:
    """Return an order as it is now."""
    fields, version = _read(work.database, order, "")
    return Document(doc_type="MO", number=order, item="", version=version, fields=fields)


def _read(database: sqlite3.Connection, number: str, _: str) -> tuple[dict[str, JsonValue], str]:
    return read_line(database, "prod_head", _COLUMNS, (number,))


def _canonical(fields: Mapping[str, JsonValue], profile: Profile) -> dict[str, JsonValue]:
    return {
        "production_order_id": names.canonical(profile, "production_order", names.text_of(fields, "ord_no")),
        "new_start": fields["start_sched"],
        "new_finish": fields["finish_sched"],
        "commit_date": fields["finish_basic"],
    }


DOCUMENT: Final = DocumentKind(read=_read, canonical=_canonical, key="{0}".format)
OPERATION: Final = ErpOperation(
    name=RESCHEDULE,
    kept=("conditional", "readback"),
    native=_native,
    carry_out=reschedule,
    refusals=frozenset(
        {
            "bad_date", "date_in_past", "document_deleted", "finish_before_start", "key_mismatch", "nothing_changes",
            "order_has_begun", "order_not_movable", "unknown_document",
        }
    ),
)  # fmt: skip
