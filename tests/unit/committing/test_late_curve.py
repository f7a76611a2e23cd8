"""How often a change is made twice that was late, lost, called not applied and proposed anew, by the time to settle.

A system takes a request up some time after its client gave up. Where that is later than twice the time to settle, the
proposal ends as not applied; here the agent proposes the same anew that moment, a person says yes at once or after half
a minute, and a worker sends. The delays lie on a grid and weigh as where they are spread exponentially around two
seconds.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from itertools import pairwise
from math import exp
from pathlib import Path
from typing import Final

import pytest

from erp_mcp.domain.command import Command, Outcome, RetryContract, Unknown, Written
from erp_mcp.ports import Commands
from tests.guarantees import guarantees
from tests.unit.committing.office import CREATE, UPDATE, Office

SETTLES_S: Final = (0, 1, 5, 10, 30)
EDGES_S: Final = (0, 1, 2, 5, 10, 20, 30, 60, 120)  # all times to settle, and all twice of them, lie on the grid
MEAN_S: Final = 2.0
NEVER: Final = [0, 0, 0, 0, 0]
AT_ONCE: Final = [10_000, 3_679, 67, 0, 0]  # of 10,000 late ones, by the time to settle


@dataclass(slots=True, kw_only=True)
class LateErp:
    """The ERP of an office: it loses its answer to the first command, and does it when its time has come."""

    office: Office
    settle_s: int
    delay_s: float
    due: datetime | None = None
    late: list[Command] = field(default_factory=list)

    @property
    def system(self) -> str:
        return "erp"

    @property
    def operations(self) -> Mapping[str, RetryContract]:
        return {name: replace(one, settle_s=self.settle_s) for name, one in self.office.erp.operations.items()}

    async def send(self, command: Command) -> Outcome:
        await self.arrive()
        if self.due is None:
            self.due = self.office.clock.wall() + timedelta(seconds=self.delay_s)
            self.late.append(command)
            return Unknown(reason="connection_lost")
        return await self.office.erp.send(command)

    async def find(self, command: Command) -> Written | None:
        await self.arrive()
        return await self.office.erp.find(command)

    async def probe(self) -> Mapping[str, str]:
        return await self.office.erp.probe()

    async def close(self) -> None:
        """Nothing is held open."""

    async def arrive(self) -> None:
        """Do what is late, where its time has come."""
        if self.due is not None and self.office.clock.wall() >= self.due:
            while self.late:
                await self.office.erp.send(self.late.pop())


async def made(folder: Path, tool: str, settle_s: int, delay_s: float, person_s: int) -> tuple[str, int]:
    """Return how the late one ended, and how many effects it and the one that was proposed anew have at last."""
    folder.mkdir()
    office = Office.furnished(folder)
    erp = LateErp(office=office, settle_s=settle_s, delay_s=delay_s)

    async def of(_: str) -> Commands:
        return erp

    async def work_off() -> None:
        while await replace(office.committer(), commands=of).work("w1") is not None:
            pass

    first = office.approved(tool)
    await work_off()
    for _ in range(2):  # looked for, and looked for again
        office.clock.advance(settle_s, plant=False)
        await work_off()
    ended = office.stand(first)[0]
    if ended == "NOT_APPLIED":
        anew = office.propose(tool, number=2, like=first.fingerprint)
        office.clock.advance(person_s, plant=False)
        office.approve(anew)
        await work_off()
    office.clock.advance(2 * EDGES_S[-1], plant=False)
    await erp.arrive()
    await work_off()
    effects = sum(office.effects(one.content) for one in office.state.proposals.of_agent("planner"))
    assert office.flaws() == []
    office.close()
    return ended, effects


@guarantees("P4.unknown", "P4.one_effect")
@pytest.mark.parametrize(
    ("tool", "person_s", "expected"), [(UPDATE, 0, NEVER), (CREATE, 0, AT_ONCE), (CREATE, 30, NEVER)]
)
async def test_what_is_late_is_made_twice_as_rarely_as_the_time_to_settle_is_long(
    tool: str, person_s: int, expected: list[int], tmp_path: Path
) -> None:
    """Never what has a version, nor what was there when the next one was to be sent; a new document else may be."""
    found = []
    for settle_s in SETTLES_S:
        twice = 0.0
        for number, (begin, end) in enumerate(pairwise(EDGES_S)):
            delay_s = (begin + end) / 2
            ended, effects = await made(tmp_path / f"{settle_s}-{number}", tool, settle_s, delay_s, person_s)
            assert ended == ("COMMITTED" if delay_s < 2 * settle_s else "NOT_APPLIED"), (settle_s, delay_s)
            assert effects in ({1, 2} if tool == CREATE and ended == "NOT_APPLIED" else {1}), (settle_s, delay_s)
            twice += (effects - 1) * (exp(-begin / MEAN_S) - exp(-end / MEAN_S))
        found.append(round(10_000 * twice))
    told = ", ".join(f"{settle} s {count}" for settle, count in zip(SETTLES_S, found, strict=True))
    print(f"{tool}, {person_s} s until a yes: made twice of 10,000 late ones by the time to settle: {told}")
    assert found == expected
