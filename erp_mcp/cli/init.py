"""`erp-mcp init`: a configuration and policies to start from."""

from __future__ import annotations

import shutil
from pathlib import Path

import click

from erp_mcp import settings
from erp_mcp.cli.options import clear_errors
from erp_mcp.errors import ConfigurationError

_TEMPLATE = """\
# One deployment of erp-mcp. Relative paths are relative to this file; secrets are references, never values.
version: 1
deployment: {deployment}
environment: development        # demo | development | production
plant: {{zone: {zone}}}
state_dir: state
read_model: read_model.sqlite
policies: policies              # edit, then: erp-mcp policy check, erp-mcp policy apply
systems: {{}}
# systems:
#   erp:
#     profile: tryton           # a shipped profile, or a file in a folder named under `profiles:`
#     url: http://127.0.0.1:8000
#     database: plant
#     account: gateway_read     # an account that may read what it must, and nothing more
#     secret: file:secrets/erp  # a file that only its owner can read; or env:NAME in development
"""


@click.command(
    epilog="""
\b
Examples:
  erp-mcp init ~/erp-mcp --zone Europe/Berlin
  erp-mcp doctor --config ~/erp-mcp/erp-mcp.yaml
"""
)
@click.argument("directory", type=click.Path(file_okay=False, path_type=Path), required=False)
@click.option("--deployment", default="plant", show_default=True, help="Name of the deployment.")
@click.option("--zone", default="Europe/Berlin", show_default=True, help="Time zone of the plant.")
@clear_errors
def command(directory: Path | None, deployment: str, zone: str) -> None:
    """Write DIRECTORY/erp-mcp.yaml and DIRECTORY/policies; nothing that exists is overwritten.

    Without DIRECTORY the user's configuration directory is used, where every command looks by itself.
    """
    target = (directory or settings.user_directory("config")).expanduser()
    file, policies = target / settings.FILE_NAME, target / "policies"
    if file.exists() or policies.exists():
        raise ConfigurationError(
            file=str(file), line=0, key="", reason="there is a deployment already; nothing was changed"
        )
    target.mkdir(parents=True, exist_ok=True)
    shutil.copytree(settings.data_root() / "policies", policies)
    file.write_text(_TEMPLATE.format(deployment=deployment, zone=zone), encoding="utf-8")
    try:
        settings.load(file)
    except ConfigurationError:
        file.unlink()
        shutil.rmtree(policies)
        raise
    click.echo(f"Wrote {file} and {policies}")
    click.echo("Next: name a system under `systems:`, then `erp-mcp doctor`, `erp-mcp sync`, `erp-mcp policy apply`.")
