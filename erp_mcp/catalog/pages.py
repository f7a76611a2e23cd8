"""How a page is cut out of a statement: its order, the place it continues behind, and where the page is found early.

A statement with joins or groups makes all of its rows before one page of them is kept. Where the order of the page
rests on one table alone, the page is cut out of that table first, and only its rows are joined or added up.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import sqlglot
from sqlglot import exp

_ONE_TABLE_CLAUSES = frozenset({"expressions", "from_", "joins", "where"})
_GROUPED_CLAUSES = frozenset({"expressions", "from_", "group"})


@dataclass(frozen=True, slots=True, kw_only=True)
class SortKey:
    """One column of the order: what it is called, which parameter holds the place to continue behind."""

    name: str
    parameter: str
    falling: bool
    nullable: bool
    collation: str = ""

    def of(self, table: str) -> str:
        """Return the column of a table as it is compared; an absent text or date counts as empty.

        Null compares with nothing, so that it would lose rows.
        """
        column = f"{table}.{self.name}"
        whole = f"COALESCE({column}, '')" if self.nullable else column
        return f"{whole} COLLATE {self.collation}" if self.collation else whole


def behind(keys: Sequence[SortKey], table: str) -> str:
    """Return the condition that a row comes after the place."""
    if len({key.falling for key in keys}) == 1:
        compare = "<" if keys[0].falling else ">"
        columns = ", ".join(key.of(table) for key in keys)
        parameters = ", ".join(key.parameter for key in keys)
        return f"({columns}) {compare} ({parameters})"
    first, rest = keys[0], keys[1:]
    compare = f"{first.of(table)} {'<' if first.falling else '>'} {first.parameter}"
    if not rest:
        return compare
    return f"({compare} OR ({first.of(table)} = {first.parameter} AND {behind(rest, table)}))"


def rising(keys: Sequence[SortKey], table: str) -> str:
    """Return the order."""
    return ", ".join(f"{key.of(table)} {'DESC' if key.falling else 'ASC'}" for key in keys)


def cut_early(tree: exp.Expr, keys: Sequence[SortKey]) -> exp.Expr:
    """Return a statement that finds the same page, in the dialect of SQLite.

    Args:
        tree: A checked statement without its paging; it may be changed.
        keys: The order of its page; no two rows that a page could part are equal in it.

    Returns:
        The statement, with rows left out that can't be on the page; the statement itself where that can't be told.
    """
    if not isinstance(tree, exp.Select):
        return tree
    _cut_base(tree, keys)
    _cut_groups(tree, keys[0])
    return tree


# --- One table with others joined to it -------------------------------------------------------------------------------


def _cut_base(tree: exp.Select, keys: Sequence[SortKey]) -> None:
    """Cut the page out of the first table, where only LEFT JOINs follow: each of its rows stays at least one row."""
    joins = tree.args.get("joins") or []
    if not joins or not _only(tree, _ONE_TABLE_CLAUSES) or any(one.side != "LEFT" for one in joins):
        return
    base = tree.args["from_"].this
    alias, where = base.alias_or_name, tree.args.get("where")
    plain = _plain_columns(tree, alias)
    named = [plain.get(key.name) for key in keys]
    if None in named or (where is not None and not _about(where, alias)):
        return
    own = [
        SortKey(name=name, parameter=key.parameter, falling=key.falling, nullable=key.nullable)
        for key, name in zip(keys, named, strict=True)
        if name is not None
    ]
    used = sorted({one.name for one in tree.find_all(exp.Column) if one.table == alias})
    page = exp.select(*(f"{alias}.{name}" for name in used)).from_(base.copy())
    page = page.where(where.this.copy()) if where is not None else page
    page = page.where(_parsed(f"{keys[0].parameter} IS NULL OR {behind(own, alias)}"))
    page = page.order_by(*(_parsed_order(key, alias) for key in own)).limit(exp.Placeholder(this="limit"))
    base.replace(exp.Subquery(this=page, alias=exp.TableAlias(this=exp.to_identifier(alias))))
    tree.set("where", None)


def _only(tree: exp.Select, clauses: frozenset[str]) -> bool:
    """Return whether a SELECT has no other clauses, and adds nothing up."""
    return all(name in clauses for name, content in tree.args.items() if content) and (
        "group" in clauses or not any(one.find(exp.AggFunc, exp.Window) for one in tree.expressions)
    )


def _plain_columns(tree: exp.Select, alias: str) -> dict[str, str]:
    """Return result column → column of the table, of those that are nothing but it."""
    found = {}
    for one in tree.expressions:
        column = one.this if isinstance(one, exp.Alias) else one
        if isinstance(column, exp.Column) and column.table == alias:
            found[one.alias_or_name] = column.name
    return found


def _about(where: exp.Expr, alias: str) -> bool:
    return where.find(exp.Select) is None and all(one.table == alias for one in where.find_all(exp.Column))


# --- Sums over one or several tables ----------------------------------------------------------------------------------


def _cut_groups(tree: exp.Select, first: SortKey) -> None:
    """Add up only groups that can be on the page: those of the first so many values of the first sort column.

    Every value has a group at least, and the value to continue behind may have more: one value more than the page has
    rows is enough.
    """
    source = tree.args["from_"].this
    if not _only(tree, _GROUPED_CLAUSES) or not tree.args.get("group") or not isinstance(source, exp.Subquery):
        return
    column = _plain_columns(tree, source.alias_or_name).get(first.name)
    if column is None or first.falling or first.nullable or not _groups_by(tree, source.alias_or_name, column):
        return
    branches = list(_branches(source.this))
    valued = [(branch, _of_branch(branch, column, branches[0])) for branch in branches]
    if any(value is None for _, value in valued):
        return
    firsts = [_first_values(branch, value, first.parameter) for branch, value in valued if value is not None]
    together = " UNION ALL ".join(f"SELECT one.value FROM ({text}) AS one" for text in firsts)
    last = (
        f"SELECT MAX(last.value) FROM (SELECT DISTINCT every.value FROM ({together}) AS every"
        " ORDER BY every.value LIMIT :limit + 1) AS last"
    )
    for branch, value in valued:
        if value is not None:
            text = value.sql(dialect="sqlite")
            branch.where(_parsed(f"{first.parameter} IS NULL OR {text} >= {first.parameter}"), copy=False)
            branch.where(_parsed(f"{text} <= ({last})"), copy=False)


def _groups_by(tree: exp.Select, alias: str, column: str) -> bool:
    grouped = tree.args["group"].expressions
    return any(isinstance(one, exp.Column) and (one.table, one.name) == (alias, column) for one in grouped)


def _branches(query: exp.Expr) -> Iterator[exp.Select]:
    """Yield the SELECTs of a UNION ALL from the left, or the one that it is."""
    if isinstance(query, exp.Union):
        yield from _branches(query.left)
        yield from _branches(query.right)
    elif isinstance(query, exp.Select):
        yield query


def _of_branch(branch: exp.Select, column: str, names: exp.Select) -> exp.Column | None:
    """Return what a branch gives as a column that the first one names; `None` unless it is a column of one table."""
    if not all(name in _ONE_TABLE_CLAUSES for name, content in branch.args.items() if content):
        return None
    place = [one.alias_or_name for one in names.expressions].index(column)
    given = branch.expressions[place]
    value = given.this if isinstance(given, exp.Alias) else given
    return value if isinstance(value, exp.Column) and not branch.args.get("joins") else None


def _first_values(branch: exp.Select, value: exp.Column, parameter: str) -> str:
    text = value.sql(dialect="sqlite")
    found = branch.copy()
    found.set("expressions", [exp.alias_(value.copy(), "value")])
    found = found.distinct().where(_parsed(f"{parameter} IS NULL OR {text} >= {parameter}"))
    return f"{found.sql(dialect='sqlite')} ORDER BY {text} LIMIT :limit + 1"


def _parsed(text: str) -> exp.Expr:
    return sqlglot.parse_one(text, dialect="sqlite")


def _parsed_order(key: SortKey, table: str) -> exp.Expr:
    return exp.Ordered(this=_parsed(key.of(table)), desc=key.falling, nulls_first=not key.falling)
