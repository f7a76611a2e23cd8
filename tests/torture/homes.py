"""Where the state of a schedule lies: a file or a schema, put as a worker finds it, kept as a killed one leaves it.

What a process leaves that is killed is what it has written: the bytes of a SQLite file with its log, the committed rows
of a schema. So nothing needs to die: at the point of a death what is there is kept, and another worker goes on from it.
"""

from __future__ import annotations

import os
import secrets
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final, Protocol

import psycopg
from psycopg import sql

from erp_mcp.ports import Clock, Ids
from erp_mcp.settings import Settings
from erp_mcp.store.state import postgresql_engine
from erp_mcp.store.state.deployment_state import DeploymentState
from erp_mcp.store.state.file import FILE_NAME
from erp_mcp.store.state.postgresql import PostgresqlState
from erp_mcp.store.state.postgresql_engine import Place
from erp_mcp.store.state.postgresql_schema import prepare, search_path
from erp_mcp.store.state.sqlite import State
from tests.systems.postgresql.server import Rig, running

Kept = Mapping[str, Any]
"""What a home holds, to be put again: the bytes of each file, or the rows of each table."""
SCHEMA: Final = "torture"
_CHUNK: Final = 1 << 14
_JOURNAL: Final = "-journal"
_CHANGES: Final = (4, 24)  # bytes, and where they are: a SQLite file counts the transactions that changed it
_OWN: Final = "about"  # whose schema it is; the same for every schedule
_JOURNAL_MODE: Final = slice(18, 20)  # of the header of a SQLite file: 2 for a log, which memory can not have


class Home(Protocol):
    """Keeps the state of one schedule after the other."""

    name: str

    def put(self, kept: Kept) -> None:
        """Make it hold this and nothing else; nobody has it open."""
        ...

    def kept(self) -> Kept:
        """Return what a process leaves that is killed now."""
        ...

    def of_file(self, data: bytes) -> Kept:
        """Return what a state file holds, as this home keeps it."""
        ...

    def open(self, clock: Clock, ids: Ids) -> DeploymentState:
        """Open the state as a new process does."""
        ...

    def tasks(self) -> int:
        """Return how many tasks for people were made."""
        ...

    def leaves(self) -> list[bytes]:
        """Return what the audit says in the clear."""
        ...


@dataclass(slots=True)
class FileHome:
    """A state file."""

    directory: Path
    name: str = "sqlite"
    _held: list[int] = field(default_factory=list)  # closing a file would drop the locks that its writer has on it

    @property
    def file(self) -> Path:
        return self.directory / FILE_NAME

    def put(self, kept: Kept) -> None:
        _let_go(self._held)
        for name in (FILE_NAME, f"{FILE_NAME}-wal", f"{FILE_NAME}-shm"):
            _write(self.directory / name, kept.get(name))

    def kept(self) -> Kept:
        found = {name: _read(self.directory / name, self._held) for name in (FILE_NAME, f"{FILE_NAME}-wal")}
        return {name: data for name, data in found.items() if data is not None}

    def of_file(self, data: bytes) -> Kept:
        return {FILE_NAME: data}

    def open(self, clock: Clock, ids: Ids) -> DeploymentState:
        return State(self.directory, clock=clock, ids=ids)

    def tasks(self) -> int:
        with closing(sqlite3.connect(self.file)) as state:
            return int(state.execute("SELECT count(*) FROM human_task").fetchone()[0])

    def leaves(self) -> list[bytes]:
        with closing(sqlite3.connect(self.file)) as state:
            return [row[0] for row in state.execute("SELECT leaf FROM audit_record")]


class SchemaHome:
    """A schema on PostgreSQL, on connections that are handed on from worker to worker: signing in takes longest."""

    name = "postgresql"

    def __init__(self, place: Place, owner: psycopg.Connection) -> None:
        """Keep state in the schema of `place`; `owner` may do everything in it."""
        self._place = place
        self._owner = owner
        named = owner.execute("SELECT table_name FROM information_schema.tables WHERE table_schema = %s", (SCHEMA,))
        self.tables = sorted(row[0] for row in named if row[0] != _OWN)

    def put(self, kept: Kept) -> None:
        with self._owner.transaction(), self._owner.cursor() as cursor:
            cursor.execute("SET LOCAL session_replication_role = replica")
            cursor.execute("; ".join(f"DELETE FROM {table}" for table in self.tables))
            for table, rows in kept.items():
                if rows:
                    places = ", ".join(["%s"] * len(rows[0]))
                    cursor.executemany(f"INSERT INTO {table} VALUES ({places})", rows)

    def kept(self) -> Kept:
        with self._owner.transaction(), self._owner.cursor() as cursor:
            cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
            return {table: cursor.execute(f"SELECT * FROM {table}").fetchall() for table in self.tables}

    def of_file(self, data: bytes) -> Kept:
        with closing(sqlite3.connect(":memory:")) as state:
            whole = bytearray(data)
            whole[_JOURNAL_MODE] = b"\x01\x01"
            state.deserialize(bytes(whole))
            return {table: state.execute(self._selected(table)).fetchall() for table in self.tables}

    def _selected(self, table: str) -> str:
        """Return a SELECT of a table's columns in the order that the schema has them."""
        with self._owner.cursor() as cursor:
            described = cursor.execute(f"SELECT * FROM {table} LIMIT 0").description or ()
        return f"SELECT {', '.join(column.name for column in described)} FROM {table}"

    def open(self, clock: Clock, ids: Ids) -> DeploymentState:
        return PostgresqlState(self._place, clock=clock, ids=ids)

    def tasks(self) -> int:
        row = self._owner.execute("SELECT count(*) FROM human_task").fetchone()
        assert row is not None
        return int(row[0])

    def leaves(self) -> list[bytes]:
        return [row[0] for row in self._owner.execute("SELECT leaf FROM audit_record")]


@contextmanager
def home_on(store: str, settings: Settings) -> Iterator[Home]:
    """Give a home of a deployment on a store: its own file, or a database of the rig there is, or of one for it."""
    if store == "sqlite":
        yield FileHome(settings.state_dir)
        return
    with TemporaryDirectory() as state, running(Path(state)) as rig, schema_home(rig, settings.deployment) as home:
        yield home


@contextmanager
def schema_home(rig: Rig, deployment: str) -> Iterator[SchemaHome]:
    """Give a home in a database of its own, which is dropped at the end."""
    name = f"torture_{os.getpid()}_{secrets.token_hex(2)}"
    rig.create_database(name)
    secret = rig.create_role(name)
    try:
        with rig.admin(name) as owner, _handing_on():
            prepare(owner, schema=SCHEMA, deployment=deployment, role=name)
            owner.execute("SELECT set_config('search_path', %s, false)", (search_path(SCHEMA),))
            place = Place(url=rig.url(name), schema=SCHEMA, deployment=deployment, account=name, secret=lambda: secret)
            yield SchemaHome(place, owner)
    finally:
        with rig.admin() as admin:
            admin.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))
            admin.execute(sql.SQL("DROP ROLE {}").format(sql.Identifier(name)))


@contextmanager
def _handing_on() -> Iterator[None]:
    """Let connections that a worker closes be the next one's, as new: rolled back, with nothing of the last one's."""
    free: list[psycopg.Connection] = []
    signed_in = postgresql_engine.signed_in
    really_close = psycopg.Connection.close

    def taken(place: Place) -> psycopg.Connection:
        connection = free.pop() if free else signed_in(place)
        connection.__dict__["close"] = lambda: _give_back(connection, free)
        return connection

    postgresql_engine.signed_in = taken
    try:
        yield
    finally:
        postgresql_engine.signed_in = signed_in
        for connection in free:
            really_close(connection)


def _give_back(connection: psycopg.Connection, free: list[psycopg.Connection]) -> None:
    if connection not in free:
        connection.rollback()
        connection.execute("RESET ALL")
        free.append(connection)


# --- Files ------------------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class ErpFile:
    """The ERP's file, kept as what of it differs from how it was at first, and its journal."""

    path: Path
    base: bytes
    _held: list[int] = field(default_factory=list)
    _last: tuple[bytes, Kept] | None = None  # the file's own count of its changes, and what it held then

    def put(self, kept: Kept) -> None:
        """Make the file hold this."""
        last = self._unchanged()
        _let_go(self._held)
        self._delete_sides()
        if last is None or last["base"] is not kept["base"]:
            self.path.write_bytes(kept["base"])
            last = nothing_done(kept["base"])
        places = {**last["chunks"], **kept["chunks"]}
        if places or last["size"] != kept["size"]:
            with self.path.open("r+b") as file:
                for place in places:
                    file.seek(place)
                    file.write(kept["chunks"].get(place) or kept["base"][place : place + _CHUNK])
                file.truncate(kept["size"])
        if kept.get(_JOURNAL) is not None:
            self._journal.write_bytes(kept[_JOURNAL])
        self.base = kept["base"]
        self._last = (self._count(), kept)

    def kept(self) -> Kept:
        """Return what a process leaves that is killed now, in the middle of a transaction too."""
        last = self._unchanged()
        if last is not None:
            return last
        data = _read(self.path, self._held)
        assert data is not None
        chunks = dict(_differing(self.base, data))
        return {"base": self.base, "size": len(data), "chunks": chunks, _JOURNAL: _read(self._journal, self._held)}

    @property
    def _journal(self) -> Path:
        return self.path.with_name(self.path.name + _JOURNAL)

    def _delete_sides(self) -> None:
        self._journal.unlink(missing_ok=True)

    def _unchanged(self) -> Kept | None:
        """Return what was put last, where nobody has written since and nobody is writing."""
        if self._last is None or self._journal.exists() or self._last[1].get(_JOURNAL) is not None:
            return None
        return self._last[1] if self._count() == self._last[0] else None

    def _count(self) -> bytes:
        one = os.open(self.path, os.O_RDONLY)
        self._held.append(one)
        return os.pread(one, *_CHANGES)


def nothing_done(base: bytes) -> Kept:
    """Return how an ERP is kept that is as it was at first."""
    return {"base": base, "size": len(base), "chunks": {}}


def _differing(base: bytes, data: bytes) -> Iterator[tuple[int, bytes]]:
    for place in range(0, len(data), _CHUNK):
        chunk = data[place : place + _CHUNK]
        if chunk != base[place : place + _CHUNK]:
            yield place, chunk


def _read(path: Path, held: list[int]) -> bytes | None:
    with suppress(FileNotFoundError):
        one = os.open(path, os.O_RDONLY)
        held.append(one)
        return os.pread(one, os.fstat(one).st_size, 0)
    return None


def _write(path: Path, data: bytes | None) -> None:
    if data is None:
        path.unlink(missing_ok=True)
    else:
        path.write_bytes(data)


def _let_go(held: list[int]) -> None:
    for one in held:
        os.close(one)
    held.clear()
