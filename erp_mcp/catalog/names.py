"""What a statement may name, and what it was seen to name: arguments, earlier reads, entities, columns."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Final, Protocol

from sqlglot import exp

from erp_mcp.catalog.meaning import Meaning, Relation
from erp_mcp.catalog.problems import ProblemError
from erp_mcp.domain.tool import Argument, Needs

PLANT_CLOCK: Final[Mapping[str, str]] = {"today": "date", "now": "instant"}


@dataclass(slots=True, kw_only=True)
class Names:
    """What a statement may name, and what it was seen to name."""

    arguments: Mapping[str, Argument]
    inputs: Mapping[str, Relation]  # earlier reads, and arguments that are tables
    entities: set[str] = field(default_factory=set)
    used_arguments: set[str] = field(default_factory=set)
    used_clock: set[str] = field(default_factory=set)
    used_inputs: set[tuple[str, str]] = field(default_factory=set)
    touched: dict[str, set[str]] = field(default_factory=dict)  # argument -> entity.field
    guarded: set[str] = field(default_factory=set)  # arguments tested with IS NULL
    conditions: set[str] = field(default_factory=set)  # entity.field by which rows are chosen whatever is asked
    shaped: dict[str, set[str]] = field(default_factory=dict)  # argument -> entity.field that it shows or hides
    inner: dict[int, Needs] = field(default_factory=dict)  # by identity: what the rows of a sub-query are chosen by
    answered: dict[int, Relation] = field(default_factory=dict)  # by identity: what a sub-query gives
    linked: dict[int, frozenset[str]] = field(default_factory=dict)  # by identity: what its rows are linked by
    _columns: list[frozenset[str]] = field(default_factory=list)
    _mentions: list[str] = field(default_factory=list)

    @contextmanager
    def together(self) -> Iterator[set[str]]:
        """Give the lineage of all columns named inside; arguments named inside are noted as working on them."""
        lineage: set[str] = set()
        first_column, first_mention = len(self._columns), len(self._mentions)
        yield lineage
        lineage.update(*self._columns[first_column:])
        for argument in self._mentions[first_mention:]:
            self.touched.setdefault(argument, set()).update(lineage)

    @contextmanager
    def projected(self) -> Iterator[None]:
        """As `together`, for a column that is answered: arguments named inside show or hide what it comes from."""
        first = len(self._mentions)
        with self.together() as lineage:
            yield
        for argument in self._mentions[first:]:
            self.shaped.setdefault(argument, set()).update(lineage)

    @property
    def seen(self) -> frozenset[str]:
        """Every `entity.field` that was named anywhere: answered, joined by or filtered by."""
        return frozenset().union(*self._columns)

    def saw(self, column: Meaning) -> Meaning:
        """Note that a column was named, and return it."""
        self._columns.append(column.fields)
        return column

    def parameter(self, name: str) -> Meaning:
        """Return what a bound parameter is.

        Raises:
            ProblemError: `sql.unknown_parameter`, `sql.site_argument`.
        """
        if name in PLANT_CLOCK:
            self.used_clock.add(name)
            return Meaning(kind=PLANT_CLOCK[name])
        argument = self.arguments.get(name)
        if argument is None:
            raise ProblemError("sql.unknown_parameter", f":{name} is neither an argument nor :today nor :now")
        if argument.is_site:
            raise ProblemError("sql.site_argument", f":{name} narrows the scope by itself and never stands in a query")
        if argument.columns:
            raise ProblemError("sql.list", f":{name} is a table; write … IN (:{name}.{argument.columns[0].name})")
        self.used_arguments.add(name)
        self._mentions.append(name)
        return Meaning(kind=argument.type, optional=not argument.required and argument.default is None)

    def input(self, read: str, column: str) -> Meaning:
        """Return what `:read.column` is.

        Raises:
            ProblemError: `sql.unknown_input`.
        """
        relation = self.inputs.get(read)
        if relation is None or column not in relation:
            raise ProblemError("sql.unknown_input", f":{read}.{column} is not a column of an earlier read")
        if read in self.arguments:
            self.used_arguments.add(read)
            self.guarded.add(read)  # without the table nothing is looked up by it
            self._mentions.append(read)
        self.used_inputs.add((read, column))
        return relation[column]


class Place(Protocol):
    """Where an expression stands: what it can see of columns, parameters and sub-queries."""

    @property
    def names(self) -> Names:
        """What the whole statement may name."""
        ...

    def column(self, node: exp.Column) -> Meaning:
        """Return the meaning of a column reference."""
        ...

    def relation_of(self, query: exp.Expr) -> Relation:
        """Return the columns of a sub-query that stands here."""
        ...
