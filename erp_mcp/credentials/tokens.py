"""Asking a token endpoint (OAuth 2.0: client credentials, RFC 8693 exchange), and what an answer must be."""

from __future__ import annotations

import base64
import logging
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import quote_plus, urlencode

from erp_mcp.credentials.endpoint import Endpoint, Json, Reply
from erp_mcp.credentials.refreshing import Fetched
from erp_mcp.credentials.settings import AuthSettings
from erp_mcp.errors import SecretUnavailableError, SystemRefusedError
from erp_mcp.ports import SecretSource

KEPT: Final = "token endpoint"
EXCHANGE: Final = "urn:ietf:params:oauth:grant-type:token-exchange"
ACCESS_TOKEN: Final = "urn:ietf:params:oauth:token-type:access_token"  # noqa: S105 - a name, no secret

_log: Final = logging.getLogger("erp_mcp")
_DEFAULT_GOOD_S: Final = 300.0  # where the answer does not say how long
_LONGEST_GOOD_S: Final = 86_400.0
_SHORTEST_GOOD_S: Final = 1.0
_MARGIN: Final = 0.1  # of its time, at most 30 s, in which a token is not used any more: it must live until it arrives
_LONGEST_MARGIN_S: Final = 30.0
_TOKEN: Final = re.compile(r"[\x21-\x7e]{1,16384}")
_OK: Final = 200
_SECRET_REFUSED: Final = "invalid_client"  # noqa: S105 - a name, no secret
_GRANT_REFUSED: Final = frozenset({"invalid_grant", "invalid_request"})
_KNOWN: Final = frozenset(
    {
        "invalid_client", "invalid_grant", "invalid_request", "invalid_scope", "invalid_target", "unauthorized_client",
        "unsupported_grant_type", "access_denied",
    }
)  # fmt: skip


class RefusedError(Exception):
    """The endpoint said no; `error` is one of the words of RFC 6749 and 8693, or empty."""

    def __init__(self, error: str) -> None:
        """Keep the word."""
        super().__init__(error)
        self.error = error


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenClient:
    """One client at one token endpoint."""

    system: str
    auth: AuthSettings
    client: str
    endpoint: Endpoint
    secret: SecretSource | None = field(default=None, repr=False)
    now: Callable[[], int]

    async def credentials_token(self, scopes: tuple[str, ...]) -> Fetched[str]:
        """Return a token for ourselves.

        Raises:
            SystemRefusedError: `adapter.refused`, reason `sign-in: …`. SecretUnavailableError:
            `credentials.unavailable`. ConfigurationError: `settings.bad_configuration`.
        """
        aim = self._aim(scopes) if self.auth.kind == "client_credentials" else {"scope": " ".join(scopes)}
        try:
            return await self._granted({"grant_type": "client_credentials", **aim}, scopes)
        except RefusedError as refusal:
            raise self._refused(refusal) from None

    async def exchanged_token(self, subject: SecretSource) -> Fetched[str]:
        """Return the token that another one is exchanged for; a refused one is asked for anew, once.

        Raises:
            as `credentials_token`.
        """
        token = await subject.current()
        try:
            return await self._exchanged(token)
        except RefusedError as refusal:
            newer = await subject.after_refusal(token) if refusal.error in _GRANT_REFUSED else token
            if newer == token:
                raise self._refused(refusal) from None
        try:
            return await self._exchanged(newer)
        except RefusedError as refusal:
            raise self._refused(refusal) from None

    async def _exchanged(self, token: str) -> Fetched[str]:
        wanted = self.auth.requested_token_type
        return await self._granted(
            {
                "grant_type": EXCHANGE,
                "subject_token": token,
                "subject_token_type": self.auth.subject_token_type or ACCESS_TOKEN,
                "requested_token_type": wanted,
                **self._aim(self.auth.scopes),
            },
            self.auth.scopes,
        )

    def _aim(self, scopes: tuple[str, ...]) -> dict[str, str]:
        return {"scope": " ".join(scopes), "audience": self.auth.audience, "resource": self.auth.resource}

    async def _granted(self, grant: Mapping[str, str], scopes: tuple[str, ...]) -> Fetched[str]:
        """Ask, once more with a newer secret where there is one."""
        secret = await self.secret.current() if self.secret is not None else ""
        try:
            reply = await self._asked(grant, secret)
        except RefusedError as refusal:
            if refusal.error != _SECRET_REFUSED or self.secret is None:
                raise
            newer = await self.secret.after_refusal(secret)
            if newer == secret:
                raise
            reply = await self._asked(grant, newer)
        return self._token_of(reply, scopes)

    async def _asked(self, grant: Mapping[str, str], secret: str) -> Reply:
        shown, form = self._shown(secret)
        body = urlencode({name: value for name, value in {**grant, **form}.items() if value}).encode("ascii")
        headers = {"Accept": "application/json", "Content-Type": "application/x-www-form-urlencoded", **shown}
        reply = await self.endpoint.ask("POST", "", headers=headers, body=body)
        if reply.status in {400, 401, 403}:
            error = reply.content.get("error")
            raise RefusedError(error if isinstance(error, str) and error in _KNOWN else "")
        if reply.status != _OK:
            raise self.endpoint.unavailable(f"status {reply.status}")
        return reply

    def _shown(self, secret: str) -> tuple[dict[str, str], dict[str, str]]:
        """Return headers and form fields that say who asks."""
        how = self.auth.client_auth
        if how == "basic":
            pair = f"{quote_plus(self.client)}:{quote_plus(secret)}".encode("ascii")  # RFC 6749, 2.3.1
            return {"Authorization": f"Basic {base64.b64encode(pair).decode('ascii')}"}, {}
        if how == "post":
            return {}, {"client_id": self.client, "client_secret": secret}
        if how == "none":
            return {}, {"client_id": self.client}
        from erp_mcp.credentials.assertion import TYPE, assertion

        signed = assertion(
            key=secret,
            key_id=self.auth.key_id,
            algorithm=self.auth.algorithm,
            client=self.client,
            audience=self.auth.token_url,
            now=self.now(),
        )
        return {}, {"client_id": self.client, "client_assertion_type": TYPE, "client_assertion": signed}

    def _token_of(self, reply: Reply, scopes: tuple[str, ...]) -> Fetched[str]:
        content = reply.content
        token, kind = content.get("access_token"), content.get("token_type")
        if not isinstance(token, str) or not _TOKEN.fullmatch(token):
            raise self._bad("no usable access_token")
        if not isinstance(kind, str) or kind.lower() != "bearer":
            raise self._bad("token_type is not Bearer")
        issued = content.get("issued_token_type")
        wanted = self.auth.requested_token_type
        if self.auth.kind == "token_exchange" and wanted and issued not in {None, wanted}:
            raise self._bad("issued_token_type is not the one requested")
        self._note_scopes(content.get("scope"), scopes)
        good_s = self._good_s(content.get("expires_in"))
        return Fetched(value=token, good_s=good_s - min(_LONGEST_MARGIN_S, _MARGIN * good_s))

    def _good_s(self, told: Json) -> float:
        if told is None:
            return _DEFAULT_GOOD_S
        if isinstance(told, str) and told.isascii() and told.isdecimal() and len(told) < 12:
            told = int(told)  # some servers write it as text
        if isinstance(told, bool) or not isinstance(told, int | float) or not told >= _SHORTEST_GOOD_S:
            raise self._bad("expires_in is no number of seconds above zero")
        return float(min(told, _LONGEST_GOOD_S))  # in this order: a whole number may be too large for a float

    def _note_scopes(self, granted: Json, wanted: tuple[str, ...]) -> None:
        """Say in the log when a token may do less than was asked for; servers drop scopes silently."""
        if not isinstance(granted, str):
            return
        missing = sorted(set(wanted) - set(granted.split()))
        if missing:
            _log.warning("system %s: the token endpoint did not grant %s", self.system, " ".join(missing))

    def _bad(self, reason: str) -> SecretUnavailableError:
        return self.endpoint.unavailable(f"its answer can't be used: {reason}")

    def _refused(self, refusal: RefusedError) -> SystemRefusedError:
        return SystemRefusedError(system=self.system, reason=f"sign-in: {refusal.error or 'refused'}")
