"""The main job on a running ERP: sync over JSON-RPC, then a planner's questions over MCP."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from mcp import Client, StdioServerParameters

from erp_mcp.cli.app import main
from erp_mcp.cli.client_entry import server_command
from tests.guarantees import guarantees
from tests.path.test_end_to_end import records
from tests.systems.tryton.plant import Truth
from tests.systems.tryton.server import Running

pytestmark = pytest.mark.live

SYSTEM = """\
systems:
  tryton:
    profile: tryton
    url: {url}
    database: {database}
    account: {account}
    secret: "file:{secret}"
"""


@pytest.fixture(scope="module")
def deployment(tryton: Running, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A deployment made as an integrator makes it: init, name the system, apply, sync."""
    folder = tmp_path_factory.mktemp("deployment") / "plant"
    run("init", str(folder))
    config = folder / "erp-mcp.yaml"
    text = config.read_text(encoding="utf-8")
    system = SYSTEM.format(
        url=tryton.url, database=tryton.database, account=tryton.user, secret=Path(tryton.password_file).absolute()
    )
    config.write_text(text[: text.index("systems:")] + system, encoding="utf-8")
    run("policy", "apply", "--config", str(config))
    reports = json.loads(run("sync", "--json", "--config", str(config)))
    assert [one for one in reports["entities"] if one["error"]] == []
    return folder


def run(*arguments: str) -> str:
    """Run a command that must succeed."""
    result = CliRunner().invoke(main, list(arguments))
    assert result.exit_code == 0, result.output
    return result.output


def planner(folder: Path) -> StdioServerParameters:
    """Return how a client starts the server; `--demo-dir` names any folder with a configuration."""
    command, *arguments = server_command(folder, "planner")
    return StdioServerParameters(command=command, args=arguments)


async def ask(client: Client, tool: str, **arguments: Any) -> dict[str, Any]:
    """Call a tool that must answer."""
    result = await client.call_tool(tool, arguments)
    assert not result.is_error, result.content
    return result.structured_content or {}


@guarantees("P7.right_cause", "P7.sync_exact")
async def test_late_orders_of_tryton_are_found_and_explained(deployment: Path, truth: Truth) -> None:
    """Each planted late line is late, has its cause, and names the document that causes it."""
    async with Client(planner(deployment)) as client:
        listed = records(await ask(client, "list_sales_orders", late_only=True, limit=200), "lines")
        assert {(row["sales_order_id"], row["line"]) for row in listed} == {
            (one["sales_order_id"], one["line"]) for one in truth.late
        }
        for one in truth.late:
            answer = await ask(client, "explain_late_order", sales_order_id=one["sales_order_id"], line=one["line"])
            (summary,) = records(answer, "summary")
            nodes = {row["node_id"] for row in records(answer, "chain")}
            assert summary["root_cause_code"] == one["root_cause_code"], one
            assert one["production_order_id"] in nodes
            if one["root_cause_code"] == "late_po":
                assert f"{one['purchase_order_id']}/{one['purchase_order_line']}" in nodes
            else:
                assert one["child_order_id"] in nodes


@guarantees("P7.right_cause")
async def test_healthy_orders_of_tryton_are_not_called_late(deployment: Path, truth: Truth) -> None:
    """A late purchase with stock behind it hurts nobody."""
    async with Client(planner(deployment)) as client:
        for one in truth.healthy:
            answer = await ask(client, "explain_late_order", sales_order_id=one["sales_order_id"], line=one["line"])
            (summary,) = records(answer, "summary")
            assert summary["root_cause_code"] == "on_time", one


@guarantees("P7.provenance", "P7.no_false_empty")
async def test_what_tryton_does_not_carry_is_a_named_gap(deployment: Path) -> None:
    """There is no MES here: the answer says so and does not pretend that no job runs."""
    async with Client(planner(deployment)) as client:
        jobs = await client.call_tool("list_wip_jobs", {})

    told = json.dumps(jobs.structured_content)
    assert "job" in told
    assert jobs.is_error or (jobs.structured_content or {})["complete"] is False


QUESTIONS: dict[str, dict[str, Any]] = {
    "list_sales_orders": {"limit": 200},
    "list_purchase_orders": {"promise_moved_only": True},
    "rank_expedite_candidates": {},
    "list_production_orders": {},
    "get_plant_briefing": {},
    "list_hold_lots": {},
}


@guarantees("P7.provenance")
@pytest.mark.parametrize("tool", list(QUESTIONS))
async def test_the_planners_tools_answer_from_tryton(deployment: Path, tool: str) -> None:
    """The same tools, the same contract, another system."""
    async with Client(planner(deployment)) as client:
        answer = await ask(client, tool, **QUESTIONS[tool])

    assert [source["system"] for source in answer["sources"]] == ["tryton"]
    assert answer["sources"][0]["age_s"] < 600
