"""One line of a purchase order that stands: as its system has it now, what was billed of it, and who waits for it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from fractions import Fraction

from erp_mcp.commands import rows, rows_buying
from erp_mcp.commands.impact import Impact, arrival, compared, ledger_of, needed
from erp_mcp.commands.units import whole
from erp_mcp.commands.verdicts import flag, known, live_record, need, ok, refuse, refused, rows_of
from erp_mcp.domain.entities.procurement import PurchaseOrderLine
from erp_mcp.domain.operation import CommandFacts
from erp_mcp.domain.pegging import Ledger, Supply
from erp_mcp.domain.proposal import Check
from erp_mcp.domain.value import quantity_text
from erp_mcp.errors import RuleNotEvaluableError


@dataclass(frozen=True, slots=True, kw_only=True)
class StandingLine:
    """A line as the read model found it and as its system has it now."""

    row: rows_buying.PricedLineRow
    live: PurchaseOrderLine

    @property
    def name(self) -> str:
        """Number of order and line, as people know it."""
        return f"{self.row.purchase_order_id}/{self.row.line}"


def standing_lines(facts: CommandFacts, order: str, line: str) -> tuple[StandingLine, ...]:
    """Return the lines of an order, or the one that is named, by line.

    Raises:
        RuleRefusedError: `rule.refused`, where there is none.
        RuleNotEvaluableError: `rule.not_evaluable`, where two systems have it.
    """
    # A tool file may be an operator's own: whatever its read finds, only what was named is changed.
    found = [
        one
        for one in rows_of(facts, "line", rows_buying.PricedLineRow)
        if one.purchase_order_id == order and line in ("", one.line)
    ]
    if not found:
        message = f"There is no line {line or 'at all'} of purchase order {order}; use ids of list_purchase_orders."
        raise refused("R-LINE", message, purchase_order_id=order, line=line)
    if len({one.system for one in found}) > 1:
        raise RuleNotEvaluableError(rule="R-LINE", missing="one system that has the order")
    found.sort(key=lambda one: one.line)
    return tuple(
        StandingLine(row=one, live=live_record(facts, "line", one.system, one.source_key, PurchaseOrderLine))
        for one in found
    )


def state(one: StandingLine) -> Check:
    """Return whether a line is open with something still to come."""
    if one.live.order_state != "open":
        message = f"Line {one.name} is closed or cancelled in its system; one that is open would pass."
        return refuse("R-OPEN", message, order_state=known(one.live.order_state, "closed", "cancelled"))
    if one.live.qty_open <= 0:
        message = f"Line {one.name} is fully received; one of which something is still to come would pass."
        return refuse("R-RECEIVED", message, qty_received=quantity_text(one.live.qty_received), uom=one.live.uom)
    left = f"{quantity_text(one.live.qty_open)} {one.live.uom}"
    return ok("R-OPEN", f"Line {one.name} is open; {left} are still to come.")


def billed(facts: CommandFacts, one: StandingLine) -> int:
    """Return what of a line is on invoices that were not cancelled, in 10⁻⁶ of its unit.

    Raises:
        RuleNotEvaluableError: `rule.not_evaluable`, where invoices can't be looked at or have no quantity in its unit.
    """
    need(facts, "R-INVOICED", "invoices")
    found = 0
    for row in rows_of(facts, "invoices", rows_buying.InvoicedRow):
        if row.purchase_order_line not in (None, one.row.line) or row.invoice_state == "cancelled":
            continue
        if row.purchase_order_line is None or row.qty is None or row.uom != one.live.uom:
            raise RuleNotEvaluableError(
                rule="R-INVOICED", missing="line and quantity of an invoice in the order's unit"
            )
        found += row.qty
    return found


def less_supply(facts: CommandFacts, one: StandingLine, qty_open: int, day: str) -> Impact:
    """Return what it means for open demands that only so much of a line is still to come, on a day.

    Args:
        facts: With the rows of the line's material at its site alone, as `impact.needed` names them.
        one: The line as it is.
        qty_open: What would still be to come, in its unit; 0 where nothing.
        day: When it would be expected; empty where nothing says so.
    """
    need(facts, "R-IMPACT", *needed(facts))
    ledger = ledger_of(facts, one.row.material_id, one.row.site)
    today = facts.today
    before = _with(ledger, one, _base(facts, one, one.live.qty_open), arrival(expected(one.live), today))
    after = _with(ledger, one, _base(facts, one, qty_open), arrival(day, today))
    return compared(facts, before, after)


def expected(live: PurchaseOrderLine) -> str:
    """Return the day on which a line is expected; empty where nothing says so."""
    return live.promised_date or live.original_promise_date or live.requested_date or ""


def impact_check(facts: CommandFacts, worse: int, better: int) -> Check:
    """Return what an approver has to know of the demands that wait for it."""
    gone = "; reservations could not be looked at" if "reservations" in facts.gaps else ""
    if worse:
        message = f"Open demands that would have less in time or get it later: {worse}{gone}."
        return flag("R-IMPACT", message, worse=worse, better=better)
    if gone:
        return flag("R-IMPACT", f"No open demand is hurt by what is ordered{gone}.", worse=0, better=better)
    return ok("R-IMPACT", "No open demand is hurt by it.", worse=0, better=better)


def _with(ledger: Ledger, one: StandingLine, qty: int, day: str) -> Ledger:
    supply = Supply("purchase_order_line", one.row.purchase_order_id, one.row.line, qty, day)
    others = tuple(_others(ledger, supply))
    return replace(ledger, supplies=(*others, supply) if qty > 0 else others)


def _others(ledger: Ledger, supply: Supply) -> Iterator[Supply]:
    return (one for one in ledger.supplies if (one.kind, one.supply_id, one.line) != supply[:3])


def _base(facts: CommandFacts, one: StandingLine, qty: int) -> int:
    """Return a quantity of a line in the material's base unit, by the share of the copied row that is still open."""
    for row in rows_of(facts, "purchase_lines", rows.PurchaseLineRow):
        if (row.purchase_order_id, row.line) != (one.row.purchase_order_id, one.row.line):
            continue
        if row.qty_open_base is not None and row.uom == one.live.uom:
            return whole(Fraction(row.qty_open_base * qty, row.qty_open))
        if row.base_uom == one.live.uom:
            return qty
        raise RuleNotEvaluableError(rule="R-IMPACT", missing="conversion into the base unit")
    raise RuleNotEvaluableError(rule="R-IMPACT", missing="the line among the copied open lines")
