"""server.json, which registries of MCP servers read: in step with the package, and in the form they ask for."""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path

from click import Group

import erp_mcp
from erp_mcp.cli.app import main
from tests.guarantees import guarantees

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
SERVER = json.loads((ROOT / "server.json").read_text(encoding="utf-8"))
(PACKAGE,) = SERVER["packages"]


@guarantees("packaging.registry")
def test_version_and_package_are_those_of_the_project() -> None:
    """A registry that names another version installs another program."""
    assert SERVER["version"] == PACKAGE["version"] == PROJECT["version"] == erp_mcp.__version__
    assert (PACKAGE["registryType"], PACKAGE["identifier"]) == ("pypi", PROJECT["name"])
    assert PACKAGE["runtimeHint"] == "uvx"
    assert PROJECT["scripts"][PACKAGE["identifier"]] == PROJECT["scripts"]["erp-mcp"]  # uvx runs it by this name


@guarantees("packaging.registry")
def test_the_limits_of_the_schema_hold() -> None:
    """Schema 2025-12-11: a name of two parts, a title and a description of at most 100 characters, exact versions."""
    assert SERVER["$schema"].endswith("/2025-12-11/server.schema.json")
    assert re.fullmatch(r"[a-zA-Z0-9.-]+/[a-zA-Z0-9._-]+", SERVER["name"])
    assert 3 <= len(SERVER["name"]) <= 200
    assert 1 <= len(SERVER["description"]) <= 100
    assert 1 <= len(SERVER["title"]) <= 100
    assert re.fullmatch(r"\d+\.\d+\.\d+", SERVER["version"])
    assert PACKAGE["transport"] == {"type": "stdio"}


@guarantees("packaging.registry")
def test_the_readme_names_the_server_as_the_registry_does() -> None:
    """By this line the registry sees that the package and the entry have one owner."""
    assert f"<!-- mcp-name: {SERVER['name']} -->" in (ROOT / "README.md").read_text(encoding="utf-8")


@guarantees("packaging.registry")
def test_what_is_started_is_a_command_with_options_that_exist() -> None:
    """The arguments are put together by programs, and nobody reads them before."""
    first, *named = PACKAGE["packageArguments"]
    assert isinstance(main, Group)
    command = main.get_command(main.make_context("erp-mcp", [], resilient_parsing=True), first["value"])
    assert command is not None
    known = {option for parameter in command.params for option in parameter.opts}
    assert {one["name"] for one in named} == {"--config", "--as"} <= known
