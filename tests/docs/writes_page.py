"""Writes `docs/writes.md` from tools, operations and profiles: `python -m tests.docs.writes_page`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final

from erp_mcp.bootstrap import compile_catalog
from erp_mcp.commands import OPERATIONS
from erp_mcp.domain.left_to_people import unseen
from erp_mcp.domain.parameters import declared
from erp_mcp.domain.tool import Tool
from erp_mcp.policy.validity import default_s
from erp_mcp.policy.writing import span
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
The answer names each by its code (`R-…`), whether it is kept, and for a refusal what would pass. A rule whose facts
are missing refuses with `rule.not_evaluable`; what nothing here can know (sanctions, taxes, permits …) refuses as well,
unless the policy [leaves it to people](#what-only-people-can-look-at).

A proposal waits for its people for four hours, one that moves or holds stock (`stock: true` in the tool's file) for
half an hour: what is free now may be gone then. A rule of `approvals:` may say otherwise
([policy.md](policy.md#for-how-long)). Several changes as one wait no longer than the shortest of their steps.

A task for a person (`propose_create_human_task`) is kept in the gateway's own list, and is the only proposal that a
policy may let through without anybody's yes (`needed: 0`).
"""
_TABLE: Final = (
    "| tool | class | waits | operation | taken back by `propose_undo` | profiles that offer it |\n"
    "|---|---|---|---|---|---|\n"
)


_PARAMETERS: Final = """
## What their rules go by

Numbers that a policy may say otherwise (`parameters:` in [policy.md](policy.md)); a lower one is stricter. They are
part of what people approve: a change that was approved under a looser number is not sent.

| tool | parameter | default | from, to | what it is |
|---|---|---|---|---|
"""


_LEFT_TO_PEOPLE: Final = """
## What only people can look at

Rules whose facts nothing here has. Each refuses with `rule.not_evaluable` unless the rule of the policy that grants
the tool names it under `left_to_people:` ([policy.md](policy.md#what-nothing-here-knows-left_to_people)); then whoever
decides sees it before all else. Those that come into it only at times refuse only then.

| tool | rule | what a person looks at | when |
|---|---|---|---|
"""


def page() -> str:
    """Return the page."""
    tools = [tool for tool in compile_catalog([ROOT / "tools"]) if tool.effect == "write"]
    toolsets = sorted({tool.toolset for tool in tools})
    known = {tool.name: tool for tool in tools}
    rows = "".join(_toolset(name, [tool for tool in tools if tool.toolset == name], known) for name in toolsets)
    by_name = sorted(tools, key=lambda one: one.name)
    left = _LEFT_TO_PEOPLE + "".join(map(_left_to_people, by_name))
    return _HEAD + rows + left + _PARAMETERS + "".join(map(_parameters, by_name))


def _toolset(name: str, tools: list[Tool], known: Mapping[str, Tool]) -> str:
    rows = (_row(tool, span(default_s(tool, known))) for tool in sorted(tools, key=lambda one: one.name))
    return f"\n## {name}\n\n{_TABLE}{''.join(rows)}"


def _row(tool: Tool, waits: str) -> str:
    if tool.steps:
        return _saga(tool, waits)
    operation = OPERATIONS[tool.command]
    back = "yes" if operation.undo is not None else f"no: {operation.irreversible}" if operation.irreversible else "no"
    link = f"[{tool.name}](tools/{tool.name}.md)"
    return f"| {link} | {tool.risk} | {waits} | `{operation.name}` | {back} | {_profiles(operation.name)} |\n"


def _saga(tool: Tool, waits: str) -> str:
    link, steps = f"[{tool.name}](tools/{tool.name}.md)", ", ".join(f"`{one.tool}`" for one in tool.steps)
    rest = "each step by its own | where all steps are"
    return f"| {link} | {tool.risk} | {waits} | one after the other: {steps} | {rest} |\n"


def _parameters(tool: Tool) -> str:
    link, found = f"[{tool.name}](tools/{tool.name}.md)", declared(tool.command).values()
    cells = [(link, f"`{one.name}`", str(one.default), f"{one.least} to {one.most}", one.words) for one in found]
    return "".join(f"| {' | '.join(one)} |\n" for one in cells)


def _left_to_people(tool: Tool) -> str:
    link, found = f"[{tool.name}](tools/{tool.name}.md)", sorted(unseen(tool.command).items())
    return "".join(f"| {link} | `{rule}` | {one.words} | {one.when or 'always'} |\n" for rule, one in found)


def _profiles(operation: str) -> str:
    names = sorted(path.stem for path in SHIPPED.glob("*.yaml") if path.stem != "freshness")
    offering = [f"`{name}`" for name in names if operation in load_profile(name, [SHIPPED]).commands]
    return ", ".join(offering) or "the gateway's own list"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
