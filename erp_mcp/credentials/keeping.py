"""Putting secrets where this machine keeps them, and taking them away: keyring entries and owner-only files."""

from __future__ import annotations

import errno
import os
import secrets
from pathlib import Path
from typing import Final

from erp_mcp.credentials.keyrings import SERVICE, keyring_of_user
from erp_mcp.credentials.references import Reference, parsed
from erp_mcp.errors import ConfigurationError, SecretUnavailableError

KEPT_HERE: Final = frozenset({"keyring", "file"})
"""Schemes of what this machine keeps and we can write; a vault and the environment are others' to fill."""

_FULL: Final = frozenset({errno.ENOSPC, errno.EDQUOT})


def keep(reference: str, secret: str, root: Path) -> None:
    """Store a secret, in place of the one that was there.

    A file is written beside and moved, so whoever reads it meanwhile reads the old one or the new one. Where it can't
    be written, on a full disk for example, the old one stays and nothing is left beside it.

    Args:
        reference: `keyring:NAME` or `file:PATH`.
        secret: Not empty; white space around it is no part of it.
        root: Folder that relative paths are relative to.

    Raises:
        ConfigurationError: `settings.bad_configuration`, where it can't be stored. SecretUnavailableError:
            `credentials.unavailable`, when the keyring is locked.
    """
    told, text = _writable(reference), secret.strip()
    if not text:
        raise ConfigurationError(key="secret", reason="it is empty; nothing was stored")
    if told.scheme == "keyring":
        _keep_in_keyring(told.place, text)
        return
    _keep_in_file(path_of(told, root), text)


def take_away(reference: str, root: Path) -> bool:
    """Remove a secret; returns whether there was one.

    Raises:
        As `keep`.
    """
    told = _writable(reference)
    if told.scheme == "keyring":
        return _take_from_keyring(told.place)
    path = path_of(told, root)
    try:
        path.unlink()
    except FileNotFoundError:
        return False
    except OSError as failure:
        raise ConfigurationError(key="secret", reason=f"the secret file {path.name} can't be removed") from failure
    return True


def path_of(reference: Reference, root: Path) -> Path:
    """Return the file of a `file:` reference."""
    return root / Path(reference.place).expanduser()


def new_reference(name: str, deployment: str) -> str:
    """Return where a secret that has no reference yet is best kept: the user's keyring, else an owner-only file."""
    try:
        keyring_of_user()
    except ConfigurationError:
        return f"file:secrets/{name}"
    return f"keyring:{deployment}/{name}"


def _writable(reference: str) -> Reference:
    try:
        told = parsed(reference)
    except ValueError as failure:
        raise ConfigurationError(key="secret", reason=str(failure)) from None
    if told.scheme not in KEPT_HERE:
        where = "where the process is started" if told.scheme == "env" else "in the vault, by its own tools"
        raise ConfigurationError(key="secret", reason=f"{told} is set {where}")
    return told


def _keep_in_file(path: Path, secret: str) -> None:
    new = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        handle = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                file.write(f"{secret}\n")
                file.flush()
                os.fsync(file.fileno())
            new.replace(path)
        except BaseException:  # half a secret is one too
            new.unlink(missing_ok=True)
            raise
    except OSError as failure:
        why = "the disk is full" if failure.errno in _FULL else failure.strerror or type(failure).__name__
        reason = f"the secret file {path.name} can't be written: {why}; nothing was changed"
        raise ConfigurationError(key="secret", reason=reason) from failure


def _keep_in_keyring(name: str, secret: str) -> None:
    keyring = keyring_of_user()
    from keyring.errors import KeyringError

    try:
        keyring.set_password(SERVICE, name, secret)
    except KeyringError:
        raise SecretUnavailableError(kept="keyring", reason="the keyring is locked or refuses") from None


def _take_from_keyring(name: str) -> bool:
    keyring = keyring_of_user()
    from keyring.errors import KeyringError

    try:
        if keyring.get_password(SERVICE, name) is None:
            return False
        keyring.delete_password(SERVICE, name)
    except KeyringError:
        raise SecretUnavailableError(kept="keyring", reason="the keyring is locked or refuses") from None
    return True
