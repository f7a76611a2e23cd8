"""What each part of the tour stands on: numbered titles, an agent's calls, a person's commands, the ERP's tables."""

from __future__ import annotations

import json
import re
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any, Final, cast

from mcp import Client, MCPError, StdioServerParameters
from mcp_types import CallToolResult, RequestParamsMeta
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from erp_mcp.cli.client_entry import server_command

JsonObject = dict[str, Any]  # what the server answered, decoded; the tour only shows it
Row = tuple[Any, ...]

_PATIENCE_S: Final = 300


class TourEndsError(Exception):
    """The plant is not as it was delivered, so that the tour can't show this; the message says what is different."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """One tour of one plant; `key` is its correlation id, and what its idempotency keys begin with."""

    directory: Path
    console: Console
    key: str
    _numbers: Iterator[int] = field(default_factory=lambda: count(1))

    # --- What is shown ------------------------------------------------------------------------------------------------

    def title(self, title: str, detail: str) -> None:
        """Open the next numbered part."""
        self.console.print(f"\n[bold cyan]{next(self._numbers)}  {title}[/]", soft_wrap=True)
        self.console.print(f"   [dim]{detail}[/]", soft_wrap=True)

    def say(self, text: str) -> None:
        """Show one line of markup."""
        self.console.print(f"   {text}", soft_wrap=True)

    def quote(self, text: str) -> None:
        """Show what a command or a database said, as it said it."""
        for line in text.splitlines():
            self.console.print(f"   [dim]│[/] {escape(line)}", soft_wrap=True)

    def missing(self, result: CallToolResult | MCPError) -> None:
        """Show that a tool is not there."""
        told = result.error.message if isinstance(result, MCPError) else str(result.structured_content)
        self.say(f"[red]{escape(told)}[/]")

    def proposed(self, answer: JsonObject) -> str:
        """Show a proposal as the agent gets it, and return its handle."""
        shown = records(answer, "proposal")[0]
        self.say(f"[bold]{shown['state']}[/], waiting for {shown['waiting_for']}: {shown['headline']}")
        table = Table("field", "before", "after", box=None, padding=(0, 2, 0, 3))
        for row in records(answer, "changes"):
            table.add_row(row["field"], row["before"], row["after"])
        self.console.print(table)
        return str(shown["proposal_id"])

    # --- What an agent does -------------------------------------------------------------------------------------------

    def server(self, agent: str) -> StdioServerParameters:
        """Return how a client starts the server for an agent."""
        command, *arguments = server_command(self.directory, agent)
        return StdioServerParameters(command=command, args=arguments)

    async def ask(self, client: Client, tool: str, arguments: JsonObject) -> CallToolResult | MCPError:
        """Call a tool; a refusal is returned as well."""
        meta = cast("RequestParamsMeta", {"io.erp-mcp/correlation_id": self.key})
        try:
            return await client.call_tool(tool, arguments, meta=meta)
        except MCPError as error:
            return error

    async def answer(self, client: Client, tool: str, arguments: JsonObject) -> JsonObject:
        """Call a tool that should answer.

        Raises:
            TourEndsError: it refused.
        """
        result = await self.ask(client, tool, arguments)
        if not isinstance(result, CallToolResult) or result.is_error or not isinstance(result.structured_content, dict):
            raise TourEndsError(f"{tool} was refused: {_refusal(result)}")
        return result.structured_content

    # --- What a person does -------------------------------------------------------------------------------------------

    def command(
        self, *arguments: str, keep: slice = slice(None), only: str = "", directory: Path | None = None
    ) -> None:
        """Run a command as a person does and show what it prints, or some lines of it; a refusal is part of the tour.

        Args:
            *arguments: Of `erp-mcp`.
            keep: Which lines are shown.
            only: How a line that is shown begins, as a regular expression.
            directory: Of another plant than the tour's.
        """
        command = [sys.executable, "-P", "-m", "erp_mcp", *arguments, "--demo-dir", str(directory or self.directory)]
        # fixed words and a handle that the server made
        done = subprocess.run(  # noqa: S603
            command, check=False, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=_PATIENCE_S
        )
        self.quote("\n".join(line for line in done.stdout.splitlines()[keep] if re.match(only, line)))

    # --- What stands in the ERP ---------------------------------------------------------------------------------------

    def erp(self, query: str, *values: str, directory: Path | None = None) -> list[Row]:
        """Return what the ERP's own tables hold, asked past the gateway."""
        file = (directory or self.directory) / "erp.sqlite"
        with closing(sqlite3.connect(f"{file.resolve().as_uri()}?mode=ro", uri=True)) as database:
            return database.execute(query, values).fetchall()


def records(answer: JsonObject, name: str) -> list[JsonObject]:
    """Return the rows of one table of an answer, by column name."""
    table = answer["tables"][name]
    return [dict(zip(table["columns"], row, strict=True)) for row in table["rows"]]


def _refusal(result: CallToolResult | MCPError) -> str:
    """Return why a call was refused, in the server's own words."""
    if isinstance(result, MCPError):
        return result.error.message
    error = (result.structured_content or {}).get("error", {})
    return f"{error.get('summary')} [{error.get('code')}] {error.get('advice')} {json.dumps(error.get('facts', {}))}"
