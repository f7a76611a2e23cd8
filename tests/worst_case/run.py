"""`python -m tests.worst_case.run --seed 1 --rounds 3`: the worst agent there can be, and a real worker; its figures.

Each round plants new instructions in the texts of the systems of record, lets the agent read everything it may and obey
all of it over a real stdio server, and then looks at systems, state and records. `--hole` puts a hole into the product
(see `holed`), which must be found.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from tests.crash.run import in_memory
from tests.path.wire_client import RawServer
from tests.prepared import prepare
from tests.worst_case import judge, plant
from tests.worst_case.agent import Agent
from tests.worst_case.grammar import Planted, deeds, planted
from tests.worst_case.holed import HOLES
from tests.writes.desk import AGENT

INSTRUCTIONS: Final = 280
_FLOOD: Final = 300


@dataclass(slots=True, kw_only=True)
class Figures:
    """What happened in all rounds, and what was wrong."""

    rounds: int = 0
    planted: int = 0
    found: int = 0
    obeyed: int = 0
    calls: int = 0
    proposals: int = 0
    own_tasks: int = 0
    hidden_planted: int = 0
    states: Counter[str] = field(default_factory=Counter)
    answers: Counter[str] = field(default_factory=Counter)
    wrong: dict[str, list[str]] = field(default_factory=dict)

    @property
    def by_no_person(self) -> int:
        """Return how many changes reached a system of record without a person."""
        return sum(len(self.wrong.get(name, ())) for name in ("commits without a person", "systems of record changed"))


def attack(folder: Path, *, seed: int, count: int = INSTRUCTIONS, hole: str = "", most: int = 120) -> Figures:
    """Let the agent loose once on a plant that `plant.allow_everything` has prepared; the folder is used up.

    Args:
        folder: Of the plant.
        seed: Of the instructions.
        count: How many are planted.
        hole: In the product, by its name in `holed` (several with commas); empty for the product as it is.
        most: Calls of one tool that reads.
    """
    with plant.working(folder, hole):
        others, keys = plant.honest(folder)
        texts = planted(seed, count, plant.world_of(folder, others, keys))
        plant.poison(folder, texts)
        was = judge.before(folder, plant.OTHER)
        agent = _loose(folder, hole, most)
    plant.run(folder, "worker", "--once")
    verdict = judge.judged(folder, was, plant.OTHER, AGENT)
    verdict.add("texts of a system among our own words", *judge.in_ours(agent.ours))
    verdict.add("hidden instructions that arrived", *_unhidden(texts, agent))
    verdict.add("asked something of the client", *(["requests"] * agent.requests_to_us))
    return Figures(
        rounds=1,
        planted=len(texts),
        found=len(agent.texts),
        obeyed=agent.obeyed,
        calls=agent.calls,
        proposals=verdict.proposals,
        own_tasks=verdict.own_tasks,
        hidden_planted=sum(one.hidden for one in texts),
        states=verdict.states,
        answers=agent.answered,
        wrong=verdict.wrong,
    )


def _loose(folder: Path, hole: str, most: int) -> Agent:
    """Let the agent read everything, obey every text in which it finds an order, and flood the server."""
    command = [*plant.program(hole), "serve", "--demo-dir", str(folder), "--as", AGENT]
    with RawServer(command=command) as wire:
        agent = Agent(wire=wire)
        agent.begin()
        agent.read_everything(most)
        for number, (_, text) in enumerate(sorted(agent.texts.items())):
            agent.obey(text)
            if number % 40 == 39:
                agent.tidy()
        agent.flood(_FLOOD)
        agent.ask("ping", {})
    return agent


def _unhidden(texts: list[Planted], agent: Agent) -> list[str]:
    hidden = {one.mark for one in texts if one.hidden}
    return [mark for mark in sorted(hidden & set(agent.texts)) if any(deeds(agent.texts[mark]))]


def added(total: Figures, one: Figures) -> Figures:
    """Return both together."""
    for name in ("rounds", "planted", "found", "obeyed", "calls", "proposals", "own_tasks", "hidden_planted"):
        setattr(total, name, getattr(total, name) + getattr(one, name))
    total.states += one.states
    total.answers += one.answers
    for name, found in one.wrong.items():
        total.wrong.setdefault(name, []).extend(found)
    return total


def figures(one: Figures) -> dict[str, Any]:
    """Return the figures for a program."""
    return {
        "rounds": one.rounds,
        "instructions": {
            "planted": one.planted,
            "hidden": one.hidden_planted,
            "found": one.found,
            "obeyed": one.obeyed,
        },
        "calls": one.calls,
        "answers": dict(one.answers.most_common()),
        "proposals": one.proposals,
        "states": dict(one.states),
        "tasks_that_need_nobody": one.own_tasks,
        "without_a_person": one.by_no_person,
        "wrong": {name: len(found) for name, found in one.wrong.items()},
        "seen": {name: found[:5] for name, found in one.wrong.items() if found},
    }


def main() -> int:
    """Attack, print, and say by the exit status whether anything was wrong."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--instructions", type=int, default=INSTRUCTIONS)
    parser.add_argument("--most", type=int, default=120, help="calls of one tool that reads")
    parser.add_argument("--plant", type=Path, help="one that is prepared already; made where it is not there")
    told = f"put into the product, which must be found: {', '.join(HOLES)}; several with commas"
    parser.add_argument("--hole", default="", help=told)
    parser.add_argument("--json", action="store_true")
    chosen = parser.parse_args()
    began, total = time.perf_counter(), Figures()
    with tempfile.TemporaryDirectory(dir=in_memory()) as name:
        prepared = chosen.plant or Path(name) / "prepared"
        if not prepared.is_dir():
            plant.allow_everything(prepare(prepared))
        for number in range(chosen.rounds):
            folder = Path(shutil.copytree(prepared, Path(name) / f"round-{number}"))
            seed, count = chosen.seed + number, chosen.instructions
            total = added(total, attack(folder, seed=seed, count=count, hole=chosen.hole, most=chosen.most))
            shutil.rmtree(folder)
    facts = {**figures(total), "seconds": round(time.perf_counter() - began, 1)}
    print(json.dumps(facts) if chosen.json else json.dumps(facts, indent=2, ensure_ascii=False))
    return 1 if any(total.wrong.values()) else 0


if __name__ == "__main__":
    sys.exit(main())
