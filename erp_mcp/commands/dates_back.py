"""The way back of a date: the day before is proposed again, where the record still has the day that was written."""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

from erp_mcp.commands.verdicts import refused
from erp_mcp.domain.call import JsonValue
from erp_mcp.domain.entities.orders import SalesOrderLine
from erp_mcp.domain.entities.production import ProductionOrder
from erp_mcp.domain.operation import Undoing


def sales_date_back(undoing: Undoing) -> Mapping[str, JsonValue]:
    """Return the call that promises a sales order line for the day before again.

    Raises:
        RuleRefusedError: `rule.refused`: the promise was changed since, there was none before, or its day has passed.
    """
    live, fields = undoing.live, undoing.command.fields
    now = live.confirmed_date if isinstance(live, SalesOrderLine) else None
    before = _before(undoing, "confirmed_date", now=now, written=fields.get("new_date"))
    return {"sales_order_id": fields["sales_order_id"], "line": fields["line"], "new_date": before}


def commitment_back(undoing: Undoing) -> Mapping[str, JsonValue]:
    """Return the call that commits a production order to the day before again; raises as `sales_date_back`."""
    live, fields = undoing.live, undoing.command.fields
    now = live.planned_finish if isinstance(live, ProductionOrder) else None
    before = _before(undoing, "planned_finish", now=now, written=fields.get("commit_date"))
    return {"production_order_id": fields["production_order_id"], "commit_date": before}


def schedule_back(undoing: Undoing) -> Mapping[str, JsonValue]:
    """Return the call that moves a production order to the finish that it had; raises as `sales_date_back`.

    Planned and scheduled dates become one day by that, so an order whose dates differed before is not taken back.
    """
    live, fields = undoing.live, undoing.command.fields
    there = {live.planned_finish, live.scheduled_finish} - {None} if isinstance(live, ProductionOrder) else set()
    written = cast("str", fields.get("new_finish"))
    finishes = {one.before for one in undoing.changes if one.field in ("planned_finish", "scheduled_finish")}
    if len(finishes) > 1:
        message = "Planned and scheduled finish were two days before; a planner sets them in the system."
        raise refused("R-UNDO-INEXACT", message)
    field = next((one.field for one in undoing.changes if one.field.endswith("_finish")), "planned_finish")
    before = _before(undoing, field, now=written if there == {written} else None, written=written)
    return {"production_order_id": fields["production_order_id"], "new_finish": before}


def _before(undoing: Undoing, field: str, *, now: str | None, written: JsonValue) -> str:
    """Return the day before the change, as people were shown it."""
    before = next((one.before for one in undoing.changes if one.field == field), "")
    if now is None or now != written:
        raise refused("R-UNDO-CHANGED", "It has another date by now; propose the date that is wanted.")
    if not before:
        raise refused("R-UNDO-EMPTY", "There was no date before, and none is taken out: a person does that.")
    if before < undoing.today:
        raise refused("R-UNDO-PAST", f"The date before was {before}, which has passed.", before=before)
    return before
