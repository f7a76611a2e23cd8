"""The end of the tour: what was recorded of it, and how to go on."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Final

import click
from rich.table import Table

from erp_mcp import settings
from erp_mcp.bootstrap import open_deployment
from erp_mcp.cli.approvals import DEMO_APPROVER
from erp_mcp.cli.client_entry import server_command
from erp_mcp.cli.passphrase import demo_file
from erp_mcp.cli.tour.stage import Stage
from erp_mcp.domain.audit import AuditRecord

_LOOKED_AT: Final = 300


def records(stage: Stage) -> None:
    """Show the audit records of the tour, and what verification says of the whole log."""
    deployment = open_deployment(stage.directory / settings.FILE_NAME)
    try:
        newest = deployment.state.audit.last(_LOOKED_AT)
    finally:
        deployment.close()
    found = [record for record in newest if stage.key.encode() in record.leaf]
    stage.title("Every answer, refusal and move was recorded before it counted", "erp-mcp audit show")
    table = Table("seq", "who", "what", "outcome", "rule", "leaf hash", box=None, padding=(0, 2, 0, 0))
    for record in _telling(found):
        table.add_row(str(record.seq), *_told(record), record.leaf_hash[:12])
    stage.console.print(table)
    stage.say("[bold]erp-mcp audit verify[/]")
    stage.command("audit", "verify")


def your_turn(stage: Stage, order: str) -> None:
    """Show how to connect a client, how to ask from here, and how to open the page where people decide."""
    directory = stage.directory
    command, *arguments = server_command(directory, "planner")
    entry = {"mcpServers": {"erp": {"command": command, "args": arguments}}}
    stage.title(
        "Your turn",
        "`erp-mcp client install` enters this into your MCP client's configuration, or paste it there yourself",
    )
    click.echo(json.dumps(entry, indent=2))
    stage.console.print()
    stage.say(
        f"[bold]erp-mcp client install --client claude-desktop --dry-run --demo-dir {directory}[/] "
        "shows first what would change"
    )
    question = json.dumps({"sales_order_id": order})
    stage.say(f"or ask from here:  [bold]erp-mcp tools call explain_late_order '{question}' --demo-dir {directory}[/]")
    secret = demo_file(settings.load(directory / settings.FILE_NAME), DEMO_APPROVER)
    stage.say(f"the page where people decide:  [bold]erp-mcp web --demo-dir {directory}[/]")
    stage.say(f"sign in there as {DEMO_APPROVER} with the passphrase in {secret}")


def _telling(found: Sequence[AuditRecord]) -> list[AuditRecord]:
    """Return the last record of each thing that was asked or done; the tour does some of them several times."""
    last = {(*_told(record)[:2], json.loads(record.leaf)["kind"]): record for record in found}
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
