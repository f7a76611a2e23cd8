"""`erp-mcp state`: the database that keeps the state of a deployment for several machines."""

from __future__ import annotations

import click

from erp_mcp.bootstrap.keeping_state import prepare_state
from erp_mcp.cli.options import clear_errors, deployment_options, json_option, print_json
from erp_mcp.cli.person import opened


@click.group(
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="""
\b
Examples:
  erp-mcp state prepare         make the schema that `state:` names
  erp-mcp state prepare --json  the same for programs
""",
)
def command() -> None:
    """Prepare a database that is to keep the state of a deployment.

    Without `state:` in the configuration it is a file, which needs no preparation.
    """


@command.command(
    short_help="Make the schema, or bring it up to date.",
    epilog="""
\b
Examples:
  erp-mcp state prepare
""",
)
@deployment_options
@json_option
@clear_errors
def prepare(config: str, demo_dir: str, *, as_json: bool) -> None:
    """Make the schema that `state.postgresql` names, or bring it up to date.

    Signs in as `owner_account`, as nothing else does, and lets `account` read, add, and change what moves change. Run
    it again after an upgrade: servers and workers wait for it.
    """
    with opened(config, demo_dir) as deployment:
        version = prepare_state(deployment.settings)
        state = deployment.settings.state
    schema = state.schema if state is not None else ""
    if as_json:
        print_json({"schema": schema, "version": version})
        return
    click.echo(f"Schema {schema} is ready, version {version}.")
