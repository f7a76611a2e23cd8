"""An analysis of many rows works beside the loop that answers everybody else."""

from __future__ import annotations

import asyncio
import threading
from dataclasses import replace

import pytest

from erp_mcp import reading
from erp_mcp.domain.analysis import Facts, Findings
from erp_mcp.domain.answer import Answer
from erp_mcp.domain.call import ToolCall
from tests.guarantees import guarantees
from tests.path.conftest import Desk

PATIENCE_S = 30.0


@guarantees("P9.bounded")
async def test_a_call_is_answered_while_a_long_analysis_runs(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """The briefing of a large plant takes a second; a lookup must not wait for it."""
    monkeypatch.setattr(reading, "LONG_ROWS", 0)
    gateway, principal = desk.deployment.gateway, desk.deployment.principal("planner")
    begun, other_answered = threading.Event(), threading.Event()
    briefing = gateway.analyses["plant_briefing"]

    def long(facts: Facts) -> Findings:
        begun.set()
        assert other_answered.wait(PATIENCE_S), "the other call had to wait"
        return briefing.function(facts)

    # Not from rows worked out ahead, which are few: from all that it reads.
    gateway.analyses = {**gateway.analyses, "plant_briefing": replace(briefing, function=long, ahead=None)}
    arguments = {"site": "1000"}
    running = asyncio.create_task(
        gateway.call(principal, ToolCall(tool="get_plant_briefing", arguments={**arguments}, call_id="1"))
    )
    assert await asyncio.to_thread(begun.wait, PATIENCE_S), "the analysis never began"
    other = await gateway.call(principal, ToolCall(tool="list_hold_lots", arguments={**arguments}, call_id="2"))
    other_answered.set()

    assert isinstance(other, Answer)
    assert isinstance(await running, Answer)
