"""`ports.Traffic` in a file of its own, shared by all processes of a machine that talk to the same systems.

One row per system and address holds its whole load; each event is one short transaction around a pure move of
`traffic_rules`. Loads survive the death of a process, as far as they matter; writes that went out survive power loss.
Moments are those of the monotonic clock, which all processes of a machine share and nobody can set.
"""

from __future__ import annotations

import json
import os
import sqlite3
import threading
import time
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, fields
from functools import lru_cache
from pathlib import Path
from typing import Final, TypeVar

from erp_mcp.domain.instants import instant_text
from erp_mcp.domain.traffic import Admission, Ending, TrafficKind, TrafficLimits, TrafficState
from erp_mcp.egress import traffic_rules as rules
from erp_mcp.egress import turns
from erp_mcp.errors import StateUnavailableError
from erp_mcp.ports import Clock
from erp_mcp.store.state.file import transaction

FILE_NAME: Final = "traffic.sqlite"
BUSY_S: Final = 2.0  # how long to wait for another process's transaction; they take well under a millisecond
_VERSION: Final = 2
_SCHEMA: Final = (
    "DROP TABLE IF EXISTS load",  # version 1 counted by system alone; a load is a measure, and soon there again
    """CREATE TABLE load (
        system TEXT NOT NULL, place TEXT NOT NULL, load TEXT NOT NULL, limits TEXT NOT NULL, PRIMARY KEY (system, place)
    ) STRICT, WITHOUT ROWID""",
    """CREATE TABLE IF NOT EXISTS sent (
        system TEXT NOT NULL, reference TEXT NOT NULL, sent_at TEXT NOT NULL, PRIMARY KEY (system, reference)
    ) STRICT, WITHOUT ROWID""",
)

_LANE: Final = tuple(one.name for one in fields(rules.Lane))

T = TypeVar("T")


class SqliteTraffic:
    """Traffic of a deployment; safe for several threads of a process and for several processes."""

    def __init__(
        self, directory: Path, *, clock: Clock, monotonic: Callable[[], float] = time.monotonic, busy_s: float = BUSY_S
    ) -> None:
        """Open nothing yet; the file in `directory` is made at the first use, with owner-only rights.

        Args:
            directory: The state directory.
            clock: What says when a write went out, for people who look.
            monotonic: A clock that all processes share.
            busy_s: Seconds to wait while another process writes.
        """
        self._path = directory / FILE_NAME
        self._clock = clock
        self._monotonic = monotonic
        self._busy_s = busy_s
        self._lock = threading.Lock()
        self._loads: sqlite3.Connection | None = None
        self._sends: sqlite3.Connection | None = None
        self._begun = os.urandom(8).hex()
        self._tickets = 0

    def admit(
        self,
        system: str,
        kind: TrafficKind,
        limits: TrafficLimits,
        *,
        where: str = "",
        lasts_s: float = 60.0,
        callers: Collection[str] = ("",),
    ) -> Admission:
        """Say whether one request may go now; see `ports.Traffic`.

        Raises:
            StateUnavailableError: `state.unavailable`; nothing is admitted then.
        """

        def move(load: rules.Load, now: float) -> tuple[rules.Load, Admission]:
            self._tickets += 1
            name = f"{self._begun}.{self._tickets}"
            return rules.admitted(load, kind, limits, now, name=name, lasts_s=lasts_s, callers=callers)

        return self._moved((system, where), limits, move)

    def finish(
        self,
        system: str,
        kind: TrafficKind,  # noqa: ARG002 - the ticket knows it
        limits: TrafficLimits,
        ticket: str,
        ending: Ending,
        *,
        where: str = "",
        pause_s: float = 0.0,
    ) -> None:
        """Give a ticket back; see `ports.Traffic`.

        Raises:
            StateUnavailableError: `state.unavailable`; the ticket then runs out by itself.
        """

        def move(load: rules.Load, now: float) -> tuple[rules.Load, None]:
            return rules.finished(load, limits, now, name=ticket, ending=ending, pause_s=pause_s), None

        self._moved((system, where), limits, move)

    def may_retry(self, system: str, limits: TrafficLimits, *, where: str = "") -> bool:
        """Take one repeat out of the system's budget, where one is left.

        Raises:
            StateUnavailableError: `state.unavailable`.
        """
        return self._moved((system, where), limits, lambda load, _: rules.repeated(load, limits))

    def claim_send(self, system: str, reference: str) -> bool:
        """Note for good that a write goes out; on disk when this returns.

        Raises:
            StateUnavailableError: `state.unavailable`; nothing may go out then.
        """
        at = instant_text(self._clock.wall())
        with self._transaction(durable=True) as connection:
            made = connection.execute("INSERT OR IGNORE INTO sent VALUES (?, ?, ?)", (system, reference, at))
            return made.rowcount == 1

    def release_send(self, system: str, reference: str) -> None:
        """Take a claim back.

        Raises:
            StateUnavailableError: `state.unavailable`; the claim then stands, and the write is not sent again.
        """
        with self._transaction(durable=True) as connection:
            connection.execute("DELETE FROM sent WHERE system = ? AND reference = ?", (system, reference))

    def states(self) -> tuple[TrafficState, ...]:
        """Return how every system is doing; nothing where nothing was asked yet.

        Raises:
            StateUnavailableError: `state.unavailable`.
        """
        if not self._path.exists():
            return ()
        with self._transaction() as connection:
            rows = connection.execute("SELECT system, place, load, limits FROM load ORDER BY system, place").fetchall()
        now = self._monotonic()
        found = []
        for system, where, text, told_limits in rows:
            limits = _limits(told_limits)
            load = rules.settled(_load(text) or rules.idle(limits, now), limits, now)
            found += [rules.told(system, where, kind, load, now) for kind in rules.KINDS]
        return tuple(found)

    def close(self) -> None:
        """Let go of the file; closing twice is fine."""
        with self._lock:
            for connection in (self._loads, self._sends):
                if connection is not None:
                    connection.close()
            self._loads = self._sends = None

    def _moved(
        self, key: tuple[str, str], limits: TrafficLimits, move: Callable[[rules.Load, float], tuple[rules.Load, T]]
    ) -> T:
        """Make one move in one transaction and return what it says."""
        with self._transaction() as connection:
            now = self._monotonic()  # read under the lock, so that it never runs backwards from one move to the next
            row = connection.execute("SELECT load FROM load WHERE system = ? AND place = ?", key).fetchone()
            known = _load(row[0]) if row is not None else None
            load, said = move(known or rules.idle(limits, now), now)
            connection.execute("REPLACE INTO load VALUES (?, ?, ?, ?)", (*key, _text(load), _limits_text(limits)))
        return said

    @contextmanager
    def _transaction(self, *, durable: bool = False) -> Iterator[sqlite3.Connection]:
        try:
            with self._lock:
                connection = self._connection(durable=durable)
                with transaction(connection):
                    yield connection
        except (OSError, sqlite3.Error) as error:
            raise StateUnavailableError(file=FILE_NAME, reason=type(error).__name__) from error

    def _connection(self, *, durable: bool) -> sqlite3.Connection:
        if durable:
            if self._sends is None:
                self._sends = _opened(self._path, "FULL", self._busy_s)
            return self._sends
        if self._loads is None:
            self._loads = _opened(self._path, "NORMAL", self._busy_s)
        return self._loads


def _opened(path: Path, synchronous: str, busy_s: float) -> sqlite3.Connection:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    # Only a file that is not there is opened: closing one drops all locks that this process has on it (POSIX).
    with suppress(FileExistsError):
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
    connection = sqlite3.connect(path, timeout=busy_s, isolation_level=None, check_same_thread=False)
    try:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute(f"PRAGMA synchronous = {synchronous}")
        connection.execute("PRAGMA trusted_schema = OFF")
        _migrate(connection)
    except BaseException:
        connection.close()
        raise
    return connection


def _migrate(connection: sqlite3.Connection) -> None:
    if _version(connection) == _VERSION:
        return
    with transaction(connection):
        version = _version(connection)  # another process may have been quicker
        if version > _VERSION:
            raise StateUnavailableError(file=FILE_NAME, reason="made by a newer version", version=version)
        for statement in _SCHEMA if version < _VERSION else ():
            connection.execute(statement)
        connection.execute(f"PRAGMA user_version = {_VERSION}")


def _version(connection: sqlite3.Connection) -> int:
    return int(connection.execute("PRAGMA user_version").fetchone()[0])


def _text(load: rules.Load) -> str:
    """Return a load as it is stored: lists in the order of the fields."""
    tickets = [[one.name, one.kind, one.until, one.probe, one.caller] for one in load.tickets]
    line = [[one.caller, one.kind, one.until] for one in load.line]
    lanes = [[getattr(one, name) for name in _LANE] for one in (load.read, load.write)]
    figures = [load.at, load.tokens, load.paused, load.repeats]
    return json.dumps([*figures, tickets, line, lanes], separators=(",", ":"))


def _load(text: str) -> rules.Load | None:
    """Return a stored load, `None` for one that nobody of this version wrote: it is then counted anew."""
    try:
        at, tokens, paused, repeats, tickets, line, lanes = json.loads(text)
        read, write = (rules.Lane(**dict(zip(_LANE, one, strict=True))) for one in lanes)
        under_way = tuple(
            rules.Ticket(name=name, kind=kind, until=until, probe=probe, caller=caller)
            for name, kind, until, probe, caller in tickets
        )
        waiting = tuple(turns.InLine(caller=caller, kind=kind, until=until) for caller, kind, until in line)
    except (ValueError, TypeError):
        return None
    figures = {"at": at, "tokens": tokens, "paused": paused, "repeats": repeats}
    return rules.Load(**figures, tickets=under_way, line=waiting, read=read, write=write)


@lru_cache(maxsize=64)
def _limits_text(limits: TrafficLimits) -> str:
    return json.dumps(asdict(limits), separators=(",", ":"))


def _limits(text: str) -> TrafficLimits:
    try:
        return TrafficLimits(**json.loads(text))
    except (ValueError, TypeError):
        return TrafficLimits()
