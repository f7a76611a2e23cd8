"""The state file itself: owner-only, migrated when opened, one connection per durability.

Two connections to one SQLite file in WAL mode. `records` (synchronous=NORMAL) survives the death of the process and is
what reads write their audit with; `effects` (FULL) survives power loss and is for whatever changes how the deployment
behaves. Both are short-lived transactions on the caller's thread.
"""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from erp_mcp.errors import StateUnavailableError
from erp_mcp.store.state.engine import Values

FILE_NAME: Final = "state.sqlite"
BUSY_S: Final = 2.0  # how long to wait for another process's transaction; they take well under a millisecond
_MIGRATIONS: Final = Path(__file__).parent / "migrations"
VERSION: Final = 14  # number of the newest migration


class FileSession:
    """A connection to the file. Who writes has all of it, so nothing in it is held or skipped apart."""

    holding = ""
    skipping = ""

    def __init__(self, connection: sqlite3.Connection) -> None:
        """Run statements on `connection`."""
        self._connection = connection

    def execute(self, statement: str, values: Values = ()) -> sqlite3.Cursor:
        """Run one statement; see `engine.Session`."""
        try:
            return self._connection.execute(statement, values)
        except sqlite3.Error as error:
            raise StateUnavailableError(reason=type(error).__name__) from error

    def executemany(self, statement: str, rows: Iterable[Sequence[object]]) -> None:
        """Run one statement for each of some rows; see `engine.Session`."""
        try:
            self._connection.executemany(statement, rows)
        except sqlite3.Error as error:
            raise StateUnavailableError(reason=type(error).__name__) from error

    def lock(self, *names: str, shared: bool = False) -> None:
        """Do nothing: the transaction has locked the file."""

    def mark(self) -> int:
        """Return SQLite's count of what other connections have written."""
        return int(self._connection.execute("PRAGMA data_version").fetchone()[0])


class StateFile:
    """An open state file. Safe for several threads of a process and for several processes."""

    def __init__(self, directory: Path, *, busy_s: float = BUSY_S) -> None:
        """Open the file in `directory`, made with owner-only rights and migrated when needed.

        Args:
            directory: The state directory.
            busy_s: Seconds to wait while another process writes.

        Raises:
            StateUnavailableError: `state.unavailable`; facts say why (rights, not a database, newer version).
        """
        self.path = directory / FILE_NAME
        self.lock = threading.RLock()
        self._effects: sqlite3.Connection | None = None
        self._busy_s = busy_s
        try:
            _make_private(directory, self.path)
            self.records = _connect(self.path, "NORMAL", busy_s)
            self._session = FileSession(self.records)
            try:
                self._migrate()
            except BaseException:
                self.records.close()
                raise
        except (OSError, sqlite3.Error) as error:
            raise StateUnavailableError(file=FILE_NAME, reason=type(error).__name__) from error

    @property
    def effects(self) -> sqlite3.Connection:
        """The connection whose commits survive power loss, opened at first use."""
        if self._effects is None:
            self._effects = _connect(self.path, "FULL", self._busy_s)
        return self._effects

    @contextmanager
    def reading(self) -> Iterator[FileSession]:
        """Give the session to read with, to one thread at a time.

        Raises:
            StateUnavailableError: `state.unavailable`, for whatever SQLite says inside the block.
        """
        try:
            with self.lock:
                yield self._session
        except sqlite3.Error as error:
            raise StateUnavailableError(reason=type(error).__name__) from error

    @contextmanager
    def snapshot(self) -> Iterator[None]:
        """Let everything read inside the block be as of one moment, whatever other processes write meanwhile.

        Raises:
            StateUnavailableError: `state.unavailable`, for whatever SQLite says inside the block.
        """
        with self.reading() as session:
            session.execute("BEGIN")
            try:
                yield
            finally:
                session.execute("ROLLBACK")

    @contextmanager
    def recording(self) -> Iterator[FileSession]:
        """Give a session inside one transaction that survives the death of the process.

        Raises:
            StateUnavailableError: `state.unavailable`, for whatever SQLite says inside the block; nothing was written.
        """
        try:
            with self.lock, transaction(self.records):
                yield self._session
        except sqlite3.Error as error:
            raise StateUnavailableError(reason=type(error).__name__) from error

    @contextmanager
    def writing(self) -> Iterator[FileSession]:
        """Give a session inside one transaction that survives power loss: all of it is written or nothing.

        Raises:
            StateUnavailableError: `state.unavailable`, for whatever SQLite says inside the block, and where a newer
                version has renewed the file meanwhile; nothing was written.
        """
        try:
            with self.lock, transaction(self.effects):
                _check_not_newer(_version(self.effects))
                yield FileSession(self.effects)
        except sqlite3.Error as error:
            raise StateUnavailableError(reason=type(error).__name__) from error

    def close(self) -> None:
        """Close both connections; nothing happens the second time."""
        with self.lock:
            self.records.close()
            if self._effects is not None:
                self._effects.close()

    def _migrate(self) -> None:
        if _version(self.records) == VERSION:
            return
        with transaction(self.records):
            version = _version(self.records)  # another process may have been quicker
            _check_not_newer(version)
            for path in sorted(_MIGRATIONS.glob("[0-9][0-9][0-9][0-9]_*.sql")):
                if int(path.name[:4]) > version:
                    _run_script(self.records, path.read_text(encoding="utf-8"))
            self.records.execute(f"PRAGMA user_version = {VERSION}")


@contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[None]:
    """Hold the file's write lock for a block: committed at its end, rolled back when it raises."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        with suppress(sqlite3.Error):
            connection.execute("ROLLBACK")
        raise


def _connect(path: Path, synchronous: str, busy_s: float) -> sqlite3.Connection:
    connection = sqlite3.connect(path, timeout=busy_s, isolation_level=None, check_same_thread=False)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute(f"PRAGMA synchronous = {synchronous}")
    connection.execute("PRAGMA foreign_keys = ON")
    connection.execute("PRAGMA recursive_triggers = ON")  # else REPLACE would delete without asking the triggers
    connection.execute("PRAGMA trusted_schema = OFF")
    return connection


def _make_private(directory: Path, path: Path) -> None:
    """Create folder and file with owner-only rights; SQLite gives its side files the rights of the main file."""
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    # Only a file that is not there is opened: closing one drops all locks that this process has on it (POSIX), and the
    # next process to leave would take the log away from under the connections of this one.
    with suppress(FileExistsError):
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))


def _version(connection: sqlite3.Connection) -> int:
    return int(connection.execute("PRAGMA user_version").fetchone()[0])


def _check_not_newer(version: int) -> None:
    """Refuse to go on with a file whose rules are not known here, also in a process that runs while it is renewed."""
    if version > VERSION:
        raise StateUnavailableError(file=FILE_NAME, reason="made by a newer version", version=version)


def _run_script(connection: sqlite3.Connection, script: str) -> None:
    """Run a script inside the open transaction; `executescript` would commit it."""
    statement = ""
    for line in script.splitlines(keepends=True):
        statement += line
        if sqlite3.complete_statement(statement):
            connection.execute(statement)
            statement = ""
