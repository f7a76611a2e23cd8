"""Killed at any point and any two points, a worker leaves at most one effect, and a state that says which."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.crash.schedules import WAYS
from tests.crash.sigkill import run
from tests.guarantees import guarantees
from tests.prepared import DemoPlant
from tests.unit.committing.office import TOOLS

ROOT = Path(__file__).parents[2]


def played(*options: str) -> dict[str, Any]:
    """Play schedules in a fresh process, which forks one for each worker; return what it saw."""
    command = [sys.executable, "-m", "tests.crash.run", "--json", *options]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=600, check=False)
    assert done.stdout, done.stderr
    told: dict[str, Any] = json.loads(done.stdout)
    return told


@guarantees("P4.one_effect", "P4.table", "P10.survives")
@pytest.mark.parametrize("tool", TOOLS)
def test_a_worker_killed_at_any_point_and_at_two_writes_at_most_once(tool: str) -> None:
    """Every single death, in the ERP's own transaction too, and a seeded sample of pairs; the runner plays all."""
    told = played("--tools", tool, "--ways", "plain", "--pairs", "40")
    assert (told["duplicates"], told["lost"], told["illegal"]) == (0, 0, 0), told["rows"]
    (row,) = told["rows"]
    assert row["schedules"] > 50
    assert set(row["states"]) == {"COMMITTED", "NOT_APPLIED"}


@guarantees("P4.one_effect", "P4.unknown", "P10.survives")
def test_a_worker_killed_while_the_system_fails_leaves_a_state_that_is_true() -> None:
    """Every single death on each way in which a system can fail."""
    told = played("--ways", *[way for way in WAYS if way != "plain"], "--pairs", "0")
    assert (told["duplicates"], told["lost"], told["illegal"]) == (0, 0, 0), told["rows"]
    assert told["total"] > 150


@guarantees("P4.one_effect")
def test_the_harness_sees_a_worker_that_sends_again_what_it_does_not_know() -> None:
    """A proof that can't fail proves nothing: a worker that sends an unknown change again is caught."""
    told = played("--tools", TOOLS[1], "--ways", "plain", "--pairs", "0", "--planted", "send_again")
    assert told["duplicates"] > 0
    told = played("--tools", TOOLS[1], "--ways", "plain", "--pairs", "0", "--planted", "believe_it_done")
    assert told["lost"] > 0


@guarantees("P4.one_effect", "P10.survives")
def test_workers_killed_from_outside_at_any_moment_write_each_change_at_most_once() -> None:
    """The system kills without asking where we are; each proposal still ends, with the effect that its state says."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.crash.forked", "30"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "0 duplicates, 0 lost" in done.stdout


@guarantees("P4.one_effect", "P4.idempotent", "P4.table", "P10.survives", "P5.moves_proved")
def test_servers_and_workers_killed_under_load_leave_each_change_once_or_not_at_all(
    demo_plant: DemoPlant, tmp_path: Path
) -> None:
    """Real processes, a real client, seven tools; what is in the ERP's tables is counted against the journal."""
    seen = run(kills=6, hurried="none", plant=demo_plant(tmp_path / "plant"), within_s=120)
    assert (seen.wrong, seen.duplicates, seen.lost, seen.illegal) == ([], 0, 0, 0)
    assert sum(seen.kills.values()) >= 2
    assert seen.states["COMMITTED"] > 5


@guarantees("P4.one_effect")
def test_what_counts_under_load_sees_a_worker_that_believes_or_sends_again(
    demo_plant: DemoPlant, tmp_path: Path
) -> None:
    """A worker that sends an unknown change again, or calls it done without looking, is found in the ERP's tables."""
    wrong = run(kills=8, hurried="send_again", plant=demo_plant(tmp_path / "plant"), within_s=120)
    assert wrong.duplicates or wrong.lost
    assert wrong.wrong
