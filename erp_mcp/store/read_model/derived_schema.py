"""Tables and triggers of derivations. SQLite marks what is dirty itself, so no way of writing a row can forget it.

`derived_key` has one row per key: whether it is dirty, the plant day and the instants between which its rows hold, and
the sites whose rows it saw. `derived_use` says which tokens a key has left behind while it was worked out; `@id` stands
for everything that another key has used.
"""

from __future__ import annotations

import hashlib
import sqlite3
from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from typing import Final

from erp_mcp.domain.derivation import Derivation, Lookup, Source

_META: Final = "derivations"
_TABLES: Final = tuple(
    " ".join(statement.split())
    for statement in (
        """CREATE TABLE IF NOT EXISTS derived_state (
               derivation TEXT PRIMARY KEY, digest TEXT NOT NULL, basis TEXT NOT NULL)""",
        """CREATE TABLE IF NOT EXISTS derived_key (
               id INTEGER PRIMARY KEY, derivation TEXT NOT NULL, key TEXT NOT NULL, dirty INTEGER NOT NULL DEFAULT 1,
               day TEXT NOT NULL DEFAULT '', since TEXT NOT NULL DEFAULT '', until TEXT NOT NULL DEFAULT '',
               sites TEXT NOT NULL DEFAULT '', UNIQUE (derivation, key))""",
        "CREATE INDEX IF NOT EXISTS derived_key_by_age ON derived_key (derivation, dirty, day, until, since)",
        """CREATE TABLE IF NOT EXISTS derived_use (
               token TEXT NOT NULL, key_id INTEGER NOT NULL, PRIMARY KEY (token, key_id)) WITHOUT ROWID""",
        "CREATE INDEX IF NOT EXISTS derived_use_by_key ON derived_use (key_id)",
        # What rests on a key that becomes dirty is dirty too; what rests on others has nothing that rests on it.
        """CREATE TRIGGER IF NOT EXISTS derived_on_key AFTER UPDATE OF dirty ON derived_key
           WHEN new.dirty = 1 AND old.dirty = 0 BEGIN
               UPDATE derived_key SET dirty = 1
                WHERE dirty = 0 AND id IN (SELECT u.key_id FROM derived_use AS u WHERE u.token = '@' || new.id);
           END""",
    )
)


def install(connection: sqlite3.Connection, derivations: Sequence[Derivation]) -> None:
    """Make the file ready for these derivations, inside the caller's transaction; what is ready already stays.

    A derivation that is new, or of another digest than before, gets every key there is, all of them dirty.
    """
    if _installed(connection) == _digest(derivations):
        return
    for statement in _TABLES:
        connection.execute(statement)
    for (name,) in connection.execute(
        "SELECT name FROM sqlite_master WHERE type = 'trigger' AND name LIKE 'derived\\_of\\_%' ESCAPE '\\'"
    ).fetchall():
        connection.execute(f"DROP TRIGGER {name}")
    _drop_unknown(connection, {one.name for one in derivations})
    for one in derivations:
        _install_one(connection, one)
    for statement in _triggers(derivations):
        connection.execute(statement)
    connection.execute("INSERT OR REPLACE INTO meta (name, value) VALUES (?, ?)", (_META, _digest(derivations)))


def forget(connection: sqlite3.Connection) -> None:
    """Let `install` look at everything again: the file has been emptied."""
    connection.execute("DELETE FROM meta WHERE name = ?", (_META,))


def _installed(connection: sqlite3.Connection) -> str:
    row = connection.execute("SELECT value FROM meta WHERE name = ?", (_META,)).fetchone()
    return str(row[0]) if row else ""


def _digest(derivations: Iterable[Derivation]) -> str:
    told = [*_TABLES, *(f"{one.name} {one.digest}" for one in derivations)]
    return hashlib.sha256("\n".join(told).encode()).hexdigest()


def _drop_unknown(connection: sqlite3.Connection, known: Collection[str]) -> None:
    for (name,) in connection.execute("SELECT derivation FROM derived_state").fetchall():
        if name not in known:
            _drop_one(connection, name)


def _drop_one(connection: sqlite3.Connection, name: str) -> None:
    connection.execute(f"DROP TABLE IF EXISTS derived_{name}")
    connection.execute(
        "DELETE FROM derived_use WHERE key_id IN (SELECT id FROM derived_key WHERE derivation = ?)", (name,)
    )
    connection.execute("DELETE FROM derived_key WHERE derivation = ?", (name,))
    connection.execute("DELETE FROM derived_state WHERE derivation = ?", (name,))


def _install_one(connection: sqlite3.Connection, one: Derivation) -> None:
    stored = connection.execute("SELECT digest FROM derived_state WHERE derivation = ?", (one.name,)).fetchone()
    if stored == (one.digest,):
        return
    _drop_one(connection, one.name)
    columns = ", ".join(f'"{name}"' for name in one.columns)  # without a type: a text and a number stay what they are
    connection.execute(f"CREATE TABLE derived_{one.name} (key_id INTEGER NOT NULL, {columns})")
    connection.execute(f"CREATE INDEX derived_{one.name}_by_key ON derived_{one.name} (key_id)")
    connection.execute("INSERT INTO derived_state VALUES (?, ?, '')", (one.name, one.digest))
    for source in one.sources:
        connection.execute(
            f"INSERT INTO derived_key (derivation, key) SELECT DISTINCT '{one.name}', {_key(source, 'row')}"
            f" FROM {source.entity} AS row WHERE {_seen(source, 'row')} ON CONFLICT DO NOTHING"
        )


# --- Triggers ---------------------------------------------------------------------------------------------------------


def _triggers(derivations: Sequence[Derivation]) -> list[str]:
    lookups: defaultdict[str, dict[tuple[str, ...], Lookup]] = defaultdict(dict)
    sources: defaultdict[str, list[tuple[str, Source]]] = defaultdict(list)
    watched: defaultdict[str, set[str]] = defaultdict(set)
    for derivation in derivations:
        for lookup in derivation.lookups.values():
            lookups[lookup.entity][lookup.token, *lookup.by, lookup.where] = lookup
            watched[lookup.entity] |= lookup.watched
        for source in derivation.sources:
            sources[source.entity].append((derivation.name, source))
            watched[source.entity] |= source.watched
    return [
        statement
        for entity in sorted(watched)
        for statement in _of_entity(entity, list(lookups[entity].values()), sources[entity], sorted(watched[entity]))
    ]


def _of_entity(
    entity: str, lookups: Sequence[Lookup], sources: Sequence[tuple[str, Source]], watched: Sequence[str]
) -> list[str]:
    changed = " OR ".join(f"old.{name} IS NOT new.{name}" for name in watched)
    coming = [*_marks(lookups, ("new",)), *_new_keys(sources)]
    going = [*_marks(lookups, ("old",)), *_old_keys(sources)]
    both = [*_marks(lookups, ("old", "new")), *_old_keys(sources), *_new_keys(sources)]
    return [
        _trigger(entity, "INSERT", _when(lookups, sources, "new"), coming),
        _trigger(entity, "DELETE", _when(lookups, sources, "old"), going),
        _trigger(entity, "UPDATE", f" WHEN {changed}", both),
    ]


def _trigger(entity: str, event: str, when: str, statements: Sequence[str]) -> str:
    return (
        f"CREATE TRIGGER derived_of_{entity}_{event.lower()} AFTER {event} ON {entity}{when}"
        f" BEGIN {'; '.join(statements)}; END"
    )


def _when(lookups: Iterable[Lookup], sources: Iterable[tuple[str, Source]], side: str) -> str:
    """Only rows that somebody can see; most rows of a plant are of closed documents."""
    wheres = {one.where for one in lookups} | {one.where for _, one in sources}
    return "" if "" in wheres else " WHEN " + " OR ".join(f"({_on(where, side)})" for where in sorted(wheres))


def _marks(lookups: Iterable[Lookup], sides: Iterable[str]) -> list[str]:
    tokens = ", ".join(dict.fromkeys(_token(one, side) for side in sides for one in lookups))
    if not tokens:
        return []
    using = f"SELECT u.key_id FROM derived_use AS u WHERE u.token IN ({tokens})"
    return [f"UPDATE derived_key SET dirty = 1 WHERE dirty = 0 AND id IN ({using})"]


def _token(lookup: Lookup, side: str) -> str:
    parts = " || '|' || ".join(f"COALESCE({side}.{name}, '')" for name in lookup.by)
    token = f"'{lookup.token}:' || {parts}"
    return f"CASE WHEN {_on(lookup.where, side)} THEN {token} END" if lookup.where else token


def _new_keys(sources: Iterable[tuple[str, Source]]) -> list[str]:
    return [
        f"INSERT INTO derived_key (derivation, key) SELECT '{name}', {_key(one, 'new')} WHERE {_seen(one, 'new')}"
        " ON CONFLICT (derivation, key) DO UPDATE SET dirty = 1 WHERE dirty = 0"
        for name, one in sources
    ]


def _old_keys(sources: Iterable[tuple[str, Source]]) -> list[str]:
    return [
        f"UPDATE derived_key SET dirty = 1 WHERE derivation = '{name}' AND key = {_key(one, 'old')} AND dirty = 0"
        for name, one in sources
    ]


def _key(source: Source, side: str) -> str:
    return f"json_array({', '.join(f'{side}.{name}' for name in source.key)})"


def _seen(source: Source, side: str) -> str:
    given = [f"{side}.{name} IS NOT NULL" for name in source.key]
    return " AND ".join([*([f"({_on(source.where, side)})"] if source.where else []), *given])


def _on(where: str, side: str) -> str:
    return where.replace("row.", f"{side}.")
