"""The tour: a real MCP client drives the real server over stdio, and shows what it gets."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final, cast

import click
from mcp import Client, MCPError, StdioServerParameters
from mcp_types import CallToolResult, RequestParamsMeta
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from erp_mcp.bootstrap import TimeOrderedIds, open_deployment
from erp_mcp.cli.client_entry import server_command
from erp_mcp.cli.tour_writes import JsonObject, TourEndsError, WriteTour
from erp_mcp.cli.tour_writes import records as _records
from erp_mcp.domain.audit import AuditRecord
from erp_mcp.settings import FILE_NAME

_SHOWN_ROWS: Final = 6
_WIDTH: Final = 118
_SHOWN_FACTS: Final = (("planned", "planned_date"), ("expected", "expected_date"), ("since", "since"))


def take_tour(directory: Path) -> None:
    """Show a late order explained, a list with its age, two refusals and the audit records of it all."""
    asyncio.run(_Tour(directory, Console(highlight=False, width=_WIDTH)).run())


class _Tour:
    def __init__(self, directory: Path, console: Console) -> None:
        self._directory = directory
        self._console = console
        self._correlation = f"tour-{TimeOrderedIds().new()}"

    async def run(self) -> None:
        async with Client(self._server("planner")) as planner:
            await self._list(planner)
            await self._explain(planner)
            await self._refuse(planner)
        async with Client(self._server("support")) as support:
            await self._hide(support)
        async with Client(self._server("buyer")) as buyer:
            await self._write(buyer)
        self._audit()
        self._configuration()

    async def _write(self, buyer: Client) -> None:
        writes = WriteTour(
            directory=self._directory,
            console=self._console,
            ask=self._result,
            title=self._title,
            key=self._correlation,
        )
        try:
            await writes.blocked(buyer, 6)
            proposal_id = await writes.proposal(buyer, 7)
            await writes.itself(buyer, proposal_id, 8)
            writes.decision(proposal_id, 9)
            await writes.receipt(buyer, proposal_id, 10)
        except TourEndsError as end:  # a plant that somebody has worked with; what follows holds there as well
            self._console.print(f"   [yellow]No write to show from here on.[/] {escape(str(end))}", soft_wrap=True)

    async def _list(self, client: Client) -> None:
        tools = (await client.list_tools()).tools
        self._title(
            1, "An MCP client starts `erp-mcp serve --as planner`", f"{len(tools)} read tools, no tool that writes."
        )
        question = {"late_only": True, "limit": 100}
        answer = await self._call(client, "list_sales_orders", question)
        self._late = _records(answer, "lines")
        self._title(2, "Which open order lines will miss their date?", f"list_sales_orders {json.dumps(question)}")
        self._rows(
            answer, "lines", ("sales_order_id", "line", "material_id", "requested_date", "confirmed_date", "days_late")
        )
        self._sources(answer)

    async def _explain(self, client: Client) -> None:
        found = await self._first_with_chain(client)
        if found is None:
            return
        question, answer, took = found
        self._title(
            3,
            f"Why is {question['sales_order_id']} late?",
            f"explain_late_order {json.dumps(question)} ({took:.0f} ms)",
        )
        summary = _records(answer, "summary")[0]
        self._console.print(
            f"   root cause [bold]{summary['root_cause_code']}[/], confidence {summary['confidence']}, "
            f"{summary['days_late']} days late"
        )
        ages = {source["system"]: source["age_s"] for source in answer["sources"]}
        for step in _records(answer, "chain"):
            self._step(step, ages.get(step["system"]))
        self._sources(answer)

    async def _first_with_chain(self, client: Client) -> tuple[JsonObject, JsonObject, float] | None:
        """Explain late lines until one crosses from ERP into procurement or the shop floor: a chain worth showing."""
        for line in self._late[:20]:
            question = {"sales_order_id": line["sales_order_id"], "line": line["line"]}
            started = time.perf_counter()
            answer = await self._call(client, "explain_late_order", question)
            took = (time.perf_counter() - started) * 1000
            if len(_records(answer, "chain")) >= 4:
                return question, answer, took
        return None

    async def _refuse(self, client: Client) -> None:
        self._title(4, "What reaches below the planning side is refused", "set_oven_temperature, of an obedient agent")
        self._refusal(await self._result(client, "set_oven_temperature", {"oven": "PNT-01", "setpoint": 185}))

    async def _hide(self, client: Client) -> None:
        self._title(5, "A tool that the role does not have does not exist", "list_hold_lots, as agent `support`")
        self._refusal(await self._result(client, "list_hold_lots", {}))
        self._console.print("   an administrator sees why:  [bold]erp-mcp policy explain support list_hold_lots[/]")

    def _audit(self) -> None:
        deployment = open_deployment(self._directory / FILE_NAME)
        try:
            audit = deployment.state.audit
            records = [record for record in audit.last(100) if self._correlation.encode() in record.leaf]
            self._title(11, "Every answer, refusal and move was recorded before it counted", "erp-mcp audit show")
            table = Table("seq", "who", "what", "outcome", "rule", "leaf hash", box=None, padding=(0, 2, 0, 0))
            for record in _telling(records):
                table.add_row(str(record.seq), *_told(record), record.leaf_hash[:12])
            self._console.print(table)
        finally:
            deployment.close()
        for text in self._verified().splitlines():
            self._console.print(f"   {text}", soft_wrap=True)

    def _verified(self) -> str:
        """Return what verification says of the whole log."""
        command = [sys.executable, "-P", "-m", "erp_mcp", "audit", "verify", "--demo-dir", str(self._directory)]
        done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=120)  # noqa: S603
        return f"erp-mcp audit verify: {escape(done.stdout.strip())}"

    def _configuration(self) -> None:
        command, *arguments = server_command(self._directory, "planner")
        entry = {"mcpServers": {"erp": {"command": command, "args": arguments}}}
        self._title(
            12,
            "Your turn",
            "`erp-mcp client install` enters this into your MCP client's configuration, or paste it there yourself",
        )
        click.echo(json.dumps(entry, indent=2))
        self._console.print(
            f"\n   [bold]erp-mcp client install --client claude-desktop --dry-run --demo-dir {self._directory}[/] "
            "shows first what would change",
            soft_wrap=True,
        )
        self._console.print(
            "   or ask from here:  [bold]erp-mcp tools call explain_late_order "
            f'\'{{"sales_order_id": "{self._late[0]["sales_order_id"]}"}}\' --demo-dir {self._directory}[/]',
            soft_wrap=True,
        )

    async def _call(self, client: Client, tool: str, arguments: JsonObject) -> JsonObject:
        result = await self._result(client, tool, arguments)
        if not isinstance(result, CallToolResult) or result.is_error or not isinstance(result.structured_content, dict):
            raise RuntimeError(f"the tour could not go on at {tool}: {result}")
        return result.structured_content

    async def _result(self, client: Client, tool: str, arguments: JsonObject) -> CallToolResult | MCPError:
        meta = cast("RequestParamsMeta", {"io.erp-mcp/correlation_id": self._correlation})
        try:
            return await client.call_tool(tool, arguments, meta=meta)
        except MCPError as error:
            return error

    def _refusal(self, result: CallToolResult | MCPError) -> None:
        if isinstance(result, MCPError):
            self._console.print(f"   [red]{result.error.message}[/] — the same answer as for a tool that never existed")
            return
        error = (result.structured_content or {}).get("error", {})
        rule = error.get("facts", {}).get("rule", "")
        self._console.print(
            f"   [red]{error.get('code')}[/] {rule}: {error.get('summary')} {error.get('advice')}", soft_wrap=True
        )

    def _step(self, step: JsonObject, age_s: int | None) -> None:
        details = [f"{step['qty']} {step['uom'] or ''}".strip()] if step["qty"] else []
        details += [f"{name} {step[column]}" for name, column in _SHOWN_FACTS if step[column]]
        node = f"{step['node_type']} [bold]{step['node_id']}[/]"
        fact = step["fact"].replace("_", " ")
        self._console.print(f"   {step['step']}. {node} {fact}: {', '.join(details)}", soft_wrap=True)
        self._console.print(
            f"      [dim]evidence {step['evidence_ref']}, {step['system']}, {age_s} s old[/]", soft_wrap=True
        )

    def _rows(self, answer: JsonObject, name: str, columns: Sequence[str]) -> None:
        records = _records(answer, name)
        table = Table(*columns, box=None, padding=(0, 2, 0, 0))
        for record in records[:_SHOWN_ROWS]:
            table.add_row(*("" if record[column] is None else str(record[column]) for column in columns))
        self._console.print(table)
        if len(records) > _SHOWN_ROWS:
            self._console.print(
                f"   … {len(records)} lines in all, {'complete' if answer['complete'] else 'incomplete'}"
            )

    def _sources(self, answer: JsonObject) -> None:
        for source in answer["sources"]:
            stale = " [yellow]stale[/]" if source["stale"] else ""
            self._console.print(
                f"   [dim]source {source['system']} via {source['via']}, as of {source['as_of']}, "
                f"{source['age_s']} s old[/]{stale}"
            )
        for warning in answer["warnings"]:
            self._console.print(f"   [yellow]! {warning}[/]", soft_wrap=True)

    def _title(self, number: int, title: str, detail: str) -> None:
        self._console.print(f"\n[bold cyan]{number}  {title}[/]", soft_wrap=True)
        self._console.print(f"   [dim]{detail}[/]", soft_wrap=True, markup=True)

    def _server(self, agent: str) -> StdioServerParameters:
        command, *arguments = server_command(self._directory, agent)
        return StdioServerParameters(command=command, args=arguments)


def _telling(records: Sequence[AuditRecord]) -> list[AuditRecord]:
    """Return the last record of each thing that was asked or done; the tour asks some of them several times."""
    last = {(*_told(record)[:2], json.loads(record.leaf)["kind"]): record for record in records}
    return sorted(last.values(), key=lambda record: record.seq)


def _told(record: AuditRecord) -> tuple[str, str, str, str]:
    """Return who, what, how it ended and the rule of a record."""
    leaf = json.loads(record.leaf)
    facts, who = leaf["facts"], str(leaf["actor"]).partition(":")[0]
    if "move" in facts:
        return who, f"proposal: {facts['move']}", str(facts["to"]), str(facts["reason"])
    what = str(record.details["tool"][1]) if "tool" in record.details else str(facts.get("tool", leaf["kind"]))
    rows = facts.get("rows") or {}
    outcome = facts.get("code") or f"{sum(rows.values())} rows"
    return who, what, outcome, str(facts.get("rule") or ", ".join(facts.get("rules") or ()))
