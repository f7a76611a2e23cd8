"""What a connection is given beside its settings: the secret as it is now, and who we are.

Reading and writing have accounts of their own. `to_write` is called where a system is opened for writing and nowhere
else, so a process that does not write never resolves the reference of the account that writes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from erp_mcp.credentials.settings import AuthSettings, TlsSettings
from erp_mcp.credentials.sources import local_secret, open_vault, secret_source
from erp_mcp.errors import ConfigurationError
from erp_mcp.ports import Clock, SecretSource
from erp_mcp.settings import Settings, SystemSettings, WriteSettings

if TYPE_CHECKING:
    from erp_mcp.adapters import Access
    from erp_mcp.credentials import Identity
    from erp_mcp.credentials.vault import Vault
    from erp_mcp.ports import Traffic

_SIGN_IN_THEMSELVES: Final = frozenset({"jsonrpc", "memory", "sql"})
"""Kinds whose protocol signs in by account and password; all others may bear an identity."""


class AccessMaker:
    """Makes sources and identities of the references in the settings; nothing is read or contacted by that."""

    def __init__(self, settings: Settings, clock: Clock) -> None:
        """Take the settings and where time comes from."""
        self._settings = settings
        self._root = settings.file.parent
        self._clock = clock
        self._vault: Vault | None = None

    def to_read(self, system: SystemSettings, kind: str, traffic: Traffic | None = None) -> Access:
        """Return what reading a system needs.

        Raises:
            ConfigurationError: `settings.bad_configuration`.
        """
        account = WriteSettings(account=system.account, secret=system.secret, auth=system.auth, tls=system.tls)
        return self._access(system.name, kind, account, traffic)

    def to_write(self, system: SystemSettings, kind: str, traffic: Traffic | None = None) -> Access:
        """Return what writing to a system needs: its `write:`, with `auth` and `tls` of the system where it has none.

        Raises:
            ConfigurationError: `settings.bad_configuration`.
        """
        write = system.write or WriteSettings()
        account = WriteSettings(
            account=write.account, secret=write.secret, auth=write.auth or system.auth, tls=write.tls or system.tls
        )
        return self._access(system.name, kind, account, traffic)

    def source(self, reference: str) -> SecretSource | None:
        """Return the source that a reference names, `None` for an empty one.

        Raises:
            ConfigurationError: `settings.bad_configuration`.
        """
        if not reference:
            return None
        vault = self._opened_vault() if reference.startswith(("vault:", "vault-db:")) else None
        return secret_source(reference, root=self._root, vault=vault)

    def local(self, reference: str) -> str:
        """Return a secret that this machine keeps, for kinds that take it once; empty for one that a vault keeps.

        Raises:
            ConfigurationError: `settings.bad_configuration`. SecretUnavailableError: `credentials.unavailable`.
        """
        return local_secret(reference, self._root)

    def _opened_vault(self) -> Vault | None:
        if self._vault is None and self._settings.vault is not None:
            self._vault = open_vault(self._settings.vault, root=self._root)
        return self._vault

    def _access(self, system: str, kind: str, account: WriteSettings, traffic: Traffic | None) -> Access:
        from erp_mcp.adapters import Access

        source = self.source(account.secret)
        tls = account.tls or TlsSettings()
        return Access(
            credential=source,
            identity=self._identity(system, kind, account, source),
            traffic=traffic,
            ca_file=tls.ca_file,
        )

    def _identity(self, system: str, kind: str, account: WriteSettings, source: SecretSource | None) -> Identity | None:
        tls = account.tls or TlsSettings()
        if kind in _SIGN_IN_THEMSELVES:
            if account.auth is not None or tls.certificate:
                key = f"systems.{system}.{'auth' if account.auth is not None else 'tls.certificate'}"
                raise ConfigurationError(key=key, reason=f"systems of kind {kind} sign in with account and secret")
            return None
        from erp_mcp.credentials.identities import SignIn, identity_of

        return identity_of(
            SignIn(
                system=system,
                account=account.account,
                auth=account.auth,
                tls=tls,
                secret=source,
                subject=self.source(account.auth.subject_token) if account.auth is not None else None,
                key=self.source(tls.key),
                now=self._now,
            )
        )

    def _now(self) -> int:
        return int(self._clock.wall().timestamp())


def references_of(system: SystemSettings, *, write: bool) -> dict[str, str]:
    """Return the references of a system by their keys, of reading or of writing."""
    if write and system.write is None:
        return {}
    account: SystemSettings | WriteSettings = system.write if write and system.write is not None else system
    auth: AuthSettings | None = account.auth
    tls: TlsSettings | None = account.tls
    prefix = "write." if write else ""
    found = {
        f"{prefix}secret": account.secret,
        f"{prefix}auth.subject_token": auth.subject_token if auth is not None else "",
        f"{prefix}tls.key": tls.key if tls is not None else "",
    }
    return {key: value for key, value in found.items() if value}
