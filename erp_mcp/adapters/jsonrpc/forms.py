"""The closed set of ways in which a profile makes one canonical value from a record: no expressions, only these."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Final, Literal, Protocol

from erp_mcp.adapters.jsonrpc.rows import Condition, Row, ShapeError, holders, holds, value, values
from erp_mcp.adapters.jsonrpc.units import rec20

Value = str | int | bool | Decimal | date | datetime | None

_DAY_S: Final = 86_400
_NOTHING: Final[Condition] = {}


class Form(Protocol):
    """One way to make a value."""

    def paths(self) -> Iterator[str]:
        """Yield the field paths it needs to have been read."""
        ...

    def make(self, row: Row) -> Value:
        """Return the value, `None` where the record has none.

        Raises:
            ShapeError: when the record does not have the shape its model promises.
        """
        ...


@dataclass(frozen=True, slots=True)
class Field:
    """The value at the end of a field path, where a condition holds; of a list, the first that is there."""

    path: str
    when: Condition = field(default_factory=dict)

    def paths(self) -> Iterator[str]:
        """Yield the path and what the condition looks at."""
        yield from (self.path, *self.when)

    def make(self, row: Row) -> Value:
        """Return the value; Tryton's naive times are UTC."""
        found = value(row, self.path) if holds(row, self.when) else None
        if isinstance(found, datetime):
            return found.replace(tzinfo=UTC)
        if found is None or isinstance(found, str):
            return found
        if isinstance(found, int | Decimal | date):
            return found
        raise ShapeError(self.path)


@dataclass(frozen=True, slots=True, kw_only=True)
class Const:
    """A fixed value, where a condition holds."""

    const: str | int
    when: Condition = field(default_factory=dict)

    def paths(self) -> Iterator[str]:
        """Yield what the condition looks at."""
        yield from self.when

    def make(self, row: Row) -> Value:
        """Return the constant or nothing."""
        return self.const if holds(row, self.when) else None


@dataclass(frozen=True, slots=True, kw_only=True)
class First:
    """The first of several forms that gives something."""

    first: Sequence[Form]

    def paths(self) -> Iterator[str]:
        """Yield what all of them need."""
        for form in self.first:
            yield from form.paths()

    def make(self, row: Row) -> Value:
        """Return the first value there is."""
        return next((made for form in self.first if (made := form.make(row)) not in (None, "")), None)


@dataclass(frozen=True, slots=True)
class Ref:
    """A business id at the end of a path, where a condition holds; a record without one is `id:12` by its number."""

    path: str
    when: Condition = field(default_factory=dict)

    def paths(self) -> Iterator[str]:
        """Yield the path and what the condition looks at."""
        yield from (self.path, *self.when)

    def make(self, row: Row) -> Value:
        """Return the id of the record that the path leads to."""
        holder = next(holders(row, self.path), None) if holds(row, self.when) else None
        if holder is None:
            return None
        found, number = holder.get(self.path.rpartition(".")[2]), holder.get("id")
        if not isinstance(found, str | None) or not isinstance(number, int):
            raise ShapeError(self.path)
        return found or f"id:{number}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Codes:
    """A native code by a closed map, and what any other code means."""

    path: str
    codes: Mapping[str, str]
    otherwise: str | None = None

    def paths(self) -> Iterator[str]:
        """Yield the path."""
        yield self.path

    def make(self, row: Row) -> Value:
        """Return the canonical code."""
        return self.codes.get(str(value(row, self.path)), self.otherwise)


@dataclass(frozen=True, slots=True, kw_only=True)
class Flag:
    """Whether a condition holds."""

    when: Condition

    def paths(self) -> Iterator[str]:
        """Yield what the condition looks at."""
        yield from self.when

    def make(self, row: Row) -> Value:
        """Return yes or no."""
        return holds(row, self.when)


@dataclass(frozen=True, slots=True)
class Unit:
    """The Recommendation 20 code of the unit record at a path."""

    path: str

    def paths(self) -> Iterator[str]:
        """Yield the symbol's path."""
        yield f"{self.path}.symbol"

    def make(self, row: Row) -> Value:
        """Return the code."""
        symbol = value(row, f"{self.path}.symbol")
        return rec20(symbol) if isinstance(symbol, str) else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Pad:
    """A whole number as the digits that people know it by: 10 with a width of 6 is `000010`."""

    path: str
    width: int

    def paths(self) -> Iterator[str]:
        """Yield the path."""
        yield self.path

    def make(self, row: Row) -> Value:
        """Return the digits, nothing where the record has no number."""
        found = value(row, self.path)
        if found is None:
            return None
        if isinstance(found, bool) or not isinstance(found, int) or found < 0:
            raise ShapeError(self.path)
        return f"{found:0{self.width}d}"


@dataclass(frozen=True, slots=True, kw_only=True)
class DateOf:
    """Dates under one path, of those records for which a condition holds."""

    path: str
    when: Condition = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Extreme:
    """The earliest or latest of all dates under some paths."""

    which: Literal["earliest", "latest"]
    dates: Sequence[DateOf]

    def paths(self) -> Iterator[str]:
        """Yield the dates and the fields beside them that conditions look at."""
        for one in self.dates:
            before = one.path.rpartition(".")[0]
            yield one.path
            yield from (f"{before}.{path}" if before else path for path in one.when)

    def make(self, row: Row) -> Value:
        """Return the date, `None` where there is none."""
        found = [day for one in self.dates for day in _dates(row, one)]
        choose = min if self.which == "earliest" else max
        return choose(found, default=None)


@dataclass(frozen=True, slots=True)
class Days:
    """A time span as whole days, a part of a day counted as one."""

    path: str

    def paths(self) -> Iterator[str]:
        """Yield the path."""
        yield self.path

    def make(self, row: Row) -> Value:
        """Return the days."""
        found = value(row, self.path)
        if found is None:
            return None
        if not isinstance(found, timedelta):
            raise ShapeError(self.path)
        return -(-int(found.total_seconds()) // _DAY_S)


@dataclass(frozen=True, slots=True)
class Midnight:
    """A day as the point in time at which it begins in UTC, for systems that keep the day alone."""

    path: str

    def paths(self) -> Iterator[str]:
        """Yield the path."""
        yield self.path

    def make(self, row: Row) -> Value:
        """Return the point in time."""
        found = value(row, self.path)
        if found is None:
            return None
        if not isinstance(found, date) or isinstance(found, datetime):
            raise ShapeError(self.path)
        return datetime(found.year, found.month, found.day, tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Lookup:
    """A text that counts only when it names a record of a model; the reader looks all of a page up in one call."""

    path: str
    model: str
    by: str

    def paths(self) -> Iterator[str]:
        """Yield the path."""
        yield self.path

    def make(self, row: Row) -> Value:
        """Return the text, once the reader has found it."""
        known = row.get(self.slot)
        found = value(row, self.path)
        return found if isinstance(found, str) and isinstance(known, list) and found in known else None

    @property
    def slot(self) -> str:
        """Where the reader puts what it found."""
        return f"?{self.model}.{self.by}"


def _dates(row: Row, one: DateOf) -> list[date]:
    leaf = one.path.rpartition(".")[2]
    found = [record.get(leaf) for record in holders(row, one.path) if holds(record, one.when)]
    dates = [day for day in found if isinstance(day, date) and not isinstance(day, datetime)]
    if len(dates) != len([day for day in found if day is not None]):
        raise ShapeError(one.path)
    return dates


def points_in_time(row: Row, path: str) -> list[datetime]:
    """Return the points in time under a path, naive and in UTC as the system keeps them."""
    return [found for found in values(row, path) if isinstance(found, datetime)]
