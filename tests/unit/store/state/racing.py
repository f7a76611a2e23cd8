"""Races between processes at one state, and the figures of them: `python -m tests.unit.store.state.racing STORE`.

STORE is `sqlite` or `postgresql`. It prints how many were admitted in any window against a limit of 3, in proposing and
in sending, and what a storm of all moves left.
"""

from __future__ import annotations

import fcntl
import json
import subprocess
import sys
import tempfile
from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from erp_mcp.domain.instants import exact_instant, parse_instant
from erp_mcp.domain.lifecycle import State
from erp_mcp.domain.proposal import LimitUse
from erp_mcp.store.state.deployment_state import DeploymentState
from erp_mcp.store.state.rows import COUNTING, SENT
from tests.systems.postgresql.server import running
from tests.unit.store.state.fakes import FakeClock, a_content, a_decision
from tests.unit.store.state.stores import Behind, opened, schema_on

ROOT: Final = Path(__file__).parents[4]
PROCESSES: Final = 4
RACERS: Final = 24
_TICK_S: Final = 0.5
SHORT: Final = LimitUse(limit="short", key="all", amount=1, maximum=3, window_s=60)  # several such pass in a race
_BEGIN: Final = exact_instant(FakeClock().now)  # of the ticking
_SWITCH: Final = {"writes.stopped": True, "writes.resumed": False}
_NEVER_STOPPED: Final = {"proposal.proposed", "proposal.claimed", "proposal.sending"}


class Ticking(FakeClock):
    """A clock that all racers share, and that goes on by a tick whenever one of them looks at it."""

    def __init__(self, directory: Path) -> None:
        """Share the ticks that are counted beside a state."""
        super().__init__()
        self._ticks = directory.with_name("ticks")

    def wall(self) -> datetime:
        """Return the next moment."""
        with self._ticks.open("a+", encoding="ascii") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            file.seek(0)
            number = int(file.read() or 0) + 1
            file.truncate(0)
            file.write(str(number))
        return self.now + timedelta(seconds=number * _TICK_S)


def race(directory: Path, role: str, ids: list[str]) -> list[dict[str, str]]:
    """Let racers race, as many in each of some processes; return what each of them got."""
    command = [sys.executable, "-m", "tests.unit.store.state.racer", str(directory), role]
    each = str(RACERS // PROCESSES)
    processes = [
        subprocess.Popen(
            [*command, f"racer-{n}", each, *ids], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        for n in range(PROCESSES)
    ]
    for process in processes:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("\n")
        process.stdin.flush()
    told = [process.communicate(timeout=300)[0] for process in processes]
    assert [process.returncode for process in processes] == [0] * PROCESSES
    return [one for line in told for one in json.loads(line)]


# --- How many were admitted -------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Admitted:
    """How many were admitted, how many refused for the limit, and how many at the most in any window."""

    admitted: int
    refused: int
    most: int


def most_in_any_window(moments: list[datetime], window_s: int) -> int:
    """Return how many moments lie at the most within a window that ends at one of them, its beginning left out."""
    moments = sorted(moments)
    begins = [bisect_right(moments, one - timedelta(seconds=window_s)) for one in moments]
    return max((number + 1 - begin for number, begin in enumerate(begins)), default=0)


def proposed_in_windows(directory: Path) -> Admitted:
    """Let all propose over several windows against a limit of 3."""
    return _admitted(directory, race(directory, "propose_on", []))


def sent_in_windows(state: DeploymentState, clock: FakeClock, directory: Path) -> Admitted:
    """Let all send, over several windows against a limit of 3, what was proposed in time and approved since."""
    for number in range(40):
        clock.now = FakeClock().now - timedelta(hours=40 - number)
        content = a_content(f"key-{number:08d}", limits=(SHORT,), created=clock.now, valid_s=90 * 3600)
        state.proposals.decide(a_decision(state.proposals.create(content)[0].content.proposal_id))
    return _admitted(directory, race(directory, "send_on", []))


def _admitted(directory: Path, told: list[dict[str, str]]) -> Admitted:
    answers = Counter(answer for one in told for answer in one.values())
    assert set(answers) <= {"done", "limit.exceeded"}, answers
    behind = Behind(directory)
    rows = behind.rows(f"SELECT at FROM limit_use JOIN proposal USING (proposal_id) WHERE at > '{_BEGIN}'")
    behind.close()
    moments = [parse_instant(str(at)) for (at,) in rows]
    assert len(moments) == answers["done"]
    return Admitted(
        admitted=len(moments), refused=answers["limit.exceeded"], most=most_in_any_window(moments, SHORT.window_s)
    )


# --- The storm --------------------------------------------------------------------------------------------------------


@dataclass(slots=True, kw_only=True)
class Stormed:
    """What a storm left, by the order of its records.

    `counting` and `sent` are the most that took a share of the limit at any moment, before and after sending; `yes` is
    how often one person said yes in the hour at the most; `behind` are moves that were made while writes were stopped.
    """

    answers: Counter[str]
    moves: Counter[str] = field(default_factory=Counter)
    counting: int = 0
    sent: int = 0
    yes: int = 0
    behind: list[str] = field(default_factory=list)


def stormed(state: DeploymentState, directory: Path) -> Stormed:
    """Let all do everything, and go through the records of it."""
    told = race(directory, "storm", [])
    counted = {
        one.content.proposal_id for one in state.proposals.in_states(tuple(State), limit=2000) if one.content.limits
    }
    seen = Stormed(answers=Counter(answer for one in told for answer in one.values()))
    stands: dict[str, str] = {}
    said: Counter[str] = Counter()
    stopped = False
    for record in state.audit.read_all():
        leaf = json.loads(record.leaf)
        kind, facts = leaf["kind"], leaf["facts"]
        stopped = _SWITCH.get(kind, stopped)
        if not kind.startswith("proposal."):
            continue
        if stopped and kind in _NEVER_STOPPED:
            seen.behind.append(f"{record.seq} {kind}")
        said[facts.get("approver", "")] += facts["move"] == "approve"
        if facts["proposal_id"] in counted:
            stands[facts["proposal_id"]] = facts["to"]
        seen.moves["narrow" if facts["reason"] == "narrowed" else facts["move"]] += 1
        seen.counting = max(seen.counting, _in(stands, COUNTING))
        seen.sent = max(seen.sent, _in(stands, SENT))
    seen.yes = max(said.values())
    return seen


def _in(stands: dict[str, str], states: str) -> int:
    """Return how many stand in one of those states, which are given as SQL has them."""
    return sum(f"'{one}'" in states for one in stands.values())


# --- As a command -----------------------------------------------------------------------------------------------------


@contextmanager
def _home(store: str, folder: Path) -> Iterator[Path]:
    """Give the folder of a new state on a store."""
    if store == "sqlite":
        yield folder / "state"
        return
    with running(folder / "postgresql") as rig:
        schema = schema_on(rig, "racing")
        schema.describe(folder / "state")
        yield folder / "state"


def _run(store: str, play: Callable[[DeploymentState, FakeClock, Path], object]) -> None:
    with tempfile.TemporaryDirectory() as name, _home(store, Path(name)) as home:
        clock = FakeClock()
        state = opened(home, clock)
        print(f"{store}: {play(state, clock, home)}", flush=True)
        state.close()


def main() -> None:
    """Race and print."""
    (store,) = sys.argv[1:]
    _run(store, lambda _, __, home: ("proposed", proposed_in_windows(home)))
    _run(store, lambda state, clock, home: ("sent", sent_in_windows(state, clock, home)))
    _run(store, lambda state, _, home: ("storm", stormed(state, home)))


if __name__ == "__main__":
    main()
