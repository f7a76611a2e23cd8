"""The stage of deaths: a worker dies at every point there is, and the next one at every point that it comes to.

One worker is let live, and at each point everything that there is is kept: that is what its death there would leave.
From each of these moments another worker goes on, to the end, or to deaths of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from random import Random

from erp_mcp.bootstrap.own_records import OwnRecords
from erp_mcp.demo.erp_commands import DemoErpCommands
from erp_mcp.domain.command import RetryKind
from erp_mcp.domain.lifecycle import State
from erp_mcp.ports import Commands
from tests.torture.plant import ERP, Template
from tests.torture.ports import Asked, Planted, Port, Way
from tests.torture.world import LEASE_OVER_S, Ending, Life, Moment, World


@dataclass(frozen=True, slots=True, kw_only=True)
class Death:
    """A point at which one worker after the other died, and what the last of them left."""

    points: tuple[str, ...]
    moment: Moment
    is_new: bool  # whether what is left differs from what the death one point before left


@dataclass(frozen=True, slots=True)
class Crash:
    """Plays deaths of the workers of one tool's proposal, under one contract and on one way."""

    world: World
    template: Template
    kind: RetryKind
    way: Way = "plain"
    planted: Planted = ""

    def plain(self) -> Ending:
        """Let one worker live, and return what it leaves."""
        return self._ended(self.world.at_first(self.template), later_s=0)

    def deaths(self, first: Death | None = None) -> list[Death]:
        """Return what each death of the first worker leaves, or of the one that goes on from a death."""
        before = self.world.at_first(self.template) if first is None else first.moment
        points = () if first is None else first.points
        found: list[Death] = []

        def at(name: str) -> None:
            moment = self.world.moment()
            is_new = not found or not _same(found[-1].moment, moment)
            found.append(Death(points=(*points, name), moment=moment, is_new=is_new))

        self.world.put(before, later_s=LEASE_OVER_S if points else 0)
        self.world.live(lambda life: self._port(life, at, is_later=bool(points)), Life.work_off, at=at)
        return found

    def ending(self, death: Death) -> Ending:
        """Let a last worker go on from a death to the end."""
        return self._ended(death.moment, later_s=LEASE_OVER_S)

    def some(self, firsts: Sequence[Death], chance: Random, number: int, *, deaths: int = 2) -> Iterator[Death]:
        """Return schedules of so many deaths, chosen by chance, that begin with one of `firsts`."""
        for _ in range(number):
            death = chance.choice(firsts)
            for _ in range(deaths - 1):
                following = self.deaths(death)
                death = chance.choice(following) if following else death
            yield death

    def _ended(self, moment: Moment, *, later_s: float) -> Ending:
        self.world.put(moment, later_s=later_s)
        port: Port | None = None

        def opens(life: Life) -> Port:
            nonlocal port
            port = self._port(life, lambda _: None, is_later=later_s > 0)
            return port

        async def run(life: Life) -> None:
            proposal = life.proposal()
            if self.planted == "send_again" and proposal.state is State.SENDING:  # what nobody may do
                assert port is not None
                await port.send(proposal.content.command)
            await life.until_end()

        ending = self.world.live(opens, run, kind=self.kind)
        assert ending is not None
        return ending

    def _port(self, life: Life, at: Callable[[str], None], *, is_later: bool) -> Port:
        kind = Asked if self.way == "ticket" else Port
        return kind(
            inner=own_port(life, at),
            kind=self.kind,
            way=self.way,
            sent=self.world.sent,
            again=self.world.again,
            stray=self.world.stray,
            at=at,
            is_later=is_later,
            planted=self.planted,
        )


def own_port(life: Life, at: Callable[[str], None]) -> Commands:
    """Return the port of the system itself, which tells of its commits."""
    world = life.world
    if world.content.command.system == "gateway":
        return OwnRecords(tasks=life.deployment.state.tasks)
    profile = life.deployment.profile(life.deployment.system("erp"))
    return DemoErpCommands.open(
        system="erp",
        url=ERP,
        root=world.kit.folder,
        profile=profile,
        clock=world.clock,
        failpoint=lambda point: at(f"erp_{point}"),
    )


def _same(one: Moment, other: Moment) -> bool:
    return (one.state, one.erp, one.sends) == (other.state, other.erp, other.sends)
