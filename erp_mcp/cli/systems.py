"""`erp-mcp systems`: which systems of record there are, what each gives and takes, and whether that is true."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable

import click

from erp_mcp.cli import systems_add, systems_declare, systems_profiles
from erp_mcp.cli.options import clear_errors, deployment_options, details, json_option, print_json, unknown_name
from erp_mcp.cli.person import opened
from erp_mcp.cli.systems_probe import probed
from erp_mcp.cli.systems_report import SystemReport, configured
from erp_mcp.cli.systems_report import as_json as report_json
from erp_mcp.cli.systems_show import print_list, print_probe
from erp_mcp.domain.call import JsonValue
from erp_mcp.errors import GatewayError, SystemNotConfiguredError


@click.group(
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="""
\b
Examples:
  erp-mcp systems profiles           which products can be connected
  erp-mcp systems add erp            asks for what it needs
  erp-mcp systems list
  erp-mcp systems probe erp          what is right, and what to mend
""",
)
def command() -> None:
    """Connect systems of record, list them and look at one of them closely.

    Nothing is written to a system unless the configuration names `write:` for it; docs/connect-a-system.md walks
    through connecting one, docs/adapters.md has the rest.
    """


@command.command(
    name="list",
    epilog="""
\b
Examples:
  erp-mcp systems list --demo-dir DIR
  erp-mcp systems list --json

\b
Exit status: 0 all can be read, 1 the profile of one can't.
""",
)
@deployment_options
@json_option
@clear_errors
def list_systems(config: str, demo_dir: str, *, as_json: bool) -> None:
    """List the configured systems; none of them is called."""
    reports: list[SystemReport] = []
    broken: dict[str, str] = {}
    with opened(config, demo_dir) as deployment:
        for system in deployment.settings.systems:
            try:
                reports.append(configured(deployment, system))
            except GatewayError as failure:  # a profile that can't be read hides no other system
                broken[system.name] = " — ".join([f"{failure.summary} [{failure.code}]", *details(failure)])
    if as_json:
        wrong: list[JsonValue] = [{"system": name, "problems": [told]} for name, told in broken.items()]
        print_json([*(report_json(report) for report in reports), *wrong])
    else:
        print_list(reports, broken)
    if broken:
        sys.exit(1)


@command.command(
    short_help="Call one system; show what is right and what is not.",
    epilog="""
\b
Examples:
  erp-mcp systems probe erp --demo-dir DIR
  erp-mcp systems probe erp --json

\b
Exit status: 0 all there, 1 something must be mended.
""",
)
@click.argument("name")
@deployment_options
@json_option
@clear_errors
def probe(name: str, config: str, demo_dir: str, *, as_json: bool) -> None:
    """Call one system and show what it gives and takes: accounts and their rights, clock, fields, operations.

    With `write:` configured, the account that writes is used as well; nothing is written. What must be mended is
    marked, each with what to do.
    """
    with opened(config, demo_dir) as deployment:
        known = {system.name: system for system in deployment.settings.systems}
        if name not in known:
            raise SystemNotConfiguredError(**unknown_name("system", name, known))
        report = asyncio.run(probed(deployment, known[name], _progress()))
    _clear_line()
    if as_json:
        print_json(report_json(report))
    else:
        print_probe(report)
    if report.problems:
        sys.exit(1)


command.add_command(systems_profiles.profiles)
command.add_command(systems_add.add)
command.add_command(systems_add.remove)
command.add_command(systems_declare.declare)


def _progress() -> Callable[[str], None]:
    """Return what tells a person who waits at a terminal what is being done; programs are told nothing."""
    if not sys.stderr.isatty():
        return lambda _: None
    return lambda what: click.echo(f"\r\x1b[K… {what}", nl=False, err=True)


def _clear_line() -> None:
    if sys.stderr.isatty():
        click.echo("\r\x1b[K", nl=False, err=True)
