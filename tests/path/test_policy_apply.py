"""An administrator edits YAML and applies it; running servers follow."""

from __future__ import annotations

from pathlib import Path

import anyio
import pytest
from click.testing import CliRunner
from mcp import Client, StdioServerParameters
from mcp_types import ToolListChangedNotification

from erp_mcp import answers
from erp_mcp.cli.app import main
from erp_mcp.cli.client_entry import server_command
from erp_mcp.server import prompts
from erp_mcp.server.session import Session
from erp_mcp.server.watcher import Watcher
from tests.guarantees import guarantees
from tests.path.conftest import Desk

ONE_MORE_TOOL = (
    "tools: [list_hold_lots, get_stock, find_order]",
    "tools: [list_hold_lots, get_stock, find_order, list_sales_orders]",
)


@guarantees("policy.apply")
def test_a_saved_policy_changes_nothing_until_it_is_applied(desk: Desk) -> None:
    """An agent with a file tool could edit YAML; only an administrator's apply counts."""
    desk.edit_policy(*ONE_MORE_TOOL)
    assert desk.refusal("quality", "list_sales_orders").code == "call.unknown_tool"

    desk.run("policy", "apply")

    assert desk.rows("quality", "list_sales_orders", "lines")


@guarantees("policy.apply", "P5.every_decision")
def test_applying_says_what_becomes_allowed_and_is_recorded(desk: Desk) -> None:
    """The newly allowed tool is named before anybody can call it."""
    desk.edit_policy(*ONE_MORE_TOOL)

    shown = desk.run("policy", "apply")

    assert "list_sales_orders" in shown
    kinds = [record.leaf for record in desk.deployment.state.audit.read(limit=10_000)]
    assert sum(b'"policy.applied"' in leaf for leaf in kinds) == 2


@guarantees("P8.masks")
def test_a_masked_field_is_neither_shown_nor_told_by_an_analysis(desk: Desk) -> None:
    """The buyer does not see what customers pay, also where the value would come out of a calculation."""
    ranked = desk.rows("buyer", "rank_expedite_candidates", "lines")

    assert ranked
    assert all(row["revenue_at_risk"] is None for row in ranked)


@guarantees("P8.masks")
def test_a_banded_value_shows_its_band_only(desk: Desk) -> None:
    """Support sees the size of an order, not its value."""
    values = {row["open_value"] for row in desk.rows("support", "list_sales_orders", "lines")}

    assert values <= {"[0, 50000)", "[50000, 150000)", "[150000, 300000)", "[300000, inf)"}


CASES = """\
version: 1
cases:
  - name: the supervisor sees tokens
    role: supervisor
    tool: list_production_orders
    expect: allowed
    by: [supervisor-material]
  - name: the planner sees materials
    role: planner
    tool: list_production_orders
    expect: allowed
    not_by: [supervisor-material]
"""


@guarantees("P8.masks", "policy.apply")
def test_a_newly_masked_field_is_gone_from_the_next_answer(desk: Desk) -> None:
    """Masks follow the applied policy at once; equal values keep equal tokens."""
    before = desk.rows("supervisor", "list_production_orders", "orders")
    desk.edit_policy(
        "caps: {rows: 100, window_days: 92}",
        "caps: {rows: 100, window_days: 92}\n    masks:\n"
        "      - {id: supervisor-material, field: production_order.material_id, way: hash}",
    )
    cases = desk.directory / "policies" / "tests" / "supervisor.yaml"
    cases.write_text(CASES, encoding="utf-8")
    desk.run("policy", "apply")

    after = desk.rows("supervisor", "list_production_orders", "orders")

    assert all(row["material_id"].startswith("h_") for row in after)
    tokens = {old["material_id"]: new["material_id"] for old, new in zip(before, after, strict=True)}
    assert len(set(tokens.values())) == len(tokens)


BROKEN = [
    pytest.param("tools: [orders/*]", "tools: [order/*]", "unknown_tool", id="unknown toolset"),
    pytest.param("    description: Answers", "    descripton: Answers", "unknown_key", id="unknown key"),
    pytest.param("way: band", "way: blur", "unknown_word", id="unknown mask"),
]


@guarantees("policy.closed_language")
@pytest.mark.parametrize(("before", "after", "problem"), BROKEN)
def test_a_mistake_is_named_with_file_and_line_and_nothing_is_applied(
    desk: Desk, before: str, after: str, problem: str
) -> None:
    """What is wrong, where, and what to do: before anything changes."""
    text = (desk.directory / "policies" / "base.yaml").read_text(encoding="utf-8")
    line = text[: text.index(before)].count("\n") + 1
    digest = desk.deployment.gateway.bundle_digest()
    desk.edit_policy(before, after)

    result = CliRunner().invoke(main, ["policy", "apply", "--demo-dir", str(desk.directory)])

    assert result.exit_code == 2
    assert f"base.yaml:{line}" in result.output
    assert problem in result.output
    assert desk.deployment.gateway.bundle_digest() == digest


@guarantees("mcp.list_changed", "policy.apply")
@pytest.mark.parametrize("agents", [("quality", "support")])
async def test_two_running_servers_follow_an_apply_and_tell_their_clients(plant: Path, agents: tuple[str, str]) -> None:
    """Hosts start a server per window; all of them switch, and only the list that changed has changed."""
    told = {agent: anyio.Event() for agent in agents}

    async def listen(agent: str, message: object) -> None:
        if isinstance(message, ToolListChangedNotification):
            told[agent].set()

    first, second = agents
    async with (
        Client(_server(plant, first), mode="legacy", message_handler=lambda message: listen(first, message)) as one,
        Client(_server(plant, second), mode="legacy", message_handler=lambda message: listen(second, message)) as two,
    ):
        assert "list_sales_orders" not in await _names(one)
        before = await _names(two)
        policy = plant / "policies" / "base.yaml"
        policy.write_text(policy.read_text(encoding="utf-8").replace(*ONE_MORE_TOOL), encoding="utf-8")
        result = CliRunner().invoke(main, ["policy", "apply", "--demo-dir", str(plant)])
        assert result.exit_code == 0, result.output

        with anyio.fail_after(10):
            await told[first].wait()

        assert "list_sales_orders" in await _names(one)
        assert await _names(two) == before


@guarantees("mcp.list_changed", "policy.apply")
def test_an_apply_that_brings_a_prompt_and_a_picture_changes_the_lists_of_both(desk: Desk) -> None:
    """Of the list that changed and of no other: a host that shows prompts or pictures asks again."""
    session = Session(
        gateway=desk.deployment.gateway, principal=desk.deployment.principal("quality"), ids=desk.deployment.ids,
        structured=answers.structured, text=answers.text,
    )  # fmt: skip
    watcher, seen = Watcher(session), []
    before, after = ONE_MORE_TOOL
    for text in (after, after.replace("]", ", explain_late_order]")):
        desk.edit_policy(before, text)
        desk.run("policy", "apply")
        seen.append(watcher.changed())
        before = text

    assert seen == [["tools"], ["tools", "prompts", "resources"]]
    assert prompts.prompt_list(session)["prompts"] != []


def _server(directory: Path, agent: str) -> StdioServerParameters:
    command, *arguments = server_command(directory, agent)
    return StdioServerParameters(command=command, args=arguments)


async def _names(client: Client) -> list[str]:
    return [tool.name for tool in (await client.list_tools()).tools]
