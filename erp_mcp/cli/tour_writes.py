"""The part of the tour that writes: an agent proposes, can't decide, a person decides, and the receipt comes back."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any, Final

from mcp import Client, MCPError
from mcp_types import CallToolResult
from rich.console import Console
from rich.markup import escape
from rich.table import Table

JsonObject = dict[str, Any]  # what the server answered, decoded; the tour only shows it
Ask = Callable[[Client, str, JsonObject], Awaitable[CallToolResult | MCPError]]

EARLIER_DAYS: Final = 7
APPROVER: Final = "demo-approver"
ADMINISTRATOR: Final = "demo-admin"
_WAIT_S: Final = 25
_REFUSAL_LINES: Final = 3
_DATE_TOOL: Final = "propose_update_delivery_date"
_REQUISITION_TOOL: Final = "propose_create_purchase_requisition"


class TourEndsError(Exception):
    """The plant is not as it was delivered, so that the tour can't show a write; the message says what is different."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WriteTour:
    """Shows one write from proposal to receipt; `ask` calls a tool, `title` opens a numbered part."""

    directory: Path
    console: Console
    ask: Ask
    title: Callable[[int, str, str], None]
    key: str

    async def blocked(self, buyer: Client, number: int) -> None:
        """Show that a write which nobody granted does not exist.

        Raises:
            TourEndsError: The policy of this plant grants something else than the one that it is delivered with.
        """
        granted = {tool.name for tool in (await buyer.list_tools()).tools}
        if _REQUISITION_TOOL in granted:
            self.title(number, "You have turned the second write on", f"{_REQUISITION_TOOL}, as buyer")
        else:
            await self._not_granted(buyer, number)
        if _DATE_TOOL not in granted:
            raise TourEndsError(
                f"The policy of this plant does not let a buyer use {_DATE_TOOL}; it is yours, or an earlier one."
                " `erp-mcp demo --dir DIR` builds a plant of its own, where the tour goes on to a receipt."
            )

    async def _not_granted(self, buyer: Client, number: int) -> None:
        self.title(number, "A write that nobody granted does not exist", f"{_REQUISITION_TOOL}, as buyer")
        self._missing(await self.ask(buyer, _REQUISITION_TOOL, {"material_id": "x"}))
        self.console.print(
            "   an administrator turns one write on, for one role, with evidence:  [bold]docs/policy.md[/]",
            soft_wrap=True,
        )

    async def proposal(self, buyer: Client, number: int) -> str:
        """Let the agent propose an earlier date for the line that hurts most, show it, and return the handle."""
        line, earlier = await self._most_urgent(buyer)
        place = f"{line['purchase_order_id']}/{line['line']}"
        self.title(
            number,
            "The buyer's agent proposes; nothing is written",
            f"{_DATE_TOOL}, {place} → {earlier}",
        )
        hurt = ", ".join(line["orders_hurt"])
        self.console.print(f"   rank_expedite_candidates had said that this line hurts {hurt}")
        answer = await self._answer(
            buyer,
            _DATE_TOOL,
            {
                "purchase_order_id": line["purchase_order_id"],
                "line": line["line"],
                "new_date": earlier,
                "reason": "The supplier can ship a week earlier if we tell them today.",
                "idempotency_key": self.key,
            },
        )
        shown = records(answer, "proposal")[0]
        self.console.print(f"   [bold]{shown['state']}[/], waiting for {shown['waiting_for']}: {shown['headline']}")
        self._changes(answer)
        return str(shown["proposal_id"])

    async def itself(self, buyer: Client, proposal_id: str, number: int) -> None:
        """Show that neither the agent nor who stands behind it can decide."""
        self.title(number, "The agent can't approve it", "approve_proposal, of an obedient agent")
        self._missing(await self.ask(buyer, "approve_proposal", {"proposal_id": proposal_id, "confirm": True}))
        self.console.print(f"   nor can {ADMINISTRATOR}, who made the policy count today:", soft_wrap=True)
        self._command("approvals", "approve", proposal_id, "--as", ADMINISTRATOR, "--yes", last=_REFUSAL_LINES)

    def decision(self, proposal_id: str, number: int) -> None:
        """Let a person decide, as they do: another command, their own key."""
        self.title(number, "A person decides, in another channel", f"erp-mcp approvals approve ID --as {APPROVER}")
        self._command("approvals", "approve", proposal_id, "--as", APPROVER, "--yes")

    async def receipt(self, buyer: Client, proposal_id: str, number: int) -> None:
        """Let the agent read what became of it."""
        self.title(number, "The agent reads the receipt", f"get_proposal, waiting up to {_WAIT_S} s")
        answer = await self._answer(buyer, "get_proposal", {"proposal_id": proposal_id, "wait_s": _WAIT_S})
        shown = records(answer, "proposal")[0]
        self.console.print(f"   [bold]{shown['state']}[/]: {shown['next_step']}")
        for row in records(answer, "receipt"):
            self.console.print(
                f"   document {row['document']}, version {row['version']}, {row['committed_at']}, {row['found']}",
                soft_wrap=True,
            )

    async def _most_urgent(self, buyer: Client) -> tuple[JsonObject, str]:
        """Return the line that hurts most, and a date a week earlier than promised which is still to come."""
        answer = await self._answer(buyer, "rank_expedite_candidates", {})
        today = answer["sources"][0]["as_of"][:10]
        for line in records(answer, "lines"):
            earlier = (date.fromisoformat(line["promised_date"]) - timedelta(days=EARLIER_DAYS)).isoformat()
            if earlier > today:
                return line, earlier
        raise TourEndsError("No line is left that could come earlier: all were moved. Build another plant with --dir.")

    async def _answer(self, client: Client, tool: str, arguments: JsonObject) -> JsonObject:
        result = await self.ask(client, tool, arguments)
        if not isinstance(result, CallToolResult) or result.is_error or not isinstance(result.structured_content, dict):
            raise TourEndsError(f"{tool} was refused: {_told(result)}")
        return result.structured_content

    def _changes(self, answer: JsonObject) -> None:
        table = Table("field", "before", "after", box=None, padding=(0, 2, 0, 3))
        for row in records(answer, "changes"):
            table.add_row(row["field"], row["before"], row["after"])
        self.console.print(table)
        for row in records(answer, "checks"):
            if row["verdict"] != "ok":
                self.console.print(f"   [yellow]{row['rule']}[/] {row['message']}", soft_wrap=True)
        for row in records(answer, "effects"):
            self.console.print(f"   · {row['effect']}", soft_wrap=True)

    def _missing(self, result: CallToolResult | MCPError) -> None:
        told = result.error.message if isinstance(result, MCPError) else str(result.structured_content)
        self.console.print(f"   [red]{told}[/]", soft_wrap=True)

    def _command(self, *arguments: str, last: int = 0) -> None:
        """Run a command of a person and show what it prints, or its last lines; a refusal is part of the tour."""
        command = [sys.executable, "-P", "-m", "erp_mcp", *arguments, "--demo-dir", str(self.directory)]
        # fixed words and a handle that the server made
        done = subprocess.run(  # noqa: S603
            command, check=False, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=120
        )
        for text in done.stdout.splitlines()[-last:]:
            self.console.print(f"   [dim]│[/] {escape(text)}", soft_wrap=True)


def _told(result: CallToolResult | MCPError) -> str:
    """Return why a call was refused, in the server's own words."""
    if isinstance(result, MCPError):
        return result.error.message
    error = (result.structured_content or {}).get("error", {})
    return f"{error.get('summary')} [{error.get('code')}] {error.get('advice')}"


def records(answer: JsonObject, name: str) -> list[JsonObject]:
    """Return the rows of one table of an answer, by column name."""
    table = answer["tables"][name]
    return [dict(zip(table["columns"], row, strict=True)) for row in table["rows"]]
