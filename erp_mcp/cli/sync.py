"""`erp-mcp sync`: bring the read model up to what the systems of record hold."""

from __future__ import annotations

import sys
from collections.abc import Sequence

import click
from rich.console import Console
from rich.progress import Progress as Bars
from rich.progress import SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

from erp_mcp import administration, sync
from erp_mcp.bootstrap import Deployment, open_deployment
from erp_mcp.cli.options import clear_errors, deployment_file, deployment_options, json_option, print_json
from erp_mcp.domain.call import JsonValue
from erp_mcp.errors import ConfigurationError


@click.command(
    epilog="""
\b
Examples:
  erp-mcp sync                              every system of the configuration
  erp-mcp sync mes --demo-dir DIR           one system
  erp-mcp sync erp --full                   read everything again
  erp-mcp sync --json                       for programs; status 1: one failed
"""
)
@click.argument("systems", nargs=-1, metavar="[SYSTEM]...")
@click.option("--full", is_flag=True, help="Read everything again and learn all ids anew.")
@deployment_options
@json_option
@clear_errors
def command(systems: Sequence[str], config: str, demo_dir: str, *, full: bool, as_json: bool) -> None:
    """Bring the read model up to what the systems of record hold.

    Reads what changed since the last time, takes out what was deleted, and can be interrupted at any point: the next
    run goes on where this one stopped. `erp-mcp serve` does the same by itself, at the cadence of each entity.
    """
    deployment = open_deployment(deployment_file(config, demo_dir))
    try:
        _check_names(deployment, systems)
        reports = _run(deployment, systems, full=full)
    finally:
        deployment.close()
    if as_json:
        print_json({"ok": all(report.ok for report in reports), "entities": [_json(one) for one in _all(reports)]})
    else:
        _print(reports)
    if not all(report.ok for report in reports):
        sys.exit(1)


def _check_names(deployment: Deployment, names: Sequence[str]) -> None:
    known = [system.name for system in deployment.settings.systems]
    for name in names:
        if name not in known:
            reason = f"no such system; there are: {', '.join(known) or 'none'}"
            raise ConfigurationError(file=str(deployment.settings.file), key=f"systems.{name}", reason=reason)


def _run(deployment: Deployment, names: Sequence[str], *, full: bool) -> list[sync.SyncReport]:
    """Synchronise, with a line of progress where a person watches."""
    console = Console(stderr=True)
    columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
    with Bars(*columns, console=console, disable=not console.is_terminal, transient=True) as bars:
        task = bars.add_task("Opening the systems", total=None)

        def page(progress: sync.Progress) -> None:
            bars.update(task, description=f"{progress.system}: {progress.entity}, {progress.applied:,} changes")

        return administration.synchronise(deployment, names=names, full=full, progress=page)


def _all(reports: Sequence[sync.SyncReport]) -> list[sync.EntityReport]:
    return [entity for report in reports for entity in report.entities]


def _json(one: sync.EntityReport) -> dict[str, JsonValue]:
    return {
        "system": one.system,
        "entity": one.entity,
        "rows": one.rows,
        "changed": one.changed,
        "removed": one.removed,
        "seconds": f"{one.seconds:.3f}",
        "as_of": one.as_of,
        "error": one.error,
        "reason": one.reason,
        "resumed": one.resumed,
        "clock_suspect": one.clock_suspect,
        "unresolved": one.unresolved,
    }


def _print(reports: Sequence[sync.SyncReport]) -> None:
    found = _all(reports)
    if not found:
        click.echo("No system is configured: name one under `systems:` in the configuration.")
        return
    table = Table(box=None, pad_edge=False)
    for name in ("system", "entity"):
        table.add_column(name, no_wrap=True)
    for name in ("rows", "changed", "removed", "seconds"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("as of", no_wrap=True)
    table.add_column("remark")
    for one in found:
        figures = (f"{one.rows:,}", f"{one.changed:,}", f"{one.removed:,}", f"{one.seconds:.2f}")
        table.add_row(one.system, one.entity, *figures, one.as_of or "never", _remark(one))
    Console(highlight=False, width=None if sys.stdout.isatty() else 140).print(table)
    failed = sum(1 for one in found if one.error)
    total = sum(one.rows for one in found)
    click.echo(f"{len(found)} entities, {total:,} rows" + (f"; {failed} failed" if failed else ""))
    for system in sorted({one.system for one in found if one.error}):
        click.echo(f"  → erp-mcp systems probe {system}: what to mend")


def _remark(one: sync.EntityReport) -> str:
    remarks = [
        f"{one.error}: {one.reason}" if one.reason else one.error,
        "resumed" if one.resumed else "",
        "clock suspect" if one.clock_suspect else "",
    ]
    return ", ".join(remark for remark in remarks if remark)
