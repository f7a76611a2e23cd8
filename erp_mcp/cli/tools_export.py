"""`erp-mcp tools call --export`: a whole answer into a file, however many pages it takes."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

import click

from erp_mcp import answers
from erp_mcp.administration import sheets
from erp_mcp.administration.exporting import gathered
from erp_mcp.bootstrap import Deployment
from erp_mcp.cli.options import counted
from erp_mcp.domain.answer import Refusal
from erp_mcp.domain.call import JsonValue, ToolCall
from erp_mcp.errors import ConfigurationError

MAX_ROWS = 100_000
_KINDS = (".csv", ".xlsx")
_STEP = 1_000


def checked(target: Path, tool: str, arguments: Mapping[str, JsonValue], deployment: Deployment) -> None:
    """Refuse, before anything is asked, what can't become a file.

    Raises:
        click.UsageError: the ending, a file that exists, a tool that does not read, arguments that page.
        ConfigurationError: `settings.bad_configuration`: the library for XLSX is not installed.
    """
    if target.suffix.lower() not in _KINDS:
        raise click.UsageError(f"--export writes {' or '.join(_KINDS)}, by the ending of the file.")
    if os.path.lexists(target):  # a link to nowhere as well; a name that is too long fails when it is written
        raise click.UsageError(f"{target} exists; it stays as it is.")
    found = deployment.catalog.get(tool)
    if found is not None and found.effect != "read":
        raise click.UsageError(f"{tool} does not read; --export is for tools that do.")
    paging = sorted({"limit", "cursor"} & {*arguments})
    if paging:
        raise click.UsageError(f"--export pages by itself: leave out {' and '.join(paging)}; --max-rows bounds it.")
    if target.suffix.lower() == ".xlsx":
        sheets.library()


def export(deployment: Deployment, agent: str, call: ToolCall, target: Path, max_rows: int) -> Refusal | None:
    """Ask page by page and write the file, complete or not at all; what was written is said on standard output.

    Raises:
        ConfigurationError: `settings.bad_configuration`: it can't be written.
    """
    told = 0

    def progress(rows: int) -> None:
        nonlocal told
        if rows // _STEP > told:
            told = rows // _STEP
            click.echo(f"{counted(rows, 'row')} …", err=True)

    found = gathered(deployment, agent, call, max_rows=min(max_rows, sheets.MAX_XLSX_ROWS), progress=progress)
    if isinstance(found, Refusal):
        click.echo(answers.text(found), err=True)
        return found
    if target.suffix.lower() == ".xlsx":
        files = {target: sheets.xlsx_file(found, deployment.clock.wall())}
    else:
        files = sheets.csv_files(found, target)
    _write(files)
    rows = ", ".join(f"{name} {counted(len(table.rows), 'row')}" for name, table in found.answer.tables.items())
    for path in files:
        click.echo(f"Wrote {path}")
    click.echo(f"{rows}; {counted(len(found.call_ids), 'call')}, each in the audit log.")
    for warning in found.answer.warnings:
        click.echo(f"warning: {warning}", err=True)
    if not found.answer.complete:
        click.echo("incomplete: some data was missing, too old or cut.", err=True)
    return None


def _write(files: Mapping[Path, bytes]) -> None:
    """Write files that only their owner reads, all or none, and none that exists."""
    written: list[Path] = []
    try:
        for path, content in files.items():
            handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), 0o600)
            written.append(path)
            with os.fdopen(handle, "wb") as out:
                out.write(content)
    except OSError as failure:
        for path in written:
            path.unlink(missing_ok=True)
        reason = f"can't be written: {failure.strerror or type(failure).__name__}"
        raise ConfigurationError(file=str(failure.filename or ""), line=0, key="--export", reason=reason) from failure
