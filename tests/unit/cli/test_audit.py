"""`erp-mcp audit`: people read what happened, programs get JSON, tampering is an exit status."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from erp_mcp.cli.app import main
from erp_mcp.domain.audit import AuditEntry
from erp_mcp.settings import load
from tests.guarantees import guarantees
from tests.unit.store.state.fakes import a_state

HOSTILE = "M-1\x1b[2J\u202e"


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """Return the configuration of a deployment with four records."""
    assert CliRunner().invoke(main, ["init", str(tmp_path / "d")]).exit_code == 0
    file = tmp_path / "d" / "erp-mcp.yaml"
    state = a_state(load(file).state_dir)
    for number in range(4):
        state.audit.append(
            AuditEntry(
                kind="call.refused" if number == 3 else "call.answered",
                correlation_id=f"work-{number}",
                causation_id="",
                trace="",
                actor="planner",
                facts={"tool": HOSTILE, "code": "policy.boundary" if number == 3 else "", "call_id": f"call-{number}"},
                fields={"arguments": {"material_id": HOSTILE}},
            )
        )
    state.close()
    return file


def run(config: Path, *words: str) -> Result:
    """Run an audit command."""
    return CliRunner().invoke(main, ["audit", *words, "--config", str(config)])


@guarantees("P5.every_decision", "cli.teaches")
def test_the_newest_records_are_shown_oldest_first(config: Path) -> None:
    """A person sees at a glance who did what and what was refused."""
    lines = run(config, "show", "--last", "2").stdout.splitlines()
    assert [line.split()[0] for line in lines] == ["3", "4"]
    assert "call.refused" in lines[1]
    assert "policy.boundary" in lines[1]


@guarantees("P5.every_decision", "P8.text_is_data")
def test_the_records_of_a_call_are_shown_in_full_and_can_not_steer_the_terminal(config: Path) -> None:
    """What an agent sent is shown to an operator: as data, escape sequences included."""
    result = run(config, "show", "--call", "call-2")
    assert "material_id" in result.stdout
    assert "\x1b[2J" not in result.stdout
    assert "\u202e" not in result.stdout
    assert run(config, "show", "--call", "call-9").stdout == "No record carries this id.\n"


@guarantees("cli.teaches")
def test_programs_get_leaf_values_and_hash_as_json(config: Path) -> None:
    """A program can do with the records what a person can, and recompute the hash."""
    (record,) = json.loads(run(config, "show", "--call", "work-1", "--json").stdout)
    assert record["leaf"]["seq"] == record["seq"] == 2
    assert record["values"] == {"arguments": {"material_id": HOSTILE}}
    assert len(record["leaf_hash"]) == 64


@guarantees("P5.tamper_evident", "cli.teaches")
def test_verification_says_intact_or_where_not_by_exit_status(config: Path) -> None:
    """A nightly job needs the status, a person the place."""
    intact = run(config, "verify", "--json")
    assert (intact.exit_code, json.loads(intact.stdout)["intact"]) == (0, True)
    with sqlite3.connect(load(config).state_dir / "state.sqlite") as connection:
        connection.execute("DROP TRIGGER audit_record_no_update")
        connection.execute(
            "UPDATE audit_record SET leaf = CAST(replace(leaf, 'planner', 'plotter') AS BLOB) WHERE seq = 2"
        )
    connection.close()
    broken = run(config, "verify", "--json")
    assert broken.exit_code == 1
    assert {(finding["seq"], finding["code"]) for finding in json.loads(broken.stdout)["findings"]} >= {(2, "edited")}
    assert "record 2" in run(config, "verify").stdout


@guarantees("P5.tamper_evident", "cli.teaches")
def test_a_saved_head_finds_a_log_that_was_cut_off(config: Path, tmp_path: Path) -> None:
    """The last records can vanish without a trace inside the log; a head kept elsewhere tells."""
    head = tmp_path / "elsewhere.head"
    assert run(config, "verify", "--save-head", str(head)).exit_code == 0
    known = json.loads(head.read_text(encoding="utf-8"))
    assert known["seq"] == 4
    assert run(config, "verify", "--head", str(head)).exit_code == 0
    assert run(config, "verify", "--expect-head", known["leaf_hash"]).exit_code == 0
    with sqlite3.connect(load(config).state_dir / "state.sqlite") as connection:
        for table in ("audit_detail", "audit_record"):
            connection.execute(f"DROP TRIGGER {table}_no_delete")
            connection.execute(f"DELETE FROM {table} WHERE seq = 4")
    connection.close()
    assert run(config, "verify").exit_code == 0
    cut = run(config, "verify", "--head", str(head), "--json")
    assert cut.exit_code == 1
    assert [finding["code"] for finding in json.loads(cut.stdout)["findings"]] == ["head_missing"]


@guarantees("input.clear_errors")
def test_a_file_that_is_no_head_is_refused(config: Path, tmp_path: Path) -> None:
    """A wrong file must not read as a head that is in the log."""
    head = tmp_path / "wrong.head"
    head.write_text("{}", encoding="utf-8")
    result = run(config, "verify", "--head", str(head), "--json")
    assert (result.exit_code, json.loads(result.stdout)["error"]["code"]) == (2, "settings.bad_configuration")
