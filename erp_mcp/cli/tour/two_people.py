"""The part of the tour where one yes is not enough, and somebody tries to write the other one into the database."""

from __future__ import annotations

from decimal import ROUND_DOWN, Decimal
from typing import Final

from mcp import Client

from erp_mcp.cli.applying import DEMO_CONTROLLER
from erp_mcp.cli.approvals import DEMO_APPROVER
from erp_mcp.cli.tour.stage import JsonObject, Stage, TourEndsError, records
from erp_mcp.cli.tour.tampering import tamper
from erp_mcp.cli.tour.writing import check_granted

BUDGET_TOOL: Final = "propose_allocate_budget"
ONE_PERSON: Final = Decimal(5000)  # the band of policies/base.yaml: above it, two people
_SHARE: Final = 20  # a twentieth of what is left is moved, so that a second tour moves another amount
_ROUND: Final = Decimal(1000)
_LAST: Final = slice(-2, None)
_REFUSAL: Final = slice(-4, -2)


async def need_two_people(stage: Stage, finance: Client) -> None:
    """Take a change of budget over two people into the ERP, with a forged yes in between that is worth nothing.

    Raises:
        TourEndsError: the plant is not as it was delivered.
    """
    check_granted(BUDGET_TOOL, {tool.name for tool in (await finance.list_tools()).tools}, "finance")
    call = await _call(stage, finance)
    stage.title(
        "A larger change needs two people",
        f"{BUDGET_TOOL}, as finance; policies/base.yaml: up to {ONE_PERSON} EUR one person, above that two",
    )
    proposal_id = stage.proposed(await stage.answer(finance, BUDGET_TOOL, call))
    _approve(stage, proposal_id, DEMO_APPROVER, keep=_LAST)
    stage.say("the same person can't be both:")
    _approve(stage, proposal_id, DEMO_APPROVER, keep=_REFUSAL)
    _in_the_erp(stage, call)
    tamper(stage, proposal_id, amount=str(call["amount"]), forged=DEMO_CONTROLLER)
    stage.title("The second person makes it go", f"erp-mcp approvals approve ID --as {DEMO_CONTROLLER}")
    stage.command("approvals", "approve", proposal_id, "--as", DEMO_CONTROLLER, "--yes", keep=slice(-2, None))
    _in_the_erp(stage, call)


def _approve(stage: Stage, proposal_id: str, approver_id: str, *, keep: slice) -> None:
    stage.say(f"[bold]erp-mcp approvals approve {proposal_id} --as {approver_id}[/]")
    stage.command("approvals", "approve", proposal_id, "--as", approver_id, "--yes", keep=keep)


async def _call(stage: Stage, finance: Client) -> JsonObject:
    """Return a transfer from the budget with most left to the one with least, of one company and period.

    Raises:
        TourEndsError: no budget has enough left.
    """
    answer = await stage.answer(finance, "get_budget_status", {"limit": 100})
    budgets = sorted(records(answer, "budgets"), key=lambda one: Decimal(one["available"]))
    giver = budgets[-1]
    amount = (Decimal(giver["available"]) / _SHARE / _ROUND).to_integral_value(ROUND_DOWN) * _ROUND
    same = ("company_code", "period", "currency")
    takers = [one for one in budgets[:-1] if all(one[name] == giver[name] for name in same)]
    if amount <= ONE_PERSON or not takers:
        raise TourEndsError("No budget is left of which so much could move. Build another plant with --dir.")
    return {
        "from_cost_center_id": giver["cost_center_id"],
        "to_cost_center_id": takers[0]["cost_center_id"],
        "period": giver["period"],
        "amount": f"{amount:.2f}",
        "purpose_code": "reallocation",
        "reason": "They are short of it, and we are not.",
        "idempotency_key": f"{stage.key}-budget",
    }


def _in_the_erp(stage: Stage, call: JsonObject) -> None:
    """Show both budgets and how many documents moved this amount between them."""
    centers, period = (call["from_cost_center_id"], call["to_cost_center_id"]), call["period"]
    query = "SELECT planned FROM budget WHERE cost_ctr = ? AND period = ?"
    planned = [stage.erp(query, center, period)[0][0] for center in centers]
    made = "SELECT doc_no FROM bud_doc WHERE from_ctr = ? AND to_ctr = ? AND period = ? AND amount = ?"
    documents = [row[0] for row in stage.erp(made, *centers, period, call["amount"])]
    stage.say(
        f"in the ERP's own tables: {centers[0]} {planned[0]}, {centers[1]} {planned[1]},"
        f" documents of this transfer: {len(documents)}{''.join(f' ({one})' for one in documents)}"
    )
