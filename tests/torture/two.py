"""Two transactions of the store on PostgreSQL: one stands still before, or inside, a statement while the other runs.

READ COMMITTED lets each statement see what was committed before it began. So whatever can come between two transactions
comes between two statements of one of them, or between what a statement that locks rows has seen and the locking. One
thread stands at such a moment; another one, on connections of its own, runs whole. Where it can't, since the first has
what it needs, it waits for it as it would, and goes on once the first is through, with whatever it had seen before.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple
from unittest import mock

import psycopg

from erp_mcp.errors import GatewayError
from erp_mcp.ports import Clock
from erp_mcp.store.state.deployment_state import DeploymentState
from erp_mcp.store.state.engine import AUDIT, Values
from erp_mcp.store.state.overdue import Overdue
from erp_mcp.store.state.postgresql import PostgresqlState
from erp_mcp.store.state.postgresql_engine import Place, PostgresqlEngine, PostgresqlSession, _bound, _key
from tests.unit.store.state.fakes import FakeIds

BUSY_S: Final = 20.0  # far longer than anybody stands still
_LOOK_S: Final = 0.002
_BLOCKED: Final = "SELECT count(*) FROM unnest(%s::int[]) AS pid WHERE pg_blocking_pids(pid) <> '{}'"
_IDLE: Final = ("BEGIN", "SAVEPOINT", "RELEASE", "SELECT version FROM about")
_LOCKS_ROWS: Final = (" FOR UPDATE", " FOR UPDATE SKIP LOCKED")

Act = Callable[[DeploymentState], object]


class Point(NamedTuple):
    """A moment of an act: before its statement of a number, from 0, or between what that saw and what it locked."""

    number: int
    inside: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """What an act sends to the store."""

    text: str
    takes_records: bool  # the end of the chain of records is its own from then on

    @property
    def is_idle(self) -> bool:
        """Whether it neither looks at anything that others change nor keeps anybody out."""
        return self.text.startswith(_IDLE)

    @property
    def locks_rows(self) -> bool:
        """Whether it locks rows that it finds."""
        return self.text.endswith(_LOCKS_ROWS)


@dataclass(slots=True, kw_only=True)
class Played:
    """What came of two acts: `done` or the code of an error of each, and its reason where the store gave up."""

    first: str
    second: str
    waited: bool = False
    reached: bool = True
    statements: list[Statement] = field(default_factory=list)


class Two:
    """Two who work at one schema, each on connections of its own."""

    def __init__(self, place: Place, clock: Clock, owner: psycopg.Connection) -> None:
        """Sign both in; `owner` looks who waits for whom."""
        self._owner = owner
        self.first, self.second = (PostgresqlState(place, clock=clock, ids=FakeIds(), busy_s=BUSY_S) for _ in range(2))
        with self.second.engine.writing():  # opened now, so that it is known by its number
            pass
        assert isinstance(self.second.engine, PostgresqlEngine)
        named = self.second.engine._connections.values()
        self._pids = [connection.info.backend_pid for connection, _ in named]
        self._pool = ThreadPoolExecutor(1)

    def forget(self) -> None:
        """Let both be as new: what a process has read once it does not read again, and its statements are numbered."""
        for one in (self.first, self.second):
            one.proposals._overdue = Overdue()

    def close(self) -> None:
        """Let go of both."""
        self._pool.shutdown()
        self.first.close()
        self.second.close()

    def play(self, first: Act, second: Act | None, point: Point | None) -> Played:
        """Let the first act stand at a point while the second runs; without a point, one after the other."""
        told = Played(first="", second="")
        begun: list[Future[str]] = []

        def meanwhile() -> None:
            assert second is not None
            begun.append(self._pool.submit(answer, second, self.second))
            told.waited = self._waits(begun[0])

        with standing(point, meanwhile, told.statements):
            told.first = answer(first, self.first)
        told.reached = point is None or bool(begun)
        if second is not None:
            if not begun:
                begun.append(self._pool.submit(answer, second, self.second))
            told.second = begun[0].result(timeout=2 * BUSY_S)
        return told

    def _waits(self, running: Future[str]) -> bool:
        """Return whether the second waits for the first; it has ended where it does not."""
        while not wait([running], timeout=_LOOK_S).done:
            row = self._owner.execute(_BLOCKED, (self._pids,)).fetchone()
            if row is not None and row[0]:
                return True
        return False


def answer(act: Act, state: DeploymentState) -> str:
    """Return what came of an act: `done`, `nothing` for one that found nothing to do, or the code of its error."""
    try:
        given = act(state)
    except GatewayError as error:
        reason = error.facts.get("reason", "")
        return f"{error.code} {reason}" if error.code in ("state.unavailable", "audit.unavailable") else error.code
    return "nothing" if given is None or given in (0, False) else "done"


@contextmanager
def standing(point: Point | None, meanwhile: Callable[[], None], sent: list[Statement]) -> Iterator[None]:
    """Do something else at a point of what this thread sends to PostgreSQL inside the block; note what it sends."""
    execute, here = PostgresqlSession.execute, threading.get_ident()

    def told(session: PostgresqlSession, statement: str, values: Values = ()) -> Any:
        if threading.get_ident() != here:
            return execute(session, statement, values)
        records = _key(session._schema, AUDIT)
        one = Statement(text=statement, takes_records=isinstance(values, list) and records in values)
        sent.append(one)
        if point is None or point.number != len(sent) - 1:
            return execute(session, statement, values)
        if not point.inside:
            meanwhile()
            return execute(session, statement, values)
        _declare(session._connection, statement, values)
        meanwhile()
        return session._connection.execute("FETCH ALL FROM standing")

    with mock.patch.object(PostgresqlSession, "execute", told):
        yield


def _declare(connection: psycopg.Connection, statement: str, values: Values) -> None:
    """Let a SELECT see what it sees now; what it locks, it locks when its rows are fetched."""
    with psycopg.ClientCursor(connection) as cursor:
        text = cursor.mogrify(_bound(statement), values)
        cursor.execute(f"DECLARE standing NO SCROLL CURSOR FOR {text}")


def points(statements: Sequence[Statement]) -> Iterator[Point]:
    """Yield the moments of an act that differ.

    Before it has looked at anything, the second act comes first. Once the end of the records is its own, nobody else
    who writes gets through: whoever comes then waits there with whatever else they have, and so do later ones.
    """
    has_looked = is_recording = False
    for number, one in enumerate(statements):
        if has_looked and not is_recording and not statements[number - 1].is_idle:
            yield Point(number)
        if one.locks_rows and not is_recording:
            yield Point(number, inside=True)
        if one.takes_records and not is_recording:
            yield Point(number + 1)
        has_looked = has_looked or not one.is_idle
        is_recording = (is_recording or one.takes_records) and one.text not in ("COMMIT", "ROLLBACK")
