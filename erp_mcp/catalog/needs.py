"""What the rows of a statement are chosen by, as far as a system of record may not keep it: conditions as `Needs`.

Fields that every system must give never matter here. What stands behind an argument that asks for nothing does not
either; that is decided for each call, by `given`.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from sqlglot import exp

from erp_mcp.catalog.meaning import fields_of
from erp_mcp.catalog.names import Place
from erp_mcp.catalog.values import value_of
from erp_mcp.domain.kept_fields import may_be_left_out
from erp_mcp.domain.tool import NOTHING, Argument, Needs

_LITERALS: Final = (exp.Literal, exp.Null, exp.Placeholder, exp.Dot)


def all_of(parts: Iterable[Needs]) -> Needs:
    """Return what needs all of the parts."""
    kept: list[Needs] = []
    for one in parts:
        kept += one.parts if one.kind == "all" else [one]
    kept = list(dict.fromkeys(kept))
    return kept[0] if len(kept) == 1 else Needs(parts=tuple(kept))


def any_of(parts: Iterable[Needs]) -> Needs:
    """Return what needs one of the parts."""
    flat: list[Needs] = []
    for one in parts:
        flat += one.parts if one.kind == "any" else [one]
    kept = tuple(dict.fromkeys(flat))
    if not any(map(_names_a_field, kept)):
        return NOTHING
    return kept[0] if len(kept) == 1 else Needs(kind="any", parts=kept)


def _names_a_field(needs: Needs) -> bool:
    return needs.kind == "field" or any(map(_names_a_field, needs.parts))


def noted(parts: Iterable[Needs]) -> Needs:
    """Return what fails for none of the parts and is told without them."""
    inner = all_of(parts)
    return inner if inner == NOTHING or inner.kind == "noted" else Needs(kind="noted", parts=(inner,))


def entities_of(needs: Needs) -> frozenset[str]:
    """Return the entities whose records can't be chosen where a field is not kept; nothing fails for what is noted."""
    if needs.kind == "field":
        return frozenset({needs.name.partition(".")[0]})
    inner = () if needs.kind == "noted" else needs.parts
    return frozenset().union(*map(entities_of, inner))


def chosen_by(conjunct: exp.Expr, place: Place) -> Needs:
    """Return what a part of an AND needs, resolved in `place` before; a LEFT JOIN leaves out no row."""
    needs = _needs_of(conjunct, place)
    join = conjunct.find_ancestor(exp.Join, exp.Select)
    return noted([needs]) if isinstance(join, exp.Join) and join.side == "LEFT" else needs


def _needs_of(test: exp.Expr, place: Place) -> Needs:
    if isinstance(test, exp.Paren):
        return _needs_of(test.this, place)
    if isinstance(test, (exp.And, exp.Or)):
        both = [_needs_of(test.left, place), _needs_of(test.right, place)]
        return all_of(both) if isinstance(test, exp.And) else any_of(both)
    if isinstance(test, exp.Not):
        inner = test.this.unnest()
        return _value(inner.this, place) if isinstance(inner, exp.Is) else _needs_of(inner, place)
    if isinstance(test, exp.Is):
        return _is_null(test, place)
    if isinstance(test, exp.Exists):
        return place.names.inner.get(id(test.this), NOTHING)
    if isinstance(test, exp.In):
        return _among(test, place)
    return _guard(test, place) or _value(test, place)


def shown_by(value: exp.Expr, place: Place) -> Needs:
    """Return what a column is empty without; nothing where it has a value all the same, be it another one."""
    if any(True for _ in value.find_all(exp.Case, exp.Count, exp.Window)):
        return NOTHING
    literal = any(isinstance(one, exp.Literal) for got in value.find_all(exp.Coalesce) for one in got.expressions)
    return NOTHING if literal else _value(value, place)


def _is_null(test: exp.Is, place: Place) -> Needs:
    """Without a value is also what is not kept: the test holds for all rows, and is told without."""
    if isinstance(test.this, exp.Placeholder):
        return Needs(kind="given", name=test.this.name)
    return noted([_value(test.this, place)])


def _among(test: exp.In, place: Place) -> Needs:
    needs = [_value(test.this, place)]
    query = test.args.get("query")
    if query is not None:
        answered = (_kept(one.fields) for one in place.names.answered.get(id(query), {}).values())
        return all_of([*needs, place.names.inner.get(id(query), NOTHING), *answered])
    listed = test.expressions[0] if len(test.expressions) == 1 else None
    argument = place.names.arguments.get(listed.name) if isinstance(listed, exp.Placeholder) else None
    if argument is not None and not argument.required and argument.default is None:
        return any_of([Needs(kind="given", name=argument.name), *needs])  # a list that is absent filters nothing
    return all_of(needs)


def _guard(test: exp.Expr, place: Place) -> Needs | None:
    """Return what `:argument = literal` needs."""
    if not isinstance(test, exp.EQ):
        return None
    sides = {type(side): side for side in (test.left, test.right)}
    if sides.keys() != {exp.Placeholder, exp.Literal}:
        return None
    argument = place.names.arguments.get(sides[exp.Placeholder].name)
    return (
        None if argument is None else Needs(kind="given", name=argument.name, value=_told(argument, sides[exp.Literal]))
    )


def _told(argument: Argument, literal: exp.Expr) -> str | int | bool:
    text = str(literal.this)
    if argument.type == "flag":
        return text == "1"
    return text if literal.is_string else int(text)


def _value(node: exp.Expr, place: Place) -> Needs:
    """Return what an expression needs to have a value."""
    if isinstance(node, exp.Column):
        return _kept(place.column(node).fields)
    if isinstance(node, _LITERALS):
        return NOTHING
    if isinstance(node, exp.Coalesce):
        parts = [one for one in (node.this, *node.expressions) if not isinstance(one, _LITERALS)]
        return any_of(_value(one, place) for one in parts)
    if isinstance(node, exp.Subquery):
        return all_of([place.names.inner.get(id(node.this), NOTHING), _kept(value_of(node, place).fields)])
    if isinstance(node, exp.Case):
        return noted([all_of(_kept(place.column(one).fields) for one in node.find_all(exp.Column))])
    return all_of(_value(one, place) for one in node.iter_expressions())


def _kept(fields: Iterable[str]) -> Needs:
    """Return what needs one of these `entity.field` names: a column of a UNION has several."""
    return any_of(_field(one) for one in sorted(fields))


def _field(name: str) -> Needs:
    entity, _, field = name.partition(".")
    spec = fields_of(entity)[field]
    optional = spec.optional and may_be_left_out(entity, field)
    return Needs(kind="field", name=name) if optional else NOTHING
