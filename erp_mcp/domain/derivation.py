"""The contract of derivations: rows of the read model worked out ahead of time, key by key, and known to be exact.

A derivation is a pure function of one key (a material at a site, a sales order line …) that looks rows up through a
`Sight` and by nothing else. Each look-up leaves a token behind. What the store keeps beside the rows are those tokens:
when a row of an entity changes, the keys that looked where it was or is now are dirty, in the same transaction.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, tzinfo
from typing import Final, NamedTuple, Protocol, TypeVar

from erp_mcp.domain.freshness import EntityState

Cell = str | int | None
Key = tuple[str, ...]
Value = TypeVar("Value")

FOREVER: Final = "9999-12-31T23:59:59Z"
_ROW: Final = re.compile(r"\brow\.(\w+)")
_NEVER_WATCHED: Final = frozenset({"system", "as_of"})  # the one never changes, the other at every pass


@dataclass(frozen=True, slots=True, kw_only=True)
class Reach:
    """How a row tells which keys look at it, without their having left a token.

    Args:
        key: SQL over `row.column` and what `via` joins, in the order of the key's columns.
        via: The rest of a SELECT, where the row alone does not tell; whatever it goes through must be looked at by
            the same keys, or be their source: who moves a row there makes the keys dirty himself.
    """

    key: tuple[str, ...]
    via: str = ""


def reach_of(*columns: str) -> Reach:
    """Return the reach of rows whose own columns are the key."""
    return Reach(key=tuple(f"row.{name}" for name in columns))


@dataclass(frozen=True, slots=True, kw_only=True)
class Lookup:
    """One way to look rows of an entity up: by the values of some columns, as rows of `row`.

    Args:
        entity: The canonical entity.
        by: Columns whose values are given, in order; `""` stands for no value.
        row: Type of the rows; its fields are columns of the entity, `as_of` is always empty.
        token: Prefix of the tokens. Look-ups by the same values may share one: then less is kept, and more is worked
            out anew. Empty where there is a `reach`.
        reach: Which keys look at a row; then nothing is kept of who looked. Every look-up that the function makes must
            be one that the reach tells of.
        where: Which rows are seen, over `row.column`; without functions of time.
        blank: Fields of `row` that are always `None`: the derivation does not look at them.
    """

    entity: str
    by: tuple[str, ...]
    row: type[NamedTuple]
    token: str = ""
    reach: Reach | None = None
    where: str = ""
    blank: frozenset[str] = frozenset()

    @property
    def columns(self) -> tuple[str, ...]:
        """Columns that are read, in the order of the row's fields."""
        return self.row._fields

    @property
    def watched(self) -> frozenset[str]:
        """Columns whose change can change what is found."""
        read = {name for name in self.columns if name not in self.blank}
        told = " ".join((*self.reach.key, self.reach.via)) if self.reach else ""
        return frozenset({*read, *self.by, *_ROW.findall(self.where), *_ROW.findall(told)} - _NEVER_WATCHED)

    def __post_init__(self) -> None:
        """Hold who looks to one way of being found again."""
        if bool(self.token) == bool(self.reach):
            raise ValueError(self.entity)


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """Where keys come from: each row of an entity that is seen makes its `key` columns a key."""

    entity: str
    key: tuple[str, ...]
    where: str = ""

    @property
    def watched(self) -> frozenset[str]:
        """Columns whose change can make another key."""
        return frozenset({*self.key, *_ROW.findall(self.where)})


@dataclass(frozen=True, slots=True, kw_only=True)
class Together:
    """A look-up that is made for many keys in one go, since most of them will make it.

    By the first parts of the keys themselves, or by columns of the rows that an earlier one of these has found. It
    changes how long it takes, and nothing that is found.
    """

    lookup: str
    of: str = ""  # an earlier look-up; empty: the key
    columns: tuple[str, ...] = ()  # of its rows


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """The plant clock while something is worked out: business date, UTC instant, and the plant's zone."""

    today: str
    now: str
    zone: tzinfo = UTC


class Sight(Protocol):
    """What a derivation sees while it works one key out."""

    @property
    def moment(self) -> Moment:
        """The plant clock; what is worked out counts for its business date only."""
        ...

    @property
    def missing(self) -> frozenset[str]:
        """Entities that can't be used as a whole; look-ups in them find nothing."""
        ...

    def find(self, lookup: str, *by: str) -> Sequence[NamedTuple]:
        """Return the rows that a look-up finds, in the order in which they are stored."""
        ...

    def until(self, instant: str) -> None:
        """Say that what is worked out changes by itself at a UTC instant after now."""
        ...

    def remember(self, node: Key, part: str, compute: Callable[[], Value]) -> Value:
        """Return what `compute` gives, worked out once per `part` of a node for several keys.

        `node` is the name of another derivation and one of its keys; that derivation has looked at all that `compute`
        looks at, so that one token stands for them.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Only:
    """Which kept rows a question needs at least; it may get others too, and leaves them out itself.

    `where` is SQL over `d.column` and parameters `:only_…`, whose `values` it binds. Sums come exactly as asked for:
    of these rows alone, added up over all columns but `by`, which stand empty.
    """

    where: str
    values: Mapping[str, Cell]
    by: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Derivation:
    """Rows worked out key by key.

    Args:
        name: Lower case with underscores; the table is `derived_<name>`.
        version: Raised when the function finds something else than before: then all is worked out anew.
        sources: Where the keys come from. A key without any rows to look up must give no rows.
        lookups: What the function may look up, by name.
        row: Type of the rows; its fields, texts and whole numbers, are the columns of the table.
        function: From a sight and a key to rows. It must be pure, and look at nothing but its sight.
        shows: Columns that show fields as they are, and the fields; nothing else may rest on these. Where one of the
            fields is masked, the column is empty.
        together: Look-ups made in one go for all keys of a batch.
        dated: Whether the rows rest on the plant's date or time; without it they hold on every day, and the sight's
            moment is empty.
        only: Which kept rows are wanted in one question; what is kept does not depend on it.
        sums: Columns, the last ones, that are whole numbers and only ever added up: then sums by the other columns are
            kept, and those are never `None`.
    """

    name: str
    version: int
    sources: tuple[Source, ...]
    lookups: Mapping[str, Lookup]
    row: type[NamedTuple]
    function: Callable[[Sight, Key], Iterable[NamedTuple]] = field(repr=False)
    shows: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    together: tuple[Together, ...] = ()
    dated: bool = True
    only: Only | None = None
    sums: tuple[str, ...] = ()

    @property
    def groups(self) -> tuple[str, ...]:
        """The columns by which is added up."""
        return self.columns[: len(self.columns) - len(self.sums)]

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns of the table."""
        return self.row._fields

    def at(self, moment: Moment) -> Moment:
        """Return the moment that its rows belong to: that one, or none at all."""
        return moment if self.dated else Moment(today="", now="", zone=moment.zone)

    @property
    def entities(self) -> frozenset[str]:
        """Entities that are looked at."""
        return frozenset({*(one.entity for one in self.lookups.values()), *(one.entity for one in self.sources)})

    @property
    def fields(self) -> frozenset[str]:
        """The `entity.field` names on which the rows rest; with one of them masked they are not for that role."""
        looked = {f"{one.entity}.{name}" for one in self.lookups.values() for name in one.watched}
        made = {f"{one.entity}.{name}" for one in self.sources for name in one.watched}
        return frozenset((looked | made).difference(*self.shows.values()))

    @property
    def digest(self) -> str:
        """What the stored rows and marks belong to: another one works everything out anew."""
        told = [
            self.name,
            f"{self.version} {self.dated}",
            *(f"{one.entity} {one.key} {one.where}" for one in self.sources),
            *(
                f"{name} {one.entity} {one.by} {one.columns} {sorted(one.blank)} {one.token} {one.reach} {one.where}"
                for name, one in sorted(self.lookups.items())
            ),
            *self.columns,
            *self.sums,
        ]
        return hashlib.sha256("\n".join(told).encode()).hexdigest()[:16]


@dataclass(frozen=True, slots=True, kw_only=True)
class Basis:
    """Which systems give the entities of a derivation, and which entities can't be used.

    An entity is missing where no system offers it, or one that does was never read to the end: then an answer leaves
    it out as a whole. What was worked out on another basis is not used.
    """

    text: str
    missing: frozenset[str]


def basis_of(entities: Iterable[str], states: Iterable[EntityState]) -> Basis:
    """Return the basis of some entities, from where everything stands."""
    wanted = frozenset(entities)
    given = sorted((one.entity, one.system, bool(one.as_of)) for one in states if one.entity in wanted)
    offered = {entity for entity, _, _ in given}
    unread = {entity for entity, _, read in given if not read}
    text = " ".join(f"{entity}@{system}{'' if read else '?'}" for entity, system, read in given)
    return Basis(text=text, missing=(wanted - offered) | unread)
