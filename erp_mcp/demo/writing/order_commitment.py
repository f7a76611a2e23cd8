"""The finish that a production order is committed to: its basic finish; neither schedule nor operations move."""

from __future__ import annotations

from typing import Final

from erp_mcp.demo import erp_rules
from erp_mcp.demo.writing import names
from erp_mcp.demo.writing.operation import ErpOperation
from erp_mcp.demo.writing.order_dates import begun_refusal, order_document
from erp_mcp.demo.writing.work import Arguments, Rejected, Reply, Superseded, Work
from erp_mcp.domain.command import Command
from erp_mcp.domain.profile import Profile

CONFIRM_DATES: Final = "production_order.confirm_dates"


def _native(command: Command, profile: Profile) -> Arguments | Rejected:
    fields = command.fields
    order = names.local(profile, "production_order", names.text_of(fields, "production_order_id"))
    if order not in (command.key, ""):
        return Rejected("key_mismatch")  # two orders are named: whichever is written, one was not approved
    return {
        "ord_no": command.key,
        "finish": names.text_of(fields, "commit_date"),
        "version": command.version_token,
    }


def commit(work: Work, arguments: Arguments) -> Reply:
    """Note another basic finish of an order that is still at `version`."""
    order, finish = names.text_of(arguments, "ord_no"), names.text_of(arguments, "finish")
    row = work.database.execute(
        "SELECT finish_sched, finish_basic, changed_at FROM prod_head WHERE ord_no = ?", (order,)
    ).fetchone()
    if row is None:
        return Rejected(erp_rules.absence(work.database, "prod_head", order))
    scheduled, basic, version = row
    if version != arguments.get("version"):
        return Superseded()
    code = begun_refusal(work.database, order) or erp_rules.date_refusal(finish, work.today)
    if not code and finish < scheduled:
        code = "before_scheduled_finish"
    if code or finish == basic:
        return Rejected(code or "nothing_changes")
    work.database.execute(
        "UPDATE prod_head SET finish_basic = ?, changed_at = ? WHERE ord_no = ?",
        (finish, work.stamp("prod_head"), order),
    )
    return order_document(work, order)


OPERATION: Final = ErpOperation(
    name=CONFIRM_DATES,
    kept=("conditional", "readback"),
    native=_native,
    carry_out=commit,
    refusals=frozenset(
        {
            "bad_date", "before_scheduled_finish", "date_in_past", "document_deleted", "key_mismatch",
            "nothing_changes", "order_has_begun", "order_not_movable", "unknown_document",
        }
    ),
)  # fmt: skip
