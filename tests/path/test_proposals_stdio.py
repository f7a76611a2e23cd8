"""A buyer's host over real pipes: proposals survive clients and servers that die, and their answers tell no secret."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import anyio
import jsonschema_rs
import pytest
from mcp import Client, MCPError

from erp_mcp.cli.client_entry import server_command
from erp_mcp.domain.lifecycle import State
from tests.guarantees import guarantees
from tests.path.buyer import DATE_TOOL, NEW_DATE, REQUISITION_TOOL, kept, shown
from tests.path.conftest import open_desk
from tests.path.test_end_to_end import ERAS, server
from tests.path.wire_client import PATIENCE_S, ROOT, RawServer, environment
from tests.warm import COLD, used

pytestmark = pytest.mark.usefixtures("warm_servers")

STATUS_TOOLS = ("cancel_proposal", "get_proposal", "list_my_proposals")


def started(plant: Path, agent: str = "buyer") -> RawServer:
    """Start the server as a host does, without a client library."""
    return RawServer(command=server_command(plant, agent))


def proposals(plant: Path) -> list[tuple[str, State]]:
    """Return ids and states of all proposals there are."""
    desk = open_desk(plant)
    found = [(proposal.content.proposal_id, proposal.state) for proposal in kept(desk.deployment)]
    desk.deployment.close()
    return found


def handle(message: dict[str, Any]) -> str:
    """Return the handle in an answer on the wire."""
    return str(shown(message["result"]["structuredContent"])["proposal_id"])


@guarantees("mcp.both_eras", "P2.one_at_a_time")
@pytest.mark.parametrize("era", ERAS)
async def test_the_list_tells_which_tools_leave_something_behind(plant: Path, era: Any) -> None:
    """Hosts ask their person before these; the one write that is on is there, the other is not."""
    async with Client(server(plant, "buyer"), mode=era) as client:
        listed = (await client.list_tools()).tools

    hints = {tool.name: tool.annotations for tool in listed if tool.annotations}
    assert {name for name, hint in hints.items() if not hint.read_only_hint} == {
        DATE_TOOL,
        "cancel_proposal",
        "propose_undo",
    }
    assert set(STATUS_TOOLS) <= set(hints)
    assert REQUISITION_TOOL not in hints
    assert len(hints) == len(listed)
    others = {(hint.destructive_hint, hint.idempotent_hint, hint.open_world_hint) for hint in hints.values()}
    assert others == {(False, True, False)}


@guarantees("P7.provenance", "P3.agent_told")
@pytest.mark.parametrize("era", ERAS)
async def test_every_answer_fits_the_published_schema_and_is_whole_in_both_blocks(plant: Path, era: Any) -> None:
    """Propose, get, list, cancel: hosts put one block or the other before the model."""
    async with Client(server(plant, "buyer"), mode=era) as client:
        schemas = {tool.name: tool.output_schema for tool in (await client.list_tools()).tools}
        first = await client.call_tool(DATE_TOOL, dict(NEW_DATE))
        proposal_id = shown(first.structured_content)["proposal_id"]
        results = {
            DATE_TOOL: first,
            "get_proposal": await client.call_tool("get_proposal", {"proposal_id": proposal_id}),
            "list_my_proposals": await client.call_tool("list_my_proposals", {}),
            "cancel_proposal": await client.call_tool("cancel_proposal", {"proposal_id": proposal_id}),
        }

    for tool, result in results.items():
        jsonschema_rs.validator_for(schemas[tool] or {}).validate(result.structured_content)
        (block,) = result.content
        for table in (result.structured_content or {})["tables"].values():
            cells = [cell for row in table["rows"] for cell in row if isinstance(cell, str)]
            assert [cell for cell in cells if cell not in block.text] == []  # type: ignore[union-attr]


@guarantees("P1.hidden_is_missing", "P2.one_at_a_time")
async def test_a_hidden_propose_tool_and_one_that_never_was_answer_alike(plant: Path) -> None:
    """To a planner, and with right arguments: the same bytes but for the name asked and the ids."""
    async with Client(server(plant, "planner")) as client:
        errors = []
        for name in (DATE_TOOL, "propose_update_delivery_dote", "get_proposal", "get_proposol"):
            with pytest.raises(MCPError) as refused:
                await client.call_tool(name, dict(NEW_DATE))
            told = refused.value.error
            said = json.dumps([told.code, told.message, told.data])
            errors.append(said.replace(name, "NAME").replace((told.data or {}).get("call_id", ""), "ID"))

    assert len(set(errors)) == 1


@guarantees("P4.whole_or_none", "P10.survives")
@pytest.mark.parametrize("wait_s", [0.0, 0.05, 0.3])
@pytest.mark.parametrize("way", ["client dies", "server is killed"])
def test_whoever_dies_after_the_request_the_same_key_finds_one_proposal(plant: Path, way: str, wait_s: float) -> None:
    """Between request and answer, at several moments; then the host starts again and repeats the call."""
    with used(COLD):  # what is killed is the server itself
        dying = started(plant)
    with dying:
        dying.handshake()
        dying.call(1, DATE_TOOL, **NEW_DATE)
        time.sleep(wait_s)  # a moment somewhere within the call; whichever it is, the end is the same
        if way == "server is killed":
            dying.process.kill()
        dying.stdin.close()
        dying.stdout.close()
        dying.process.wait(PATIENCE_S)

    before = proposals(plant)
    with started(plant) as again:
        again.handshake()
        again.call(1, DATE_TOOL, **NEW_DATE)
        first = handle(again.receive())
        again.call(2, DATE_TOOL, **NEW_DATE)
        second = handle(again.receive())

    assert first == second
    assert proposals(plant) == [(first, State.AWAITING_APPROVAL)]
    assert before in ([], [(first, State.AWAITING_APPROVAL)])


@guarantees("P4.whole_or_none")
def test_a_call_that_is_cancelled_over_the_wire_leaves_none_or_one_that_its_key_finds(plant: Path) -> None:
    """The cancellation comes in the same chunk as the request, or just after it."""
    with started(plant) as wire:
        wire.handshake()
        for number, pause_s in enumerate((0.0, 0.001, 0.005, 0.05), start=1):
            wire.call(number, DATE_TOOL, **NEW_DATE)
            time.sleep(pause_s)  # see above
            wire.send({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": number}})
        wire.call(99, DATE_TOOL, **NEW_DATE)
        while (message := wire.receive())["id"] != 99:
            pass

    assert proposals(plant) == [(handle(message), State.AWAITING_APPROVAL)]


@guarantees("P4.whole_or_none", "P4.idempotent")
def test_two_servers_with_one_key_at_the_same_moment_make_one_proposal(plant: Path) -> None:
    """Hosts start stdio servers twice, and both are asked at once."""
    with started(plant) as one, started(plant) as two:
        for wire in (one, two):
            wire.handshake()
        for wire in (one, two, one, two):
            wire.call(1 if wire is one else 2, DATE_TOOL, **NEW_DATE)
            wire.request(3 if wire is one else 4, "ping")
        handles = {
            handle(message)
            for wire in (one, two)
            for _ in range(4)
            if "structuredContent" in (message := wire.receive()).get("result", {})
        }

    assert len(handles) == 1
    assert [proposal_id for proposal_id, _ in proposals(plant)] == list(handles)


@guarantees("P3.agent_told", "P9.bounded")
async def test_a_long_poll_is_answered_at_the_move_and_leaves_the_connection_free(plant: Path) -> None:
    """While one call waits, others are answered; the wait ends when the proposal is cancelled."""
    async with Client(server(plant, "buyer")) as client:
        proposal_id = shown((await client.call_tool(DATE_TOOL, dict(NEW_DATE))).structured_content)["proposal_id"]
        states: list[str] = []

        async def wait() -> None:
            result = await client.call_tool("get_proposal", {"proposal_id": proposal_id, "wait_s": 25})
            states.append(shown(result.structured_content)["state"])

        with anyio.fail_after(24):
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(wait)
                await anyio.lowlevel.checkpoint()
                assert not (await client.call_tool("list_purchase_orders", {"limit": 1})).is_error
                assert states == []
                await client.call_tool("cancel_proposal", {"proposal_id": proposal_id})

    assert states == ["CANCELLED"]


@guarantees("P9.bounded", "P5.every_decision")
def test_a_cancelled_long_poll_ends_at_once_and_is_recorded(plant: Path) -> None:
    """A host that has lost its patience must not hold a place."""
    with started(plant) as wire:
        wire.handshake()
        wire.call(1, DATE_TOOL, **NEW_DATE)
        proposal_id = handle(wire.receive())
        wire.call(2, "get_proposal", proposal_id=proposal_id, wait_s=25)
        wire.call(4, "get_proposal", proposal_id=proposal_id)
        assert wire.receive()["id"] == 4  # by now the other one waits
        wire.send({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": 2}})
        wire.call(3, "get_proposal", proposal_id=proposal_id)
        while wire.receive()["id"] != 3:
            pass
        began = time.monotonic()
        wire.rest()
        assert time.monotonic() - began < 20  # of the 25 that it would have waited

    desk = open_desk(plant)
    codes = [json.loads(record.leaf)["facts"].get("code", "answered") for record in desk.recorded()]
    desk.deployment.close()
    assert codes.count("call.cancelled") == 1


@guarantees("mcp.fast_first_answer")
def test_a_role_that_only_reads_imports_nothing_of_writes(plant: Path) -> None:
    """What a planner's server loads is what it loaded before there were writes."""
    script = (
        "import asyncio, sys\n"
        "from pathlib import Path\n"
        "from erp_mcp.bootstrap import open_deployment\n"
        "from erp_mcp.domain.call import ToolCall\n"
        f"deployment = open_deployment(Path({str(plant / 'erp-mcp.yaml')!r}))\n"
        "call = ToolCall(tool='list_wip_jobs', arguments={}, call_id='c-1')\n"
        "answer = asyncio.run(deployment.gateway.call(deployment.principal('planner'), call))\n"
        "assert answer.complete\n"
        "parts = ('proposing', 'preparing', 'commands', 'committing', 'approval', 'adapters')\n"
        "print(sorted(one for one in sys.modules if one.split('.')[:2] in [['erp_mcp', part] for part in parts]))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, cwd=ROOT, env=environment(), check=False
    )
    assert (done.stdout.strip(), done.returncode) == ("[]", 0), done.stderr
