"""What a statement's tests choose rows by: fields by their values, ids by being equal, or what the caller asks for."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from sqlglot import exp

from erp_mcp.catalog.names import Place
from erp_mcp.catalog.values import value_of
from erp_mcp.domain.call import ArgumentValue
from erp_mcp.domain.entities import ENTITIES
from erp_mcp.domain.tool import Argument

LINKS: Final = ("id", "ref")  # kinds whose values link rows


def conjuncts(test: exp.Expr) -> Iterator[exp.Expr]:
    """Each part of an AND filters by itself, so an argument works on the columns of its own part only."""
    if isinstance(test, exp.And):
        yield from conjuncts(test.left)
        yield from conjuncts(test.right)
    else:
        yield test


def waits_for_the_caller(test: exp.Expr, arguments: Mapping[str, Argument]) -> bool:
    """Return whether a test filters only when the caller says so; what it works on is noted with the argument.

    `(:late = 0 OR …)` waits where `late` is false by default; `(:all = 1 OR …)` filters unless the caller says `all`.
    """
    if isinstance(test, exp.Paren):
        return waits_for_the_caller(test.this, arguments)
    if isinstance(test, exp.Or):
        return any(waits_for_the_caller(side, arguments) for side in (test.left, test.right))
    asked = [arguments[name] for name in named(test) if name in arguments]
    if any(one.required or (one.default is not None and one.type != "flag") for one in asked):
        return True  # it is given, or noted by its default
    if isinstance(test, exp.In):
        return any(one.many for one in asked)  # a list that is absent filters nothing
    if isinstance(test, exp.Is):
        return bool(asked) and asked[0].default is None
    return isinstance(test, exp.EQ) and any(_is_literal(test, one.default) for one in asked)


def named(test: exp.Expr) -> set[str]:
    """Return the arguments that a test names."""
    found = test.find_all(exp.Placeholder)
    return {one.name for one in found if not isinstance(one.parent, exp.Dot)}


def _is_literal(test: exp.EQ, default: ArgumentValue) -> bool:
    """Return whether a parameter is compared with its own default, a flag's being 0 or 1."""
    sides = {type(side): side for side in (test.left, test.right)}
    if default is None or sides.keys() != {exp.Placeholder, exp.Literal}:
        return False
    return str(sides[exp.Literal].this) == str(int(bool(default)))


def chosen_fields(test: exp.Expr, scope: Place) -> set[str]:
    """Return the fields by whose values a test chooses; which ids are equal is told apart from that, as a link."""
    if isinstance(test, (exp.Paren, exp.Not)):
        return chosen_fields(test.this, scope)
    if isinstance(test, (exp.And, exp.Or)):
        return chosen_fields(test.left, scope) | chosen_fields(test.right, scope)
    if isinstance(test, exp.Exists) or _is_link(test, scope):
        return set()  # a SELECT inside has noted its own conditions
    return set(value_of(test, scope).fields)


def finds_one(join: exp.Join) -> bool:
    """Return whether a LEFT JOIN is by the key of its entity: then it gives one row for each, whatever is in it."""
    entity = ENTITIES.get(join.this.name) if isinstance(join.this, exp.Table) else None
    if join.side != "LEFT" or entity is None:
        return False
    own = join.this.alias_or_name
    by: set[str] = set()
    for test in conjuncts(join.args["on"]):
        if isinstance(test, exp.EQ):
            sides = [test.left, test.right]
            mine = [one for one in sides if isinstance(one, exp.Column) and one.table == own]
            if len(mine) == 1 and not any(one.table == own for one in test.find_all(exp.Column) if one is not mine[0]):
                by.add(mine[0].name)
    return set(entity.KEY) <= by


@dataclass(frozen=True, slots=True)
class Apart:
    """By what rows are told apart: entities whose key is among the columns, and the places of the columns beside."""

    keyed: frozenset[str]
    beside: frozenset[int]


def told_apart(query: exp.Expr) -> Apart:
    """Return by what the rows of a SELECT or a UNION are told apart; a key tells one row, whatever else is in it."""
    if isinstance(query, exp.Union):
        left, right = told_apart(query.left), told_apart(query.right)
        if left.keyed == right.keyed:
            return Apart(left.keyed, left.beside | right.beside)
        return Apart(frozenset(), frozenset(range(len(query.selects))))
    if not isinstance(query, exp.Select):
        return told_apart(query.this)
    keyed = _keyed(query)
    beside = {place for place, one in enumerate(query.selects) if not _is_of(one.unalias(), keyed)}
    return Apart(frozenset(keyed.values()), frozenset(beside))


def _is_of(value: exp.Expr, sources: Collection[str]) -> bool:
    return not any(value.find_all(exp.Query)) and all(one.table in sources for one in value.find_all(exp.Column))


def _keyed(query: exp.Select) -> dict[str, str]:
    """Return the sources, by name, of which a result row holds the key, and those found by what one of them holds."""
    shown: dict[str, set[str]] = {}
    for one in query.selects:
        value = one.unalias()
        if isinstance(value, exp.Column):
            shown.setdefault(value.table, set()).add(value.name)
    joins: list[exp.Join] = query.args.get("joins") or []
    from_ = query.args.get("from_")
    found: dict[str, str] = {}
    for source in ([from_.this] if from_ else []) + [join.this for join in joins]:
        entity = ENTITIES.get(source.name) if isinstance(source, exp.Table) else None
        if entity is not None and set(entity.KEY) <= shown.get(source.alias_or_name, set()):
            found[source.alias_or_name] = entity.ENTITY
    for join in joins:
        own = join.this.alias_or_name
        if finds_one(join) and _is_of(join.args["on"], {*found, own}):
            found.setdefault(own, join.this.name)
    return found


def _is_link(test: exp.Expr, scope: Place) -> bool:
    if not isinstance(test, (exp.EQ, exp.In)) or not isinstance(test.this, exp.Column):
        return False
    if isinstance(test, exp.EQ):
        linked = isinstance(test.expression, exp.Column) and value_of(test.expression, scope).kind in LINKS
    else:
        linked = bool(test.args.get("query")) or all(isinstance(one, exp.Dot) for one in test.expressions)
    return linked and value_of(test.this, scope).kind in LINKS
