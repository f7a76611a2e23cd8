"""The shipped examples, run as a newcomer runs them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.guarantees import guarantees
from tests.path.wire_client import ROOT, environment


def run(name: str, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """Run one example."""
    command = [sys.executable, str(ROOT / "examples" / name), *map(str, arguments)]
    return subprocess.run(command, env=environment(), capture_output=True, text=True, timeout=60, check=False)


@guarantees("docs.agree", "mcp.both_eras")
def test_headless_pipeline_reports_why_orders_are_late(plant: Path) -> None:
    """48 late order lines are planted; the report names a cause, its chain and the age of the data for each shown."""
    done = run("headless_pipeline.py", plant, "--lines", "3")

    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("48 order lines are late; the 3 latest:")
    assert done.stdout.count(" days late: ") == 3
    assert done.stdout.count("data: erp ") == 3


@guarantees("docs.agree", "mcp.both_eras")
def test_question_without_any_sdk_is_answered(plant: Path) -> None:
    """One line in, one line out, nothing else on the wire."""
    done = run("raw_stdio.py", plant, "find_order", '{"reference": "0010000250"}')

    assert (done.returncode, done.stderr) == (0, "")
    assert "0010000250|order|" in done.stdout


@guarantees("docs.agree", "input.clear_errors")
@pytest.mark.parametrize(
    ("tool", "said"), [("find_order", "call.invalid_argument"), ("no_such_tool", "Unknown tool: no_such_tool")]
)
def test_refused_question_ends_with_a_status_and_the_reason(plant: Path, tool: str, said: str) -> None:
    """A pipeline that fails must not look like one that had nothing to say."""
    done = run("raw_stdio.py", plant, tool, "{}")

    assert done.returncode == 1
    assert said in done.stdout + done.stderr


@guarantees("docs.agree", "P4.idempotent")
def test_headless_buyer_proposes_waits_and_finds_its_proposal_again(plant: Path) -> None:
    """Undecided it ends with a status of its own; decided, the same key gives the receipt of the same proposal."""
    change = (plant, "4500000637", "00020", "2026-03-27", "--key", "example-4500000637-20")
    undecided = run("propose_and_wait.py", *change, "--wait", "0")
    assert (undecided.returncode, undecided.stderr) == (4, "")
    handle = undecided.stdout.partition(":")[0]
    approve = ["approvals", "approve", handle, "--as", "demo-approver", "--yes", "--demo-dir", str(plant)]
    done = subprocess.run(
        [sys.executable, "-m", "erp_mcp", *approve], env=environment(), capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    written = run("propose_and_wait.py", *change)

    assert (written.returncode, written.stderr) == (0, "")
    assert written.stdout.startswith(f"{handle}: ")
    assert "document 4500000637" in written.stdout


@guarantees("docs.agree", "input.clear_errors")
def test_pipeline_without_a_plant_ends_with_a_status_and_the_reason(tmp_path: Path) -> None:
    """The server says on standard error what is missing, and the pipeline gives up."""
    done = run("headless_pipeline.py", tmp_path)

    assert done.returncode == 1
    assert "settings.bad_configuration" in done.stderr
