"""Writes `docs/writes.md` from tools, operations and profiles: `python -m tests.docs.writes_page`."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from erp_mcp.bootstrap import compile_catalog
from erp_mcp.commands import OPERATIONS
from erp_mcp.domain.parameters import declared
from erp_mcp.domain.tool import Tool
from erp_mcp.systems import SHIPPED, load_profile

ROOT: Final = Path(__file__).parents[2]
PAGE: Final = ROOT / "docs" / "writes.md"
_HEAD: Final = """\
# What can be proposed

Every tool that proposes, by toolset, with the class of its risk. All of them are off until a policy grants one to a
role ([policy.md](policy.md)); a person decides about each proposal ([approvals.md](approvals.md), [page.md](page.md));
the life of one is in [proposals.md](proposals.md).

| class | what it is | who says yes, where no rule says more |
|---|---|---|
| W1 | taken back without a trace in money, in stock or with a supplier | one person |
| W2 | changes plans, dates, reservations | one person |
| W3 | binds: legally, in money, in stock | one person; let `approvals:` ask for two, by bands and groups |
| W4 | takes effect on the floor: never done by the gateway, a task for a person there | one person |

The business rules of a tool are looked at twice: before there is a proposal, and by the worker just before it is sent.
The answer names each by its code (`R-…`), whether it is kept, and for a refusal what would pass; what no rule could
look at (sanctions, taxes, permits …) is flagged to whoever decides. A rule whose facts are missing refuses with
`rule.not_evaluable`.

A task for a person (`propose_create_human_task`) is kept in the gateway's own list, and is the only proposal that a
policy may let through without anybody's yes (`needed: 0`).
"""
_TABLE: Final = (
    "| tool | class | operation | taken back by `propose_undo` | profiles that offer it |\n|---|---|---|---|---|\n"
)


_PARAMETERS: Final = """
## What their rules go by

Numbers that a policy may say otherwise (`parameters:` in [policy.md](policy.md)); a lower one is stricter. They are
part of what people approve: a change that was approved under a looser number is not sent.

| tool | parameter | default | from, to | what it is |
|---|---|---|---|---|
"""


def page() -> str:
    """Return the page."""
    tools = [tool for tool in compile_catalog([ROOT / "tools"]) if tool.effect == "write"]
    toolsets = sorted({tool.toolset for tool in tools})
    rows = "".join(_toolset(name, [tool for tool in tools if tool.toolset == name]) for name in toolsets)
    return _HEAD + rows + _PARAMETERS + "".join(map(_parameters, sorted(tools, key=lambda one: one.name)))


def _toolset(name: str, tools: list[Tool]) -> str:
    return f"\n## {name}\n\n{_TABLE}{''.join(_row(tool) for tool in sorted(tools, key=lambda one: one.name))}"


def _row(tool: Tool) -> str:
    if tool.steps:
        return _saga(tool)
    operation = OPERATIONS[tool.command]
    back = "yes" if operation.undo is not None else f"no: {operation.irreversible}" if operation.irreversible else "no"
    link = f"[{tool.name}](tools/{tool.name}.md)"
    return f"| {link} | {tool.risk} | `{operation.name}` | {back} | {_profiles(operation.name)} |\n"


def _saga(tool: Tool) -> str:
    link, steps = f"[{tool.name}](tools/{tool.name}.md)", ", ".join(f"`{one.tool}`" for one in tool.steps)
    return f"| {link} | {tool.risk} | one after the other: {steps} | each step by its own | where all steps are |\n"


def _parameters(tool: Tool) -> str:
    link, found = f"[{tool.name}](tools/{tool.name}.md)", declared(tool.command).values()
    cells = [(link, f"`{one.name}`", str(one.default), f"{one.least} to {one.most}", one.words) for one in found]
    return "".join(f"| {' | '.join(one)} |\n" for one in cells)


def _profiles(operation: str) -> str:
    names = sorted(path.stem for path in SHIPPED.glob("*.yaml") if path.stem != "freshness")
    offering = [f"`{name}`" for name in names if operation in load_profile(name, [SHIPPED]).commands]
    return ", ".join(offering) or "the gateway's own list"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
