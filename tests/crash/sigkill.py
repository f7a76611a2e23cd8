"""`python -m tests.crash.sigkill --kills 200 --store sqlite`: servers and workers killed by SIGKILL under load.

Several `erp-mcp serve` with a real MCP client each and several `erp-mcp worker` work on the demo plant, people sign in
a process of their own, and servers and workers are killed at moments that a seed chooses and started again. When all
has come to an end, what is in the ERP's own tables is counted against the journal.

Where `schedules` chooses the points, this does not: the kill comes from outside, in the middle of whatever is going on.

`--store postgresql --kills 0 --stops 200 --changes 5000` asks for so many changes at once and stops PostgreSQL itself
every 2 to 10 s until none of them waits any more, or so often at most. How long it took until work went on is
told of each stop and each kill (`recovering`).
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import shutil
import sqlite3
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Final, Literal
from unittest.mock import patch

from erp_mcp.bootstrap import Deployment, open_deployment
from erp_mcp.cli.audit import verify_deployment
from erp_mcp.domain.lifecycle import ENDS, ESCALATED, MOVES, State
from erp_mcp.domain.proposal import Event, Proposal
from erp_mcp.store.state.proposals import StoredProposals
from tests.crash.asked import Asked, asked, effects
from tests.crash.crew import AHEAD, EACH, WORKERS, Crew, Fired, Sign, Victim
from tests.crash.furnishing import AGENTS, CONFIGURATION, furnished
from tests.crash.hurried import FAULTS
from tests.crash.recovering import ended_after, first_after, spread
from tests.crash.run import facts_of
from tests.crash.stopping import EACH_STOP, Stopping, is_any
from tests.prepared import prepare
from tests.systems.postgresql.server import VARIABLE, Rig, running

Store = Literal["sqlite", "postgresql"]
STORES: Final[tuple[Store, ...]] = ("sqlite", "postgresql")
_DRAIN_S: Final = 900  # of a lease as shipped, several run out one after the other
_LEGAL: Final = {(move.name, move.source.value, move.target.value) for move in MOVES}
_NO_MOVE: Final = {"proposal.proposed", "proposal.approved_in_part", ESCALATED}
_OPEN: Final = tuple(one for one in State if one not in ENDS)
_BY: Final[Mapping[Sign, Callable[[str, str], bool]]] = {
    "worker": lambda actor, _: actor.startswith("worker:"),
    "server": lambda _, kind: kind == "proposal.proposed",
    "sending": lambda _, kind: kind == "proposal.sending",
}
_IN_HAND: Final = (("claim", "CLAIMED"), ("find_lost", "SENDING"), ("reconcile", "RECONCILING"))


@dataclass(slots=True, kw_only=True)
class Seen:
    """What was done and what was left."""

    store: Store
    seed: int
    kills: Mapping[Victim, int] = field(default_factory=dict)
    stops: int = 0
    cut: int = 0
    asked: int = 0
    refused: Counter[str] = field(default_factory=Counter)
    proposals: int = 0
    in_hand: int = 0  # pieces of work that were found half done by another worker
    duplicates: int = 0
    lost: int = 0
    illegal: int = 0
    states: Counter[str] = field(default_factory=Counter)
    tools: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)
    took: dict[str, list[float]] = field(default_factory=dict)  # seconds until work went on, by what it is counted from
    seconds: float = 0.0

    def told(self) -> str:
        """Return the figures in lines."""
        kills = ", ".join(f"{count} of a {kind}" for kind, count in sorted(self.kills.items()))
        head = f"{self.store}, seed {self.seed}: {sum(self.kills.values())} kills ({kills}) in {self.seconds:.0f} s"
        head += f", {self.stops} times the server itself" if self.stops else ""
        return "\n".join(
            [
                f"{head}; {self.cut} connections cut, {self.in_hand} pieces of work found half done",
                f"{self.asked} changes asked for, {self.proposals} proposals: {_counted(self.states)}",
                f"  by tool: {_counted(self.tools)}",
                f"  refused by the rules: {_counted(self.refused)}",
                f"{self.duplicates} duplicates, {self.lost} lost, {self.illegal} illegal",
                *(f"  {name}: {spread(seconds)}" for name, seconds in self.took.items()),
                *(f"  {one}" for one in self.wrong[:30]),
            ]
        )


def _counted(them: Counter[str]) -> str:
    return ", ".join(f"{name} {count}" for name, count in sorted(them.items())) or "none"


def run(
    *,
    kills: int = 200,
    store: Store = "sqlite",
    seed: int = 1,
    hurried: str | None = None,
    plant: Path | None = None,
    within_s: float = 3600,
    stops: int = 0,
    wanted: int = 0,
) -> Seen:
    """Kill so many processes, and return what was seen once everything has come to an end.

    Args:
        kills: How many processes are killed.
        store: What keeps the state.
        seed: Of what is asked for and of the moments.
        hurried: `none` for workers whose lease is of seconds, or the fault planted in them; as shipped without it.
        plant: A prepared demo plant, which is copied; without it one is built.
        within_s: Nobody is killed or stopped any more after so many seconds; what is under way then still comes to its
            end.
        stops: How often PostgreSQL itself is stopped at once and started again, before anybody is killed.
        wanted: How many changes are asked for during the stops, all from the beginning; they end when none of these
            waits any more to be decided or sent. Without it, some at each stop.
    """
    began, chance = time.monotonic(), random.Random(seed)
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        directory = folder / "demo"
        _ = prepare(directory) if plant is None else shutil.copytree(plant, directory)
        rig = stack.enter_context(_served(folder / "postgresql", own=stops > 0)) if store == "postgresql" else None
        assert rig is not None or not stops, "only PostgreSQL is stopped"
        furnished(directory, rig)
        during = wanted or EACH_STOP * stops
        changes = asked(directory / "erp.sqlite", AHEAD + EACH * kills + during, chance)
        deployment = open_deployment(directory / CONFIGURATION)
        stack.callback(deployment.close)
        stopping = None
        if rig is not None:
            stopping = Stopping(
                rig=rig, stops=stops, wanted=wanted, within_s=within_s, proposals=deployment.state.proposals
            )
        fired = asyncio.run(_fired_at(directory, deployment, changes, kills, chance, hurried, within_s, stopping))
        seen = Seen(store=store, seed=seed, kills=fired.kills, stops=len(fired.stops), cut=fired.cut, asked=0)
        _count(deployment, directory / "erp.sqlite", changes, fired, seen)
        if seen.wrong:
            shutil.copytree(directory, Path(tempfile.mkdtemp(prefix="sigkill-")) / "demo")
    seen.seconds = time.monotonic() - began
    return seen


@contextmanager
def _served(state: Path, *, own: bool) -> Iterator[Rig]:
    """Give the rig of the environment, or one of our own, which alone may be stopped."""
    with patch.dict(os.environ):
        if own:
            os.environ.pop(VARIABLE, None)
        with running(state) as rig:
            yield rig


def _is_of(sign: Sign, event: Event) -> bool:
    return _BY[sign](str(event.payload["actor"]), event.type)


class Journal:
    """What the one who kills sees of it."""

    def __init__(self, proposals: StoredProposals) -> None:
        """Look at these."""
        self._proposals = proposals

    def last_of(self, sign: Sign) -> int:
        """Return the number of the newest event that is such a sign, 0 where there is none lately."""
        return max((one.audit_seq for one in self._proposals.last_events(50) if _is_of(sign, one)), default=0)


async def _fired_at(
    directory: Path,
    deployment: Deployment,
    changes: list[Asked],
    kills: int,
    chance: random.Random,
    hurried: str | None,
    within_s: float,
    stopping: Stopping | None = None,
) -> Fired:
    """Let everything run until so many processes were killed and nothing is under way."""
    proposals = deployment.state.proposals
    crew = Crew(directory, Journal(proposals), hurried=hurried)
    async with asyncio.TaskGroup() as tasks:
        for number in range(WORKERS):
            tasks.create_task(crew.keep_working(f"worker-{number}"))
        tasks.create_task(crew.keep_deciding())
        agents = [tasks.create_task(crew.ask_for_all(agent)) for agent in AGENTS]
        left = iter(changes)
        if stopping is not None:
            await stopping.stop(crew, left, chance)
        await crew.kill(kills, chance, left, within_s)
        crew.release([None] * len(agents))
        await asyncio.wait(agents)
        for _ in range(_DRAIN_S):
            if not is_any(proposals, _OPEN):
                break
            await asyncio.sleep(1)
        crew.over.set()
    return crew.fired


# --- Counting ---------------------------------------------------------------------------------------------------------


def _count(deployment: Deployment, erp: Path, changes: list[Asked], fired: Fired, seen: Seen) -> None:
    """Hold the ERP's tables against the journal, and the journal against the table of moves."""
    kept: dict[str, list[Proposal]] = {}
    for proposal in deployment.state.proposals.in_states(tuple(State), limit=len(changes) * 2):
        kept.setdefault(proposal.content.idempotency_key, []).append(proposal)
    tasks = Counter(task.title for task in deployment.state.tasks.listed(limit=len(changes) * 2))
    with closing(sqlite3.connect(f"file:{erp}?mode=ro", uri=True)) as database:
        for one in changes:
            _count_one(one, kept.pop(one.key, []), effects(database, one, tasks), fired, seen)
    seen.wrong += [f"{key}: nobody asked for it" for key in kept]
    seen.wrong += [f"{key}: its agent was told of two proposals" for key in fired.twice]
    seen.asked = len(fired.given.keys() | fired.refused.keys())
    paths = _paths(deployment)
    seen.took = _took(fired, paths)
    for proposal_id, path in paths.items():
        strange = _illegal(path)
        seen.illegal += bool(strange)
        seen.wrong += [f"{proposal_id}: {one}" for one in strange]
        seen.in_hand += sum((event.payload["move"], event.payload["from"]) in _IN_HAND for event in path)
    flaws = [one for one in verify_deployment(deployment).findings if not one.is_notice]
    seen.wrong += [f"audit record {one.seq}: {one.code} {one.detail}" for one in flaws]


def _count_one(one: Asked, proposals: list[Proposal], found: int, fired: Fired, seen: Seen) -> None:
    told = fired.given.get(one.key)
    if told is None and one.key in fired.refused:
        seen.refused[fired.refused[one.key]] += 1
    seen.proposals += len(proposals)
    seen.tools[one.tool] += len(proposals)
    ends = [proposal.state for proposal in proposals]
    seen.states += Counter(state.value for state in ends)
    committed = ends.count(State.COMMITTED)
    duplicate = found > 1 or len(proposals) > 1
    lost = (
        found < committed  # it says that it was written, and it was not
        or found > committed  # it was written, and nothing says so
        or any(state not in ENDS for state in ends)
        or (told is not None and told not in {proposal.content.proposal_id for proposal in proposals})
    )
    seen.duplicates += duplicate
    seen.lost += lost
    if duplicate or lost:
        seen.wrong.append(f"{one.key}: told of {told}, {[state.value for state in ends]}, {found} times in the ERP")


def _took(fired: Fired, paths: Mapping[str, list[Event]]) -> dict[str, list[float]]:
    """Return the seconds until work went on, after stops and after kills."""
    took: dict[str, list[float]] = {}
    if fired.stops:
        events, stops = [event for path in paths.values() for event in path], [one.at for one in fired.stops]
        took["up again to first proposal"] = first_after(fired.stops, events, partial(_is_of, "server"))
        took["up again to first move of a worker"] = first_after(fired.stops, events, partial(_is_of, "worker"))
        took["stop to end of work in hand"] = ended_after(stops, paths, by_another=False)
    if fired.killed:
        took["worker killed to end of its work in hand"] = ended_after(fired.killed_at, paths, by_another=True)
        took["server killed to answer of the next"] = fired.answered_after
    return took


def _paths(deployment: Deployment) -> dict[str, list[Event]]:
    """Return the events of each proposal, oldest first, from the outbox."""
    paths: dict[str, list[Event]] = {}
    after, proposals = 0, deployment.state.proposals
    while events := proposals.events(after=after, limit=1000):
        for event in events:
            paths.setdefault(event.proposal_id, []).append(event)
        after = events[-1].audit_seq
    return paths


def _illegal(path: list[Event]) -> list[str]:
    """Return moves that the table does not have, and events that do not follow on each other."""
    strange, stands = [], ""
    for event in path:
        move, source, target = (str(event.payload[name]) for name in ("move", "from", "state"))
        if source != stands:
            strange.append(f"{move} from {source}, but it stood in {stands or 'nothing'}")
        if event.type not in _NO_MOVE and (move, source, target) not in _LEGAL:
            strange.append(f"{move}: {source} → {target}")
        stands = target
    return strange


def main() -> int:
    """Play, print, and say by the exit status whether anything was wrong."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--store", default="sqlite", choices=STORES)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--hurried", choices=FAULTS, help="workers with a lease of seconds, with this fault")
    parser.add_argument("--plant", type=Path, help="a prepared demo plant, which is copied")
    parser.add_argument("--within-s", type=float, default=3600, help="no kill or stop after so many seconds")
    parser.add_argument("--stops", type=int, default=0, help="of PostgreSQL itself, before anybody is killed")
    parser.add_argument("--changes", type=int, default=0, help="all at once, during the stops, which end with them")
    parser.add_argument("--json", action="store_true")
    chosen = parser.parse_args()
    seen = run(
        kills=chosen.kills, store=chosen.store, seed=chosen.seed, hurried=chosen.hurried, plant=chosen.plant,
        within_s=chosen.within_s, stops=chosen.stops, wanted=chosen.changes,
    )  # fmt: skip
    print(json.dumps(facts_of(seen)) if chosen.json else seen.told())
    return 1 if seen.wrong else 0


if __name__ == "__main__":
    sys.exit(main())
