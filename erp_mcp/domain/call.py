"""One call of a tool as it comes in, and what its arguments may be."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Union

# What strict JSON decodes to. Floats never appear: the front door refuses them where exact numbers are meant.
JsonValue = Union[str, int, float, bool, None, list["JsonValue"], dict[str, "JsonValue"]]  # noqa: UP007 - recursive
Scalar = str | int | bool | None


@dataclass(frozen=True, slots=True)
class Rows:
    """A table as an argument: every row has a value, or `None`, for each column. Numbers are scaled integers."""

    columns: tuple[str, ...]
    rows: tuple[tuple[Scalar, ...], ...]

    def column(self, name: str) -> tuple[Scalar, ...]:
        """Return what stands in one column, row by row."""
        place = self.columns.index(name)
        return tuple(row[place] for row in self.rows)

    def records(self) -> list[dict[str, Scalar]]:
        """Return the rows as objects by column name."""
        return [dict(zip(self.columns, row, strict=True)) for row in self.rows]


ArgumentValue = Scalar | tuple[str, ...] | Rows


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolCall:
    """A request as it came in: nothing of it is trusted yet.

    `correlation_id` joins all calls of one piece of work, `causation_id` names what led to this one; both come from
    the client's `_meta` where it sends them. `traceparent` is W3C trace context or empty.
    """

    tool: str
    arguments: dict[str, JsonValue]
    call_id: str
    correlation_id: str = ""
    causation_id: str = ""
    traceparent: str = ""
    client: str = ""  # name/version as the client states it; informative only
