"""Says of every message of the protocol, both eras and both directions, how whole and broken ones are met.

    python -m tests.unit.server.messages served | plain

`served` imports the SDK as `erp-mcp serve` does. Prints JSON: how many models stand after the import, and for each
message what became of it, whole first, then broken in every place.
"""

from __future__ import annotations

import copy
import json
import sys
from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import BaseModel, TypeAdapter, ValidationError

WRONG: list[Any] = [None, 1, "text", [], {}, {"unknown": 1}]
MOST = 60  # broken ones of one message: what is wrong deeper is wrong in what other messages hold as well


def main(mode: str) -> dict[str, Any]:
    """Import in the way that is asked for, and look."""
    if mode == "served":
        from erp_mcp.server import command

        command.prepare(demo_dir="", config="", agent="")
    else:
        from erp_mcp.server import app  # noqa: F401 - for what it imports
    start = _start()
    return {"start": start, "messages": dict(_messages())}


def _start() -> dict[str, Any]:
    declared = [one for one in _below(BaseModel) if one.__module__.partition(".")[0] in {"mcp", "mcp_types"}]

    class Later(BaseModel):
        number: int

    built = sum(one.__pydantic_complete__ for one in declared)
    return {"declared": len(declared), "built": built, "later": Later.__pydantic_complete__}


def _below(model: type[BaseModel]) -> set[type[BaseModel]]:
    return {model}.union(*map(_below, model.__subclasses__()))


def _messages() -> Iterator[tuple[str, list[Any]]]:
    from mcp_types import jsonrpc, methods

    tables: Mapping[str, Mapping[Any, Any]] = {
        name: getattr(methods, name)
        for name in methods.__all__
        if name.endswith(("_REQUESTS", "_NOTIFICATIONS", "_RESULTS"))
    }
    for name, table in tables.items():
        for key, kind in table.items():
            method, era = key if isinstance(key, tuple) else (key, "any")
            if era in {"2025-11-25", "2026-07-28", "any"}:
                yield f"{name} {method} {era}", list(_met(kind))
    for kind in (jsonrpc.JSONRPCRequest, jsonrpc.JSONRPCNotification, jsonrpc.JSONRPCResponse, jsonrpc.JSONRPCError):
        yield f"frame {kind.__name__} any", list(_met(kind))


def _met(kind: Any) -> Iterator[Any]:
    # A model's own method is what builds it where it was not built at once.
    one_model = isinstance(kind, type) and issubclass(kind, BaseModel)
    adapter: TypeAdapter[Any] = TypeAdapter(kind)
    schema = adapter.json_schema()
    whole = _least(schema, schema.get("$defs", {}), 0)
    for body in (whole, *_broken(whole)):
        try:
            taken = kind.model_validate(body) if one_model else adapter.validate_python(body)
        except ValidationError as error:
            yield "refused", error.errors(include_url=False)
        else:
            yield "taken", type(taken).__name__, adapter.dump_python(taken, mode="json", by_alias=True)


def _least(schema: Mapping[str, Any], definitions: Mapping[str, Any], depth: int) -> Any:
    """Return the least that a schema takes."""
    if "$ref" in schema:
        return _least(definitions[schema["$ref"].rpartition("/")[2]], definitions, depth + 1)
    if "const" in schema:
        return schema["const"]
    if "enum" in schema:
        return schema["enum"][0]
    for either in ("anyOf", "oneOf", "allOf"):
        if either in schema:
            return _least(schema[either][0], definitions, depth + 1)
    if schema.get("type") == "object" or "properties" in schema:
        members = schema.get("properties", {})
        wanted = [*schema.get("required", []), *(["params"] if not depth and "params" in members else [])]
        return {name: _least(members[name], definitions, depth + 1) for name in dict.fromkeys(wanted)}
    plain = {"array": [], "string": "file:///x", "integer": 1, "number": 1, "boolean": True, "null": None}
    return plain.get(schema.get("type", ""), {})


def _broken(whole: Any) -> Iterator[Any]:
    """Yield what it becomes without each member in turn, with each of another kind, and with one more."""
    yield from WRONG
    for count, place in enumerate(_places(whole, ())):
        if count * len(WRONG) > MOST:
            return
        *above, last = place
        for wrong in [..., *WRONG]:
            other = copy.deepcopy(whole)
            holder = other
            for part in above:
                holder = holder[part]
            if wrong is ...:
                del holder[last]
            else:
                holder[last] = wrong
            yield other


def _places(value: Any, above: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    if isinstance(value, dict):
        for name, inner in value.items():
            yield (*above, name)
            yield from _places(inner, (*above, name))


if __name__ == "__main__":
    print(json.dumps(main(sys.argv[1]), default=str))
