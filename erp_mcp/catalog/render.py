"""Writes a checked statement for each dialect, with the site scope, list parameters and paging put in.

The scope is written into every table that has a site or a company code instead, wherever it stands, so that no author
can forget it. Lists travel as JSON text in both dialects, so that binding is the same everywhere.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache, lru_cache
from typing import Final

import sqlglot
from sqlglot import exp

from erp_mcp.catalog.meaning import NUMERIC, fields_of
from erp_mcp.catalog.pages import SortKey, behind, cut_early, rising
from erp_mcp.domain.entities import ENTITIES
from erp_mcp.domain.tool import Argument, Column, Table

DIALECTS: Final = ("sqlite", "postgres")
SCOPE: Final = "site_scope"
LEFT_OUT: Final = "left_out"  # systems that do not keep what a statement chooses by
# Which company codes a site belongs to, purchase orders alone say.
_COMPANIES: Final = f"SELECT company_code FROM purchase_order_line WHERE site IN (:{SCOPE})"
_UNIT_S: Final = {"DAY": 86400, "HOUR": 3600, "MINUTE": 60}


@dataclass(frozen=True, slots=True, kw_only=True)
class Rendering:
    """A statement in every dialect, and the parameters that its text names, sorted."""

    sql: dict[str, str]
    parameters: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Paging:
    """The table that a statement feeds, and its columns that may be null."""

    table: Table
    nullable: frozenset[str]


def input_parameter(read: str, column: str) -> str:
    """Return the parameter that `:read.column` is bound to."""
    return f"{read}__{column}"


def render(
    query: exp.Expr,
    arguments: Mapping[str, Argument],
    columns: Sequence[Column],
    paging: Paging | None,
    *,
    judged: Collection[str] = (),
) -> Rendering:
    """Return the text of a checked statement.

    Args:
        query: The parsed statement; it is not changed.
        arguments: The tool's arguments by name.
        columns: Result columns in their order; the outermost SELECT is brought into it where `paging` is given.
        paging: The result table that the rows feed, `None` for the read of an analysis.
        judged: Entities of whose records those of some systems may have to be left out.
    """
    judgeable = _without_left_out(query, judged)
    trees = {dialect: _tree(judgeable, arguments, columns, paging, dialect) for dialect in DIALECTS}
    names = _parameters(trees["sqlite"])
    wrapped = paging is not None and (paging.table.paged or not isinstance(trees["sqlite"], exp.Select))
    sql = {dialect: tree.sql(dialect=dialect, copy=False) for dialect, tree in trees.items()}
    if paging is not None and wrapped:
        sql = {dialect: _as_table(text, columns, paging, dialect) for dialect, text in sql.items()}
        names = _parameters(sqlglot.parse_one(sql["sqlite"], dialect="sqlite"))  # paging has some too
    return Rendering(sql=sql, parameters=tuple(sorted(names)))


def _parameters(tree: exp.Expr) -> set[str]:
    return {node.name for node in tree.find_all(exp.Placeholder)}


def _tree(
    query: exp.Expr,
    arguments: Mapping[str, Argument],
    columns: Sequence[Column],
    paging: Paging | None,
    dialect: str,
) -> exp.Expr:
    # A wrapper, so that a rewrite may replace the outermost node too.
    tree = exp.Paren(this=query.copy())
    for rewrite in (_scope_tables, _open_lists, _bind_inputs):
        rewrite(tree, arguments)
    if paging is not None and paging.table.paged and dialect == "sqlite":
        tree.set("this", cut_early(tree.this, _sort_keys(columns, paging, dialect)))
    _rewrite_differences(tree, dialect)
    _expand_lists(tree, dialect)
    if dialect == "postgres":
        _type_parameters(tree, arguments)
        _keep_sums_whole(tree)
    else:
        _keep_null_tests_off_indexes(tree)
        _enclose_absences(tree)
    if paging is not None and not paging.table.paged and isinstance(tree.this, exp.Select):
        # Bringing the columns into order here keeps the statement's own ORDER BY outermost, where it counts.
        selected = {one.alias_or_name: one for one in tree.this.expressions}
        tree.this.set("expressions", [selected[column.name] for column in columns])
    inner: exp.Expr = tree.this
    return inner


def _without_left_out(query: exp.Expr, judged: Collection[str]) -> exp.Expr:
    """Give each table of a judged entity a place to leave systems out; in one statement of most calls, none is."""
    tree = exp.Paren(this=query.copy())
    for table in list(tree.find_all(exp.Table)):
        if table.name in judged:
            kept = f"SELECT * FROM {table.name} WHERE :{LEFT_OUT} IS NULL OR NOT system IN (:{LEFT_OUT})"
            alias = exp.TableAlias(this=exp.to_identifier(table.alias_or_name))
            table.replace(exp.Subquery(this=_parsed(kept), alias=alias))
    inner: exp.Expr = tree.this
    return inner


def _scope_tables(tree: exp.Expr, _arguments: Mapping[str, Argument]) -> None:
    # By name alone: no common table expression may be called like a canonical table.
    for table in list(tree.find_all(exp.Table)):
        condition = _in_scope(table.name)
        if not condition:
            continue
        alias = table.alias_or_name
        scoped = _parsed(f"SELECT * FROM {table.name} WHERE {condition}")
        table.replace(exp.Subquery(this=scoped, alias=exp.TableAlias(this=exp.to_identifier(alias))))


def _parsed(text: str, dialect: str = "") -> exp.Expr:
    """Return a tree of its own for a text that many statements have put in."""
    return _once_parsed(text, dialect).copy()


@lru_cache(maxsize=512)
def _once_parsed(text: str, dialect: str) -> exp.Expr:
    return sqlglot.parse_one(text, dialect=dialect)


@cache
def _in_scope(entity: str) -> str:
    """Return which rows a role may read by its sites, empty for all: `NULL` is a role of all sites."""
    if "site" in fields_of(entity):
        return f":{SCOPE} IS NULL OR site IN (:{SCOPE})"
    kind = ENTITIES.get(entity)
    if kind is None or not kind.OF_COMPANY:
        return ""
    return f":{SCOPE} IS NULL OR company_code IN ({_COMPANIES})"


def _open_lists(tree: exp.Expr, arguments: Mapping[str, Argument]) -> None:
    """Let a list argument that is absent and has no default filter nothing."""
    for node in list(tree.find_all(exp.In)):
        name = _list_name(node)
        argument = arguments.get(name)
        if argument is None or argument.required or argument.default is not None:
            continue
        # The test goes around a NOT, since an absent list must not turn into "none".
        whole = node.parent if isinstance(node.parent, exp.Not) else node
        absent = exp.Is(this=exp.Placeholder(this=name), expression=exp.Null())
        opened = exp.Paren(this=exp.Or(this=absent, expression=whole.copy()))
        whole.replace(opened)


def _list_name(node: exp.In) -> str:
    one = node.expressions[0] if len(node.expressions) == 1 else None
    return one.name if isinstance(one, exp.Placeholder) else ""


def _bind_inputs(tree: exp.Expr, _arguments: Mapping[str, Argument]) -> None:
    for node in list(tree.find_all(exp.Dot)):
        node.replace(exp.Placeholder(this=input_parameter(node.this.name, node.expression.name)))


def _expand_lists(tree: exp.Expr, dialect: str) -> None:
    for node in list(tree.find_all(exp.In)):
        name = _list_name(node)
        if not name:
            continue
        if dialect == "sqlite":
            listed = _parsed(f"SELECT value FROM JSON_EACH(:{name})", dialect="sqlite")
        else:
            listed = _parsed(f"SELECT JSONB_ARRAY_ELEMENTS_TEXT(CAST(:{name} AS JSONB))", dialect="postgres")
        node.replace(exp.In(this=node.this.copy(), query=exp.Subquery(this=listed)))


def _rewrite_differences(tree: exp.Expr, dialect: str) -> None:
    """Count in whole seconds, since the days of a dialect may be fractions that fall just below the whole number."""
    for node in reversed(list(tree.find_all(exp.DateDiff))):
        seconds = _UNIT_S[str(node.args.get("unit") or "DAY").upper()]
        later, earlier = (_epoch(node.args[key], dialect) for key in ("this", "expression"))
        node.replace(sqlglot.parse_one(_quotient(later, earlier, seconds, dialect), dialect=dialect))


def _epoch(node: exp.Expr, dialect: str) -> str:
    text = node.sql(dialect="sqlite")  # keeps parameters as :name, which both parsers read
    if dialect == "sqlite":
        return f"CAST(STRFTIME('%s', {text}) AS INTEGER)"
    return f"EXTRACT(EPOCH FROM CAST({text} AS TIMESTAMP))"


def _quotient(later: str, earlier: str, seconds: int, dialect: str) -> str:
    if dialect == "sqlite":
        return f"(({later} - {earlier}) / {seconds})"
    return f"CAST(TRUNC(({later} - {earlier}) / {seconds}) AS BIGINT)"


def _keep_null_tests_off_indexes(tree: exp.Expr) -> None:
    """Without statistics SQLite takes `x IS NULL` for as selective as `x = …`, though most rows may lack an `x`."""
    for node in list(tree.find_all(exp.Is)):
        if isinstance(node.this, exp.Column):
            node.this.replace(exp.Coalesce(this=node.this.copy(), expressions=[exp.Null()]))


def _enclose_absences(tree: exp.Expr) -> None:
    """Put `:x IS NULL OR …` in parentheses of its own, so that the read model can take it out once `:x` is known."""
    for node in list(tree.find_all(exp.Or)):
        first = node.this
        absent = isinstance(first, exp.Is) and isinstance(first.this, exp.Placeholder)
        if absent and not isinstance(node.parent, exp.Paren | exp.Or):
            node.replace(exp.Paren(this=node.copy()))


def _type_parameters(tree: exp.Expr, arguments: Mapping[str, Argument]) -> None:
    """PostgreSQL wants to know the type of a parameter before it sees a value."""
    for node in list(tree.find_all(exp.Placeholder)):
        if isinstance(node.parent, exp.Cast):
            continue
        argument = arguments.get(node.name)
        numeric = argument is not None and not argument.many and argument.type in NUMERIC
        node.replace(exp.cast(node.copy(), "BIGINT" if numeric else "TEXT"))


def _keep_sums_whole(tree: exp.Expr) -> None:
    """PostgreSQL widens the sum of whole numbers to its decimal type; scaled numbers stay within 64 bits."""
    for node in list(tree.find_all(exp.Sum)):
        node.replace(exp.cast(node.copy(), "BIGINT"))


def _as_table(text: str, columns: Sequence[Column], paging: Paging, dialect: str) -> str:
    names = ", ".join(f"page.{column.name}" for column in columns)
    if not paging.table.paged:
        return f"SELECT {names} FROM ({text}) AS page"
    keys = _sort_keys(columns, paging, dialect)
    limit = ":limit" if dialect == "sqlite" else "CAST(%(limit)s AS BIGINT)"
    return (
        f"SELECT {names} FROM ({text}) AS page"
        f" WHERE ({keys[0].parameter} IS NULL OR {behind(keys, 'page')}) ORDER BY {rising(keys, 'page')} LIMIT {limit}"
    )


def _sort_keys(columns: Sequence[Column], paging: Paging, dialect: str) -> list[SortKey]:
    kinds = {column.name: column.kind for column in columns}
    found = []
    for number, name in enumerate(paging.table.order_by, start=1):
        plain = name.removeprefix("-")
        numeric = kinds[plain] in NUMERIC
        key = SortKey(
            name=plain, parameter=f":after_{number}", falling=name != plain, nullable=plain in paging.nullable
        )
        if dialect != "sqlite":
            # The order of bytes, as in SQLite: a cursor must mean the same place whatever the database's language.
            parameter = f"CAST(%(after_{number})s AS {'BIGINT' if numeric else 'TEXT'})"
            key = replace(key, parameter=parameter, collation="" if numeric else '"C"')
        found.append(key)
    return found
