"""Where there is no room any more, or nothing may be written, each step says so, and goes on once it can."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.crash.full_disk import may_mount
from tests.guarantees import guarantees
from tests.needs import missing

ROOT = Path(__file__).parents[2]


def played(kind: str, rooms: int) -> dict[str, Any]:
    """Play in a fresh process, which forks; return what it saw of this kind."""
    command = [sys.executable, "-m", "tests.crash.full_disk", "--json", "--kinds", kind, "--rooms", str(rooms)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=600, check=False)
    assert done.stdout, done.stderr
    told: dict[str, Any] = json.loads(done.stdout)[kind]
    return told


@guarantees("P10.survives", "P5.audit_or_nothing", "P4.one_effect", "input.clear_errors")
def test_files_that_can_not_grow_any_more_lose_nothing_and_double_nothing() -> None:
    """At each amount of room a step is refused cleanly; with room again all of it comes to its end once."""
    told = played("bounded", 20)
    assert (told["wrong"], told["corrupt"]) == ([], 0)
    assert told["states"] == {"COMMITTED": told["starts"]}
    assert {"propose: state.unavailable", "approve: state.unavailable", "work: state.unavailable"} <= set(
        told["refused"]
    )
    assert told["untouched"] > 0  # so that every amount in between was tried


@guarantees("P10.survives", "P5.audit_or_nothing", "P4.one_effect", "input.clear_errors")
def test_a_full_and_a_read_only_file_system_lose_nothing_and_double_nothing() -> None:
    """A real one, in memory: it is full after some more bytes, or read-only from some step on."""
    if not may_mount():
        missing("this account may not mount a file system; files that can't grow stand for a full one")
    for kind in ("full", "read_only"):
        told = played(kind, 10)
        assert (told["wrong"], told["corrupt"]) == ([], 0)
        assert told["states"] == {"COMMITTED": told["starts"]}
        assert any(step.startswith("work") for step in told["refused"])
