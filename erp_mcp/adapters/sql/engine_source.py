"""Any other database, through SQLAlchemy: an account that can only read, read-only transactions, always rolled back.

The driver blocks, so statements run in a thread. Each goes through the system's door, as requests over HTTP do.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Final, TypeVar

from sqlalchemy import Connection as SqlConnection
from sqlalchemy import Dialect, Engine, Executable, text
from sqlalchemy.exc import SQLAlchemyError

from erp_mcp.adapters._connection import Connection
from erp_mcp.adapters.sql import replica
from erp_mcp.adapters.sql.engines import Running, database_address, engine_for
from erp_mcp.adapters.sql.failures import meaning, works_again
from erp_mcp.adapters.sql.rights import Rights, revocations, rights_of, shown
from erp_mcp.adapters.sql.source import Found
from erp_mcp.adapters.sql.statements import Statement
from erp_mcp.credentials import account_of
from erp_mcp.domain.call_context import current_call
from erp_mcp.domain.instants import instant_text
from erp_mcp.domain.traffic import Ending
from erp_mcp.egress.admission import Door
from erp_mcp.egress.local_traffic import LocalTraffic
from erp_mcp.egress.places import where_to
from erp_mcp.egress.repeating import delay_s
from erp_mcp.errors import (
    AccountTooPowerfulError,
    BadAnswerError,
    ConfigurationError,
    GatewayError,
    SecretUnavailableError,
    SystemBusyError,
    SystemRefusedError,
    SystemTimeoutError,
    SystemUnreachableError,
)
from erp_mcp.ports import Clock

T = TypeVar("T")
_RIGHTS: Final = "erp_mcp_rights"  # kept beside the connection that they were asked on
_HEARTBEAT: Final = "heartbeat"  # the only setting of this kind: table.column
_NAMED: Final = 8  # rights in an error; `systems probe` shows more
_GRACE_S: Final = 2.0  # the database's own time-out is the better message, so ours comes a little later
_MARGIN_S: Final = 0.05
_PATIENCE_S: Final = 2.0  # without an answer, before a database counts as too slow
_PAUSE_S: Final = 1.0
_GIVEN_UP: Final[Ending] = "given_up"
_PRODUCTS: Final = {"postgresql": "PostgreSQL", "mysql": "MySQL", "mariadb": "MariaDB", "mssql": "SQL Server",
                    "oracle": "Oracle Database"}  # fmt: skip
_MOMENTS: Final = {
    "mysql": "SELECT UTC_TIMESTAMP(6) AS moment, CURRENT_USER() AS account",
    "oracle": "SELECT CURRENT_TIMESTAMP AS moment, USER AS account FROM dual",
    "sqlite": "SELECT CURRENT_TIMESTAMP AS moment, '' AS account",
}
_MOMENT: Final = "SELECT CURRENT_TIMESTAMP AS moment, CURRENT_USER AS account"


class _WorksAgainError(Exception):
    """The database took a statement back; the same one is likely to work at once."""


class EngineSource:
    """Runs statements on one database."""

    def __init__(
        self,
        connection: Connection,
        clock: Clock,
        *,
        called: frozenset[str] = frozenset(),
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        chance: Callable[[], float] = random.random,
    ) -> None:
        """Check the address; nothing is opened yet. `called` are functions that the profile's statements call.

        Raises:
            ConfigurationError: `settings.bad_configuration`, for an address or driver that is not there, or a heartbeat
            that is no column.
        """
        self._connection = connection
        self._system = connection.system
        self._timeout_s = connection.timeout_s
        self._clock = clock
        self._called = called
        self._sleep = sleep
        self._chance = chance
        self._address = database_address(connection)
        self._engine: Engine | None = None
        self._signed_in = ("", "")
        self._beat = _heartbeat(connection, self._address.get_dialect()())
        self.dialect = self._address.get_backend_name()
        self._door = Door(
            system=self._system,
            where=where_to(connection.url),
            traffic=connection.traffic or LocalTraffic(),
            limits=connection.limits,
            lasts_s=connection.timeout_s + _GRACE_S,
            sleep=sleep,
        )

    async def find(self, statement: Statement, *, limit: int) -> Found:
        """Return at most `limit` rows; see `Source.find` for errors."""
        return await self._asked(lambda connection: self._found(connection, statement, limit))

    async def rights(self) -> Rights:
        """Return what the account may do beside reading, whether that refuses it or not."""
        return await self._asked(self._rights)

    async def probe(self) -> Mapping[str, str]:
        """Return product, version, account and clock, whether it is a replica, and how far behind."""
        return await self._asked(self._probed)

    async def close(self) -> None:
        """Close all connections."""
        if self._engine is not None:
            self._engine.dispose()

    # --- Asking -------------------------------------------------------------------------------------------------------

    async def _asked(self, work: Callable[[SqlConnection], T]) -> T:
        """Let `work` run on a connection, once there is leave, and again while the database takes it back."""
        until = time.monotonic() + self._timeout_s + _GRACE_S
        if (deadline := current_call().deadline) is not None:
            until = min(until, deadline - _MARGIN_S)
        attempt = 1
        while True:
            try:
                return await self._through_door(work, until)
            except _WorksAgainError:
                attempt += 1
                if not self._may_repeat(attempt):
                    raise SystemTimeoutError(system=self._system) from None
            await self._sleep(delay_s(attempt, self._chance()))

    def _may_repeat(self, attempt: int) -> bool:
        limits = self._connection.limits
        return attempt <= limits.attempts and self._door.may_retry()

    async def _through_door(self, work: Callable[[SqlConnection], T], until: float) -> T:
        given = await self._door.admit("read", lambda: until)
        began, ending, pause_s = time.monotonic(), _GIVEN_UP, 0.0
        try:
            done = await self._as_now(work, until)
            ending = "answered"
        except (SystemUnreachableError, SystemTimeoutError, asyncio.CancelledError) as failure:
            ending = _judged(failure, time.monotonic() - began)
            raise
        except SystemBusyError:
            ending, pause_s = "turned_away", _PAUSE_S
            raise
        except (SecretUnavailableError, ConfigurationError):  # nothing was sent
            raise
        except (GatewayError, _WorksAgainError):
            ending = "answered"
            raise
        finally:
            self._door.leave(given, ending, pause_s)
        return done

    async def _as_now(self, work: Callable[[SqlConnection], T], until: float) -> T:
        """Let `work` run as the user of this moment; one that is refused is asked for anew, once."""
        credential = self._connection.credential
        secret = await credential.current() if credential is not None else self._connection.secret
        try:
            return await self._within(self._engine_as(secret), work, until)
        except SystemRefusedError:
            if credential is None:
                raise
            newer = await credential.after_refusal(secret)
            if self._account(newer) == self._account(secret):
                raise
        return await self._within(self._engine_as(newer), work, until)

    async def _within(self, engine: Engine, work: Callable[[SqlConnection], T], until: float) -> T:
        running = Running(engine)
        try:
            async with asyncio.timeout(max(0.0, until - time.monotonic())):
                return await asyncio.to_thread(self._run, engine, work, running)
        except TimeoutError:
            self._give_up(running)
            raise SystemTimeoutError(system=self._system) from None
        except asyncio.CancelledError:
            self._give_up(running)
            raise
        except SQLAlchemyError as failure:
            if works_again(failure):
                raise _WorksAgainError from None
            raise meaning(failure, self._system) from None  # its text is the system's

    def _give_up(self, running: Running) -> None:
        asyncio.get_running_loop().run_in_executor(None, running.cancel)

    def _engine_as(self, secret: str) -> Engine:
        """Return the pool of the user that a secret belongs to; that of another user is closed."""
        who = self._account(secret)
        if self._engine is None or who != self._signed_in:
            if self._engine is not None:
                self._engine.dispose()
            connection = self._connection
            user, password = who
            self._engine = engine_for(
                self._address, user=user, password=password, timeout_s=self._timeout_s, ca_file=connection.ca_file
            )
            self._signed_in = who
        return self._engine

    def _account(self, secret: str) -> tuple[str, str]:
        return account_of(self._connection.account, secret), str(secret)

    # --- On a connection, in a thread ---------------------------------------------------------------------------------

    def _run(self, engine: Engine, work: Callable[[SqlConnection], T], running: Running) -> T:
        with engine.connect() as connection:
            running.on(connection.connection.driver_connection)
            try:
                if running.given_up:  # before there was anything to stop
                    raise TimeoutError
                return work(connection)
            finally:
                running.on(None)
                if running.given_up or engine is not self._engine:  # a word to stop may still be under way
                    connection.invalidate()
                else:
                    connection.rollback()

    def _found(self, connection: SqlConnection, statement: Statement, limit: int) -> Found:
        rights = self._admitted(connection)
        behind_s = self._behind(connection, rights)
        # A colon in the profile's own text is never one of our parameters.
        inner = statement.inner.replace(":", "\\:")
        result = connection.execute(text(f"{statement.before}{inner}{statement.after}"), dict(statement.parameters))
        return Found(rows=[dict(row) for row in result.mappings().fetchmany(limit)], behind_s=behind_s)

    def _probed(self, connection: SqlConnection) -> Mapping[str, str]:
        rights = self._admitted(connection)
        behind_s = self._behind(connection, rights)
        row = _one(connection, text(_MOMENTS.get(self.dialect, _MOMENT)))
        version = connection.dialect.server_version_info or ()
        product = "mariadb" if getattr(connection.dialect, "is_mariadb", False) else self.dialect
        known = {"product": _PRODUCTS.get(product, product), "version": ".".join(map(str, version))}
        known["account"] = str(row["account"])
        if self.dialect == "postgresql":
            known["role"] = "replica, which nobody can write to" if rights.replica else "primary"
        known["rights"] = _told(rights)
        known["everybody_may"] = ", ".join(shown(rights.everybody))
        if behind_s is not None:
            known["behind_s"] = f"{behind_s:.1f}"
        moment = row["moment"]
        if isinstance(moment, datetime) and self.dialect == "mysql":
            moment = moment.replace(tzinfo=UTC)
        if isinstance(moment, datetime) and moment.tzinfo is not None:
            known["server_time"] = instant_text(moment)
        return {name: value for name, value in known.items() if value}

    def _admitted(self, connection: SqlConnection) -> Rights:
        """Return the rights of the account, looked at once for each connection; one that can write is refused."""
        known = connection.info.get(_RIGHTS)
        rights = known if isinstance(known, Rights) else self._rights(connection)
        if isinstance(known, Rights) and rights.found and rights.replica:  # it may have become a primary meanwhile
            rights = self._rights(connection)
        if rights.refused:
            named = rights.barring[:_NAMED]
            raise AccountTooPowerfulError(system=self._system, rights=shown(named), revoke=revocations(named))
        connection.info[_RIGHTS] = rights
        return rights

    def _rights(self, connection: SqlConnection) -> Rights:
        def run(statement: str) -> Sequence[Mapping[str, object]]:
            # A colon is never a parameter of ours, and may stand in the name of a role.
            result = connection.execute(text(statement.replace(":", "\\:")))
            return [dict(row) for row in result.mappings()] if result.returns_rows else []

        try:
            return rights_of(self.dialect, run, called=self._called)
        except SQLAlchemyError:
            if self.dialect in {"postgresql", "mysql", "mariadb"}:  # these tell everybody: silence is no good news
                raise
            connection.rollback()
            return Rights(known=False)

    def _behind(self, connection: SqlConnection, rights: Rights) -> float | None:
        try:
            if self._beat is not None:
                return replica.since_beat(_one(connection, self._beat), self._clock.wall())
            if rights.replica:
                return replica.behind(_one(connection, text(replica.LAG)))
        except ValueError as failure:
            raise BadAnswerError(system=self._system, reason=str(failure)) from None
        return None


def _heartbeat(connection: Connection, dialect: Dialect) -> Executable | None:
    """Return the statement for the heartbeat that the configuration names, where it names one."""
    key = f"systems.{connection.system}.options"
    for name in connection.options:
        if name != _HEARTBEAT:
            raise ConfigurationError(key=f"{key}.{name}", reason=f"this kind knows {_HEARTBEAT} alone")
    if _HEARTBEAT not in connection.options:
        return None
    try:
        schema, name, field = replica.heartbeat_place(connection.options[_HEARTBEAT])
    except ValueError as failure:
        raise ConfigurationError(key=f"{key}.{_HEARTBEAT}", reason=str(failure)) from None
    quote = dialect.identifier_preparer.quote  # only where the name needs it
    place = f"{quote(schema)}.{quote(name)}" if schema else quote(name)
    return text(f"SELECT MAX({quote(field)}) AS beat, CURRENT_TIMESTAMP AS moment FROM {place}")


def _one(connection: SqlConnection, statement: Executable) -> dict[str, object]:
    return {**connection.execute(statement).mappings().one()}


def _judged(failure: BaseException, seconds: float) -> Ending:
    """Return what a failure says of the database's health; a caller who left early, or had no time, says nothing."""
    deadline = current_call().deadline
    over = deadline is not None and time.monotonic() >= deadline - _MARGIN_S
    patient = seconds >= _PATIENCE_S
    if isinstance(failure, asyncio.CancelledError):
        return "failed" if over and patient else _GIVEN_UP
    return _GIVEN_UP if over and not patient else "failed"


def _told(rights: Rights) -> str:
    if rights.found:
        return "could write to the primary: " + ", ".join(shown(rights.found[:_NAMED]))
    if not rights.known:
        return "not known for this kind of database; give it an account that only reads"
    return "none found beside reading" + (" and what everybody may" if rights.everybody else "")
