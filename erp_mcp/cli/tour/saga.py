"""The part of the tour where several changes are approved as one, a late one fails, and those before it are undone."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from typing import Final

from mcp import Client
from rich.markup import escape

from erp_mcp.cli.approvals import DEMO_APPROVER
from erp_mcp.cli.tour.stage import JsonObject, Row, Stage, TourEndsError, records
from erp_mcp.cli.tour.writing import check_granted
from erp_mcp.demo import lock

SAGA_TOOL: Final = "propose_procurement"
ORDERED: Final[JsonObject] = {"material_id": "RM-007", "site": "1000"}
_MOVED: Final = Decimal("800.00")  # of budget, so that one person's yes is enough
_HELD: Final = Decimal(5)  # of stock at most, in its unit
_MULTIPLE: Final = 3  # of the least that the supplier sells
_SPARE_WEEKS: Final = 2  # beyond the supplier's lead time
_APPROVED: Final = r"  (Step \d|If a later step|\S+ can't be taken back)|It stands at"
_DONE: Final = r"(?!.*goes on as soon as)"
# What a procurement changes: stock that is held, budgets, and purchase orders that are open.
STANDING: Final = {
    "reservations": "SELECT mat_no, plant, lot_no, dem_type, dem_no, dem_item, qty FROM resv WHERE qty <> '0.000'"
    " ORDER BY 1, 2, 3, 5, 6",
    "budgets": "SELECT cost_ctr, period, company, planned, committed, actual FROM budget ORDER BY 1, 2",
    "purchase orders": "SELECT po_no, item_no, qty_open, open_value, stat FROM po_item ORDER BY 1, 2",
}


async def procure_as_one(stage: Stage, agent: Client) -> None:
    """Take a procurement into an ERP that refuses its third step, and one more into an ERP that takes it.

    Raises:
        TourEndsError: the plant is not as it was delivered.
    """
    check_granted(SAGA_TOOL, {tool.name for tool in (await agent.list_tools()).tools}, "procurement")
    call = await _call(stage, agent)
    stage.title(
        "Several changes are proposed and approved as one",
        f"{SAGA_TOOL}, as procurement: stock, budget, order, a word to the planner; and how each is taken back",
    )
    refused = await _proposed(stage, agent, call, "refused")
    _approved(stage, refused)
    before = _standing(stage)
    stage.title(
        "A later step fails, and those before it are taken back",
        "erp-mcp demo --lock-purchasing: a rule of the ERP's own, heard of when an order comes; erp-mcp worker --once",
    )
    erp = stage.directory / "erp.sqlite"
    lock.lock(erp)
    try:
        stage.command("worker", "--once", only=_DONE)
    finally:
        lock.unlock(erp)
    await _became(stage, agent, refused)
    _compared(stage, before)
    stage.title(
        "Proposed anew with a new key, all of it is written",
        f"erp-mcp demo --unlock-purchasing, erp-mcp approvals approve ID --as {DEMO_APPROVER}, erp-mcp worker --once",
    )
    anew = await _proposed(stage, agent, call, "anew")
    stage.command("approvals", "approve", anew, "--as", DEMO_APPROVER, "--yes", "--no-worker", keep=slice(-1, None))
    stage.command("worker", "--once", only=_DONE)
    await _became(stage, agent, anew)


async def _proposed(stage: Stage, agent: Client, call: JsonObject, key: str) -> str:
    answer = await stage.answer(agent, SAGA_TOOL, {**call, "idempotency_key": f"{stage.key}-{key}"})
    shown = records(answer, "proposal")[0]
    stage.say(f"[bold]{shown['state']}[/], waiting for {shown['waiting_for']}")
    return str(shown["proposal_id"])


def _approved(stage: Stage, handle: str) -> None:
    """Show the steps and ways back that the yes is for; `erp-mcp approvals show` has all the rest of it."""
    stage.say(f"[bold]erp-mcp approvals approve {handle} --as {DEMO_APPROVER} --no-worker[/], of which:")
    stage.command("approvals", "approve", handle, "--as", DEMO_APPROVER, "--yes", "--no-worker", only=_APPROVED)


async def _became(stage: Stage, agent: Client, handle: str) -> None:
    answer = await stage.answer(agent, "get_proposal", {"proposal_id": handle})
    shown = records(answer, "proposal")[0]
    stage.say(f"the agent asks what became of it: [bold]{shown['state']}[/]")
    for row in records(answer, "effects"):
        if row["effect"].startswith("Now: "):
            stage.say(f"· {escape(row['effect'].removeprefix('Now: '))}")


# --- What is procured -------------------------------------------------------------------------------------------------


async def _call(stage: Stage, agent: Client) -> JsonObject:
    """Return a procurement for the next order for which nothing of the material is held yet.

    Raises:
        TourEndsError: no order needs it, nobody sells it, or no budget is left.
    """
    found = await stage.answer(agent, "get_supply_demand", ORDERED)
    today = str(found["sources"][0]["as_of"])[:10]
    held = {one["demand_id"] for one in records(await _found(stage, agent, "list_reservations"), "reservations")}
    needs = [
        one
        for one in records(found, "elements")
        if one["element_type"] == "production_order" and one["direction"] == "out" and one["date"] >= today
        if one["element_id"] not in held
    ]
    sold = records(await _found(stage, agent, "list_supply_sources", usable_only=True), "sources")
    budgets = records(await stage.answer(agent, "get_budget_status", {"company_code": ORDERED["site"]}), "budgets")
    budgets.sort(key=lambda one: Decimal(one["available"]))
    if not needs or not sold or len(budgets) < 2 or Decimal(budgets[-1]["available"]) < _MOVED + len(held):
        raise TourEndsError("There is nothing left to procure. Build another plant with --dir.")
    return _arguments(needs[0], sold[0], (budgets[-1], budgets[0]), date.fromisoformat(today), tour=len(held))


async def _found(stage: Stage, agent: Client, tool: str, **more: bool) -> JsonObject:
    """Call a tool that is not in the list, as an agent does that has found it."""
    return await stage.answer(agent, "call_tool", {"name": tool, "arguments": {**ORDERED, **more}})


def _arguments(
    need: JsonObject, source: JsonObject, budgets: tuple[JsonObject, JsonObject], today: date, *, tour: int
) -> JsonObject:
    """Return the arguments; each tour of a plant moves another amount, and orders for another week, than the last."""
    giver, taker = budgets
    comes = today + timedelta(weeks=-(-int(source["lead_time_days"]) // 7) + _SPARE_WEEKS + tour)
    line = {
        "material_id": ORDERED["material_id"],
        "qty": str(Decimal(source["min_order_qty"]) * _MULTIPLE),
        "uom": source["uom"],
        "delivery_date": comes.isoformat(),
    }
    return {
        **ORDERED,
        "reserve_qty": str(min(-Decimal(need["qty"]), _HELD)),
        "uom": need["uom"],
        "demand_id": need["element_id"],
        "need_date": need["date"],
        "from_cost_center_id": giver["cost_center_id"],
        "to_cost_center_id": taker["cost_center_id"],
        "period": giver["period"],
        "amount": f"{_MOVED + tour:.2f}",
        "supplier_id": source["supplier_id"],
        "lines": [line],
        "tell_role": "planner",
        "message": "What the order lacks is held, paid for and ordered.",
        "reason": "The order lacks what nobody holds for it.",
    }


# --- What stands in the ERP -------------------------------------------------------------------------------------------


def _standing(stage: Stage) -> dict[str, list[Row]]:
    return {name: stage.erp(query) for name, query in STANDING.items()}


def _compared(stage: Stage, before: dict[str, list[Row]]) -> None:
    told = ", ".join(
        f"{name} {'as before' if rows == before[name] else '[red]NOT as before[/]'}"
        for name, rows in _standing(stage).items()
    )
    stage.say(f"in the ERP's own tables, row by row: {told}")
