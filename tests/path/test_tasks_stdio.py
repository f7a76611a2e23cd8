"""Proposals as tasks (SEP-2663) over real pipes, with the SDK's client that declares them and with others."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import anyio
import jsonschema_rs
import pytest
from mcp import Client, MCPError

from erp_mcp.cli.client_entry import server_command
from erp_mcp.domain.instants import parse_instant
from erp_mcp.domain.lifecycle import State
from tests.guarantees import guarantees
from tests.path.buyer import DATE_TOOL, NEW_DATE, kept, shown
from tests.path.conftest import open_desk
from tests.path.offers import FACTS, PAGE, SHOWS_PAGES, Tasks, handle_of, paged, task
from tests.path.test_commit_end_to_end import approve
from tests.path.test_end_to_end import ERAS, server
from tests.path.wire_client import HELLO, META, RawServer

pytestmark = pytest.mark.usefixtures("warm_servers")

__all__ = ["paged"]

FIELDS = {"taskId", "status", "statusMessage", "createdAt", "lastUpdatedAt", "ttlMs", "pollIntervalMs", "resultType"}
DECLARED = {**META, "io.modelcontextprotocol/clientCapabilities": {"extensions": {"io.modelcontextprotocol/tasks": {}}}}


def proposal_of(handle: dict[str, Any]) -> str:
    """The proposal that a task leads to."""
    return str(handle["taskId"]).partition(".")[0]


def stand(plant: Path) -> list[State]:
    """Where the proposals stand."""
    desk = open_desk(plant)
    states = [one.state for one in kept(desk.deployment)]
    desk.deployment.close()
    return states


@guarantees("offers.task", "P3.people_commit", "P4.one_effect")
async def test_a_client_of_tasks_is_told_the_end_when_a_person_has_decided_and_the_worker_has_written(
    plant: Path,
) -> None:
    """It polls its task from the proposal to the receipt, and has the answer that `get_proposal` gives."""
    follows, ended = Tasks(), []
    async with Client(server(plant, "buyer"), extensions=[follows, SHOWS_PAGES]) as client:
        schemas = {tool.name: tool.output_schema for tool in (await client.list_tools()).tools}

        async def call() -> None:
            ended.append(await client.call_tool(DATE_TOOL, dict(NEW_DATE)))

        async with anyio.create_task_group() as group:
            group.start_soon(call)
            await follows.waits.wait()
            await approve(plant, proposal_of(follows.handles[0]))
        proposal_id = proposal_of(follows.handles[0])
        got = await client.call_tool("get_proposal", {"proposal_id": proposal_id})
        again = await client.call_tool(DATE_TOOL, dict(NEW_DATE))

    (handle,), (answer,) = follows.handles, ended
    assert FIELDS - {"resultType"} <= set(handle)
    assert (handle["status"], handle["ttlMs"]) == ("working", None)
    assert proposal_id in handle["statusMessage"]
    assert {state["status"] for state in follows.seen} == {"working", "completed"}
    assert all(state.get("resultType", "complete") == "complete" for state in follows.seen)
    assert shown(answer.structured_content)["state"] == "COMMITTED"
    assert answer.structured_content["tables"] == got.structured_content["tables"]
    assert (answer.meta or {})[FACTS] == (got.meta or {})[FACTS]
    jsonschema_rs.validator_for(schemas[DATE_TOOL] or {}).validate(answer.structured_content)
    assert again.structured_content["tables"] == got.structured_content["tables"]  # over: nothing left to follow


@guarantees("offers.task", "P10.survives")
async def test_a_task_outlives_the_server_that_gave_it(plant: Path) -> None:
    """Nothing of it is kept in a process; the same call gives the same one, and it is taken back at another server."""
    async with Client(server(plant, "buyer"), extensions=[Tasks()]) as client:
        first = await handle_of(client)
    async with Client(server(plant, "buyer"), extensions=[Tasks()]) as client:
        second = await handle_of(client)
        state = await task(client.session, "tasks/get", first["taskId"])
        await task(client.session, "tasks/update", first["taskId"], inputResponses={"x": {"action": "accept"}})
        unmoved = await task(client.session, "tasks/get", first["taskId"])
        await task(client.session, "tasks/cancel", first["taskId"])
    async with Client(server(plant, "buyer"), extensions=[Tasks()]) as client:
        ended = await task(client.session, "tasks/get", first["taskId"])
        await task(client.session, "tasks/cancel", first["taskId"])  # too late, and acknowledged all the same

    assert first["taskId"] == second["taskId"]
    assert state == unmoved
    assert (state["status"], ended["status"]) == ("working", "cancelled")
    assert state["createdAt"] == ended["createdAt"]
    times = [parse_instant(one) for one in (state["createdAt"], state["lastUpdatedAt"], ended["lastUpdatedAt"])]
    assert times == sorted(times)
    assert times[1] != times[2]
    assert not {"result", "error", "inputRequests"} & {*state, *ended}
    assert await asyncio.to_thread(stand, plant) == [State.CANCELLED]


@guarantees("offers.task", "P1.hidden_is_missing")
@pytest.mark.parametrize("method", ["tasks/get", "tasks/update", "tasks/cancel"])
async def test_a_task_of_another_agent_and_one_that_never_was_are_refused_alike(plant: Path, method: str) -> None:
    """Also the bare proposal, one sealed for somebody else, and a planner, who may propose nothing."""
    async with Client(server(plant, "buyer"), extensions=[Tasks()]) as client:
        handle = await handle_of(client)
        own = str(handle["taskId"])
        wrong = [proposal_of(handle), own[:-1], f"{own}x", f"prp_000000000000.{own.partition('.')[2]}", "", "é"]
        told = {await refusal(client, method, one) for one in wrong}
    async with Client(server(plant, "planner"), extensions=[Tasks()]) as client:
        told |= {await refusal(client, method, one) for one in (own, "never")}
    desk = await asyncio.to_thread(open_desk, plant)
    codes = [json.loads(record.leaf)["facts"].get("code", "") for record in desk.recorded()]
    desk.deployment.close()

    assert len(told) == 1
    assert "-32602" in told.pop()
    assert sum(code != "" for code in codes) >= len(wrong)  # each was recorded
    assert await asyncio.to_thread(stand, plant) == [State.AWAITING_APPROVAL]


async def refusal(client: Client, method: str, task_id: str) -> str:
    """What a request about a task is refused with."""
    with pytest.raises(MCPError) as refused:
        await task(client.session, method, task_id, inputResponses={})
    return json.dumps([refused.value.error.code, refused.value.error.message, refused.value.error.data])


@guarantees("offers.task", "mcp.both_eras")
@pytest.mark.parametrize("era", ERAS)
async def test_a_client_that_declares_no_tasks_has_the_plain_handle_and_knows_of_none(plant: Path, era: Any) -> None:
    """As before; nor has a client of the handshake, which has no such results (the SDK declares nothing there)."""
    extensions = [Tasks()] if era == "legacy" else []
    async with Client(server(plant, "buyer"), mode=era, extensions=extensions) as client:
        made = await client.call_tool(DATE_TOOL, dict(NEW_DATE))
        for method in ("tasks/get", "tasks/update", "tasks/cancel"):
            assert ("-32601" if era == "legacy" else "-32021") in await refusal(client, method, "x")
        assert "-32601" in await refusal(client, "tasks/never", "x")

    assert shown(made.structured_content)["state"] == "AWAITING_APPROVAL"


@guarantees("offers.task", "input.clear_errors")
def test_the_extension_is_offered_in_the_stateless_revision_alone_and_taken_per_request(plant: Path) -> None:
    """A declaration counts for its request: the next one without it is answered plainly, on the same connection."""
    declared = DECLARED["io.modelcontextprotocol/clientCapabilities"]
    with RawServer(command=server_command(plant, "buyer")) as wire:
        wire.request(0, "initialize", {**HELLO, "capabilities": declared})
        hello = wire.receive()
        wire.send({"jsonrpc": "2.0", "method": "notifications/initialized"})
        wire.request("who", "server/discover", {"_meta": META})
        discovered = wire.receive()
        ask = {"name": DATE_TOOL, "arguments": NEW_DATE}
        told = []
        for number, meta in enumerate(({"_meta": DECLARED}, {"_meta": META}, {})):
            wire.request(number, "tools/call", {**ask, **meta})
            told.append(wire.receive()["result"].get("resultType", "complete"))
        wire.request(10, "tasks/get", {"_meta": META, "taskId": "x"})
        lacking = wire.receive()["error"]
        wire.request(11, "tasks/get", {"taskId": "x"})
        unknown = wire.receive()["error"]["code"]
        wire.request("bad", "tasks/get", {"_meta": DECLARED, "taskId": 7})
        misshapen = wire.receive()["error"]

    assert "extensions" not in hello["result"]["capabilities"]
    assert discovered["result"]["capabilities"]["extensions"] == {"io.modelcontextprotocol/tasks": {}}
    assert told == ["task", "complete", "complete"]
    assert lacking["code"] == -32021
    assert lacking["data"] == {"requiredCapabilities": {"extensions": {"io.modelcontextprotocol/tasks": {}}}}
    assert unknown == -32601
    assert (misshapen["code"], misshapen["data"]["code"]) == (-32602, "call.malformed_request")


@guarantees("offers.task", "offers.address")
async def test_the_task_says_in_words_where_people_decide(paged: Path) -> None:
    """As long as they have to, and without anything in the address that lets somebody in."""
    async with Client(server(paged, "buyer"), extensions=[Tasks()]) as client:
        handle = await handle_of(client)
        await task(client.session, "tasks/cancel", handle["taskId"])
        ended = await task(client.session, "tasks/get", handle["taskId"])

    assert handle["statusMessage"].endswith(f" People decide at {PAGE}/proposals/{proposal_of(handle)}")
    assert PAGE not in ended["statusMessage"]
