"""Synchronisation's side of the read model: pages applied in one transaction each, together with their watermark."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from operator import attrgetter
from pathlib import Path
from typing import Final

from erp_mcp.domain.derivation import Derivation, Moment
from erp_mcp.domain.entities import ENTITIES, Record, field_specs
from erp_mcp.domain.freshness import EntityState
from erp_mcp.domain.kept_fields import WORKED_OUT
from erp_mcp.errors import IdentityConflictError, InternalError, LeaseLostError, ReadModelWriteError
from erp_mcp.ports import ChangePage
from erp_mcp.store.read_model import derived_schema
from erp_mcp.store.read_model.conversion import SOURCES, convert_open_quantities
from erp_mcp.store.read_model.deriving import Deriver
from erp_mcp.store.read_model.fingerprint import schema_hash
from erp_mcp.store.read_model.states import STATE_COLUMNS, entity_state

_WAIT_FOR_LOCK_S: Final = 30.0
_DIRTY: Final = "conversion_outdated"


class ReadModelWriter:
    """Writes one read model file; a file of another form is emptied and built anew.

    One process writes at a time (a lease sees to it); a second one would wait for the first one's transaction.
    """

    def __init__(self, path: Path, derivations: Sequence[Derivation] = ()) -> None:
        """Open the file, owner-only, and build it where needed; what is worked out ahead of time are `derivations`."""
        self._path = path
        self._derivations = derivations
        path.parent.mkdir(parents=True, exist_ok=True)
        # Never one that is there: to close it drops every lock that this process has on it (POSIX), its readers' too.
        with suppress(FileExistsError):
            os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
        self._connection = sqlite3.connect(path, isolation_level=None, timeout=_WAIT_FOR_LOCK_S, cached_statements=256)
        self._connection.execute("PRAGMA journal_mode = WAL")
        self._connection.execute("PRAGMA synchronous = NORMAL")  # lost on power failure is read again from the systems
        self._connection.execute("PRAGMA temp_store = MEMORY")
        self._connection.execute("PRAGMA cache_size = -16000")
        self._tables = {name: _TableText(entity) for name, entity in ENTITIES.items()}
        self._begun: dict[tuple[str, str], str] = {}  # (system, entity) -> the pass that this process has begun
        self._stranger: set[str] = set()  # passes that named something present that is not here
        if self._form() != schema_hash():
            self._build()
        self._deriver = Deriver(self._connection, derivations)
        self._ready = False
        if derivations and derived_schema.installed(self._connection):
            self._install()

    def apply(self, system: str, entity: str, page: ChangePage, *, as_of: str, pass_id: str) -> None:
        """Apply one page; see `ports.ReadModelWriter.apply`. The rows get `as_of`, whatever their records say.

        Raises:
            LeaseLostError: `sync.lease_lost`, when another process has begun a pass since this one began; nothing is
                written.
            ReadModelWriteError: `read_model.not_written`; nothing is written.
        """
        table = self._tables[entity]
        with self._transaction() as connection:
            number = self._pass_number(system, entity, pass_id)
            changed = bool(page.records or page.deleted)
            connection.executemany(table.delete, [(system, key) for key in page.deleted])
            connection.executemany(table.upsert, [table.row(record, system, as_of, number) for record in page.records])
            kept = connection.executemany(table.keep, [(as_of, number, system, key) for key in page.present]).rowcount
            if page.last and page.snapshot:
                changed |= connection.execute(table.sweep, (system, number)).rowcount > 0
            if entity == "purchase_order_line":
                self._convert_written(system, page)
            elif changed and entity in SOURCES:
                connection.execute("INSERT OR REPLACE INTO meta (name, value) VALUES (?, '1')", (_DIRTY,))
            if kept not in {-1, len(page.present)}:
                self._stranger.add(pass_id)
            connection.execute(
                "UPDATE sync_state SET watermark = ?, rows_changed = rows_changed OR ? WHERE system = ? AND entity = ?",
                # Something is there that nobody ever gave us: only a pass from the beginning finds out what.
                ("" if pass_id in self._stranger else page.watermark, changed, system, entity),
            )

    def identities(self, system: str) -> Mapping[tuple[str, str], str]:
        """Return (entity, local id) → canonical id, where they differ."""
        rows = self._connection.execute(
            "SELECT entity, local_id, canonical_id FROM identity WHERE system = ?", (system,)
        )
        return {(entity, local): canonical for entity, local, canonical in rows}

    def add_identities(self, system: str, known: Iterable[tuple[str, str, str]]) -> None:
        """Store (entity, local id, canonical id).

        Raises:
            IdentityConflictError: `sync.identity_conflict`, for a pair known otherwise; nothing is stored.
        """
        with self._transaction() as connection:
            for entity, local, canonical in known:
                connection.execute(
                    "INSERT INTO identity (system, entity, local_id, canonical_id) VALUES (?, ?, ?, ?)"
                    " ON CONFLICT (system, entity, local_id) DO NOTHING",
                    (system, entity, local, canonical),
                )
                stored = connection.execute(
                    "SELECT canonical_id FROM identity WHERE system = ? AND entity = ? AND local_id = ?",
                    (system, entity, local),
                ).fetchone()
                if stored[0] != canonical:
                    raise IdentityConflictError(system=system, entity=entity)

    def forget_identities(self, system: str) -> None:
        """Drop what is known of a system's ids."""
        with self._transaction() as connection:
            connection.execute("DELETE FROM identity WHERE system = ?", (system,))

    def state(self, system: str, entity: str) -> EntityState | None:
        """Return where an entity stands, or `None` when it was never started."""
        row = self._connection.execute(
            f"SELECT {STATE_COLUMNS} FROM sync_state WHERE system = ? AND entity = ?", (system, entity)
        ).fetchone()
        return entity_state(row) if row else None

    def states(self) -> list[EntityState]:
        """Return where everything stands, by system and entity."""
        rows = self._connection.execute(f"SELECT {STATE_COLUMNS} FROM sync_state ORDER BY system, entity")
        return [entity_state(row) for row in rows]

    def finish(self, state: EntityState) -> None:
        """Record the end of a pass, or of a failed one; rows are counted here, where something changed."""
        with self._transaction() as connection:
            connection.execute(
                "INSERT INTO sync_state (system, entity) VALUES (?, ?) ON CONFLICT DO NOTHING",
                (state.system, state.entity),
            )
            connection.execute(
                "UPDATE sync_state SET as_of = ?, complete = ?, watermark = ?, clock_suspect = ?, last_error = ?,"
                " attempted_at = ?, lacks = ? WHERE system = ? AND entity = ?",
                (
                    state.as_of,
                    state.complete,
                    state.watermark,
                    state.clock_suspect,
                    state.last_error,
                    state.attempted_at,
                    ",".join(state.lacks),
                    state.system,
                    state.entity,
                ),
            )
            self._count(state.system, state.entity)

    def derive(self) -> None:
        """Work out base-unit quantities anew where materials or conversions changed, and look after statistics."""
        if self._meta(_DIRTY) != "1":
            return
        with self._transaction() as connection:
            convert_open_quantities(connection)
            connection.execute("DELETE FROM meta WHERE name = ?", (_DIRTY,))
        self._connection.execute("PRAGMA analysis_limit = 1000")
        self._connection.execute("ANALYZE")

    def work_out(self, moment: Moment, *, limit: int) -> int:
        """Work out some of what is not known as of this moment; see `ports.ReadModelWriter.work_out`."""
        if not self._derivations:
            return 0
        if not self._ready:
            self._install()
        with self._transaction():
            return self._deriver.work_out(self.states(), moment, limit=limit)

    def retain(self, offered: Mapping[str, Collection[str]]) -> None:
        """Drop what no configured system offers any more.

        Args:
            offered: Entities by system, for every configured system.
        """
        for state in self.states():
            if state.entity in offered.get(state.system, ()):
                continue
            with self._transaction() as connection:
                if state.entity in ENTITIES:
                    connection.execute(f"DELETE FROM {state.entity} WHERE system = ?", (state.system,))
                connection.execute(
                    "DELETE FROM sync_state WHERE system = ? AND entity = ?", (state.system, state.entity)
                )

    def close(self) -> None:
        """Let go of the file."""
        self._connection.close()

    # --- Parts --------------------------------------------------------------------------------------------------------

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        try:
            self._connection.execute("BEGIN IMMEDIATE")
            yield self._connection
            self._connection.execute("COMMIT")
        except sqlite3.Error as failure:
            self._roll_back()
            raise ReadModelWriteError(reason=type(failure).__name__) from failure
        except BaseException:
            self._roll_back()
            raise

    def _roll_back(self) -> None:
        if self._connection.in_transaction:
            self._connection.execute("ROLLBACK")

    def _install(self) -> None:
        with self._transaction() as connection:
            derived_schema.install(connection, self._derivations)
        self._ready = True

    def _meta(self, name: str) -> str:
        row = self._connection.execute("SELECT value FROM meta WHERE name = ?", (name,)).fetchone()
        return str(row[0]) if row else ""

    def _form(self) -> str:
        known = self._connection.execute(
            "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'meta'"
        ).fetchone()
        return self._meta("schema_hash") if known else ""

    def _build(self) -> None:
        """Replace whatever is there in one transaction: readers see the old form or the new one, never half of it."""
        from erp_mcp.store.read_model.schema import ddl  # SQLAlchemy: only when a file is built

        with self._transaction() as connection:
            if self._form() == schema_hash():  # another process was faster
                return
            for (name,) in connection.execute(
                "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'"
            ).fetchall():
                connection.execute(f'DROP TABLE "{name}"')
            for statement in ddl():
                connection.execute(statement)
            connection.execute("INSERT INTO meta (name, value) VALUES ('schema_hash', ?)", (schema_hash(),))

    def _pass_number(self, system: str, entity: str, pass_id: str) -> int:
        """Return the number of a pass, counting up at its first page.

        A process that slept while another one took over must not write into the other's pass: the rows that the other
        had named would count as gone.
        """
        connection = self._connection
        stored = connection.execute(
            "SELECT pass_id FROM sync_state WHERE system = ? AND entity = ?", (system, entity)
        ).fetchone()
        if self._begun.get((system, entity)) == pass_id and stored != (pass_id,):
            raise LeaseLostError(system=system, entity=entity)
        self._begun[system, entity] = pass_id
        connection.execute(
            "INSERT INTO sync_state (system, entity) VALUES (?, ?) ON CONFLICT DO NOTHING", (system, entity)
        )
        connection.execute(
            "UPDATE sync_state SET pass_number = pass_number + 1, pass_id = ?"
            " WHERE system = ? AND entity = ? AND pass_id <> ?",
            (pass_id, system, entity, pass_id),
        )
        row = connection.execute(
            "SELECT pass_number FROM sync_state WHERE system = ? AND entity = ?", (system, entity)
        ).fetchone()
        return int(row[0])

    def _convert_written(self, system: str, page: ChangePage) -> None:
        keys = tuple(record.source_key for record in page.records)
        for start in range(0, len(keys), 500):
            convert_open_quantities(self._connection, system=system, keys=keys[start : start + 500])

    def _count(self, system: str, entity: str) -> None:
        if entity not in ENTITIES:
            raise InternalError(entity=entity)
        self._connection.execute(
            f"UPDATE sync_state SET rows = (SELECT COUNT(*) FROM {entity} WHERE system = ?), rows_changed = 0"
            " WHERE system = ? AND entity = ? AND rows_changed",
            (system, system, entity),
        )


class _TableText:
    """The statements of one entity's table, and how a record becomes a row of it."""

    def __init__(self, entity: type[Record]) -> None:
        names = [spec.name for spec in field_specs(entity) if spec.name not in {"system", "as_of"}]
        columns = ["system", "as_of", "pass_number", *names]
        marks = ", ".join("?" * len(columns))
        # What is worked out here stays until it is worked out anew: a row of which nothing changed makes nothing dirty.
        ours = {"system", "source_key", *WORKED_OUT.get(entity.ENTITY, ())}
        changes = ", ".join(f"{name} = excluded.{name}" for name in columns if name not in ours)
        self._values = attrgetter(*names)
        self.upsert = (
            f"INSERT INTO {entity.ENTITY} ({', '.join(columns)}) VALUES ({marks})"
            f" ON CONFLICT (system, source_key) DO UPDATE SET {changes}"
        )
        self.delete = f"DELETE FROM {entity.ENTITY} WHERE system = ? AND source_key = ?"
        self.keep = f"UPDATE {entity.ENTITY} SET as_of = ?, pass_number = ? WHERE system = ? AND source_key = ?"
        self.sweep = f"DELETE FROM {entity.ENTITY} WHERE system = ? AND pass_number <> ?"

    def row(self, record: Record, system: str, as_of: str, number: int) -> tuple[object, ...]:
        """Return the bound values of `upsert`."""
        return (system, as_of, number, *self._values(record))
