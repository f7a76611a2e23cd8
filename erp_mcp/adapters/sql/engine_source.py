"""Any other database, through SQLAlchemy: read-only transactions, a statement time-out, and always a rollback.

The driver blocks, so statements run in a thread.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import datetime
from typing import Final

from sqlalchemy import URL, Engine, create_engine, make_url, text
from sqlalchemy.exc import DBAPIError, NoSuchModuleError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as NoConnectionLeftError

from erp_mcp.adapters.sql.statements import Statement, as_written
from erp_mcp.domain.instants import instant_text
from erp_mcp.errors import (
    BadAnswerError,
    ConfigurationError,
    GatewayError,
    SystemRefusedError,
    SystemTimeoutError,
    SystemUnreachableError,
)

Rows = list[dict[str, object]]

_LATE_STATES: Final = ("57014", "55P03", "25P03")  # cancelled by the time-out, lock not available, idle time-out
_REFUSED_STATES: Final = ("28", "42501")  # sign-in refused, no right
_PROBES: Final = {"oracle": "SELECT CURRENT_TIMESTAMP AS moment FROM dual"}
_GRACE_S: Final = 2.0  # the database's own time-out is the better message, so ours comes a little later


class EngineSource:
    """Runs statements on one database."""

    def __init__(self, url: str, *, system: str, account: str, secret: str, timeout_s: float) -> None:
        """Make a pool of two connections; nothing is opened yet.

        Raises:
            ConfigurationError: `settings.bad_configuration`, for an address or driver that is not there.
        """
        self._system = system
        self._timeout_s = timeout_s
        try:
            address = _address(url, account, secret)
            self._engine = _engine(address, timeout_s)
        except (SQLAlchemyError, NoSuchModuleError, ImportError):
            raise ConfigurationError(key=f"systems.{system}.url", reason="no such database address or driver") from None
        self.dialect = self._engine.dialect.name

    async def rows(self, statement: Statement, *, limit: int) -> Rows:
        """Return at most `limit` rows by column name.

        Raises:
            SystemUnreachableError: `adapter.unreachable`; SystemTimeoutError: `adapter.timeout`;
            SystemRefusedError: `adapter.refused`; BadAnswerError: `adapter.bad_answer`.
        """
        try:
            async with asyncio.timeout(self._timeout_s + _GRACE_S):
                return await asyncio.to_thread(self._run, statement, limit)
        except TimeoutError:
            raise SystemTimeoutError(system=self._system) from None
        except SQLAlchemyError as failure:
            raise self._meaning(failure) from None  # its text is the system's

    async def probe(self) -> Mapping[str, str]:
        """Run one statement and return what answers here, with its clock where that has a time zone."""
        rows = await self.rows(as_written(_PROBES.get(self.dialect, "SELECT CURRENT_TIMESTAMP AS moment")), limit=1)
        moment = rows[0].get("moment") if rows else None
        known = {"product": self.dialect}
        if isinstance(moment, datetime) and moment.tzinfo is not None:
            known["server_time"] = instant_text(moment)
        return known

    async def close(self) -> None:
        """Close the pool."""
        self._engine.dispose()

    def _run(self, statement: Statement, limit: int) -> Rows:
        # A colon in the profile's own text is never one of our parameters.
        inner = statement.inner.replace(":", "\\:")
        with self._engine.connect() as connection:
            result = connection.execute(text(f"{statement.before}{inner}{statement.after}"), dict(statement.parameters))
            rows = [dict(row) for row in result.mappings().fetchmany(limit)]
            connection.rollback()
        return rows

    def _meaning(self, failure: SQLAlchemyError) -> GatewayError:
        if isinstance(failure, NoConnectionLeftError):  # statements that were given up still run on all of them
            return SystemTimeoutError(system=self._system)
        original = failure.orig if isinstance(failure, DBAPIError) else None
        state = str(getattr(original, "sqlstate", None) or "")
        if state.startswith(_LATE_STATES):
            return SystemTimeoutError(system=self._system)
        if state.startswith(_REFUSED_STATES) or "authentication failed" in str(original):
            return SystemRefusedError(system=self._system)
        if type(original).__name__ in {"OperationalError", "InterfaceError", "ConnectionTimeout"} and not state:
            return SystemUnreachableError(system=self._system)
        if state.startswith(("08", "57P")):
            return SystemUnreachableError(system=self._system)
        return BadAnswerError(system=self._system, reason="the database does not fit the profile")


def _address(url: str, account: str, secret: str) -> URL:
    address = make_url(url)
    if address.drivername in {"postgres", "postgresql"}:
        address = address.set(drivername="postgresql+psycopg")
    if account:
        address = address.set(username=account)
    return address.set(password=secret) if secret else address


def _engine(address: URL, timeout_s: float) -> Engine:
    options: dict[str, str | int] = {}
    execution: dict[str, bool] = {}
    if address.get_backend_name() == "postgresql":
        limit = int(timeout_s * 1000)  # milliseconds
        options = {
            "connect_timeout": max(2, int(timeout_s)),
            "options": f"-c statement_timeout={limit} -c lock_timeout={limit} -c default_transaction_read_only=on",
        }
        execution = {"postgresql_readonly": True}
    return create_engine(
        address,
        pool_size=2,
        max_overflow=0,
        pool_timeout=timeout_s,
        pool_pre_ping=True,
        connect_args=options,
        execution_options=execution,
        hide_parameters=True,
    )
