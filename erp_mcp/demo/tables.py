"""Writing the generated rows: tables from row types, batches, and the hash of a finished database."""

from __future__ import annotations

import hashlib
import sqlite3
import types
from collections.abc import Iterable
from contextlib import closing
from pathlib import Path
from typing import NamedTuple, get_args, get_type_hints

TableTypes = dict[str, tuple[type[NamedTuple], int]]


class Tables:
    """Rows of one database, kept until `flush` writes them."""

    def __init__(self, path: Path, types_: TableTypes) -> None:
        """Create the database file with its empty tables."""
        self._connection = sqlite3.connect(path, isolation_level=None)
        # The file is thrown away when the build is interrupted, so nothing has to survive a power cut.
        self._connection.executescript("PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF; PRAGMA cache_size=-65536;")
        self._types = types_
        self._rows: dict[str, list[NamedTuple]] = {name: [] for name in types_}
        self._table_of = {row_type: name for name, (row_type, _) in types_.items()}
        self.written = 0
        for name, (row_type, key_width) in types_.items():
            self._connection.execute(create_statement(name, row_type, key_width))

    def add(self, row: NamedTuple) -> None:
        """Keep one row for the table of its type."""
        self._rows[self._table_of[type(row)]].append(row)

    def extend(self, rows: Iterable[NamedTuple]) -> None:
        """Keep rows, each for the table of its type."""
        for row in rows:
            self.add(row)

    def flush(self) -> None:
        """Write what is kept, in key order."""
        self._connection.execute("BEGIN")
        for name, rows in self._rows.items():
            if not rows:
                continue
            row_type, key_width = self._types[name]
            rows.sort(key=lambda row, width=key_width: row[:width])  # type: ignore[misc]
            marks = ",".join("?" * len(row_type._fields))
            self._connection.executemany(f"INSERT INTO {name} VALUES ({marks})", rows)
            self.written += len(rows)
            rows.clear()
        self._connection.execute("COMMIT")

    def read(self, statement: str) -> list[tuple[str | int | None, ...]]:
        """Return the rows of a SELECT on what was written."""
        return self._connection.execute(statement).fetchall()

    def finish(self) -> int:
        """Write the rest, index the watermarks, close the file; return the number of rows."""
        self.flush()
        for name, (row_type, _) in self._types.items():
            if "changed_at" in row_type._fields:
                self._connection.execute(f"CREATE INDEX {name}_changed ON {name} (changed_at)")
        self._connection.close()
        return self.written

    def close(self) -> None:
        """Close the file without finishing it."""
        self._connection.close()


def create_statement(name: str, row_type: type[NamedTuple], key_width: int) -> str:
    """Return the CREATE TABLE of a row type; its first `key_width` fields are the key."""
    columns = [f"{field} {_sql_type(hint)}" for field, hint in get_type_hints(row_type).items()]
    key = ", ".join(row_type._fields[:key_width])
    return f"CREATE TABLE {name} ({', '.join(columns)}, PRIMARY KEY ({key})) WITHOUT ROWID"


def _sql_type(hint: object) -> str:
    parts = get_args(hint) if isinstance(hint, types.UnionType) else (hint,)
    base = "INTEGER" if int in parts else "TEXT"
    return base if type(None) in parts else f"{base} NOT NULL"


def dump_hash(path: Path) -> str:
    """Return the SHA-256 of a database's sorted dump: tables by name, rows by primary key.

    Args:
        path: A database file. Two files with the same rows give the same hash, however they were written.

    Returns:
        64 hexadecimal digits.
    """
    digest = hashlib.sha256()
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as connection:
        names = [
            name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type='table' ORDER BY name")
        ]
        for name in names:
            columns = connection.execute(f"PRAGMA table_info({name})").fetchall()
            key = ", ".join(column[1] for column in sorted(columns, key=lambda column: column[5]) if column[5])
            digest.update(f"{name}({','.join(column[1] for column in columns)})\n".encode())
            # The database writes out the rows: that takes half the time that Python needs for it.
            cells = " || '\x1f' || ".join(f"ifnull({column[1]}, char(0))" for column in columns)
            rows = connection.execute(f"SELECT {cells} || '\n' FROM {name} ORDER BY {key}")
            digest.update("".join(row for (row,) in rows).encode())
    return digest.hexdigest()
