"""A production order whose dates are to change: as its system has it now, and whether it may still be moved."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from erp_mcp.commands import rows_planning
from erp_mcp.commands.holding import live_of
from erp_mcp.commands.verdicts import (
    MAX_AHEAD_DAYS,
    known,
    live_record,
    need,
    ok,
    refuse,
    refused,
    rows_of,
    text_argument,
)
from erp_mcp.domain.days import shift
from erp_mcp.domain.entities.production import ProductionOperation, ProductionOrder
from erp_mcp.domain.operation import CommandFacts
from erp_mcp.domain.proposal import Check
from erp_mcp.domain.value import quantity_text
from erp_mcp.errors import RuleNotEvaluableError

MOVABLE: Final = frozenset({"Forecast", "Waiting", "Released", "Ready"})  # created, or released and not begun
_TOLD: Final = ("Running", "Held", "Suspended", "Completed", "Closed", "Aborted", "Cancelled")


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderCase:
    """The order as the read model found it and as its system has it now, with its steps."""

    facts: CommandFacts
    row: rows_planning.OrderRefRow
    live: ProductionOrder
    operations: tuple[ProductionOperation, ...]

    @property
    def start(self) -> str:
        """The day on which it is scheduled to start."""
        return self.live.scheduled_start or self.live.planned_start or ""

    @property
    def finish(self) -> str:
        """The day on which it is scheduled to finish."""
        return self.live.scheduled_finish or self.live.planned_finish or ""


def order_case(facts: CommandFacts) -> OrderCase:
    """Return the order that is named.

    Raises:
        RuleRefusedError: `rule.refused`, rule R-ORDER, where there is none.
        RuleNotEvaluableError: `rule.not_evaluable`, where two systems have it, its steps can't be looked at, or it has
            no dates.
    """
    order_id = text_argument(facts, "production_order_id")
    all_rows = rows_of(facts, "order", rows_planning.OrderRefRow)
    found = [one for one in all_rows if one.production_order_id == order_id]
    if not found:
        message = f"There is no production order {order_id}; use an id of list_production_orders."
        raise refused("R-ORDER", message, production_order_id=order_id)
    if len(found) > 1:
        raise RuleNotEvaluableError(rule="R-ORDER", missing="one system that has the order")
    need(facts, "R-STARTED", "operations", "components")
    steps = (one for one in live_of(facts, "operations", ProductionOperation) if one.production_order_id == order_id)
    case = OrderCase(
        facts=facts,
        row=found[0],
        live=live_record(facts, "order", found[0].system, found[0].source_key, ProductionOrder),
        operations=tuple(sorted(steps, key=lambda one: one.operation_id)),
    )
    if not case.start or not case.finish:
        raise RuleNotEvaluableError(rule="R-DATE", missing="dates of the order")
    return case


def state_checks(case: OrderCase) -> Iterator[Check]:
    """Yield whether the order is created or released, and nothing of it has begun."""
    state = case.live.request_state
    if state not in MOVABLE:
        message = "The order is running, held or finished; one that is created or released and not begun would pass."
        yield refuse("R-STATE", message, request_state=known(state, *_TOLD))
        return
    yield ok("R-STATE", "The order is created or released, and not begun by its state.")
    begun = next((one for one in case.operations if (one.request_state or "Waiting") != "Waiting"), None)
    withdrawn = next(
        (one for one in rows_of(case.facts, "components", rows_planning.WithdrawnRow) if one.qty_withdrawn > 0), None
    )
    if begun is not None:
        message = f"Operation {begun.operation_id} has begun; an order of which none has would pass."
        yield refuse("R-STARTED", message, operation_id=begun.operation_id)
    elif case.live.qty_yield or case.live.qty_scrap:
        done = quantity_text((case.live.qty_yield or 0) + (case.live.qty_scrap or 0))
        yield refuse("R-STARTED", "Pieces were reported already; an order without any would pass.", qty=done)
    elif withdrawn is not None:
        message = f"Component {withdrawn.line} was issued already; an order without any issue would pass."
        yield refuse("R-STARTED", message, line=withdrawn.line)
    else:
        yield ok("R-STARTED", "No operation has begun, nothing is reported and nothing issued.")


def date_check(case: OrderCase, day: str) -> Check:
    """Return whether a day is neither past nor more than a year ahead."""
    last = shift(case.facts.today, MAX_AHEAD_DAYS)
    if day > last:
        return refuse("R-DATE", f"The date is more than a year ahead; up to {last} would pass.", latest=last)
    if day < case.facts.today:
        earliest = case.facts.today
        return refuse("R-DATE", f"The date has passed; {earliest} is the first that would pass.", earliest=earliest)
    return ok("R-DATE", "The date is neither past nor more than a year ahead.")
