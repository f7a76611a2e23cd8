"""A worker that stood still while another took its work over changes nothing when it goes on."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.guarantees import guarantees

ROOT = Path(__file__).parents[2]


def played(*options: str) -> dict[str, Any]:
    """Stop workers in a fresh process, which forks them; return what it saw."""
    command = [sys.executable, "-m", "tests.crash.paused", "--json", *options]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=600, check=False)
    assert done.stdout, done.stderr
    told: dict[str, Any] = json.loads(done.stdout)
    return told


@guarantees("P4.one_effect", "P4.table", "P4.unknown", "P10.survives")
def test_a_worker_stopped_past_its_lease_at_any_point_makes_no_move_when_it_goes_on() -> None:
    """Real SIGSTOP and SIGCONT; only what was inside the ERP itself arrives late, and is not written a second time."""
    told = played()
    assert told["wrong"] == []
    assert (told["zombies"], told["duplicates"], told["lost"], told["again"]) == (0, 0, 0, 0)
    assert told["pauses"] > 50
    assert told["late"] == 2  # of each tool, inside the transaction of the ERP
    assert set(told["states"]) == {"COMMITTED", "NOT_APPLIED"}


@guarantees("P4.table")
def test_without_fences_moves_of_such_workers_are_seen() -> None:
    """A proof that can't fail proves nothing."""
    assert played("--planted", "no_fence")["zombies"] > 0
