"""What each expression of a statement is. Every node and function that is not handled here is refused."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Final

from sqlglot import exp

from erp_mcp.catalog.meaning import CONDITION, NUMERIC, OPEN, SCALED, TEMPORAL, TEXTUAL, Meaning, compared, merged
from erp_mcp.catalog.names import Place
from erp_mcp.catalog.problems import ProblemError


def value_of(node: exp.Expr | None, scope: Place) -> Meaning:
    """Return the meaning of an expression.

    Raises:
        ProblemError: `sql.not_allowed` for what the language does not have; `sql.mixed_kinds`, `sql.arithmetic`,
            `sql.scaled_literal` where numbers would lose their meaning.
    """
    if node is None:
        raise ProblemError("sql.syntax", "an operand is missing")
    for kind, handler in _HANDLERS.items():
        if isinstance(node, kind):
            value = handler(node, scope)
            return value if isinstance(node, _AS_IT_STANDS) else replace(value, made=True)
    raise ProblemError("sql.not_allowed", f"{node.sql()[:60]}: {node.key.upper()} is not on the allow-list")


def _column(node: exp.Column, scope: Place) -> Meaning:
    return scope.column(node)


def _inner(node: exp.Expr, scope: Place) -> Meaning:
    return value_of(node.this, scope)


def _literal(node: exp.Expr, _scope: Place) -> Meaning:
    if node.is_string:
        return Meaning(kind=OPEN, literal="text")
    if not str(node.this).isdigit():
        raise ProblemError("sql.not_allowed", f"{node.this}: fractions are not exact; only whole numbers are allowed")
    return Meaning(kind=OPEN, literal="zero" if str(node.this) == "0" else "number")


def _null(_node: exp.Expr, _scope: Place) -> Meaning:
    return Meaning(kind=OPEN, optional=True, literal="null")


def _placeholder(node: exp.Expr, scope: Place) -> Meaning:
    name = node.name
    meaning = scope.names.parameter(name)
    argument = scope.names.arguments.get(name)
    if argument is not None and argument.many and not _is_list_place(node):
        raise ProblemError("sql.list", f":{name} is a list; write … IN (:{name})")
    if argument is not None and argument.type == "flag" and not isinstance(node.parent, (exp.EQ, exp.NEQ, exp.Is)):
        raise ProblemError("sql.flag", f":{name} is a flag; write :{name} = 1 or :{name} = 0")
    return meaning


def _is_list_place(node: exp.Expr) -> bool:
    parent = node.parent
    if isinstance(parent, exp.Is):
        return isinstance(parent.expression, exp.Null)
    return isinstance(parent, exp.In) and parent.expressions == [node]


def _input(node: exp.Expr, scope: Place) -> Meaning:
    if not isinstance(node.this, exp.Placeholder):
        raise ProblemError("sql.not_allowed", f"{node.sql()[:60]} is not a column")
    if not (isinstance(node.parent, exp.In) and node.parent.expressions == [node]):
        raise ProblemError("sql.list", f"{node.sql()} is a list; write … IN ({node.sql()})")
    return scope.names.input(node.this.name, node.expression.name)


def _connective(node: exp.Expr, scope: Place) -> Meaning:
    return _condition([_tested(child, scope) for child in (node.args["this"], node.args["expression"])])


def _not(node: exp.Expr, scope: Place) -> Meaning:
    return _condition([_tested(node.this, scope)])


def _tested(node: exp.Expr, scope: Place) -> Meaning:
    value = value_of(node, scope)
    if value.kind != CONDITION:
        raise ProblemError("sql.condition", f"{node.sql()[:60]} is not a condition")
    return value


def _comparison(node: exp.Expr, scope: Place) -> Meaning:
    left, right = value_of(node.args["this"], scope), value_of(node.args["expression"], scope)
    compared(left, right, node.sql()[:60])
    return _condition([left, right])


def _is(node: exp.Expr, scope: Place) -> Meaning:
    if not isinstance(node.expression, exp.Null):
        raise ProblemError("sql.not_allowed", "IS is for NULL only")
    value = value_of(node.this, scope)
    if isinstance(node.this, exp.Placeholder):
        scope.names.guarded.add(node.this.name)
    return _condition([value])


def _in(node: exp.Expr, scope: Place) -> Meaning:
    left = value_of(node.this, scope)
    query = node.args.get("query")
    if query is not None:
        relation = scope.relation_of(query)
        if len(relation) != 1:
            raise ProblemError("sql.subquery", "IN (SELECT …) takes one column")
        others = list(relation.values())
    else:
        others = [value_of(one, scope) for one in node.expressions]
    if not others or any(node.args.get(key) for key in ("unnest", "field")):
        raise ProblemError("sql.not_allowed", "IN takes a list parameter, values or one SELECT")
    for other in others:
        compared(left, other, node.sql()[:60])
    return _condition([left, *others])


def _between(node: exp.Expr, scope: Place) -> Meaning:
    parts = [value_of(node.args[key], scope) for key in ("this", "low", "high")]
    compared(parts[0], parts[1], node.sql()[:60])
    compared(parts[0], parts[2], node.sql()[:60])
    return _condition(parts)


def _exists(node: exp.Expr, scope: Place) -> Meaning:
    # Whether a row exists says something of every column it is chosen by.
    with scope.names.together() as lineage:
        scope.relation_of(node.this)
    return Meaning(kind=CONDITION, fields=frozenset(lineage))


def _condition(parts: list[Meaning]) -> Meaning:
    return Meaning(kind=CONDITION, fields=frozenset().union(*(one.fields for one in parts)))


def _sum_or_difference(node: exp.Expr, scope: Place) -> Meaning:
    left, right = value_of(node.args["this"], scope), value_of(node.args["expression"], scope)
    result = merged((left, right), node.sql()[:60])
    if result.kind not in NUMERIC | {OPEN}:
        raise ProblemError("sql.arithmetic", f"{node.sql()[:60]}: {result.kind} can't be added or subtracted")
    kind = "integer" if result.kind in ("flag", OPEN) else result.kind
    return Meaning(kind=kind, fields=result.fields, optional=result.optional)


def _product(node: exp.Expr, scope: Place) -> Meaning:
    parts = [value_of(node.args["this"], scope), value_of(node.args["expression"], scope)]
    for part in parts:
        if part.kind in SCALED or part.kind not in NUMERIC | {OPEN}:
            raise ProblemError("sql.arithmetic", f"{node.sql()[:60]}: {part.kind} can't be multiplied")
    return Meaning(kind="integer", fields=parts[0].also(parts[1:]), optional=parts[0].optional or parts[1].optional)


def _negative(node: exp.Expr, scope: Place) -> Meaning:
    value = value_of(node.this, scope)
    if value.kind not in NUMERIC | {OPEN}:
        raise ProblemError("sql.arithmetic", f"{node.sql()[:60]}: {value.kind} has no sign")
    return value


def _case(node: exp.Expr, scope: Place) -> Meaning:
    if node.args.get("this") is not None:
        raise ProblemError("sql.not_allowed", "write CASE WHEN condition THEN …")
    tests = [_tested(branch.this, scope) for branch in node.args["ifs"]]
    results = [value_of(branch.args["true"], scope) for branch in node.args["ifs"]]
    default = node.args.get("default")
    results.append(value_of(default, scope) if default is not None else Meaning(kind=OPEN, optional=True))
    result = merged(results, "CASE")
    fields, made = result.also(tests), result.made or any(one.fields for one in tests)
    return Meaning(kind=result.kind, fields=fields, optional=result.optional, literal=result.literal, made=made)


def _coalesce(node: exp.Expr, scope: Place) -> Meaning:
    parts = [value_of(one, scope) for one in (node.this, *node.expressions)]
    result = merged(parts, "COALESCE")
    return replace(result, optional=all(one.optional for one in parts), literal="", via=frozenset())


def _extreme(node: exp.Expr, scope: Place) -> Meaning:
    return merged([value_of(one, scope) for one in (node.this, *node.expressions)], node.key.upper())


def _aggregate(node: exp.Expr, scope: Place) -> Meaning:
    value = value_of(node.this, scope)
    if isinstance(node, exp.Sum) and value.kind not in NUMERIC | {OPEN}:
        raise ProblemError("sql.arithmetic", f"{node.sql()[:60]}: {value.kind} can't be summed")
    grouped = node.find_ancestor(exp.Select)
    # Over an empty table without GROUP BY there is still one row, and it holds null.
    empty = grouped is None or not grouped.args.get("group")
    kind = "integer" if isinstance(node, exp.Sum) and value.kind in ("flag", OPEN) else value.kind
    return Meaning(kind=kind, fields=value.fields, optional=value.optional or empty)


def _count(node: exp.Expr, scope: Place) -> Meaning:
    if isinstance(node.this, exp.Star):
        return Meaning(kind="integer")
    counted = node.this.expressions if isinstance(node.this, exp.Distinct) else [node.this]
    parts = [value_of(one, scope) for one in counted]
    return Meaning(kind="integer", fields=frozenset().union(*(one.fields for one in parts)))


def _date_diff(node: exp.Expr, scope: Place) -> Meaning:
    parts = [value_of(node.this, scope), value_of(node.expression, scope)]
    if any(part.kind not in TEMPORAL for part in parts) or parts[0].kind != parts[1].kind:
        raise ProblemError("sql.mixed_kinds", f"{node.sql()[:60]}: two dates, or two instants")
    unit = str(node.args.get("unit") or "DAY").upper()
    if unit not in ("DAY", "HOUR", "MINUTE") or (unit != "DAY" and parts[0].kind == "date"):
        raise ProblemError("sql.not_allowed", f"{node.sql()[:60]}: dates differ in DAY, instants in DAY, HOUR, MINUTE")
    return Meaning(kind="integer", fields=parts[0].also(parts[1:]), optional=any(part.optional for part in parts))


def _text_function(node: exp.Expr, scope: Place) -> Meaning:
    value = value_of(node.this, scope)
    if value.kind not in TEXTUAL | {OPEN}:
        raise ProblemError("sql.mixed_kinds", f"{node.sql()[:60]}: {value.kind} is not text")
    what = node.args.get("expression")
    if what is not None and not isinstance(what, exp.Literal):
        raise ProblemError("sql.not_allowed", f"{node.sql()[:60]}: what is trimmed must be a literal")
    return Meaning(kind=value.kind, fields=value.fields, optional=value.optional, literal=value.literal)


def _joined_text(node: exp.Expr, scope: Place) -> Meaning:
    parts = [value_of(node.args["this"], scope), value_of(node.args["expression"], scope)]
    for part in parts:
        if part.kind not in TEXTUAL | {OPEN} or part.literal in ("number", "zero"):
            raise ProblemError("sql.mixed_kinds", f"{node.sql()[:60]}: only text can be put together")
    return merged(parts, node.sql()[:60])


def _scalar_query(node: exp.Expr, scope: Place) -> Meaning:
    relation = scope.relation_of(node.this)
    if len(relation) != 1:
        raise ProblemError("sql.subquery", "a sub-query used as a value has one column")
    value = next(iter(relation.values()))
    counts = isinstance(node.this, exp.Select) and isinstance(node.this.expressions[0].unalias(), exp.Count)
    return Meaning(kind=value.kind, fields=value.fields, optional=not counts, made=value.made)


def _row_number(node: exp.Expr, scope: Place) -> Meaning:
    if not isinstance(node.this, exp.RowNumber) or node.args.get("spec"):
        raise ProblemError("sql.not_allowed", "the only window function is ROW_NUMBER() OVER (…)")
    order = node.args.get("order")
    parts = [value_of(one, scope) for one in node.args.get("partition_by") or []]
    parts += [value_of(one.this, scope) for one in (order.expressions if order else [])]
    return Meaning(kind="integer", fields=frozenset().union(*(one.fields for one in parts)))


# What gives a value that is there already: one of several, where it chooses by none of them.
_AS_IT_STANDS: Final = (
    *(exp.Column, exp.Paren, exp.Alias, exp.Literal, exp.Null, exp.Placeholder, exp.Dot),
    *(exp.Case, exp.Coalesce, exp.Subquery),
)
_HANDLERS: Final[dict[type[exp.Expr] | tuple[type[exp.Expr], ...], Callable[..., Meaning]]] = {
    exp.Column: _column,
    (exp.Paren, exp.Alias): _inner,
    exp.Literal: _literal,
    exp.Null: _null,
    exp.Placeholder: _placeholder,
    exp.Dot: _input,
    (exp.And, exp.Or): _connective,
    exp.Not: _not,
    (exp.EQ, exp.NEQ, exp.GT, exp.GTE, exp.LT, exp.LTE): _comparison,
    exp.Is: _is,
    exp.In: _in,
    exp.Between: _between,
    exp.Exists: _exists,
    (exp.Add, exp.Sub): _sum_or_difference,
    exp.Mul: _product,
    (exp.Neg, exp.Abs): _negative,
    exp.Case: _case,
    exp.Coalesce: _coalesce,
    (exp.Greatest, exp.Least): _extreme,
    (exp.Min, exp.Max, exp.Sum): _aggregate,
    exp.Count: _count,
    exp.DateDiff: _date_diff,
    (exp.Lower, exp.Upper, exp.Trim): _text_function,
    exp.DPipe: _joined_text,
    exp.Subquery: _scalar_query,
    exp.Window: _row_number,
}
