"""The part of the tour that reads: a late order explained, a list with its age, two refusals."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from mcp import Client, MCPError
from mcp_types import CallToolResult
from rich.table import Table

from erp_mcp.cli.tour.stage import JsonObject, Stage, records

_SHOWN_ROWS: Final = 6
_SHOWN_FACTS: Final = (("planned", "planned_date"), ("expected", "expected_date"), ("since", "since"))


@dataclass(slots=True)
class LateOrders:
    """What a planner's agent asks, and the late lines that it was told of."""

    lines: list[JsonObject] = field(default_factory=list)

    @property
    def first(self) -> str:
        """A late order to ask about."""
        return str(self.lines[0]["sales_order_id"])

    async def look(self, stage: Stage, planner: Client) -> None:
        """List what is late, explain one of it, and reach too far down.

        Raises:
            TourEndsError: the plant can't be read.
        """
        await self._list(stage, planner)
        await self._explain(stage, planner)
        stage.title("What reaches below the planning side is refused", "set_oven_temperature, of an obedient agent")
        _refusal(stage, await stage.ask(planner, "set_oven_temperature", {"oven": "PNT-01", "setpoint": 185}))

    async def _list(self, stage: Stage, planner: Client) -> None:
        tools = (await planner.list_tools()).tools
        stage.title(
            "An MCP client starts `erp-mcp serve --as planner`", f"{len(tools)} read tools, no tool that writes."
        )
        question = {"late_only": True, "limit": 100}
        answer = await stage.answer(planner, "list_sales_orders", question)
        self.lines = records(answer, "lines")
        stage.title("Which open order lines will miss their date?", f"list_sales_orders {json.dumps(question)}")
        columns = ("sales_order_id", "line", "material_id", "requested_date", "confirmed_date", "days_late")
        _rows(stage, answer, "lines", columns)
        _sources(stage, answer)

    async def _explain(self, stage: Stage, planner: Client) -> None:
        found = await self._first_with_chain(stage, planner)
        if found is None:
            return
        question, answer, took = found
        stage.title(
            f"Why is {question['sales_order_id']} late?", f"explain_late_order {json.dumps(question)} ({took:.0f} ms)"
        )
        summary = records(answer, "summary")[0]
        stage.say(
            f"root cause [bold]{summary['root_cause_code']}[/], confidence {summary['confidence']}, "
            f"{summary['days_late']} days late"
        )
        ages = {source["system"]: source["age_s"] for source in answer["sources"]}
        for step in records(answer, "chain"):
            _step(stage, step, ages.get(step["system"]))
        _sources(stage, answer)

    async def _first_with_chain(self, stage: Stage, planner: Client) -> tuple[JsonObject, JsonObject, float] | None:
        """Explain late lines until one crosses from ERP into procurement or the shop floor: a chain worth showing."""
        for line in self.lines[:20]:
            question = {"sales_order_id": line["sales_order_id"], "line": line["line"]}
            started = time.perf_counter()
            answer = await stage.answer(planner, "explain_late_order", question)
            took = (time.perf_counter() - started) * 1000
            if len(records(answer, "chain")) >= 4:
                return question, answer, took
        return None


async def hide(stage: Stage, support: Client) -> None:
    """Show that a tool which a role does not have is not there."""
    stage.title("A tool that the role does not have does not exist", "list_hold_lots, as agent `support`")
    _refusal(stage, await stage.ask(support, "list_hold_lots", {}))
    stage.say("an administrator sees why:  [bold]erp-mcp policy explain support list_hold_lots[/]")


def _refusal(stage: Stage, result: CallToolResult | MCPError) -> None:
    if isinstance(result, MCPError):
        stage.say(f"[red]{result.error.message}[/] — the same answer as for a tool that never existed")
        return
    error = (result.structured_content or {}).get("error", {})
    rule = error.get("facts", {}).get("rule", "")
    stage.say(f"[red]{error.get('code')}[/] {rule}: {error.get('summary')} {error.get('advice')}")


def _step(stage: Stage, step: JsonObject, age_s: int | None) -> None:
    details = [f"{step['qty']} {step['uom'] or ''}".strip()] if step["qty"] else []
    details += [f"{name} {step[column]}" for name, column in _SHOWN_FACTS if step[column]]
    node = f"{step['node_type']} [bold]{step['node_id']}[/]"
    fact = step["fact"].replace("_", " ")
    stage.say(f"{step['step']}. {node} {fact}: {', '.join(details)}")
    stage.say(f"   [dim]evidence {step['evidence_ref']}, {step['system']}, {age_s} s old[/]")


def _rows(stage: Stage, answer: JsonObject, name: str, columns: Sequence[str]) -> None:
    found = records(answer, name)
    table = Table(*columns, box=None, padding=(0, 2, 0, 0))
    for record in found[:_SHOWN_ROWS]:
        table.add_row(*("" if record[column] is None else str(record[column]) for column in columns))
    stage.console.print(table)
    if len(found) > _SHOWN_ROWS:
        stage.say(f"… {len(found)} lines in all, {'complete' if answer['complete'] else 'incomplete'}")


def _sources(stage: Stage, answer: JsonObject) -> None:
    for source in answer["sources"]:
        stale = " [yellow]stale[/]" if source["stale"] else ""
        stage.say(
            f"[dim]source {source['system']} via {source['via']}, as of {source['as_of']}, "
            f"{source['age_s']} s old[/]{stale}"
        )
    for warning in answer["warnings"]:
        stage.say(f"[yellow]! {warning}[/]")
