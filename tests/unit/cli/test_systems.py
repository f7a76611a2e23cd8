"""`erp-mcp systems`: what each system gives and takes, and whether that is true, before anything is written to it."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from erp_mcp.bootstrap import open_deployment
from erp_mcp.cli.app import main
from erp_mcp.demo.erp_calls import CREATE_REQUISITION, UPDATE_DATE
from erp_mcp.demo.writing.registry import OPERATIONS
from tests.guarantees import guarantees
from tests.prepared import DemoPlant


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory, demo_plant: DemoPlant) -> Path:
    """Return a demo plant as the command builds it."""
    return demo_plant(tmp_path_factory.mktemp("demo") / "plant")


def probed(demo: Path, name: str = "erp") -> tuple[int, Mapping[str, Any]]:
    """Return exit status and report of a probe."""
    result = CliRunner().invoke(main, ["systems", "probe", name, "--demo-dir", str(demo), "--json"])
    return result.exit_code, json.loads(result.stdout)


def edited(demo: Path, folder: Path, before: str, after: str) -> list[str]:
    """Return the option for a copy of the configuration with one thing changed, beside the plant."""
    text = (demo / "erp-mcp.yaml").read_text(encoding="utf-8")
    assert before in text
    file = demo / f"{folder.name}.yaml"
    file.write_text(text.replace(before, after), encoding="utf-8")
    return ["--config", str(file)]


def asked(*words: str) -> tuple[int, Any]:
    """Return exit status and JSON of a command."""
    result = CliRunner().invoke(main, ["systems", *words, "--json"])
    return result.exit_code, json.loads(result.stdout)


@guarantees("commands.probe")
def test_a_probe_shows_what_a_system_gives_and_takes(built: Path) -> None:
    """Reachability, product, account, clock, entities, and each operation with how its outcome is found out."""
    status, report = probed(built)

    assert (status, report["problems"]) == (0, [])
    assert (report["reachable"], report["clock_skew_s"]) == (True, 0)
    assert report["writes"] == {
        "on": True,
        "why": f"{len(OPERATIONS)} operations, each approved by a person",
        "account": "erp-mcp",
    }
    assert "purchase_order_line" in report["entities"]
    assert {(one["name"], one["contract"], one["verified"]) for one in report["operations"]} == {
        (name, one.kept[0], True) for name, one in OPERATIONS.items()
    }


@guarantees("commands.probe")
def test_a_probe_writes_nothing(built: Path) -> None:
    """It is run on a production system in the middle of the day."""
    before = (built / "erp.sqlite").read_bytes()
    probed(built)

    assert (built / "erp.sqlite").read_bytes() == before


@guarantees("commands.probe", "P6.planning_side")
def test_a_level_3_system_takes_nothing_and_that_is_no_fault(built: Path) -> None:
    """Nothing writes to the shop floor; a probe that called this a problem would be in the way."""
    status, report = probed(built, "mes")

    assert (status, report["operations"], report["writes"]["on"]) == (0, [], False)
    assert "level-3" in report["writes"]["why"]


@guarantees("commands.probe", "P2.no_writes")
def test_without_write_settings_the_account_that_writes_is_not_used(built: Path, tmp_path: Path) -> None:
    """What the profile could take is shown, as not looked at; nothing is missing."""
    option = edited(built, tmp_path, ", write: {}", "")
    status, report = asked("probe", "erp", *option)

    assert (status, report["writes"]["on"], report["problems"]) == (0, False, [])
    assert "no `write:`" in report["writes"]["why"]
    assert {one["detail"] for one in report["operations"]} == {"not looked at"}


@guarantees("commands.probe")
def test_a_kill_switch_shows(built: Path) -> None:
    """Whoever looks why nothing is written finds it here."""
    deployment = open_deployment(built / "erp-mcp.yaml")
    try:
        deployment.state.switches.stop("system:erp", by="tester", reason="stocktaking")
        status, report = probed(built)
        deployment.state.switches.resume("system:erp", by="tester")
    finally:
        deployment.close()

    assert (status, report["writes"]["on"]) == (0, False)
    assert "system:erp" in report["writes"]["why"]


@guarantees("commands.probe")
def test_an_owner_of_nothing_takes_nothing(built: Path, tmp_path: Path) -> None:
    """A write goes to the system that owns the entity, or nowhere."""
    status, report = asked("probe", "erp", *edited(built, tmp_path, "write: {}", "write: {}, owns: [material]"))

    assert (status, report["writes"]["on"]) == (0, False)
    assert "owns none" in report["writes"]["why"]


@guarantees("commands.probe")
def test_a_system_that_is_down_is_a_problem_by_name(built: Path, tmp_path: Path) -> None:
    """Both accounts are tried; a program sees it by the exit status."""
    status, report = asked("probe", "erp", *edited(built, tmp_path, "url: erp.sqlite", "url: nowhere.sqlite"))

    assert (status, report["reachable"], report["writes"]["on"]) == (1, False, False)
    assert [one.partition(":")[0] for one in report["problems"]] == ["reading", "writing"]
    assert all("adapter.unreachable" in one for one in report["problems"])


@guarantees("commands.probe")
def test_a_contract_that_is_not_kept_is_a_problem(built: Path, tmp_path: Path) -> None:
    """The profile claims it, the system does not do it: better found now than after a lost answer."""
    other = built / "loose.sqlite"
    other.write_bytes((built / "erp.sqlite").read_bytes())
    with closing(sqlite3.connect(other)) as raw, raw:
        raw.execute("CREATE TABLE ext_ref (reference TEXT, doc_type TEXT, doc_no TEXT, item_no TEXT, written_by TEXT,"
                    " written_at TEXT)")  # fmt: skip
    status, report = asked("probe", "erp", *edited(built, tmp_path, "url: erp.sqlite", "url: loose.sqlite"))

    assert status == 1
    loose = {name for name, one in OPERATIONS.items() if "unique_ref" in one.kept}
    assert {CREATE_REQUISITION} < loose < OPERATIONS.keys() - {UPDATE_DATE}
    assert {one.partition(":")[0] for one in report["problems"]} == loose
    assert {one["name"]: one["verified"] for one in report["operations"]} == {
        name: name not in loose for name in OPERATIONS
    }


@guarantees("commands.probe")
@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ("account: erp-mcp, write: {account: erp-mcp}", "the account that writes is the one that reads"),
        ("write: {}}\n  shop: {profile: demo-mes, url: mes.sqlite, write: {}", "the profile has no operations"),
    ],
)
def test_settings_that_make_no_sense_are_a_problem(built: Path, tmp_path: Path, change: str, problem: str) -> None:
    """They are read without an error, and would not do what somebody meant."""
    option = edited(built, tmp_path, "write: {}", change)
    status, report = asked("probe", "shop" if "shop" in change else "erp", *option)

    assert status == 1
    assert [one for one in report["problems"] if problem in one]


@guarantees("input.clear_errors")
def test_an_unknown_system_is_named_with_the_one_that_was_meant(built: Path) -> None:
    """A slip of the finger is not worth a search."""
    status, told = asked("probe", "erq", "--demo-dir", str(built))

    assert (status, told["error"]["code"]) == (2, "adapter.not_configured")
    assert told["error"]["facts"] == {"system": "erq", "suggestion": "erp"}


@guarantees("cli.teaches")
def test_systems_are_listed_without_calling_them(built: Path, tmp_path: Path) -> None:
    """A list works while they are down."""
    status, rows = asked("list", *edited(built, tmp_path, "url: erp.sqlite", "url: nowhere.sqlite"))

    assert status == 0
    assert [(row["system"], row["profile"], row["writes"]["on"]) for row in rows] == [
        ("erp", "demo-erp", True),
        ("mes", "demo-mes", False),
    ]


@guarantees("cli.teaches")
def test_people_read_the_same(built: Path, tmp_path: Path) -> None:
    """Words for people, marks for what is right and what is not."""
    shown = CliRunner().invoke(main, ["systems", "probe", "erp", "--demo-dir", str(built)])
    listed = CliRunner().invoke(main, ["systems", "list", "--demo-dir", str(built)])
    down = edited(built, tmp_path, "url: erp.sqlite", "url: nowhere.sqlite")
    broken = CliRunner().invoke(main, ["systems", "probe", "erp", *down])

    assert (shown.exit_code, listed.exit_code, broken.exit_code) == (0, 0, 1)
    for text in (
        "reachable    yes",
        "server time  2026-03-16T05:00:00Z",
        "writes       on",
        UPDATE_DATE,
        "conditional",
    ):
        assert text in shown.output
    assert "demo-mes" in listed.output
    assert "✗ reading" in broken.output
