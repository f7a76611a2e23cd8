"""The user's keyring, where there is one."""

from __future__ import annotations

from typing import Final, Protocol

from erp_mcp.errors import ConfigurationError

SERVICE: Final = "erp-mcp"
"""Under which name a keyring keeps our entries."""


class Keyring(Protocol):
    """What a keyring does for us; errors are `keyring.errors.KeyringError`."""

    def get_password(self, service: str, username: str) -> str | None:
        """Return an entry, `None` where there is none."""
        ...

    def set_password(self, service: str, username: str, password: str) -> None:
        """Store an entry."""
        ...

    def delete_password(self, service: str, username: str) -> None:
        """Remove an entry."""
        ...


def keyring_of_user() -> Keyring:
    """Return the keyring of the user who runs us.

    Raises:
        ConfigurationError: `settings.bad_configuration`, where the library is not installed or finds no keyring that
            protects what it keeps.
    """
    try:
        import keyring
    except ImportError:
        raise ConfigurationError(
            key="secret", reason="the library keyring is not installed: pip install 'erp-mcp-gateway[keyring]'"
        ) from None
    found = keyring.get_keyring()
    if found.priority < 1:  # the null, fail and plain-text back ends
        raise ConfigurationError(
            key="secret", reason="there is no keyring here (a desktop session has one); use file:PATH or vault:"
        )
    return found
