"""`erp-mcp secrets`: put secrets where the configuration refers to, see where they come from, and whether they do."""

from __future__ import annotations

import getpass
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import click

from erp_mcp.bootstrap import Deployment
from erp_mcp.bootstrap.secrets_of import Named, named_secrets, resolves
from erp_mcp.cli.options import clear_errors, counted, deployment_options, json_option, print_json, unknown_name
from erp_mcp.cli.passphrase import is_terminal
from erp_mcp.cli.person import ask, opened
from erp_mcp.credentials import keeping
from erp_mcp.domain.call import JsonValue
from erp_mcp.errors import ConfigurationError, SystemNotConfiguredError

_MAX_CHARACTERS: Final = 64 * 1024
_MARKS: Final = {True: ("✓", "green"), False: ("✗", "red")}


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """Where a secret goes: a reference, and the system whose configuration does not name it yet, if any."""

    reference: str
    system: str = ""
    is_new: bool = False


@click.group(
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="""
\b
Examples:
  erp-mcp secrets set erp            asks for that of the account that reads
  erp-mcp secrets set erp --write    that of the account that writes
  erp-mcp secrets check              does every reference give a secret?
  erp-mcp secrets list
""",
)
def command() -> None:
    """Store secrets outside the configuration, which holds references to them alone.

    References: keyring:NAME, file:PATH (owner-only), env:NAME, vault:MOUNT/PATH#FIELD, vault-db:ROLE. A secret is never
    an argument, never shown, and never written into the configuration.
    """


@command.command(
    name="set",
    short_help="Store the secret of a system, or of a reference.",
    epilog="""
\b
Examples:
  erp-mcp secrets set erp
  erp-mcp secrets set erp --write --write-config
  erp-mcp secrets set file:secrets/erp
  pass show plant/erp | erp-mcp secrets set keyring:plant/erp --stdin
""",
)
@click.argument("target", metavar="SYSTEM|REFERENCE")
@click.option("--write", is_flag=True, help="The account that writes, under `write:` of the system.")
@click.option("--stdin", "from_stdin", is_flag=True, help="Read the secret from standard input, up to its end.")
@click.option("--keep-in", type=click.Choice(["keyring", "file"]), help="Where to keep it, instead of the best place.")
@click.option("--write-config", is_flag=True, help="Write the reference into the configuration; a backup is kept.")
@deployment_options
@json_option
@clear_errors
def set_(
    target: str,
    config: str,
    demo_dir: str,
    *,
    write: bool,
    from_stdin: bool,
    keep_in: str | None,
    write_config: bool,
    as_json: bool,
) -> None:
    """Store the secret of SYSTEM, or what REFERENCE (keyring:NAME, file:PATH) stands for.

    It goes where the configuration refers to. Where it refers to nothing yet, it goes into your keyring, or into an
    owner-only file in the folder `secrets` beside the configuration where there is no keyring; then it says which
    reference to write there.
    """
    with opened(config, demo_dir) as deployment:
        found = _target(deployment, target, write=write, keep_in=keep_in)
        file = deployment.settings.file
        keeping.keep(found.reference, _typed(target, from_stdin=from_stdin), file.parent)
    written = found.is_new and write_config
    backup = _refer(file, found, write=write) if written else None
    if as_json:
        told: dict[str, JsonValue] = {
            "reference": found.reference,
            "stored": True,
            "configured": not found.is_new or written,
        }
        print_json({**told, "backup": str(backup) if backup else ""})
        return
    click.secho(f"Stored: {found.reference}", fg="green")
    if backup is not None:
        click.echo(f"  The configuration refers to it now; as it was: {backup}")
    elif found.is_new:
        key = "write.secret" if write else "secret"
        click.echo(f"  → Write into {file}: systems.{found.system}.{key}: {found.reference}   (or add --write-config)")


@command.command(
    name="list",
    epilog="""
\b
Examples:
  erp-mcp secrets list
  erp-mcp secrets list --json
""",
)
@deployment_options
@json_option
@clear_errors
def list_(config: str, demo_dir: str, *, as_json: bool) -> None:
    """Show which secrets the configuration refers to; nothing is read."""
    with opened(config, demo_dir) as deployment:
        found = list(named_secrets(deployment.settings))
    if as_json:
        print_json([{"key": one.key, "reference": one.reference} for one in found])
        return
    if not found:
        click.echo("The configuration refers to no secret.")
    width = max((len(one.key) for one in found), default=0)
    for one in found:
        click.echo(f"{one.key:<{width}}  {one.reference}")


@command.command(
    short_help="Fetch every secret, and say which is missing.",
    epilog="""
\b
Examples:
  erp-mcp secrets check
  erp-mcp secrets check erp --json

\b
Exit status: 0 every reference gives a secret, 1 one does not.
""",
)
@click.argument("system", required=False, default="")
@deployment_options
@json_option
@clear_errors
def check(system: str, config: str, demo_dir: str, *, as_json: bool) -> None:
    """Fetch what every reference stands for, those of accounts that write too, and say whether there is a secret."""
    with opened(config, demo_dir) as deployment:
        _check_system(deployment, system)
        wanted = [one for one in named_secrets(deployment.settings) if not system or one.system == system]
        found = [(one, resolves(deployment, one)) for one in wanted]
    if as_json:
        print_json([{"key": one.key, "reference": one.reference, "ok": not why, "reason": why} for one, why in found])
    else:
        _print(found)
    if any(why for _, why in found):
        sys.exit(1)


@command.command(
    short_help="Remove a secret from keyring or file.",
    epilog="""
\b
Examples:
  erp-mcp secrets remove erp --write
  erp-mcp secrets remove keyring:plant/erp --yes
""",
)
@click.argument("target", metavar="SYSTEM|REFERENCE")
@click.option("--write", is_flag=True, help="The account that writes, under `write:` of the system.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@deployment_options
@json_option
@clear_errors
def remove(target: str, config: str, demo_dir: str, *, write: bool, yes: bool, as_json: bool) -> None:
    """Remove the secret of SYSTEM, or what REFERENCE stands for, from keyring or file; the configuration stays."""
    with opened(config, demo_dir) as deployment:
        found = _target(deployment, target, write=write, keep_in=None)
        if found.is_new:
            raise ConfigurationError(key=_key(found.system, write=write), reason="it refers to no secret")
        if not yes:
            ask(f"Remove the secret {found.reference}?")
        was_there = keeping.take_away(found.reference, deployment.settings.file.parent)
    if as_json:
        print_json({"reference": found.reference, "removed": was_there})
        return
    click.echo(f"Removed: {found.reference}" if was_there else f"There was none: {found.reference}")


def _target(deployment: Deployment, target: str, *, write: bool, keep_in: str | None) -> Target:
    """Return where the secret goes that a system or a reference names."""
    if ":" in target:
        if write or keep_in:
            raise click.UsageError("A reference says where it is kept; --write and --keep-in go with a system.")
        return Target(reference=target)
    _check_system(deployment, target)
    system = deployment.system(target)
    if write and system.write is None:
        raise ConfigurationError(
            key=_key(target, write=True), reason="add `write: {account: NAME}` to the system first"
        )
    named = system.write.secret if write and system.write is not None else system.secret
    if named and not (keep_in and named.partition(":")[0] != keep_in):
        return Target(reference=named, system=target)
    name = f"{target}_write" if write else target
    places = {"keyring": f"keyring:{deployment.settings.deployment}/{name}", "file": f"file:secrets/{name}"}
    reference = places[keep_in] if keep_in else keeping.new_reference(name, deployment.settings.deployment)
    return Target(reference=reference, system=target, is_new=True)


def _check_system(deployment: Deployment, name: str) -> None:
    known = [one.name for one in deployment.settings.systems]
    if name and name not in known:
        raise SystemNotConfiguredError(**unknown_name("system", name, known))


def _typed(what: str, *, from_stdin: bool) -> str:
    """Return the secret as a person types it twice, or as standard input has it."""
    if from_stdin:
        return sys.stdin.read(_MAX_CHARACTERS)
    if not is_terminal():
        raise click.UsageError("There is no terminal to ask for the secret on: hand it over with --stdin.")
    first = getpass.getpass(f"Secret for {what} (not shown): ")
    if getpass.getpass("The same again: ") != first:
        raise click.UsageError("The two differ; nothing was changed.")
    return first


def _refer(file: Path, found: Target, *, write: bool) -> Path:
    from erp_mcp.administration.referring import refer

    return refer(file, found.system, found.reference, write=write)


def _print(found: list[tuple[Named, str]]) -> None:
    for line in _lines(found):
        click.echo(line)
    good = sum(not why for _, why in found)
    click.echo(
        f"{good} of {counted(len(found), 'secret')} there." if found else "The configuration refers to no secret."
    )


def _lines(found: list[tuple[Named, str]]) -> Iterator[str]:
    width = max((len(one.key) for one, _ in found), default=0)
    for one, why in found:
        mark, colour = _MARKS[not why]
        yield f"{click.style(mark, fg=colour)} {one.key:<{width}}  {one.reference}"
        if why:
            yield f"  {'':<{width}}  → {why}"


def _key(system: str, *, write: bool) -> str:
    return f"systems.{system}.{'write.' if write else ''}secret"
