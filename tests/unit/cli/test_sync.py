"""`erp-mcp sync` over a small SQLite system of record."""

from __future__ import annotations

import json
import re
import sqlite3
from collections.abc import Awaitable, Callable
from contextlib import closing
from pathlib import Path
from typing import Final

import pytest
from click.testing import CliRunner, Result

from erp_mcp.bootstrap import keep_synchronised, open_deployment
from erp_mcp.cli.app import main
from erp_mcp.systems import load_profile
from tests.guarantees import guarantees

_CONFIGURATION: Final = """\
version: 1
deployment: works
environment: development
plant: {zone: Europe/Berlin}
state_dir: state
read_model: read_model.sqlite
profiles: [profiles]
systems:
  erp: {profile: works, url: erp.sqlite}
"""
_DOCS: Final = Path(__file__).parents[3] / "docs" / "adapters.md"


def documented_profile() -> str:
    """Return the profile that docs/adapters.md shows."""
    found = re.search(r"```yaml\n(.*?)```", _DOCS.read_text(encoding="utf-8"), re.DOTALL)
    assert found is not None
    return found[1]


async def _once(run: Callable[[], Awaitable[object]], **_: object) -> None:
    await run()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "erp-mcp.yaml").write_text(_CONFIGURATION, encoding="utf-8")
    (tmp_path / "profiles").mkdir()
    (tmp_path / "profiles" / "works.yaml").write_text(documented_profile(), encoding="utf-8")
    with closing(sqlite3.connect(tmp_path / "erp.sqlite")) as database:
        database.executescript(
            "CREATE TABLE part (no, unit, chg); CREATE TABLE deleted_part (no, at);"
            "CREATE TABLE feed (name, high_water);"
            "INSERT INTO part VALUES ('A', 'EA', 't1'), ('B', 'KG', 't2');"
            "INSERT INTO feed VALUES ('parts', '2026-03-16T04:59:00Z');"
        )
    return tmp_path


def run(folder: Path, *arguments: str) -> Result:
    return CliRunner().invoke(main, ["sync", "--config", str(folder / "erp-mcp.yaml"), *arguments])


def write(folder: Path, text: str) -> None:
    with closing(sqlite3.connect(folder / "erp.sqlite")) as database, database:
        database.execute(text)


@guarantees("docs.agree", "adapter.contract")
def test_the_profile_in_the_documentation_loads(folder: Path) -> None:
    """People start from what they read."""
    assert set(load_profile("works", [folder / "profiles"]).entities) == {"material"}


@guarantees("P7.sync_exact", "cli.teaches")
def test_it_fills_the_read_model_and_tells_programs_what_it_did(folder: Path) -> None:
    """The second run takes over what changed, and what is gone."""
    first = json.loads(run(folder, "--json").stdout)
    write(folder, "DELETE FROM part WHERE no = 'B'")
    write(folder, "INSERT INTO deleted_part VALUES ('B', 't3')")
    second = json.loads(run(folder, "erp", "--json").stdout)
    known = [(one["entity"], one["rows"], one["as_of"]) for one in first["entities"]]
    assert known == [("material", 2, "2026-03-16T04:59:00Z")]
    assert (second["ok"], second["entities"][0]["rows"], second["entities"][0]["removed"]) == (True, 1, 1)


@guarantees("cli.teaches")
def test_a_person_gets_a_table(folder: Path) -> None:
    """System, entity, figures and age at a glance."""
    result = run(folder)
    assert result.exit_code == 0
    for word in ("system", "entity", "material", "2026-03-16T04:59:00Z", "1 entities, 2 rows"):
        assert word in result.stdout


@guarantees("cli.teaches", "input.clear_errors")
def test_a_failure_is_status_1_with_its_code(folder: Path) -> None:
    """A scheduler of the operator's own sees it."""
    write(folder, "INSERT INTO part VALUES ('C', NULL, 't4')")
    result = run(folder, "--json")
    assert result.exit_code == 1
    assert json.loads(result.stdout)["entities"][0]["error"] == "adapter.bad_answer"


@guarantees("cli.teaches", "input.clear_errors")
def test_a_system_that_is_not_configured_is_refused_with_those_there_are(folder: Path) -> None:
    """A slip of the pen must not look like success."""
    result = run(folder, "ebp", "--json")
    assert result.exit_code == 2
    assert "erp" in json.loads(result.stdout)["error"]["facts"]["reason"]


@guarantees("P7.sync_exact")
def test_full_reads_everything_again(folder: Path) -> None:
    """After a restored backup the watermarks of the system went back."""
    run(folder)
    write(folder, "INSERT INTO part VALUES ('Z', 'EA', 't0')")
    assert json.loads(run(folder, "--json").stdout)["entities"][0]["rows"] == 2
    assert json.loads(run(folder, "--full", "--json").stdout)["entities"][0]["rows"] == 3


@guarantees("P10.survives", "P8.no_leaks")
async def test_a_system_that_cannot_be_opened_does_not_keep_the_others_from_being_synchronised(
    folder: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While serving nobody looks at a terminal: one secret that went missing would let all data grow old."""
    with (folder / "erp-mcp.yaml").open("a", encoding="utf-8") as file:
        file.write("  broken: {profile: works, url: other.sqlite, secret: 'file:gone'}\n")
    deployment = open_deployment(folder / "erp-mcp.yaml")
    monkeypatch.setattr("erp_mcp.sync.scheduled", _once)
    await keep_synchronised(deployment)
    states = await deployment.reader.states()
    deployment.close()
    assert [(state.system, state.rows, state.complete) for state in states["material"]] == [("erp", 2, True)]
    assert [message for message in caplog.messages if "broken" in message and "settings." in message]


@guarantees("P10.survives")
def test_a_system_that_is_off_holds_up_no_other(folder: Path) -> None:
    """Its rows stay and its report says why; named alone, it is refused with what to do."""
    assert run(folder).exit_code == 0
    file, profile = folder / "erp-mcp.yaml", folder / "profiles" / "works.yaml"
    off = profile.read_text(encoding="utf-8").replace("profile: works", "profile: off\ndeclaration: licensed_access")
    (folder / "profiles" / "off.yaml").write_text(off, encoding="utf-8")
    text = file.read_text(encoding="utf-8")
    file.write_text(text + "  another: {profile: off, url: erp.sqlite}\n", encoding="utf-8")
    result, alone = run(folder, "--json"), run(folder, "another", "--json")

    told = {one["system"]: (one["rows"], one["error"]) for one in json.loads(result.stdout)["entities"]}
    assert told == {"another": (0, "adapter.not_declared"), "erp": (2, "")}
    assert (result.exit_code, alone.exit_code) == (1, 1)
    assert json.loads(alone.stdout)["error"]["code"] == "adapter.not_declared"

    held = file.read_text(encoding="utf-8").replace("erp: {profile: works", "erp: {profile: off")
    file.write_text(held, encoding="utf-8")
    kept = {one["system"]: one["rows"] for one in json.loads(run(folder, "--json").stdout)["entities"]}
    assert kept == {"another": 0, "erp": 2}
