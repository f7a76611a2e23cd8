"""`sales_order_line.update_price`: another price of one open sales order line that is not billed yet."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from math import floor
from typing import Final

from erp_mcp.commands.price_revision import revision_checks
from erp_mcp.commands.rows_buying import BilledLineRow, CostRow, SoldPriceRow
from erp_mcp.commands.verdicts import (
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
from erp_mcp.domain.entities.orders import SalesOrderLine
from erp_mcp.domain.left_to_people import AGREED
from erp_mcp.domain.operation import CommandFacts, Draft, Operation, Undo, Undoing
from erp_mcp.domain.proposal import Change, Check
from erp_mcp.domain.value import MONEY_DIGITS, QUANTITY_DIGITS, money_text, quantity_text, to_scaled
from erp_mcp.errors import RuleNotEvaluableError

_CENT: Final[int] = 10 ** (MONEY_DIGITS - 2)
_ONE: Final[int] = 10**QUANTITY_DIGITS


@dataclass(frozen=True, slots=True, kw_only=True)
class _Case:
    """The line as its system has it now, and the price that is proposed, in 10⁻⁴ per unit of the line."""

    facts: CommandFacts
    row: SoldPriceRow
    live: SalesOrderLine
    before: Fraction
    price: int

    @property
    def document(self) -> str:
        """Number of order and line, as people know it."""
        return f"{self.row.sales_order_id}/{self.row.line}"

    @property
    def unit(self) -> str:
        """What the price is in."""
        return f"{self.live.currency} per {self.live.uom}"

    @property
    def value(self) -> int:
        """What the whole line costs then, in 10⁻⁴, to the nearest hundredth, a half up."""
        return _value(self.live.qty_ordered, self.price)


def update(facts: CommandFacts) -> Draft:
    """Work out another price of one line.

    Raises:
        RuleRefusedError: `rule.refused`, where there is no such line.
        RuleNotEvaluableError: `rule.not_evaluable`, where a rule lacks its facts.
    """
    case = _case(facts)
    live, currency = case.live, case.live.currency or ""
    before = floor(case.before + Fraction(1, 2))
    return Draft(
        system=case.row.system,
        key=case.row.source_key,
        version_token=live.version_token,
        fields={
            "sales_order_id": case.row.sales_order_id,
            "line": case.row.line,
            "price": money_text(case.price),
            "net_value": money_text(case.value),
            "currency": currency,
        },
        document=case.document,
        headline=(f"Sell line {case.document} at {money_text(case.price)} instead of {money_text(before)} {case.unit}"),
        changes=(
            Change(field="price", before=money_text(before), after=money_text(case.price), unit=case.unit),
            Change(
                field="net_value",
                before=money_text(live.net_value or 0),
                after=money_text(case.value),
                unit=currency,
            ),
        ),
        checks=(*_checks(case), *stale_checks(facts)),
        effects=tuple(_effects(case, before)),
        amounts={
            "value": money_text(case.value),
            "currency": currency,
            "material_id": case.row.material_id,
            "site": live.site,
        },
    )


def _case(facts: CommandFacts) -> _Case:
    order, line = text_argument(facts, "sales_order_id"), text_argument(facts, "line")
    found = [one for one in rows_of(facts, "line", SoldPriceRow) if (one.sales_order_id, one.line) == (order, line)]
    if not found:
        message = f"There is no line {line} of sales order {order}; use ids and lines of list_sales_orders."
        raise refused("R-LINE", message, sales_order_id=order, line=line)
    if len(found) > 1:
        raise RuleNotEvaluableError(rule="R-LINE", missing="one system that has the line")
    live = live_record(facts, "line", found[0].system, found[0].source_key, SalesOrderLine)
    if not live.net_value or live.net_value <= 0 or live.qty_ordered <= 0 or not live.currency:
        raise RuleNotEvaluableError(rule="R-PRICE", missing="value, quantity and currency of the line")
    price = facts.arguments.get("new_price")
    return _Case(
        facts=facts,
        row=found[0],
        live=live,
        before=Fraction(live.net_value * _ONE, live.qty_ordered),
        price=price if isinstance(price, int) else 0,
    )


def _checks(case: _Case) -> Iterator[Check]:
    live = case.live
    if live.order_state != "open":
        message = "The line is closed or cancelled in its system; one that is open would pass."
        yield refuse("R-OPEN", message, order_state=known(live.order_state, "closed", "cancelled"))
        return
    yield ok("R-OPEN", "The line is open.")
    yield _billed(case)
    yield from revision_checks(case.facts, case.before, case.price)
    yield _cost(case)
    if live.qty_delivered > 0:
        sent = f"{quantity_text(live.qty_delivered)} {live.uom}"
        yield flag("R-DELIVERED", f"{sent} have left at the price as it is; they would be billed at the new one.")
    yield person(AGREED)


def _billed(case: _Case) -> Check:
    need(case.facts, "R-INVOICED", "invoices")
    billed = [one for one in rows_of(case.facts, "invoices", BilledLineRow) if one.sales_order_line == case.row.line]
    if billed:
        message = "Something of the line is billed already; a credit note of a person is the way, not another price."
        return refuse("R-INVOICED", message, invoice_id=billed[0].invoice_id)
    return ok("R-INVOICED", "Nothing of the line is billed.")


def _cost(case: _Case) -> Check:
    """Return whether it would be sold below what stock of it is valued at."""
    need(case.facts, "R-COST", "cost")
    found = [one for one in rows_of(case.facts, "cost", CostRow) if one.system == case.row.system]
    one = found[0] if found else None
    if one is None or one.standard_price is None:
        return flag("R-COST", "No standard price is known, so whether it is sold below it is not either.")
    if (one.currency, one.base_uom) != (case.live.currency, case.live.uom):
        return flag("R-COST", "The standard price is in another currency or unit and was not compared.")
    if case.price < Fraction(one.standard_price, one.price_unit or 1):
        return flag("R-COST", "The price is below the standard price of the material at this site.")
    return ok("R-COST", "The price is not below the standard price.")


def _effects(case: _Case, before: int) -> Iterator[str]:
    change = case.value - (case.live.net_value or 0)
    word = "more" if change > 0 else "less"
    yield f"The line is worth {money_text(abs(change))} {case.live.currency} {word} than before."
    yield "The customer is not told: a person sends the changed confirmation."
    yield f"Undo: propose {money_text(before)} again, as long as nothing is billed."


def _value(qty: int, price: int) -> int:
    """Return what a quantity costs, in 10⁻⁴, to the nearest hundredth, a half up."""
    return _CENT * floor(Fraction(qty * price, _ONE * _CENT) + Fraction(1, 2))


def way_back(undoing: Undoing) -> dict[str, JsonValue]:
    """Return the call that gives the line the price that it had.

    Raises:
        RuleRefusedError: `rule.refused`: the line has another value by now, or had one that no price gives exactly.
    """
    fields, live = undoing.command.fields, undoing.live
    before = {one.field: one.before for one in undoing.changes}
    if not isinstance(live, SalesOrderLine) or money_text(live.net_value or 0) != fields.get("net_value"):
        raise refused("R-UNDO-CHANGED", "The line has another price by now; propose the one that is wanted.")
    price = before["price"]
    if money_text(_value(live.qty_ordered, to_scaled(price, MONEY_DIGITS))) != before["net_value"]:
        message = f"No price of four places gives the value of before, {before['net_value']}; a person sets it."
        raise refused("R-UNDO-INEXACT", message, before=before["net_value"])
    return {"sales_order_id": fields["sales_order_id"], "line": fields["line"], "new_price": price}


OPERATION: Final = Operation(
    name="sales_order_line.update_price",
    entity="sales_order_line",
    function=update,
    reads={"line": SoldPriceRow, "invoices": BilledLineRow, "cost": CostRow},
    live=("line",),
    undo=Undo(
        tool="propose_update_sales_price",
        words="The price that the line had before is proposed again.",
        function=way_back,
    ),
)
