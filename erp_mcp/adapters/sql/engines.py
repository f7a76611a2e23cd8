"""Connections to one database as one user: read-only sessions with time-outs, few of them, and none of them old."""

from __future__ import annotations

import contextlib
from threading import Event, Lock
from typing import Final, Protocol, cast

from sqlalchemy import URL, Engine, create_engine, make_url
from sqlalchemy.exc import NoSuchModuleError, SQLAlchemyError

from erp_mcp.adapters._connection import Connection
from erp_mcp.adapters.sql import mysql_sessions
from erp_mcp.errors import ConfigurationError

POOL: Final = 2
_OLDEST_S: Final = 900  # after this long a connection is made anew, and its rights are looked at again
_LOCK_MS: Final = 5000  # reading waits only for changes of the table's form
_CANCEL_S: Final = 5.0
_AGAIN_S: Final = 0.1
_DRIVERS: Final = {
    "postgres": "postgresql+psycopg",
    "postgresql": "postgresql+psycopg",
    "mysql": "mysql+pymysql",
    "mariadb": "mysql+pymysql",
    "mariadb+pymysql": "mysql+pymysql",
}
"""The drivers that sessions, time-outs and errors are known of; any other is used as it is named."""


def database_address(connection: Connection) -> URL:
    """Return the address of a connection, with the driver that we use and without account and secret.

    Raises:
        ConfigurationError: `settings.bad_configuration`, for an address or driver that is not there.
    """
    try:
        address = make_url(connection.url)
        address = address.set(drivername=_DRIVERS.get(address.drivername, address.drivername))
        if connection.database:
            address = address.set(database=connection.database)
        address.get_dialect().import_dbapi()
    except (SQLAlchemyError, NoSuchModuleError, ImportError):
        key = f"systems.{connection.system}.url"
        raise ConfigurationError(key=key, reason="no such database address or driver") from None
    return address


def engine_for(address: URL, *, user: str, password: str, timeout_s: float, ca_file: str = "") -> Engine:
    """Return a pool of two connections as one user; nothing is opened yet."""
    if user:
        address = address.set(username=user)
    if password:
        address = address.set(password=password)
    options: dict[str, object] = {}
    execution: dict[str, bool] = {}
    if address.get_backend_name() == "postgresql":
        options = _postgresql(timeout_s, ca_file)
        execution = {"postgresql_readonly": True}
    elif address.drivername == _DRIVERS["mysql"]:
        options = mysql_sessions.connect_arguments(timeout_s, ca_file, password)
    engine = create_engine(
        address,
        pool_size=POOL,
        max_overflow=0,
        pool_timeout=timeout_s,
        pool_pre_ping=True,
        pool_recycle=_OLDEST_S,
        connect_args=options,
        execution_options=execution,
        hide_parameters=True,
    )
    if address.drivername == _DRIVERS["mysql"]:
        mysql_sessions.prepare(engine, timeout_s)
    return engine


def _postgresql(timeout_s: float, ca_file: str) -> dict[str, object]:
    limit = max(1, int(timeout_s * 1000))  # milliseconds; 0 would mean none
    session = {
        "statement_timeout": str(limit),
        "lock_timeout": str(min(limit, _LOCK_MS)),
        "idle_in_transaction_session_timeout": str(limit),
        "default_transaction_read_only": "on",
    }
    options: dict[str, object] = {
        "connect_timeout": max(2, int(timeout_s)),
        "application_name": "erp-mcp",
        "options": " ".join(f"-c {name}={value}" for name, value in session.items()),
    }
    return {**options, "sslmode": "verify-full", "sslrootcert": ca_file} if ca_file else options


class _Cancels(Protocol):
    def cancel_safe(self, *, timeout: float) -> None: ...


class Running:
    """The statement that runs for one caller, so that it can be stopped when nobody waits for it any more."""

    def __init__(self, engine: Engine) -> None:
        """Nothing runs yet."""
        self._engine = engine
        self._lock = Lock()
        self._driver: object = None
        self._ended = Event()
        self.given_up = False

    def on(self, driver: object) -> None:
        """Note the driver's connection that works for us now; `None` at the end."""
        with self._lock:
            self._driver = driver
            if driver is None:
                self._ended.set()

    def cancel(self) -> None:
        """Ask the database to stop, where the driver knows how, until it has; takes a moment of its own.

        A word that comes between two statements stops neither of them.
        """
        self.given_up = True
        while self._stop() and not self._ended.wait(_AGAIN_S):
            continue

    def _stop(self) -> bool:
        """Return whether there was something to stop."""
        with self._lock:
            if self._driver is None:
                return False
            with contextlib.suppress(Exception):  # it ends by its own time-out then
                if hasattr(self._driver, "cancel_safe"):
                    cast("_Cancels", self._driver).cancel_safe(timeout=_CANCEL_S)
                elif (thread := mysql_sessions.thread_of(self._driver)) is not None:
                    mysql_sessions.stop(self._engine, thread)
            return True
