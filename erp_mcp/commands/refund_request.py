"""`refund_request.create`: a customer is to be paid back; finance decides and pays in its own system."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from erp_mcp.commands.budget_transfer import CENT
from erp_mcp.commands.customer_return import sold_line, value_of
from erp_mcp.commands.rows_finance import InvoicedRow, RefundRow
from erp_mcp.commands.rows_selling import ReturnedRow, SoldLineRow
from erp_mcp.commands.verdicts import flag, need, ok, person, refuse, refused, rows_of, stale_checks, text_argument
from erp_mcp.domain.call import JsonValue
from erp_mcp.domain.entities.orders import SalesOrderLine
from erp_mcp.domain.left_to_people import OPEN_ITEMS
from erp_mcp.domain.operation import CommandFacts, Draft, Operation
from erp_mcp.domain.proposal import Change, Check
from erp_mcp.domain.value import money_text
from erp_mcp.errors import RuleNotEvaluableError


@dataclass(frozen=True, slots=True, kw_only=True)
class _Request:
    """What a customer is to get back, for which line and which return. Money is in 10⁻⁴ of the currency."""

    facts: CommandFacts
    line: SalesOrderLine
    amount: int
    currency: str
    reason_code: str
    came_back: ReturnedRow | None

    @property
    def earlier(self) -> tuple[RefundRow, ...]:
        """Requests for the line that were not rejected, by number."""
        found = rows_of(self.facts, "refunds", RefundRow)
        return tuple(sorted((one for one in found if one.order_state != "rejected"), key=lambda one: one[0]))

    @property
    def credited(self) -> tuple[ReturnedRow, ...]:
        """Returns of the line that were settled by a credit already."""
        found = rows_of(self.facts, "returned", ReturnedRow)
        return tuple(one for one in found if one.disposition == "credit_only" and one.order_state == "closed")


def create(facts: CommandFacts) -> Draft:
    """Work out one request for a refund.

    Raises:
        RuleRefusedError: `rule.refused`, where there is no such line or return.
        RuleNotEvaluableError: `rule.not_evaluable`, where a rule lacks its facts.
    """
    need(facts, "R-INVOICED", "invoiced", "refunds", "returned")
    request = _request(facts)
    line, amount = request.line, money_text(request.amount)
    document = f"{line.sales_order_id}/{line.line}"
    return Draft(
        system=line.system,
        key="",
        version_token="",
        fields=_fields(request),
        document="",
        headline=f"Ask finance to refund {amount} {request.currency} for sales order line {document}",
        changes=tuple(_changes(request)),
        checks=(*_checks(request), *stale_checks(facts)),
        effects=tuple(_effects()),
        amounts={
            "material_id": line.material_id,
            "site": line.site,
            "value": amount,
            "currency": request.currency,
        },
    )


def _request(facts: CommandFacts) -> _Request:
    line, return_id, amount = sold_line(facts), text_argument(facts, "return_id"), facts.arguments.get("amount")
    found = [one for one in rows_of(facts, "returned", ReturnedRow) if one.return_id == return_id]
    if return_id and not found:
        message = f"Return {return_id} is not of this line; use one of list_customer_returns, or leave it out."
        raise refused("R-RETURN", message, return_id=return_id)
    return _Request(
        facts=facts,
        line=line,
        amount=amount if isinstance(amount, int) else 0,
        currency=text_argument(facts, "currency"),
        reason_code=text_argument(facts, "reason_code"),
        came_back=found[0] if found else None,
    )


def _fields(request: _Request) -> dict[str, JsonValue]:
    return {
        "sales_order_id": request.line.sales_order_id,
        "sales_order_line": request.line.line,
        "return_id": request.came_back.return_id if request.came_back else None,
        "amount": money_text(request.amount),
        "currency": request.currency,
        "reason_code": request.reason_code,
        "versions": [{"line": request.line.line, "version": request.line.version_token}],
    }


def _changes(request: _Request) -> Iterator[Change]:
    for name, value in _fields(request).items():
        if value is not None and name != "versions":
            unit = request.currency if name == "amount" else ""
            yield Change(field=name, before="", after=str(value), unit=unit)


# --- Rules ------------------------------------------------------------------------------------------------------------


def _checks(request: _Request) -> Iterator[Check]:
    if request.amount <= 0 or request.amount % CENT:
        yield refuse("R-AMOUNT", "The amount must be above zero with at most two places.", currency=request.currency)
        return
    yield _prior(request)
    billed = _invoiced(request)
    yield billed
    if billed.verdict != "refuse":
        yield _return(request)
    yield person(OPEN_ITEMS)


def _prior(request: _Request) -> Check:
    """Return whether the line, or the return that is named, was paid back or is about to be."""
    return_id = request.came_back.return_id if request.came_back else None
    same = [one for one in request.earlier if one.return_id in (return_id, None) or return_id is None]
    if same:
        number = same[0].refund_request_id
        message = f"Refund request {number} is made for it already; use that one, or let finance reject it first."
        return refuse("R-PRIOR-CREDIT", message, refund_request_id=number)
    if request.came_back is not None and request.came_back in request.credited:
        message = "The return was settled by a credit; name another return, or none."
        return refuse("R-PRIOR-CREDIT", message, return_id=request.came_back.return_id)
    return ok("R-PRIOR-CREDIT", "Nothing was credited or asked for before.")


def _invoiced(request: _Request) -> Check:
    bills = rows_of(request.facts, "invoiced", InvoicedRow)
    others = {one.currency for one in bills} | {one.currency for one in request.earlier}
    others.discard(request.currency)
    if others:
        message = f"The line was billed in {', '.join(sorted(others))}; a refund is asked for in the same currency."
        return refuse("R-CURRENCY", message, currency=request.currency)
    back = sum(one.amount for one in request.earlier) + sum(_worth(request, one) for one in request.credited)
    left = max(0, sum(one.amount for one in bills) - back)
    would = money_text(left // CENT * CENT)
    if request.amount > left:
        message = f"Of the line {would} {request.currency} are billed and not credited yet; up to that would pass."
        return refuse("R-INVOICED", message, would_pass=would, currency=request.currency)
    return ok("R-INVOICED", f"Of the line {would} {request.currency} are billed and not credited yet.", left=would)


def _return(request: _Request) -> Check:
    back = request.came_back
    if back is None:
        return flag("R-RETURN", "No return is named: the customer keeps the goods, as far as this request says.")
    worth = _worth(request, back)
    if request.amount > worth:
        would = money_text(worth // CENT * CENT)
        message = f"What came back was sold for {would} {request.currency}; up to that would pass for this return."
        return refuse("R-RETURN", message, would_pass=would, currency=request.currency)
    if back.order_state == "open":
        return flag("R-RETURN", "The goods of the return are not here yet.", return_id=back.return_id)
    return ok("R-RETURN", "The goods of the return are here, and the amount is within what they were sold for.")


def _worth(request: _Request, back: ReturnedRow) -> int:
    """Return what a returned quantity was sold for.

    Raises:
        RuleNotEvaluableError: `rule.not_evaluable`, where the line has no value, or another unit.
    """
    worth = value_of(request.line, back.qty)
    if worth is None or back.uom != request.line.uom or request.line.currency != request.currency:
        raise RuleNotEvaluableError(rule="R-RETURN", missing="value of the line in the unit of the return")
    return worth


# --- What follows -----------------------------------------------------------------------------------------------------


def _effects() -> Iterator[str]:
    yield "Nothing is paid or posted by it: finance decides on the request in its own system and pays from there."
    yield "No customer is told by it."
    yield "Undo: finance rejects the request; what was paid is not taken back from here."


OPERATION: Final = Operation(
    name="refund_request.create",
    entity="refund_request",
    function=create,
    reads={"sold": SoldLineRow, "invoiced": InvoicedRow, "refunds": RefundRow, "returned": ReturnedRow},
    live=("sold",),
    irreversible="Finance rejects the request in the system, as long as it was not paid.",
    unverified=frozenset({"reason_code"}),
)
