"""What the worker did is said in words for people and as JSON for programs."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner

from erp_mcp import worker
from erp_mcp.cli.app import main
from erp_mcp.domain.command import Written
from erp_mcp.domain.lifecycle import State
from erp_mcp.domain.proposal import Receipt
from tests.guarantees import guarantees
from tests.unit.approval.people import content, proposal
from tests.unit.worker.shop import CONFIGURATION

RECEIPT = Receipt(
    written=Written(document="4500000123", key="4500000123/00010", version_token="v2"),
    committed_at="2026-03-16T08:00:01.000000Z",
    found="read_back",
)


@guarantees("cli.teaches")
def test_a_commit_names_system_document_and_how_it_is_known() -> None:
    """A person wants the number that they can look up."""
    done = replace(proposal(), state=State.COMMITTED, receipt=RECEIPT)
    assert worker.in_words(done).endswith("committed to erp: document 4500000123, read back")
    assert worker.as_json(done) == {
        "proposal_id": content().proposal_id,
        "tool": "propose_update_delivery_date",
        "system": "erp",
        "state": "COMMITTED",
        "reason": "",
        "not_before": "",
        "document": "4500000123",
        "version": "v2",
        "committed_at": "2026-03-16T08:00:01.000000Z",
        "found": "read_back",
        "taken_over": False,
    }


@guarantees("cli.teaches")
@pytest.mark.parametrize(
    "state", ["APPROVED", "DENIED", "EXPIRED", "STALE", "REFUSED_BY_SYSTEM", "NOT_APPLIED", "UNKNOWN", "NEEDS_HUMAN"]
)
def test_every_other_end_says_whether_something_was_written_and_why(state: str) -> None:
    """The first question after a failure is whether it happened all the same."""
    line = worker.in_words(replace(proposal(), state=State(state), reason="some_reason", not_before="2026-03-16"))
    assert "[some_reason], again after 2026-03-16" in line
    assert any(word in line for word in ("written", "applied", "a person has to look"))
    assert worker.in_words(proposal(), True).endswith("another worker has taken it over")


@guarantees("cli.teaches")
def test_once_says_that_nothing_is_due(tmp_path: Path) -> None:
    """Silence would leave a person wondering whether it ran."""
    file = tmp_path / "erp-mcp.yaml"
    file.write_text(CONFIGURATION, encoding="utf-8")
    spoken = CliRunner().invoke(main, ["worker", "--once", "--config", str(file)])
    told = CliRunner().invoke(main, ["worker", "--once", "--json", "--config", str(file)])
    assert (spoken.exit_code, spoken.stderr.strip(), spoken.stdout) == (0, "Nothing is due.", "")
    assert (told.exit_code, json.loads(told.stdout)) == (0, {"done": []})


@guarantees("cli.teaches", "P4.kill_switch")
def test_once_says_that_writes_are_stopped(tmp_path: Path) -> None:
    """Nothing is due then, and whoever has just approved something would wonder why."""
    file = tmp_path / "erp-mcp.yaml"
    file.write_text(CONFIGURATION, encoding="utf-8")
    CliRunner().invoke(main, ["writes", "stop", "all", "--reason", "inventory", "--config", str(file)])
    spoken = CliRunner().invoke(main, ["worker", "--once", "--config", str(file)])
    assert "Writes of all are stopped: erp-mcp writes status" in spoken.stderr


@guarantees("cli.teaches", "input.clear_errors")
def test_without_a_configuration_it_says_what_is_missing(tmp_path: Path) -> None:
    """The worker is often started by a service, far from whoever wrote its arguments."""
    result = CliRunner().invoke(main, ["worker", "--once", "--config", str(tmp_path / "none.yaml")])
    assert result.exit_code == 2
    assert "settings.bad_configuration" in result.stderr
