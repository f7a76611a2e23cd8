"""HashiCorp Vault or OpenBao: signing in, and reading with a token that is renewed before it ends."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Final, Literal

from erp_mcp.credentials.endpoint import Endpoint, Json, Reply
from erp_mcp.credentials.refreshing import Fetched, Refreshing, Timing
from erp_mcp.credentials.settings import VaultSettings
from erp_mcp.errors import ConfigurationError, SecretUnavailableError
from erp_mcp.ports import SecretSource

KEPT: Final = "vault"
_LONGEST_S: Final = 1e9  # whatever an answer says; a whole number may have more digits than any clock
_FOR_EVER_S: Final = 3600.0  # how often a token that never ends is looked up
_NEW_TOKEN_BELOW: Final = 0.5  # of its first time: a token that can't be renewed for longer is about to reach its end
_MEANINGS: Final = {
    "status 429": "too many requests, or a standby",
    "status 472": "a standby",
    "status 473": "a standby",
    "status 503": "sealed or down",
}
_OK: Final = 200
_NO_CONTENT: Final = 204
_BAD_REQUEST: Final = 400
_FORBIDDEN: Final = 403
_NOT_FOUND: Final = 404


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    """A token of the vault: `serial` tells one sign-in from the next, whose leases end with it."""

    text: str = field(repr=False)
    serial: int
    ttl_s: float
    first_ttl_s: float
    renewable: bool


class Vault:
    """The vault of a deployment, as one account of it sees it."""

    def __init__(self, settings: VaultSettings, secret: SecretSource, timing: Timing) -> None:
        """Contact nothing yet; `secret` is what signs us in: the token, or the AppRole's secret id."""
        self._settings = settings
        self._secret = secret
        self._endpoint = Endpoint(
            system="vault",
            kept=KEPT,
            url=settings.url,
            networks=settings.networks,
            ca_file=settings.ca_file,
            meanings=_MEANINGS,
        )
        self._held: Token | None = None
        self._signed_in_times = 0
        self._token: Refreshing[Token] = Refreshing(self._renewed_or_new, timing)

    @property
    def settings(self) -> VaultSettings:
        """Where it is, and how long what it gives may be kept."""
        return self._settings

    async def token(self) -> Token:
        """Return the token that is in use.

        Raises:
            SecretUnavailableError: `credentials.unavailable`. ConfigurationError: `settings.bad_configuration`.
        """
        return await self._token.current()

    async def ask(self, method: Literal["GET", "POST"], path: str, content: Mapping[str, Json] | None = None) -> Reply:
        """Ask with our token, once more after signing in anew where the vault does not know the token any more.

        Raises:
            SecretUnavailableError: `credentials.unavailable`, when the vault is down, sealed or too busy.
            ConfigurationError: `settings.bad_configuration`, when it refuses us.
        """
        token = await self._token.current()
        reply = await self._asked(method, path, token, content)
        if reply.status == _FORBIDDEN and not await self._is_known(token):
            self._held = None
            token = await self._token.renewed(token)
            reply = await self._asked(method, path, token, content)
        if reply.status == _FORBIDDEN:
            raise refused(f"the vault does not let this account at {path}")
        return reply

    async def mount_of(self, path: str) -> Mapping[str, Json]:
        """Return what the vault says of the mount that a path is in; nothing where it does not say."""
        reply = await self.ask("GET", f"sys/internal/ui/mounts/{path}")
        found = reply.content.get("data")
        return found if reply.status == _OK and isinstance(found, dict) else {}

    async def _asked(
        self, method: Literal["GET", "POST"], path: str, token: Token | None, content: Mapping[str, Json] | None = None
    ) -> Reply:
        headers = {"Accept": "application/json", "X-Vault-Request": "true"}
        if token is not None:
            headers["X-Vault-Token"] = token.text
        if self._settings.namespace:
            headers["X-Vault-Namespace"] = self._settings.namespace
        body = b""
        if content is not None:
            headers["Content-Type"] = "application/json"
            body = json.dumps(content).encode()
        reply = await self._endpoint.ask(method, f"/v1/{path}", headers=headers, body=body)
        if reply.status not in {_OK, _NO_CONTENT, _BAD_REQUEST, _FORBIDDEN, _NOT_FOUND}:
            raise self._endpoint.unavailable(f"status {reply.status}")
        return reply

    async def _is_known(self, token: Token) -> bool:
        """Say whether the vault still knows a token that was refused; only then the refusal is about the path."""
        return (await self._asked("GET", "auth/token/lookup-self", token)).status == _OK

    async def _renewed_or_new(self) -> Fetched[Token]:
        held = self._held
        found = await self._renewed(held) if held is not None and held.renewable else None
        found = found or await self._signed_in()
        self._held = found
        return Fetched(value=found, good_s=found.ttl_s)

    async def _renewed(self, token: Token) -> Token | None:
        """Return a token renewed in place, `None` when it nears its last end, is gone, or can't be renewed now."""
        try:
            reply = await self._asked("POST", "auth/token/renew-self", token, {})
        except SecretUnavailableError:
            return None
        found = _token_of(reply, "auth", token.serial, text=token.text)
        if found is None or found.ttl_s < _NEW_TOKEN_BELOW * token.first_ttl_s:
            return None
        return replace(token, ttl_s=found.ttl_s, renewable=found.renewable)

    async def _signed_in(self) -> Token:
        secret = await self._secret.current()
        found = await self._sign_in(secret)
        if found is None:
            newer = await self._secret.after_refusal(secret)
            found = await self._sign_in(newer) if newer != secret else None
        if found is None:
            raise refused(f"the vault refuses the sign-in ({self._settings.auth.kind})")
        return found

    async def _sign_in(self, secret: str) -> Token | None:
        """Return a token, `None` where the vault refuses what was shown to it."""
        auth = self._settings.auth
        self._signed_in_times += 1
        serial = self._signed_in_times
        if auth.kind == "token":
            shown = Token(text=secret, serial=serial, ttl_s=0, first_ttl_s=0, renewable=False)
            return _token_of(await self._asked("GET", "auth/token/lookup-self", shown), "data", serial, text=secret)
        pair: Mapping[str, Json] = {"role_id": auth.role_id, "secret_id": secret}
        return _token_of(await self._asked("POST", f"auth/{auth.mount}/login", None, pair), "auth", serial)


def refused(reason: str) -> ConfigurationError:
    """Return the error for what no repetition will mend."""
    return ConfigurationError(key="secret", reason=reason)


def seconds(value: Json) -> float:
    """Return a number of seconds that an answer names; zero for anything else."""
    if not isinstance(value, int | float) or isinstance(value, bool) or not value > 0:
        return 0.0
    return float(min(value, _LONGEST_S))


def _token_of(reply: Reply, part: str, serial: int, *, text: str = "") -> Token | None:
    found = reply.content.get(part)
    if reply.status != _OK or not isinstance(found, dict):
        return None
    ttl_s = seconds(found.get("lease_duration" if part == "auth" else "ttl"))
    named = text or found.get("client_token")
    if not isinstance(named, str) or not named or not named.isascii() or not named.isprintable():
        raise SecretUnavailableError(system="vault", kept=KEPT, reason="not an answer to the sign-in")
    renewable = found.get("renewable") is True and ttl_s > 0
    ttl_s = ttl_s or _FOR_EVER_S
    return Token(text=named, serial=serial, ttl_s=ttl_s, first_ttl_s=ttl_s, renewable=renewable)
