"""The state of a deployment in a schema of PostgreSQL: the same store as on SQLite, for any number of machines.

Two connections, as to the file. `records` (synchronous_commit off) survives the death of the process and is what reads
write their audit with; `effects` (on) survives power loss of the server. A write that survives takes all before it
along, so what a crash of the server can lose is an end of the log, never a part of its middle.

Transactions are READ COMMITTED: each statement sees what was committed before it began. Who looks and then writes
takes the lock first, so the look that follows sees everything that others did under it.
"""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import lru_cache
from hashlib import sha256
from typing import Final

import psycopg
from psycopg import conninfo

from erp_mcp.errors import StateUnavailableError
from erp_mcp.store.state.engine import Values
from erp_mcp.store.state.file import BUSY_S
from erp_mcp.store.state.postgresql_schema import check, check_not_newer, search_path

_NAMED: Final = re.compile(r":([a-z_]+)")
_CONNECT_S: Final = 3
_IDLE_S: Final = 5.0  # after this long nobody knows whether the other side is still there
_STATEMENT_S: Final = 30  # none of ours takes a hundredth of it
_LOOKING: Final = "BEGIN; SELECT version FROM about"  # on one way to the server and back
_HUNG_S: Final = 15  # a process that stops in the middle of a transaction holds up all others for so long


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where the state lies, and as whom to sign in.

    Attributes:
        url: `postgresql://HOST:PORT/DATABASE`, without user and password.
        schema: The schema of this deployment in it.
        deployment: Whose state it is.
        account: The role to sign in as.
        secret: Gives its password, asked at each sign-in, so that it can change while we run.
        ca_file: Certificates that vouch for the server; its name is compared too. Empty: what the URL says.
    """

    url: str
    schema: str
    deployment: str
    account: str
    secret: Callable[[], str]
    ca_file: str = ""


class PostgresqlSession:
    """A connection as the store's statements see it; rows and names are locked apart."""

    holding = " FOR UPDATE"
    skipping = " FOR UPDATE SKIP LOCKED"

    def __init__(self, connection: psycopg.Connection, schema: str) -> None:
        """Run statements on `connection`; names of locks are those of `schema`."""
        self._connection = connection
        self._schema = schema
        self._alone: set[int] = set()  # keys that this transaction holds until its end

    def execute(self, statement: str, values: Values = ()) -> psycopg.Cursor:
        """Run one statement; see `engine.Session`."""
        if statement.startswith("ROLLBACK"):  # to a savepoint lets go of what was locked behind it
            self._alone.clear()
        try:
            return self._connection.execute(_bound(statement), values)
        except (psycopg.Error, UnicodeError) as error:
            raise StateUnavailableError(reason=type(error).__name__) from error

    def executemany(self, statement: str, rows: Iterable[Sequence[object]]) -> None:
        """Run one statement for each of some rows; see `engine.Session`."""
        for row in rows:
            self.execute(statement, row)

    def lock(self, *names: str, shared: bool = False) -> None:
        """Hold names until the transaction ends, in one order for all transactions; see `engine.Session`.

        What is held alone already is not asked for again.
        """
        keys = sorted({_key(self._schema, name) for name in names} - self._alone)
        if not keys:
            return
        word = "pg_advisory_xact_lock_shared" if shared else "pg_advisory_xact_lock"
        self.execute(f"SELECT {', '.join(f'{word}(?)' for _ in keys)}", keys)
        if not shared:
            self._alone.update(keys)

    def mark(self) -> None:
        """Return `None`: nothing tells what others have written but to look."""
        return


class PostgresqlEngine:
    """An open schema. Safe for several threads of a process, for several processes and machines."""

    def __init__(self, place: Place, *, busy_s: float = BUSY_S) -> None:
        """Sign in, and see that the schema is this deployment's and of this version.

        Args:
            place: Where and as whom.
            busy_s: Seconds to wait for what another transaction holds.

        Raises:
            StateUnavailableError: `state.unavailable`; facts say why.
        """
        self._place = place
        self._busy_s = busy_s
        self._lock = threading.RLock()
        self._closed = False
        self._in_snapshot = False
        self._connections: dict[str, tuple[psycopg.Connection, float]] = {}
        with self.reading():
            pass

    @contextmanager
    def reading(self) -> Iterator[PostgresqlSession]:
        """Give the session to read with; see `engine.Engine`."""
        with self._lock, _told():
            yield self._session("off")

    @contextmanager
    def snapshot(self) -> Iterator[None]:
        """Let everything read inside the block be as of one moment; see `engine.Engine`."""
        with self.reading() as session:
            session.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
            self._in_snapshot = True
            try:
                yield
            finally:
                self._in_snapshot = False
                session.execute("ROLLBACK")

    @contextmanager
    def recording(self) -> Iterator[PostgresqlSession]:
        """Give a session inside one transaction that survives the death of the process; see `engine.Engine`."""
        with self._lock, _told():
            session, _ = self._begun("off", "BEGIN")
            with _transaction(session):
                yield session

    @contextmanager
    def writing(self) -> Iterator[PostgresqlSession]:
        """Give a session inside one transaction that survives power loss; see `engine.Engine`.

        Until it ends nobody renews the schema: `postgresql_schema.prepare` waits for whoever has read `about`.
        """
        with self._lock, _told():
            session, looked = self._begun("on", _LOOKING)
            with _transaction(session):
                looked.nextset()
                (version,) = looked.fetchone() or (0,)
                check_not_newer(version)
                yield session

    def close(self) -> None:
        """Let go of the connections; nothing happens the second time."""
        with self._lock:
            self._closed = True
            for connection, _ in self._connections.values():
                connection.close()

    def _begun(
        self, durability: str, statement: str, *, again: bool = False
    ) -> tuple[PostgresqlSession, psycopg.Cursor]:
        """Return a session in a new transaction, and what the statement that began it gave.

        Where the server has gone and come back, nothing was lost by that.
        """
        session = self._session(durability)
        try:
            return session, session.execute(statement)
        except StateUnavailableError:
            if self._connections[durability][0].closed and not again:
                return self._begun(durability, statement, again=True)
            with suppress(StateUnavailableError):  # it may have begun, and failed behind that
                session.execute("ROLLBACK")
            raise

    def _session(self, durability: str) -> PostgresqlSession:
        """Return a session on the connection of this durability, opened anew where the one there was is lost."""
        if self._closed:
            raise StateUnavailableError(reason="closed")
        connection, used = self._connections.get(durability) or (None, 0.0)
        if connection is None or not self._is_alive(connection, used):
            if connection is not None:
                connection.close()
            connection = self._opened(durability)
        self._connections[durability] = (connection, time.monotonic())
        return PostgresqlSession(connection, self._place.schema)

    def _is_alive(self, connection: psycopg.Connection, used: float) -> bool:
        if connection.closed:
            return False
        if self._in_snapshot or time.monotonic() - used < _IDLE_S:
            return True
        with suppress(psycopg.OperationalError):
            connection.execute("SELECT 1")
            return True
        return False

    def _opened(self, durability: str) -> psycopg.Connection:
        connection = signed_in(self._place)
        try:
            settings = {
                "search_path": search_path(self._place.schema),
                "synchronous_commit": durability,
                "lock_timeout": f"{max(1, int(self._busy_s * 1000))}ms",
                "statement_timeout": f"{_STATEMENT_S + int(self._busy_s)}s",
                "idle_in_transaction_session_timeout": f"{_HUNG_S}s",
                "default_transaction_isolation": "read committed",
                "client_min_messages": "error",
            }
            each = ", ".join("set_config(%s, %s, false)" for _ in settings)
            connection.execute(f"SELECT {each}", [word for pair in settings.items() for word in pair])
            check(connection, deployment=self._place.deployment)
        except BaseException:
            connection.close()
            raise
        return connection


def signed_in(place: Place) -> psycopg.Connection:
    """Return a new connection in autocommit mode: transactions are begun in so many words.

    Raises:
        psycopg.OperationalError: it can't be reached, or does not let us in.
        StateUnavailableError, ConfigurationError, SecretUnavailableError: as `place.secret`.
    """
    tls = {"sslmode": "verify-full", "sslrootcert": place.ca_file} if place.ca_file else {}
    return psycopg.connect(
        conninfo.make_conninfo(place.url, **tls),
        autocommit=True,
        user=place.account or None,
        password=place.secret() or None,
        connect_timeout=_CONNECT_S,
        application_name="erp-mcp",
        keepalives_idle=_CONNECT_S,
        tcp_user_timeout=_HUNG_S * 1000,
    )


@contextmanager
def _told() -> Iterator[None]:
    """Tell whatever the driver says under the one code of the store."""
    try:
        yield
    except psycopg.Error as error:
        raise StateUnavailableError(reason=type(error).__name__) from error


@contextmanager
def _transaction(session: PostgresqlSession) -> Iterator[PostgresqlSession]:
    """Hold a transaction that was begun for a block: committed at its end, rolled back when it raises."""
    try:
        yield session
    except BaseException:
        with suppress(StateUnavailableError):
            session.execute("ROLLBACK")
        raise
    try:
        done = session.execute("COMMIT")
    except StateUnavailableError as error:  # it may have arrived, and only the answer not
        raise StateUnavailableError(**error.facts, outcome="unknown") from error
    if done.statusmessage != "COMMIT":  # a statement failed and nobody said so; the server has rolled back
        raise StateUnavailableError(reason="rolled back")


@lru_cache(maxsize=512)
def _bound(statement: str) -> str:
    """Return a statement with the places for values as the driver has them; ours hold no `?`, `%` or `:` beside."""
    return _NAMED.sub(r"%(\1)s", statement).replace("?", "%s")


@lru_cache(maxsize=4096)
def _key(schema: str, name: str) -> int:
    """Return the number of a name: 64 bits, so that two of one schema or of two do not meet by chance."""
    return int.from_bytes(sha256(f"erp-mcp/{schema}/{name}".encode()).digest()[:8], "big", signed=True)
