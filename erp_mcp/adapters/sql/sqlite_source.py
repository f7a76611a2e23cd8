"""SQLite files, opened read-only for each statement, so a file that is replaced or gone is noticed at once."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import Final

from erp_mcp.adapters.sql.rights import Rights
from erp_mcp.adapters.sql.source import DOES_NOT_FIT, Found, Rows
from erp_mcp.adapters.sql.statements import Statement, as_written
from erp_mcp.errors import BadAnswerError, GatewayError, SystemTimeoutError, SystemUnreachableError

_STEPS_BETWEEN_CHECKS: Final = 5000
_GONE: Final = frozenset({sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_AUTH})
_LATE: Final = frozenset({sqlite3.SQLITE_INTERRUPT, sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED})


class SqliteSource:
    """Runs statements on one SQLite file."""

    dialect = "sqlite"

    def __init__(self, path: Path, *, system: str, timeout_s: float) -> None:
        """Name the file; nothing is opened yet. A statement may take `timeout_s` seconds with waiting for locks."""
        self._uri = f"{path.resolve().as_uri()}?mode=ro"
        self._system = system
        self._timeout_s = timeout_s

    async def find(self, statement: Statement, *, limit: int) -> Found:
        """Return at most `limit` rows.

        Raises:
            SystemUnreachableError: `adapter.unreachable`; SystemTimeoutError: `adapter.timeout`;
            BadAnswerError: `adapter.bad_answer`, when the statement does not fit the file, or it is no database.
        """
        try:
            return Found(rows=self._run(statement, limit))
        except sqlite3.Error as failure:
            raise self._meaning(failure) from None  # its text is the system's

    async def rights(self) -> Rights:
        """Return no rights to write: the file is opened for reading alone, whoever may write to it otherwise."""
        return Rights()

    async def probe(self) -> Mapping[str, str]:
        """Run one statement and return what answers here."""
        await self.find(as_written("SELECT name FROM sqlite_master"), limit=1)
        return {"product": "SQLite", "version": sqlite3.sqlite_version, "rights": "the file is opened for reading only"}

    async def close(self) -> None:
        """Nothing is held open."""

    def _run(self, statement: Statement, limit: int) -> Rows:
        deadline = time.monotonic() + self._timeout_s
        with closing(sqlite3.connect(self._uri, uri=True, timeout=self._timeout_s)) as connection:
            connection.execute("PRAGMA query_only = 1")
            connection.set_progress_handler(lambda: time.monotonic() > deadline, _STEPS_BETWEEN_CHECKS)
            cursor = connection.execute(statement.text, dict(statement.parameters))
            names = [column[0] for column in cursor.description or ()]
            return [dict(zip(names, row, strict=True)) for row in cursor.fetchmany(limit)]

    def _meaning(self, failure: sqlite3.Error) -> GatewayError:
        code = getattr(failure, "sqlite_errorcode", 0) & 0xFF  # the low byte is the primary code
        if code in _GONE:
            return SystemUnreachableError(system=self._system)
        if code in _LATE:
            return SystemTimeoutError(system=self._system)
        return BadAnswerError(system=self._system, reason=DOES_NOT_FIT)
