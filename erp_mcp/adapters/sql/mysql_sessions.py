"""Sessions of MariaDB and MySQL: read-only, with time-outs, in UTC; and how a statement of one is stopped.

The driver is PyMySQL. It writes values into the text of a statement as quoted literals, by the character set and the
mode of the session, so both stay as they are set here.
"""

from __future__ import annotations

import contextlib
import math
from typing import Final, Protocol

from sqlalchemy import Engine, event

GRACE_S: Final = 5  # after which the driver itself gives up a connection that is silent
_LOCK_S: Final = 5  # reading waits only for changes of the table's form


class _Cursor(Protocol):
    def execute(self, statement: str) -> object: ...

    def fetchone(self) -> tuple[object, ...] | None: ...

    def close(self) -> object: ...


class _Driver(Protocol):
    def cursor(self) -> _Cursor: ...


def connect_arguments(timeout_s: float, ca_file: str, password: str = "") -> dict[str, object]:
    """Return what a connection is made with: time-outs in whole seconds, no local files, TLS checked by a CA.

    The password goes as bytes, since the driver would take a text for Latin-1.
    """
    patience = max(2, math.ceil(timeout_s))
    options: dict[str, object] = {
        "connect_timeout": patience,
        "read_timeout": patience + GRACE_S,
        "write_timeout": patience + GRACE_S,
        "charset": "utf8mb4",
        "local_infile": False,
    }
    if password:
        options["password"] = password.encode()
    if ca_file:
        options |= {"ssl_ca": ca_file, "ssl_verify_cert": True, "ssl_verify_identity": True}
    return options


def prepare(engine: Engine, timeout_s: float) -> None:
    """Let every new connection of an engine be read-only, bounded and in UTC before anything is asked on it."""

    def connected(driver: _Driver, _: object) -> None:
        cursor = driver.cursor()
        try:
            cursor.execute("SELECT VERSION()")
            version = str((cursor.fetchone() or ("",))[0])
            for statement in session_statements(version, timeout_s):
                cursor.execute(statement)
        finally:
            cursor.close()

    event.listen(engine, "connect", connected)


def session_statements(version: str, timeout_s: float) -> list[str]:
    """Return what is said first on a connection to a server of this version."""
    wait_s = max(1, min(math.ceil(timeout_s), _LOCK_S))
    shared = f"time_zone = '+00:00', lock_wait_timeout = {wait_s}, innodb_lock_wait_timeout = {wait_s}"
    shared += ", sql_quote_show_create = 1"  # else names of grants can't be told from words
    if "mariadb" in version.lower():
        idle_s = max(1, math.ceil(timeout_s))
        own = f"max_statement_time = {timeout_s:.3f}, idle_transaction_timeout = {idle_s}"
    else:
        own = f"max_execution_time = {max(1, int(timeout_s * 1000))}"
    return ["SET SESSION TRANSACTION READ ONLY", f"SET SESSION {shared}, SESSION {own.replace(', ', ', SESSION ')}"]


def thread_of(driver: object) -> int | None:
    """Return the server's number of a connection, where the driver knows one."""
    number = getattr(driver, "thread_id", None)
    return int(number()) if callable(number) else None


def stop(engine: Engine, thread: int) -> None:
    """Ask the server to stop the statement of one of its connections, over another one beside the pool."""
    pool = engine.pool.recreate()
    try:
        with contextlib.closing(pool.connect()) as connection:
            cursor = connection.cursor()
            try:
                cursor.execute(f"KILL QUERY {thread:d}")
            finally:
                cursor.close()
    finally:
        pool.dispose()
