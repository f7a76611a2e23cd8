"""A source of each secret that a configuration refers to."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from erp_mcp.credentials.local import FileSource, KeyringSource, VariableSource
from erp_mcp.credentials.references import Reference, parsed
from erp_mcp.credentials.refreshing import Timing
from erp_mcp.errors import ConfigurationError
from erp_mcp.ports import SecretSource

if TYPE_CHECKING:
    from erp_mcp.credentials.settings import VaultSettings
    from erp_mcp.credentials.vault import Vault

_Local = FileSource | VariableSource | KeyringSource


def secret_source(
    reference: str, *, root: Path, vault: Vault | None = None, timing: Timing | None = None
) -> SecretSource:
    """Return the source that a reference names; nothing is read yet.

    What it gives for `vault-db:ROLE` is a `UserSecret`; for everything else plain text.

    Args:
        reference: As the configuration has it; not empty.
        root: Folder that relative paths are relative to.
        vault: Where `vault:` and `vault-db:` lead to.
        timing: Where time and chance come from; the machine by default.

    Raises:
        ConfigurationError: `settings.bad_configuration`, for no reference, or for one to a vault where there is none.
    """
    told, timing = _parsed(reference), timing or Timing()
    if told.scheme not in {"vault", "vault-db"}:
        return _local(told, root, timing)
    if vault is None:
        raise ConfigurationError(key="vault", reason="the configuration does not say where the vault is")
    from erp_mcp.credentials.vault_sources import DatabaseSource, FieldSource

    if told.scheme == "vault-db":
        return DatabaseSource(vault, told.place, timing)
    path, _, field = told.place.partition("#")
    return FieldSource(vault, path, field, timing)


def local_secret(reference: str, root: Path) -> str:
    """Return a secret that this machine keeps; empty for an empty reference and for what a vault keeps.

    Raises:
        ConfigurationError: `settings.bad_configuration`. SecretUnavailableError: `credentials.unavailable`.
    """
    if not reference:
        return ""
    told = _parsed(reference)
    return "" if told.scheme in {"vault", "vault-db"} else _local(told, root, Timing()).read()


def open_vault(settings: VaultSettings, *, root: Path, timing: Timing | None = None) -> Vault:
    """Return the vault of a deployment; nothing is contacted yet."""
    from erp_mcp.credentials.vault import Vault

    auth = settings.auth
    reference = auth.token if auth.kind == "token" else auth.secret_id
    timing = timing or Timing()
    return Vault(settings, secret_source(reference, root=root, timing=timing), timing)


def _local(told: Reference, root: Path, timing: Timing) -> _Local:
    if told.scheme == "env":
        return VariableSource(told.place)
    if told.scheme == "keyring":
        return KeyringSource(told.place, timing)
    return FileSource(root / Path(told.place).expanduser())


def _parsed(reference: str) -> Reference:
    try:
        return parsed(reference)
    except ValueError as failure:
        raise ConfigurationError(key="secret", reason=str(failure)) from None
