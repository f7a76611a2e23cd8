"""Workers that die at chosen points, and what is left when the last one has lived.

A schedule is a tool, a fault of the way to the ERP, and the points at which one worker after another dies. Each worker
is a forked process that ends with `os._exit`, as a kill would end it: nothing is flushed, closed or given back.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import shutil
import tempfile
import traceback
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any, Final, cast

from erp_mcp.domain.lifecycle import MOVES
from erp_mcp.domain.proposal import Content
from tests.unit.approval.people import NOW
from tests.unit.committing.erp import Fault, effects, shipped_profile
from tests.unit.committing.office import TOOLS, Office, is_under_way

LEASE_OVER_S: Final = 130  # the next worker comes when the lease of the dead one has run out
_KILLED: Final = 9
_ROUNDS: Final = 60
_LEGAL: Final = {(move.source.value, move.target.value) for move in MOVES}
# Workers that are wrong, to see that the harness finds them: they do this with what a dead one may have sent.
PLANTED: Final[tuple[str, ...]] = ("send_again", "believe_it_done")
# What a worker meets on its way, beside its own death; `reads_down`: reading back fails twice.
WAYS: Final[tuple[str, ...]] = (
    "plain", "cut_before", "cut_after", "raise", "down", "refuse", "limited_after", "reads_down",
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule:
    """One story: the n-th worker dies at the n-th point of `kills`, counted from 0."""

    tool: str
    way: str
    kills: tuple[int, ...]
    planted: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """What a schedule left: where the proposal stands, how often the ERP was changed, and what is wrong."""

    schedule: Schedule
    state: str
    effects: int
    ended: bool
    illegal: tuple[str, ...]

    @property
    def is_duplicate(self) -> bool:
        """Whether the ERP was changed more than once."""
        return self.effects > 1

    @property
    def is_lost(self) -> bool:
        """Whether it came to no end, or its end says something else than the ERP."""
        return not self.ended or (self.state == "COMMITTED") != (self.effects == 1)


class Stage:
    """Folders in which schedules are played: a template for each tool, and a copy of it for each schedule."""

    def __init__(self, folder: Path, *, planted: str = "") -> None:
        self._folder = folder
        self._planted = planted
        self._points: dict[tuple[str, str, tuple[int, ...]], int] = {}
        shipped_profile()  # read once, not in every worker
        for tool in TOOLS:
            template = folder / tool
            template.mkdir(parents=True)
            office = Office.furnished(template)
            office.approved(tool)
            office.close()

    def play(self, schedule: Schedule) -> Ending:
        """Play one schedule to its end."""
        schedule = replace(schedule, planted=self._planted)
        with tempfile.TemporaryDirectory(dir=self._folder) as name:
            folder = Path(name) / "deployment"
            shutil.copytree(self._folder / schedule.tool, folder)
            elapsed = 0
            for kill in schedule.kills:
                _forked(folder, schedule, elapsed, kill)
                elapsed += LEASE_OVER_S
            told = _forked(folder, schedule, elapsed, None)
        self._points[schedule.tool, schedule.way, schedule.kills] = told["points"]
        return Ending(
            schedule=schedule,
            state=told["state"],
            effects=told["effects"],
            ended=told["ended"],
            illegal=tuple(told["illegal"]),
        )

    def singles(self, tool: str, way: str) -> Iterator[Ending]:
        """Kill one worker at every point there is."""
        for point in range(self._alive(tool, way)):
            yield self.play(Schedule(tool=tool, way=way, kills=(point,)))

    def pairs(self, tool: str, way: str) -> Iterator[Schedule]:
        """Return every schedule of two deaths: the second worker dies at each point that it comes to."""
        for first in range(self._alive(tool, way)):
            for second in range(self._alive(tool, way, first)):
                yield Schedule(tool=tool, way=way, kills=(first, second))

    def _alive(self, tool: str, way: str, *kills: int) -> int:
        """Return how many points the worker that comes after these deaths passes, if it lives."""
        if (tool, way, kills) not in self._points:
            self.play(Schedule(tool=tool, way=way, kills=kills))
        return self._points[tool, way, kills]


def _forked(folder: Path, schedule: Schedule, elapsed: int, kill: int | None) -> dict[str, Any]:
    """Run one worker in a process of its own; return what it said before it died or ended."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reading)
        try:
            _work(folder, schedule, elapsed, kill, writing)
            os._exit(0)
        except BaseException:  # noqa: BLE001 - a forked process must never go on as its parent would
            traceback.print_exc()
            os._exit(1)
    os.close(writing)
    with os.fdopen(reading) as pipe:
        told = pipe.read()
    _, status = os.waitpid(child, 0)
    code = os.waitstatus_to_exitcode(status)
    if code not in (0, _KILLED):
        raise AssertionError(f"a worker broke in {schedule}")
    return json.loads(told) if told else {}


def _work(folder: Path, schedule: Schedule, elapsed: int, kill: int | None, writing: int) -> None:
    logging.disable()  # planted failures are many, and each is logged
    office = Office(folder, now=NOW + timedelta(seconds=elapsed))
    if schedule.way == "reads_down":  # looking before it is sent works, reading back does not
        office.erp.finds_down = {0, 1} if elapsed else {1, 2}
    elif schedule.way != "plain":
        office.erp.faults = [cast("Fault", schedule.way)]
    passed = 0

    def at(_: str) -> None:
        nonlocal passed
        if passed == kill:
            os._exit(_KILLED)
        passed += 1

    office.erp.at = at
    (content,) = [one.content for one in office.state.proposals.of_agent("planner")]
    if schedule.planted and elapsed:
        asyncio.run(_wrongly(office, content, schedule.planted))
    if kill is not None:
        asyncio.run(office.work_off(at))
        return
    asyncio.run(office.work_off(at))
    points = passed
    asyncio.run(_to_the_end(office, content.proposal_id))
    proposal = office.state.proposals.get(content.proposal_id)
    told = {
        "state": proposal.state.value,
        "effects": effects(office.erp_path),
        "ended": not is_under_way(proposal),
        "illegal": _illegal(office, content),
        "points": points,
    }
    office.close()
    os.write(writing, json.dumps(told).encode())


async def _wrongly(office: Office, content: Content, planted: str) -> None:
    """Do what a worker without reconciliation would do with a proposal that it finds in the middle of being sent."""
    if office.stand(content)[0] != "SENDING":
        return
    if planted == "send_again":
        await office.erp.send(replace(content.command, reference="RAGAIN000000"))
    else:
        office.alter("UPDATE proposal SET state = 'COMMITTED'")


async def _to_the_end(office: Office, proposal_id: str) -> None:
    for _ in range(_ROUNDS):
        await office.work_off()
        if not is_under_way(office.state.proposals.get(proposal_id)):
            return
        office.clock.advance(LEASE_OVER_S, plant=False)


def _illegal(office: Office, content: Content) -> list[str]:
    """Return moves that the table does not have, records that are missing, and what the audit's verifier finds."""
    path = office.path_of(content)
    strange = [f"{a} → {b}" for a, b in pairwise(path) if (a, b) not in _LEGAL]
    kinds = [json.loads(record.leaf)["kind"] for record in office.state.audit.read_all()]
    recorded = [kind.removeprefix("proposal.").upper() for kind in kinds if kind.startswith("proposal.")]
    if recorded != path or path[-1] != office.stand(content)[0]:
        strange.append("a transition is not recorded")
    return strange + office.flaws()
