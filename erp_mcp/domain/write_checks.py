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
    _check_bodies(node, one.write.whole)
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


def check_accepted(one: plan.Plan, node: Node) -> None:
    """Refuse what would be called not applied before it is told, or asked with what is not known then.

    Raises:
        PlanError: naming the part.
    """
    if any(value.source == "ticket" for value in _every_value(one)):
        raise node.wrong("a ticket is there once it was taken in: it stands under `accepted.ask` alone", "write")
    accepted = one.accepted
    if accepted is None:
        return
    if one.contract.kind != "none" and one.contract.settle_s < accepted.ack_s:
        reason = f"must be {accepted.ack_s} at least, as `accepted.ack_s`: the answer that takes it in may get lost,"
        raise node.wrong(f"{reason} and what is still under way would be called not applied", "settle_s")
    if one.write.batch:
        raise node.wrong("a change set is answered at once: `accepted` is for a plain request", "accepted")
    named = accepted.ask.made if accepted.ask.state else one.made or one.made_in_location
    if one.contract.kind == "none" and not one.changes and not named:
        key = "`key_paths` under `ask`" if accepted.ask.state else "`made`"
        raise node.wrong(f"nothing finds it, so what says done must name it: {key}", "accepted")
    _check_asking(accepted, node)
    place = accepted.ask.place
    if one.find is not None and place is not None and _same_place(one.find.place, place):
        reason = "what is found there counts as written; a record that may still be refused is no ticket"
        raise node.wrong(reason, "accepted", "ask")
    taken = accepted.statuses & (one.judging.done | one.judging.empty)
    if taken and (one.write.place.path or accepted.respond_async):
        reason = f"{min(taken)} means that it is done (`answer.done`, `answer.empty`), or that it was taken in"
        raise node.wrong(f"{reason}, never both", "accepted", "statuses")


def _same_place(one: plan.Place, other: plan.Place) -> bool:
    if one.entity_set or other.entity_set:
        return (one.service, one.entity_set) == (other.service, other.entity_set)
    texts = [[part for part in place.path if isinstance(part, str)] for place in (one, other)]
    return texts[0] == texts[1]


def _check_asking(accepted: plan.TakenIn, node: Node) -> None:
    place = accepted.ask.place
    if place is None:
        return
    asked = [*_in_place(place)]
    if not any(value.source == "ticket" for value in asked):
        raise node.wrong("it must be asked with `ticket: true`", "accepted", "ask")
    if any(value.source in {"found", "version"} for value in asked):
        raise node.wrong("nothing is looked up before it is asked: no `found`, no `version`", "accepted", "ask")


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


def _check_bodies(node: Node, writes: Sequence[plan.Write]) -> None:
    for write in writes:
        _check_rows(node, write.body, in_row=False)


def _check_rows(node: Node, body: Mapping[str, plan.Part], *, in_row: bool) -> None:
    """What is of a row stands in a child that is made for each; rows have no rows of their own."""
    for part in body.values():
        match part:
            case plan.Value(source="row" | "place") if not in_row:
                raise node.wrong("`row` and `place` stand below `children` with `each`", "write", "body")
            case plan.Inner(body=inner):
                _check_rows(node, inner, in_row=in_row)
            case plan.Children(bodies=bodies, each=each):
                if each and in_row:
                    raise node.wrong("rows have no rows of their own", "write", "body")
                for inner in bodies:
                    _check_rows(node, inner, in_row=in_row or bool(each))


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
