"""`production_order.reschedule`: other dates of a production order that has not begun; its length stays."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Final

from erp_mcp.commands import order_schedule, rows_planning, told
from erp_mcp.commands.dates_back import schedule_back
from erp_mcp.commands.impact import PEGGED, Impact, compared, ledger_of, needed
from erp_mcp.commands.order_schedule import OrderCase
from erp_mcp.commands.verdicts import flag, need, ok, person, refuse, refused, rows_of, stale_checks, text_argument
from erp_mcp.domain.days import days_between, local_day, shift
from erp_mcp.domain.left_to_people import ORDER_CAPACITY, ORDER_COMPONENTS
from erp_mcp.domain.operation import CommandFacts, Draft, Operation, Undo
from erp_mcp.domain.proposal import Change, Check
from erp_mcp.errors import RuleNotEvaluableError

FROZEN_DAYS: Final = 2  # an order that starts today or tomorrow is the supervisor's
_SEARCHED_DAYS: Final = 90  # how far another start is looked for


@dataclass(frozen=True, slots=True, kw_only=True)
class _Move:
    """An order and the dates that are proposed for it."""

    case: OrderCase
    start: str
    finish: str

    @property
    def days(self) -> int:
        """By how many days it moves; later is positive."""
        return days_between(self.start, self.case.start)

    @property
    def step_days(self) -> int:
        """By how many days its steps move: the first of them to the new start."""
        zone = self.case.facts.zone
        starts = [local_day(one.planned_start, zone) for one in self.case.operations if one.planned_start]
        return days_between(self.start, min(starts)) if starts else self.days

    def at(self, start: str) -> _Move:
        """Return the same order with another start."""
        return replace(self, start=start, finish=shift(self.finish, days_between(start, self.start)))


def reschedule(facts: CommandFacts) -> Draft:
    """Work out other dates of one production order.

    Raises:
        RuleRefusedError: `rule.refused`, where there is no such order, or not exactly one new date.
        RuleNotEvaluableError: `rule.not_evaluable`, where a rule lacks its facts.
    """
    move = _move(facts)
    case = move.case
    checks = [*order_schedule.state_checks(case)]
    checks += [*_date_checks(move)]
    effects: tuple[str, ...] = ()
    if not any(one.verdict == "refuse" for one in checks):
        found = _impact(move)
        checks += [told.impact_check(found, by="the new dates"), *_flags(move)]
        effects = tuple(_effects(move, found))
    order_id = case.row.production_order_id
    return Draft(
        system=case.row.system,
        key=case.row.source_key,
        version_token=case.live.version_token,
        fields={"production_order_id": order_id, "new_start": move.start, "new_finish": move.finish},
        document=order_id,
        headline=(
            f"Move production order {order_id} from {case.start} until {case.finish}"
            f" to {move.start} until {move.finish}"
        ),
        changes=tuple(_changes(move)),
        checks=(*checks, *stale_checks(facts)),
        effects=effects,
        amounts={"material_id": case.row.material_id, "site": case.live.site},
    )


def _move(facts: CommandFacts) -> _Move:
    start, finish = text_argument(facts, "new_start"), text_argument(facts, "new_finish")
    if bool(start) == bool(finish):
        raise refused("R-ARGUMENTS", "Give either new_start or new_finish; the order keeps its length.")
    case = order_schedule.order_case(facts)
    days = days_between(case.finish, case.start)
    start = start or shift(finish, -days)
    return _Move(case=case, start=start, finish=finish or shift(start, days))


# --- Rules ------------------------------------------------------------------------------------------------------------


def _date_checks(move: _Move) -> Iterator[Check]:
    live = move.case.live
    if {live.planned_start, live.scheduled_start} <= {move.start, None} and {
        live.planned_finish,
        live.scheduled_finish,
    } <= {move.finish, None}:
        yield refuse("R-SAME-DATE", "The order has these dates already; there is nothing to change.", start=move.start)
        return
    frozen_until = shift(move.case.facts.today, FROZEN_DAYS)
    if move.case.start < frozen_until:
        message = f"The order starts before {frozen_until}, in the frozen zone; a supervisor moves it in the ERP."
        yield refuse("R-FROZEN", message, start=move.case.start)
    elif move.start < frozen_until:
        passing = move.at(frozen_until)
        message = f"It would start in the frozen zone; a start on {passing.start}, finish {passing.finish}, would pass."
        yield refuse("R-FROZEN", message, earliest=passing.start, earliest_finish=passing.finish)
    else:
        yield order_schedule.date_check(move.case, move.finish)
        yield ok("R-FROZEN", f"Neither the old nor the new start is before {frozen_until}.")
        yield _maintenance(move)


def _maintenance(move: _Move) -> Check:
    """Return whether no step would lie in the maintenance of its work centre."""
    need(move.case.facts, "R-MAINTENANCE", "maintenance")
    if any(not one.planned_start or not one.planned_finish for one in move.case.operations):
        raise RuleNotEvaluableError(rule="R-MAINTENANCE", missing="dates of the operations")
    conflict = _conflict(move)
    if conflict is None:
        return ok("R-MAINTENANCE", "No operation would lie in the maintenance of its work centre.")
    step, order = conflict
    later = (move.at(shift(move.start, days)) for days in range(1, _SEARCHED_DAYS))
    free = next((one for one in later if _conflict(one) is None), None)
    would = f"a start on {free.start}, finish {free.finish}, would pass" if free else "no start of the next weeks would"
    message = (
        f"Operation {step} would lie in maintenance {order.maintenance_order_id} of {order.work_center_id}; {would}."
    )
    facts = {"earliest": free.start, "earliest_finish": free.finish} if free else {}
    return refuse("R-MAINTENANCE", message, operation_id=step, maintenance_order_id=order.maintenance_order_id, **facts)


def _conflict(move: _Move) -> tuple[str, rows_planning.MaintenanceRow] | None:
    facts, days = move.case.facts, move.step_days
    for step in move.case.operations:
        first = shift(local_day(step.planned_start or "", facts.zone), days)
        last = shift(local_day(step.planned_finish or "", facts.zone), days)
        for order in rows_of(facts, "maintenance", rows_planning.MaintenanceRow):
            begin, end = _window(order, facts.today)
            if order.work_center_id == step.work_center_id and begin <= last and first <= end:
                return step.operation_id, order
    return None


def _window(order: rows_planning.MaintenanceRow, today: str) -> tuple[str, str]:
    """Return the days of maintenance: what has begun and should be over goes on today at least."""
    begin = order.planned_start or today
    end = max(order.planned_finish or begin, begin)
    return begin, max(end, today) if order.order_state == "in_process" else end


def _flags(move: _Move) -> Iterator[Check]:
    yield person(ORDER_CAPACITY)
    if move.days < 0:
        yield person(ORDER_COMPONENTS)
    need(move.case.facts, "R-CHILDREN", "children")
    late = [
        one
        for one in rows_of(move.case.facts, "children", rows_planning.ChildRow)
        if (one.scheduled_finish or one.planned_finish or "") > move.start
    ]
    if late:
        first = late[0].production_order_id
        count = told.counted(len(late), "order")
        message = f"{count} that make its components finish after the new start, the first of them {first}."
        yield flag("R-CHILDREN", message, production_order_id=first, orders=len(late))
    else:
        yield ok("R-CHILDREN", "No order that makes a component of it finishes after the new start.")


# --- What follows -----------------------------------------------------------------------------------------------------


def _impact(move: _Move) -> Impact:
    case = move.case
    need(case.facts, "R-IMPACT", *needed(case.facts))
    as_is = ledger_of(case.facts, case.row.material_id, case.row.site)
    mine = [one for one in as_is.supplies if one.supply_id == case.row.production_order_id]
    if len(mine) != 1:
        raise RuleNotEvaluableError(rule="R-IMPACT", missing="the order among the copied unfinished ones")
    others = tuple(one for one in as_is.supplies if one is not mine[0])
    moved = mine[0]._replace(date=max(move.finish, case.facts.today))
    return compared(case.facts, as_is, replace(as_is, supplies=(*others, moved)))


def _changes(move: _Move) -> Iterator[Change]:
    live = move.case.live
    for field, before, after in (
        ("planned_start", live.planned_start, move.start),
        ("planned_finish", live.planned_finish, move.finish),
        ("scheduled_start", live.scheduled_start, move.start),
        ("scheduled_finish", live.scheduled_finish, move.finish),
    ):
        if before != after:
            yield Change(field=field, before=before or "", after=after)


def _effects(move: _Move, found: Impact) -> Iterator[str]:
    yield from told.impact(found)
    days = told.counted(abs(move.step_days), "day")
    way = "later" if move.step_days > 0 else "earlier"
    if move.step_days and move.case.operations:
        centres = ", ".join(dict.fromkeys(one.work_center_id for one in move.case.operations))
        yield f"Its operations at {centres} and its component needs move {days} {way}."
    if move.case.live.request_state == "Ready":
        yield "The shop floor has the order already: its supervisor has to be told by a person."
    yield "The order is neither released nor started by it, and no customer is told."
    yield f"Undo: propose the finish {move.case.finish} again."


OPERATION: Final = Operation(
    name="production_order.reschedule",
    entity="production_order",
    function=reschedule,
    reads={
        "order": rows_planning.OrderRefRow,
        "operations": rows_planning.OperationRefRow,
        "components": rows_planning.WithdrawnRow,
        "children": rows_planning.ChildRow,
        "maintenance": rows_planning.MaintenanceRow,
        **PEGGED,
    },
    live=("order", "operations"),
    undo=Undo(
        tool="propose_reschedule_production_order",
        words="The finish that the order had before is proposed again.",
        function=schedule_back,
    ),
)
