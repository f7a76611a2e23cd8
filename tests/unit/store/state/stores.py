"""The two stores that the same tests run on, and what a person does to one behind the gateway's back."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Final

import psycopg

from erp_mcp.ports import Clock
from erp_mcp.store.state.deployment_state import DeploymentState
from erp_mcp.store.state.file import FILE_NAME
from erp_mcp.store.state.postgresql import PostgresqlState
from erp_mcp.store.state.postgresql_engine import Place
from erp_mcp.store.state.postgresql_schema import prepare, search_path
from erp_mcp.store.state.sqlite import State
from tests.systems.postgresql.server import Rig
from tests.unit.store.state.fakes import FakeClock, FakeIds

PLACE: Final = "postgresql.json"
CHANGED: Final = "changed"  # a test has changed the schema itself; the next one wants it new
DEPLOYMENT: Final = "d-1"
REFUSED: Final = (sqlite3.IntegrityError, psycopg.IntegrityError)
TABLES: Final = (
    *("audit_record", "audit_detail", "policy_bundle", "lease", "proposal", "limit_use", "approver", "decision"),
    *("outbox", "kill_switch", "declaration", "resolution", "take_back_order", "human_task", "taint", "taint_clearing"),
    *("page_session", "page_try", "follower", "glass", "glass_review"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Schema:
    """A schema for one test, and who owns it; described in the folder that another store would be a file of."""

    url: str
    schema: str
    account: str
    secret: str
    owner: str
    owner_secret: str

    @classmethod
    def of(cls, directory: Path) -> Schema | None:
        """Return what a folder describes, `None` for the folder of a file."""
        described = directory / PLACE
        return cls(**json.loads(described.read_text(encoding="utf-8"))) if described.exists() else None

    def describe(self, directory: Path) -> None:
        """Write it into a folder."""
        directory.mkdir(parents=True, exist_ok=True)
        (directory / PLACE).write_text(json.dumps(asdict(self)), encoding="utf-8")

    @property
    def place(self) -> Place:
        """As the gateway signs in."""
        return Place(
            url=self.url,
            schema=self.schema,
            deployment=DEPLOYMENT,
            account=self.account,
            secret=lambda: self.secret,
        )

    @contextmanager
    def owned(self) -> Iterator[psycopg.Connection]:
        """Give a connection of the owner."""
        with psycopg.connect(self.url, user=self.owner, password=self.owner_secret, autocommit=True) as connection:
            connection.execute("SELECT set_config('search_path', %s, false)", (search_path(self.schema),))
            yield connection

    def prepare(self) -> None:
        """Make the schema, as its owner does."""
        with self.owned() as connection:
            prepare(connection, schema=self.schema, deployment=DEPLOYMENT, role=self.account)

    def drop(self) -> None:
        """Take it away with everything in it."""
        with self.owned() as connection:
            connection.execute(f"DROP SCHEMA IF EXISTS {self.schema} CASCADE")

    def empty(self) -> None:
        """Take its rows away, against its rules."""
        with self.owned() as connection:
            gone = "; ".join(f"DELETE FROM {table}" for table in reversed(TABLES))
            connection.execute(f"SET session_replication_role = replica; {gone}")


def schema_on(rig: Rig, name: str) -> Schema:
    """Make a schema in a database of its own, with the role that serves from it, and prepare it."""
    rig.create_database(name)
    secret = rig.create_role(name)
    one = Schema(
        url=rig.url(name),
        schema="of_tests",
        account=name,
        secret=secret,
        owner=rig.user,
        owner_secret=rig.password,
    )
    one.prepare()
    return one


def opened(directory: Path, clock: Clock | None = None, *, busy_s: float = 5.0) -> DeploymentState:
    """Open the state that a folder holds or describes."""
    schema, clock = Schema.of(directory), clock or FakeClock()
    if schema is not None:
        return PostgresqlState(schema.place, clock=clock, ids=FakeIds(), busy_s=busy_s)
    return State(directory, clock=clock, ids=FakeIds(), busy_s=busy_s)


def directory_of(state: DeploymentState) -> Path:
    """Return the folder of a state file."""
    assert isinstance(state, State)
    return state.file.path.parent


class Behind:
    """What whoever owns the file or the schema does to it."""

    def __init__(self, directory: Path) -> None:
        """Act on what a folder holds or describes."""
        self._directory = directory
        self._schema = Schema.of(directory)
        self._opened = ExitStack()

    @cached_property
    def _owner(self) -> psycopg.Connection | sqlite3.Connection:
        if self._schema is not None:
            return self._opened.enter_context(self._schema.owned())
        connection = sqlite3.connect(self._directory / FILE_NAME, isolation_level=None, timeout=30)
        self._opened.callback(connection.close)
        connection.execute("PRAGMA foreign_keys = ON")
        connection.execute("PRAGMA recursive_triggers = ON")
        return connection

    def run(self, statement: str, values: tuple[object, ...] = ()) -> None:
        """Run one statement under the rules of the tables."""
        self._owner.execute(statement.replace("?", "%s") if self._schema else statement, values)

    def forge(self, statement: str, values: tuple[object, ...] = ()) -> None:
        """Run one statement with the rules taken away first."""
        if self._schema is not None:
            self.run("SET session_replication_role = replica")
            self.run(statement, values)
            self.run("RESET session_replication_role")
            return
        for (name,) in self.rows("SELECT name FROM sqlite_master WHERE type = 'trigger'"):
            self.run(f"DROP TRIGGER {name}")
        self.run("PRAGMA foreign_keys = OFF")
        self.run(statement, values)

    def displace(self, statement: str, values: tuple[object, ...] = ()) -> None:
        """Run one statement without the rules about where a proposal may stand, which then hold again."""
        if self._schema is not None:
            self.forge(statement, values)
            return
        rules = self.rows("SELECT name, sql FROM sqlite_master WHERE type = 'trigger' AND tbl_name = 'proposal'")
        for name, _ in rules:
            self.run(f"DROP TRIGGER {name}")
        self.run(statement, values)
        for _, text in rules:
            self.run(str(text))

    def rows(self, statement: str) -> list[tuple[object, ...]]:
        """Return the rows of a statement."""
        return self._owner.execute(statement).fetchall()

    def everything(self) -> list[tuple[object, ...]]:
        """Return all rows that a move could touch, to see that nothing changed."""
        found = [(table, *row) for table in TABLES for row in self.rows(f"SELECT * FROM {table}")]
        return sorted(found, key=repr)

    def refuse(self, table: str, event: str, *, when: str = "") -> None:
        """Let a table take nothing of a kind from now on, as a full disk would."""
        condition = f" WHEN ({when})" if when else ""
        if self._schema is None:
            act = "BEGIN SELECT RAISE(ABORT, 'full'); END"
            self.run(f"CREATE TRIGGER full_{table} BEFORE {event} ON {table}{condition} {act}")
            return
        act = "EXECUTE FUNCTION refuse('full')"
        self.run(f"CREATE TRIGGER full_{table} BEFORE {event} ON {table} FOR EACH ROW{condition} {act}")
        self._changed()

    def allow(self, table: str) -> None:
        """Let a table take again what `refuse` refused."""
        self.run(f"DROP TRIGGER full_{table}" + (f" ON {table}" if self._schema else ""))

    def revoke(self) -> None:
        """Let the gateway's role only read from now on."""
        assert self._schema is not None
        role = self._schema.account
        self.run(f"REVOKE INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA {self._schema.schema} FROM {role}")
        self._changed()

    def close(self) -> None:
        """Let go of the connection."""
        self._opened.close()

    def _changed(self) -> None:
        (self._directory / CHANGED).touch()


def stand(behind: Behind, proposal: str, where: str, *, fence: int = 0, lease: str = "", text: str = "") -> None:
    """Put a proposal into a state behind the back of the store, as no move does."""
    behind.displace(
        "UPDATE proposal SET state = ?, fence = ?, lease_expires_at = ?, reason = ? WHERE proposal_id = ?",
        (where, fence, lease, text, proposal),
    )
