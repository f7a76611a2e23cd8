"""The command line: help that teaches, a start from nothing, a demo that is built once."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from erp_mcp import settings
from erp_mcp.bootstrap import TimeOrderedIds, compile_catalog
from erp_mcp.cli.app import COMMANDS, main
from erp_mcp.cli.starter import PLACEHOLDER
from erp_mcp.policy.bundle import Bundle
from erp_mcp.policy.load import load
from erp_mcp.policy.names import KnownNames
from tests.guarantees import guarantees


def _contexts(command: click.Command, parent: click.Context | None, name: str) -> Iterator[click.Context]:
    """Yield the context of a command and of all below it."""
    context = command.make_context(name, [], parent, resilient_parsing=True)
    yield context
    if isinstance(command, click.Group):
        for inner in command.list_commands(context):
            below = command.get_command(context, inner)
            assert below is not None
            yield from _contexts(below, context, inner)


@guarantees("cli.teaches")
@pytest.mark.parametrize(
    "context", [pytest.param(one, id=one.command_path) for one in _contexts(main, None, "erp-mcp")]
)
def test_every_command_explains_itself_with_examples_within_eighty_columns(
    context: click.Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A person learns a command from its help, in whatever terminal is open, and reads wide ones no better."""
    for columns in ("80", "200"):
        monkeypatch.setenv("COLUMNS", columns)
        told = context.command.get_help(context)

        assert "Examples" in told
        assert told.count(context.command_path) >= 2  # beside the line of its usage
        assert [line for line in told.splitlines() if len(line) > 80] == []
        assert [line for line in told.splitlines()[1:] if line.endswith("...")] == []  # a command's line, cut off


@guarantees("cli.teaches")
def test_a_slip_in_a_command_is_told_with_the_way_out() -> None:
    """Exit status 2 for a wrong call, as shells expect."""
    result = CliRunner().invoke(main, ["polcy"])

    assert result.exit_code == 2
    assert "Did you mean 'policy'?" in result.output
    assert "Did you mean" not in CliRunner().invoke(main, ["zzz"]).output


@guarantees("cli.teaches", "P2.no_writes")
def test_init_writes_a_configuration_that_loads_and_never_overwrites(tmp_path: Path) -> None:
    """A start from nothing; a second run changes nothing."""
    target = tmp_path / "new"
    first = CliRunner().invoke(main, ["init", str(target)])
    written = (target / "erp-mcp.yaml").read_text(encoding="utf-8")
    (target / "erp-mcp.yaml").write_text(written + "# mine\n", encoding="utf-8")

    second = CliRunner().invoke(main, ["init", str(target)])

    assert first.exit_code == 0
    assert settings.load(target / "erp-mcp.yaml").systems == ()
    assert (target / "policies" / "base.yaml").is_file()
    assert second.exit_code == 2
    assert (target / "erp-mcp.yaml").read_text(encoding="utf-8").endswith("# mine\n")


def _policy_of(target: Path) -> Bundle:
    config = target / "erp-mcp.yaml"
    result = CliRunner().invoke(main, ["policy", "check", "--config", str(config), "--json"])
    assert (result.exit_code, json.loads(result.stdout)["problems"]) == (0, [])
    catalog = compile_catalog([settings.data_root() / "tools"])
    return load(target / "policies", KnownNames.of(catalog)).bundle


@guarantees("cli.teaches", "policy.closed_language", "P2.no_writes")
def test_init_writes_a_small_policy_for_the_sites_and_the_owner_named(tmp_path: Path) -> None:
    """A plant of one's own starts with its own sites, not with those of the demo."""
    words = ["--site", "0042", "--site", "North-1", "--site", "0042", "--owner", "anna"]
    assert CliRunner().invoke(main, ["init", str(tmp_path / "p"), *words]).exit_code == 0

    bundle = _policy_of(tmp_path / "p")

    assert bundle.sites == ("0042", "North-1")
    assert [(agent.agent, agent.owner, agent.role) for agent in bundle.agents.values()] == [
        ("planner", "anna", "planner")
    ]
    assert bundle.roles["planner"].sites == ("0042", "North-1")
    reads = {tool.name for tool in compile_catalog([settings.data_root() / "tools"]) if tool.effect == "read"}
    assert bundle.writes == frozenset()
    assert {tool for role, tool, _ in bundle.cells if role == "planner"} == reads


@guarantees("cli.teaches", "policy.closed_language")
def test_init_without_a_site_lets_the_planner_see_all_of_them_and_marks_the_place_to_name_them(tmp_path: Path) -> None:
    """Nobody is asked; the first answers are not empty."""
    assert CliRunner().invoke(main, ["init", str(tmp_path / "p")]).exit_code == 0

    bundle = _policy_of(tmp_path / "p")

    assert bundle.roles["planner"].sites is None
    assert bundle.sites == (PLACEHOLDER,)


@guarantees("cli.teaches", "input.clear_errors")
@pytest.mark.parametrize(
    "words",
    [["--site", "a b"], ["--site", ""], ["--owner", "Anna B"], ["--zone", "Mars/Base"], ["--deployment", "My Plant"]],
)
def test_init_refuses_a_wrong_option_and_writes_nothing(tmp_path: Path, words: list[str]) -> None:
    """Half a deployment would have to be found and removed by hand."""
    result = CliRunner().invoke(main, ["init", str(tmp_path / "p"), *words])

    assert result.exit_code == 2
    assert words[0] in result.output
    assert not (tmp_path / "p").exists()


@guarantees("cli.teaches")
def test_every_command_that_init_prints_finds_the_deployment(tmp_path: Path) -> None:
    """They are copied as they stand, from any directory."""
    target = tmp_path / "own plant"
    told = CliRunner().invoke(main, ["init", str(target)]).output
    commands = [shlex.split(line.partition("erp-mcp ")[2]) for line in told.splitlines() if "erp-mcp " in line]
    finding = [words for words in commands if words and words[0] != "serve"]

    assert [words[:2] for words in finding] == [
        ["systems", "add"],
        ["doctor", "--connect"],
        ["sync", "--config"],
        ["policy", "apply"],
        ["approvals", "enrol"],
    ]
    for words in finding:
        output = CliRunner().invoke(main, words).output
        assert "bad_configuration" not in output, words


@guarantees("cli.teaches", "docs.agree")
def test_every_command_but_serve_uses_the_configuration_of_the_working_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A person works where the files are; a client starts the server in anybody's directory."""
    runner = CliRunner()
    assert runner.invoke(main, ["init", str(tmp_path / "p"), "--deployment", "here", "--site", "S1"]).exit_code == 0
    monkeypatch.chdir(tmp_path / "p")
    monkeypatch.delenv("ERP_MCP_CONFIG", raising=False)

    applied = runner.invoke(main, ["policy", "apply"])
    doctor = json.loads(runner.invoke(main, ["doctor", "--json"]).stdout)

    assert applied.exit_code == 0, applied.output
    assert "here" in doctor["checks"][0]["detail"]
    assert runner.invoke(main, ["audit", "show"]).exit_code == 0
    assert "1 problem" not in runner.invoke(main, ["tools", "lint"]).output
    assert settings.find_file(environ={}) != tmp_path / "p" / "erp-mcp.yaml"  # what `serve` asks
    for name in COMMANDS:
        if name not in {
            "init",
            "demo",
            "client",
            "tools",
            "policy",
            "audit",
            "approvals",
            "writes",
            "systems",
            "secrets",
            "state",
            "proposals",
            "notices",
            "tasks",
        }:
            told = " ".join(runner.invoke(main, [name, "--help"]).output.split())
            assert ("./erp-mcp.yaml" in told) == (name != "serve"), name


@guarantees("input.clear_errors")
def test_a_deployment_that_is_named_must_be_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A check of the shipped files in place of the ones that were meant would say that all is right."""
    monkeypatch.setenv("ERP_MCP_CONFIG", str(tmp_path / "none.yaml"))

    for words in (["policy", "check"], ["tools", "lint"], ["tools", "list"]):
        assert CliRunner().invoke(main, words).exit_code == 2, words
    both = ["policy", "check", "--config", "a.yaml", "--demo-dir", "b"]
    assert "two deployments" in CliRunner().invoke(main, both).output


@guarantees("cli.teaches")
def test_another_plant_is_never_built_over_one_that_stands(tmp_path: Path) -> None:
    """A person's edited policies live there."""
    runner = CliRunner()
    assert runner.invoke(main, ["demo", "--prepare", "--dir", str(tmp_path / "d")]).exit_code == 0
    policy = tmp_path / "d" / "policies" / "base.yaml"
    policy.write_text(policy.read_text(encoding="utf-8") + "# mine\n", encoding="utf-8")

    again = runner.invoke(main, ["demo", "--prepare", "--dir", str(tmp_path / "d")])
    other = runner.invoke(main, ["demo", "--prepare", "--seed", "2", "--dir", str(tmp_path / "d")])

    assert (again.exit_code, other.exit_code) == (0, 2)
    assert policy.read_text(encoding="utf-8").endswith("# mine\n")


@guarantees("cli.teaches")
def test_a_directory_with_something_else_is_left_alone(tmp_path: Path) -> None:
    """`--dir` is easily mistyped."""
    (tmp_path / "thesis.txt").write_text("final", encoding="utf-8")

    result = CliRunner().invoke(main, ["demo", "--prepare", "--dir", str(tmp_path)])

    assert result.exit_code == 2
    assert [file.name for file in tmp_path.iterdir()] == ["thesis.txt"]


@guarantees("P10.survives")
def test_a_demo_whose_building_was_cut_off_is_built_anew(tmp_path: Path) -> None:
    """Whatever a killed run left, the next one ends with a plant."""
    runner = CliRunner()
    target = tmp_path / "d"
    assert runner.invoke(main, ["demo", "--prepare", "--dir", str(target)]).exit_code == 0
    (target / "plant.json").unlink()
    (target / "read_model.sqlite").unlink()

    assert runner.invoke(main, ["demo", "--prepare", "--dir", str(target)]).exit_code == 0
    assert json.loads((target / "plant.json").read_text(encoding="utf-8"))["seed"] == 1


@guarantees("P5.leaf_format")
def test_ids_are_version_seven_and_sort_by_time() -> None:
    """Record ids tell their order without a look-up."""
    ids = TimeOrderedIds()
    made = [ids.new() for _ in range(200)]

    assert len(set(made)) == 200
    assert all(
        re.fullmatch(r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}", one) for one in made
    )
    assert [one[:13] for one in made] == sorted(one[:13] for one in made)
