"""The gateway's side of the read model: read-only, inline, with a deadline. Standard library only."""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from erp_mcp.domain.derivation import Cell, Derivation, Moment
from erp_mcp.domain.freshness import EntityState
from erp_mcp.domain.tool import Query
from erp_mcp.errors import DeadlineError, GatewayError, ReadModelNotReadyError
from erp_mcp.ports import Row, SqlValue
from erp_mcp.store.read_model.fingerprint import schema_hash
from erp_mcp.store.read_model.states import STATE_COLUMNS, entity_state
from erp_mcp.store.read_model.variants import variant
from erp_mcp.store.read_model.worked_out import worked_out

_STEPS_BETWEEN_CHECKS: Final = 4000
_CACHED_STATEMENTS: Final = 256
_WAIT_FOR_LOCK_S: Final = 1.0  # readers of a WAL file wait only while it is recovered after a crash
_LATE: Final = frozenset({sqlite3.SQLITE_INTERRUPT, sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED})
_STATES: Final = f"SELECT {STATE_COLUMNS} FROM sync_state ORDER BY entity, system"

States = Mapping[str, tuple[EntityState, ...]]


class ReadModelReader:
    """Reads one read model file, and notices when another process rebuilds or replaces it."""

    def __init__(self, path: Path) -> None:
        """Name the file; nothing is opened yet, and it may not exist."""
        self._path = os.fspath(path)
        self._uri = f"{path.resolve().as_uri()}?mode=ro"
        self._connection: sqlite3.Connection | None = None
        self._file = (0, 0)
        self._deadline = 0.0
        self._version = -1
        self._states: States = {}

    async def rows(self, query: Query, parameters: Mapping[str, SqlValue], *, deadline_s: float) -> list[Row]:
        """Run one compiled SELECT; see `ports.ReadModel.rows`."""
        self._deadline = time.monotonic() + deadline_s
        try:
            connection = self._ready()
            cursor = connection.execute(variant(query.sql["sqlite"], parameters), parameters)
            try:
                return cursor.fetchmany(query.max_rows + 1)
            finally:
                cursor.close()  # ends the read transaction, so that the writer can go on checkpointing
        except sqlite3.Error as failure:
            raise self._meaning(failure) from failure

    async def states(self) -> States:
        """Return where each entity stands; read again only when another connection has written."""
        self._deadline = time.monotonic() + _WAIT_FOR_LOCK_S
        try:
            self._ready()
        except sqlite3.Error as failure:
            raise self._meaning(failure) from failure
        return self._states

    async def worked_out(
        self, derivations: Sequence[Derivation], moment: Moment, *, sites: tuple[str, ...] | None, deadline_s: float
    ) -> Mapping[str, list[tuple[Cell, ...]]] | None:
        """Return the rows of derivations, all of one snapshot; see `ports.WorksOut.worked_out`."""
        self._deadline = time.monotonic() + deadline_s
        try:
            connection = self._ready()
            connection.execute("BEGIN")
            try:
                states = [entity_state(row) for row in connection.execute(_STATES)]
                return worked_out(connection, derivations, states, moment, sites=sites)
            finally:
                connection.execute("COMMIT")
        except sqlite3.Error as failure:
            raise self._meaning(failure) from failure

    def close(self) -> None:
        """Let go of the file."""
        if self._connection is not None:
            self._connection.close()
        self._connection = None
        self._version = -1

    def _ready(self) -> sqlite3.Connection:
        """Return a connection to the present file, checked to be of our form."""
        try:
            found = os.stat(self._path)  # noqa: PTH116  on each call; pathlib costs three times as much
        except OSError as failure:
            self.close()
            raise ReadModelNotReadyError(reason="missing") from failure
        connection = self._connection
        if connection is None or self._file != (found.st_dev, found.st_ino):
            connection = self._open()
            self._file = (found.st_dev, found.st_ino)
        version = connection.execute("PRAGMA data_version").fetchone()[0]
        if version != self._version:
            self._load(connection)
            self._version = version
        return connection

    def _open(self) -> sqlite3.Connection:
        self.close()
        connection = sqlite3.connect(
            self._uri, uri=True, timeout=_WAIT_FOR_LOCK_S, isolation_level=None, cached_statements=_CACHED_STATEMENTS
        )
        self._connection = connection
        connection.set_progress_handler(self._is_late, _STEPS_BETWEEN_CHECKS)
        connection.execute("PRAGMA query_only = 1")
        connection.execute("PRAGMA temp_store = MEMORY")
        return connection

    def _is_late(self) -> bool:
        return time.monotonic() > self._deadline

    def _load(self, connection: sqlite3.Connection) -> None:
        """Check the form and read the states in one snapshot."""
        connection.execute("BEGIN")
        try:
            form = connection.execute("SELECT value FROM meta WHERE name = 'schema_hash'").fetchone()
            if form is None or form[0] != schema_hash():
                raise ReadModelNotReadyError(reason="of another version")
            states: dict[str, tuple[EntityState, ...]] = {}
            for row in connection.execute(_STATES):
                states[row[1]] = (*states.get(row[1], ()), entity_state(row))
            self._states = states
        finally:
            connection.execute("COMMIT")

    def _meaning(self, failure: sqlite3.Error) -> GatewayError:
        code = getattr(failure, "sqlite_errorcode", 0) & 0xFF
        if code in _LATE:
            return DeadlineError()
        self.close()
        return ReadModelNotReadyError(reason="missing, half built or damaged")
