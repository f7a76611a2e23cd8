"""Who we are towards one system: what each request bears."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import ssl


class Identity(Protocol):
    """How requests to one system are signed in; one for reading and one for writing, never shared."""

    async def headers(self) -> Mapping[str, str]:
        """Return what to add to a request now, from a cache where it is still good.

        Raises:
            SecretUnavailableError: `credentials.unavailable`. SystemRefusedError: `adapter.refused`, reason `sign-in`.
        """
        ...

    async def after_refusal(self, refused: Mapping[str, str]) -> bool:
        """Say whether asking again may help after a 401 to these headers; whoever comes first fetches anew."""
        ...

    def certificate(self, context: ssl.SSLContext) -> None:
        """Load our own certificate into a context, where the system wants one (mutual TLS); comes after `headers`.

        Raises:
            SecretUnavailableError: `credentials.unavailable`. ConfigurationError: `settings.bad_configuration`.
        """
        ...

    async def close(self) -> None:
        """Let go of connections and forget tokens."""
        ...
