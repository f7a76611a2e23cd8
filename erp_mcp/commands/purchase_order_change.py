"""`purchase_order_line.change`: another quantity, price or requested day of one open purchase order line."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import Final

from erp_mcp.commands import purchase_line, rows_buying, told
from erp_mcp.commands.buying_lines import value_at
from erp_mcp.commands.impact import PEGGED, Impact
from erp_mcp.commands.purchase_line import StandingLine
from erp_mcp.commands.units import STEP, passing
from erp_mcp.commands.verdicts import (
    MAX_AHEAD_DAYS,
    flag,
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
from erp_mcp.domain.days import shift
from erp_mcp.domain.entities.procurement import PurchaseOrderLine, SupplySource
from erp_mcp.domain.left_to_people import CHANGE_TERMS, MINIMUM, RISE
from erp_mcp.domain.operation import CommandFacts, Draft, Operation, Undo, Undoing
from erp_mcp.domain.parameters import PRICE_OFF_SOURCE
from erp_mcp.domain.proposal import Change, Check
from erp_mcp.domain.value import money_text, quantity_text
from erp_mcp.errors import RuleNotEvaluableError


@dataclass(frozen=True, slots=True, kw_only=True)
class _Case:
    """The line, and what it is to be: what is not asked for stays as its system has it now."""

    facts: CommandFacts
    one: StandingLine
    qty: int
    price: int
    date: str

    @property
    def live(self) -> PurchaseOrderLine:
        """The line as its system has it now."""
        return self.one.live

    @property
    def left(self) -> int:
        """What would still be to come."""
        return max(0, self.qty - self.live.qty_received)

    @property
    def price_unit(self) -> int:
        """For how many of the unit the price is."""
        return self.live.price_unit or 1

    @property
    def value(self) -> int:
        """What is still to come would cost, in 10⁻⁴ of the currency."""
        return value_at(self.left, self.price, self.price_unit)

    @property
    def is_dearer(self) -> bool:
        """Whether quantity or price goes up."""
        return self.qty > self.live.qty_ordered or self.price > (self.live.price or 0)


def change(facts: CommandFacts) -> Draft:
    """Work out the change of one line.

    Raises:
        RuleRefusedError: `rule.refused`, where there is no such line.
        RuleNotEvaluableError: `rule.not_evaluable`, where a rule lacks its facts.
    """
    case = _case(facts)
    checks = list(_checks(case))
    # What can't be changed at all hurts nobody, so its impact is not looked for.
    found = None if any(one.verdict == "refuse" for one in checks) else _impact(case)
    if found is not None:
        checks.append(purchase_line.impact_check(facts, len(found.worse), len(found.better)))
        checks += _told(case)
    row, live = case.one.row, case.live
    return Draft(
        system=row.system,
        key=row.source_key,
        version_token=live.version_token,
        fields={
            "purchase_order_id": row.purchase_order_id,
            "line": row.line,
            "qty": quantity_text(case.qty),
            "price": money_text(case.price),
            "delivery_date": case.date,
        },
        document=case.one.name,
        headline=f"Change purchase order line {case.one.name}: {', '.join(_words(case)) or 'nothing'}",
        changes=tuple(_changes(case)),
        checks=(*checks, *stale_checks(facts)),
        effects=tuple(_effects(case, found)) if found is not None else (),
        amounts=_amounts(case),
    )


def _case(facts: CommandFacts) -> _Case:
    (one,) = purchase_line.standing_lines(
        facts, text_argument(facts, "purchase_order_id"), text_argument(facts, "line")
    )
    live = one.live
    qty, price = facts.arguments.get("qty"), facts.arguments.get("price")
    if live.price is None:
        raise RuleNotEvaluableError(rule="R-PRICE", missing="price of the line")
    date = text_argument(facts, "delivery_date") or live.requested_date
    if not date:
        raise RuleNotEvaluableError(rule="R-DATE", missing="requested day of the line")
    return _Case(
        facts=facts,
        one=one,
        qty=qty if isinstance(qty, int) else live.qty_ordered,
        price=price if isinstance(price, int) else live.price,
        date=date,
    )


# --- Rules ------------------------------------------------------------------------------------------------------------


def _checks(case: _Case) -> Iterator[Check]:
    state = purchase_line.state(case.one)
    yield state
    if state.verdict == "refuse":
        return
    if not list(_changes(case)):
        message = "The line has this quantity, price and day already; another value of one of them would pass."
        yield refuse("R-CHANGE", message)
        return
    if case.qty != case.live.qty_ordered:
        yield from _quantity(case)
    if case.price != case.live.price:
        yield _price(case)
    if case.date != case.live.requested_date:
        yield _date(case)


def _quantity(case: _Case) -> Iterator[Check]:
    live = case.live
    least = max(live.qty_received, purchase_line.billed(case.facts, case.one), STEP)
    if case.qty < least or case.qty % STEP:
        would = passing(Fraction(max(least, case.qty)))
        message = f"No less than was received or billed, with at most three places: {would} {live.uom} would pass."
        yield refuse("R-QTY", message, would_pass=would, uom=live.uom)
        return
    yield ok("R-QTY", "The quantity is no less than what was received or billed.")
    source = _source(case)
    if source is None or not source.min_order_qty:
        yield ok("R-MIN-QTY", "No minimum order quantity is known.")
    elif source.uom != live.uom:
        yield person(MINIMUM, f"The minimum order quantity can't be compared with {live.uom}.")
    elif case.qty < source.min_order_qty:
        would = quantity_text(source.min_order_qty)
        message = f"The supplier takes no less than {would} {live.uom}; that would pass."
        yield refuse("R-MIN-QTY", message, would_pass=would, uom=live.uom)
    else:
        yield ok("R-MIN-QTY", "The minimum order quantity is reached.")


def _price(case: _Case) -> Check:
    live, source = case.live, _source(case)
    if source is None or source.price is None:
        raise RuleNotEvaluableError(rule="R-PRICE", missing="price of the source")
    terms = (live.currency, live.uom, case.price_unit)
    if (source.currency, source.uom, source.price_unit or 1) != terms:
        raise RuleNotEvaluableError(rule="R-PRICE", missing="price of the source in currency and unit of the line")
    percent = case.facts.of(PRICE_OFF_SOURCE)
    most = source.price * (100 + percent) // 100
    if not 0 < case.price <= most:
        message = (
            f"A price above zero and no more than {percent} % above the source's"
            f" {money_text(source.price)} would pass, up to {money_text(most)}."
        )
        return refuse("R-PRICE", message, would_pass=money_text(most), source=money_text(source.price))
    if case.price * 100 < source.price * (100 - percent):
        message = f"The price is more than {percent} % below the source's {money_text(source.price)}."
        return flag("R-PRICE", message, source=money_text(source.price))
    if purchase_line.billed(case.facts, case.one):
        return flag("R-PRICE", "Something of the line is billed already, at the price that it has.")
    return ok("R-PRICE", f"The price is near the source's {money_text(source.price)}.")


def _date(case: _Case) -> Check:
    today, last = case.facts.today, shift(case.facts.today, MAX_AHEAD_DAYS)
    if today <= case.date <= last:
        return ok("R-DATE", "The day is neither past nor more than a year ahead.")
    return refuse("R-DATE", f"A day from {today} to {last} would pass.", earliest=today, latest=last)


def _source(case: _Case) -> SupplySource | None:
    """Return the source of the line as its system has it now.

    Raises:
        RuleNotEvaluableError: `rule.not_evaluable`, where sources were left out.
    """
    need(case.facts, "R-SOURCE", "sources")
    row = case.one.row
    wanted = (row.system, row.material_id, row.supplier_id, row.site)
    keys = {one.source_key for one in rows_of(case.facts, "sources", rows_buying.SourceKeyRow)}
    found = (one for one in case.facts.live.get("sources", ()) if isinstance(one, SupplySource))
    return next(
        (
            one
            for one in found
            if one.source_key in keys and (one.system, one.material_id, one.supplier_id, one.site) == wanted
        ),
        None,
    )


def _told(case: _Case) -> Iterator[Check]:
    if case.live.confirmed:
        yield flag("R-CONFIRMED", "The supplier has confirmed the line as it was, and is not told by this change.")
    yield person(CHANGE_TERMS)
    if case.is_dearer:
        yield person(RISE)


# --- What follows -----------------------------------------------------------------------------------------------------


def _impact(case: _Case) -> Impact:
    day = case.live.promised_date or case.live.original_promise_date or case.date
    return purchase_line.less_supply(case.facts, case.one, case.left, day)


def _changes(case: _Case) -> Iterator[Change]:
    live = case.live
    per = f"{live.currency or ''} per {case.price_unit} {live.uom}".strip()
    pairs = (
        ("qty", quantity_text(live.qty_ordered), quantity_text(case.qty), live.uom),
        ("price", money_text(live.price or 0), money_text(case.price), per),
        ("delivery_date", live.requested_date or "", case.date, ""),
    )
    for field, before, after, unit in pairs:
        if before != after:
            yield Change(field=field, before=before, after=after, unit=unit)


def _words(case: _Case) -> Iterator[str]:
    for one in _changes(case):
        yield f"{one.field.replace('_', ' ')} {one.after}{f' {one.unit}' if one.unit else ''} instead of {one.before}"


def _amounts(case: _Case) -> dict[str, str]:
    row, currency = case.one.row, case.live.currency
    named = {"material_id": row.material_id, "supplier_id": row.supplier_id, "site": case.live.site}
    return {"value": money_text(case.value), "currency": currency, **named} if currency else named


def _effects(case: _Case, found: Impact) -> Iterator[str]:
    live = case.live
    before = value_at(live.qty_open, live.price or 0, case.price_unit)
    currency = live.currency or "in an unknown currency"
    yield f"What is still to come is worth {money_text(case.value)} instead of {money_text(before)} {currency}."
    if case.left == 0:
        yield "Nothing more is to come then, and the line is closed."
    yield from told.impact(found)
    if case.qty != live.qty_ordered or case.price != live.price:
        yield "The line waits for its release in the system again."
    yield "The supplier is not told: a buyer sends the changed order."
    yield f"Undo: propose {quantity_text(live.qty_ordered)} {live.uom} at {money_text(live.price or 0)} again."


# --- The way back -----------------------------------------------------------------------------------------------------


def way_back(undoing: Undoing) -> dict[str, JsonValue]:
    """Return the call that gives the line what it had before, as far as it was changed.

    Raises:
        RuleRefusedError: `rule.refused`: the line is not what was written any more, or the day before has passed.
    """
    fields, live = undoing.command.fields, undoing.live
    before = {one.field: one.before for one in undoing.changes}
    written = (fields.get("qty"), fields.get("price"), fields.get("delivery_date"))
    if not isinstance(live, PurchaseOrderLine) or written != (
        quantity_text(live.qty_ordered),
        money_text(live.price or 0),
        live.requested_date,
    ):
        raise refused("R-UNDO-CHANGED", "The line has changed since; propose what is wanted of it.")
    day = before.get("delivery_date", "")
    if day and day < undoing.today:
        raise refused("R-UNDO-PAST", f"The day before was {day}, which has passed.", before=day)
    return {"purchase_order_id": fields["purchase_order_id"], "line": fields["line"], **before}


OPERATION: Final = Operation(
    name="purchase_order_line.change",
    entity="purchase_order_line",
    function=change,
    reads={
        "line": rows_buying.PricedLineRow,
        "sources": rows_buying.SourceKeyRow,
        "invoices": rows_buying.InvoicedRow,
        **PEGGED,
    },
    live=("line", "sources"),
    undo=Undo(
        tool="propose_change_purchase_order",
        words="Quantity, price and day that the line had before are proposed again.",
        function=way_back,
    ),
)
