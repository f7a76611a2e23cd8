"""What making a planned quantity asks of work centres and components: load against capacity, stock against need."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from math import ceil
from typing import Final

from erp_mcp.commands import rows_planning, told
from erp_mcp.commands.verdicts import flag, need, ok, refuse, rows_of
from erp_mcp.domain.days import local_day
from erp_mcp.domain.operation import CommandFacts
from erp_mcp.domain.proposal import Check
from erp_mcp.domain.value import QUANTITY_DIGITS, quantity_text
from erp_mcp.errors import RuleNotEvaluableError

MAX_LOAD_PCT: Final = 110
_SHOWN: Final = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """A quantity in the base unit that is to be made from one day until another."""

    facts: CommandFacts
    qty: int
    start: str
    finish: str

    @property
    def bill(self) -> tuple[rows_planning.BomRow, ...]:
        """Components that are valid on the day of the start."""
        return tuple(
            one
            for one in rows_of(self.facts, "bill", rows_planning.BomRow)
            if (one.valid_from or "") <= self.start and (not one.valid_to or one.valid_to >= self.start)
        )

    @property
    def minutes(self) -> dict[str, int]:
        """Minutes at each work centre, begun ones counted whole.

        Raises:
            RuleNotEvaluableError: `rule.not_evaluable`, where a step does not say how long it takes.
        """
        found: defaultdict[str, int] = defaultdict(int)
        for step in rows_of(self.facts, "routing", rows_planning.RoutingRow):
            if step.run_s is None:
                raise RuleNotEvaluableError(rule="R-CAPACITY", missing="times of the routing")
            run = Fraction(step.run_s * self.qty, 60 * 10**QUANTITY_DIGITS)
            found[step.work_center_id] += (step.setup_min or 0) + ceil(run)
        return dict(found)


def capacity(plan: Plan) -> Check:
    """Return whether the work centres can do it as well, from the start until the finish, at 110 % at most.

    Raises:
        RuleNotEvaluableError: `rule.not_evaluable`, where work or capacity of a work centre is not known.
    """
    need(plan.facts, "R-CAPACITY", "routing", "work", "capacity")
    worst: tuple[int, str, int, int] | None = None
    for center, more in sorted(plan.minutes.items()):
        available, committed = _available(plan, center), _committed(plan, center)
        if available <= 0:
            raise RuleNotEvaluableError(rule="R-CAPACITY", missing=f"capacity of work centre {center}")
        pct = ceil(Fraction(100 * (committed + more), available))
        if worst is None or pct > worst[0]:
            worst = (pct, center, committed + more, available)
    if worst is None:
        return flag("R-CAPACITY", "Without a routing no work centre can be looked at.")
    pct, center, minutes, available = worst
    facts: dict[str, str | int] = {"work_center_id": center, "load_pct": pct, "work_min": minutes}
    if pct > MAX_LOAD_PCT:
        message = (
            f"Work centre {center} would be loaded to {pct} % from {plan.start} until {plan.finish}; up to"
            f" {MAX_LOAD_PCT} % would pass, that is {available * MAX_LOAD_PCT // 100} minutes."
        )
        return refuse("R-CAPACITY", message, **facts)
    message = (
        f"No work centre is loaded above {MAX_LOAD_PCT} %, {center} to {pct} %; other planned orders are not counted."
    )
    return ok("R-CAPACITY", message, **facts)


def _available(plan: Plan, center: str) -> int:
    days = rows_of(plan.facts, "capacity", rows_planning.CenterDayRow)
    return sum(
        one.available_min
        for one in days
        if one.work_center_id == center and plan.start <= one.capacity_date <= plan.finish
    )


def _committed(plan: Plan, center: str) -> int:
    """Return the minutes that wait there; what should have begun counts today."""
    total = 0
    for one in rows_of(plan.facts, "work", rows_planning.CenterWorkRow):
        if one.work_center_id != center or not one.planned_start:
            continue
        day = max(local_day(one.planned_start, plan.facts.zone), plan.facts.today)
        if not plan.start <= day <= plan.finish:
            continue
        if (one.measured or 0) < one.operations:
            raise RuleNotEvaluableError(rule="R-CAPACITY", missing="work of the operations that wait")
        total += one.work_min or 0
    return total


def components(plan: Plan) -> Check:
    """Return whether today's stock that nobody holds covers the components: it is told, and refuses nothing."""
    need(plan.facts, "R-COMPONENTS", "bill", "component_stock", "component_held")
    short = list(_short(plan))
    if short:
        count = told.counted(len(short), "component")
        return flag(
            "R-COMPONENTS", f"{count} not covered by today's free stock; later supply is not counted.", short=len(short)
        )
    return ok("R-COMPONENTS", "Today's free stock covers all components.")


def short_components(plan: Plan) -> Iterator[str]:
    """Say which components today's free stock does not cover."""
    for line, needed, free in list(_short(plan))[:_SHOWN]:
        yield (
            f"Component {line.line}, {line.component_id}: {quantity_text(needed)} {line.uom} are needed and"
            f" {quantity_text(free)} free today."
        )


def _short(plan: Plan) -> Iterator[tuple[rows_planning.BomRow, int, int]]:
    stock = _sums(plan.facts, "component_stock")
    held = _sums(plan.facts, "component_held")
    for line in plan.bill:
        needed = ceil(Fraction(line.qty_per * plan.qty, 10**QUANTITY_DIGITS))
        free = max(0, stock.get(line.component_id, 0) - held.get(line.component_id, 0))
        if needed > free:
            yield line, needed, free


def _sums(facts: CommandFacts, read: str) -> dict[str, int]:
    return {one.material_id: one.qty or 0 for one in rows_of(facts, read, rows_planning.AmountRow)}
