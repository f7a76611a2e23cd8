"""Works dirty keys out, a batch at a time: rows, tokens and the mark that the key is clean in one transaction."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from erp_mcp.domain.derivation import FOREVER, Basis, Derivation, Key, Moment, basis_of
from erp_mcp.domain.freshness import EntityState
from erp_mcp.store.read_model import keeping
from erp_mcp.store.read_model.keeping import Found
from erp_mcp.store.read_model.sight import SEVERAL, Memory, SqliteSight

CLEAN: Final = "k.dirty = 0 AND k.day = :today AND k.since <= :now AND k.until > :now"
# The other keys, each by an index: mostly there are few or none among many.
_OF: Final = (
    "SELECT k.id, k.key, k.until FROM derived_key AS k INDEXED BY derived_key_{} WHERE k.derivation = :name AND "
)
UNCLEAN: Final = " UNION ALL ".join(
    _OF.format(index) + part
    for index, part in (
        ("by_age", "k.dirty = 1"),
        ("by_age", "k.dirty = 0 AND k.day < :today"),
        ("by_age", "k.dirty = 0 AND k.day > :today"),
        ("by_age", "k.dirty = 0 AND k.day = :today AND k.since > :now"),
        ("by_end", f"k.until < '{FOREVER}' AND k.until <= :now AND k.dirty = 0 AND k.day = :today AND k.since <= :now"),
    )
)
# Saw rows in and out of a scope.
CROSSING: Final = f"{_OF.format('by_scope')}{CLEAN} AND k.sites IN ('', '{SEVERAL}')"


class Deriver:
    """Works keys out over one connection, and remembers what it read until somebody writes."""

    def __init__(self, connection: sqlite3.Connection, derivations: Sequence[Derivation]) -> None:
        """Take a connection on which the derivations are installed; those that others rest on come first."""
        self._connection = connection
        self._derivations = derivations
        self._memories: dict[tuple[Moment, frozenset[str]], Memory] = {}
        self._seen = (-1, -1)

    def work_out(self, states: Iterable[EntityState], moment: Moment, *, limit: int) -> int:
        """Work out at most `limit` keys, inside the caller's transaction; see `work_out`."""
        if self._written() != self._seen:
            self._memories.clear()
        done = work_out(self._connection, self._derivations, states, moment, limit=limit, memories=self._memories)
        for memory in self._memories.values():
            memory.bound()
        self._seen = self._written()
        return done

    def _written(self) -> tuple[int, int]:
        """What changes as soon as another connection, or this one, has written anything."""
        version: int = self._connection.execute("PRAGMA data_version").fetchone()[0]
        return version, self._connection.total_changes


def work_out(
    connection: sqlite3.Connection,
    derivations: Sequence[Derivation],
    states: Iterable[EntityState],
    moment: Moment,
    *,
    limit: int,
    memories: dict[tuple[Moment, frozenset[str]], Memory] | None = None,
) -> int:
    """Work out at most `limit` keys that are dirty or of another time, inside the caller's transaction.

    Args:
        connection: Connection to the read model, with the derivations installed.
        derivations: In this order; those that others rest on come first.
        states: Where each entity stands.
        moment: The plant clock.
        limit: How many keys of one derivation.
        memories: What was read for earlier batches, if nothing has been written since.

    Returns:
        How many keys were worked out; 0 when there is nothing left to do.
    """
    known = list(states)
    bases = {one.name: basis_of(one.entities, known) for one in derivations}
    for one in derivations:
        _take_basis(connection, one.name, bases[one.name])
    for one in derivations:
        at = one.at(moment)
        found = _unclean(connection, one.name, at, limit)
        if found:
            memory = ({} if memories is None else memories).setdefault((at, bases[one.name].missing), Memory())
            _Batch(connection, one, at, bases, memory).run(found)
            return len(found)
    return 0


def _take_basis(connection: sqlite3.Connection, name: str, basis: Basis) -> None:
    """Let everything be dirty that was worked out while other systems gave the entities."""
    stored = connection.execute("SELECT basis FROM derived_state WHERE derivation = ?", (name,)).fetchone()
    if stored != (basis.text,):
        connection.execute("UPDATE derived_key SET dirty = 1 WHERE derivation = ? AND dirty = 0", (name,))
        connection.execute("UPDATE derived_state SET basis = ? WHERE derivation = ?", (basis.text, name))


def _unclean(connection: sqlite3.Connection, name: str, moment: Moment, limit: int) -> list[tuple[int, str, str]]:
    return connection.execute(
        f"{UNCLEAN} LIMIT :limit",
        {"name": name, "today": moment.today, "now": moment.now, "limit": limit},
    ).fetchall()


class _Batch:
    """The keys of one derivation that are worked out together; what several of them look at is read once."""

    def __init__(
        self,
        connection: sqlite3.Connection,
        derivation: Derivation,
        moment: Moment,
        bases: Mapping[str, Basis],
        memory: Memory,
    ) -> None:
        self._connection = connection
        self._derivation = derivation
        self._moment = moment
        self._bases = bases
        missing = bases[derivation.name].missing
        self._sight = SqliteSight(connection, derivation, moment, missing, node=self._node, memory=memory)

    def run(self, keys: Sequence[tuple[int, str, str]]) -> None:
        """Replace what is kept of the keys: id, key, and until when it held, empty for one never worked out."""
        sight, moment = self._sight, self._moment
        found: list[Found] = []
        uses: list[tuple[str, int]] = []
        clean: list[tuple[object, ...]] = []
        left: list[int] = []
        listed = [(key_id, tuple(json.loads(text))) for key_id, text, _ in keys]
        sight.read_together(self._derivation.together, [key for _, key in listed])
        for key_id, key in listed:
            sight.begin()
            rows = [tuple(row) for row in self._derivation.function(sight, key)]
            traces = sight.traces
            if traces.found or self._made(key):
                found.append(Found(key_id, traces.site, rows))
                uses += [(token, key_id) for token in traces.tokens]
                clean.append((moment.today, moment.now, traces.until, traces.site, key_id))
            else:
                left.append(key_id)
        self._replace(found, uses, [key_id for key_id, _, until in keys if until])
        mark = "UPDATE derived_key SET dirty = 0, day = ?, since = ?, until = ?, sites = ? WHERE id = ?"
        self._connection.executemany(mark, clean)
        self._connection.executemany("DELETE FROM derived_key WHERE id = ?", [(key_id,) for key_id in left])

    def _replace(self, found: Sequence[Found], uses: Iterable[tuple[str, int]], known: Sequence[int]) -> None:
        keeping.replace(self._connection, self._derivation, found, known=known)
        by_id = [(key_id,) for key_id in known]
        self._connection.executemany("DELETE FROM derived_use WHERE key_id = ?", by_id)
        self._connection.executemany("INSERT INTO derived_use (token, key_id) VALUES (?, ?)", sorted(uses))

    def _made(self, key: Key) -> bool:
        """Return whether a row still makes the key; one that none makes has no rows and is forgotten."""
        for source in self._derivation.sources:
            wheres = [*(f"row.{name} = ?" for name in source.key), *([f"({source.where})"] if source.where else [])]
            statement = f"SELECT 1 FROM {source.entity} AS row WHERE {' AND '.join(wheres)} LIMIT 1"
            if self._connection.execute(statement, key).fetchone() is not None:
                return True
        return False

    def _node(self, node: Key) -> str:
        """Return the token of a key of another derivation, where it is clean."""
        name, *key = node
        if name not in self._bases or name == self._derivation.name:
            return ""
        found = self._connection.execute(
            f"SELECT k.id FROM derived_key AS k WHERE k.derivation = :name AND k.key = :key AND {CLEAN}",
            {"name": name, "key": _text(key), "today": self._moment.today, "now": self._moment.now},
        ).fetchone()
        return f"@{found[0]}" if found else ""


def _text(key: Sequence[str]) -> str:
    return json.dumps(list(key), ensure_ascii=False, separators=(",", ":"))
