"""Do the parts of a plan belong together? A contract that nothing keeps is worse than none."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from erp_mcp.domain import write_plan as plan
from erp_mcp.domain.plan_node import Node

_MOST_TOGETHER: Final = 8
# Contracts under which an outcome that is not known is found by searching for our reference.
_SEARCHED: Final = frozenset({"unique_ref", "readback", "native_key"})


def check(one: plan.Plan, node: Node, key_parts: int) -> None:
    """Refuse a plan whose parts are at odds.

    Raises:
        PlanError: naming the part.
    """
    values = list(_every_value(one))
    looks = {look.name: look for look in one.lookups}
    _check_values(node, values, looks, key_parts if one.changes else 0, key_known=bool(key_parts) or not one.changes)
    versioned = bool(one.write.if_match) or any(value.source == "version" for value in values)
    _check_set(node, one.write)
    for number, write in enumerate(one.write.whole):
        if write.if_match and write.if_match != "version" and write.if_match not in looks:
            place = ("write", "together", number - 1, "if_match") if number else ("write", "if_match")
            raise node.wrong("`version` or the name of a look-up is needed here", *place)
    if one.contract.kind == "conditional" and not (versioned and one.changes):
        raise node.wrong("conditional needs `record` and a version in the request (`if_match`)", "contract")
    if one.changes and one.contract.kind not in {"conditional", "none"}:
        raise node.wrong("a change of a record that exists is conditional, or none", "contract")
    if one.contract.kind in _SEARCHED and one.find is None:
        raise node.wrong(f"{one.contract.kind} needs `find`", "find")
    if one.contract.kind in {"unique_ref", "readback"} and one.reference is None:
        raise node.wrong(f"{one.contract.kind} needs `reference`", "reference")
    if one.contract.kind == "native_key" and one.write.idempotency is None:
        raise node.wrong("native_key needs `idempotency`", "write")
    if one.reference is not None and not any(_has_place(each.body, one.reference.path) for each in one.write.whole):
        raise node.wrong("the body has no such place for it", "reference", "in")


def _check_set(node: Node, write: plan.Write) -> None:
    """What is done together is one change set of one service; what stands in one is a plain request."""
    if not write.together:
        return
    if not write.batch:
        raise node.wrong("`together` needs `batch`", "write", "batch")
    if len(write.together) > _MOST_TOGETHER:
        raise node.wrong(f"at most {_MOST_TOGETHER} are done together", "write", "together")
    for number, one in enumerate(write.together):
        if one.batch or one.together:
            raise node.wrong("a change set holds plain requests", "write", "together", number)
        if one.place.service != write.place.service:
            raise node.wrong("a change set is one service's", "write", "together", number)


def _check_values(
    node: Node, values: Sequence[plan.Value], looks: Mapping[str, plan.Lookup], key_parts: int, *, key_known: bool
) -> None:
    for value in values:
        if value.source == "found" and (value.found not in looks or value.name not in looks[value.found].take):
            raise node.wrong(f"no look-up takes {value.found}.{value.name}", "look")
        if value.source == "version" and value.found and not (value.found in looks and looks[value.found].version):
            raise node.wrong(f"the look-up {value.found} says nothing of a version", "look")
        if value.source == "key" and key_known and value.index >= key_parts:
            raise node.wrong(f"the record's key has no part {value.index}", "write")


def _every_value(one: plan.Plan) -> list[plan.Value]:
    found = [value for write in one.write.whole for value in (*_in_place(write.place), *_in_body(write.body))]
    for look in one.lookups:
        found += [*_in_place(look.place), *look.where.values()]
    if one.find is not None:
        found += [*_in_place(one.find.place), *one.find.where.values()]
    return found


def _in_place(place: plan.Place) -> list[plan.Value]:
    in_path = [part for part in place.path if isinstance(part, plan.Value)]
    return [*place.key.values(), *in_path, *place.query.values()]


def _in_body(body: Mapping[str, plan.Part]) -> list[plan.Value]:
    found: list[plan.Value] = []
    for part in body.values():
        match part:
            case plan.Value():
                found.append(part)
            case plan.Inner(body=inner):
                found += _in_body(inner)
            case plan.Children(bodies=bodies):
                found += [value for inner in bodies for value in _in_body(inner)]
    return found


def _has_place(body: Mapping[str, plan.Part], path: str) -> bool:
    """Say whether a path leads to a value that is our reference; through children it leads to each of them."""
    name, _, rest = path.partition(".")
    match body.get(name):
        case plan.Value(source="reference"):
            return not rest
        case plan.Inner(body=inner):
            return _has_place(inner, rest)
        case plan.Children(bodies=bodies):
            return all(_has_place(inner, rest) for inner in bodies)
    return False
