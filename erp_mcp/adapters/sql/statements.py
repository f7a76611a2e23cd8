"""The only SQL this adapter ever sends: a profile's fixed SELECT, wrapped; values are bound.

Output columns of the inner statement are trusted names (the profile's), never anything an agent said.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

Value = str | int | None

# Dialects that page with the standard's words; the others know LIMIT.
_FETCH_DIALECTS: Final = frozenset({"mssql", "oracle", "db2", "ibm_db_sa"})

# Collations of MySQL and MariaDB take A for a, and a text that begins with a number for that number, so keys are
# compared as they are written. Whatever is the same as written is equal to them too, so an index still serves.
_MYSQL_KEY: Final = "CAST(CONVERT(source_key USING utf8mb4) AS BINARY)"


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """Text with named parameters: `inner` is the profile's own SELECT, `before` and `after` are ours."""

    before: str
    inner: str
    after: str
    parameters: Mapping[str, Value]

    @property
    def text(self) -> str:
        """The whole statement."""
        return f"{self.before}{self.inner}{self.after}"


@dataclass(frozen=True, slots=True, kw_only=True)
class EntityStatements:
    """What a profile says of one entity."""

    rows: str
    tombstones: str = ""
    feed: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A place in (changed_at, source_key) order; `changed_at` of `None` is before everything.

    An empty `key` is before all keys of its `changed_at`; any other is of the type the database gave, since a number
    written as text sorts after all numbers in SQLite.
    """

    changed_at: str | int | None = None
    key: str | int = ""


def page_after(inner: str, place: Place, *, limit: int, dialect: str) -> Statement:
    """Return the statement for the next rows after a place: each row once, ties of `changed_at` told apart by key."""
    after = ""
    key = _MYSQL_KEY if dialect == "mysql" else "source_key"
    parameters: dict[str, Value] = {"page_limit": limit}
    if place.changed_at is not None:
        after = " WHERE changed_at >= :page_at"
        parameters["page_at"] = place.changed_at
    if place.key != "":  # the empty text is before all texts, but not before all numbers
        # In this form an index on changed_at is used; the row-value form is not known everywhere.
        after += f" AND (changed_at > :page_at OR {key} > :page_key)"
        parameters["page_key"] = str(place.key) if dialect == "mysql" else place.key
    cut = " OFFSET 0 ROWS FETCH NEXT :page_limit ROWS ONLY" if dialect in _FETCH_DIALECTS else " LIMIT :page_limit"
    return Statement(
        before="SELECT * FROM (",
        inner=_bare(inner),
        after=f") page_source{after} ORDER BY changed_at, {key}{cut}",
        parameters=parameters,
    )


def newest(inner: str) -> Statement:
    """Return the statement for the newest `changed_at`, as `newest`."""
    return Statement(
        before="SELECT MAX(changed_at) AS newest FROM (", inner=_bare(inner), after=") page_source", parameters={}
    )


def by_keys(inner: str, keys: tuple[str, ...], *, dialect: str, columns: str = "*") -> Statement:
    """Return the statement for the rows with these source keys; at least one key."""
    # SQLite converts a text to the type of a column, but to none of an expression: a number is looked for as both.
    numbers = tuple(int(key) for key in keys if _is_number(key)) if dialect == "sqlite" else ()
    both: tuple[Value, ...] = (*keys, *numbers)
    wanted = {f"key_{number}": key for number, key in enumerate(both)}
    listed = ", ".join(f":{name}" for name in wanted)
    exact = f" AND {_MYSQL_KEY} IN ({listed})" if dialect == "mysql" else ""
    return Statement(
        before=f"SELECT {columns} FROM (",
        inner=_bare(inner),
        after=f") page_source WHERE source_key IN ({listed}){exact}",
        parameters=wanted,
    )


def as_written(inner: str) -> Statement:
    """Return a statement without any wrapping."""
    return Statement(before="", inner=_bare(inner), after="", parameters={})


def first_rows(inner: str, *, limit: int, dialect: str) -> Statement:
    """Return the statement for at most `limit` rows in no order: high-water marks and cross-references."""
    if dialect in _FETCH_DIALECTS:  # these cut only what is ordered; the reader stops after as many rows
        return as_written(inner)
    return Statement(
        before="SELECT * FROM (",
        inner=_bare(inner),
        after=") page_source LIMIT :page_limit",
        parameters={"page_limit": limit},
    )


def fits(*inners: str) -> Statement:
    """Return the statement that gives no row, and fails where the database lacks what one of these names."""
    parts = (f"SELECT 1 AS fits FROM ({_bare(inner)}) page_source WHERE 1 = 0" for inner in inners)
    return as_written(" UNION ALL ".join(parts))


def _is_number(key: str) -> bool:
    """Return whether a key is the text of a whole number that SQLite can hold, and of no other spelling of it."""
    return re.fullmatch(r"-?[1-9][0-9]{0,17}|0", key) is not None


def _bare(inner: str) -> str:
    return inner.strip().rstrip(";").rstrip()
