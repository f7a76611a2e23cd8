"""`erp-mcp serve --help`: the command itself is started by `erp_mcp.__main__`, before anything heavy is imported."""

from __future__ import annotations

import click

from erp_mcp.cli.options import serve_options


@click.command(
    epilog="""
\b
Examples (what an MCP client's configuration starts):
  erp-mcp serve --demo-dir DIR --as planner
  erp-mcp serve --config ~/erp-mcp/erp-mcp.yaml --as buyer

\b
Any number of servers share one deployment. Standard output carries the
protocol and nothing else; what a person should know is written to standard
error.
"""
)
@serve_options
@click.option(
    "--as", "agent", default="", metavar="AGENT", help="The agent that this client is, as the policy declares it."
)
def command(config: str, demo_dir: str, agent: str) -> None:
    """Serve MCP over stdio: protocol revisions 2024-11-05 to 2025-11-25 (handshake) and 2026-07-28 (stateless).

    The identity given by --as is as strong as the operating-system account that starts the server.
    """
    raise click.UsageError("start it as `erp-mcp serve`")
