"""`erp-mcp systems declare`: a system that wants a declaration is off until there is one, and again without it."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from erp_mcp.bootstrap import open_deployment
from erp_mcp.cli.app import main
from erp_mcp.errors import DeclarationMissingError
from erp_mcp.ports import Introspects
from tests.guarantees import guarantees
from tests.unit.cli.toys import toy

BY = ("--by", "Ina Berg", "--pathway", "partner licence 4711, released interfaces")
WANTED = "declaration: licensed_access"


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a deployment whose toy wants a declaration; reading and writing are configured."""
    return toy(
        tmp_path, monkeypatch, more=WANTED, system="url: toy://here, write: {account: writer, auth: {kind: none}}"
    )


def run(config: Path, *words: str) -> Result:
    return CliRunner().invoke(main, [*words, "--config", str(config)])


def opens(config: Path) -> list[str]:
    """Return what can be opened of the toy: reading, writing."""
    deployment = open_deployment(config)
    opened = []

    async def look() -> None:
        for name, open_it in (("reading", _reading), ("writing", _writing)):
            try:
                await open_it()
            except DeclarationMissingError:
                continue
            opened.append(name)

    async def _reading() -> None:
        await deployment.adapter(deployment.system("toy")).close()

    async def _writing() -> None:
        await deployment.commands("toy")
        await deployment.writing.close()

    try:
        asyncio.run(look())
    finally:
        deployment.close()
    return opened


@guarantees("P1.declared")
def test_nothing_is_opened_before_it_is_declared_nor_after_it_is_withdrawn(config: Path) -> None:
    """Neither what reads nor what writes; a person answers for the way in, or there is none."""
    assert opens(config) == []
    assert run(config, "systems", "declare", "toy", *BY).exit_code == 0
    assert opens(config) == ["reading", "writing"]
    assert run(config, "systems", "declare", "toy", "--withdraw").exit_code == 0
    assert opens(config) == []


@guarantees("P1.declared", "cli.teaches")
def test_probe_and_list_say_what_is_missing_and_what_is_declared(config: Path) -> None:
    """An integrator who did not know is told the command."""
    probe = json.loads(run(config, "systems", "probe", "toy", "--json").stdout)
    assert probe["declaration"] == {"name": "licensed_access", "state": "missing"}
    assert ["adapter.not_declared" in one for one in probe["problems"]] == [True, True]
    assert {check["do"].partition(" --by")[0] for check in probe["checks"]} == {"erp-mcp systems declare toy"}

    run(config, "systems", "declare", "toy", *BY)
    (row,) = json.loads(run(config, "systems", "list", "--json").stdout)
    assert "Ina Berg" in row["declaration"]["state"]
    assert "licensed_access: declared by Ina Berg" in " ".join(run(config, "systems", "list").stdout.split())
    assert run(config, "systems", "probe", "toy").exit_code == 0


@guarantees("P1.declared")
@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        ("d/erp-mcp.yaml", "toy://here", "toy://elsewhere"),
        ("d/erp-mcp.yaml", "url:", "database: other, url:"),
        ("site/toyshop/profiles/toy.yaml", "version: 1", "version: 2"),
        ("site/toyshop/profiles/toy.yaml", WANTED, "declaration: other_access"),
    ],
)
def test_a_declaration_holds_for_what_it_was_made_for(
    config: Path, tmp_path: Path, file: str, old: str, new: str
) -> None:
    """Another address, or another mapping, is another way in: somebody declares again."""
    run(config, "systems", "declare", "toy", *BY)
    path = tmp_path / file
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")

    assert opens(config) == []
    (row,) = json.loads(run(config, "systems", "list", "--json").stdout)
    assert row["declaration"]["state"].startswith("missing: declared for another")
    run(config, "systems", "declare", "toy", *BY)
    assert opens(config) == ["reading", "writing"]


@guarantees("P1.declared", "P5.every_decision")
def test_declarations_are_recorded_and_their_rows_are_vouched_for(config: Path) -> None:
    """Who said so and when stands in the log, and a row that nobody recorded is found."""
    run(config, "systems", "declare", "toy", *BY)
    shown = run(config, "audit", "show").stdout
    assert "declaration.made" in shown
    run(config, "systems", "declare", "toy", "--withdraw")
    assert "declaration.withdrawn" in run(config, "audit", "show").stdout
    assert run(config, "audit", "verify").exit_code == 0

    run(config, "systems", "declare", "toy", *BY)
    deployment = open_deployment(config)
    with deployment.state.engine.writing() as session:
        session.execute("UPDATE declaration SET declared_by = 'nobody'")
    deployment.close()
    found = json.loads(run(config, "audit", "verify", "--json").stdout)["findings"]
    assert [(one["code"], one["detail"]) for one in found] == [("row_changed", "declaration toy")]


@guarantees("P1.declared")
def test_what_is_open_already_stops_with_the_declaration(config: Path) -> None:
    """A server lives for weeks; a withdrawal that waits for its end is none."""
    run(config, "systems", "declare", "toy", *BY)
    deployment = open_deployment(config)

    async def look() -> None:
        adapter = deployment.adapter(deployment.system("toy"))
        assert await adapter.read("material", ["1"]) == ()
        assert [page.last async for page in adapter.changes("material", "")] == [True]
        assert (await adapter.probe())["product"] == "Toy"
        assert isinstance(adapter, Introspects)
        assert (await adapter.introspect()).usable
        await deployment.commands("toy")
        deployment.state.declarations.withdraw("toy", account="root")
        for use in (adapter.read("material", ["1"]), adapter.probe(), adapter.introspect(), deployment.commands("toy")):
            with pytest.raises(DeclarationMissingError):
                await use
        with pytest.raises(DeclarationMissingError):
            [page async for page in adapter.changes("material", "")]
        await adapter.close()
        await deployment.writing.close()

    try:
        asyncio.run(look())
    finally:
        deployment.close()


@guarantees("input.clear_errors")
@pytest.mark.parametrize(
    ("words", "status", "told"),
    [
        (("toy",), 2, "--by PERSON --pathway TEXT"),
        (("toy", "--by", "Ina"), 2, "--by PERSON --pathway TEXT"),
        (("toy", "--withdraw", "--by", "Ina"), 2, "--withdraw takes neither"),
        (("toy", "--by", " ", "--pathway", "x"), 2, "1 to 100 printable characters"),
        (("toy", "--by", "Ina", "--pathway", "x" * 501), 2, "1 to 500 printable characters"),
        (("toy", "--by", "I\x1bna", "--pathway", "x"), 2, "printable"),
        (("toys", *BY), 2, "suggestion: toy"),
    ],
)
def test_a_declaration_that_says_nothing_is_refused(
    config: Path, words: tuple[str, ...], status: int, told: str
) -> None:
    """It is what a person is asked about years later."""
    result = run(config, "systems", "declare", *words)
    assert result.exit_code == status
    assert told in result.output
    assert opens(config) == []


@guarantees("input.clear_errors")
def test_a_system_that_wants_none_takes_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A declaration that nothing looks at would only look like one."""
    config = toy(tmp_path, monkeypatch)
    result = run(config, "systems", "declare", "toy", *BY)
    assert (result.exit_code, "profile toy does not" in result.output) == (2, True)
    withdrawn = run(config, "systems", "declare", "toy", "--withdraw", "--json")
    assert json.loads(withdrawn.stdout) == {"system": "toy", "withdrawn": False}


@guarantees("P1.declared", "cli.teaches")
def test_doctor_says_that_a_system_is_off_without_calling_it(config: Path) -> None:
    """Who looks before going on must not be told that a call would do."""
    checks = {one["name"]: one for one in json.loads(run(config, "doctor", "--json").stdout)["checks"]}
    assert checks["system toy"]["status"] == "bad"
    assert "adapter.not_declared" in checks["system toy"]["detail"]
