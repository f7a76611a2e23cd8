"""`budget.transfer`: budget moves from one cost centre to another of the same company, within one period."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from erp_mcp.commands.rows_finance import BudgetRefRow
from erp_mcp.commands.verdicts import live_record, ok, person, refuse, refused, rows_of, stale_checks, text_argument
from erp_mcp.domain.call import JsonValue
from erp_mcp.domain.entities.finance import Budget
from erp_mcp.domain.left_to_people import AUTHORITY
from erp_mcp.domain.operation import CommandFacts, Draft, Operation, Undo, Undoing
from erp_mcp.domain.proposal import Change, Check
from erp_mcp.domain.value import MONEY_DIGITS, money_text, to_scaled
from erp_mcp.errors import RuleNotEvaluableError

CENT: Final = 10 ** (MONEY_DIGITS - 2)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Transfer:
    """Both budgets as their system has them now, and what is to move. Money is in 10⁻⁴ of the currency."""

    facts: CommandFacts
    giver: Budget
    taker: Budget
    amount: int
    purpose: str

    @property
    def available(self) -> int:
        """What the giving budget has left; negative where it is overspent."""
        return self.giver.budget - self.giver.committed - self.giver.actual


def transfer(facts: CommandFacts) -> Draft:
    """Work out one transfer of budget.

    Raises:
        RuleRefusedError: `rule.refused`, where there is no such budget.
        RuleNotEvaluableError: `rule.not_evaluable`, where a rule lacks its facts.
    """
    wanted = _wanted(facts)
    giver, taker = wanted.giver, wanted.taker
    amount = money_text(wanted.amount)
    return Draft(
        system=giver.system,
        key="",
        version_token="",
        fields={
            "from_cost_center_id": giver.cost_center_id,
            "to_cost_center_id": taker.cost_center_id,
            "period": giver.period,
            "amount": amount,
            "currency": giver.currency,
            "purpose_code": wanted.purpose,
            "versions": _versions(giver, taker),
        },
        document="",
        headline=(
            f"Move {amount} {giver.currency} of budget {giver.period} from {giver.cost_center_id} to"
            f" {taker.cost_center_id}"
        ),
        changes=tuple(_changes(wanted)),
        checks=(*_checks(wanted), *stale_checks(facts)),
        effects=tuple(_effects(wanted)),
        amounts={"value": amount, "currency": giver.currency},
    )


def _wanted(facts: CommandFacts) -> _Transfer:
    amount = facts.arguments.get("amount")
    giver = _budget(facts, "from_cost_center_id")
    taker = _budget(facts, "to_cost_center_id")
    if giver.source_key == taker.source_key:
        raise refused("R-COST-CENTER", "Both cost centres are the same; name another one to give to.")
    if giver.system != taker.system:
        raise RuleNotEvaluableError(rule="R-COST-CENTER", missing="one system that keeps both")
    return _Transfer(
        facts=facts,
        giver=giver,
        taker=taker,
        amount=amount if isinstance(amount, int) else 0,
        purpose=text_argument(facts, "purpose_code"),
    )


def _budget(facts: CommandFacts, argument: str) -> Budget:
    center, period = text_argument(facts, argument), text_argument(facts, "period")
    rows = rows_of(facts, "budgets", BudgetRefRow)
    found = [one for one in rows if (one.cost_center_id, one.period) == (center, period)]
    if not found:
        message = f"There is no budget of cost centre {center} in period {period}; use those of get_budget_status."
        raise refused("R-COST-CENTER", message, cost_center_id=center, period=period)
    if len(found) > 1:
        raise RuleNotEvaluableError(rule="R-COST-CENTER", missing="one system that keeps the budget")
    return live_record(facts, "budgets", found[0].system, found[0].source_key, Budget)


def _versions(*budgets: Budget) -> list[JsonValue]:
    return [{"cost_center_id": one.cost_center_id, "version": one.version_token} for one in budgets]


def _changes(wanted: _Transfer) -> Iterator[Change]:
    for one, sign in ((wanted.giver, -1), (wanted.taker, 1)):
        yield Change(
            field=f"{one.cost_center_id}/budget",
            before=money_text(one.budget),
            after=money_text(one.budget + sign * wanted.amount),
            unit=one.currency,
        )
    yield Change(field="purpose_code", before="", after=wanted.purpose)


# --- Rules ------------------------------------------------------------------------------------------------------------


def _checks(wanted: _Transfer) -> Iterator[Check]:
    yield _company(wanted)
    yield _period(wanted)
    yield from _amount(wanted)
    yield person(AUTHORITY)


def _company(wanted: _Transfer) -> Check:
    giver, taker = wanted.giver, wanted.taker
    if not giver.company_code or not taker.company_code:
        raise RuleNotEvaluableError(rule="R-COMPANY", missing="company code of both cost centres")
    if giver.company_code != taker.company_code:
        message = "The cost centres are of two companies; budget moves within one company alone."
        return refuse("R-COMPANY", message, company_code=giver.company_code)
    if giver.currency != taker.currency:
        message = "The budgets are in two currencies; move between two of the same currency."
        return refuse("R-COMPANY", message, currency=giver.currency)
    return ok("R-COMPANY", "Both cost centres are of one company, in one currency.")


def _period(wanted: _Transfer) -> Check:
    """Return whether the period may still be planned; a period is a year, or a year and a month."""
    period = wanted.giver.period
    current = wanted.facts.today[: len(period)]
    if period < current:
        return refuse("R-PERIOD", f"The period is over; {current} is the first that would pass.", earliest=current)
    return ok("R-PERIOD", "The period is the current or a later one.")


def _amount(wanted: _Transfer) -> Iterator[Check]:
    currency, left = wanted.giver.currency, max(0, wanted.available)
    would = money_text(left // CENT * CENT)
    if wanted.amount <= 0 or wanted.amount % CENT:
        yield refuse("R-AMOUNT", "The amount must be above zero with at most two places.", currency=currency)
    elif wanted.amount > left:
        message = f"The cost centre has {would} {currency} left after what is ordered and spent; up to that would pass."
        yield refuse("R-AVAILABLE", message, would_pass=would, currency=currency)
    else:
        message = f"The cost centre has {would} {currency} left after what is ordered and spent."
        yield ok("R-AVAILABLE", message, available=would, currency=currency)


# --- What follows -----------------------------------------------------------------------------------------------------


def _effects(wanted: _Transfer) -> Iterator[str]:
    giver, taker, currency = wanted.giver, wanted.taker, wanted.giver.currency
    yield f"{giver.cost_center_id} has {money_text(wanted.available - wanted.amount)} {currency} left afterwards."
    left = taker.budget - taker.committed - taker.actual
    yield f"{taker.cost_center_id} has {money_text(left + wanted.amount)} {currency} left, not {money_text(left)}."
    yield "Nothing is ordered, paid or posted to a ledger by it; no owner of a cost centre is told."
    yield "Undo: propose the same transfer the other way round, as long as it is not spent and the period is open."


# --- The way back -----------------------------------------------------------------------------------------------------


def way_back(undoing: Undoing) -> dict[str, JsonValue]:
    """Return the call that moves the amount back; whether the period is still open is looked at like for any other.

    Raises:
        RuleRefusedError: `rule.refused`: the budget is another one, or what it got is ordered or spent by now.
    """
    live, fields = undoing.live, undoing.command.fields
    giver, taker, period = (fields[name] for name in ("from_cost_center_id", "to_cost_center_id", "period"))
    if not isinstance(live, Budget) or (live.cost_center_id, live.period, live.currency) != (
        taker, period, fields["currency"],
    ):  # fmt: skip
        raise refused("R-UNDO-CHANGED", "The budget that got the amount is another one by now; finance looks at it.")
    left = max(0, live.budget - live.committed - live.actual)
    if left < to_scaled(str(fields["amount"]), MONEY_DIGITS):
        would = money_text(left // CENT * CENT)
        message = (
            f"{taker} has {would} {live.currency} left of it, the rest is ordered or spent; a transfer of up to that"
            " would pass."
        )
        raise refused("R-UNDO-SPENT", message, would_pass=would, currency=live.currency)
    return {
        "from_cost_center_id": taker,
        "to_cost_center_id": giver,
        "period": period,
        "amount": fields["amount"],
        "purpose_code": "correction",
    }


OPERATION: Final = Operation(
    name="budget.transfer",
    entity="budget",
    function=transfer,
    reads={"budgets": BudgetRefRow},
    live=("budgets",),
    undo=Undo(
        tool="propose_allocate_budget",
        words="The same amount is proposed to be moved back, as long as the cost centre that got it has it left.",
        function=way_back,
    ),
)
