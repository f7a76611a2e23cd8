"""The part of the tour where the ERP writes and its answer gets lost: unknown, and read back, and never sent again."""

from __future__ import annotations

import time
from typing import Final

from mcp import Client

from erp_mcp.bootstrap import open_deployment
from erp_mcp.cli.approvals import DEMO_APPROVER
from erp_mcp.cli.tour.stage import JsonObject, Stage, records
from erp_mcp.cli.tour.writing import DATE_TOOL, check_granted, date_call, most_urgent, place_of
from erp_mcp.demo import cable
from erp_mcp.domain.instants import parse_instant
from erp_mcp.settings import FILE_NAME

_LONGEST_S: Final = 10.0


async def lose_an_answer(stage: Stage, buyer: Client) -> None:
    """Take one change into an ERP that answers nothing, and find out what became of it.

    Raises:
        TourEndsError: the plant is not as it was delivered.
    """
    check_granted(DATE_TOOL, {tool.name for tool in (await buyer.list_tools()).tools}, "a buyer")
    line, earlier = await most_urgent(stage, buyer)
    call = date_call(line, earlier, f"{stage.key}-lost")
    handle = str(records(await stage.answer(buyer, DATE_TOOL, call), "proposal")[0]["proposal_id"])
    stage.title(
        "The ERP writes, and its answer gets lost",
        f"erp-mcp demo --pull-cable, then a yes to {place_of(line)} → {earlier}",
    )
    before = _promise(stage, line)
    cable.pull(stage.directory / "erp.sqlite")
    stage.say(f"[bold]erp-mcp approvals approve {handle} --as {DEMO_APPROVER}[/]")
    stage.command("approvals", "approve", handle, "--as", DEMO_APPROVER, "--yes", keep=slice(-1, None))
    _in_the_erp(stage, line, before)
    await _told(stage, buyer, DATE_TOOL, call, "the agent repeats its call, same key:")
    stage.title("It is read back, and never sent again", "erp-mcp worker --once")
    _settle(stage, handle)
    stage.command("worker", "--once")
    _in_the_erp(stage, line, before)
    await _told(stage, buyer, "get_proposal", {"proposal_id": handle}, "the agent asks what became of it:")


async def _told(stage: Stage, buyer: Client, tool: str, arguments: JsonObject, words: str) -> None:
    shown = records(await stage.answer(buyer, tool, arguments), "proposal")[0]
    stage.say(f"{words} [bold]{shown['state']}[/], {shown['next_step']}")


def _settle(stage: Stage, proposal_id: str) -> None:
    """Wait until the ERP has had the time that its profile gives it before anybody looks."""
    deployment = open_deployment(stage.directory / FILE_NAME)
    try:
        due = deployment.state.proposals.get(proposal_id).not_before
        left_s = (parse_instant(due) - deployment.clock.wall()).total_seconds() if due else 0.0
    finally:
        deployment.close()
    time.sleep(min(max(left_s, 0.0), _LONGEST_S))


def _promise(stage: Stage, line: JsonObject) -> tuple[str, int]:
    """Return the promised date of a line as the ERP holds it, and how many confirmations led to it."""
    key = (line["purchase_order_id"], line["line"])
    ((promise, times),) = stage.erp(
        "SELECT promise, (SELECT count(*) FROM po_conf c WHERE c.po_no = p.po_no AND c.item_no = p.item_no)"
        " FROM po_item p WHERE po_no = ? AND item_no = ?",
        *key,
    )
    return str(promise), int(times)


def _in_the_erp(stage: Stage, line: JsonObject, before: tuple[str, int]) -> None:
    now = _promise(stage, line)
    stage.say(
        f"in the ERP's own tables: promised {before[0]} → {now[0]}, confirmations of the line {before[1]} → {now[1]}"
    )
