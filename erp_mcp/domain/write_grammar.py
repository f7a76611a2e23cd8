"""`commands.operations.<operation>` of OData and REST profiles: strict, with the place of every mistake."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, get_args

from erp_mcp.domain import write_plan as plan
from erp_mcp.domain.call import JsonValue
from erp_mcp.domain.command import RetryContract, RetryKind
from erp_mcp.domain.plan_node import Node, PlanError, is_code
from erp_mcp.domain.write_accepted import parse_accepted
from erp_mcp.domain.write_checks import check, check_accepted
from erp_mcp.domain.write_record import About, known_field, record_of

PROTOCOLS: Final[Mapping[str, plan.Protocol]] = {"odata": "odata", "rest": "rest"}
_SOURCES: Final = ("field", "row", "place", "key", "found", "const", "reference", "version", "option", "ticket")
_TOKEN_CHARS: Final = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_")
_AROUND: Final = _TOKEN_CHARS | frozenset("()='")
_MAX_PARTS: Final = 64
_MAX_SETTLE_S: Final = 86_400
_RESERVED: Final = frozenset({"authorization", "cookie", "host", "content-length", "content-type", "transfer-encoding"})


def parse_plan(operation: str, body: JsonValue, *, protocol: plan.Protocol, key_parts: int = 0) -> plan.Plan:
    """Return the plan of one operation.

    Args:
        operation: `<entity>.<verb>`.
        body: What the profile says of it.
        protocol: Which keys there are.
        key_parts: Of how many parts a source key of the entity is made, zero where that is not known.

    Raises:
        PlanError: at the first key that is unknown, missing, of the wrong type or at odds with another.
    """
    node = Node((), body)
    entity = operation.partition(".")[0]
    write = _write(node.inner("write"), protocol)
    changes = node.has("record")
    about = record_of(node.inner("record"), entity) if changes else About()
    made, located = _made(node.inner("made"), protocol) if node.has("made") else ((), False)
    accepted = _accepted(node, protocol) if node.has("accepted") else None
    one = plan.Plan(
        operation=operation,
        entity=entity,
        contract=_contract(node, accepted),
        write=write,
        changes=changes,
        lookups=tuple(_lookup(name, node.inner("look").inner(name), protocol) for name in node.names("look")),
        same=about.same,
        needs=about.needs,
        unchanged=about.unchanged,
        single=about.single,
        becomes=about.becomes,
        absent=node.texts("absent"),
        reference=_reference(node.inner("reference")) if node.has("reference") else None,
        made=made,
        made_in_location=located,
        find=_find(node.inner("find"), protocol) if node.has("find") else None,
        shown=_shown(node, entity),
        judging=_judging(node.inner("answer"), protocol) if node.has("answer") else plan.Judging(),
        accepted=accepted,
    )
    node.done()
    check(one, node, key_parts)
    check_accepted(one, node)
    return one


# --- What is written --------------------------------------------------------------------------------------------------


def _write(node: Node, protocol: plan.Protocol) -> plan.Write:
    method = node.choice("method", get_args(plan.Method))
    if method == "MERGE" and protocol != "odata":
        raise node.wrong("MERGE is a method of OData", "method")
    headers = node.texts("headers") if protocol == "rest" else {}
    for name in headers:
        if name.lower() in _RESERVED or not name or not set(name) <= _TOKEN_CHARS:
            raise node.wrong("this header can't be set here", "headers", name)
    one = plan.Write(
        method=method,  # type: ignore[arg-type]  # one of the words of the type
        place=_place(node, protocol),
        body=_body(node.inner("body"), protocol) if node.has("body") else {},
        if_match=node.text("if_match", ""),
        headers=headers,
        idempotency=_idempotency(node.inner("idempotency")) if node.has("idempotency") else None,
        batch=_batch(node) if protocol == "odata" else "",
        minimal=node.flag("minimal"),
        together=_together(node, protocol) if protocol == "odata" else (),
    )
    node.done()
    return one


def _batch(node: Node) -> plan.Batch:
    """Return the form of a change set: `true` is the one that both versions know."""
    if node.has("batch") and node.body["batch"] == "json":
        node.take("batch")
        return "json"
    return "multipart" if node.flag("batch") else ""


def _together(node: Node, protocol: plan.Protocol) -> tuple[plan.Write, ...]:
    return tuple(
        _write(node.below("together", number, one), protocol) for number, one in enumerate(node.items("together"))
    )


def _place(node: Node, protocol: plan.Protocol) -> plan.Place:
    if protocol == "rest":
        return plan.Place(path=_path(node), query=_values(node, "query", protocol))
    service, _, entity_set = node.text("set", "/").partition("/")
    action = node.text("action", "")
    if not entity_set and action:
        service = node.text("service")
    if not service or not (entity_set or action):
        raise node.wrong("alias/EntitySet is needed here, or `service` with `action`", "set")
    for name in (entity_set, action):
        if name and not set(name) <= _TOKEN_CHARS | {"."}:
            raise node.wrong("this is no name of an entity set or action", "set" if name == entity_set else "action")
    return plan.Place(service=service, entity_set=entity_set, key=_values(node, "key", protocol), action=action)


def _path(node: Node) -> tuple[str | plan.Value, ...]:
    found: list[str | plan.Value] = []
    for number, part in enumerate(node.items("path")):
        if isinstance(part, str):
            if (
                not part
                or any(one in {"", ".", ".."} for one in part.strip("/").split("/"))
                or set("?#\\%") & set(part)
            ):
                raise node.wrong("not a piece of a path", "path", number)
            found.append(part.strip("/"))
        else:
            value = _value(node.below("path", number, part), "rest")
            if not set(value.prefix + value.suffix) <= _AROUND:
                raise node.wrong("letters, digits and ()='-_ may stand around a value in a path", "path", number)
            found.append(value)
    if not found or not (isinstance(found[0], str) or found[0].prefix):
        raise node.wrong("a path begins with a text of its own", "path")
    return tuple(found)


def _body(node: Node, protocol: plan.Protocol) -> dict[str, plan.Part]:
    found = {name: _part(node.inner(name), protocol) for name in node.body}
    if not found or len(found) > _MAX_PARTS:
        raise node.wrong(f"1 to {_MAX_PARTS} entries are needed here")
    return found


def _part(node: Node, protocol: plan.Protocol) -> plan.Part:
    if node.has("children"):
        items = node.items("children")
        bodies = tuple(_body(node.below("children", number, one), protocol) for number, one in enumerate(items))
        if not bodies:
            raise node.wrong("at least one child is needed here", "children")
        each = node.text("each") if node.has("each") else ""
        node.done()
        return plan.Children(bodies=bodies, each=each)
    if node.has("object"):
        inner = plan.Inner(body=_body(node.inner("object"), protocol))
        node.done()
        return inner
    return _value(node, protocol)


def _values(node: Node, key: str, protocol: plan.Protocol) -> dict[str, plan.Value]:
    return {name: _value(node.inner(key).inner(name), protocol) for name in node.names(key)}


def _value(node: Node, protocol: plan.Protocol) -> plan.Value:
    sources = [name for name in _SOURCES if node.has(name)]
    if len(sources) != 1:
        raise node.wrong(f"exactly one of {', '.join(_SOURCES)} is needed here, `children` or `object`")
    source = sources[0]
    name, found = _named(node, source, protocol)
    one = plan.Value(
        source=source,  # type: ignore[arg-type]  # one of the words of the type
        name=name,
        index=_index(node, source),
        found=found,
        const=_const(node) if source == "const" else None,
        codes=node.texts("codes"),
        unit=node.flag("unit"),
        pad=node.number("pad", 0, 1, 40),
        strip=node.flag("strip"),
        prefix=node.text("prefix", ""),
        suffix=node.text("suffix", ""),
        longest=node.number("longest", 0, 1, 1000),
        digits=node.number("digits", 0, 0, 6) if node.has("digits") else None,
        kind=node.choice("as", get_args(plan.Kind), "text") if protocol == "rest" else "text",  # type: ignore[arg-type]
        optional=node.flag("optional"),
        when=_when(node.inner("when")) if node.has("when") else None,
    )
    node.done()
    return one


def _named(node: Node, source: str, protocol: plan.Protocol) -> tuple[str, str]:
    """Return what a value is named by, and the look-up that it is of."""
    if source == "option" and protocol != "rest":
        raise node.wrong("options of a system are for REST", "option")
    if source in {"field", "row", "option"}:
        return node.text(source), ""
    if source == "found":
        found, _, name = node.text("found").partition(".")
        if not name:
            raise node.wrong("LOOKUP.PROPERTY is needed here", "found")
        return name, found
    if source == "version":
        return "", _version(node, protocol)
    if source in {"reference", "ticket"} and not node.flag(source):
        raise node.wrong("true is needed here", source)
    return "", ""


def _when(node: Node) -> plan.When:
    """Return on what a value depends: `{FIELD: [values]}` or `{FIELD: {not: [values]}}`, of the command."""
    if len(node.body) != 1:
        raise node.wrong("exactly one field of the change is needed here")
    (name,) = (str(one) for one in node.body)
    if not is_code(name):
        raise node.wrong("this is no field of a change", name)
    other = isinstance(node.body[name], Mapping)
    inner = node.inner(name) if other else node
    listed = inner.items("not" if other else name)
    among = tuple(str(one).lower() if isinstance(one, bool) else str(one) for one in listed)
    inner.done()
    if not among:
        raise node.wrong("a list of values is needed here", name)
    return plan.When(field=name, among=among, other=other)


def _index(node: Node, source: str) -> int:
    if source == "place":
        return node.number(source, 1, 1, 1000)
    return node.number(source, 0, 0, 9) if source == "key" else 0


def _version(node: Node, protocol: plan.Protocol) -> str:
    """Return whose version is meant: that of the command where it is `true`, else that of a look-up by its name."""
    told = node.take("version")
    if isinstance(told, str) and told and protocol == "rest":
        return told
    if told is not True:
        raise node.wrong("true is needed here, or in REST the name of a look-up", "version")
    return ""


def _const(node: Node) -> JsonValue:
    found = node.take("const")
    if not isinstance(found, str | int | bool) and found is not None:
        raise node.wrong("text, a whole number, true, false or null is needed here (other numbers as text)", "const")
    return found


def _idempotency(node: Node) -> plan.Idempotency:
    one = plan.Idempotency(
        header=node.text("header"),
        form="uuid" if node.choice("form", ("text", "uuid"), "text") == "uuid" else "text",
        replayed=node.text("replayed", "").lower(),
    )
    node.done()
    if not one.header or not set(one.header) <= _TOKEN_CHARS or one.header.lower() in _RESERVED:
        raise node.wrong("this is no name of a header", "header")
    return one


# --- What comes before and after --------------------------------------------------------------------------------------


def _lookup(name: str, node: Node, protocol: plan.Protocol) -> plan.Lookup:
    one = plan.Lookup(
        name=name,
        place=_place(node, protocol),
        where=_values(node, "where", protocol),
        take=tuple(str(one) for one in node.items("take")),
        rows=node.text("rows", "") if protocol == "rest" else "",
        version=node.text("version", "") if protocol == "rest" else "",
        none=node.code("none", "not_found"),
        many=node.code("many", "ambiguous"),
    )
    node.done()
    if not one.place.key and not one.where and protocol == "odata":
        raise node.wrong("`key` or `where` is needed here")
    return one


def _find(node: Node, protocol: plan.Protocol) -> plan.Find:
    one = plan.Find(
        place=_place(node, protocol),
        by=node.text("by"),
        key=tuple(str(one) for one in node.items("key_paths")),
        rows=node.text("rows", "") if protocol == "rest" else "",
        where=_values(node, "where", protocol),
    )
    node.done()
    if not one.key:
        raise node.wrong("the paths that make the record's key are needed here", "key_paths")
    return one


def _reference(node: Node) -> plan.Reference:
    one = plan.Reference(path=node.text("in"), longest=node.number("longest", 0, 1, 1000))
    node.done()
    if one.longest < plan.REFERENCE_CHARS:
        raise node.wrong(f"our reference has {plan.REFERENCE_CHARS} characters, which must fit", "longest")
    return one


def _made(node: Node, protocol: plan.Protocol) -> tuple[tuple[str, ...], bool]:
    paths, located = (
        tuple(str(one) for one in node.items("key_paths")),
        node.flag("location") if protocol == "rest" else False,
    )
    node.done()
    if bool(paths) == located:
        raise node.wrong("`key_paths` is needed here, in REST that or `location: true`")
    return paths, located


def _shown(node: Node, entity: str) -> dict[str, str]:
    """Return what the record calls a field of the command, empty for one that it does not show."""
    if not node.has("shown"):
        return {}
    inner = node.inner("shown")
    shown = {name: inner.text(name, "") for name in inner.body}
    for name, there in shown.items():
        if there:
            known_field(node, entity, there, "shown", name)
    return shown


def _judging(node: Node, protocol: plan.Protocol) -> plan.Judging:
    standard = plan.Judging()
    codes = node.texts("codes")
    for native, word in codes.items():
        if not is_code(word):
            raise node.wrong("a code of ours is needed here: small letters, digits, _", "codes", native)
    if protocol == "odata":
        node.done()
        return plan.Judging(codes=codes)
    one = plan.Judging(
        done=_statuses(node, "done", standard.done),
        empty=_statuses(node, "empty", standard.empty),
        error=node.text("error", ""),
        codes=codes,
        failed=node.text("failed", ""),
        failed_values=node.items("failed_values"),
    )
    node.done()
    if one.codes and not one.error:
        raise node.wrong("`codes` needs `error`, the path of the system's code", "codes")
    return one


def _statuses(node: Node, key: str, standard: frozenset[int]) -> frozenset[int]:
    found = node.items(key)
    if not all(isinstance(one, int) and 200 <= one < 300 and one != 202 for one in found):
        raise node.wrong(
            "a list of statuses from 200 to 299 is needed here; 202 says that nothing is done yet: see `accepted`", key
        )
    return frozenset(int(str(one)) for one in found) if found else standard


def _accepted(node: Node, protocol: plan.Protocol) -> plan.TakenIn:
    return parse_accepted(node.inner("accepted"), lambda inner: _place(inner, protocol))


def _contract(node: Node, accepted: plan.TakenIn | None) -> RetryContract:
    kind = node.choice("contract", get_args(RetryKind))
    settle_s = node.take("settle_s")
    if isinstance(settle_s, bool) or not isinstance(settle_s, int) or not 0 <= settle_s <= _MAX_SETTLE_S:
        raise node.wrong("whole seconds of at most a day are needed here", "settle_s")
    if accepted is None:
        return RetryContract(kind=kind, settle_s=settle_s)  # type: ignore[arg-type]  # one of the words of the type
    return RetryContract(kind=kind, settle_s=settle_s, ack_s=accepted.ack_s)  # type: ignore[arg-type]  # likewise


__all__ = ["PROTOCOLS", "PlanError", "parse_plan"]
