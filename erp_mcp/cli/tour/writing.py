"""The part of the tour that writes: an agent proposes, can't decide, a person decides, and the receipt comes back."""

from __future__ import annotations

from collections.abc import Collection
from datetime import date, timedelta
from typing import Final

from mcp import Client

from erp_mcp.cli.applying import DEMO_ADMIN
from erp_mcp.cli.approvals import DEMO_APPROVER
from erp_mcp.cli.tour.stage import JsonObject, Stage, TourEndsError, records

EARLIER_DAYS: Final = 7
_WAIT_S: Final = 25
_REFUSAL: Final = slice(-3, None)
DATE_TOOL: Final = "propose_update_delivery_date"
_REQUISITION_TOOL: Final = "propose_create_purchase_requisition"


async def propose_and_decide(stage: Stage, buyer: Client) -> None:
    """Take one change from the agent over a person into the ERP.

    Raises:
        TourEndsError: the plant is not as it was delivered.
    """
    await _blocked(stage, buyer)
    line, earlier = await most_urgent(stage, buyer)
    stage.title("The buyer's agent proposes; nothing is written", f"{DATE_TOOL}, {place_of(line)} → {earlier}")
    stage.say(f"rank_expedite_candidates had said that this line hurts {', '.join(line['orders_hurt'])}")
    answer = await stage.answer(buyer, DATE_TOOL, date_call(line, earlier, stage.key))
    proposal_id = stage.proposed(answer)
    for row in records(answer, "checks"):
        if row["verdict"] != "ok":
            stage.say(f"[yellow]{row['rule']}[/] {row['message']}")
    for row in records(answer, "effects"):
        stage.say(f"· {row['effect']}")
    await _itself(stage, buyer, proposal_id)
    stage.title("A person decides, in another channel", f"erp-mcp approvals approve ID --as {DEMO_APPROVER}")
    stage.command("approvals", "approve", proposal_id, "--as", DEMO_APPROVER, "--yes")
    await _receipt(stage, buyer, proposal_id)


async def _blocked(stage: Stage, buyer: Client) -> None:
    """Show that a write which nobody granted does not exist.

    Raises:
        TourEndsError: the policy of this plant grants something else than the one that it is delivered with.
    """
    granted = {tool.name for tool in (await buyer.list_tools()).tools}
    if _REQUISITION_TOOL in granted:
        stage.title("You have turned another write on", f"{_REQUISITION_TOOL}, as buyer")
    else:
        stage.title("A write that nobody granted does not exist", f"{_REQUISITION_TOOL}, as buyer")
        stage.missing(await stage.ask(buyer, _REQUISITION_TOOL, {"material_id": "x"}))
        stage.say("an administrator turns one write on, for one role, with evidence:  [bold]docs/policy.md[/]")
    check_granted(DATE_TOOL, granted, "a buyer")


def check_granted(tool: str, granted: Collection[str], who: str) -> None:
    """Look whether the tour may show a write in this plant.

    Raises:
        TourEndsError: it may not.
    """
    if tool not in granted:
        raise TourEndsError(
            f"The policy of this plant does not let {who} use {tool}; it is yours, or an earlier one."
            " `erp-mcp demo --dir DIR` builds a plant of its own, where the tour shows it."
        )


async def _itself(stage: Stage, buyer: Client, proposal_id: str) -> None:
    """Show that neither the agent nor who stands behind it can decide."""
    stage.title("The agent can't approve it", "approve_proposal, of an obedient agent")
    stage.missing(await stage.ask(buyer, "approve_proposal", {"proposal_id": proposal_id, "confirm": True}))
    stage.say(f"nor can {DEMO_ADMIN}, who made the policy count today:")
    stage.command("approvals", "approve", proposal_id, "--as", DEMO_ADMIN, "--yes", keep=_REFUSAL)


async def _receipt(stage: Stage, buyer: Client, proposal_id: str) -> None:
    """Let the agent read what became of it."""
    stage.title("The agent reads the receipt", f"get_proposal, waiting up to {_WAIT_S} s")
    answer = await stage.answer(buyer, "get_proposal", {"proposal_id": proposal_id, "wait_s": _WAIT_S})
    shown = records(answer, "proposal")[0]
    stage.say(f"[bold]{shown['state']}[/]: {shown['next_step']}")
    for row in records(answer, "receipt"):
        stage.say(f"document {row['document']}, version {row['version']}, {row['committed_at']}, {row['found']}")


async def most_urgent(stage: Stage, buyer: Client, *, beside: str = "") -> tuple[JsonObject, str]:
    """Return the line that hurts most, and a date a week earlier than promised which is still to come.

    Args:
        stage: Where.
        buyer: Whose agent asks.
        beside: A line that is not wanted, as `place_of` names it.

    Raises:
        TourEndsError: there is none.
    """
    answer = await stage.answer(buyer, "rank_expedite_candidates", {})
    today = answer["sources"][0]["as_of"][:10]
    for line in records(answer, "lines"):
        earlier = (date.fromisoformat(line["promised_date"]) - timedelta(days=EARLIER_DAYS)).isoformat()
        if earlier > today and place_of(line) != beside:
            return line, earlier
    raise TourEndsError("No line is left that could come earlier: all were moved. Build another plant with --dir.")


def place_of(line: JsonObject) -> str:
    """Return the name of a purchase order line."""
    return f"{line['purchase_order_id']}/{line['line']}"


def date_call(line: JsonObject, new_date: str, key: str) -> JsonObject:
    """Return the arguments that propose another date of a line."""
    return {
        "purchase_order_id": line["purchase_order_id"],
        "line": line["line"],
        "new_date": new_date,
        "reason": "The supplier can ship a week earlier if we tell them today.",
        "idempotency_key": key,
    }
