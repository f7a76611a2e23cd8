"""`maintenance_order.create`: work on an asset is planned for a notification; the order stays unreleased."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from erp_mcp.commands.rows_maintenance import NoticeRefRow, OperationRow, PlannedWorkRow
from erp_mcp.commands.verdicts import (
    MAX_AHEAD_DAYS,
    flag,
    known,
    live_record,
    need,
    ok,
    person,
    refuse,
    refused,
    rows_of,
    stale_checks,
    text_argument,
)
from erp_mcp.domain.call import JsonValue
from erp_mcp.domain.days import NEVER, days_between, shift
from erp_mcp.domain.entities.production import MaintenanceNotification
from erp_mcp.domain.instants import parse_instant
from erp_mcp.domain.left_to_people import MAINTENANCE_BUDGET
from erp_mcp.domain.operation import CommandFacts, Draft, Operation
from erp_mcp.domain.proposal import Change, Check
from erp_mcp.errors import RuleNotEvaluableError

LONGEST_DAYS: Final = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class _Plan:
    """The notification as its system has it now, and the days that are proposed."""

    facts: CommandFacts
    notice: MaintenanceNotification
    start: str
    finish: str
    permit: bool


def create(facts: CommandFacts) -> Draft:
    """Work out one maintenance order.

    Raises:
        RuleRefusedError: `rule.refused`, where there is no such notification.
        RuleNotEvaluableError: `rule.not_evaluable`, where a rule lacks its facts.
    """
    plan = _plan(facts)
    notice = plan.notice
    return Draft(
        system=notice.system,
        key="",
        version_token="",
        fields=_fields(plan),
        document="",
        headline=f"Plan maintenance of asset {notice.asset_id} from {plan.start} to {plan.finish}, unreleased",
        changes=tuple(_changes(plan)),
        checks=(*_checks(plan), *stale_checks(facts)),
        effects=tuple(_effects(plan)),
        amounts={"site": notice.site},
    )


def _plan(facts: CommandFacts) -> _Plan:
    wanted = text_argument(facts, "notification_id")
    found = [one for one in rows_of(facts, "notice", NoticeRefRow) if one.notification_id == wanted]
    if not found:
        message = f"There is no maintenance notification {wanted}; report the malfunction first."
        raise refused("R-NOTIFICATION", message, notification_id=wanted)
    if len(found) > 1:
        raise RuleNotEvaluableError(rule="R-NOTIFICATION", missing="one system that has it")
    notice = live_record(facts, "notice", found[0].system, found[0].source_key, MaintenanceNotification)
    if not notice.asset_id or not notice.work_center_id:
        raise RuleNotEvaluableError(rule="R-NOTIFICATION", missing="asset and work centre of the notification")
    return _Plan(
        facts=facts,
        notice=notice,
        start=text_argument(facts, "planned_start"),
        finish=text_argument(facts, "planned_finish"),
        permit=facts.arguments.get("permit_to_work") is True,
    )


def _fields(plan: _Plan) -> dict[str, JsonValue]:
    return {
        "notification_id": plan.notice.notification_id,
        "asset_id": plan.notice.asset_id,
        "work_center_id": plan.notice.work_center_id,
        "planned_start": plan.start,
        "planned_finish": plan.finish,
        "permit_to_work": plan.permit,
        "versions": [{"notification_id": plan.notice.notification_id, "version": plan.notice.version_token}],
    }


def _changes(plan: _Plan) -> Iterator[Change]:
    for name, value in _fields(plan).items():
        if name != "versions":
            after = ("needed" if value else "not needed") if isinstance(value, bool) else str(value)
            yield Change(field=name, before="", after=after)


# --- Rules ------------------------------------------------------------------------------------------------------------


def _checks(plan: _Plan) -> Iterator[Check]:
    state = plan.notice.order_state
    if state != "open" or plan.notice.maintenance_order_id:
        message = "The notification is closed, or an order is planned for it already; propose for one that waits."
        yield refuse("R-NOTIFICATION", message, order_state=known(state, "open", "in_process", "closed"))
    else:
        yield ok("R-NOTIFICATION", "The notification waits for an order at this moment.")
    dates = _dates(plan)
    yield dates
    if dates.verdict != "refuse":
        need(plan.facts, "R-DUPLICATE", "orders")
        yield _duplicate(plan)
        need(plan.facts, "R-CAPACITY", "operations")
        yield _capacity(plan)
    if not plan.permit:
        yield flag("R-PERMIT", "No permit to work is asked for; maintenance has to know that none is needed.")
    yield person(MAINTENANCE_BUDGET)


def _dates(plan: _Plan) -> Check:
    today = plan.facts.today
    last = shift(today, MAX_AHEAD_DAYS)
    longest = shift(plan.start, LONGEST_DAYS)
    if plan.start < today:
        return refuse("R-DATE", f"The start has passed; {today} is the first that would pass.", earliest=today)
    if plan.finish < plan.start:
        message = f"The finish is before the start; {plan.start} is the first that would pass."
        return refuse("R-DATE", message, earliest=plan.start)
    if plan.start > last:
        return refuse("R-DATE", f"The start is more than a year ahead; up to {last} would pass.", latest=last)
    if plan.finish > longest:
        message = f"The work takes more than {LONGEST_DAYS} days; a finish up to {longest} would pass."
        return refuse("R-DATE", message, latest=longest)
    return ok("R-DATE", "The days are neither past nor turned round.", days=days_between(plan.finish, plan.start) + 1)


def _duplicate(plan: _Plan) -> Check:
    """Return whether work on the asset is planned already; in the same days it is told apart."""
    same = [one for one in rows_of(plan.facts, "orders", PlannedWorkRow) if one.asset_id == plan.notice.asset_id]
    meets = [one for one in same if _meets(plan, one.planned_start or "", one.planned_finish or NEVER)]
    if meets:
        number = min(one.maintenance_order_id for one in meets)
        message = f"Maintenance order {number} is planned for the asset in these days; the work could be done with it."
        return flag("R-DUPLICATE", message, maintenance_order_id=number, orders=len(meets))
    return ok("R-DUPLICATE", "No other maintenance of the asset is planned in these days.", orders=len(same))


def _capacity(plan: _Plan) -> Check:
    """Return what production has planned at the work centre in these days."""
    found = [
        one
        for one in rows_of(plan.facts, "operations", OperationRow)
        if _meets(plan, _day(plan, one.planned_start), _day(plan, one.planned_finish))
    ]
    if not found:
        return ok("R-CAPACITY", "Production has nothing planned at the work centre in these days.")
    first = min(found, key=lambda one: (one.planned_start or "", one.production_order_id, one.operation_id))
    message = (
        f"Production has {len(found)} operation{'s' if len(found) > 1 else ''} planned there in these days;"
        f" the first is of order {first.production_order_id}."
    )
    return flag("R-CAPACITY", message, operations=len(found), production_order_id=first.production_order_id)


def _meets(plan: _Plan, start: str, finish: str) -> bool:
    return start <= plan.finish and (finish or start) >= plan.start


def _day(plan: _Plan, instant: str | None) -> str:
    """Return the plant's day of an instant, empty where there is none."""
    return parse_instant(instant).astimezone(plan.facts.zone).date().isoformat() if instant else ""


# --- What follows -----------------------------------------------------------------------------------------------------


def _effects(plan: _Plan) -> Iterator[str]:
    yield "The order stays unreleased: nobody works on it until a person on the floor releases it."
    yield "Production keeps its plan: no order moves, and no machine is stopped by it."
    if plan.permit:
        yield "The order carries that a permit to work is needed; a person on site gives it."
    yield "Undo: mark the order for deletion in its system, as long as it is unreleased."


OPERATION: Final = Operation(
    name="maintenance_order.create",
    entity="maintenance_order",
    function=create,
    reads={"notice": NoticeRefRow, "orders": PlannedWorkRow, "operations": OperationRow},
    live=("notice",),
    irreversible="An order that was not released is marked for deletion by a person in maintenance.",
)
