"""Where passphrases come from: a terminal, or a file that its owner alone can read. Never an argument or a variable."""

from __future__ import annotations

import getpass
import os
import secrets
import stat
import sys
from pathlib import Path

import click

from erp_mcp.approval import keys
from erp_mcp.bootstrap import Deployment
from erp_mcp.errors import ConfigurationError
from erp_mcp.settings import Settings

_GENERATED_BYTES = 24


def asked(deployment: Deployment, approver_id: str, file: str, *, option: str = "--passphrase-file") -> str:
    """Return the passphrase of an enrolled approver.

    Args:
        deployment: In a demo plant the passphrase is taken from its file there, and this is said.
        approver_id: Whose.
        file: Named by an option; empty to ask on the terminal.
        option: The option's name, for the message.

    Raises:
        ConfigurationError: `settings.bad_configuration`, for a file that can't be read or that others may read.
        click.UsageError: there is no terminal to ask on and no file.
    """
    if file:
        return _read(Path(file).expanduser(), option)
    beside = demo_file(deployment.settings, approver_id)
    if deployment.settings.environment == "demo" and beside.is_file():
        click.echo(f"A demo plant: the passphrase of {approver_id} is taken from {beside}", err=True)
        return kept(deployment.settings, approver_id)
    _check_terminal(option)
    return getpass.getpass(f"Passphrase of {approver_id}: ")


def chosen(settings: Settings, approver_id: str, file: str, *, option: str = "--passphrase-file") -> str:
    """Return the passphrase for somebody who is being enrolled; made up in a demo plant, unless a file is named.

    Raises:
        As `new`.
    """
    if settings.environment == "demo" and not file:
        told = f"A demo plant (`environment: demo`): a passphrase is made up for {approver_id}, and lies in"
        click.echo(f"{told} {demo_file(settings, approver_id)}", err=True)
        return generated(settings, approver_id)
    return new(approver_id, file, option=option)


def new(approver_id: str, file: str, *, option: str = "--passphrase-file") -> str:
    """Return a new passphrase that is strong enough: from a file, or typed twice.

    Raises:
        WeakPassphraseError: `approval.weak_passphrase`. ConfigurationError: `settings.bad_configuration`, as `asked`.
        click.UsageError: the two differ, or there is no terminal and no file.
    """
    if file:
        first = _read(Path(file).expanduser(), option)
        keys.check(first)
        return first
    _check_terminal(option)
    first = getpass.getpass(f"New passphrase of {approver_id} (at least {keys.MIN_PASSPHRASE} characters): ")
    keys.check(first)
    if getpass.getpass("The same again: ") != first:
        raise click.UsageError("The two passphrases differ; nothing was changed.")
    return first


def generated(settings: Settings, approver_id: str) -> str:
    """Return the passphrase of an approver of a demo plant, made up and written to its owner-only file when missing."""
    path = demo_file(settings, approver_id)
    if not path.is_file():
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "w", encoding="ascii") as out:
            out.write(secrets.token_urlsafe(_GENERATED_BYTES) + "\n")
    return kept(settings, approver_id)


def kept(settings: Settings, approver_id: str) -> str:
    """Return the passphrase that lies beside a demo plant.

    Raises:
        ConfigurationError: `settings.bad_configuration`, when it does not, or others may read it.
    """
    return _read(demo_file(settings, approver_id), "--passphrase-file")


def demo_file(settings: Settings, approver_id: str) -> Path:
    """Return where a demo plant keeps an approver's passphrase, so that its tour needs nobody."""
    return settings.file.parent / "keys" / f"{approver_id}.passphrase"


def is_terminal() -> bool:
    """Whether there is a person to ask."""
    return sys.stdin.isatty() and sys.stderr.isatty()


def _check_terminal(option: str) -> None:
    if not is_terminal():
        raise click.UsageError(f"There is no terminal to ask for the passphrase on: name its file with {option} FILE.")


def _read(path: Path, option: str) -> str:
    try:
        mode = stat.S_IMODE(path.stat().st_mode)
        text = path.read_text(encoding="utf-8").rstrip("\r\n")
    except (OSError, ValueError) as failure:
        raise ConfigurationError(key=option, reason=f"the passphrase file {path.name} can't be read") from failure
    if os.name == "posix" and mode & 0o077:
        raise ConfigurationError(key=option, reason=f"the passphrase file {path.name} may be read by others; chmod 600")
    return text
