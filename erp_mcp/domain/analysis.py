"""The contract of analyses: pure functions from typed rows to tables.

An analysis gets every row it may look at, already scoped to the role's sites and masked; it does no I/O, takes the time
from `Facts`, and says in `Findings` what it could not know.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, tzinfo
from typing import NamedTuple

from erp_mcp.domain.answer import Gap
from erp_mcp.domain.call import ArgumentValue

RawCell = str | int | bool | None | tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What an analysis may look at. `today` is the plant's business date, `now` the plant clock in UTC.

    `zone` is the plant's: it tells on which business date an instant falls.
    """

    rows: Mapping[str, tuple[NamedTuple, ...]]
    arguments: Mapping[str, ArgumentValue]
    today: str
    now: str
    gaps: tuple[Gap, ...] = ()
    zone: tzinfo = UTC


@dataclass(frozen=True, slots=True, kw_only=True)
class Findings:
    """Rows per result table, in the order of the tool's columns; numbers still scaled, as stored."""

    tables: Mapping[str, list[tuple[RawCell, ...]]]
    complete: bool = True
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Analysis:
    """A registered analysis: the function and the row type of each read; a tool file gives exactly these columns."""

    name: str
    function: Callable[[Facts], Findings]
    reads: Mapping[str, type[NamedTuple]] = field(default_factory=dict)
    definition_id: str = ""
