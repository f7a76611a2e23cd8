"""`erp-mcp tools`: everything about tools from a terminal, and as JSON for programs."""

from __future__ import annotations

import json
import shlex
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from erp_mcp import settings
from erp_mcp.cli.app import main
from tests.guarantees import guarantees
from tests.prepared import DemoPlant

ROOT = Path(__file__).resolve().parents[3]
READING = [
    path for path in sorted((ROOT / "tools").glob("*/*.yaml")) if "\neffect: read\n" in path.read_text(encoding="utf-8")
]


def _run(*words: str, given: str | None = None) -> Result:
    return CliRunner().invoke(main, ["tools", *words], input=given)


@pytest.fixture(autouse=True)
def _no_deployment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without options the shipped tools are meant, whatever the machine has configured."""
    monkeypatch.delenv("ERP_MCP_CONFIG", raising=False)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(settings, "user_directory", lambda kind: tmp_path)


@pytest.fixture(scope="module")
def plant(tmp_path_factory: pytest.TempPathFactory, demo_plant: DemoPlant) -> str:
    """A prepared demo plant."""
    return str(demo_plant(tmp_path_factory.mktemp("plant") / "demo"))


@guarantees("cli.teaches")
@pytest.mark.parametrize("name", ["lint", "list", "describe", "call", "schema"])
def test_every_subcommand_teaches_by_example(name: str) -> None:
    """A person learns it from its help."""
    result = _run(name, "--help")
    assert result.exit_code == 0
    assert f"erp-mcp tools {name}" in result.output


@guarantees("cli.teaches", "catalog.lint")
def test_lint_finds_nothing_in_the_shipped_tools_and_every_mistake_in_the_broken_ones() -> None:
    """Status 2 and file, line and rule of each problem."""
    assert _run("lint").exit_code == 0
    result = _run("lint", str(ROOT / "fixtures" / "tools" / "broken"), "--json")
    assert result.exit_code == 2
    problems = json.loads(result.stdout)["problems"]
    stars = [(one["file"], one["line"]) for one in problems if one["rule"] == "sql.star"]
    assert stars == [("sql_star/list_things.yaml", 21)]


@guarantees("cli.teaches", "P1.hidden_is_missing")
def test_list_shows_all_tools_or_those_of_an_agent(plant: str) -> None:
    """All that this agent may call, and what of it a client's list shows."""
    everything = json.loads(_run("list", "--json").stdout)["tools"]
    support = json.loads(_run("list", "--json", "--as", "support", "--demo-dir", plant).stdout)["tools"]
    stranger = json.loads(_run("list", "--json", "--as", "stranger", "--demo-dir", plant).stdout)["tools"]
    assert len(everything) == len(list((ROOT / "tools").glob("*/*.yaml")))
    assert {tool["toolset"] for tool in support} == {"orders", "master_data", "discovery"}
    assert {tool["toolset"] for tool in support if tool["listed"]} == {"orders", "master_data"}
    assert stranger == []
    assert _run("list", "--as", "support").exit_code == 2


@guarantees("cli.teaches")
def test_a_list_without_tools_says_why_to_an_administrator(plant: str) -> None:
    """A bare zero leaves one searching in the wrong place."""
    stranger = _run("list", "--as", "stranger", "--demo-dir", plant)
    idle = _run("list", "--as", "auditor", "--demo-dir", plant)
    assert "planner" in stranger.stderr
    assert "auditor" in idle.stderr
    assert _run("list", "--as", "support", "--demo-dir", plant).stderr == ""


@guarantees("cli.teaches", "input.clear_errors")
def test_lint_names_the_key_that_is_missing_or_unknown(tmp_path: Path) -> None:
    """A line alone does not say what is missing in it."""
    (tmp_path / "orders").mkdir()
    text = (ROOT / "tools" / "inventory" / "get_stock.yaml").read_text("utf-8")
    (tmp_path / "orders" / "get_stock.yaml").write_text(text.replace("\nlevel: 4\n", "\nlevle: 4\n"), "utf-8")
    told = _run("lint", str(tmp_path)).stderr
    assert told.startswith("orders/get_stock.yaml:")
    assert "level" in told


@guarantees("cli.teaches", "docs.agree")
def test_describe_shows_the_contract_and_where_columns_come_from() -> None:
    """What masks and freshness work on is open to see."""
    result = json.loads(_run("describe", "get_stock", "--json").stdout)
    assert result["fields"]["stock"]["qty_reserved"]["from"] == ["reservation.qty"]
    assert "reservation.qty" in _run("describe", "get_stock").output
    assert _run("describe", "get_stok").exit_code == 2


@guarantees("cli.teaches", "rules.left_to_people")
def test_describe_names_the_rules_that_only_people_can_look_at() -> None:
    """Whoever grants the tool writes them into the policy, each by its code."""
    order = _run("describe", "propose_create_purchase_order")
    assert "`left_to_people:`" in order.output
    assert "R-SANCTIONS            sanctions lists" in order.output
    told = json.loads(_run("describe", "propose_post_goods_movement", "--json").stdout)["left_to_people"]
    assert sorted(told) == ["R-BACKFLUSH", "R-PERIOD", "R-REFERENCE", "R-SERIAL"]
    assert "left_to_people" not in _run("describe", "get_stock").output


@guarantees("cli.teaches")
def test_call_answers_as_text_and_as_json(plant: str) -> None:
    """The same call as an agent's, for people and for programs."""
    arguments = '{"late_only": true, "limit": 3}'
    assert "sales_order_id|line" in _run("call", "list_sales_orders", arguments, "--demo-dir", plant).output
    result = _run("call", "list_sales_orders", "-", "--json", "--demo-dir", plant, given=arguments)
    assert len(json.loads(result.stdout)["tables"]["lines"]["rows"]) == 3


@guarantees("cli.teaches", "docs.agree")
@pytest.mark.parametrize("path", READING, ids=lambda path: path.stem)
def test_the_examples_of_each_tool_that_reads_find_something_in_the_demo_plant(plant: str, path: Path) -> None:
    """People copy them; an empty answer looks like a broken tool."""
    examples = json.loads(_run("describe", path.stem, "--json", "--demo-dir", plant).stdout)["examples"]
    for example in examples:
        result = _run("call", path.stem, json.dumps(example), "--json", "--demo-dir", plant)
        tables = json.loads(result.stdout)["tables"]
        assert any(table["rows"] for table in tables.values()), example


@guarantees("cli.teaches", "docs.agree")
def test_the_example_of_the_first_help_finds_an_order_of_the_demo_plant(plant: str) -> None:
    """The first thing a newcomer types after the tour."""
    told = CliRunner().invoke(main, ["--help"]).output
    line = next(line for line in told.splitlines() if "tools call" in line)
    words = [plant if word == "DIR" else word for word in shlex.split(line)]
    result = CliRunner().invoke(main, [*words[1:], "--json"])
    assert any(table["rows"] for table in json.loads(result.stdout)["tables"].values())


@guarantees("cli.teaches", "input.clear_errors")
@pytest.mark.parametrize(
    ("words", "status", "code"),
    [
        (["get_stock", '{"site": "1000", "site": "2000"}'], 2, "call.malformed_request"),
        (["get_stock", "[]"], 2, "call.malformed_request"),
        (["get_stock", '{"material_id": "RM-1"}'], 2, "call.invalid_argument"),
        (["get_stock", '{"materials": ["RM-1"]}'], 2, "call.unknown_argument"),
        (["get_stok"], 2, "call.unknown_tool"),
        (["list_wip_jobs", "--as", "support"], 2, "call.unknown_tool"),
        (["get_stock", "--as", "stranger"], 3, "policy.not_allowed"),
    ],
)
def test_a_refused_call_has_a_code_and_a_status(plant: str, words: list[str], status: int, code: str) -> None:
    """2: the call is wrong; 3: policy or age says no; scripts need no parsing of words."""
    result = _run("call", *words, "--json", "--demo-dir", plant)
    assert result.exit_code == status
    assert json.loads(result.stdout)["error"]["code"] == code


@guarantees("cli.teaches")
def test_schema_prints_what_is_kept_for_editors() -> None:
    """One command writes the file again."""
    assert json.loads(_run("schema").stdout) == json.loads((ROOT / "tools" / "_schema.json").read_text("utf-8"))
