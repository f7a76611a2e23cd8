"""A reader's side of derivations: the rows of clean keys as they are kept, and the few others worked out at once."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Final

from erp_mcp.domain.derivation import Cell, Derivation, Moment, basis_of
from erp_mcp.domain.freshness import EntityState
from erp_mcp.store.read_model import keeping
from erp_mcp.store.read_model.deriving import CROSSING, UNCLEAN
from erp_mcp.store.read_model.keeping import Wanted
from erp_mcp.store.read_model.sight import SqliteSight

MOST_KEYS: Final = 300  # that a reader works out itself; with more it is as quick to ask the whole question

Rows = list[tuple[Cell, ...]]


def worked_out(
    connection: sqlite3.Connection,
    derivations: Sequence[Derivation],
    states: Collection[EntityState],
    moment: Moment,
    *,
    sites: Sequence[str] | None,
) -> Mapping[str, Rows] | None:
    """Return the rows of derivations as of this moment, inside the caller's transaction.

    Args:
        connection: Connection to the read model.
        derivations: Which.
        states: Where each entity stands, as the answer is judged by.
        moment: The plant clock.
        sites: Sites in scope, `None` for all.

    Returns:
        By derivation the rows of all keys in scope, exactly as if all were worked out now; `None` when that can't be
        said or would take long.
    """
    kept = _kept(connection)
    if any(kept.get(one.name) != (one.digest, basis_of(one.entities, states).text) for one in derivations):
        return None
    left = MOST_KEYS
    found: dict[str, Rows] = {}
    for one in derivations:
        view = _View(connection, one, one.at(moment), sites)
        keys = view.unclean(left + 1)
        left -= len(keys)
        if left < 0:
            return None
        now = view.live([key for _, key in keys], basis_of(one.entities, states).missing)
        rows = view.rows([key_id for key_id, _ in keys], now)
        if rows is None:
            return None
        found[one.name] = rows
    return found


def _kept(connection: sqlite3.Connection) -> dict[str, tuple[str, str]]:
    there = connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'derived_state'").fetchone()
    if there is None:
        return {}
    rows = connection.execute("SELECT derivation, digest, basis FROM derived_state")
    return {name: (digest, basis) for name, digest, basis in rows}


class _View:
    """The keys of one derivation, as one scope sees them at one moment."""

    def __init__(
        self, connection: sqlite3.Connection, derivation: Derivation, moment: Moment, sites: Sequence[str] | None
    ) -> None:
        self._connection = connection
        self._derivation = derivation
        self._moment = moment
        self._sites = sites
        self._values = {"name": derivation.name, "today": moment.today, "now": moment.now}

    def rows(self, without: Sequence[int], now: Rows) -> Rows | None:
        """Return the rows of all keys: those kept of clean ones that saw no row out of scope, and of others `now`."""
        sites = None if self._sites is None else json.dumps(list(self._sites))
        wanted = Wanted(sites=sites, without=json.dumps(list(without)), now=now)
        return keeping.read(self._connection, self._derivation, wanted)

    def unclean(self, limit: int) -> list[tuple[int, tuple[str, ...]]]:
        """Return keys that must be worked out now: dirty ones, and those that saw sites in and out of scope."""
        asked = UNCLEAN if self._sites is None else f"{UNCLEAN} UNION ALL {CROSSING}"
        rows = self._connection.execute(f"{asked} LIMIT {limit}", self._values)
        return [(key_id, tuple(json.loads(key))) for key_id, key, _ in rows]

    def live(self, keys: Iterable[tuple[str, ...]], missing: frozenset[str]) -> Rows:
        """Work keys out through the scope."""
        sight = SqliteSight(self._connection, self._derivation, self._moment, missing, sites=self._sites)
        keys = list(keys)
        sight.read_together(self._derivation.together, keys)
        return [tuple(row) for key in keys for row in self._derivation.function(sight, key)]
