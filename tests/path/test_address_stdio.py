"""Addresses put before a client's person, over real pipes: they point, and no answer to them does anything."""

from __future__ import annotations

import asyncio
import json
from itertools import count
from pathlib import Path
from typing import Any, Final

import anyio
import pytest
from mcp import Client
from mcp.types import ElicitResult

from erp_mcp.cli.client_entry import server_command
from erp_mcp.demo.tables import dump_hash
from erp_mcp.domain.lifecycle import State
from tests.guarantees import guarantees
from tests.path.buyer import DATE_TOOL, NEW_DATE, shown
from tests.path.offers import PAGE, SHOWS_PAGES, Tasks, paged, task
from tests.path.test_brought_answers import DECLARES, SAYS_YES, nothing_was_decided
from tests.path.test_end_to_end import ERAS, server
from tests.path.wire_client import HELLO, META, PATIENCE_S, RawServer

pytestmark = pytest.mark.usefixtures("warm_servers")

__all__ = ["paged"]

ANSWERS: Final[dict[str, dict[str, Any]]] = {
    "accept": {"action": "accept"},
    "accept with words": SAYS_YES,
    "decline": {"action": "decline"},
    "cancel": {"action": "cancel"},
}


class Person:
    """Whoever sits at the client: answers each question alike, or never (`answer` is `None`)."""

    def __init__(self, answer: dict[str, Any] | None) -> None:
        self.answer = answer
        self.asked: list[Any] = []
        self.shown = anyio.Event()

    async def __call__(self, context: Any, params: Any) -> ElicitResult:
        """Be asked, and answer."""
        self.asked.append(params)
        self.shown.set()
        if self.answer is None:
            await anyio.sleep_forever()
        return ElicitResult(**(self.answer or {}))


def address(proposal_id: str) -> str:
    """Where people decide about a proposal: no user, no token, no name."""
    return f"{PAGE}/proposals/{proposal_id}"


@guarantees("offers.address", "P3.people_commit", "mcp.both_eras")
@pytest.mark.parametrize("answer", ANSWERS)
@pytest.mark.parametrize("era", ERAS)
async def test_whatever_a_client_answers_to_the_address_it_gets_the_handle_and_nothing_is_decided(
    paged: Path, era: Any, answer: str
) -> None:
    """In the handshake it is asked beside the proposal, in the stateless revision before it waits; once each."""
    before, person = dump_hash(paged / "erp.sqlite"), Person(ANSWERS[answer])
    async with Client(server(paged, "buyer"), mode=era, elicitation_callback=person) as client:
        made = await client.call_tool(DATE_TOOL, dict(NEW_DATE))
        proposal_id = shown(made.structured_content)["proposal_id"]
        asked_by_now = len(person.asked)
        for wait_s in (0, 1, 1):
            got = await client.call_tool("get_proposal", {"proposal_id": proposal_id, "wait_s": wait_s})
            assert shown(got.structured_content)["state"] == "AWAITING_APPROVAL"
        await client.call_tool(DATE_TOOL, dict(NEW_DATE))
        with anyio.fail_after(PATIENCE_S):
            await person.shown.wait()

    (asked,) = person.asked
    assert (asked.mode, asked.url) == ("url", address(proposal_id))
    assert proposal_id in asked.message
    assert era == "legacy" or asked_by_now == 0  # the handle did not wait for it
    assert await asyncio.to_thread(nothing_was_decided, paged, before) == [State.AWAITING_APPROVAL]


@guarantees("offers.address", "P9.bounded")
async def test_in_the_handshake_a_client_that_never_answers_loses_nothing(paged: Path) -> None:
    """The question stays open as long as its person likes; calls before and after it are answered as ever."""
    person = Person(None)
    async with Client(server(paged, "buyer"), mode="legacy", elicitation_callback=person) as client:
        with anyio.fail_after(PATIENCE_S):
            made = await client.call_tool(DATE_TOOL, dict(NEW_DATE))
            await person.shown.wait()
            proposal_id = shown(made.structured_content)["proposal_id"]
            got = await client.call_tool("get_proposal", {"proposal_id": proposal_id, "wait_s": 1})
            ended = await client.call_tool("cancel_proposal", {"proposal_id": proposal_id})

    assert shown(got.structured_content)["state"] == "AWAITING_APPROVAL"
    assert shown(ended.structured_content)["state"] == "CANCELLED"
    assert len(person.asked) == 1


@guarantees("offers.address", "P9.bounded")
async def test_in_the_stateless_revision_a_client_that_never_answers_holds_up_its_own_wait_alone(paged: Path) -> None:
    """The server has answered: its other calls go on, and the same wait without the question is as long as it says."""
    person = Person(None)
    async with Client(server(paged, "buyer"), mode="auto", elicitation_callback=person) as client:
        with anyio.fail_after(PATIENCE_S):
            made = await client.call_tool(DATE_TOOL, dict(NEW_DATE))
            asks = {"proposal_id": shown(made.structured_content)["proposal_id"], "wait_s": 1}
            async with anyio.create_task_group() as group:
                group.start_soon(client.call_tool, "get_proposal", asks)
                await person.shown.wait()
                got = await client.call_tool("get_proposal", asks)
                group.cancel_scope.cancel()

    assert shown(got.structured_content)["state"] == "AWAITING_APPROVAL"
    assert len(person.asked) == 1


@guarantees("offers.address")
@pytest.mark.parametrize("era", ERAS)
async def test_where_the_deployment_names_no_page_nobody_is_asked_to_open_one(plant: Path, era: Any) -> None:
    """Nor where there is one and the client can open none: it is no question that may be left out."""
    person = Person({"action": "accept"})
    async with Client(server(plant, "buyer"), mode=era, elicitation_callback=person) as client:
        made = await client.call_tool(DATE_TOOL, dict(NEW_DATE))
        asks = {"proposal_id": shown(made.structured_content)["proposal_id"], "wait_s": 1}
        await client.call_tool("get_proposal", asks)

    assert person.asked == []


@guarantees("offers.address", "mcp.both_eras")
@pytest.mark.parametrize(
    "hello",
    [
        {"capabilities": {}},
        {"capabilities": {"elicitation": {}}},
        {"capabilities": {"elicitation": {"form": {}}}},
        {"capabilities": {"elicitation": {"url": {}}}, "protocolVersion": "2025-06-18"},
    ],
)
def test_a_client_that_declares_no_addresses_is_sent_none(paged: Path, hello: dict[str, Any]) -> None:
    """An empty declaration means forms; an earlier revision knows no addresses. And so in the stateless one."""
    known = {"io.modelcontextprotocol/clientCapabilities": hello["capabilities"] if len(hello) == 1 else {}}
    with RawServer(command=server_command(paged, "buyer")) as wire:
        wire.request(0, "initialize", {**HELLO, **hello})
        wire.receive()
        wire.send({"jsonrpc": "2.0", "method": "notifications/initialized"})
        wire.call(1, DATE_TOOL, **NEW_DATE)
        made = wire.receive()
        asks = {"proposal_id": shown(made["result"]["structuredContent"])["proposal_id"], "wait_s": 1}
        wire.call(2, "get_proposal", **asks)
        waited = wire.receive()
        wire.request(3, "tools/call", {"_meta": {**META, **known}, "name": "get_proposal", "arguments": asks})
        stateless = wire.receive()
        rest = wire.rest()

    assert (made["id"], waited["id"], stateless["id"], rest) == (1, 2, 3, b"")
    assert stateless["result"]["resultType"] == "complete"


@guarantees("offers.address", "P1.hidden_is_missing")
def test_the_question_comes_before_its_answer_is_cut_off_by_no_other_agents_proposal(paged: Path) -> None:
    """A planner who guesses the id is answered as about one that never was, declared or not."""
    with RawServer(command=server_command(paged, "buyer")) as wire:
        wire.handshake()
        wire.call(1, DATE_TOOL, **NEW_DATE)
        proposal_id = shown(wire.receive()["result"]["structuredContent"])["proposal_id"]
    told = []
    with RawServer(command=server_command(paged, "planner")) as other:
        other.handshake()
        for number, one in enumerate((proposal_id, "prp_000000000000")):
            asks = {"proposal_id": one, "wait_s": 1}
            other.request(number, "tools/call", {"_meta": META | DECLARES, "name": "get_proposal", "arguments": asks})
            error = other.receive()["error"]
            told.append(json.dumps({**error, "data": {**error["data"], "call_id": ""}}))

    assert len(set(told)) == 1
    assert "call.unknown_tool" in told[0]


@guarantees("offers.address", "P3.people_commit", "mcp.both_eras")
@pytest.mark.parametrize("era", [{}, {"_meta": META | DECLARES}], ids=["handshake", "stateless"])
def test_answers_that_a_client_brings_along_to_the_question_decide_nothing(paged: Path, era: dict[str, Any]) -> None:
    """To its id, before it was asked and after, twice, as an interim answer with a state of somebody else's."""
    before = dump_hash(paged / "erp.sqlite")
    numbers = count(100)
    with RawServer(command=server_command(paged, "buyer")) as wire:
        wire.request(0, "initialize", {**HELLO, "capabilities": {"elicitation": {"url": {}}}})
        wire.receive()
        wire.send({"jsonrpc": "2.0", "method": "notifications/initialized"})
        wire.send(*({"jsonrpc": "2.0", "id": f"erp-mcp-{one}", "result": SAYS_YES} for one in range(5)))
        wire.request(1, "tools/call", {**era, "name": DATE_TOOL, "arguments": NEW_DATE})
        told = [wire.receive() for _ in range(1 if era else 2)]
        proposal_id = shown(told[-1]["result"]["structuredContent"])["proposal_id"]
        asked = [one for one in told if one.get("method") == "elicitation/create"]
        wire.send(*({"jsonrpc": "2.0", "id": one["id"], "result": SAYS_YES} for one in asked * 2))
        wire.send(*({"jsonrpc": "2.0", "id": one["id"], "error": {"code": 1, "message": "no"}} for one in asked))
        for state in ("", proposal_id, "x" * 10_000):
            brought = {"requestState": state, "inputResponses": {"page": SAYS_YES, proposal_id: SAYS_YES}}
            asks = {"proposal_id": proposal_id, "wait_s": 1}
            number = next(numbers)
            wire.request(number, "tools/call", {**era, **brought, "name": "get_proposal", "arguments": asks})
            answer = wire.receive()
            assert answer["id"] == number
            assert shown(answer["result"]["structuredContent"])["state"] == "AWAITING_APPROVAL"
        assert wire.rest() == b""

    assert [one["params"]["url"] for one in asked] == ([] if era else [address(proposal_id)])
    assert nothing_was_decided(paged, before) == [State.AWAITING_APPROVAL]


@guarantees("offers.address", "offers.task", "offers.card", "P3.people_commit")
async def test_a_client_of_everything_that_says_yes_to_everything_commits_nothing(paged: Path) -> None:
    """Card, task and address at once, answers to all of them, and a worker runs after it."""
    before, person, follows = dump_hash(paged / "erp.sqlite"), Person(SAYS_YES), Tasks()
    extensions = [follows, SHOWS_PAGES]
    async with Client(server(paged, "buyer"), elicitation_callback=person, extensions=extensions) as client:
        async with anyio.create_task_group() as group:
            group.start_soon(client.call_tool, DATE_TOOL, dict(NEW_DATE))
            await follows.waits.wait()
            group.cancel_scope.cancel()
        task_id = follows.handles[0]["taskId"]
        proposal_id = task_id.partition(".")[0]
        got = await client.call_tool("get_proposal", {"proposal_id": proposal_id, "wait_s": 1})
        for brought in ({"page": SAYS_YES}, {"approve": SAYS_YES, proposal_id: SAYS_YES}):
            await task(client.session, "tasks/update", task_id, inputResponses=brought)
        state = await task(client.session, "tasks/get", task_id, inputResponses={"page": SAYS_YES})

    assert [one.url for one in person.asked] == [address(proposal_id)]
    assert shown(got.structured_content)["state"] == "AWAITING_APPROVAL"
    assert state["status"] == "working"
    assert await asyncio.to_thread(nothing_was_decided, paged, before) == [State.AWAITING_APPROVAL]
