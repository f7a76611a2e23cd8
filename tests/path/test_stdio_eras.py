"""Both protocol eras over real pipes: raw lines, and the official client in both its modes."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import Any, Literal

import mcp_types as types
import pytest
from mcp import Client
from mcp.client.stdio import StdioServerParameters
from mcp.client.subscriptions import ToolsListChanged
from mcp.shared.exceptions import MCPError

from tests.guarantees import guarantees
from tests.path.wire_client import HELLO, META, RawServer, environment
from tests.warm import FAKE_SERVER, served_by

pytestmark = pytest.mark.usefixtures("warm_servers")

Mode = Literal["legacy", "auto"]
BOTH: list[Mode] = ["legacy", "auto"]


def server(*arguments: Path) -> StdioServerParameters:
    """The fake server as the official client starts it."""
    command, *words = served_by([sys.executable, str(FAKE_SERVER), *map(str, arguments)])
    return StdioServerParameters(command=command, args=words, env=environment())


@guarantees("mcp.both_eras")
@pytest.mark.parametrize("mode", BOTH)
async def test_official_client_lists_calls_and_is_refused_in_both_modes(mode: Mode) -> None:
    """One process serves handshake and stateless clients alike; a refusal passes the client's check of results."""
    async with Client(server(), mode=mode) as client:
        listed = await client.list_tools()
        answer = await client.call_tool("echo", {"text": "grün"})
        refusal = await client.call_tool("refuse", {})

    echo = next(tool for tool in listed.tools if tool.name == "echo")
    assert echo.annotations
    assert (echo.annotations.read_only_hint, echo.annotations.destructive_hint) == (True, False)
    assert (echo.annotations.idempotent_hint, echo.annotations.open_world_hint) == (True, False)
    assert (listed.cache_scope, listed.ttl_ms) == ("private", 0)
    assert answer.structured_content["tables"]["rows"]["rows"][0][0] == "grün"
    assert refusal.is_error
    assert refusal.structured_content["error"]["code"] == "call.invalid_argument"


@guarantees("mcp.both_eras")
def test_host_that_probes_the_stateless_era_and_then_shakes_hands_is_served() -> None:
    """Copilot CLI and Claude Code do this; the SDK's own loop answers −32022 to everything afterwards (G1)."""
    with RawServer() as wire:
        wire.request("probe", "server/discover", {"_meta": META})
        discovered = wire.receive()
        hello = wire.handshake()
        wire.call(2, "echo", text="handshake")

        assert discovered["result"]["supportedVersions"] == ["2026-07-28"]
        assert hello["result"]["protocolVersion"] == "2025-11-25"
        assert wire.receive()["result"]["structuredContent"]["tables"]["rows"]["rows"][0][0] == "handshake"


@guarantees("mcp.both_eras")
def test_requests_of_both_eras_interleave_on_one_connection() -> None:
    """The revision lets a server serve both eras on one process; each request goes to the era it is written in."""
    with RawServer() as wire:
        wire.handshake()
        for number in range(10):
            wire.call(f"old-{number}", "echo", text="old")
            wire.request(f"new-{number}", "tools/call", {"_meta": META, "name": "echo", "arguments": {"text": "new"}})
        answers = wire.receive_all(20)

    assert all("resultType" not in answers[f"old-{number}"]["result"] for number in range(10))
    assert all(answers[f"new-{number}"]["result"]["resultType"] == "complete" for number in range(10))


@guarantees("mcp.both_eras")
@pytest.mark.parametrize("asked", ["2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25", "1999-01-01"])
def test_every_handshake_revision_is_answered_with_itself_or_the_newest(asked: str) -> None:
    """An unknown revision is no failure: the client decides whether it can speak the one it is offered."""
    with RawServer() as wire:
        wire.request(1, "initialize", {**HELLO, "protocolVersion": asked})
        offered = wire.receive()["result"]["protocolVersion"]

    assert offered == ("2025-11-25" if asked == "1999-01-01" else asked)


@guarantees("mcp.both_eras")
def test_stateless_request_of_an_unknown_revision_is_told_which_are_served() -> None:
    """−32022 with the list is what clients negotiate by."""
    with RawServer() as wire:
        meta = {**META, "io.modelcontextprotocol/protocolVersion": "2031-01-01"}
        wire.request(1, "tools/list", {"_meta": meta})
        error = wire.receive()["error"]

    assert error["code"] == -32022
    assert error["data"]["supported"] == ["2026-07-28"]


@guarantees("mcp.list_changed")
def test_handshake_announces_that_each_list_can_change() -> None:
    """The SDK's high-level server says false here although it sends the notice (G19)."""
    with RawServer() as wire:
        declared = wire.handshake()["result"]["capabilities"]

    assert {name: declared[name]["listChanged"] for name in ("tools", "prompts", "resources")} == {
        "tools": True, "prompts": True, "resources": True,
    }  # fmt: skip


@guarantees("mcp.list_changed")
def test_handshake_client_is_told_when_an_applied_policy_changes_its_list(tmp_path: Path) -> None:
    """The admin applies, the running client sees it without a restart."""
    (tmp_path / "policy").write_text("first")
    with RawServer(tmp_path) as wire:
        wire.handshake()
        wire.request(1, "tools/list")
        before = wire.receive()["result"]["tools"]
        (tmp_path / "policy").write_text("more")
        notice = wire.receive()
        wire.request(2, "tools/list")
        after = wire.receive()["result"]["tools"]

    assert notice == {"jsonrpc": "2.0", "method": "notifications/tools/list_changed"}
    assert len(after) == len(before) + 1


@guarantees("mcp.list_changed")
async def test_stateless_client_that_listens_is_told_and_nobody_else(tmp_path: Path) -> None:
    """In the stateless era a change is told on a stream the client opened, and on nothing else."""
    (tmp_path / "policy").write_text("first")
    async with Client(server(tmp_path), mode="auto") as client:
        await client.list_tools()
        async with client.listen(tools_list_changed=True) as stream:
            (tmp_path / "policy").write_text("more")
            event = await asyncio.wait_for(anext(aiter(stream)), 20)
        after = await client.list_tools()

    assert isinstance(event, ToolsListChanged)
    assert "one_more" in [tool.name for tool in after.tools]


@guarantees("mcp.list_changed", "P1.hidden_is_missing")
def test_listening_acknowledges_nothing_but_the_lists() -> None:
    """The SDK's own handler acknowledges any address, `erp://payroll/secret` included (G11)."""
    wanted = {"toolsListChanged": True, "promptsListChanged": True, "resourceSubscriptions": ["erp://payroll/secret"]}
    with RawServer() as wire:
        wire.request("listen", "subscriptions/listen", {"_meta": META, "notifications": wanted})
        acknowledged = wire.receive()
        rest = wire.rest()

    assert acknowledged["method"] == "notifications/subscriptions/acknowledged"
    assert acknowledged["params"]["notifications"] == {"toolsListChanged": True, "promptsListChanged": True}
    assert b'"id":"listen"' in rest  # ended well: answered, not dropped
    assert b"payroll" not in rest


@guarantees("P9.bounded")
def test_ninth_listening_stream_is_refused() -> None:
    """Streams last, so their number is bounded."""
    with RawServer() as wire:
        for number in range(9):
            wire.request(number, "subscriptions/listen", {"_meta": META, "notifications": {"toolsListChanged": True}})
        messages = [wire.receive() for _ in range(9)]

    refused = [message for message in messages if "error" in message]
    assert [message["error"]["data"]["code"] for message in refused] == ["gateway.busy"]


@guarantees("P1.hidden_is_missing")
@pytest.mark.parametrize("mode", BOTH)
async def test_unknown_tool_is_a_protocol_error_with_its_name_cleaned(mode: Mode) -> None:
    """Hidden and missing take one way out, and the echoed name can't carry control or direction characters."""
    async with Client(server(), mode=mode) as client:
        with pytest.raises(MCPError) as missing:
            await client.call_tool("no\u202esuch\x07" + "x" * 500, {})

    assert missing.value.error.code == -32602
    assert missing.value.error.message.startswith("Unknown tool: nosuchxxx")
    assert len(missing.value.error.message) < 100
    data: Any = missing.value.error.data
    assert data["code"] == "call.unknown_tool"


@guarantees("P8.no_leaks")
@pytest.mark.parametrize("mode", BOTH)
@pytest.mark.parametrize("tool", ["raise", "unrenderable"])
async def test_exception_in_a_handler_never_reaches_the_client_as_text(mode: Mode, tool: str) -> None:
    """Handshake clients of the SDK's server receive `str(exception)`, a password included (G2)."""
    async with Client(server(), mode=mode) as client:
        try:
            seen = (await client.call_tool(tool, {})).model_dump_json()
        except MCPError as error:
            seen = error.error.model_dump_json()

    assert "gateway.internal" in seen
    assert "hunter2" not in seen
    assert "Error(" not in seen


@guarantees("P5.every_decision")
@pytest.mark.parametrize("mode", BOTH)
async def test_call_carries_client_trace_and_correlation(mode: Mode) -> None:
    """Audit joins the calls of one piece of work; what is malformed must not become text in a record."""
    trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    ids: Any = {"io.erp-mcp/correlation_id": "order-42", "io.erp-mcp/causation_id": "evil\nline", "traceparent": trace}
    information = types.Implementation(name="pipe\u202eline", version="1.2")
    async with Client(server(), mode=mode, client_info=information) as client:
        echo = await client.call_tool("echo", {"text": "t"}, meta=ids)
        who = await client.call_tool("who", {}, meta=ids)

    assert echo.structured_content["tables"]["rows"]["rows"][0][1:] == ["order-42", ""]
    assert who.structured_content["tables"]["rows"]["rows"][0] == ["pipeline/1.2", trace, "planner-bot"]


@guarantees("P9.bounded")
def test_stateless_call_does_not_make_the_list_again() -> None:
    """Without its own look-up of schemas the SDK runs the whole list for each call over HTTP (G13); not over stdio."""
    with RawServer() as wire:
        for number in range(20):
            wire.request(number, "tools/call", {"_meta": META, "name": "times_listed", "arguments": {}})
        answers = wire.receive_all(20)

    cells = [answer["result"]["structuredContent"]["tables"]["rows"]["rows"][0][0] for answer in answers.values()]
    assert set(cells) <= {"0", "1"}  # at most the watcher's look at the start


@guarantees("mcp.both_eras")
async def test_two_clients_at_once_are_served_by_two_processes() -> None:
    """Hosts start a stdio server twice; neither must disturb the other."""
    async with Client(server(), mode="legacy") as old, Client(server(), mode="auto") as new:
        answers = await asyncio.gather(*(client.call_tool("echo", {"text": "x"}) for client in (old, new) * 10))

    assert not any(answer.is_error for answer in answers)


@guarantees("docs.agree")
def test_tool_on_the_wire_has_exactly_the_published_members() -> None:
    """The SDK's models drop a misspelt member without a word (G18), so the wire itself is compared."""
    with RawServer() as wire:
        wire.handshake()
        wire.request(1, "tools/list")
        tool = wire.receive()["result"]["tools"][0]

    assert sorted(tool) == ["annotations", "description", "inputSchema", "name", "outputSchema", "title"]
    assert sorted(tool["annotations"]) == ["destructiveHint", "idempotentHint", "openWorldHint", "readOnlyHint"]
