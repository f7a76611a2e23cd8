"""docs/tools/: a page for each tool, written from its file and a demo plant.

    python -m tests.docs.tool_pages        writes all pages anew

Examples are called on a demo plant of seed 1, so what a page shows is what a reader gets.
"""

from __future__ import annotations

import asyncio
import json
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from erp_mcp import answers
from erp_mcp.answers.render import age_words
from erp_mcp.bootstrap import Deployment, open_deployment
from erp_mcp.domain.answer import Answer
from erp_mcp.domain.call import ToolCall
from erp_mcp.domain.entities import ENTITIES
from erp_mcp.domain.tool import Argument, Table, Tool
from erp_mcp.settings import FILE_NAME
from tests.prepared import prepare

FOLDER: Final = Path(__file__).parents[2] / "docs" / "tools"
INDEX: Final = "README.md"
SHOWN_LINES: Final = 9
AGENTS: Final = ("planner", "buyer", "supervisor", "quality", "maintenance", "finance", "support")
_WIDEST: Final = 160
_EFFECTS: Final = {
    "read": "reads",
    "write": "proposes a change",
    "status": "looks after one's own proposals",
    "discovery": "finds tools",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Plant:
    """A demo plant of seed 1 with the shipped tools and policies."""

    deployment: Deployment

    def tools(self) -> list[Tool]:
        """Return the tools that have a file, by toolset and name."""
        return sorted(self.deployment.catalog, key=lambda tool: (tool.toolset, tool.name))

    def callers(self, tool: Tool) -> list[str]:
        """Return the agents that the shipped policy lets call a tool."""
        one = self.deployment
        granted = {agent: {tool.name for tool in one.gateway.callable_tools(one.principal(agent))} for agent in AGENTS}
        return [agent for agent in AGENTS if tool.name in granted[agent]]

    def shown(self, tool: Tool, arguments: str) -> str:
        """Return the text that a planner gets for a call, cut to what fits a page; empty when it gives no rows."""
        call = ToolCall(tool=tool.name, arguments=json.loads(arguments), call_id=self.deployment.ids.new())
        outcome = asyncio.run(self.deployment.gateway.call(self.deployment.principal("planner"), call))
        if not isinstance(outcome, Answer) or not any(table.rows for table in outcome.tables.values()):
            return ""
        return _cut(answers.text(outcome))


def _cut(text: str) -> str:
    lines = [line for line in text.splitlines() if not line.startswith(("call ", "more rows: "))]
    lines = [line if len(line) <= _WIDEST else line[: _WIDEST - 2] + " …" for line in lines]
    return "\n".join(lines if len(lines) <= SHOWN_LINES + 3 else [*lines[:SHOWN_LINES], "…", lines[-1]])


def pages(plant: Plant) -> dict[str, str]:
    """Return every page by its file name, the index among them."""
    tools = plant.tools()
    found = {f"{tool.name}.md": "\n".join(_page(plant, tool)).rstrip() + "\n" for tool in tools}
    return {INDEX: "\n".join(_index(tools)) + "\n", **found}


def _index(tools: list[Tool]) -> Iterator[str]:
    yield "# All tools\n"
    yield "One page each, written from the tool's file; [how to write one](../tools.md)."
    for toolset in dict.fromkeys(tool.toolset for tool in tools):
        yield f"\n## {toolset}\n\n| tool | what it gives |\n|---|---|"
        for tool in tools:
            if tool.toolset == toolset:
                yield f"| [{tool.name}]({tool.name}.md) | {_cell(tool.description)} |"


def _page(plant: Plant, tool: Tool) -> Iterator[str]:
    yield f"# {tool.name}\n"
    yield f"{tool.title}. {tool.description}\n"
    yield f"Toolset `{tool.toolset}` · level {tool.level} · {_EFFECTS[tool.effect]} · version {tool.version}" + (
        f" · class {tool.risk}" if tool.risk else ""
    )
    if callers := plant.callers(tool):
        yield f"\nIn the demo's policy: {', '.join(callers)}."
    if tool.definition_id:
        yield f"\nFigures follow `{tool.definition_id}` ([definitions](../definitions.md))."
    yield from _arguments(tool)
    for table in tool.tables:
        yield from _table(table)
    yield from _reads(plant, tool)
    yield from _examples(plant, tool)
    yield "\n## Errors to expect\n"
    yield ", ".join(f"`{code}`" for code in tool.errors) + "; all are in [errors](../errors.md)."


def _arguments(tool: Tool) -> Iterator[str]:
    if not tool.arguments and tool.paged is None:
        yield "\nIt takes no arguments."
        return
    yield "\n## Arguments\n\n| argument | type | meaning |\n|---|---|---|"
    for argument in tool.arguments:
        yield f"| `{argument.name}` | {_type(argument)} | {_cell(_meaning(argument))} |"
    if tool.paged is not None:
        yield f"| `limit`, `cursor` | integer, text | pages of `{tool.paged.name}`: 1 to 200 rows, 50 unless told |"


def _type(argument: Argument) -> str:
    return argument.kind


def _meaning(argument: Argument) -> str:
    parts = ["required"] if argument.required else []
    if argument.description:
        parts.append(argument.description.rstrip("."))
    if argument.is_site:
        parts.append("one of the sites in scope")
    if argument.values:
        parts.append("one of " + ", ".join(f"`{value}`" for value in argument.values))
    if argument.minimum is not None or argument.maximum is not None:
        parts.append(
            f"{argument.minimum or 0} to {argument.maximum}" if argument.maximum else f"from {argument.minimum}"
        )
    if argument.many or argument.columns:
        parts.append(f"at most {argument.max_items}")
    if argument.default not in (None, False):
        default = argument.default
        shown = ", ".join(default) if isinstance(default, tuple) else json.dumps(default)
        parts.append(f"default {shown}")
    return "; ".join(parts)


def _table(table: Table) -> Iterator[str]:
    how = f", in pages sorted by {', '.join(table.order_by)}" if table.paged else ""
    yield f"\n## Table `{table.name}`{how}\n\n| column | kind | from |\n|---|---|---|"
    for column in table.columns:
        kind = f"{column.kind}, marked as data" if column.kind == "text" else column.kind
        source = ", ".join(f"`{field}`" for field in column.fields[:4]) + (" …" if len(column.fields) > 4 else "")
        said = ": ".join(part for part in (source, column.description) if part)
        yield f"| `{column.name}` | {kind} | {_cell(said)} |"


def _reads(plant: Plant, tool: Tool) -> Iterator[str]:
    if not tool.entities:
        return
    budgets = plant.deployment.budgets
    optional = {entity for query in tool.reads if query.optional for entity in query.entities}
    optional -= {entity for query in tool.reads if not query.optional for entity in query.entities}
    yield "\n## What it reads\n\n| entity | level | flagged as stale after | without it |\n|---|---|---|---|"
    for entity in tool.entities:
        without = "the answer says so" if entity in optional else "refused"
        yield f"| `{entity}` | {ENTITIES[entity].LEVEL} | {age_words(budgets[entity].budget_s)} | {without} |"


def _examples(plant: Plant, tool: Tool) -> Iterator[str]:
    yield "\n## Examples\n"
    if tool.effect != "read":
        yield from (f"```json\n{example}\n```" for example in tool.examples)
        return
    answered = False
    for example in tool.examples:
        yield f"```json\n{example}\n```"
        shown = "" if answered else plant.shown(tool, example)
        if shown:
            answered = True
            yield f"\n```text\n{shown}\n```\n"


def _cell(text: str) -> str:
    return text.strip().replace("|", "\\|").replace("\n", " ")


def main() -> None:
    """Write all pages, and remove those of tools that are no more."""
    FOLDER.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        deployment = open_deployment(prepare(Path(folder) / "demo") / FILE_NAME)
        try:
            written = pages(Plant(deployment=deployment))
        finally:
            deployment.close()
    for old in set(FOLDER.glob("*.md")) - {FOLDER / name for name in written}:
        old.unlink()
    for name, text in written.items():
        (FOLDER / name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
