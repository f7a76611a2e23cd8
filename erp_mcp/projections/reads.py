"""Runs the compiled reads of one tool against the read model, in order, with every value bound."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from erp_mcp.domain.call import ArgumentValue, Rows, Scalar
from erp_mcp.domain.tool import Query, Table, Tool
from erp_mcp.errors import DeadlineError
from erp_mcp.ports import ReadModel, Row, SqlValue
from erp_mcp.projections.paging import Page, sort_positions, sort_value

NOBODY: Final[Mapping[str, Collection[str]]] = MappingProxyType({})
NO_ROWS: Final[Mapping[str, list[Row]]] = MappingProxyType({})


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadRows:
    """Rows per read, in the order of the read's columns, numbers still scaled.

    `next_after` holds the sort values of the last row of a page that is not the last one. `truncated` names reads that
    had more rows than allowed, `skipped` the optional reads that were left out (they have no rows).
    """

    rows: Mapping[str, list[Row]]
    next_after: tuple[SqlValue, ...] | None = None
    truncated: tuple[str, ...] = ()
    skipped: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """The plant clock as queries see it: business date `YYYY-MM-DD` and UTC instant `YYYY-MM-DDTHH:MM:SSZ`."""

    today: str
    now: str


async def run(
    read_model: ReadModel,
    tool: Tool,
    arguments: Mapping[str, ArgumentValue],
    *,
    sites: tuple[str, ...] | None,
    today: str,
    now: str,
    deadline_s: float,
    page: Page | None = None,
    skip: Iterable[str] = (),
    left_out: Mapping[str, Collection[str]] = NOBODY,
    known: Mapping[str, list[Row]] = NO_ROWS,
) -> ReadRows:
    """Run the reads of `tool` in order and return their rows.

    Args:
        read_model: Where the rows are.
        tool: A compiled tool.
        arguments: Checked arguments: a value or `None` for every declared one.
        sites: Sites in scope, `None` for all; an empty tuple gives no rows of any site-bound entity.
        today: The plant's business date.
        now: UTC instant of the plant clock.
        deadline_s: Seconds for all reads together.
        page: Which page of the paged table; needed where a query tool pages, ignored elsewhere.
        skip: Names of optional reads to leave out, from `freshness.skipped_reads`.
        left_out: By read, the systems whose records it can't choose, from `lacking.assess`.
        known: Rows of reads that need not be run, for others to look up by.

    Returns:
        Rows of every read; a skipped one has none.

    Raises:
        DeadlineError: `gateway.deadline`, when the seconds are used up.
        ReadModelNotReadyError: `read_model.not_ready`, from the read model.
    """
    clock = asyncio.get_running_loop().time
    end = clock() + deadline_s
    skipped = frozenset(skip) & {query.name for query in tool.reads if query.optional}
    values = _values(tool, arguments, sites, Moment(today=today, now=now))
    collected: dict[str, list[Row]] = {}
    truncated: list[str] = []
    next_after: tuple[SqlValue, ...] | None = None
    for query in tool.reads:
        if query.name in skipped or query.name in known:
            collected[query.name] = known.get(query.name, [])
            continue
        if clock() >= end:
            raise DeadlineError(tool=tool.name)
        paged = _paged_table(tool, query)
        absent = left_out.get(query.name, ())
        values["left_out"] = _json_list(sorted(absent)) if absent else None
        bound = _bind(tool, query, values, collected, page if paged else None)
        rows = await read_model.rows(query, bound, deadline_s=max(end - clock(), 0.001))
        if paged and page is not None:
            rows, next_after = _cut(rows, page, paged)
        elif len(rows) > query.max_rows:
            rows = rows[: query.max_rows]
            truncated.append(query.name)
        collected[query.name] = rows
    return ReadRows(rows=collected, next_after=next_after, truncated=tuple(truncated), skipped=tuple(sorted(skipped)))


def _paged_table(tool: Tool, query: Query) -> Table | None:
    """Only the rows of a query go straight to a table; an analysis pages over what it has found."""
    table = tool.paged
    return table if table is not None and not tool.analysis and table.name == query.name else None


def _values(
    tool: Tool, arguments: Mapping[str, ArgumentValue], sites: tuple[str, ...] | None, moment: Moment
) -> dict[str, SqlValue]:
    values: dict[str, SqlValue] = {"today": moment.today, "now": moment.now}
    for argument in tool.arguments:
        value = arguments.get(argument.name)
        for column in argument.columns:
            listed = value.column(column.name) if isinstance(value, Rows) else ()
            values[f"{argument.name}.{column.name}"] = _distinct(listed)
        if not isinstance(value, Rows):
            values[argument.name] = _bound(value)
    # Last, so that nothing that a caller sends can stand in for the scope.
    values["site_scope"] = None if sites is None else _json_list(sites)
    return values


def _bound(value: Scalar | tuple[str, ...]) -> SqlValue:
    if isinstance(value, tuple):
        return _json_list(value)
    if isinstance(value, bool):
        return int(value)
    return value


def _json_list(values: Iterable[SqlValue]) -> str:
    return json.dumps(list(values), ensure_ascii=False, separators=(",", ":"))


def _bind(
    tool: Tool, query: Query, values: Mapping[str, SqlValue], rows: Mapping[str, list[Row]], page: Page | None
) -> dict[str, SqlValue]:
    bound: dict[str, SqlValue] = {}
    inputs = {parameter: (read, column) for parameter, read, column in query.inputs}
    for name in query.parameters:
        if name in inputs:
            given = ".".join(inputs[name])  # a table that was given as an argument
            bound[name] = values[given] if given in values else _input(tool, rows, *inputs[name])
        elif name == "limit":
            bound[name] = page.limit + 1 if page else query.max_rows + 1
        elif name.startswith("after_"):
            bound[name] = sort_value(page.after[int(name[6:]) - 1]) if page and page.after else None
        else:
            bound[name] = values[name]
    return bound


def _input(tool: Tool, rows: Mapping[str, list[Row]], read: str, column: str) -> str:
    query = next(one for one in tool.reads if one.name == read)
    position = [one.name for one in query.columns].index(column)
    return _distinct(row[position] for row in rows[read])


def _distinct(values: Iterable[SqlValue]) -> str:
    # Sorted and without repetitions, so that equal rows give equal statements whatever their order.
    return _json_list(sorted({str(value) for value in values if value is not None}))


def _cut(rows: Sequence[Row], page: Page, table: Table) -> tuple[list[Row], tuple[SqlValue, ...] | None]:
    if len(rows) <= page.limit:
        return list(rows), None
    kept = list(rows[: page.limit])
    return kept, tuple(sort_value(kept[-1][position]) for position in sort_positions(table))
