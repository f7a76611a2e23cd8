"""The tour: a real MCP client drives the real server over stdio, a person's commands decide, and all is looked at."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Final

from mcp import Client
from rich.console import Console
from rich.markup import escape

from erp_mcp.bootstrap import TimeOrderedIds
from erp_mcp.cli.tour import closing, reading
from erp_mcp.cli.tour.lost_answer import lose_an_answer
from erp_mcp.cli.tour.saga import procure_as_one
from erp_mcp.cli.tour.stage import Stage, TourEndsError
from erp_mcp.cli.tour.two_people import need_two_people
from erp_mcp.cli.tour.writing import propose_and_decide

_WIDTH: Final = 118

Part = Callable[[Stage, Client], Awaitable[None]]

# Who writes, in this order. What is not as it was delivered ends one part, and the next one begins.
_WRITING: Final[tuple[tuple[str, Part], ...]] = (
    ("buyer", propose_and_decide),
    ("finance", need_two_people),
    ("buyer", lose_an_answer),
    ("procurement", procure_as_one),
)


def take_tour(directory: Path) -> None:
    """Show what agents read, what is refused, and how changes are written: by people's yes, once, or not at all."""
    stage = Stage(
        directory=directory, console=Console(highlight=False, width=_WIDTH), key=f"tour-{TimeOrderedIds().new()}"
    )
    asyncio.run(_run(stage))


async def _run(stage: Stage) -> None:
    late = reading.LateOrders()
    reads: tuple[tuple[str, Part], ...] = (("planner", late.look), ("support", reading.hide))
    for agent, part in reads:
        if end := await _as_agent(stage, agent, part):
            stage.say(f"[red]The tour can't go on.[/] {escape(end)}")
            sys.exit(1)
    told: set[str] = set()
    for agent, part in _WRITING:
        end = await _as_agent(stage, agent, part)
        if end and end not in told:
            stage.say(f"[yellow]No write to show from here on.[/] {escape(end)}")
        told.add(end)
    closing.records(stage)
    closing.your_turn(stage, late.first)


async def _as_agent(stage: Stage, agent: str, part: Part) -> str:
    """Take one part over a server of its own; returns why it ended early, or nothing."""
    end = ""
    async with Client(stage.server(agent)) as client:
        try:
            await part(stage, client)
        except TourEndsError as error:
            end = str(error)
    return end
