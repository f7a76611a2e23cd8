"""Secrets that this machine keeps: a file of its owner's, a variable of the environment, the user's keyring."""

from __future__ import annotations

import asyncio
import os
import stat
from pathlib import Path
from typing import Final

from erp_mcp.credentials.keyrings import SERVICE, keyring_of_user
from erp_mcp.credentials.refreshing import Fetched, Refreshing, Timing
from erp_mcp.errors import ConfigurationError, SecretUnavailableError

_MAX_BYTES: Final = 64 * 1024
_KEYRING_GOOD_S: Final = 60.0
_FileMark = tuple[int, int, int, int]


class FileSource:
    """A file that its owner alone may read; read again whenever it has changed."""

    def __init__(self, path: Path) -> None:
        """Read nothing yet."""
        self._path = path
        self._mark: _FileMark | None = None
        self._kept = ""

    async def current(self) -> str:
        """Return what the file holds now, without white space around it.

        Raises:
            ConfigurationError: `settings.bad_configuration`, when it can't be read, is empty or open to others.
        """
        return self.read()

    async def after_refusal(self, refused: str) -> str:
        """Return what the file holds now, looking whatever its times say."""
        del refused
        self._mark = None
        return self.read()

    def read(self) -> str:
        """Return what the file holds now; as `current`."""
        try:
            with self._path.open("rb") as file:
                found = os.fstat(file.fileno())
                mark = (found.st_mtime_ns, found.st_size, found.st_ino, found.st_mode)
                if mark != self._mark:
                    self._kept = self._checked(file.read(_MAX_BYTES + 1), stat.S_IMODE(found.st_mode))
                    self._mark = mark
        except OSError as failure:
            raise self._wrong("can't be read") from failure
        return self._kept

    def _checked(self, data: bytes, mode: int) -> str:
        if os.name == "posix" and mode & 0o077:
            raise self._wrong("may be read by others; chmod 600")
        try:
            text = data.decode("utf-8").strip()
        except UnicodeDecodeError:
            raise self._wrong("is not UTF-8") from None
        if not text or len(data) > _MAX_BYTES:
            raise self._wrong("is empty" if not text else "is larger than 64 kB")
        return text

    def _wrong(self, reason: str) -> ConfigurationError:
        self._mark = None
        return ConfigurationError(key="secret", reason=f"the secret file {self._path.name} {reason}")


class VariableSource:
    """A variable of the environment; it can't change while we run, except from within."""

    def __init__(self, name: str) -> None:
        """Read nothing yet."""
        self._name = name

    async def current(self) -> str:
        """Return its value.

        Raises:
            ConfigurationError: `settings.bad_configuration`, when it is not set or empty.
        """
        return self.read()

    async def after_refusal(self, refused: str) -> str:
        """Return its value, whatever was refused."""
        del refused
        return self.read()

    def read(self) -> str:
        """Return its value; as `current`."""
        value = os.environ.get(self._name, "")
        if not value:
            raise ConfigurationError(key="secret", reason=f"environment variable {self._name} is not set")
        return value


class KeyringSource:
    """An entry of the user's keyring, read in a thread: a locked keyring asks its user first."""

    def __init__(self, name: str, timing: Timing) -> None:
        """Read nothing yet."""
        self._name = name
        self._kept = Refreshing(self._fetched, timing)

    async def current(self) -> str:
        """Return the entry.

        Raises:
            ConfigurationError: `settings.bad_configuration`, without such an entry, or without a keyring.
            SecretUnavailableError: `credentials.unavailable`, when the keyring is locked.
        """
        return await self._kept.current()

    async def after_refusal(self, refused: str) -> str:
        """Return the entry as it is now."""
        return await self._kept.renewed(refused)

    def read(self) -> str:
        """Return the entry; as `current`, but waiting for it."""
        keyring = keyring_of_user()
        from keyring.errors import KeyringError

        try:
            found = keyring.get_password(SERVICE, self._name)
        except KeyringError:
            raise SecretUnavailableError(kept="keyring", reason="the keyring is locked or refuses") from None
        if not found:
            raise ConfigurationError(
                key="secret", reason=f"the keyring has no entry {self._name}; `erp-mcp secrets set` makes one"
            )
        return found

    async def _fetched(self) -> Fetched[str]:
        return Fetched(value=await asyncio.to_thread(self.read), good_s=_KEYRING_GOOD_S)
