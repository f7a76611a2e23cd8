"""Where the benchmarks of the write path keep state: a file, or a schema on a PostgreSQL that waits for its disk."""

from __future__ import annotations

import secrets
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import psycopg

from erp_mcp.bootstrap import SystemClock, TimeOrderedIds
from erp_mcp.store.state import State
from erp_mcp.store.state.deployment_state import DeploymentState
from erp_mcp.store.state.postgresql import PostgresqlState
from tests.systems.postgresql import server
from tests.systems.postgresql.server import Rig
from tests.unit.store.state.stores import schema_on

Store = Literal["sqlite", "postgresql"]
STORES: tuple[Store, ...] = ("sqlite", "postgresql")
TABLE = "CREATE TABLE bare (id TEXT PRIMARY KEY, content TEXT NOT NULL)"
DURABLE = ("fsync = on", "full_page_writes = on", "synchronous_commit = on")
Insert = Callable[[str, str], object]


@dataclass(frozen=True)
class Place:
    """A store, and the server that it is on, where it is on one."""

    store: Store
    rig: Rig | None

    @contextmanager
    def state(self, folder: Path) -> Iterator[DeploymentState]:
        """Give a new state."""
        if self.rig is None:
            one: DeploymentState = State(folder / "state", clock=SystemClock(), ids=TimeOrderedIds())
        else:
            schema = schema_on(self.rig, f"bench_{secrets.token_hex(4)}")
            one = PostgresqlState(schema.place, clock=SystemClock(), ids=TimeOrderedIds())
        yield one
        one.close()

    @contextmanager
    def bare(self, folder: Path) -> Iterator[Insert]:
        """Give what inserts one row as durably as the store does, and nothing else."""
        folder.mkdir(parents=True, exist_ok=True)
        if self.rig is None:
            plain = sqlite3.connect(folder / f"bare-{secrets.token_hex(4)}.sqlite", isolation_level=None)
            for pragma in ("journal_mode = WAL", "synchronous = FULL"):
                plain.execute(f"PRAGMA {pragma}")
            plain.execute(TABLE)
            yield lambda one, text: plain.execute("INSERT INTO bare VALUES (?, ?)", (one, text))
            plain.close()
            return
        name = f"bare_{secrets.token_hex(4)}"
        self.rig.create_database(name)
        with self.rig.admin(name) as connection:
            connection.execute("SET synchronous_commit = on")
            connection.execute(TABLE)
            yield lambda one, text: connection.execute("INSERT INTO bare VALUES (%s, %s)", (one, text))


@contextmanager
def places(folder: Path, stores: Sequence[Store]) -> Iterator[list[Place]]:
    """Give the stores; a server is started for it, waits for its disk, and is stopped."""
    rig = server.start(folder / "postgresql") if "postgresql" in stores else None
    try:
        if rig is not None:
            _make_durable(rig)
        yield [Place(store, rig if store == "postgresql" else None) for store in stores]
    finally:
        if rig is not None:
            server.stop(folder / "postgresql")


def _make_durable(rig: Rig) -> None:
    for setting in DURABLE:
        rig.run("postgres", f"ALTER SYSTEM SET {setting}")
    rig.run("postgres", "SELECT pg_reload_conf()")
    with psycopg.connect(rig.url(), user=rig.user, password=rig.password) as connection:
        for setting in DURABLE:
            (told,) = connection.execute(f"SHOW {setting.partition(' ')[0]}").fetchone() or ("",)
            assert told == "on", setting
