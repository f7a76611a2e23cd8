"""The line of a policy that leaves to people what nothing here knows, for policies that tests write."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from erp_mcp.bootstrap import compile_catalog
from erp_mcp.domain.left_to_people import unseen

_TOOLS = Path(__file__).resolve().parents[1] / "tools"


@cache
def codes(tool: str) -> tuple[str, ...]:
    """Return the business rules of a shipped tool that only a person can look at."""
    (found,) = (one for one in compile_catalog([_TOOLS]) if one.name == tool)
    return tuple(sorted(unseen(found.command)))


def line(tool: str, indent: str = "    ") -> str:
    """Return the line for a rule that grants a tool, with its end; empty for a tool without such rules."""
    return f"{indent}left_to_people: [{', '.join(codes(tool))}]\n" if codes(tool) else ""
