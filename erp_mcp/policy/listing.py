"""Which of the tools that an agent may call stand in its list; the rest is found by searching.

Every token of a list is paid in every conversation, so a role sees about a dozen tools. What is left out of a list is
no less allowed: it is found, described and called through the tools for that, or called by its name.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import chain, zip_longest
from typing import Final

from erp_mcp.domain.tool import Tool

SHORT: Final = 14  # tools that read: up to this number, a list that nobody chose shows them all
CHOSEN: Final = 12  # and beyond it, this many


def listed(callable_tools: Sequence[Tool], shows: Sequence[str] | None) -> list[Tool]:
    """Return the tools of a list, in the order of the catalogue.

    Args:
        callable_tools: What the agent may call, in the order of the catalogue.
        shows: Names that the policy gives for the role, `None` where it says nothing.

    Returns:
        Whatever proposes and looks after proposals, since it is called directly alone, but where there is a `shows`
        not what a saga does for the agent, unless it is named; of what reads, what `shows` names, or without it
        everything up to `SHORT` tools, and beyond that the first `CHOSEN`, taking turns among the toolsets; and, where
        something is left out, the tools that find others.
    """
    reads = [tool for tool in callable_tools if tool.effect == "read"]
    chosen = {tool.name for tool in reads if tool.name in shows} if shows is not None else _chosen(reads)
    parts = _of_sagas(callable_tools).difference(shows) if shows is not None else frozenset()
    left_out = len(chosen) < len(reads) or bool(parts)
    return [
        tool
        for tool in callable_tools
        if (tool.name in chosen if tool.effect == "read" else tool.effect != "discovery" or left_out)
        and tool.name not in parts
    ]


def _of_sagas(callable_tools: Sequence[Tool]) -> frozenset[str]:
    """Return the tools that the sagas of a list call, forward or back."""
    steps = {step.tool for tool in callable_tools for step in tool.steps}
    return frozenset(steps | {tool.undone_by for tool in callable_tools if tool.name in steps and tool.undone_by})


def _chosen(reads: Sequence[Tool]) -> set[str]:
    if len(reads) <= SHORT:
        return {tool.name for tool in reads}
    toolsets: dict[str, list[str]] = {}
    for tool in reads:
        toolsets.setdefault(tool.toolset, []).append(tool.name)
    turns: Iterable[str | None] = chain.from_iterable(zip_longest(*toolsets.values()))
    return set([name for name in turns if name is not None][:CHOSEN])
