"""The only SQL this adapter ever sends: a profile's fixed SELECT, wrapped; values are bound.

Output columns of the inner statement are trusted names (the profile's), never anything an agent said.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

Value = str | int | None

# Dialects that page with the standard's words; the others know LIMIT.
_FETCH_DIALECTS: Final = frozenset({"mssql", "oracle", "db2", "ibm_db_sa"})


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
    """A place in (changed_at, source_key) order; `changed_at` of `None` is before everything."""

    changed_at: str | int | None = None
    key: str = ""


def page_after(inner: str, place: Place, *, limit: int, dialect: str) -> Statement:
    """Return the statement for the next rows after a place: each row once, ties of `changed_at` told apart by key."""
    after = ""
    parameters: dict[str, Value] = {"page_limit": limit}
    if place.changed_at is not None:
        # In this form an index on changed_at is used; the row-value form is not known everywhere.
        after = " WHERE changed_at >= :page_at AND (changed_at > :page_at OR source_key > :page_key)"
        parameters |= {"page_at": place.changed_at, "page_key": place.key}
    cut = " OFFSET 0 ROWS FETCH NEXT :page_limit ROWS ONLY" if dialect in _FETCH_DIALECTS else " LIMIT :page_limit"
    return Statement(
        before="SELECT * FROM (",
        inner=_bare(inner),
        after=f") page_source{after} ORDER BY changed_at, source_key{cut}",
        parameters=parameters,
    )


def newest(inner: str) -> Statement:
    """Return the statement for the newest `changed_at`, as `newest`."""
    return Statement(
        before="SELECT MAX(changed_at) AS newest FROM (", inner=_bare(inner), after=") page_source", parameters={}
    )


def by_keys(inner: str, keys: tuple[str, ...], *, columns: str = "*") -> Statement:
    """Return the statement for the rows with these source keys; at least one key."""
    names = [f"key_{number}" for number in range(len(keys))]
    listed = ", ".join(f":{name}" for name in names)
    return Statement(
        before=f"SELECT {columns} FROM (",
        inner=_bare(inner),
        after=f") page_source WHERE source_key IN ({listed})",
        parameters=dict(zip(names, keys, strict=True)),
    )


def as_written(inner: str) -> Statement:
    """Return a profile's statement without any wrapping: high-water marks and cross-references."""
    return Statement(before="", inner=_bare(inner), after="", parameters={})


def _bare(inner: str) -> str:
    return inner.strip().rstrip(";").rstrip()
