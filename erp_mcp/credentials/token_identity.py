"""Identities that bear a token which is fetched, kept and replaced before it ends."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Final

from erp_mcp.credentials.own_certificate import OwnCertificate
from erp_mcp.credentials.refreshing import Fetched, Refreshing, Timing
from erp_mcp.errors import SystemRefusedError
from erp_mcp.ports import SecretSource

if TYPE_CHECKING:
    import ssl

_FRESH_S: Final = 10.0  # a token as new as this that is refused is not replaced: the next would be refused as well
_REFUSED_S: Final = 60.0  # how long a refusal of the token endpoint stands; asking on would lock the client out
Fetch = Callable[[], Awaitable[Fetched[str]]]


class FetchedToken:
    """One token, as a secret source: fetched once for all who ask, anew before its end or after a refusal."""

    def __init__(self, fetch: Fetch, shown: Sequence[SecretSource], timing: Timing) -> None:
        """Fetch nothing yet; `shown` are the secrets that the token endpoint is shown."""
        self._fetch = fetch
        self._shown = shown
        self._timing = timing
        self._kept: Refreshing[str] = Refreshing(self._noted, timing)
        self._fetched_at = 0.0
        self._refusal: SystemRefusedError | None = None
        self._refused_at = 0.0
        self._refused: list[str] = []

    async def current(self) -> str:
        """Return the token.

        Raises:
            SystemRefusedError: `adapter.refused`; a refusal of the token endpoint stands for a minute, or until one of
            the secrets that it was shown has changed.
            SecretUnavailableError: `credentials.unavailable`. ConfigurationError: `settings.bad_configuration`.
        """
        return await self._kept.current()

    async def after_refusal(self, refused: str) -> str:
        """Return another token than one that was refused, the same where it is a moment old; raises as `current`."""
        if self._timing.monotonic() - self._fetched_at < _FRESH_S:
            return await self._kept.current()
        return await self._kept.renewed(refused)

    def forget(self) -> None:
        """Drop the token."""
        self._kept.forget()

    async def _noted(self) -> Fetched[str]:
        now, shown = self._timing.monotonic(), [await one.current() for one in self._shown]
        if self._refusal is not None and now - self._refused_at < _REFUSED_S and shown == self._refused:
            raise SystemRefusedError(**self._refusal.facts)
        try:
            fetched = await self._fetch()
        except SystemRefusedError as refusal:
            self._refusal, self._refused_at = refusal, now
            self._refused = [await one.current() for one in self._shown]
            raise
        self._refusal, self._fetched_at = None, self._timing.monotonic()
        return fetched


class TokenIdentity:
    """Bears a fetched token with each request."""

    def __init__(self, token: FetchedToken, certificate: OwnCertificate) -> None:
        """Fetch nothing yet."""
        self._token = token
        self._certificate = certificate

    async def headers(self) -> Mapping[str, str]:
        """Return the header that signs a request in; raises as `FetchedToken.current`."""
        await self._certificate.prepare()
        return _bearing(await self._token.current())

    async def after_refusal(self, refused: Mapping[str, str]) -> bool:
        """Say whether there is another token than the refused one by now; of many who ask, one fetches it."""
        sent = next((value for name, value in refused.items() if name.lower() == "authorization"), "")
        now = await self._token.current()
        if sent and sent != _bearing(now)["Authorization"]:
            return True
        return await self._token.after_refusal(now) != now

    def certificate(self, context: ssl.SSLContext) -> None:
        """Load our own certificate, where there is one."""
        self._certificate.load_into(context)

    async def close(self) -> None:
        """Forget the token."""
        self._token.forget()


def _bearing(token: str) -> Mapping[str, str]:
    return {"Authorization": f"Bearer {token}"}
