"""Our own certificate towards a system (mutual TLS), its key from wherever it is kept."""

from __future__ import annotations

from typing import TYPE_CHECKING

from erp_mcp.errors import SecretUnavailableError
from erp_mcp.ports import SecretSource

if TYPE_CHECKING:
    import ssl


class OwnCertificate:
    """A certificate file with a key that may change while we run."""

    def __init__(self, system: str, path: str = "", key: SecretSource | None = None) -> None:
        """Read nothing yet; without a path there is no certificate."""
        self._system = system
        self._path = path
        self._source = key
        self._key = ""

    @property
    def exists(self) -> bool:
        """Whether there is a certificate at all."""
        return bool(self._path)

    async def prepare(self) -> None:
        """Fetch the key, so that `load_into` need not wait for it.

        Raises:
            SecretUnavailableError: `credentials.unavailable`. ConfigurationError: `settings.bad_configuration`.
        """
        if self._source is not None:
            self._key = await self._source.current()

    async def changed(self) -> bool:
        """Say whether there is another key than the one in use, and take it."""
        if self._source is None:
            return False
        before, self._key = self._key, await self._source.after_refusal(self._key)
        return self._key != before

    def load_into(self, context: ssl.SSLContext) -> None:
        """Load certificate and key, where there are any.

        Raises:
            SecretUnavailableError: `credentials.unavailable`, before `prepare`. ConfigurationError:
            `settings.bad_configuration`, when they can't be used.
        """
        if not self._path:
            return
        if not self._key:
            raise SecretUnavailableError(system=self._system, kept="certificate", reason="the key was not fetched yet")
        from erp_mcp.credentials.certificates import load

        load(context, self._path, self._key)
