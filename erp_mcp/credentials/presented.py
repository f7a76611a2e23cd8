"""Identities that show one secret with each request: nothing, account and password, a token, an API key."""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Final

from erp_mcp.credentials.own_certificate import OwnCertificate
from erp_mcp.credentials.refreshing import Timing
from erp_mcp.credentials.user_secret import account_of
from erp_mcp.errors import ConfigurationError, SystemRefusedError
from erp_mcp.ports import SecretSource

if TYPE_CHECKING:
    import ssl

_REFUSALS: Final = 3  # of one secret in a row, before it is not shown any more for a while
_REFUSED_S: Final = 150.0  # systems lock an account after some five tries; most forget them sooner than this
Form = Callable[[str], Mapping[str, str]]


class NoIdentity:
    """Shows nothing, or a certificate alone."""

    def __init__(self, certificate: OwnCertificate) -> None:
        """Take the certificate, which may be none."""
        self._certificate = certificate

    async def headers(self) -> Mapping[str, str]:
        """Return nothing to add."""
        await self._certificate.prepare()
        return {}

    async def after_refusal(self, refused: Mapping[str, str]) -> bool:
        """Say that asking again may help where the key of the certificate has changed."""
        del refused
        return await self._certificate.changed()

    def certificate(self, context: ssl.SSLContext) -> None:
        """Load the certificate, where there is one."""
        self._certificate.load_into(context)

    async def close(self) -> None:
        """Nothing is held."""


class SecretIdentity:
    """Shows a secret in a header, as it is now.

    A system locks an account that shows a wrong secret again and again; so one that was refused three times in a row is
    not shown for 150 s, unless it changes.
    """

    def __init__(
        self, system: str, form: Form, source: SecretSource, certificate: OwnCertificate, timing: Timing
    ) -> None:
        """Read nothing yet; `form` makes headers of the secret."""
        self._system = system
        self._form = form
        self._source = source
        self._certificate = certificate
        self._timing = timing
        self._refused: Mapping[str, str] = {}
        self._refusals = 0
        self._refused_at = 0.0

    async def headers(self) -> Mapping[str, str]:
        """Return the header that signs a request in.

        Raises:
            SecretUnavailableError: `credentials.unavailable`. ConfigurationError: `settings.bad_configuration`.
            SystemRefusedError: `adapter.refused`, while a refused secret is held back.
        """
        await self._certificate.prepare()
        found = self._shown(await self._source.current())
        if self._refusals >= _REFUSALS and found == self._refused:
            if self._timing.monotonic() - self._refused_at < _REFUSED_S:
                raise SystemRefusedError(system=self._system, reason="sign-in")
            self._refusals = 0
        return found

    async def after_refusal(self, refused: Mapping[str, str]) -> bool:
        """Say whether there is another secret than the refused one by now."""
        secret = await self._source.current()
        if not _bears(refused, self._shown(secret)):
            return True
        newer = self._shown(await self._source.after_refusal(secret))
        if not _bears(refused, newer):
            return True
        self._count(newer)
        return False

    def certificate(self, context: ssl.SSLContext) -> None:
        """Load our own certificate, where there is one."""
        self._certificate.load_into(context)

    async def close(self) -> None:
        """Nothing is held."""

    def _shown(self, secret: str) -> Mapping[str, str]:
        found = self._form(secret)
        if any(not value.isprintable() or not value.isascii() for value in found.values()):
            raise ConfigurationError(key=f"systems.{self._system}.secret", reason="it can't stand in a header")
        return found

    def _count(self, refused: Mapping[str, str]) -> None:
        now = self._timing.monotonic()
        again = refused == self._refused and now - self._refused_at < _REFUSED_S
        self._refusals = self._refusals + 1 if again else 1
        self._refused, self._refused_at = refused, now


def basic(account: str) -> Form:
    """Return the form of account and password (RFC 7617, UTF-8)."""

    def form(secret: str) -> Mapping[str, str]:
        pair = f"{account_of(account, secret)}:{secret}".encode()
        return {"Authorization": f"Basic {base64.b64encode(pair).decode('ascii')}"}

    return form


def in_header(name: str, prefix: str) -> Form:
    """Return the form of a secret that stands in a header after a prefix."""
    return lambda secret: {name: f"{prefix}{secret}"}


def _bears(sent: Mapping[str, str], shown: Mapping[str, str]) -> bool:
    """Say whether headers that were sent bear what is shown; their names may be written otherwise."""
    lower = {name.lower(): value for name, value in sent.items()}
    return all(lower.get(name.lower()) == value for name, value in shown.items())
