"""What a derivation sees: look-ups over one connection that leave their tokens and sites behind."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from operator import attrgetter
from typing import Any, Final, NamedTuple, TypeVar

from erp_mcp.domain.derivation import FOREVER, Derivation, Key, Lookup, Moment, Together
from erp_mcp.domain.entities import ENTITIES, field_specs

Value = TypeVar("Value")
_MOST_FOUND: Final = 60_000  # look-ups, most of a handful of rows
SEVERAL: Final = "*"  # rows of several sites, or of a site that is not told
_SITED: Final = frozenset(
    name for name, entity in ENTITIES.items() if any(spec.name == "site" for spec in field_specs(entity))
)


@dataclass(slots=True)
class Traces:
    """What was looked at: tokens, sites of the rows found, and when it changes by itself."""

    tokens: set[str] = field(default_factory=set)
    sites: set[str] = field(default_factory=set)
    until: str = FOREVER
    found: bool = False  # any row at all

    def add(self, other: Traces, token: str = "") -> None:
        """Take over what another one saw; its tokens go by the name `token`, where there is one."""
        if token:
            self.tokens.add(token)
        else:
            self.tokens |= other.tokens
        self.sites |= other.sites
        self.until = min(self.until, other.until)
        self.found = self.found or other.found

    @property
    def site(self) -> str:
        """The one site whose rows were seen, empty for none, `SEVERAL` for more."""
        return next(iter(self.sites), "") if len(self.sites) <= 1 else SEVERAL


class Memory:
    """What was found and worked out, for as long as nothing it rests on has changed; the caller sees to that."""

    def __init__(self) -> None:
        """Start with nothing."""
        self.found: dict[tuple[str, ...], tuple[tuple[NamedTuple, ...], frozenset[str]]] = {}
        self.known: dict[tuple[Key, str], tuple[Any, Traces]] = {}

    def bound(self) -> None:
        """Forget everything where it has become much."""
        if len(self.found) > _MOST_FOUND:
            self.found.clear()
            self.known.clear()


class SqliteSight:
    """A `domain.derivation.Sight` over the read model, for the keys of one derivation within one transaction.

    What was found is kept for the next key of the same sight: nothing may be written to the entities in between.
    """

    def __init__(
        self,
        connection: sqlite3.Connection,
        derivation: Derivation,
        moment: Moment,
        missing: frozenset[str],
        *,
        sites: Sequence[str] | None = None,
        node: Callable[[Key], str] = lambda _: "",
        memory: Memory | None = None,
    ) -> None:
        """Look through a connection.

        Args:
            connection: Inside a transaction.
            derivation: Whose look-ups may be used.
            moment: The plant clock.
            missing: Entities that can't be used.
            sites: Only rows of these sites are seen, where an entity has one; `None` for all.
            node: Gives the token of a node that is not dirty, empty for any other.
            memory: Shared with sights of the same moment, scope and missing entities.
        """
        self._connection = connection
        self._derivation = derivation
        self._lookups = derivation.lookups
        self._ways = {name: _way(one, missing, scoped=sites is not None) for name, one in derivation.lookups.items()}
        self._sites = None if sites is None else json.dumps(list(sites))
        self._node = node
        self._memory = memory or Memory()
        self._nodes: dict[Key, str] = {}
        self.moment = moment
        self.missing = missing
        self.traces = Traces()

    def find(self, lookup: str, *by: str) -> Sequence[NamedTuple]:
        """Return the rows that a look-up finds; see `domain.derivation.Sight`."""
        way = self._ways[lookup]
        asked = (way.name, *by)
        found = self._memory.found.get(asked)
        if found is None:
            found = self._memory.found[asked] = self._read(way, by)
        rows, sites = found
        traces = self.traces
        if way.token:
            traces.tokens.add(f"{way.token}{'|'.join(by)}")
        if rows:
            traces.sites |= sites
            traces.found = True
        return rows

    def until(self, instant: str) -> None:
        """Note when what is worked out changes by itself."""
        self.traces.until = min(self.traces.until, instant)

    def remember(self, node: Key, part: str, compute: Callable[[], Value]) -> Value:
        """Return what was worked out before, with its traces; see `domain.derivation.Sight`."""
        asked = (node, part)
        if asked not in self._memory.known:
            outer, self.traces = self.traces, Traces()
            try:
                self._memory.known[asked] = (compute(), self.traces)
            finally:
                self.traces = outer
        known, traces = self._memory.known[asked]
        self.traces.add(traces, self._token(node))
        found: Value = known
        return found

    def _token(self, node: Key) -> str:
        if not self._nodes.get(node):
            self._nodes[node] = self._node(node)
        return self._nodes[node]

    def read_together(self, together: Sequence[Together], keys: Sequence[Key]) -> None:
        """Look up for many keys in one go what most of them will look up; nothing is traced yet."""
        for one in together:
            way, wanted = self._ways[one.lookup], self._wanted(one, keys)
            missing = [by for by in wanted if (way.name, *by) not in self._memory.found]
            if not missing or not way.text:
                continue
            found: dict[Key, list[tuple[Any, ...]]] = {by: [] for by in missing}
            width = len(missing[0])
            values = [json.dumps(missing), *([self._sites] if way.scoped else [])]
            for row in self._connection.execute(way.many, values):
                found[row[-width:]].append(row[:-width])
            for by, rows in found.items():
                self._memory.found[way.name, *by] = _typed(way, rows)

    def _wanted(self, one: Together, keys: Sequence[Key]) -> list[Key]:
        if not one.of:
            width = len(self._lookups[one.lookup].by)
            return list(dict.fromkeys(key[:width] for key in keys if all(key[:width])))
        of, first = self._ways[one.of], next(other for other in self._derivation.together if other.lookup == one.of)
        pick = attrgetter(*one.columns)
        found = (
            pick(row)
            for by in self._wanted(first, keys)
            for row in self._memory.found.get((of.name, *by), ((), frozenset()))[0]
        )
        several = len(one.columns) > 1
        wanted = dict.fromkeys(by if several else (by,) for by in found)
        return [by for by in wanted if all(by)]

    def begin(self) -> None:
        """Start with the next key."""
        self.traces = Traces()

    def _read(self, way: _Way, by: Sequence[str]) -> tuple[tuple[NamedTuple, ...], frozenset[str]]:
        if not way.text:
            return (), frozenset()
        values: list[str | None] = [part or None for part in by]
        if way.scoped:
            values.append(self._sites)
        return _typed(way, self._connection.execute(way.text, values).fetchall())


def _typed(way: _Way, found: Sequence[tuple[Any, ...]]) -> tuple[tuple[NamedTuple, ...], frozenset[str]]:
    if not found:
        return (), frozenset()
    rows = tuple(map(way.row, [row[:-1] for row in found]))
    return rows, frozenset([row[-1] or SEVERAL for row in found]) if way.sited else frozenset()


class _Way(NamedTuple):
    """A look-up made ready: its statement (empty: nothing is found), and how a row becomes one of its type.

    `name` is the same for look-ups that find the same.
    """

    name: str
    text: str
    many: str  # for a JSON list of keys; a row ends with its key
    token: str
    row: Callable[[Sequence[Any]], NamedTuple]
    sited: bool
    scoped: bool


def _way(lookup: Lookup, missing: frozenset[str], *, scoped: bool) -> _Way:
    sited = lookup.entity in _SITED
    scoped = scoped and sited
    text = "" if lookup.entity in missing else _statement(lookup, sited=sited, scoped=scoped)
    name = f"{lookup.row.__module__}.{lookup.row.__qualname__} {text}"
    many = _many(lookup, sited=sited, scoped=scoped)
    return _Way(
        name=name,
        text=text,
        many=many,
        token=lookup.token and f"{lookup.token}:",
        row=lookup.row._make,
        sited=sited,
        scoped=scoped,
    )


def _statement(lookup: Lookup, *, sited: bool, scoped: bool) -> str:
    wheres = [*(f"row.{name} IS ?" for name in lookup.by), *_seen(lookup, scoped=scoped)]
    return (
        f"SELECT {', '.join(_shown(lookup, sited=sited))} FROM {lookup.entity} AS row"
        f" WHERE {' AND '.join(wheres)} ORDER BY row.rowid"
    )


def _many(lookup: Lookup, *, sited: bool, scoped: bool) -> str:
    """Return the statement for many keys; none of their parts is empty."""
    parts = [f"json_extract(one.value, '$[{place}]')" for place in range(len(lookup.by))]
    on = [f"row.{name} = {part}" for name, part in zip(lookup.by, parts, strict=True)]
    keys = [f"row.{name}" for name in lookup.by]
    wheres = [*on, *_seen(lookup, scoped=scoped)]
    return (
        f"SELECT {', '.join([*_shown(lookup, sited=sited), *keys])} FROM json_each(?) AS one"
        f" CROSS JOIN {lookup.entity} AS row WHERE {' AND '.join(wheres)} ORDER BY row.rowid"
    )


def _shown(lookup: Lookup, *, sited: bool) -> list[str]:
    shown = ["''" if name == "as_of" else "NULL" if name in lookup.blank else f"row.{name}" for name in lookup.columns]
    return [*shown, "row.site" if sited else "NULL"]


def _seen(lookup: Lookup, *, scoped: bool) -> list[str]:
    seen = [f"({lookup.where})"] if lookup.where else []
    return [*seen, *(["row.site IN (SELECT value FROM json_each(?))"] if scoped else [])]
