"""The stage of two at once: each act stands still at each of its statements while another one runs, on PostgreSQL.

In each scene each ordered pair of acts is played that can do something there: one after the other, and with the second
one at each moment of the first that differs (`two.points`). What both leave must agree with its records, and nothing
may stand in the order of the records that may not be there (`order`). Nobody may wait for each other in a circle, and
nobody is told that the state can't be had. SQLite lets one write at a time, so there is nothing to be played there.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from random import Random
from typing import Final
from unittest import mock

import psycopg

from erp_mcp.domain.instants import exact_instant
from erp_mcp.ports import Lease
from erp_mcp.store.state import proposals
from tests.torture.acting import Acts, Cast, Scene
from tests.torture.holding import UNDER_LEASE, misheld
from tests.torture.homes import SCHEMA, SchemaHome
from tests.torture.order import wrongs
from tests.torture.scenes import ROOM, scenes
from tests.torture.stage import SHOWN, Asked, Set, Tally
from tests.torture.two import Act, Played, Point, Two, points
from tests.unit.store.state.fakes import FakeClock

_AT_ONCE_QUICK: Final = "20ms"  # after which a circle is looked for; a second where nobody says
_SWEPT_EVERY: Final = 50
_KEPT: Final = "kept_of_scene"
Schedule = tuple[str, str, Point | None]


@dataclass(slots=True, kw_only=True)
class Stage:
    """Plays on one schema, which it makes hold a scene again and again."""

    two: Two
    owner: psycopg.Connection
    tables: Sequence[str]
    clock: FakeClock
    _puts: int = 0
    _last: int = 0  # number of the newest record of the scene
    _running: frozenset[str] = frozenset()  # proposals whose leases run in it
    _leases: Mapping[str, Lease] = field(default_factory=dict)
    _cast: Cast = field(default_factory=lambda: Cast(clock=FakeClock()))
    _at: datetime = field(default_factory=lambda: FakeClock().now)

    def play(
        self, scene: Scene, chance: Random, sample: int | None = None, only: tuple[str, str] | None = None
    ) -> Tally:
        """Play a scene: all of its schedules, or so many of them by chance; or only one pair of acts."""
        began = time.perf_counter()
        tally = Tally(stage="meanwhile", store="postgresql", tool=scene.name)
        cast = self._prepared(scene)
        mine, theirs = scene.acts(cast, "a"), scene.acts(cast, "b")
        if only is not None:
            mine, theirs = {only[0]: mine[only[0]]}, {only[1]: theirs[only[1]]}
        alone = self._alone({**theirs, **mine})
        schedules = list(self._schedules(mine, theirs, alone))
        tally.schedules = len(schedules)
        for one in schedules if sample is None else chance.sample(schedules, min(sample, len(schedules))):
            self._one(tally, one, mine[one[0]], theirs[one[1]])
        tally.seconds = time.perf_counter() - began
        return tally

    def _alone(self, acts: Acts) -> Mapping[str, Played]:
        """Return what becomes of each act where nothing comes between."""
        found = {}
        for name, act in acts.items():
            self._put()
            found[name] = self.two.play(act, None, None)
        return found

    def _schedules(self, mine: Acts, theirs: Acts, alone: Mapping[str, Played]) -> Iterator[Schedule]:
        """Yield what is to be played: pairs of which each can do something, there or behind the other.

        One that found nothing to do may find something meanwhile; one that was refused stays so.
        """
        can = {name for name, told in alone.items() if told.first == "done"}
        for first in (name for name in mine if alone[name].first in ("done", "nothing")):
            for second in theirs:
                if second in can or (first in can and self._after(mine[first], theirs[second])):
                    moments = (None, *points(alone[first].statements))
                    yield from ((first, second, moment) for moment in moments)

    def _after(self, first: Act, second: Act) -> bool:
        """Whether an act that could do nothing can do something behind another one."""
        self._put()
        return self.two.play(first, second, None).second == "done"

    def _one(self, tally: Tally, schedule: Schedule, first: Act, second: Act) -> None:
        self._put()
        told = self.two.play(first, second, schedule[2])
        flaws = [
            f"{who}: {one}" for who, one in (("first", told.first), ("second", told.second)) if "unavailable" in one
        ]
        flaws += () if told.reached else ("the moment was not reached",)
        flaws += wrongs(self.two.first, self.clock.now, played_from=self._last, running=self._running)
        flaws += misheld(self._leases, self._leases_now(), self._cast.told, self.clock.now)
        tally.played += 1
        tally.illegal += bool(flaws)
        tally.states["deadlock"] += any("Deadlock" in one for one in flaws)
        tally.states["waited" if told.waited else "went through"] += 1
        if flaws and len(tally.wrongs) < SHOWN:
            tally.wrongs.append(f"{_told(schedule, told)} -> {'; '.join(flaws)}")

    # --- what is there ------------------------------------------------------------------------------------------------

    def _prepared(self, scene: Scene) -> Cast:
        """Make a scene, and keep what it holds."""
        self._empty()
        self.clock.now = FakeClock().now
        cast = self._cast = Cast(clock=self.clock)
        scene.prepare(self.two.first, cast)
        self._at = self.clock.now
        for table in self.tables:
            self.owner.execute(f"DELETE FROM {_KEPT}.{table}; INSERT INTO {_KEPT}.{table} SELECT * FROM {table}")
        newest = self.owner.execute("SELECT max(seq) FROM audit_record").fetchone()
        self._last = (newest[0] or 0) if newest else 0
        held = self.two.first.proposals.in_states(tuple(UNDER_LEASE))
        runs = [one for one in held if one.lease_expires_at > exact_instant(self.clock.now)]
        self._running = frozenset(one.content.proposal_id for one in runs)
        self._leases = self._leases_now()
        assert wrongs(self.two.first, self.clock.now, played_from=self._last) == []
        return cast

    def _leases_now(self) -> dict[str, Lease]:
        rows = self.owner.execute("SELECT name, holder, fence, expires_at FROM lease").fetchall()
        return {name: Lease(name=name, holder=who, fence=fence, expires_at=ends) for name, who, fence, ends in rows}

    def _put(self) -> None:
        """Make the schema hold the scene again."""
        self.clock.now = self._at
        self.two.forget()
        self._cast.told.forget()
        self._puts += 1
        if self._puts % _SWEPT_EVERY == 0:
            self.owner.execute(f"VACUUM {', '.join(self.tables)}")
        self._rows(*(f"INSERT INTO {table} SELECT * FROM {_KEPT}.{table}" for table in self.tables))

    def _empty(self) -> None:
        self._rows()

    def _rows(self, *more: str) -> None:
        gone = [f"DELETE FROM {table}" for table in self.tables]
        with self.owner.transaction():
            self.owner.execute("; ".join(["SET LOCAL session_replication_role = replica", *gone, *more]))


def _told(schedule: Schedule, told: Played) -> str:
    first, second, point = schedule
    if point is None:
        return f"{first}, then {second}"
    where = " ".join(told.statements[point.number].text.split()[:7])
    return f"{second} {'inside' if point.inside else 'before'} {point.number} ({where}) of {first}"


@contextmanager
def stage_on(home: SchemaHome) -> Iterator[Stage]:
    """Give a stage on a schema, which holds nothing afterwards that is worth having."""
    owner, place, clock = home._owner, home._place, FakeClock()
    owner.execute(f"ALTER ROLE {place.account} SET deadlock_timeout = '{_AT_ONCE_QUICK}'")
    owner.execute(f"CREATE SCHEMA {_KEPT}")
    for table in home.tables:
        owner.execute(f"CREATE UNLOGGED TABLE {_KEPT}.{table} AS SELECT * FROM {SCHEMA}.{table} WHERE false")
    two = Two(place, clock, owner)
    try:
        with mock.patch.object(proposals, "MAX_WAITING", ROOM):
            yield Stage(two=two, owner=owner, tables=home.tables, clock=clock)
    finally:
        two.close()
        owner.execute(f"DROP SCHEMA {_KEPT} CASCADE")


def meanwhile(found: Set, asked: Asked) -> Iterator[Tally]:
    """Play all scenes on PostgreSQL; nothing on a file."""
    home = found.world.home
    if isinstance(home, SchemaHome):
        yield from played(home, asked)


def played(home: SchemaHome, asked: Asked, names: Collection[str] = ()) -> Iterator[Tally]:
    """Play scenes on a schema: those named, or all of them."""
    with stage_on(home) as stage:
        for scene in scenes():
            if not names or scene.name in names:
                yield stage.play(scene, Random(f"{asked.seed} {scene.name}"), asked.sample)
