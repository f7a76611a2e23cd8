"""Stories by chance: faults of every kind, deaths and stops of workers, jumps of the clock, people at the ERP."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Final

from erp_mcp.domain.proposal import Content
from erp_mcp.testing.fake_erp import ErpFault
from tests.faults.driving import Planted, Play, Tally, playing
from tests.faults.erp import Plan
from tests.faults.matrix import KINDS
from tests.faults.plant import Template
from tests.path.buyer import DATE_TOOL

SETTLE_S: Final = 5
STEPS: Final = 24
_PROPOSALS: Final = 3
_START_S: Final = 300  # after the decisions, so that a clock that goes back a little does not go back before them


class KilledError(BaseException):
    """A worker died here: nothing above it may catch this."""


@dataclass(slots=True, kw_only=True)
class Story:
    """One play that chance directs."""

    play: Play
    chance: Random
    happened: list[str] = field(default_factory=list)

    async def tell(self) -> None:
        """Let things happen, then let every fault be over and work to the end."""
        for content in self.play.contents:
            self._plan(content)
        for _ in range(STEPS):
            await self.play.happen()
            (act,) = self.chance.choices([act for act, _ in self._acts()], [weight for _, weight in self._acts()])
            self.happened.append(act.__name__)
            await act()
        self.play.deployment.state.switches.resume("all", by="demo-admin")
        await self.play.line.join()
        self.play.line.mend()
        await self.play.until_end()

    def _acts(self) -> list[tuple[Callable[[], Awaitable[None]], int]]:
        return [
            (self.works, 8), (self.time_passes, 6), (self.dies_at_a_point, 3), (self.dies_in_sending, 2),
            (self.is_stopped, 2), (self.erp_goes, 1), (self.erp_comes, 2), (self.person_stops_writes, 1),
            (self.person_resumes_writes, 2), (self.person_changes_a_line, 1), (self.clock_goes_back, 1),
        ]  # fmt: skip

    # --- faults -------------------------------------------------------------------------------------------------------

    def _plan(self, content: Content) -> None:
        sends = {number: self._fault(late=3) for number in range(1, 5) if self.chance.random() < 0.6}
        finds = {number: self._fault() for number in range(1, 7) if self.chance.random() < 0.25}
        app = self.play.line.plan(content, Plan(sends=sends, finds=finds))
        late_for = self.chance.uniform(0, 2 * SETTLE_S - 0.1)

        async def take_up() -> None:
            app.release()
            await asyncio.sleep(0.005)  # others may be late still, so it is no use to wait until all is quiet

        self.play.late[content.command.reference] = (late_for, take_up)

    def _fault(self, *, late: int = 1) -> ErpFault:
        (kind,) = self.chance.choices(KINDS, [late if kind == "late" else 1 for kind in KINDS])
        return ErpFault(kind, commits=self.chance.random() < (0.25 if kind == "late" else 0.5))

    # --- workers ------------------------------------------------------------------------------------------------------

    async def works(self) -> None:
        await self.play.committer().work(self.play.worker())

    async def dies_at_a_point(self) -> None:
        left = self.chance.randrange(12)

        def at(_: str) -> None:
            nonlocal left
            left -= 1
            if left < 0:
                raise KilledError

        self.play.at = at
        try:
            await self._dying()
        finally:
            self.play.at = lambda _: None

    async def dies_in_sending(self) -> None:
        moment = self.chance.choice(["arrived", "answered"])

        async def dies(now: str) -> None:
            if now == moment:
                raise KilledError

        self.play.dies = dies
        try:
            await self._dying()
        finally:
            self.play.dies = None

    async def _dying(self) -> None:
        try:
            await self.works()
        except KilledError:
            self.happened.append("†")

    async def is_stopped(self) -> None:
        """Cancel a worker somewhere, as when its process is told to end."""
        working = asyncio.ensure_future(self.works())
        for _ in range(self.chance.choice([0, 1, 2, 3, 5, 8, 13, 21, 34, 55])):
            await asyncio.sleep(0)
        working.cancel()
        (outcome,) = await asyncio.gather(working, return_exceptions=True)
        if isinstance(outcome, BaseException) and not isinstance(outcome, asyncio.CancelledError):
            raise outcome
        await asyncio.sleep(0.005)  # what was sent before the end arrives

    # --- the world ----------------------------------------------------------------------------------------------------

    async def time_passes(self) -> None:
        self.play.clock.pass_by(self.chance.choice([0.5, 3, 5, 6, 11, 31, 125, 310, 3600]))

    async def clock_goes_back(self) -> None:
        self.play.clock.pass_by(-self.chance.choice([1, 10, 40]))

    async def erp_goes(self) -> None:
        await self.play.line.cut()

    async def erp_comes(self) -> None:
        await self.play.line.join()

    async def person_stops_writes(self) -> None:
        self.play.deployment.state.switches.stop("all", by="demo-admin", reason="a drill")

    async def person_resumes_writes(self) -> None:
        self.play.deployment.state.switches.resume("all", by="demo-admin")

    async def person_changes_a_line(self) -> None:
        lines = [content for content in self.play.contents if content.tool == DATE_TOOL]
        if lines:
            self.play.line.touch(self.chance.choice(lines))


async def told(template: Template, folder: Path, seed: int, *, planted: Planted = "") -> Tally:
    """Tell the story of one seed and return what became of its proposals."""
    chance = Random(seed)
    made = [content for contents in template.contents.values() for content in contents]
    async with playing(template, folder, chance.sample(made, _PROPOSALS)) as play:
        play.planted = planted
        play.line.traffic.guards = not planted  # the wire would hide it
        play.clock.pass_by(_START_S)
        story = Story(play=play, chance=chance)
        await story.tell()
        tally = play.tally()
        tally.wrongs = [f"seed {seed}: {wrong} after {' '.join(story.happened)}" for wrong in tally.wrongs]
    return tally
