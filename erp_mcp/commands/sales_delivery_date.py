"""`sales_order_line.update_delivery_date`: another date that a customer is promised for one sales order line."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Final

from erp_mcp.commands import rows
from erp_mcp.commands.dates_back import sales_date_back
from erp_mcp.commands.impact import PEGGED, ledger_of, needed
from erp_mcp.commands.rows_selling import SalesLineRefRow
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
from erp_mcp.domain.days import NEVER, days_between, shift
from erp_mcp.domain.entities.orders import SalesOrderLine
from erp_mcp.domain.left_to_people import PENALTY
from erp_mcp.domain.operation import CommandFacts, Draft, Operation, Undo
from erp_mcp.domain.pegging import allocate
from erp_mcp.domain.proposal import Change, Check
from erp_mcp.domain.value import quantity_text
from erp_mcp.errors import RuleNotEvaluableError


@dataclass(frozen=True, slots=True, kw_only=True)
class _Case:
    """The line as the read model found it and as its system has it now, and the date that is proposed."""

    facts: CommandFacts
    row: SalesLineRefRow
    live: SalesOrderLine
    new_date: str

    @property
    def is_later(self) -> bool:
        """Whether the new date is after the one that is promised, or else after the one that was asked for."""
        return self.new_date > (self.live.confirmed_date or self.live.requested_date)


def update(facts: CommandFacts) -> Draft:
    """Work out another confirmed date of one sales order line.

    Raises:
        RuleRefusedError: `rule.refused`, where there is no such line.
        RuleNotEvaluableError: `rule.not_evaluable`, where a rule lacks its facts.
    """
    case = _case(facts)
    checks = [*_state_checks(case), *_date_checks(case)]
    if all(one.verdict != "refuse" for one in checks):
        checks += [_feasible(case), *_told(case)]
    before = case.live.confirmed_date or ""
    document = f"{case.row.sales_order_id}/{case.row.line}"
    return Draft(
        system=case.row.system,
        key=case.row.source_key,
        version_token=case.live.version_token,
        fields={"sales_order_id": case.row.sales_order_id, "line": case.row.line, "new_date": case.new_date},
        document=document,
        headline=f"Promise sales order line {document} for {case.new_date} instead of {before or 'no date'}",
        changes=(Change(field="confirmed_date", before=before, after=case.new_date),),
        checks=(*checks, *stale_checks(facts)),
        effects=tuple(_effects(case)),
        amounts={"material_id": case.row.material_id, "site": case.live.site},
    )


def _case(facts: CommandFacts) -> _Case:
    order, line = text_argument(facts, "sales_order_id"), text_argument(facts, "line")
    found = [one for one in rows_of(facts, "line", SalesLineRefRow) if (one.sales_order_id, one.line) == (order, line)]
    if not found:
        message = f"There is no line {line} of sales order {order}; use ids and lines of list_sales_orders."
        raise refused("R-LINE", message, sales_order_id=order, line=line)
    if len(found) > 1:
        raise RuleNotEvaluableError(rule="R-LINE", missing="one system that has the line")
    live = live_record(facts, "line", found[0].system, found[0].source_key, SalesOrderLine)
    return _Case(facts=facts, row=found[0], live=live, new_date=text_argument(facts, "new_date"))


# --- Rules ------------------------------------------------------------------------------------------------------------


def _state_checks(case: _Case) -> Iterator[Check]:
    live = case.live
    if live.order_state != "open":
        message = "The line is closed or cancelled in its system; propose for a line that is open."
        yield refuse("R-OPEN", message, order_state=known(live.order_state, "closed", "cancelled"))
    elif live.qty_open <= 0:
        message = "The line is fully delivered; propose for one of which something is still to go."
        yield refuse("R-DELIVERED", message, qty_delivered=quantity_text(live.qty_delivered), uom=live.uom)
    else:
        yield ok("R-OPEN", f"The line is open; {quantity_text(live.qty_open)} {live.uom} are still to go.")


def _date_checks(case: _Case) -> Iterator[Check]:
    today, new = case.facts.today, case.new_date
    last = shift(today, MAX_AHEAD_DAYS)
    if new == case.live.confirmed_date:
        yield refuse("R-SAME-DATE", "The line has this date already; there is nothing to change.", confirmed_date=new)
    elif new < today:
        yield refuse("R-DATE", f"The date has passed; {today} is the first that would pass.", earliest=today)
    elif new > last:
        yield refuse("R-DATE", f"The date is more than a year ahead; up to {last} would pass.", latest=last)
    else:
        yield ok("R-DATE", "The date is neither past nor more than a year ahead.")


def _feasible(case: _Case) -> Check:
    """Return whether all that is open is there by the new date, by the pegging that explains late orders."""
    facts = _as_it_is_now(case)
    need(facts, "R-ATP", *needed(facts))
    pegged = allocate(ledger_of(facts, case.row.material_id, case.row.site))
    found = pegged.get(f"sales_order/{case.row.sales_order_id}/{case.row.line}")
    arrival = (found.arrival if found else "") or facts.today
    if found is not None and arrival == NEVER:
        return _uncovered(case, quantity_text(found.qty_uncovered))
    if case.new_date < arrival:
        message = f"What covers the line is not all there before {arrival}, the first date that would pass."
        return refuse("R-ATP", message, earliest=arrival)
    if "reservations" in facts.gaps:
        message = f"By need dates alone all of it is there by {arrival}; reservations could not be looked at."
        return flag("R-ATP", message, earliest=arrival)
    return ok("R-ATP", f"What covers the line is all there by {arrival}.", earliest=arrival)


def _uncovered(case: _Case, left: str) -> Check:
    """Return what may be done where nothing open covers a part: an earlier promise is a lie, a later one no worse."""
    facts = {"qty_uncovered": left, "uom": case.live.uom}
    if case.is_later:
        message = f"Nothing open covers {left} {case.live.uom} of it yet: whether the later date holds is not known."
        return flag("R-ATP", message, **facts)
    message = f"Nothing open covers {left} {case.live.uom} of it: no earlier promise can be kept; buy or make it first."
    return refuse("R-ATP", message, **facts)


def _as_it_is_now(case: _Case) -> CommandFacts:
    """Return the facts with what the system says is still to go, instead of what was copied.

    Raises:
        RuleNotEvaluableError: `rule.not_evaluable`, where the line is not among the copied open ones.
    """
    need(case.facts, "R-ATP", "sales_demand")
    key = (case.row.sales_order_id, case.row.line)
    copied = rows_of(case.facts, "sales_demand", rows.SalesLineRow)
    mine = [one for one in copied if (one.sales_order_id, one.line) == key]
    if not mine or mine[0].uom != case.live.uom:
        raise RuleNotEvaluableError(rule="R-ATP", missing="the line among the copied open lines")
    now = mine[0]._replace(qty_open=case.live.qty_open)
    others = (one for one in copied if (one.sales_order_id, one.line) != key)
    return replace(case.facts, rows={**case.facts.rows, "sales_demand": (*others, now)})


def _told(case: _Case) -> Iterator[Check]:
    live = case.live
    if live.credit_status != "released" or live.delivery_block:
        message = "The line is blocked for credit or delivery, or that is not known: the date holds once it is free."
        yield flag("R-BLOCK", message)
    days = days_between(case.new_date, live.requested_date)
    if days > 0:
        message = f"The customer asked for {live.requested_date}: the new date is {_days(days)} after it."
        yield flag("R-REQUESTED", message, requested_date=live.requested_date, days=days)
    elif case.is_later:
        yield ok("R-REQUESTED", "The new date is not after the one that the customer asked for.")
    if case.is_later:
        yield person(PENALTY)


# --- What follows -----------------------------------------------------------------------------------------------------


def _effects(case: _Case) -> Iterator[str]:
    before = case.live.confirmed_date
    if before:
        days = days_between(case.new_date, before)
        yield f"The promise moves {_days(abs(days))} {'later' if days > 0 else 'earlier'}."
    yield "No customer is told by this change: a person sends that message."
    yield "No production order, purchase order or delivery moves with it; transport time is not in the date."
    back = f"propose {before} again" if before else "sales takes the date out"
    yield f"Undo: {back}; what a customer heard stays said."


def _days(number: int) -> str:
    return "1 day" if number == 1 else f"{number} days"


OPERATION: Final = Operation(
    name="sales_order_line.update_delivery_date",
    entity="sales_order_line",
    function=update,
    reads={
        "line": SalesLineRefRow,
        **PEGGED,
    },
    live=("line",),
    undo=Undo(
        tool="propose_update_sales_delivery_date",
        words="The promise that the line had before is proposed again.",
        function=sales_date_back,
    ),
)
