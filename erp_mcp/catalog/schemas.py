"""What clients are shown of a tool: small JSON schemas. Patterns and lengths are enforced by `arguments`, not shown.

Every token of a list is paid in every conversation, so a schema says what a model needs to choose and to fill in, and
no more.
"""

from __future__ import annotations

from typing import Final

from erp_mcp.domain.call import JsonValue
from erp_mcp.domain.tool import Argument, Table, Tool

_TYPES: Final = {"integer": "integer", "flag": "boolean", "object": "object"}
# Longer lists of values are left to the tool's description and to the refusal of a wrong one, which names them all.
_MOST_VALUES: Final = 12


def input_schema(tool: Tool) -> dict[str, JsonValue]:
    """Return the JSON Schema of a tool's arguments as published."""
    properties: dict[str, JsonValue] = {argument.name: _property(argument) for argument in tool.arguments}
    if tool.paged is not None:
        properties["limit"] = {"type": "integer"}
        properties["cursor"] = {"type": "string"}
    schema: dict[str, JsonValue] = {"type": "object", "properties": properties, "additionalProperties": False}
    required: list[JsonValue] = [argument.name for argument in tool.arguments if argument.required]
    if required:
        schema["required"] = required
    return schema


def output_schema(tool: Tool) -> dict[str, JsonValue]:
    """Return the JSON Schema of a tool's structured content as published: answers and refusals alike satisfy it."""
    tables: dict[str, JsonValue] = {table.name: _table(table) for table in tool.tables}
    return {
        "type": "object",
        "properties": {
            "tables": {"type": "object", "properties": tables},
            "complete": {"type": "boolean"},
            "sources": {"type": "array"},
            "warnings": {"type": "array"},
            "call_id": {"type": "string"},
            "error": {"type": "object"},
        },
        "required": ["call_id"],
    }


def _property(argument: Argument) -> dict[str, JsonValue]:
    if argument.columns:
        return _rows(argument)
    few = 0 < len(argument.values) <= _MOST_VALUES
    one: dict[str, JsonValue] = {"enum": list(argument.values)} if few else _typed(argument)
    if argument.many:
        # What a list leaves out by default is said in the tool's description, at less cost.
        one = {"type": "array", "items": one}
    elif argument.default not in (None, False) and not isinstance(argument.default, tuple):
        one["default"] = argument.default
    if argument.description:
        one["description"] = argument.description
    return one


def _rows(argument: Argument) -> dict[str, JsonValue]:
    cells: dict[str, JsonValue] = {column.name: _property(column) for column in argument.columns}
    required: list[JsonValue] = [column.name for column in argument.columns if column.required]
    row: JsonValue = {"type": "object", "properties": cells, "required": required, "additionalProperties": False}
    listed: dict[str, JsonValue] = {"type": "array", "items": row, "maxItems": argument.max_items}
    return {**listed, "description": argument.description} if argument.description else listed


def _typed(argument: Argument) -> dict[str, JsonValue]:
    one: dict[str, JsonValue] = {"type": _TYPES.get(argument.type, "string")}
    if argument.type == "date":
        one["format"] = "date"
    if argument.type == "integer" and argument.maximum is not None:
        one["maximum"] = argument.maximum
    return one


def _table(table: Table) -> dict[str, JsonValue]:
    return {"type": "object", "description": " ".join(column.name for column in table.columns)}
