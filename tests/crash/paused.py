"""`python -m tests.crash.paused`: workers that are stopped at any point, and go on when another has taken over.

A worker is stopped by SIGSTOP at the point, as a machine that swaps or a paused container stops it. Its lease runs out,
another process takes the proposal to its end, and then the first one goes on: whatever it had in mind, it makes no move
in our records any more, and the ERP is changed at most once. Only what was inside the ERP's own transaction when it
stopped may still arrive, as late as that; then the next proposal of the same meaning finds it and writes nothing.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import logging
import os
import shutil
import signal
import sys
import tempfile
import traceback
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import timedelta
from itertools import product
from pathlib import Path
from typing import Final, Literal, get_args

from erp_mcp.domain.lifecycle import Move, State, moves
from erp_mcp.store.state import moving
from tests.crash.run import facts_of, in_memory
from tests.crash.schedules import LEASE_OVER_S
from tests.unit.approval.people import NOW
from tests.unit.committing.erp import effects, shipped_profile
from tests.unit.committing.office import TOOLS, Office, is_under_way

PLANTED: Final = ("", "no_fence")  # a store that lets a worker move what another has taken over, which must be found
Meanwhile = Literal["taken", "ended"]  # what another worker has done when the stopped one goes on
_MEANWHILE: Final[tuple[Meanwhile, ...]] = get_args(Meanwhile)
_ROUNDS: Final = 60
_LATER_S: Final = 3 * LEASE_OVER_S  # every lease is over
_FIRST, _SECOND = 1, 2


@dataclass(slots=True)
class Seen:
    """What was left of all the pauses.

    `zombies` are moves that a worker made although another had taken over, `late` changes that were inside the ERP when
    their worker stopped and arrived after they had been called not applied, `again` what was written once more then.
    """

    pauses: int = 0
    zombies: int = 0
    duplicates: int = 0
    lost: int = 0
    late: int = 0
    again: int = 0
    states: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)


def play(folder: Path, planted: str = "") -> Seen:
    """Stop a worker of each tool at each point that it comes to."""
    seen = Seen()
    shipped_profile()  # read once, not in every worker
    for tool, meanwhile in list(product(TOOLS, _MEANWHILE))[: 1 if planted else None]:
        template = folder / f"{tool}-{meanwhile}"
        template.mkdir()
        office = Office.furnished(template)
        office.approved(tool, number=_FIRST)
        office.close()
        number = 0
        while _paused(template, Pause(tool=tool, meanwhile=meanwhile, number=number, planted=planted), seen):
            number += 1
    return seen


@dataclass(frozen=True, slots=True, kw_only=True)
class Pause:
    """A worker of a tool's proposal that is stopped at the n-th point, counted from 0."""

    tool: str
    meanwhile: Meanwhile
    number: int
    planted: str


def _paused(template: Path, pause: Pause, seen: Seen) -> bool:
    """Stop a worker, and return whether it came to the point."""
    folder = Path(shutil.copytree(template, template.with_name(f"{template.name}-{pause.number}")))
    reading, writing = os.pipe()
    zombie = _forked(lambda: _work_and_stop(folder, pause, writing))
    os.close(writing)
    _, status = os.waitpid(zombie, os.WUNTRACED)
    with os.fdopen(reading) as pipe:
        if not os.WIFSTOPPED(status):
            assert os.waitstatus_to_exitcode(status) == 0, "a worker broke"
            return False
        point = pipe.readline().strip()
    _waited_for(_forked(lambda: _take(folder) if pause.meanwhile == "taken" else _to_the_end(folder)))
    between = _look(folder)
    os.kill(zombie, signal.SIGCONT)
    _waited_for(zombie)
    after = _look(folder)
    _waited_for(_forked(lambda: _to_the_end(folder)))
    _judge(seen, f"{pause.tool} stopped at {point}, {pause.meanwhile}", between, after, _look(folder))
    if after.effects > between.effects and pause.meanwhile == "ended":
        _propose_again(folder, pause.tool, seen)
    shutil.rmtree(folder)
    return True


def _judge(seen: Seen, what: str, between: Left, after: Left, end: Left) -> None:
    late = end.effects > 0 and end.state == State.NOT_APPLIED
    lost = not late and (end.state == State.COMMITTED) != (end.effects == 1)
    seen.pauses += 1
    seen.states[end.state] += 1
    seen.zombies += between.moves != after.moves
    seen.duplicates += end.effects > 1
    seen.lost += lost or end.is_under_way
    seen.late += late
    is_late_elsewhere = late and "erp_before_commit" not in what
    if between.moves != after.moves or end.effects > 1 or lost or end.is_under_way or end.flaws or is_late_elsewhere:
        seen.wrong.append(f"{what}: {between} → {after} → {end}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Left:
    """What stands in a folder: the proposal, its moves, what the ERP has of it, what the verifier finds."""

    state: str
    moves: tuple[str, ...]
    effects: int
    is_under_way: bool
    flaws: tuple[str, ...]


def _look(folder: Path) -> Left:
    office = Office(folder)
    try:
        proposal = office.state.proposals.get(f"prp_{_FIRST:012d}")
        return Left(
            state=proposal.state.value,
            moves=tuple(office.path_of(proposal.content)),
            effects=effects(folder / "erp.sqlite"),
            is_under_way=is_under_way(proposal),
            flaws=tuple(office.flaws()),
        )
    finally:
        office.close()


def _propose_again(folder: Path, tool: str, seen: Seen) -> None:
    """Let the same be proposed and approved once more; it must not be written a second time."""
    office = Office(folder, now=NOW + timedelta(seconds=9 * _LATER_S))
    first = office.state.proposals.get(f"prp_{_FIRST:012d}").content
    second = office.propose(tool, number=_SECOND, like=first.fingerprint)
    office.approve(second)
    asyncio.run(office.work_off())
    seen.again += effects(folder / "erp.sqlite") - 1
    if effects(folder / "erp.sqlite") != 1:
        seen.wrong.append(f"{tool} written late, and proposed again: {office.stand(second)}")
    office.close()


# --- Processes --------------------------------------------------------------------------------------------------------


def _forked(work: Callable[[], None]) -> int:
    child = os.fork()
    if child == 0:
        try:
            logging.disable()  # a worker that lost its lease says so
            work()
            os._exit(0)
        except BaseException:  # noqa: BLE001 - a forked process must never go on as its parent would
            traceback.print_exc()
            os._exit(1)
    return child


def _waited_for(child: int) -> None:
    _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == 0, "a worker broke"


def _work_and_stop(folder: Path, pause: Pause, writing: int) -> None:
    """Work, and be stopped at a point; when this goes on, the time has passed for it as for everybody."""
    if pause.planted:
        vars(moving)["moves"] = _without_fence
    office = Office(folder)
    passed = 0

    def at(point: str) -> None:
        nonlocal passed
        passed += 1
        if passed == pause.number + 1:
            os.write(writing, f"{point}\n".encode("ascii"))
            os.kill(os.getpid(), signal.SIGSTOP)
            office.clock.advance(LEASE_OVER_S, plant=False)

    office.erp.at = lambda point: at(f"erp_{point}")
    asyncio.run(office.committer(at).work("zombie"))
    office.close()


def _without_fence(name: str, source: State) -> Move | None:
    found = moves(name, source)
    return found and replace(found, leased=False)


def _take(folder: Path) -> None:
    """Take what the other had, and be busy with it."""
    office = Office(folder, now=NOW + timedelta(seconds=LEASE_OVER_S))
    office.state.proposals.take("second", lease_s=120)
    office.close()


def _to_the_end(folder: Path) -> None:
    office = Office(folder, now=NOW + timedelta(seconds=_LATER_S))
    for _ in range(_ROUNDS):
        asyncio.run(office.work_off(holder="second"))
        if not is_under_way(office.state.proposals.get(f"prp_{_FIRST:012d}")):
            break
        office.clock.advance(40, plant=False)
    office.close()


def main() -> int:
    """Play, print, and say by the exit status whether anything was wrong."""
    parser = argparse.ArgumentParser(prog="python -m tests.crash.paused", description=__doc__)
    parser.add_argument("--planted", default="", choices=PLANTED)
    parser.add_argument("--json", action="store_true")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=in_memory()) as name:
        seen = play(Path(name), chosen.planted)
    if chosen.json:
        print(json.dumps(facts_of(seen)))
    else:
        states = ", ".join(f"{state} {count}" for state, count in sorted(seen.states.items()))
        print(f"{seen.pauses} workers stopped and let go on: {seen.zombies} moves of zombies,")
        print(f"{seen.duplicates} duplicates, {seen.lost} lost, {seen.late} late, {seen.again} written again; {states}")
        print(*seen.wrong, sep="\n")
    return 1 if seen.wrong else 0


if __name__ == "__main__":
    sys.exit(main())
