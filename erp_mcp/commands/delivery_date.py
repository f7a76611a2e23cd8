"""`purchase_order_line.update_delivery_date`: another promised date of one purchase order line."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import Final

from erp_mcp.commands import rows, told
from erp_mcp.commands.impact import PEGGED, Impact, Moved, arrival, impact, needed
from erp_mcp.commands.units import whole
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
from erp_mcp.domain import proposal
from erp_mcp.domain.call import JsonValue
from erp_mcp.domain.days import NEVER, days_between, shift
from erp_mcp.domain.entities.procurement import PurchaseOrderLine
from erp_mcp.domain.left_to_people import PENALTY
from erp_mcp.domain.operation import CommandFacts, Draft, Operation, Undo, Undoing
from erp_mcp.domain.proposal import Check
from erp_mcp.domain.value import quantity_text
from erp_mcp.errors import RuleNotEvaluableError


@dataclass(frozen=True, slots=True, kw_only=True)
class _Case:
    """The line as the read model found it and as its system has it now, and the date that is proposed."""

    facts: CommandFacts
    row: rows.LineRow
    live: PurchaseOrderLine
    new_date: str

    @property
    def now(self) -> str:
        """The day on which it is expected as things are; empty where nothing says so."""
        return self.live.promised_date or self.live.original_promise_date or self.live.requested_date or ""

    @property
    def is_later(self) -> bool:
        """Whether the new date is after the one that is expected."""
        return self.new_date > (self.now or NEVER)


def update(facts: CommandFacts) -> Draft:
    """Work out another promised date of one line.

    Raises:
        RuleRefusedError: `rule.refused`, where there is no such line.
        RuleNotEvaluableError: `rule.not_evaluable`, where a rule lacks its facts.
    """
    case = _case(facts)
    # What can't be changed at all hurts nobody, so its impact is not looked for.
    checks = [*_state_checks(case), *_date_checks(case)]
    found = None if any(one.verdict == "refuse" for one in checks) else _impact(case)
    if found is not None:
        checks += _impact_checks(case, found)
    before = case.live.promised_date or ""
    document = f"{case.row.purchase_order_id}/{case.row.line}"
    return Draft(
        system=case.row.system,
        key=case.row.source_key,
        version_token=case.live.version_token,
        fields={
            "purchase_order_id": case.row.purchase_order_id,
            "line": case.row.line,
            "new_date": case.new_date,
        },
        document=document,
        headline=f"Move purchase order line {document} from {before or 'no promised date'} to {case.new_date}",
        changes=(proposal.Change(field="promised_date", before=before, after=case.new_date),),
        checks=(*checks, *stale_checks(facts)),
        effects=tuple(_effects(case, found)) if found is not None else (),
        amounts={"material_id": case.row.material_id, "site": case.live.site},
    )


def _case(facts: CommandFacts) -> _Case:
    order, line = text_argument(facts, "purchase_order_id"), text_argument(facts, "line")
    # A tool file may be an operator's own: whatever its read finds, only the line that was named is changed.
    found = [one for one in rows_of(facts, "line", rows.LineRow) if (one.purchase_order_id, one.line) == (order, line)]
    if not found:
        message = f"There is no line {line} of purchase order {order}; use ids and lines of list_purchase_orders."
        raise refused("R-LINE", message, purchase_order_id=order, line=line)
    if len(found) > 1:
        raise RuleNotEvaluableError(rule="R-LINE", missing="one system that has the line")
    live = live_record(facts, "line", found[0].system, found[0].source_key, PurchaseOrderLine)
    return _Case(facts=facts, row=found[0], live=live, new_date=text_argument(facts, "new_date"))


# --- Rules ------------------------------------------------------------------------------------------------------------


def _state_checks(case: _Case) -> Iterator[Check]:
    live = case.live
    if live.order_state != "open":
        message = "The line is closed or cancelled in its system; propose for a line that is open."
        yield refuse("R-OPEN", message, order_state=known(live.order_state, "closed", "cancelled"))
        return
    if live.qty_open <= 0:
        message = "The line is fully received; propose for one of which something is still to come."
        yield refuse("R-RECEIVED", message, qty_received=quantity_text(live.qty_received), uom=live.uom)
        return
    yield ok("R-OPEN", f"The line is open; {quantity_text(live.qty_open)} {live.uom} are still to come.")
    if not live.release_state:
        raise RuleNotEvaluableError(rule="R-RELEASED", missing="release state of the line")
    if live.release_state != "released":
        message = "The order still waits for its release; propose the date once it is released."
        yield refuse("R-RELEASED", message, release_state=known(live.release_state, "waiting"))
    else:
        yield ok("R-RELEASED", "The order is released.")


def _date_checks(case: _Case) -> Iterator[Check]:
    today, new = case.facts.today, case.new_date
    last = shift(today, MAX_AHEAD_DAYS)
    if new == case.live.promised_date:
        yield refuse("R-SAME-DATE", "The line has this date already; there is nothing to change.", promised_date=new)
    elif new < today:
        message = f"The date has passed; {today} is the first that would pass."
        yield refuse("R-DATE", message, earliest=today)
    elif new > last:
        message = f"The date is more than a year ahead; up to {last} would pass."
        yield refuse("R-DATE", message, latest=last)
    else:
        yield ok("R-DATE", "The date is neither past nor more than a year ahead.")
        yield _feasible(case)


def _feasible(case: _Case) -> Check:
    """Return whether the supplier can be that quick; who promised an earlier day can also come later."""
    if case.is_later:
        return ok("R-LEAD-TIME", "The date is later than the one promised, so the lead time does not stand against it.")
    found = (one.lead_time_days for one in rows_of(case.facts, "sources", rows.SourceRow))
    lead = min((one for one in found if one is not None), default=None)
    if lead is None:
        return flag(
            "R-LEAD-TIME", "The supplier's lead time is not known, so whether it can be that quick is not either."
        )
    ordered = case.row.order_date or case.facts.today
    earliest = max(shift(ordered, lead), case.facts.today)
    if case.new_date < earliest:
        message = f"The supplier's lead time of {lead} days speaks against it; {earliest} is the first day that fits."
        return flag("R-LEAD-TIME", message, earliest=earliest, lead_time_days=lead)
    return ok("R-LEAD-TIME", f"The supplier's lead time of {lead} days fits.", earliest=earliest, lead_time_days=lead)


def _impact_checks(case: _Case, found: Impact) -> Iterator[Check]:
    gone = "; reservations could not be looked at" if "reservations" in case.facts.gaps else ""
    if found.worse:
        count = told.counted(len(found.worse), "open demand")
        message = f"{count} would have less in time or get it later{gone}."
        yield flag("R-IMPACT", message, worse=len(found.worse), better=len(found.better))
    elif gone:
        message = "No open demand is hurt by need dates alone; reservations could not be looked at."
        yield flag("R-IMPACT", message, worse=0, better=len(found.better))
    else:
        yield ok("R-IMPACT", "No open demand is hurt by the new date.", worse=0, better=len(found.better))
    if case.is_later:
        yield person(PENALTY)


# --- What follows -----------------------------------------------------------------------------------------------------


def _impact(case: _Case) -> Impact:
    need(case.facts, "R-IMPACT", *needed(case.facts))
    today = case.facts.today
    moved = Moved(
        purchase_order_id=case.row.purchase_order_id,
        line=case.row.line,
        qty=_base_quantity(case),
        before=arrival(case.now, today),
        after=arrival(case.new_date, today),
    )
    return impact(case.facts, case.row.material_id, case.row.site, moved)


def _base_quantity(case: _Case) -> int:
    """Return what is still to come in the material's base unit, by the share of the copied row that is still open."""
    for row in rows_of(case.facts, "purchase_lines", rows.PurchaseLineRow):
        if (row.purchase_order_id, row.line) != (case.row.purchase_order_id, case.row.line):
            continue
        if row.qty_open_base is not None and row.uom == case.live.uom:
            return whole(Fraction(row.qty_open_base * case.live.qty_open, row.qty_open))
        if row.base_uom == case.live.uom:
            return case.live.qty_open
        raise RuleNotEvaluableError(rule="R-IMPACT", missing="conversion into the base unit")
    raise RuleNotEvaluableError(rule="R-IMPACT", missing="the line among the copied open lines")


def _effects(case: _Case, found: Impact) -> Iterator[str]:
    yield from told.impact(found)
    days = days_between(case.new_date, case.now)
    if days:
        yield f"The date moves {told.counted(abs(days), 'day')} {'later' if days > 0 else 'earlier'}."
    yield "Neither customer nor supplier is told by this change."
    back = f"propose {case.live.promised_date} again" if case.live.promised_date else "a buyer takes the promise out"
    yield f"Undo: {back}."


# --- The way back -----------------------------------------------------------------------------------------------------


def way_back(undoing: Undoing) -> dict[str, JsonValue]:
    """Return the call that promises the day before again.

    Raises:
        RuleRefusedError: `rule.refused`: the promise was changed since, there was none before, or its day has passed.
    """
    fields, live = undoing.command.fields, undoing.live
    before = next((one.before for one in undoing.changes if one.field == "promised_date"), "")
    if not isinstance(live, PurchaseOrderLine) or live.promised_date != fields.get("new_date"):
        raise refused("R-UNDO-CHANGED", "The line has another promise by now; propose the date that is wanted.")
    if not before:
        raise refused("R-UNDO-EMPTY", "There was no promise before, and none is taken out: a buyer does that.")
    if before < undoing.today:
        raise refused("R-UNDO-PAST", f"The promise before was {before}, which has passed.", before=before)
    return {"purchase_order_id": fields["purchase_order_id"], "line": fields["line"], "new_date": before}


OPERATION: Final = Operation(
    name="purchase_order_line.update_delivery_date",
    entity="purchase_order_line",
    function=update,
    reads={
        "line": rows.LineRow,
        "sources": rows.SourceRow,
        **PEGGED,
    },
    live=("line",),
    undo=Undo(
        tool="propose_update_delivery_date",
        words="The promise that the line had before is proposed again.",
        function=way_back,
    ),
)
