"""The command line: help that teaches, a start from nothing, a demo that is built once."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from click.testing import CliRunner

from erp_mcp import settings
from erp_mcp.bootstrap import TimeOrderedIds
from erp_mcp.cli.app import COMMANDS, main
from tests.guarantees import guarantees


@guarantees("cli.teaches")
@pytest.mark.parametrize("name", list(COMMANDS))
def test_every_command_explains_itself_with_examples(name: str) -> None:
    """A person learns a command from its help."""
    result = CliRunner().invoke(main, [name, "--help"])

    assert result.exit_code == 0
    assert "Examples" in result.output
    assert f"erp-mcp {name}" in result.output


@guarantees("cli.teaches")
def test_a_slip_in_a_command_is_told_with_the_way_out() -> None:
    """Exit status 2 for a wrong call, as shells expect."""
    result = CliRunner().invoke(main, ["polcy"])

    assert result.exit_code == 2
    assert "--help" in result.output or "Did you mean" in result.output


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
