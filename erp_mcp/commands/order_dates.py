"""`production_order.confirm_dates`: the finish that planning commits to; the schedule does not move."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from erp_mcp.commands import order_schedule, rows, rows_planning
from erp_mcp.commands.dates_back import commitment_back
from erp_mcp.commands.order_schedule import OrderCase
from erp_mcp.commands.verdicts import flag, need, ok, refuse, rows_of, stale_checks, text_argument
from erp_mcp.domain.days import days_between
from erp_mcp.domain.operation import CommandFacts, Draft, Operation, Undo
from erp_mcp.domain.proposal import Change, Check


def confirm(facts: CommandFacts) -> Draft:
    """Work out the committed finish of one production order.

    Raises:
        RuleRefusedError: `rule.refused`, where there is no such order.
        RuleNotEvaluableError: `rule.not_evaluable`, where a rule lacks its facts.
    """
    case = order_schedule.order_case(facts)
    day = text_argument(facts, "commit_date")
    checks = [*order_schedule.state_checks(case), *_checks(case, day)]
    order_id, before = case.row.production_order_id, case.live.planned_finish or ""
    return Draft(
        system=case.row.system,
        key=case.row.source_key,
        version_token=case.live.version_token,
        fields={"production_order_id": order_id, "commit_date": day},
        document=order_id,
        headline=f"Commit production order {order_id} to be finished by {day}",
        changes=(Change(field="planned_finish", before=before, after=day),),
        checks=(*checks, *stale_checks(facts)),
        effects=tuple(_effects(case, day)),
        amounts={"material_id": case.row.material_id, "site": case.live.site},
    )


def _checks(case: OrderCase, day: str) -> Iterator[Check]:
    if day == case.live.planned_finish:
        yield refuse("R-SAME-DATE", "The order is committed to this day already; there is nothing to change.", date=day)
        return
    yield order_schedule.date_check(case, day)
    if day < case.finish:
        message = f"The schedule finishes on {case.finish}; from then on would pass, or reschedule the order first."
        yield refuse("R-SCHEDULE", message, earliest=case.finish)
        return
    yield ok("R-SCHEDULE", f"The schedule finishes on {case.finish}, not after it.")
    yield _customer(case, day)


def _customer(case: OrderCase, day: str) -> Check:
    """Return whether it is in time for the sales order line that it is made for."""
    order, line = case.live.sales_order_id, case.live.sales_order_line
    if not order:
        return flag("R-CUSTOMER", "It is made for no sales order by itself; who waits for it is not looked at here.")
    need(case.facts, "R-CUSTOMER", "sold")
    found = [
        one
        for one in rows_of(case.facts, "sold", rows.SalesLineRow)
        if one.sales_order_id == order and line in (None, "", one.line)
    ]
    wanted = min((one.requested_date for one in found), default="")
    if not wanted:
        return flag("R-CUSTOMER", "The sales order line that it is made for is not open.", sales_order_id=order)
    late = days_between(day, wanted)
    if late > 0:
        message = f"Sales order {order} wants it by {wanted}, {late} days before."
        return flag("R-CUSTOMER", message, sales_order_id=order, requested_date=wanted, days_late=late)
    return ok("R-CUSTOMER", f"Sales order {order} wants it by {wanted}.", sales_order_id=order)


def _effects(case: OrderCase, day: str) -> Iterator[str]:
    slack = days_between(day, case.finish)
    yield f"The schedule stays: from {case.start} until {case.finish}, {slack} days before the committed day."
    yield "No customer is told, and nothing is released."
    back = case.live.planned_finish
    yield f"Undo: propose {back} again." if back else "Undo: a planner takes the day out in its system."


OPERATION: Final = Operation(
    name="production_order.confirm_dates",
    entity="production_order",
    function=confirm,
    reads={
        "order": rows_planning.OrderRefRow,
        "operations": rows_planning.OperationRefRow,
        "components": rows_planning.WithdrawnRow,
        "sold": rows.SalesLineRow,
        "made_for": rows_planning.MadeForRow,
    },
    live=("order", "operations"),
    undo=Undo(
        tool="propose_confirm_production_order_dates",
        words="The day that the order was committed to before is proposed again.",
        function=commitment_back,
    ),
)
