"""A real client, the real transport, the real gateway: what a planner's host sees."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import anyio
import jsonschema_rs
import pytest
from mcp import Client, MCPError, StdioServerParameters

from erp_mcp.audit.verify import verify
from erp_mcp.cli.client_entry import server_command
from tests.guarantees import guarantees
from tests.path.conftest import Desk, open_desk
from tests.warm import served_by

ERAS: tuple[Literal["legacy", "auto"], ...] = ("legacy", "auto")


def server(directory: Path, agent: str = "planner") -> StdioServerParameters:
    """Return how a host starts the server."""
    command, *arguments = served_by(server_command(directory, agent))
    return StdioServerParameters(command=command, args=arguments)


def records(content: Mapping[str, Any] | None, table: str) -> list[dict[str, Any]]:
    """Return the rows of one table of a structured answer."""
    assert content is not None
    found = content["tables"][table]
    return [dict(zip(found["columns"], row, strict=True)) for row in found["rows"]]


@guarantees("mcp.both_eras", "P7.right_cause")
@pytest.mark.parametrize("era", ERAS)
async def test_a_planner_asks_why_an_order_is_late_and_gets_the_cause(
    plant: Path, era: Literal["legacy", "auto"]
) -> None:
    """The main job, in the handshake era and in the stateless one."""
    async with Client(server(plant), mode=era) as client:
        late = await client.call_tool("list_sales_orders", {"late_only": True, "limit": 200})
        lines = records(late.structured_content, "lines")
        answer = await client.call_tool("explain_late_order", {"sales_order_id": lines[-1]["sales_order_id"]})

    assert len(lines) == 48
    assert not answer.is_error
    causes = {row["root_cause_code"] for row in records(answer.structured_content, "summary")}
    assert causes - {"on_time", "unknown"}
    assert {source["system"] for source in answer.structured_content["sources"]} == {"erp", "mes"}


@guarantees("mcp.both_eras", "P2.no_writes")
@pytest.mark.parametrize("era", ERAS)
async def test_every_listed_tool_reads_and_says_so(plant: Path, era: Literal["legacy", "auto"]) -> None:
    """A fresh install has nothing that writes, and hosts may skip their prompts."""
    async with Client(server(plant), mode=era) as client:
        tools = (await client.list_tools()).tools

    assert len(tools) == 12
    assert [tool.name for tool in tools if not (tool.annotations and tool.annotations.read_only_hint)] == []
    assert [
        tool.name
        for tool in tools
        if not tool.name.startswith(("list_", "get_", "find_", "explain_", "check_", "search_", "describe_", "call_"))
    ] == []


@guarantees("discovery.lists", "discovery.as_direct")
@pytest.mark.parametrize("era", ERAS)
async def test_a_tool_that_is_not_listed_is_found_and_called_by_either_way(
    plant: Path, era: Literal["legacy", "auto"]
) -> None:
    """Hosts call what a list shows; a name that a person says works as well. Every answer fits what is published."""
    asked = {"min_age_h": 48}
    async with Client(server(plant), mode=era) as client:
        schemas = {tool.name: tool.output_schema for tool in (await client.list_tools()).tools}
        found = await client.call_tool("search_tools", {"query": "jobs that run for more than two days"})
        through = await client.call_tool("call_tool", {"name": "list_wip_jobs", "arguments": asked})
        direct = await client.call_tool("list_wip_jobs", asked)
        unknown = await client.call_tool("call_tool", {"name": "no_such_tool"})

    for name, result in (("search_tools", found), ("call_tool", through), ("call_tool", unknown)):
        jsonschema_rs.validator_for(schemas[name] or {}).validate(result.structured_content)
    assert "list_wip_jobs" not in schemas
    assert records(found.structured_content, "tools")[0]["tool"] == "list_wip_jobs"
    assert through.structured_content["tables"] == direct.structured_content["tables"]
    assert unknown.is_error
    assert unknown.structured_content["error"]["code"] == "call.unknown_tool"


@guarantees("P7.provenance")
async def test_both_blocks_hold_the_whole_answer_and_fit_the_published_schema(plant: Path) -> None:
    """Hosts put one block or the other before the model, so each is whole."""
    async with Client(server(plant)) as client:
        schemas = {tool.name: tool.output_schema for tool in (await client.list_tools()).tools}
        for tool in ("list_sales_orders", "list_shortages", "get_plant_briefing"):
            result = await client.call_tool(tool, {})
            jsonschema_rs.validator_for(schemas[tool] or {}).validate(result.structured_content)
            (block,) = result.content
            rows = [row for table in (result.structured_content or {})["tables"].values() for row in table["rows"]]
            shown = [str(cell) for row in rows for cell in row if isinstance(cell, str | int) and cell is not True]
            assert shown
            assert [cell for cell in shown if cell != "False" and cell not in block.text] == []  # type: ignore[union-attr]


@guarantees("P1.hidden_is_missing")
async def test_a_hidden_tool_and_one_that_never_was_answer_alike(plant: Path) -> None:
    """Code, text and data are the same but for the name that was asked."""
    async with Client(server(plant, "support")) as client:
        errors = []
        for name in ("list_hold_lots", "list_hold_lotz"):
            with pytest.raises(MCPError) as refused:
                await client.call_tool(name, {})
            said = json.dumps([refused.value.error.code, refused.value.error.message, refused.value.error.data])
            call_id = (refused.value.error.data or {}).get("call_id", "")
            errors.append(said.replace(name, "NAME").replace(call_id, "ID"))

    assert errors[0] == errors[1]


@guarantees("P5.every_decision", "P5.tamper_evident")
async def test_two_servers_at_once_share_one_deployment_and_one_unbroken_record(plant: Path) -> None:
    """Hosts start stdio servers twice; both write the same chain at the same time."""

    async def ask(client: Client, times: int) -> None:
        for _ in range(times):
            assert not (await client.call_tool("list_wip_jobs", {"limit": 3})).is_error

    async with (
        Client(server(plant)) as one,
        Client(server(plant, "supervisor")) as two,
        anyio.create_task_group() as tasks,
    ):
        tasks.start_soon(ask, one, 25)
        tasks.start_soon(ask, two, 25)

    desk = open_desk(plant)
    kept = desk.recorded()
    report = verify(desk.deployment.state.audit.read_all())
    desk.deployment.close()
    assert len(kept) == 50
    assert report.intact


@guarantees("P7.stable_paging")
async def test_paging_over_the_wire_gives_every_line_once(plant: Path) -> None:
    """A cursor goes on behind the last row shown."""
    seen: list[tuple[str, str]] = []
    async with Client(server(plant)) as client:
        arguments: dict[str, Any] = {"late_only": True, "limit": 10}
        while True:
            content = (await client.call_tool("list_sales_orders", arguments)).structured_content or {}
            seen += [(row["sales_order_id"], row["line"]) for row in records(content, "lines")]
            if not content.get("next_cursor"):
                break
            arguments["cursor"] = content["next_cursor"]

    assert len(seen) == len(set(seen)) == 48


@guarantees("P7.demo_plant")
def test_the_server_never_opens_the_truth(desk: Desk) -> None:
    """Answers come from ERP and MES alone: without the truth's file they are the same."""
    before = desk.answer("planner", "get_plant_briefing")
    (desk.directory / "truth.sqlite").unlink()
    desk.run("sync", "--full")

    after = desk.answer("planner", "get_plant_briefing")

    assert after.tables == before.tables


@guarantees("P1.hidden_is_missing", "input.clear_errors")
@pytest.mark.parametrize(("asked", "meant"), [("get_sales_ordr", "get_sales_order"), ("list_hold_lot", None)])
async def test_a_misspelt_tool_is_told_only_what_the_role_may_call(plant: Path, asked: str, meant: str | None) -> None:
    """A model mends its typo in one step; a name near a hidden tool's tells nothing of that tool."""
    async with Client(server(plant, "support")) as client:
        with pytest.raises(MCPError) as refused:
            await client.call_tool(asked, {})

    assert (refused.value.error.data or {}).get("facts", {}).get("suggestion") == meant
