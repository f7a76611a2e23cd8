"""The contract of analyses: pure functions from typed rows to tables.

An analysis gets every row it may look at, already scoped to the role's sites and masked; it does no I/O, takes the time
from `Facts`, and says in `Findings` what it could not know.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, tzinfo
from functools import cache
from typing import NamedTuple, get_args, get_type_hints, overload

from erp_mcp.domain.answer import Gap
from erp_mcp.domain.call import ArgumentValue
from erp_mcp.domain.derivation import Derivation, Only

RawCell = str | int | bool | None | tuple[str, ...]
RawRow = tuple[RawCell, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What an analysis may look at. `today` is the plant's business date, `now` the plant clock in UTC.

    `zone` is the plant's: it tells on which business date an instant falls. `lacking` are the `entity.field` names that
    no system of the answer keeps; `gaps` name them too, as far as they matter, beside those that only some keep.
    """

    rows: Mapping[str, tuple[NamedTuple, ...]]
    arguments: Mapping[str, ArgumentValue]
    today: str
    now: str
    gaps: tuple[Gap, ...] = ()
    zone: tzinfo = UTC
    lacking: frozenset[str] = frozenset()

    @property
    def missing(self) -> frozenset[str]:
        """Entities that could not be used as a whole."""
        return frozenset(gap.entity for gap in self.gaps if not gap.field)


@cache
def never_empty(row: type[NamedTuple]) -> tuple[tuple[int, str], ...]:
    """Return place and name of the fields of a row type that are never `None`: an analysis can't do without them."""
    hints = get_type_hints(row)
    return tuple((place, name) for place, name in enumerate(row._fields) if type(None) not in get_args(hints[name]))


@dataclass(frozen=True, slots=True, kw_only=True)
class RowsOnDemand(Sequence[RawRow]):
    """Rows of a paged table that are made when they are looked at: a page shows few of many.

    `order` holds of each row the cells that the table is ordered by, in that order; `make` gives the row of a place.
    """

    order: Sequence[RawRow]
    make: Callable[[int], RawRow]

    def __len__(self) -> int:
        """Return how many rows there are."""
        return len(self.order)

    @overload
    def __getitem__(self, place: int) -> RawRow: ...

    @overload
    def __getitem__(self, place: slice) -> list[RawRow]: ...

    def __getitem__(self, place: int | slice) -> RawRow | list[RawRow]:
        """Make the row of a place, or those of several."""
        places = range(len(self.order))[place]
        return self.make(places) if isinstance(places, int) else [self.make(one) for one in places]


@dataclass(frozen=True, slots=True, kw_only=True)
class Findings:
    """Rows per result table, in the order of the tool's columns; numbers still scaled, as stored."""

    tables: Mapping[str, Sequence[RawRow]]
    complete: bool = True
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Dependence:
    """What an analysis needs to tell something: `entity.field` names, any one of which will do.

    `tells` names what can't be told, or not as surely, where none of them is kept: causes, classes, result columns.
    """

    fields: tuple[str, ...]
    tells: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Ahead:
    """How an analysis answers from rows that were worked out ahead of time.

    Args:
        derivations: Whose rows it takes; in `Facts.rows` they stand under their names.
        function: Finds exactly what the analysis finds over all its reads, or `None` when it can't say that: then the
            whole question is asked. It sees the arguments and gaps of the call.
        reads: Names of reads of the tool that it takes beside; they must be small. A derivation that is called as one
            of them stands for it: its row has the read's columns, and the reads behind it look up by what it found.
        only: From the arguments and the business date to which rows are wanted, by derivation; without it all are.
    """

    derivations: tuple[Derivation, ...]
    function: Callable[[Facts], Findings | None]
    reads: tuple[str, ...] = ()
    only: Callable[[Mapping[str, ArgumentValue], str], Mapping[str, Only]] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Analysis:
    """A registered analysis: the function and the row type of each read; a tool file gives exactly these columns.

    `dependences` say what it can't tell of a system that does not keep a field; other fields change nothing it finds.
    `ahead` answers without most of the reads, where what was worked out may be used. What is not `timed` looks at the
    business date alone, never at `Facts.now`: it finds the same all day.
    """

    name: str
    function: Callable[[Facts], Findings]
    reads: Mapping[str, type[NamedTuple]] = field(default_factory=dict)
    definition_id: str = ""
    dependences: tuple[Dependence, ...] = ()
    ahead: Ahead | None = None
    timed: bool = True
