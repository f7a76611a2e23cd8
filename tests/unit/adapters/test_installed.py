"""Adapters, commands and profiles of installed packages: found, and a broken one stops nobody else."""

from __future__ import annotations

import asyncio
import importlib
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import pytest
from click.testing import CliRunner

from erp_mcp.bootstrap import open_deployment
from erp_mcp.cli.app import main
from erp_mcp.errors import ConfigurationError
from tests.guarantees import guarantees
from tests.prepared import DemoPlant
from tests.unit.cli.third_party import install
from tests.unit.cli.toys import toy

ROOT: Final = Path(__file__).parents[3]


def open_toy(config: Path, *, writing: bool = False) -> None:
    """Open the toy for reading or writing, and close it."""
    deployment = open_deployment(config)

    async def opened() -> None:
        if writing:
            await deployment.commands("toy")
            await deployment.writing.close()
        else:
            await deployment.adapter(deployment.system("toy")).close()

    try:
        asyncio.run(opened())
    finally:
        deployment.close()


@guarantees("adapter.third_party")
def test_a_package_brings_adapter_commands_and_profile(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Installing it is all that there is to do."""
    config = toy(tmp_path, monkeypatch, system="url: toy://here, write: {}")
    open_toy(config)
    open_toy(config, writing=True)


BROKEN: Final[Mapping[str, tuple[str, str]]] = {
    "can't be imported": ("brokenshop.toys:Toy", r"can't be imported \(ModuleNotFoundError\)"),
    "fails while it is imported": ("brokenshop:Toy", r"can't be imported \(ZeroDivisionError\)"),
    "names nothing": ("brokenshop.fine:Nothing", r"can't be imported \(AttributeError\)"),
    "names what is no class": ("brokenshop.fine:toy", r"is no class with `open"),
    "names a class without open": ("brokenshop.fine:Shut", r"is no class with `open"),
}


@guarantees("adapter.third_party", "input.clear_errors")
@pytest.mark.parametrize("how", BROKEN)
def test_a_package_that_is_broken_is_named_and_stops_only_its_own_systems(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    """An operator must know which package to take out, and the plant goes on meanwhile."""
    config = toy(tmp_path, monkeypatch)
    value, told = BROKEN[how]
    init = "1 / 0\n" if value.startswith("brokenshop:") else ""
    install(
        monkeypatch,
        tmp_path / "other",
        "brokenshop",
        files={"brokenshop/__init__.py": init, "brokenshop/fine.py": "toy = 1\n\n\nclass Shut:\n    pass\n"},
        entry_points={"erp_mcp.adapters": {"broken": value}, "erp_mcp.profiles": {"broken": "brokenshop.nowhere"}},
    )
    profile = (tmp_path / "site" / "toyshop" / "profiles" / "toy.yaml").read_text(encoding="utf-8")
    other = profile.replace("profile: toy", "profile: lame").replace("kind: toy", "kind: broken")
    (config.parent / "lame.yaml").write_text(other, encoding="utf-8")
    text = config.read_text(encoding="utf-8").replace("systems:\n", "systems:\n  lame: {profile: lame, url: x}\n", 1)
    config.write_text(f"{text}profiles: [.]\n", encoding="utf-8")

    deployment = open_deployment(config)
    with pytest.raises(ConfigurationError) as caught:
        deployment.adapter(deployment.system("lame"))
    deployment.close()
    assert caught.value.facts["key"] == "systems.lame.profile"
    assert "package brokenshop" in str(caught.value.facts["reason"])
    assert re.search(told, str(caught.value.facts["reason"]))
    open_toy(config)
    listed = CliRunner().invoke(main, ["systems", "list", "--json", "--config", str(config)])
    assert [row["system"] for row in json.loads(listed.stdout)] == ["lame", "toy"]


@guarantees("adapter.third_party", "input.clear_errors")
def test_two_packages_of_one_kind_are_both_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Which of two counts must not depend on an order that nobody sees."""
    config = toy(tmp_path, monkeypatch)
    points = {"erp_mcp.adapters": {"toy": "secondshop.toys:Toy"}}
    install(monkeypatch, tmp_path / "other", "secondshop", files={}, entry_points=points)

    with pytest.raises(ConfigurationError) as caught:
        open_toy(config)
    assert "several packages (secondshop, toyshop)" in str(caught.value.facts["reason"])


@guarantees("adapter.third_party")
def test_a_package_can_not_take_the_place_of_a_kind_of_ours(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, demo_plant: DemoPlant
) -> None:
    """Installing something must not change how a system is read that was read before."""
    points = {"erp_mcp.adapters": {"sql": "toyshop.toys:Toy"}, "erp_mcp.commands": {"sql": "toyshop.toys:ToyCommands"}}
    config = toy(tmp_path, monkeypatch)
    install(monkeypatch, tmp_path / "other", "greedy", files={}, entry_points=points)
    demo = demo_plant(tmp_path / "demo")
    told = CliRunner().invoke(main, ["systems", "probe", "mes", "--demo-dir", str(demo), "--json"]).stdout
    assert json.loads(told)["told"]["product"] == "SQLite"
    open_toy(config)


@guarantees("adapter.third_party", "P2.opened_system")
def test_a_package_can_not_make_a_kind_of_ours_write_that_only_reads(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A database is read by construction, whatever is installed beside."""
    config = toy(tmp_path, monkeypatch, system="url: toy://here, write: {}")
    points = {"erp_mcp.commands": {"sql": "toyshop.toys:ToyCommands"}}
    install(monkeypatch, tmp_path / "other", "greedy", files={}, entry_points=points)
    profile = tmp_path / "site" / "toyshop" / "profiles" / "toy.yaml"
    text = profile.read_text(encoding="utf-8")
    profile.write_text(text.replace("commands:\n", "commands:\n  via: sql\n"), encoding="utf-8")
    with pytest.raises(ConfigurationError) as caught:
        open_toy(config, writing=True)
    assert caught.value.facts["key"] == "systems.toy.write"


@guarantees("adapter.public", "docs.agree")
def test_the_public_names_are_there_as_documented() -> None:
    """What a third party stands on is a promise: the page and the modules say the same."""
    page = (ROOT / "docs" / "write-an-adapter.md").read_text(encoding="utf-8")
    table = page.partition("## What you may stand on")[2].partition("\n## ")[0]
    named = re.findall(r"^\| `(erp_mcp[\w.]*)` \| (.*?) \|", table, flags=re.MULTILINE)
    assert {module for module, _ in named} >= {"erp_mcp.adapters.kit", "erp_mcp.ports", "erp_mcp.testing"}
    for module, names in named:
        found = importlib.import_module(module)
        for name in re.findall(r"`(\w+)`", names):
            assert hasattr(found, name), f"{module}.{name}"


@guarantees("adapter.public", "docs.agree")
@pytest.mark.parametrize("module", ["erp_mcp.adapters.kit", "erp_mcp.testing"])
def test_everything_that_the_kit_offers_is_documented(module: str) -> None:
    """A public name that nobody knows of is not used, and one that is used is not public by accident."""
    page = (ROOT / "docs" / "write-an-adapter.md").read_text(encoding="utf-8")
    row = next(line for line in page.splitlines() if line.startswith(f"| `{module}` |"))
    assert set(re.findall(r"`(\w+)`", row.partition("|")[2])) >= set(importlib.import_module(module).__all__)
