"""`record` of an operation: what the record that a change is about must be before it, and what it is afterwards."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from erp_mcp.domain import write_plan as plan
from erp_mcp.domain.entities import ENTITIES, field_specs
from erp_mcp.domain.plan_node import Node, is_code


@dataclass(frozen=True, slots=True, kw_only=True)
class About:
    """What a profile says of the record; each part as in `write_plan.Plan`."""

    same: tuple[str, ...] = ()
    needs: tuple[plan.Need, ...] = ()
    unchanged: Mapping[str, str] = field(default_factory=dict)
    single: tuple[plan.Single, ...] = ()
    becomes: Mapping[str, str] = field(default_factory=dict)


def record_of(node: Node, entity: str) -> About:
    """Return what is said under `record`.

    Raises:
        PlanError: at the first key that is unknown, missing, of the wrong type or names no field.
    """
    one = About(
        same=tuple(str(one) for one in node.items("same")),
        needs=tuple(_need(name, node.inner("require").inner(name), entity) for name in node.names("require")),
        unchanged=node.texts("unchanged"),
        single=tuple(_single(name, node.inner("single").inner(name), entity) for name in node.names("single")),
        becomes=node.texts("becomes"),
    )
    for number, name in enumerate(one.same):
        known_field(node, entity, name, "same", number)
    for name, code in one.unchanged.items():
        if not is_code(code):
            raise node.wrong("a code of ours is needed here: small letters, digits, _", "unchanged", name)
    for name in one.becomes:
        known_field(node, entity, name, "becomes", name)
    node.done()
    return one


def known_field(node: Node, entity: str, name: str, *place: str | int) -> None:
    """Refuse a name that is no field of the entity.

    Raises:
        PlanError: naming the place.
    """
    if entity not in ENTITIES or name not in {spec.name for spec in field_specs(ENTITIES[entity])}:
        raise node.wrong(f"{entity} has no field {name}", *place)


def _need(name: str, node: Node, entity: str) -> plan.Need:
    one = plan.Need(field=name, among=tuple(str(one) for one in node.items("in")), code=node.code("code", ""))
    known_field(node, entity, name)
    node.done()
    if not one.among or not one.code:
        raise node.wrong("`in` (a list) and `code` are needed here")
    return one


def _single(name: str, node: Node, entity: str) -> plan.Single:
    one = plan.Single(field=name, named=node.text("is"), code=node.code("code", ""))
    known_field(node, entity, one.named, "is")
    node.done()
    if not one.code:
        raise node.wrong("`is` (a field of the record) and `code` are needed here")
    return one
