"""Tables and triggers of derivations. SQLite marks what is dirty itself, so no way of writing a row can forget it.

`derived_key` has one row per key: whether it is dirty, the plant day and the instants between which its rows hold, and
the sites whose rows it saw. `derived_use` says which tokens a key has left behind while it was worked out; `@id` stands
for everything that another key has used. A look-up with a reach leaves none: there the changed row names the keys.

A file that is being filled for the first time has no triggers yet: nothing is known that could be marked, and all keys
are found in one go when the first is to be worked out.
"""

from __future__ import annotations

import hashlib
import sqlite3
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from erp_mcp.domain.derivation import FOREVER, Derivation, Lookup, Reach, Source
from erp_mcp.store.read_model import keeping

_META: Final = "derivations"
_FORM: Final = "derivations_form"
_TABLES: Final = tuple(
    " ".join(statement.split())
    for statement in (
        """CREATE TABLE IF NOT EXISTS derived_state (
               derivation TEXT PRIMARY KEY, digest TEXT NOT NULL, basis TEXT NOT NULL)""",
        """CREATE TABLE IF NOT EXISTS derived_key (
               id INTEGER PRIMARY KEY, derivation TEXT NOT NULL, key TEXT NOT NULL, dirty INTEGER NOT NULL DEFAULT 1,
               day TEXT NOT NULL DEFAULT '', since TEXT NOT NULL DEFAULT '', until TEXT NOT NULL DEFAULT '',
               sites TEXT, UNIQUE (derivation, key))""",
        "CREATE INDEX IF NOT EXISTS derived_key_by_age ON derived_key (derivation, dirty, day, since)",
        f"""CREATE INDEX IF NOT EXISTS derived_key_by_end ON derived_key (derivation, until)
            WHERE dirty = 0 AND until < '{FOREVER}'""",
        """CREATE INDEX IF NOT EXISTS derived_key_by_scope ON derived_key (derivation)
           WHERE dirty = 0 AND sites IN ('', '*')""",
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


def installed(connection: sqlite3.Connection) -> bool:
    """Return whether derivations, these or others, were ever installed in the file."""
    return bool(_told(connection, _META))


def install(connection: sqlite3.Connection, derivations: Sequence[Derivation]) -> None:
    """Make the file ready for these derivations, inside the caller's transaction; what is ready already stays.

    A derivation that is new, or of another digest than before, gets every key there is, all of them dirty.
    """
    if _told(connection, _META) == _digest(derivations):
        return
    for (name,) in connection.execute(
        "SELECT name FROM sqlite_master WHERE type = 'trigger' AND name LIKE 'derived\\_%' ESCAPE '\\'"
    ).fetchall():
        connection.execute(f"DROP TRIGGER {name}")
    form = _hash(_TABLES)
    if _told(connection, _FORM) != form:
        _drop_all(connection)
    for statement in _TABLES:
        connection.execute(statement)
    _drop_unknown(connection, {one.name for one in derivations})
    for one in derivations:
        _install_one(connection, one)
    for statement in _triggers(derivations):
        connection.execute(statement)
    told = [(_META, _digest(derivations)), (_FORM, form)]
    connection.executemany("INSERT OR REPLACE INTO meta (name, value) VALUES (?, ?)", told)


def _told(connection: sqlite3.Connection, name: str) -> str:
    row = connection.execute("SELECT value FROM meta WHERE name = ?", (name,)).fetchone()
    return str(row[0]) if row else ""


def _hash(lines: Iterable[str]) -> str:
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def _digest(derivations: Iterable[Derivation]) -> str:
    return _hash([*_TABLES, *(f"{one.name} {one.digest}" for one in derivations)])


def _drop_all(connection: sqlite3.Connection) -> None:
    """Drop tables of another form; what they hold is worked out again."""
    for (name,) in connection.execute(
        "SELECT name FROM sqlite_master WHERE type = 'table' AND name LIKE 'derived\\_%' ESCAPE '\\'"
    ).fetchall():
        connection.execute(f"DROP TABLE {name}")


def _drop_unknown(connection: sqlite3.Connection, known: Collection[str]) -> None:
    for (name,) in connection.execute("SELECT derivation FROM derived_state").fetchall():
        if name not in known:
            _drop_one(connection, name)


def _drop_one(connection: sqlite3.Connection, name: str) -> None:
    keeping.drop(connection, name)
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
    keeping.create(connection, one)
    connection.execute("INSERT INTO derived_state VALUES (?, ?, '')", (one.name, one.digest))
    for source in one.sources:
        connection.execute(
            f"INSERT INTO derived_key (derivation, key) SELECT DISTINCT '{one.name}', {_key(source, 'row')}"
            f" FROM {source.entity} AS row WHERE {_seen(source, 'row')} ON CONFLICT DO NOTHING"
        )


# --- Triggers ---------------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class _Watchers:
    """Who looks at rows of one entity, and at which columns."""

    lookups: dict[tuple[str, ...], Lookup] = field(default_factory=dict)  # with tokens, one of each kind
    reaches: defaultdict[tuple[Reach, str], list[str]] = field(default_factory=lambda: defaultdict(list))
    sources: list[tuple[str, Source]] = field(default_factory=list)
    columns: set[str] = field(default_factory=set)

    def marks(self, *sides: str) -> list[str]:
        """Return what marks the keys that look at a row as it is on these sides."""
        return [*_by_token(self.lookups.values(), sides), *_by_reach(self.reaches, sides)]

    def when(self, side: str) -> str:
        """Return that somebody can see the row; most rows of a plant are of closed documents."""
        seen = {one.where for one in self.lookups.values()} | {where for _, where in self.reaches}
        wheres = seen | {one.where for _, one in self.sources}
        return "" if "" in wheres else " WHEN " + " OR ".join(f"({_on(where, side)})" for where in sorted(wheres))


def _triggers(derivations: Sequence[Derivation]) -> list[str]:
    watchers: defaultdict[str, _Watchers] = defaultdict(_Watchers)
    for derivation in derivations:
        for lookup in derivation.lookups.values():
            watcher = watchers[lookup.entity]
            watcher.columns |= lookup.watched
            if lookup.reach is None:
                watcher.lookups[lookup.token, *lookup.by, lookup.where] = lookup
            elif derivation.name not in watcher.reaches[lookup.reach, lookup.where]:
                watcher.reaches[lookup.reach, lookup.where].append(derivation.name)
        for source in derivation.sources:
            watchers[source.entity].sources.append((derivation.name, source))
            watchers[source.entity].columns |= source.watched
    return [statement for entity in sorted(watchers) for statement in _of_entity(entity, watchers[entity])]


def _of_entity(entity: str, watchers: _Watchers) -> list[str]:
    changed = " OR ".join(f"old.{name} IS NOT new.{name}" for name in sorted(watchers.columns))
    new_keys, old_keys = _new_keys(watchers.sources), _old_keys(watchers.sources)
    return [
        _trigger(entity, "INSERT", watchers.when("new"), [*watchers.marks("new"), *new_keys]),
        _trigger(entity, "DELETE", watchers.when("old"), [*watchers.marks("old"), *old_keys]),
        _trigger(entity, "UPDATE", f" WHEN {changed}", [*watchers.marks("old", "new"), *old_keys, *new_keys]),
    ]


def _trigger(entity: str, event: str, when: str, statements: Sequence[str]) -> str:
    return (
        f"CREATE TRIGGER derived_of_{entity}_{event.lower()} AFTER {event} ON {entity}{when}"
        f" BEGIN {'; '.join(statements)}; END"
    )


def _by_token(lookups: Iterable[Lookup], sides: Iterable[str]) -> list[str]:
    tokens = ", ".join(dict.fromkeys(_token(one, side) for side in sides for one in lookups))
    if not tokens:
        return []
    using = f"SELECT u.key_id FROM derived_use AS u WHERE u.token IN ({tokens})"
    return [f"UPDATE derived_key SET dirty = 1 WHERE dirty = 0 AND id IN ({using})"]


def _by_reach(reaches: Mapping[tuple[Reach, str], Sequence[str]], sides: Iterable[str]) -> list[str]:
    return [
        f"UPDATE derived_key SET dirty = 1 WHERE dirty = 0 AND derivation IN ({_names(names)})"
        f" AND key IN (SELECT {_on(_array(reach.key), side)} {_on(_where(reach.via, where), side)})"
        for (reach, where), names in reaches.items()
        for side in sides
    ]


def _names(names: Iterable[str]) -> str:
    return ", ".join(f"'{name}'" for name in names)


def _where(via: str, where: str) -> str:
    if not where:
        return via
    return f"{via} AND ({where})" if via else f"WHERE {where}"


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
    return _array([f"{side}.{name}" for name in source.key])


def _array(parts: Iterable[str]) -> str:
    return f"json_array({', '.join(parts)})"


def _seen(source: Source, side: str) -> str:
    given = [f"{side}.{name} IS NOT NULL" for name in source.key]
    return " AND ".join([*([f"({_on(source.where, side)})"] if source.where else []), *given])


def _on(where: str, side: str) -> str:
    return where.replace("row.", f"{side}.")
