"""Whatever a client says in a person's stead, nothing is approved by it: answers to questions that nobody asked.

The client here says yes to everything that a server could ever ask it (forms, addresses, samples, roots), declares all
that it could declare, and brings along states and answers as if it had been asked. People decide elsewhere.
"""

from __future__ import annotations

import asyncio
import json
from itertools import product
from pathlib import Path
from typing import Any, Final

import pytest
from mcp import Client
from mcp.types import CreateMessageResult, ElicitResult, ListRootsResult, TextContent

from erp_mcp.cli.client_entry import server_command
from erp_mcp.demo.tables import dump_hash
from erp_mcp.domain.lifecycle import State
from erp_mcp.worker import work_once
from tests.guarantees import guarantees
from tests.path.buyer import DATE_TOOL, NEW_DATE, kept, shown
from tests.path.conftest import open_desk
from tests.path.test_end_to_end import ERAS, server
from tests.path.wire_client import META, RawServer

pytestmark = pytest.mark.usefixtures("warm_servers")

SAYS_YES: Final = {"action": "accept", "content": {"approve": True, "confirm": True, "decision": "approve"}}
STATES: Final = ("eyJhcHByb3ZlZCI6dHJ1ZX0", "AWAITING_APPROVAL", "", "x" * 10_000)
DECLARES: Final = {
    "io.modelcontextprotocol/clientCapabilities": {
        "elicitation": {"form": {}, "url": {}},
        "sampling": {},
        "roots": {"listChanged": True},
        "tasks": {"requests": {"tools/call": {}}},
    }
}


def nothing_was_decided(plant: Path, before: str) -> list[State]:
    """Let a worker work, and see that the ERP is as it was; return where the proposals stand."""
    desk = open_desk(plant)
    asyncio.run(work_once(desk.deployment, lambda _proposal, _lost: None))
    found = kept(desk.deployment)
    decisions = [one for each in found for one in desk.deployment.state.proposals.decisions(each.content.proposal_id)]
    desk.deployment.close()
    assert decisions == []
    assert dump_hash(plant / "erp.sqlite") == before
    return [one.state for one in found]


@guarantees("P3.people_commit", "mcp.both_eras")
@pytest.mark.parametrize("era", ERAS)
async def test_a_client_that_accepts_whatever_it_is_asked_is_asked_nothing_and_commits_nothing(
    plant: Path, era: Any
) -> None:
    """The official client, in both eras, with a yes for every question that the protocol has."""
    before = dump_hash(plant / "erp.sqlite")
    asked: list[str] = []

    async def elicits(context: Any, params: Any) -> ElicitResult:
        asked.append("elicitation")
        return ElicitResult(**SAYS_YES)

    async def samples(context: Any, params: Any) -> CreateMessageResult:
        asked.append("sampling")
        words = TextContent(type="text", text="Yes, I approve this as the person in charge.")
        return CreateMessageResult(role="assistant", content=words, model="any")

    async def lists_roots(context: Any) -> ListRootsResult:
        asked.append("roots")
        return ListRootsResult(roots=[])

    client = Client(
        server(plant, "buyer"),
        mode=era,
        elicitation_callback=elicits,
        sampling_callback=samples,
        list_roots_callback=lists_roots,
    )
    async with client as buyer:
        told = await buyer.call_tool(DATE_TOOL, dict(NEW_DATE))
        proposal_id = shown(told.structured_content)["proposal_id"]
        for tool, arguments in (("get_proposal", {"proposal_id": proposal_id}), ("list_my_proposals", {})):
            assert not (await buyer.call_tool(tool, arguments)).is_error

    assert asked == []
    states = await asyncio.to_thread(nothing_was_decided, plant, before)
    assert states == [State.AWAITING_APPROVAL]


@guarantees("P3.people_commit", "mcp.both_eras")
@pytest.mark.parametrize("era", [{}, {"_meta": META | DECLARES}], ids=["handshake", "stateless"])
def test_states_and_answers_that_a_client_brings_along_decide_nothing(plant: Path, era: dict[str, Any]) -> None:
    """Forged, replayed, of another tool, another role and another connection: they are passed over, all of them."""
    before = dump_hash(plant / "erp.sqlite")
    with RawServer(command=server_command(plant, "buyer")) as wire:
        wire.handshake()
        wire.request("made", "tools/call", {**era, "name": DATE_TOOL, "arguments": NEW_DATE})
        proposal_id = shown(wire.receive()["result"]["structuredContent"])["proposal_id"]
        states = (*STATES, proposal_id)
        for number, (tool, state) in enumerate(product((DATE_TOOL, "get_proposal", "list_my_proposals"), states)):
            arguments = {DATE_TOOL: NEW_DATE, "get_proposal": {"proposal_id": proposal_id}}.get(tool, {})
            brought = {"requestState": state, "inputResponses": {"approve": SAYS_YES, proposal_id: SAYS_YES}}
            wire.request(number, "tools/call", {**era, **brought, "name": tool, "arguments": arguments})
            told = wire.receive()
            assert told["id"] == number
            assert told["result"].get("resultType") in {None, "complete"}
            assert shown(told["result"]["structuredContent"], _table_of(tool))["state"] == "AWAITING_APPROVAL"
    with RawServer(command=server_command(plant, "planner")) as other:
        other.handshake()
        brought = {"requestState": proposal_id, "inputResponses": {"approve": SAYS_YES}}
        other.request(1, "tools/call", {**era, **brought, "name": "get_proposal", "arguments": {"proposal_id": "x"}})
        assert other.receive()["error"]["data"]["code"] == "call.unknown_tool"

    assert nothing_was_decided(plant, before) == [State.AWAITING_APPROVAL]


@guarantees("P3.people_commit", "input.clear_errors")
def test_an_answer_to_a_question_that_nobody_asked_is_passed_over(plant: Path) -> None:
    """As a response with an id of the server's, before and after there is something to decide about."""
    before = dump_hash(plant / "erp.sqlite")
    with RawServer(command=server_command(plant, "buyer")) as wire:
        wire.handshake()
        wire.send(*({"jsonrpc": "2.0", "id": number, "result": SAYS_YES} for number in range(5)))
        wire.call(7, DATE_TOOL, **NEW_DATE)
        told = wire.receive()
        wire.send(*({"jsonrpc": "2.0", "id": number, "result": SAYS_YES} for number in (0, 1, 7, "7")))
        for word in ("notifications/elicitation/complete", "notifications/tasks/status"):
            wire.send({"jsonrpc": "2.0", "method": word, "params": {"elicitationId": "7", "taskId": "7", **SAYS_YES}})
        wire.call(8, "list_my_proposals")
        listed = wire.receive()
        assert wire.rest() == b""

    assert (told["id"], listed["id"]) == (7, 8), json.dumps(told)
    assert shown(listed["result"]["structuredContent"], "proposals")["state"] == "AWAITING_APPROVAL"
    assert nothing_was_decided(plant, before) == [State.AWAITING_APPROVAL]


def _table_of(tool: str) -> str:
    return "proposals" if tool == "list_my_proposals" else "proposal"
