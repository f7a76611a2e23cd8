"""Reads one statement: which tables and columns it uses, what each result column is, and what each argument touches.

The language is closed: a node that is not named here is refused, so a new function of the parser never slips through.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Final

from sqlglot import exp

from erp_mcp.catalog.choosing import LINKS, chosen_fields, conjuncts, finds_one, named, told_apart, waits_for_the_caller
from erp_mcp.catalog.meaning import CONDITION, Meaning, Relation, fields_of, made_nullable, merged, table_relation
from erp_mcp.catalog.names import Names
from erp_mcp.catalog.needs import all_of, any_of, chosen_by, noted, shown_by
from erp_mcp.catalog.problems import ProblemError
from erp_mcp.catalog.values import value_of
from erp_mcp.domain.tool import Needs

_CLAUSES: Final = {"expressions", "from_", "joins", "where", "group", "having", "distinct", "with_", "order"}


@dataclass(slots=True, kw_only=True)
class Scope:
    """What is visible at one place of a statement: named sources, common table expressions, and what encloses it."""

    names: Names
    ctes: dict[str, Relation] = field(default_factory=dict)
    sources: dict[str, Relation] = field(default_factory=dict)
    outer: Scope | None = None
    needs: list[Needs] = field(default_factory=list)  # all of it, for rows to be chosen as the statement here says
    cte_needs: dict[str, Needs] = field(default_factory=dict)
    shown: dict[str, Needs] = field(default_factory=dict)  # what each column is empty without
    links: dict[str, frozenset[str]] = field(default_factory=dict)  # source -> fields of others that it is joined by
    linked: list[frozenset[str]] = field(default_factory=list)  # fields whose being equal decides which rows there are

    def looked_up(self, value: exp.Expr) -> frozenset[str]:
        """Return the fields by whose values what a value is made of was looked up: in joins, and in its sub-queries."""
        via: set[str] = set()
        for query in value.find_all(exp.Query):
            via |= self.names.linked.get(id(query), frozenset())
        for dot in value.find_all(exp.Dot):
            via |= self.names.inputs[dot.this.name][dot.expression.name].via
        for column in value.find_all(exp.Column):
            source = column.table or next((one for one, columns in self.sources.items() if column.name in columns), "")
            found = self.sources.get(source, {}).get(column.name)
            if found is None:
                continue  # of a source inside a sub-query
            via |= found.via | self.links.get(source, frozenset())
            if _is_within(column, value):
                via |= found.fields
        return frozenset(via)

    def column(self, node: exp.Column) -> Meaning:
        """Return the meaning of a column reference.

        Raises:
            ProblemError: `sql.unknown_column`, `sql.ambiguous_column`.
        """
        if node.table:
            return self.names.saw(self.qualified(node.table, node.name))
        found = [relation[node.name] for relation in self.sources.values() if node.name in relation]
        if len(found) > 1:
            raise ProblemError("sql.ambiguous_column", f"{node.name} is in several tables; say which")
        if found:
            return self.names.saw(found[0])
        if self.outer is not None:
            return self.outer.column(node)
        raise ProblemError("sql.unknown_column", f"no table here has a column {node.name}")

    def relation_of(self, query: exp.Expr) -> Relation:
        """Return the columns of a sub-query that sees this scope."""
        inner = _fork(self)
        inner.outer = self
        relation = relation_of(query, inner)
        self.names.inner[id(query)], self.names.answered[id(query)] = all_of(inner.needs), relation
        looked_up = (one.via for one in relation.values())
        self.names.linked[id(query)] = frozenset().union(*inner.linked, *looked_up)
        return relation

    def qualified(self, table: str, name: str) -> Meaning:
        """Return the meaning of `table.name`.

        Raises:
            ProblemError: `sql.unknown_column`, `sql.unknown_table`.
        """
        if table in self.sources:
            if name not in self.sources[table]:
                raise ProblemError("sql.unknown_column", f"{table} has no column {name}")
            return self.sources[table][name]
        if self.outer is not None:
            return self.outer.qualified(table, name)
        raise ProblemError("sql.unknown_table", f"{table}.{name}: there is no {table} here")


def relation_of(query: exp.Expr, scope: Scope) -> Relation:
    """Return the result columns of a SELECT, a UNION ALL of them, or either in brackets.

    Raises:
        ProblemError: with a rule that starts with `sql.`.
    """
    if isinstance(query, (exp.Subquery, exp.Paren)):
        if any(content for clause, content in query.args.items() if clause not in ("this", "alias")):
            raise ProblemError("sql.not_allowed", "nothing stands around a SELECT in brackets but its alias")
        return relation_of(query.this, scope)
    if isinstance(query, exp.Union):
        return _union(query, scope)
    if not isinstance(query, exp.Select):
        raise ProblemError("sql.not_select", f"{query.key} is not a SELECT")
    _check_clauses(query)
    _bind_ctes(query, scope)
    _bind_sources(query, scope)
    _check_conditions(query, scope)
    _check_grouping(query)
    return _projection(query, scope)


def _union(query: exp.Union, scope: Scope) -> Relation:
    if type(query) is not exp.Union or query.args.get("limit") or query.args.get("offset"):
        raise ProblemError("sql.not_allowed", f"{query.key} is not allowed here; UNION and UNION ALL are")
    _bind_ctes(query, scope)
    one, other = _fork(scope), _fork(scope)
    left, right = relation_of(query.left, one), relation_of(query.right, other)
    scope.needs.append(any_of([all_of(one.needs), all_of(other.needs)]))
    scope.linked += one.linked + other.linked
    relation = _stacked(left, right)
    _merge_equal(query, relation, scope)
    return relation


def _merge_equal(query: exp.Expr, relation: Relation, scope: Scope) -> None:
    if query.args.get("distinct"):
        beside_keys = told_apart(query).beside
        _tell_apart((one for place, one in enumerate(relation.values()) if place in beside_keys), scope)


def _tell_apart(values: Iterable[Meaning], scope: Scope) -> None:
    """Note by what rows are told apart: how many there are tells of it. Of ids it only tells which are equal."""
    for value in values:
        if value.kind in LINKS:
            scope.linked.append(value.fields | value.via)
        else:
            scope.names.conditions |= value.fields
            scope.linked.append(value.via)


def _fork(scope: Scope) -> Scope:
    return Scope(names=scope.names, ctes=dict(scope.ctes), outer=scope.outer, cte_needs=dict(scope.cte_needs))


def _stacked(left: Relation, right: Relation) -> Relation:
    if len(left) != len(right):
        raise ProblemError("sql.union_columns", "both sides of a UNION need the same number of columns")
    pairs = zip(left.items(), right.values(), strict=True)
    return {name: merged((one, other), f"column {name} of the UNION") for (name, one), other in pairs}


def _check_clauses(query: exp.Select) -> None:
    for clause, content in query.args.items():
        if content and clause not in _CLAUSES:
            word = clause.rstrip("_").upper()
            raise ProblemError("sql.not_allowed", f"{word} is not allowed; paging and limits are added by the compiler")
    distinct = query.args.get("distinct")
    if distinct is not None and distinct.args.get("on"):
        raise ProblemError("sql.not_allowed", "DISTINCT ON is not allowed")
    if query.args.get("order") and query.parent is not None:
        raise ProblemError("sql.not_allowed", "ORDER BY is allowed at the outermost SELECT only")


def _bind_ctes(query: exp.Expr, scope: Scope) -> None:
    with_ = query.args.get("with_")
    if with_ is None:
        return
    for cte in with_.expressions:
        if fields_of(cte.alias) or cte.alias in scope.ctes:
            raise ProblemError("sql.shadowed_table", f"{cte.alias} already names a table; choose another name")
        columns = [column.name for column in cte.args["alias"].columns]
        inner = _fork(scope)
        if with_.recursive and isinstance(cte.this, exp.Union):
            scope.ctes[cte.alias] = _recursive(cte.this, cte.alias, columns, inner)
        else:
            scope.ctes[cte.alias] = _renamed(relation_of(cte.this, inner), columns)
        scope.cte_needs[cte.alias] = all_of(inner.needs)
        scope.linked += inner.linked


def _recursive(query: exp.Union, name: str, columns: list[str], scope: Scope) -> Relation:
    start = _fork(scope)
    relation = _renamed(relation_of(query.left, start), columns)
    scope.needs += start.needs  # what the recursion adds is chosen from there
    scope.linked += start.linked
    # Lineage grows along the recursion; it is finite, so a fixed point comes soon (each pass adds or stops).
    for _ in range(8):
        inner = _fork(scope)
        inner.ctes[name] = relation
        grown = _stacked(relation, relation_of(query.right, inner))
        if grown == relation:
            scope.needs.append(noted(inner.needs))
            scope.linked += inner.linked
            return relation
        relation = grown
    raise ProblemError("sql.not_allowed", f"the recursion of {name} mixes its columns too much")


def _renamed(relation: Relation, columns: list[str]) -> Relation:
    if not columns:
        return relation
    if len(columns) != len(relation):
        raise ProblemError("sql.union_columns", "a WITH clause names another number of columns than it selects")
    return dict(zip(columns, relation.values(), strict=True))


def _bind_sources(query: exp.Select, scope: Scope) -> None:
    from_ = query.args.get("from_")
    if from_ is None:
        if query.args.get("joins"):
            raise ProblemError("sql.join", "a JOIN needs a FROM before it")
        return
    _bind_source(from_.this, scope, nullable=False)
    for join in query.args.get("joins") or []:
        _check_join(join)
        _bind_source(join.this, scope, nullable=join.side == "LEFT")
        scope.links[join.this.alias_or_name] = _linking(join, scope)


def _linking(join: exp.Join, scope: Scope) -> frozenset[str]:
    """Return the fields that rows of the joined source are found by, on both sides, and what those are found by."""
    fields: set[str] = set()
    for column in join.args["on"].find_all(exp.Column):
        if column.table in scope.sources:
            found = scope.sources[column.table].get(column.name)
            fields |= found.fields | found.via if found else set()
            fields |= scope.links.get(column.table, frozenset())
    return frozenset(fields)


def _check_join(join: exp.Join) -> None:
    if join.args.get("using") or join.method or join.side not in ("", "LEFT") or join.kind not in ("", "INNER"):
        raise ProblemError("sql.join", "only JOIN … ON and LEFT JOIN … ON are allowed")
    if join.args.get("on") is None:
        raise ProblemError("sql.join", "a join needs its ON condition")


def _bind_source(source: exp.Expr, scope: Scope, *, nullable: bool) -> None:
    alias = source.alias_or_name
    if isinstance(source, exp.Subquery):
        if not source.alias:
            raise ProblemError("sql.alias", "a sub-query in FROM needs an alias")
        inner = _fork(scope)
        relation = relation_of(source.this, inner)
        relation = made_nullable(relation) if nullable else relation
        scope.needs.append(noted(inner.needs) if nullable else all_of(inner.needs))
        scope.linked += inner.linked
    elif isinstance(source, exp.Table):
        relation = _table(source, scope, nullable=nullable)
    else:
        raise ProblemError("sql.not_allowed", f"{source.key} is not allowed in FROM")
    if alias in scope.sources:
        raise ProblemError("sql.alias", f"{alias} is used twice")
    scope.sources[alias] = relation


def _table(source: exp.Table, scope: Scope, *, nullable: bool) -> Relation:
    plain = {key for key, content in source.args.items() if content} <= {"this", "alias"}
    if not plain or not isinstance(source.this, exp.Identifier):
        raise ProblemError("sql.not_allowed", "only plain table names are allowed in FROM")
    if source.name in scope.ctes:
        relation, needs = scope.ctes[source.name], scope.cte_needs.get(source.name, all_of([]))
        scope.needs.append(noted([needs]) if nullable else needs)
        return made_nullable(relation) if nullable else relation
    if not fields_of(source.name):
        raise ProblemError("sql.unknown_table", f"there is no canonical table {source.name}")
    scope.names.entities.add(source.name)
    return table_relation(source.name, nullable=nullable)


def _check_conditions(query: exp.Select, scope: Scope) -> None:
    for join in query.args.get("joins") or []:
        for conjunct in conjuncts(join.args["on"]):
            _check_condition(conjunct, scope, adds_no_row=finds_one(join))
    for clause in ("where", "having"):
        if query.args.get(clause):
            for conjunct in conjuncts(query.args[clause].this):
                _check_condition(conjunct, scope)
    for group in query.args["group"].expressions if query.args.get("group") else []:
        _tell_apart([replace(value_of(group, scope), via=scope.looked_up(group))], scope)
    for ordered in query.args["order"].expressions if query.args.get("order") else []:
        if not isinstance(ordered.this, exp.Column):
            raise ProblemError("sql.not_allowed", "ORDER BY takes columns only")
        scope.names.conditions |= value_of(ordered.this, scope).fields
        scope.linked.append(scope.looked_up(ordered.this))


def _check_condition(conjunct: exp.Expr, scope: Scope, *, adds_no_row: bool = False) -> None:
    names = scope.names
    with names.together() as seen:
        value = value_of(conjunct, scope)
        if value.kind != CONDITION:
            raise ProblemError("sql.condition", f"{conjunct.sql()[:60]} is not a condition")
    scope.needs.append(chosen_by(conjunct, scope))
    via = scope.looked_up(conjunct)
    if waits_for_the_caller(conjunct, names.arguments):
        for argument in named(conjunct):
            names.touched.setdefault(argument, set()).update(via)
        return
    fixed = chosen_fields(conjunct, scope)
    names.conditions |= fixed
    if not adds_no_row:
        scope.linked.append((value.fields | seen | via) - fixed)


def _check_grouping(query: exp.Select) -> None:
    """A column beside an aggregate must be grouped: one engine picks any row's value, the other refuses."""
    group = query.args.get("group")
    grouped = {one.sql() for one in group.expressions} if group else set()
    aggregates = [one for one in query.expressions if any(_own(node, query) for node in one.find_all(exp.AggFunc))]
    if not group and not aggregates:
        return
    for column in (node for one in query.expressions for node in one.find_all(exp.Column)):
        if not _own(column, query) or column.find_ancestor(exp.AggFunc) or _inside_grouped(column, grouped):
            continue
        raise ProblemError("sql.grouping", f"{column.sql()} is neither grouped nor aggregated")


def _own(node: exp.Expr, query: exp.Select) -> bool:
    return node.find_ancestor(exp.Select) is query and node.find_ancestor(exp.Window) is None


def _inside_grouped(column: exp.Expr, grouped: set[str]) -> bool:
    node: exp.Expr | None = column
    while node is not None and not isinstance(node, exp.Select):
        if node.sql() in grouped:
            return True
        node = node.parent
    return False


def _projection(query: exp.Select, scope: Scope) -> Relation:
    relation: Relation = {}
    for projected in query.expressions:
        name = projected.alias_or_name if isinstance(projected, (exp.Alias, exp.Column)) else ""
        if isinstance(projected, exp.Star) or projected.is_star:
            raise ProblemError("sql.star", "name the columns; * is not allowed")
        value = projected.this if isinstance(projected, exp.Alias) else projected
        if query.parent is None or name:
            _check_result_name(name, relation)
        with scope.names.projected():
            relation[name or f"_{len(relation)}"] = replace(value_of(value, scope), via=scope.looked_up(value))
        scope.shown[name] = shown_by(value, scope)
        within = (scope.names.inner.get(id(one.this)) for one in value.find_all(exp.Subquery))
        scope.needs += [noted([one]) for one in within if one is not None]
    _merge_equal(query, relation, scope)
    return relation


def _is_within(column: exp.Column, value: exp.Expr) -> bool:
    """Whether a column stands in a SELECT inside a value, which it then chooses from."""
    inner = column.find_ancestor(exp.Select)
    return inner is not None and any(node is inner for node in value.find_all(exp.Select))


def _check_result_name(name: str, relation: Relation) -> None:
    if not name:
        raise ProblemError("sql.alias", "each result column needs a name (AS …)")
    if name in relation:
        raise ProblemError("sql.alias", f"two result columns are called {name}")
