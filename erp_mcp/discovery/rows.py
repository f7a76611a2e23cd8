"""The rows by which tools are found and described, in the order of the tables that the catalogue gives them."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Final

from erp_mcp.domain.tool import Argument, Tool

DIRECTLY: Final = "directly"
BY_CALL_TOOL: Final = "call_tool"
_PAGING: Final = {"limit": "integer", "cursor": "text"}

Cell = str | bool | None
Rows = Mapping[str, Sequence[tuple[Cell, ...]]]


def found(tools: Iterable[Tool], listed: Collection[str]) -> Rows:
    """Return the table of a search.

    Args:
        tools: What was found, the best first.
        listed: Names of the tools that stand in the caller's list.
    """
    return {"tools": [(tool.name, tool.description, signature(tool), _call(tool, listed)) for tool in tools]}


def advice(hits: Sequence[Tool], able: Iterable[Tool], shown: int) -> list[str]:
    """Return what to do with the outcome of a search that found too much, or nothing.

    Args:
        hits: What was found, whether it is shown or not.
        able: Every tool that the caller may call.
        shown: How many of the hits are shown at most.
    """
    if not hits:
        toolsets = sorted({tool.toolset for tool in able if tool.effect == "read"})
        return [f"Nothing was found; search by other words. There are tools about: {', '.join(toolsets)}."]
    if len(hits) > shown:
        return [f"{len(hits) - shown} more were found; search by more words of what you want to know."]
    return []


def described(tool: Tool, listed: Collection[str]) -> Rows:
    """Return the tables that describe one tool: itself, its arguments, result columns and examples."""
    arguments = [_argument_row(one) for one in tool.arguments]
    if tool.paged is not None:
        arguments += [(name, kind, False, None, None, None) for name, kind in _PAGING.items()]
    return {
        "tool": [(tool.name, tool.title, tool.description, _call(tool, listed))],
        "arguments": arguments,
        "results": [(table.name, " ".join(column.name for column in table.columns)) for table in tool.tables],
        "examples": [(example,) for example in tool.examples],
    }


def signature(tool: Tool) -> str:
    """Return the names of a tool's arguments, those that may be left out with a question mark."""
    names = [one.name if one.required else f"{one.name}?" for one in tool.arguments]
    return ", ".join([*names, *(f"{name}?" for name in _PAGING if tool.paged is not None)])


def _call(tool: Tool, listed: Collection[str]) -> str:
    return DIRECTLY if tool.name in listed or tool.effect != "read" else BY_CALL_TOOL


def _argument_row(one: Argument) -> tuple[Cell, ...]:
    default = None if one.default is None else json.dumps(one.default, ensure_ascii=False)
    return one.name, one.kind, one.required, _allowed(one), default, one.description or None


def _allowed(one: Argument) -> str | None:
    if one.values:
        return ", ".join(one.values)
    if one.minimum is None and one.maximum is None:
        return None
    unit = " characters" if one.type == "text" else ""
    low, high = ("" if bound is None else str(bound) for bound in (one.minimum, one.maximum))
    return f"{low or 1 if unit else low or 0} to {high}{unit}" if high else f"from {low}"
