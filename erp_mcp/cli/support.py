"""`erp-mcp support-bundle`: what somebody outside needs to help, and nothing that is nobody's business there."""

from __future__ import annotations

import json
import os
import zipfile
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import click

from erp_mcp import __version__
from erp_mcp.administration.clients import Machine
from erp_mcp.administration.redaction import Redactor, hidden_parts, hidden_words, machine_words
from erp_mcp.administration.support import of_clients, people_of, sections
from erp_mcp.bootstrap import SystemClock
from erp_mcp.cli.checkup import Check
from erp_mcp.cli.doctor import all_checks
from erp_mcp.cli.options import clear_errors, counted, deployment_file, deployment_options
from erp_mcp.cli.person import opened
from erp_mcp.domain.call import JsonValue
from erp_mcp.errors import ConfigurationError, GatewayError

_README: Final = """\
A support bundle of erp-mcp {version}. Look through it before you hand it on.

It holds: versions, how the deployment is set up (without addresses and accounts), what `erp-mcp doctor` found, how old
the data are and how many rows each entity has, how often which tool was answered or refused with which code, and in
which states proposals are.

It does not hold: records of a system, arguments or answers of calls, texts, secrets, names of people, paths.{hosts}
"""
_HOSTS: Final = "\nNames of hosts are in it, since --with-hosts was given."
_NO_HOSTS: Final = " Nor names of hosts."
_UNSAID: Final = frozenset({"sites"})  # these name what stands in records


@click.command(
    epilog="""
\b
Examples:
  erp-mcp support-bundle                       into the working directory
  erp-mcp support-bundle help.zip --config erp-mcp.yaml
  erp-mcp support-bundle help.zip --with-hosts --connect
"""
)
@click.argument("target", metavar="[FILE]", required=False, type=click.Path(dir_okay=False, path_type=Path))
@click.option("--with-hosts", is_flag=True, help="Leave the names of hosts in.")
@click.option("--connect", is_flag=True, help="Let doctor call each system of record.")
@deployment_options
@clear_errors
def command(target: Path | None, *, with_hosts: bool, connect: bool, config: str, demo_dir: str) -> None:
    """Collect a redacted report of the deployment in a zip file; nothing is sent anywhere.

    No record, argument, answer, text, secret, account, person or path is in it, nor a host unless asked for.
    """
    machine = click.get_current_context().find_object(Machine) or Machine.here()
    place = deployment_file(config, demo_dir)
    checks = list(all_checks(place, machine, connect=connect))
    now = SystemClock().wall().astimezone(UTC)
    file = target or Path(f"erp-mcp-support-{now.strftime('%Y%m%dT%H%M%SZ')}.zip")
    found: dict[str, JsonValue] = {"doctor.json": [_check(check) for check in checks]}
    try:
        with opened(config, demo_dir) as deployment:
            hidden = hidden_words(deployment.settings, people_of(deployment), with_hosts=with_hosts)
            hidden |= of_clients(deployment, machine)
            found |= sections(deployment, machine)
    except GatewayError as error:  # that is when help is needed most
        found["summary.json"] = {"version": __version__, "error": error.code}
        found["doctor.json"] = [_unopened(check, error) for check in checks]
        hidden, with_hosts = machine_words(place), False  # what must be hidden is not known: all that looks like it is
    redactor = Redactor(hidden, parts=hidden_parts(hidden), with_hosts=with_hosts)
    content = _content(found, redactor, with_hosts=with_hosts)
    _write(file, content, now)
    click.echo(f"Wrote {file} ({counted(len(content), 'file')}): {', '.join(content)}.")
    click.echo("Look through it before you hand it on.")


def _content(found: Mapping[str, JsonValue], redactor: Redactor, *, with_hosts: bool) -> dict[str, str]:
    told = {name: json.dumps(redactor.value(value), ensure_ascii=False, indent=2) for name, value in found.items()}
    return {"README.txt": _README.format(version=__version__, hosts=_HOSTS if with_hosts else _NO_HOSTS), **told}


def _check(check: Check) -> JsonValue:
    detail = "left out" if check.name in _UNSAID else check.detail
    return {"name": check.name, "status": check.status, "detail": detail, "advice": check.advice}


def _unopened(check: Check, error: GatewayError) -> JsonValue:
    """Return a check of a deployment that does not open: what is wrong by its code, and the line; no word of a file."""
    line = error.facts.get("line")
    detail = f"{error.summary} [{error.code}]" + (f", line {line}" if line else "")
    return {"name": check.name, "status": check.status, "detail": detail, "advice": check.advice}


def _write(file: Path, content: Mapping[str, str], now: datetime) -> None:
    """Write a new zip file that only its owner reads.

    Raises:
        ConfigurationError: `settings.bad_configuration`: it exists, or can't be written.
    """
    try:
        handle = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), 0o600)
        with os.fdopen(handle, "wb") as out, zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, text in content.items():
                archive.writestr(zipfile.ZipInfo(name, now.timetuple()[:6]), text)
    except OSError as failure:
        reason = f"can't be written: {failure.strerror or type(failure).__name__}"
        raise ConfigurationError(file=str(file), line=0, key="", reason=reason) from failure
