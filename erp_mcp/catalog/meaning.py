"""What a value in a statement is: its kind, the entity fields it comes from, and whether it may be absent."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import cache
from typing import Final

from erp_mcp.catalog.problems import ProblemError
from erp_mcp.domain.entities import ENTITIES, FieldSpec, field_specs

TEXTUAL: Final = frozenset({"id", "code", "text"})
SCALED: Final = frozenset({"quantity", "money"})
NUMERIC: Final = SCALED | {"integer", "flag"}
TEMPORAL: Final = frozenset({"date", "instant"})
CONDITION: Final = "condition"  # a truth value; it can be tested but not answered
OPEN: Final = "open"  # a literal or null, which takes the kind of its neighbours


@dataclass(frozen=True, slots=True, kw_only=True)
class Meaning:
    """Kind, lineage and absence of one value. `zero` marks the literal 0, which fits every number.

    `via` are fields that it does not come from, but by whose values its row was looked up. What is `made` of its
    fields is no value of theirs as it stands: a sum, the greatest one, a part of a text.
    """

    kind: str
    fields: frozenset[str] = frozenset()
    optional: bool = False
    literal: str = ""  # "text", "number", "zero", "null" for literals
    via: frozenset[str] = frozenset()
    made: bool = False

    def also(self, others: Iterable[Meaning]) -> frozenset[str]:
        """Return the lineage of this value and the others together."""
        return self.fields.union(*(other.fields for other in others))


Relation = dict[str, Meaning]


@cache
def fields_of(entity: str) -> dict[str, FieldSpec]:
    """Return the fields of an entity by name; empty when there is no such entity."""
    record = ENTITIES.get(entity)
    return {} if record is None else {spec.name: spec for spec in field_specs(record)}


@cache
def outsider_fields() -> frozenset[str]:
    """Return the `entity.field` names that people outside the company can write."""
    return frozenset(
        f"{entity}.{spec.name}" for entity in ENTITIES for spec in fields_of(entity).values() if spec.meaning.outsider
    )


@cache
def field_kind(field: str) -> str:
    """Return the result kind of `entity.field`; a reference is answered as an id. Empty when there is no such field."""
    entity, _, name = field.partition(".")
    spec = fields_of(entity).get(name)
    if spec is None:
        return ""
    return "id" if spec.kind.value == "ref" else spec.kind.value


def table_relation(entity: str, *, nullable: bool) -> Relation:
    """Return what the table of an entity gives; behind a LEFT JOIN every column may be absent."""
    return {
        name: Meaning(
            kind=field_kind(f"{entity}.{name}"),
            fields=frozenset({f"{entity}.{name}"}),
            optional=nullable or spec.optional,
        )
        for name, spec in fields_of(entity).items()
    }


def made_nullable(relation: Relation) -> Relation:
    """Return the relation as it looks behind a LEFT JOIN."""
    return {name: replace(one, optional=True) for name, one in relation.items()}


def merged(values: Iterable[Meaning], what: str) -> Meaning:
    """Return one meaning for values that stand for each other (branches of a CASE, arms of a UNION, COALESCE).

    Raises:
        ProblemError: `sql.mixed_kinds`, when they are not of one kind.
    """
    found = list(values)
    kinds = {one.kind for one in found if one.kind != OPEN}
    kind = _one_kind(kinds, what) if kinds else OPEN
    for one in found:
        _check_literal(one, kind, what)
    literals = {one.literal for one in found}
    return Meaning(
        kind=kind,
        fields=frozenset().union(*(one.fields for one in found)),
        optional=any(one.optional for one in found),
        literal=literals.pop() if kind == OPEN and len(literals) == 1 else "",
        via=frozenset().union(*(one.via for one in found)),
        made=any(one.made for one in found),
    )


def compared(left: Meaning, right: Meaning, what: str) -> None:
    """Check that two values may be compared.

    Raises:
        ProblemError: `sql.mixed_kinds`; a quantity is not money, a date is not an instant, 5 is not a quantity.
    """
    merged((left, right), what)


def _one_kind(kinds: set[str], what: str) -> str:
    if len(kinds) == 1:
        return next(iter(kinds))
    if kinds <= TEXTUAL:
        # Free text stays free text whatever it is put together with, so that it stays marked as data.
        return "text" if "text" in kinds else "id"
    if kinds <= {"integer", "flag"}:
        return "integer"
    raise ProblemError("sql.mixed_kinds", f"{what} mixes {' and '.join(sorted(kinds))}")


def _check_literal(value: Meaning, kind: str, what: str) -> None:
    if value.literal == "text" and kind not in TEXTUAL | {OPEN}:
        raise ProblemError("sql.mixed_kinds", f"{what} mixes {kind} with a text literal")
    if value.literal in ("number", "zero") and kind not in NUMERIC | {OPEN}:
        raise ProblemError("sql.mixed_kinds", f"{what} mixes {kind} with a number")
    # Scaled numbers are stored as integers of another unit, so 5 would mean five millionths.
    if value.literal == "number" and kind in SCALED:
        raise ProblemError("sql.scaled_literal", f"{what} uses a literal other than 0 with a {kind}; use an argument")
