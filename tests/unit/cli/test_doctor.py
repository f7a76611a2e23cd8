"""`erp-mcp doctor`: what is right, what is not, and what to do about it."""

from __future__ import annotations

import json
import os
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from click.testing import CliRunner

from erp_mcp.administration.clients import Machine
from erp_mcp.cli.app import main
from erp_mcp.settings import load
from tests.guarantees import guarantees
from tests.prepared import DemoPlant


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """Return the configuration of a new deployment."""
    assert CliRunner().invoke(main, ["init", str(tmp_path / "d")]).exit_code == 0
    return tmp_path / "d" / "erp-mcp.yaml"


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory, demo_plant: DemoPlant) -> Path:
    """Return a prepared demo plant."""
    return demo_plant(tmp_path_factory.mktemp("demo") / "plant")


def examined(*words: str) -> tuple[int, dict[str, str], dict[str, str]]:
    """Return exit status, status per check and advice per check."""
    nobody = Machine(platform="linux", home=Path("/nonexistent"), environ={})
    result = CliRunner().invoke(main, ["doctor", *words, "--json"], obj=nobody)
    checks = json.loads(result.stdout)["checks"]
    return (
        result.exit_code,
        {check["name"]: check["status"] for check in checks},
        {check["name"]: check["advice"] for check in checks},
    )


@guarantees("cli.teaches", "P7.freshness")
def test_a_prepared_demo_is_all_right_and_known_as_a_demo(demo: Path) -> None:
    """Everything is looked at, from rights to connections, and invented data is called so."""
    status, checks, _ = examined("--demo-dir", str(demo), "--connect")
    assert status == 0
    assert checks.pop("permissions") in {"ok", "note"}  # as the checkout was made
    assert checks.pop("disk") in {"ok", "note"}
    assert checks == {
        "configuration": "ok",
        "state directory": "ok",
        "audit": "ok",
        "tools": "ok",
        "policy": "ok",
        "writes": "ok",
        "approvers": "ok",
        "data of erp": "ok",
        "data of mes": "note",  # one feed of the plant is late on purpose
        "sites": "ok",
        "system erp": "ok",
        "system mes": "ok",
        "clock": "ok",
        "clients": "ok",
        "environment": "note",
    }


@guarantees("cli.teaches")
def test_data_of_a_demo_that_is_old_for_another_reason_than_planted_is_a_fault(demo: Path) -> None:
    """Only the one late feed of the plant is no news; whatever else is refused for its age is."""
    with closing(sqlite3.connect(demo / "read_model.sqlite")) as model, model:
        ((kept,),) = model.execute("SELECT as_of FROM sync_state WHERE entity = 'job'").fetchall()
        model.execute("UPDATE sync_state SET as_of = '2026-03-14T05:00:00Z' WHERE entity = 'job'")
    try:
        status, checks, _ = examined("--demo-dir", str(demo))
    finally:
        with closing(sqlite3.connect(demo / "read_model.sqlite")) as model, model:
            model.execute("UPDATE sync_state SET as_of = ? WHERE entity = 'job'", (kept,))
    assert (status, checks["data of mes"]) == (1, "bad")


@guarantees("cli.teaches")
def test_the_threat_line_is_always_said(demo: Path) -> None:
    """What the mode does not hold against is said where set-ups are checked."""
    shown = CliRunner().invoke(main, ["doctor", "--demo-dir", str(demo)]).stdout
    assert "not against code run by the same" in shown


@guarantees("cli.teaches", "policy.apply")
def test_a_new_deployment_is_told_each_next_step(config: Path) -> None:
    """From the first file to the first answer, doctor names the command that comes next."""
    status, checks, advice = examined("--config", str(config))
    assert status == 1
    assert (checks["policy"], checks["read model"], checks["systems"]) == ("bad", "bad", "note")
    assert "policy apply" in advice["policy"]
    assert "sync" in advice["read model"]
    assert CliRunner().invoke(main, ["policy", "apply", "--config", str(config)]).exit_code == 0
    assert examined("--config", str(config))[1]["policy"] == "ok"


@guarantees("cli.teaches")
def test_what_is_advised_finds_the_deployment_that_was_looked_at(config: Path) -> None:
    """A command to copy that then says "no such file" teaches nothing."""
    advice = examined("--config", str(config))[2]
    assert f"erp-mcp policy apply --config {config}" in advice["policy"]
    assert f"erp-mcp sync --config {config}" in advice["read model"]


@guarantees("cli.teaches", "policy.apply")
def test_sites_that_the_policy_does_not_name_are_noticed_with_the_fix(demo: Path, tmp_path: Path) -> None:
    """Otherwise an integrator gets empty answers and never learns why."""
    runner = CliRunner()
    assert runner.invoke(main, ["init", str(tmp_path / "p"), "--site", "1000", "--site", "3000"]).exit_code == 0
    config = tmp_path / "p" / "erp-mcp.yaml"
    text = config.read_text(encoding="utf-8")
    systems = f"systems:\n  erp: {{profile: demo-erp, url: {demo / 'erp.sqlite'}}}\n"
    config.write_text(text[: text.index("systems:")] + systems, encoding="utf-8")
    for words in (["sync"], ["policy", "apply"]):
        assert runner.invoke(main, [*words, "--config", str(config)]).exit_code == 0

    found = runner.invoke(main, ["doctor", "--config", str(config), "--json"])
    (sites,) = (check for check in json.loads(found.stdout)["checks"] if check["name"] == "sites")

    assert sites["status"] == "note"
    assert "2000" in sites["detail"]
    assert "3000" in sites["detail"]
    assert "1000" not in sites["detail"]
    assert "base.yaml" in sites["advice"]


@guarantees("policy.apply")
def test_policy_files_that_differ_from_what_is_applied_are_noticed(config: Path) -> None:
    """A saved file does nothing until it is applied, which is easily forgotten."""
    assert CliRunner().invoke(main, ["policy", "apply", "--config", str(config)]).exit_code == 0
    base = load(config).policies / "base.yaml"
    before = base.read_text(encoding="utf-8")
    base.write_text(before.replace("Plans orders", "Plans all orders"), encoding="utf-8")
    assert examined("--config", str(config))[1]["policy"] == "ok"  # words for people are no part of what is applied
    base.write_text(before.replace("role: planner, owner", "role: guest, owner"), encoding="utf-8")
    assert examined("--config", str(config))[1]["policy"] == "note"
    base.write_text(before + "\nno_such_key: 1\n", encoding="utf-8")
    assert examined("--config", str(config))[1]["policy"] == "bad"


@guarantees("P8.no_leaks")
@pytest.mark.parametrize("name", ["state.sqlite", "traffic.sqlite"])
def test_files_that_others_may_read_are_noticed(config: Path, name: str) -> None:
    """Audit values, keys and the claims of writes are the owner's alone, also after a careless copy."""
    examined("--config", str(config))
    file = load(config).state_dir / name
    file.touch()
    file.chmod(0o644)
    expected = "bad" if os.name == "posix" else "ok"
    assert examined("--config", str(config))[1]["state directory"] == expected


@guarantees("input.clear_errors")
def test_a_broken_configuration_is_a_finding_not_a_crash(config: Path) -> None:
    """Doctor is run when something is wrong; it must say what."""
    config.write_text("version: 1\nno_such_key: 2\n", encoding="utf-8")
    status, checks, advice = examined("--config", str(config))
    assert (status, checks) == (1, {"configuration": "bad"})
    assert advice["configuration"]
