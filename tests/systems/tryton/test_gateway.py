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
from tests.warm import COLD, served_by, used

pytestmark = [pytest.mark.live, pytest.mark.usefixtures("warm_servers")]

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
    command, *arguments = served_by(server_command(folder, "planner"))
    return StdioServerParameters(command=command, args=arguments)


async def ask(client: Client, tool: str, **arguments: Any) -> dict[str, Any]:
    """Call a tool that must answer."""
    result = await client.call_tool(tool, arguments)
    assert not result.is_error, result.content
    return result.structured_content or {}


@guarantees("P7.right_cause", "P7.sync_exact")
async def test_late_orders_of_tryton_are_found_and_explained(deployment: Path, truth: Truth) -> None:
    """Each planted late line is late, has its cause, and names the document that causes it."""
    with used(COLD):  # one server is started as hosts start it
        server = planner(deployment)
    async with Client(server) as client:
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


NOT_KEPT: dict[tuple[str, str], list[str]] = {
    ("list_purchase_orders", "unconfirmed_only"): ["purchase_order_line.confirmed"],
    ("list_sales_orders", "blocked_only"): ["sales_order_line.credit_status", "sales_order_line.delivery_block"],
}


@guarantees("P7.names_what_a_source_lacks", "P7.no_false_empty")
@pytest.mark.parametrize(("tool", "argument"), list(NOT_KEPT))
async def test_what_tryton_keeps_no_field_for_is_refused_by_name(deployment: Path, tool: str, argument: str) -> None:
    """Without the argument the same lines are answered whole, and the empty columns are named."""
    async with Client(planner(deployment)) as client:
        refused = await client.call_tool(tool, {argument: True})
        listed = await ask(client, tool)

    fields = NOT_KEPT[tool, argument]
    assert refused.is_error
    error = (refused.structured_content or {})["error"]
    assert error["code"] == "answer.field_not_kept"
    assert error["facts"] == {"argument": argument, "systems": ["tryton"], "fields": fields}
    assert listed["complete"] is True
    assert [f"{gap['entity']}.{gap['field']}" for gap in listed["gaps"]] == fields
    assert {(gap["reason"], gap["system"]) for gap in listed["gaps"]} == {("no_field", "tryton")}
    for gap in listed["gaps"]:
        assert gap["affects"] == [gap["field"]]
        assert {row[gap["field"]] for row in records(listed, "lines")} == {None}


@guarantees("P7.names_what_a_source_lacks", "P7.no_false_empty")
async def test_a_briefing_counts_no_class_that_tryton_tells_nothing_of(deployment: Path) -> None:
    """A count of none would be read as all is well, a count of all as all is wrong."""
    async with Client(planner(deployment)) as client:
        answer = await ask(client, "get_plant_briefing")

    counted = {row["class"] for row in records(answer, "classes")}
    assert {"late_sales_line", "purchase_overdue"} <= counted
    assert counted.isdisjoint({"blocked_sales_line", "purchase_unconfirmed"})
    affected = {told for gap in answer["gaps"] if gap["reason"] == "no_field" for told in gap["affects"]}
    assert {"blocked_sales_line", "purchase_unconfirmed"} <= affected
    assert answer["complete"] is False


@guarantees("P7.names_what_a_source_lacks")
async def test_an_explanation_from_tryton_names_the_fields_that_could_hide_a_cause(
    deployment: Path, truth: Truth
) -> None:
    """Beside what no system gives at all, which was named before."""
    async with Client(planner(deployment)) as client:
        answer = await ask(client, "explain_late_order", sales_order_id=truth.late[0]["sales_order_id"])

    hidden = {
        f"{row['entity']}.{row['field']}": row["can_hide"]
        for row in records(answer, "gaps")
        if row["field"] is not None
    }
    assert hidden["sales_order_line.credit_status"] == ["credit_block"]
    assert hidden["sales_order.delivery_block"] == ["delivery_block"]
    assert hidden["quality_notification.hold"] == ["quality_hold"]
