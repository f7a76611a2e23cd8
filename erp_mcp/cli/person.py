"""The person at the command: which account, as which approver, and the questions they are asked."""

from __future__ import annotations

import getpass
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final, ParamSpec, TypeVar

import click

from erp_mcp import administration
from erp_mcp.administration import Signing
from erp_mcp.bootstrap import Deployment, open_deployment
from erp_mcp.cli import passphrase
from erp_mcp.cli.options import deployment_file
from erp_mcp.errors import BadPassphraseError

Parameters = ParamSpec("Parameters")
Done = TypeVar("Done")

_TRIES: Final = 5  # of a passphrase on a terminal; each costs a fraction of a second by design


def person_options(command: Callable[Parameters, None]) -> Callable[Parameters, None]:
    """Add `--as` (the command gets `approver`), `--passphrase-file` and `--yes`."""
    who = click.option("--as", "approver", default="", metavar="ID", help="The approver who signs.")
    file = click.option(
        "--passphrase-file", default="", metavar="FILE", help="Owner-only file with the passphrase, for scripts."
    )
    yes = click.option("--yes", is_flag=True, help="Do not ask; where a passphrase is needed, it still is.")
    return who(file(yes(command)))


@contextmanager
def opened(config: str, demo_dir: str) -> Iterator[Deployment]:
    """Open the deployment that a command is about, for as long as the block lasts."""
    deployment = open_deployment(deployment_file(config, demo_dir))
    try:
        yield deployment
    finally:
        deployment.close()


def account() -> str:
    """Return the account that runs this, empty where a container has none."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return ""


def ask(question: str) -> None:
    """Ask on a terminal and leave with status 1 unless the answer is yes.

    Raises:
        click.UsageError: there is no terminal, so nobody can have looked.
    """
    if not passphrase.is_terminal():
        raise click.UsageError("There is no terminal to ask on: look at what it says, then add --yes.")
    if not click.confirm(question, default=False, err=True):
        click.echo("Nothing was done.", err=True)
        sys.exit(1)


def voucher(deployment: Deployment, named: str) -> str:
    """Return the approver who signs: as named, this account's, or the only one there is.

    Raises:
        click.UsageError: it can't be told who.
    """
    in_force = {name: one for name, one in administration.trusted(deployment).items() if one.public_key}
    if named or account() in in_force:
        return named or account()
    if len(in_force) == 1:
        return next(iter(in_force))
    if not in_force:
        raise click.UsageError("Nobody is enrolled yet: erp-mcp approvals enrol ID.")
    raise click.UsageError(f"Say who signs with --as ID: {', '.join(sorted(in_force))}.")


def signing(deployment: Deployment, approver_id: str, file: str, act: Callable[[Signing], Done]) -> Done:
    """Do something that an approver signs; a passphrase that was mistyped on a terminal may be typed again.

    Raises:
        BadPassphraseError: `approval.bad_passphrase`; otherwise as `act` and `passphrase.asked`.
    """
    tries = _TRIES if passphrase.is_terminal() and not file else 1
    while True:
        tries -= 1
        secret = passphrase.asked(deployment, approver_id, file)
        try:
            return act(Signing(approver_id=approver_id, passphrase=secret))
        except BadPassphraseError as error:
            if not tries:
                raise
            click.secho(f"{error.summary} Type it again.", fg="red", err=True)
