"""The `erp-mcp` command: a table of nouns."""

from __future__ import annotations

import importlib
from typing import Final, cast

import click

from erp_mcp import __version__
from erp_mcp.domain.nearest import nearest

# name -> (module, one line of help). Help lives here so that `--help` imports no command.
COMMANDS: Final[dict[str, tuple[str, str]]] = {
    "demo": ("erp_mcp.cli.demo", "Build the demo plant and take the tour."),
    "init": ("erp_mcp.cli.init", "Write a configuration and policies to start from."),
    "serve": ("erp_mcp.cli.serve", "Serve MCP over stdio (a client starts this)."),
    "client": ("erp_mcp.cli.client", "Let an MCP client start the server, or make a bundle for it."),
    "approvals": ("erp_mcp.cli.approvals", "Decide about what agents propose."),
    "proposals": ("erp_mcp.cli.proposals", "See what became of proposals; end what nobody knows."),
    "web": ("erp_mcp.cli.web", "Serve the page where people decide."),
    "tasks": ("erp_mcp.cli.tasks", "See what people are asked to do, and close it."),
    "worker": ("erp_mcp.cli.worker", "Commit what people approved, and read back what is unknown."),
    "writes": ("erp_mcp.cli.writes", "Stop writes, let them go on, see what is stopped."),
    "events": ("erp_mcp.cli.events", "Show what became of proposals."),
    "notices": ("erp_mcp.cli.notices", "See and try how people are told that something waits."),
    "systems": ("erp_mcp.cli.systems", "List the systems of record and look at one closely."),
    "state": ("erp_mcp.cli.state", "Prepare a database that is to keep the state of a deployment."),
    "secrets": ("erp_mcp.cli.secrets", "Store the secrets of systems, and check that they are there."),
    "sync": ("erp_mcp.cli.sync", "Fill the read model from the systems of record."),
    "tools": ("erp_mcp.cli.tools", "List, describe, lint and call tools."),
    "policy": ("erp_mcp.cli.policy", "Check, test, explain, compare and apply policies."),
    "audit": ("erp_mcp.cli.audit", "Show and verify the audit log."),
    "health": ("erp_mcp.cli.health", "Show how each system of record is doing, and what rests."),
    "doctor": ("erp_mcp.cli.doctor", "Check the whole set-up and say what to do."),
    "support-bundle": ("erp_mcp.cli.support", "Collect a redacted report for whoever is to help."),
}


class _Nouns(click.Group):
    """Imports a command's module only when that command runs."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the commands in the order a newcomer needs them."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return a command, importing its module."""
        if cmd_name not in COMMANDS:
            meant = nearest(cmd_name, COMMANDS)
            if meant and not ctx.resilient_parsing:
                ctx.fail(f"No such command '{cmd_name}'. Did you mean '{meant}'?")
            return None
        module = importlib.import_module(COMMANDS[cmd_name][0])
        return cast("click.Command", module.command)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the table of commands without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in COMMANDS.items()])


EPILOG: Final = """
\b
Examples:
  erp-mcp demo                              build the plant, take the tour
  erp-mcp serve --demo-dir DIR --as planner what an MCP client starts
  erp-mcp tools call find_order '{"reference": "0010000282"}' --demo-dir DIR
  erp-mcp policy check --demo-dir DIR       file and line of what is wrong
"""


@click.group(
    cls=_Nouns, epilog=EPILOG, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 80}
)
@click.version_option(__version__, prog_name="erp-mcp")
def main() -> None:
    """The gateway between AI agents and the systems that run a factory.

    Agents get few, typed, fast tools over ERP and MES; people keep the commit.
    """
