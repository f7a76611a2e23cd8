"""`customer_return.create`: a customer may send back a part of what was delivered; nothing is credited by it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import Final

from erp_mcp.commands.rows_selling import ReasonCodeRow, ReturnedRow, SentRow, SoldLineRow
from erp_mcp.commands.units import STEP
from erp_mcp.commands.verdicts import (
    flag,
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
from erp_mcp.domain.days import shift
from erp_mcp.domain.entities.orders import SalesOrderLine
from erp_mcp.domain.left_to_people import WARRANTY
from erp_mcp.domain.operation import CommandFacts, Draft, Operation
from erp_mcp.domain.proposal import Change, Check
from erp_mcp.domain.value import money_text, quantity_text
from erp_mcp.errors import RuleNotEvaluableError

WINDOW_DAYS: Final = 30  # after the delivery; an agreement with a customer may say more


@dataclass(frozen=True, slots=True, kw_only=True)
class _Return:
    """What a customer wants to send back, and the line that it was sold with, as its system has it now."""

    facts: CommandFacts
    line: SalesOrderLine
    qty: int
    reason_code: str
    lot_id: str

    @property
    def returned(self) -> tuple[ReturnedRow, ...]:
        """What came back of the line or is announced, by number."""
        return tuple(sorted(rows_of(self.facts, "returned", ReturnedRow)))

    @property
    def since(self) -> str:
        """The first day of delivery from which something may still be sent back."""
        return shift(self.facts.today, -WINDOW_DAYS)

    def sent(self) -> tuple[SentRow, ...]:
        """What left for the line; of one lot, where one is named."""
        rows = (one for one in rows_of(self.facts, "sent", SentRow) if one.actual_goods_issue)
        return tuple(one for one in rows if not self.lot_id or one.lot_id == self.lot_id)


def create(facts: CommandFacts) -> Draft:
    """Work out one customer return.

    Raises:
        RuleRefusedError: `rule.refused`, where there is no such line.
        RuleNotEvaluableError: `rule.not_evaluable`, where a rule lacks its facts.
    """
    wanted = _wanted(facts)
    value = value_of(wanted.line, wanted.qty)
    document = f"{wanted.line.sales_order_id}/{wanted.line.line}"
    return Draft(
        system=wanted.line.system,
        key="",
        version_token="",
        fields=_fields(wanted),
        document="",
        headline=f"Take back {quantity_text(wanted.qty)} {wanted.line.uom} of sales order line {document}",
        changes=tuple(_changes(wanted)),
        checks=(*_checks(wanted), *stale_checks(facts)),
        effects=tuple(_effects(wanted, value)),
        amounts={"material_id": wanted.line.material_id, "site": wanted.line.site}
        | ({} if value is None else {"value": money_text(value), "currency": wanted.line.currency or ""}),
    )


def sold_line(facts: CommandFacts) -> SalesOrderLine:
    """Return the line that arguments `sales_order_id` and `line` name, as its system has it now.

    Raises:
        RuleRefusedError: `rule.refused`, rules R-LINE and R-GONE, where there is none.
        RuleNotEvaluableError: `rule.not_evaluable`, where two systems have it.
    """
    order, line = text_argument(facts, "sales_order_id"), text_argument(facts, "line")
    found = [one for one in rows_of(facts, "sold", SoldLineRow) if (one.sales_order_id, one.line) == (order, line)]
    if not found:
        message = f"There is no line {line} of sales order {order}; use lines of get_sales_order."
        raise refused("R-LINE", message, sales_order_id=order, line=line)
    if len(found) > 1:
        raise RuleNotEvaluableError(rule="R-LINE", missing="one system that has the line")
    return live_record(facts, "sold", found[0].system, found[0].source_key, SalesOrderLine)


def value_of(line: SalesOrderLine, qty: int) -> int | None:
    """Return what a quantity of a line was sold for in 10⁻⁴ of its currency, to the nearest, a half up."""
    if line.net_value is None or not line.currency or line.qty_ordered <= 0:
        return None
    exact = Fraction(line.net_value * qty, line.qty_ordered)
    return (2 * exact.numerator + exact.denominator) // (2 * exact.denominator)


def _wanted(facts: CommandFacts) -> _Return:
    qty = facts.arguments.get("qty")
    return _Return(
        facts=facts,
        line=sold_line(facts),
        qty=qty if isinstance(qty, int) else 0,
        reason_code=text_argument(facts, "reason_code"),
        lot_id=text_argument(facts, "lot_id"),
    )


def _fields(wanted: _Return) -> dict[str, JsonValue]:
    return {
        "sales_order_id": wanted.line.sales_order_id,
        "sales_order_line": wanted.line.line,
        "qty": quantity_text(wanted.qty),
        "uom": wanted.line.uom,
        "reason_code": wanted.reason_code,
        "lot_id": wanted.lot_id or None,
        "versions": [{"line": wanted.line.line, "version": wanted.line.version_token}],
    }


def _changes(wanted: _Return) -> Iterator[Change]:
    yield Change(field="sales_order_id", before="", after=wanted.line.sales_order_id)
    yield Change(field="sales_order_line", before="", after=wanted.line.line)
    yield Change(field="qty", before="", after=quantity_text(wanted.qty), unit=wanted.line.uom)
    yield Change(field="reason_code", before="", after=wanted.reason_code)
    if wanted.lot_id:
        yield Change(field="lot_id", before="", after=wanted.lot_id)


# --- Rules ------------------------------------------------------------------------------------------------------------


def _checks(wanted: _Return) -> Iterator[Check]:
    need(wanted.facts, "R-DELIVERED", "sent", "returned")
    yield _code(wanted)
    if wanted.qty <= 0 or wanted.qty % STEP:
        yield refuse("R-QTY", "The quantity must be above zero with at most three places.")
        return
    yield _delivered(wanted)
    yield _lot(wanted)
    yield _in_window(wanted)
    yield _open(wanted)
    yield person(WARRANTY)


def _code(wanted: _Return) -> Check:
    used = {one.reason_code for one in rows_of(wanted.facts, "codes", ReasonCodeRow)}
    if wanted.reason_code in used:
        return ok("R-REASON-CODE", "The reason code is one that was used before.")
    message = (
        "Not looked at here: the catalogue of reason codes. This one was not used before; the system may refuse it."
    )
    return flag("R-REASON-CODE", message)


def _delivered(wanted: _Return) -> Check:
    uom = wanted.line.uom
    if any(one.uom != uom for one in wanted.returned):
        raise RuleNotEvaluableError(rule="R-DELIVERED", missing="conversion into the unit of the line")
    left = max(0, wanted.line.qty_delivered - sum(one.qty for one in wanted.returned))
    if wanted.qty <= left:
        return ok("R-DELIVERED", f"Of the line {quantity_text(left)} {uom} were delivered and not returned.")
    would = quantity_text(left)
    message = f"Of the line only {would} {uom} were delivered and not returned; propose no more than that."
    return refuse("R-DELIVERED", message, would_pass=would, uom=uom)


def _lot(wanted: _Return) -> Check:
    if not wanted.lot_id:
        return flag("R-LOT", "No lot is named: where the goods came from can't be traced until they are here.")
    if wanted.sent():
        return ok("R-LOT", "The lot was delivered for the line.")
    lots = sorted({one.lot_id for one in rows_of(wanted.facts, "sent", SentRow) if one.lot_id})
    message = "This lot was not delivered for the line; leave it out, or name one that was."
    return refuse("R-LOT", message, delivered=", ".join(lots[:5]))


def _in_window(wanted: _Return) -> Check:
    """Return whether enough of it was delivered so lately that it may be sent back."""
    if any(one.uom != wanted.line.uom for one in wanted.sent()):
        raise RuleNotEvaluableError(rule="R-WINDOW", missing="conversion into the unit of the line")
    days = {one: one.delivered_on or one.actual_goods_issue or "" for one in wanted.sent()}
    within = sum(one.qty for one, day in days.items() if day >= wanted.since)
    if wanted.qty <= within:
        return ok("R-WINDOW", f"It was delivered within the last {WINDOW_DAYS} days.", since=wanted.since)
    would = quantity_text(within)
    message = (
        f"Only {would} {wanted.line.uom} were delivered since {wanted.since}, within {WINDOW_DAYS} days; what is older"
        " is for a person to decide with the customer."
    )
    return refuse("R-WINDOW", message, would_pass=would, uom=wanted.line.uom, since=wanted.since)


def _open(wanted: _Return) -> Check:
    waiting = [one for one in wanted.returned if one.order_state != "closed"]
    if not waiting:
        return ok("R-DUPLICATE", "No other return of the line is open.")
    same = [one for one in waiting if one.order_state == "open" and one.qty == wanted.qty]
    number = (same or waiting)[0].return_id
    if same:
        message = f"Return {number} announces the same quantity of the line; use it, or name another quantity."
        return refuse("R-DUPLICATE", message, return_id=number)
    return flag("R-DUPLICATE", f"Return {number} of the line is open; this one comes beside it.", return_id=number)


# --- What follows -----------------------------------------------------------------------------------------------------


def _effects(wanted: _Return, value: int | None) -> Iterator[str]:
    if value is not None:
        yield f"It was sold for {money_text(value)} {wanted.line.currency}, without taxes."
    yield "Nothing is credited or paid by it, no stock is posted, and no customer is told."
    yield "What becomes of the goods is decided when they are here and looked at."
    yield "Undo: cancel the return in its system, as long as the goods are not received."


OPERATION: Final = Operation(
    name="customer_return.create",
    entity="customer_return",
    function=create,
    reads={"sold": SoldLineRow, "sent": SentRow, "returned": ReturnedRow, "codes": ReasonCodeRow},
    live=("sold",),
    irreversible="A return that has not arrived is cancelled by a person in the system.",
    doubted={"R-REASON-CODE": frozenset({"reason_code"})},  # one that was never used before
)
