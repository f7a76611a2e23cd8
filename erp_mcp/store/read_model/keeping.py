"""How the rows of a derivation are kept: as they are, or as sums from which the rows of a key can be taken off again.

Rows stand in `derived_<name>` under the id of their key. Of sums that table holds what each key has added, in JSON, and
`derived_<name>_sum` what all keys have added together, by the sites that the keys saw: a reader takes off what keys
that are not clean have added, and adds what it finds for them itself.
"""

from __future__ import annotations

import json
import sqlite3
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Final, NamedTuple

from erp_mcp.domain.derivation import Cell, Derivation

Row = tuple[Cell, ...]

_MOST_SUMMED: Final = 2**50  # thousands of such numbers still are a whole number of SQLite's


class Found(NamedTuple):
    """What was found for a key, and the sites whose rows were looked at."""

    key_id: int
    sites: str | None
    rows: Sequence[Row]


class Wanted(NamedTuple):
    """What a reader wants: of which sites (`None` for all), without which keys, and what these have now."""

    sites: str | None  # JSON lists
    without: str
    now: Sequence[Row]


def create(connection: sqlite3.Connection, one: Derivation) -> None:
    """Make the empty tables of a derivation; columns have no type: a text and a number stay what they are."""
    if not one.sums:
        columns = ", ".join(f'"{name}"' for name in one.columns)
        connection.execute(f"CREATE TABLE derived_{one.name} (key_id INTEGER NOT NULL, sites TEXT, {columns})")
        connection.execute(f"CREATE INDEX derived_{one.name}_by_key ON derived_{one.name} (key_id)")
        return
    connection.execute(
        f"CREATE TABLE derived_{one.name}"
        " (key_id INTEGER PRIMARY KEY, sites TEXT, wild INTEGER NOT NULL, rows TEXT NOT NULL)"
    )
    connection.execute(f"CREATE INDEX derived_{one.name}_wild ON derived_{one.name} (wild) WHERE wild = 1")
    groups = ", ".join(f'"{name}" NOT NULL' for name in one.groups)
    sums = ", ".join(f'"{name}" NOT NULL' for name in (*one.sums, "members"))
    key = ", ".join(f'"{name}"' for name in (*one.groups, "sites"))
    connection.execute(
        f"CREATE TABLE derived_{one.name}_sum ({groups}, sites TEXT NOT NULL, {sums}, PRIMARY KEY ({key}))"
        " WITHOUT ROWID"
    )


def drop(connection: sqlite3.Connection, name: str) -> None:
    """Drop the tables of a derivation, if they are there."""
    connection.execute(f"DROP TABLE IF EXISTS derived_{name}")
    connection.execute(f"DROP TABLE IF EXISTS derived_{name}_sum")


def replace(connection: sqlite3.Connection, one: Derivation, found: Sequence[Found], *, known: Sequence[int]) -> None:
    """Keep what was found for keys in place of what is kept of them.

    Args:
        connection: Inside a transaction.
        one: The derivation.
        found: What was found now.
        known: Keys of which something may be kept.
    """
    if one.sums:
        _replace_sums(connection, one, found, known)
        return
    connection.executemany(f"DELETE FROM derived_{one.name} WHERE key_id = ?", [(key_id,) for key_id in known])
    marks = ", ".join("?" * (len(one.columns) + 2))
    rows = [(key_id, sites, *row) for key_id, sites, new in found for row in new]
    connection.executemany(f"INSERT INTO derived_{one.name} VALUES ({marks})", rows)


def read(connection: sqlite3.Connection, one: Derivation, wanted: Wanted) -> list[Row] | None:
    """Return the rows of a derivation as they are now; `None` where numbers are too large to be added up."""
    return _sums(connection, one, wanted) if one.sums else _rows(connection, one, wanted)


def _rows(connection: sqlite3.Connection, one: Derivation, wanted: Wanted) -> list[Row]:
    columns = ", ".join(f'd."{name}"' for name in one.columns)
    where = f" AND ({one.only.where})" if one.only else ""
    kept: list[Row] = connection.execute(
        f"SELECT {columns} FROM derived_{one.name} AS d WHERE {_in_scope(wanted.sites)}"
        f" AND d.key_id NOT IN (SELECT value FROM json_each(:without)){where}",
        {"sites": wanted.sites, "without": wanted.without, **(one.only.values if one.only else {})},
    ).fetchall()
    return [*kept, *wanted.now]


def _in_scope(sites: str | None) -> str:
    return "1" if sites is None else "d.sites IN (SELECT value FROM json_each(:sites))"


# --- Sums -------------------------------------------------------------------------------------------------------------


def _replace_sums(
    connection: sqlite3.Connection, one: Derivation, found: Sequence[Found], known: Sequence[int]
) -> None:
    width = len(one.groups)
    changes: defaultdict[Row, list[int]] = defaultdict(lambda: [0] * (len(one.sums) + 1))
    for seen, rows in _kept_of(connection, one, json.dumps(list(known))):
        _add(changes, rows, seen, width, -1)
    kept = []
    for key_id, sites, new in found:
        wild = _is_wild(new, width)
        if not wild:
            _add(changes, new, sites or "", width, 1)
        if new:
            kept.append((key_id, sites, int(wild), json.dumps(new, ensure_ascii=False, separators=(",", ":"))))
    table = f"derived_{one.name}"
    connection.executemany(f"DELETE FROM {table} WHERE key_id = ?", [(key_id,) for key_id in known])
    connection.executemany(f"INSERT INTO {table} VALUES (?, ?, ?, ?)", kept)
    _apply(connection, one, {group: numbers for group, numbers in changes.items() if any(numbers)})


def _apply(connection: sqlite3.Connection, one: Derivation, changes: Mapping[Row, Sequence[int]]) -> None:
    table, columns = f"derived_{one.name}_sum", [f'"{name}"' for name in (*one.groups, "sites")]
    sums = [f'"{name}"' for name in (*one.sums, "members")]
    marks = ", ".join("?" * (len(columns) + len(sums)))
    added = ", ".join(f"{name} = {name} + excluded.{name}" for name in sums)
    connection.executemany(
        f"INSERT INTO {table} VALUES ({marks}) ON CONFLICT ({', '.join(columns)}) DO UPDATE SET {added}",
        [(*group, *changes[group]) for group in sorted(changes)],
    )
    gone = [group for group, numbers in changes.items() if numbers[-1] <= 0]
    on = " AND ".join(f"{name} = ?" for name in columns)
    connection.executemany(f"DELETE FROM {table} WHERE {on} AND members = 0", gone)


def _add(changes: Mapping[Row, list[int]], rows: Iterable[Sequence[Cell]], sites: str, width: int, sign: int) -> None:
    for row in rows:
        numbers = changes[(*row[:width], sites)]
        for place, number in enumerate(row[width:]):
            numbers[place] += sign * int(number or 0)
        numbers[-1] += sign


def _is_wild(rows: Iterable[Sequence[Cell]], width: int) -> bool:
    return any(abs(int(number or 0)) > _MOST_SUMMED for row in rows for number in row[width:])


def _kept_of(connection: sqlite3.Connection, one: Derivation, keys: str) -> list[tuple[str, list[list[Cell]]]]:
    """Return what keys have added, by the sites they saw."""
    rows = connection.execute(
        f"SELECT COALESCE(d.sites, ''), d.rows FROM derived_{one.name} AS d"
        " WHERE d.wild = 0 AND d.key_id IN (SELECT value FROM json_each(?))",
        (keys,),
    )
    return [(sites, json.loads(text)) for sites, text in rows]


def _sums(connection: sqlite3.Connection, one: Derivation, wanted: Wanted) -> list[Row] | None:
    width = len(one.groups)
    wild = connection.execute(
        f"SELECT 1 FROM derived_{one.name} WHERE wild = 1 AND key_id NOT IN (SELECT value FROM json_each(?)) LIMIT 1",
        (wanted.without,),
    ).fetchone()
    if wild is not None or _is_wild(wanted.now, width):
        return None
    table = f"(SELECT * FROM derived_{one.name}_sum AS d WHERE {_in_scope(wanted.sites)})"
    found: dict[Row, list[int]] = {
        row[:width]: list(row[width:]) for row in _added_up(connection, one, table, {"sites": wanted.sites})
    }
    asked = None if wanted.sites is None else frozenset(json.loads(wanted.sites))
    changes: defaultdict[Row, list[int]] = defaultdict(lambda: [0] * (len(one.sums) + 1))
    for sites, rows in _kept_of(connection, one, wanted.without):
        if asked is None or sites in asked:
            _add(changes, rows, "", width, -1)
    _add(changes, wanted.now, "", width, 1)
    listed = json.dumps([(*group[:-1], *numbers) for group, numbers in changes.items()])
    names = (*one.groups, *one.sums, "members")
    parts = ", ".join(f"json_extract(value, '$[{place}]') AS \"{name}\"" for place, name in enumerate(names))
    beside = f"(SELECT {parts} FROM json_each(:listed))"
    for row in _added_up(connection, one, beside, {"listed": listed}) if changes else ():
        numbers = found.setdefault(row[:width], [0] * (len(one.sums) + 1))
        for place, number in enumerate(row[width:]):
            numbers[place] += number
    return [(*group, *numbers[:-1]) for group, numbers in found.items() if numbers[-1]]


def _added_up(
    connection: sqlite3.Connection, one: Derivation, table: str, values: Mapping[str, Cell]
) -> list[tuple[int, ...]]:
    only = one.only
    by = only.by if only and only.by else one.groups
    shown = ", ".join(f'd."{name}"' if name in by else "''" for name in one.groups)
    sums = ", ".join(f'SUM(d."{name}")' for name in (*one.sums, "members"))
    grouped = ", ".join(f'd."{name}"' for name in by)
    where = f" WHERE {only.where}" if only else ""
    return connection.execute(
        f"SELECT {shown}, {sums} FROM {table} AS d{where} GROUP BY {grouped}",
        {**values, **(only.values if only else {})},
    ).fetchall()
