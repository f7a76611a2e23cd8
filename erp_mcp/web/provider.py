"""The OpenID provider: what it says of itself, the address that people are sent to, and the code that they bring back.

Everything goes through the one egress: listed origins alone, no redirects, deadlines, small answers.
"""

from __future__ import annotations

import asyncio
import base64
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final, Literal
from urllib.parse import quote_plus, urlencode, urlsplit

from erp_mcp.credentials import grammar
from erp_mcp.credentials.endpoint import Endpoint, Json, Reply
from erp_mcp.credentials.oidc import OidcSettings
from erp_mcp.errors import ConfigurationError, GatewayError, ProviderUnavailableError, SignInRefusedError
from erp_mcp.ports import Clock
from erp_mcp.web.id_token import Claims, Expected, SignedOut, claims_of, key_id_of, signed_out_of

LASTS_S: Final = 36_000  # how long ago a person may have proved who they are when they sign in to the page
_TOLD_FOR: Final = timedelta(hours=1)
_AWAY_FOR: Final = timedelta(seconds=5)
_KEYS_AGAIN_AFTER: Final = timedelta(seconds=10)  # a token with a key unknown makes us ask for keys, not more often
_WORDS: Final = frozenset(
    {
        "access_denied", "account_selection_required", "consent_required", "interaction_required", "invalid_client",
        "invalid_grant", "invalid_request", "invalid_scope", "login_required", "server_error",
        "temporarily_unavailable", "unauthorized_client", "unmet_authentication_requirements", "unsupported_grant_type",
    }
)  # fmt: skip

Ask = Callable[[Literal["GET", "POST"], str, Mapping[str, str], bytes], Reply]


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What the provider says of itself; `end_session` is empty where it offers none."""

    authorization: str
    token: str
    jwks: str
    end_session: str
    names_itself: bool
    at: datetime


@dataclass(kw_only=True)
class Provider:
    """One provider, and what was learnt of it. Safe for several threads.

    `secret` fetches the client's secret; `ask` sends one request.
    """

    settings: OidcSettings
    clock: Clock
    secret: Callable[[], str] = field(repr=False)
    ask: Ask = field(repr=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)
    _told: Told | None = None
    _away_until: datetime | None = None
    _keys: tuple[Mapping[str, Json], ...] = ()
    _keys_at: datetime | None = None

    def told(self) -> Told:
        """Return what the provider says of itself, asked for at most once an hour.

        Raises:
            ProviderUnavailableError: `page.provider_unavailable`.
        """
        with self._lock:
            now = self.clock.wall()
            if self._told is None or now - self._told.at >= _TOLD_FOR:
                if self._away_until is not None and now < self._away_until:
                    raise ProviderUnavailableError(reason="it gave no usable answer moments ago")
                address = f"{self.settings.issuer.rstrip('/')}/.well-known/openid-configuration"
                self._away_until = now + _AWAY_FOR  # whoever asks meanwhile is answered at once
                self._told = self._read(self._asked("GET", address).content, now)
                self._away_until = None
            return self._told

    def address(self, *, state: str, nonce: str, challenge: str, redirect_uri: str, anew: bool) -> str:
        """Return where a browser goes to sign in; `anew` asks the provider to let its person prove who they are now.

        Raises:
            ProviderUnavailableError: `page.provider_unavailable`.
        """
        asked = {
            "response_type": "code",
            "client_id": self.settings.client_id,
            "redirect_uri": redirect_uri,
            "scope": " ".join(self.settings.scopes),
            "state": state,
            "nonce": nonce,
            "code_challenge": challenge,
            "code_challenge_method": "S256",
            "max_age": "0" if anew else str(LASTS_S),
            **({"prompt": "login"} if anew else {}),
            **({"acr_values": self.settings.acr} if anew and self.settings.acr else {}),
        }
        return _with(self.told().authorization, asked)

    def sign_out_address(self, *, id_token: str, back: str) -> str:
        """Return where a browser ends its session at the provider, empty where it offers no such place."""
        end = self.told().end_session
        hint = {"id_token_hint": id_token} if id_token else {}
        asked = {**hint, "client_id": self.settings.client_id, "post_logout_redirect_uri": back}
        return _with(end, asked) if end else ""

    def claims(self, *, code: str, verifier: str, nonce: str, redirect_uri: str) -> tuple[Claims, str]:
        """Return what the token says that a code is exchanged for, and the token.

        Raises:
            SignInRefusedError: `page.sign_in_refused`. ProviderUnavailableError: `page.provider_unavailable`.
        """
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": redirect_uri,
            "code_verifier": verifier,
        }
        shown, more = self._shown()
        headers = {"Accept": "application/json", "Content-Type": "application/x-www-form-urlencoded", **shown}
        reply = self._asked(
            "POST", self.told().token, headers, urlencode({**form, **more}).encode("ascii"), also_no=True
        )
        if reply.status != 200:
            raise SignInRefusedError(reason=known_word(reply.content.get("error")))
        token = reply.content.get("id_token")
        if not isinstance(token, str):
            raise ProviderUnavailableError(reason="its answer has no id_token")
        return claims_of(token, self._keys_for(token), self._expected(nonce)), token

    def signed_out(self, token: str) -> SignedOut:
        """Return what a logout token of the provider says.

        Raises:
            SignInRefusedError: `page.sign_in_refused`. ProviderUnavailableError: `page.provider_unavailable`.
        """
        self.told()
        return signed_out_of(token, self._keys_for(token), self._expected(""))

    def _expected(self, nonce: str) -> Expected:
        return Expected(
            issuer=self.settings.issuer,
            client_id=self.settings.client_id,
            nonce=nonce,
            algorithms=self.settings.algorithms,
            now=self.clock.wall(),
        )

    def _shown(self) -> tuple[dict[str, str], dict[str, str]]:
        """Return headers and form fields that say who asks."""
        client, how = self.settings.client_id, self.settings.client_auth
        if how == "none":
            return {}, {"client_id": client}
        try:
            secret = self.secret()
        except (ConfigurationError, GatewayError):
            raise ProviderUnavailableError(reason="our own secret for it can't be fetched") from None
        if how == "post":
            return {}, {"client_id": client, "client_secret": secret}
        pair = f"{quote_plus(client)}:{quote_plus(secret)}".encode("ascii")  # RFC 6749, 2.3.1
        return {"Authorization": f"Basic {base64.b64encode(pair).decode('ascii')}"}, {}

    def _keys_for(self, token: str) -> tuple[Mapping[str, Json], ...]:
        """Return the provider's keys, asked for again where it may have new ones, or have withdrawn some."""
        wanted, now = key_id_of(token), self.clock.wall()
        with self._lock:
            known = any(one.get("kid") == wanted for one in self._keys) if wanted else bool(self._keys)
            known = known and self._keys_at is not None and now - self._keys_at < _TOLD_FOR
            recent = self._keys_at is not None and now - self._keys_at < _KEYS_AGAIN_AFTER
            if known or recent or self._told is None:
                return self._keys
            found = self._asked("GET", self._told.jwks).content.get("keys")
            self._keys = tuple(one for one in found if isinstance(one, dict)) if isinstance(found, list) else ()
            self._keys_at = now
            return self._keys

    def _asked(
        self,
        method: Literal["GET", "POST"],
        url: str,
        headers: Mapping[str, str] | None = None,
        body: bytes = b"",
        *,
        also_no: bool = False,
    ) -> Reply:
        reply = self.ask(method, url, headers or {"Accept": "application/json"}, body)
        if reply.status != 200 and not (also_no and reply.status in {400, 401, 403}):
            raise ProviderUnavailableError(reason=f"status {reply.status}")
        return reply

    def _read(self, told: Mapping[str, Json], now: datetime) -> Told:
        if told.get("issuer") != self.settings.issuer:
            raise ProviderUnavailableError(reason="it calls itself another issuer than web.oidc.issuer")
        found = {name: self._endpoint(told, f"{name}_endpoint") for name in ("authorization", "token")}
        return Told(
            **found,
            jwks=self._endpoint(told, "jwks_uri"),
            end_session=self._endpoint(told, "end_session_endpoint", missing_is_fine=True),
            names_itself=told.get("authorization_response_iss_parameter_supported") is True,
            at=now,
        )

    def _endpoint(self, told: Mapping[str, Json], name: str, *, missing_is_fine: bool = False) -> str:
        """Return an endpoint that lies at the issuer's own origin, or at one that is listed."""
        address = told.get(name)
        if address is None and missing_is_fine:
            return ""
        try:
            origin = _origin(grammar.safe_url(address.partition("?")[0])) if isinstance(address, str) else ""
        except ValueError:
            origin = ""
        if not isinstance(address, str) or origin not in {_origin(self.settings.issuer), *self.settings.origins}:
            raise ProviderUnavailableError(reason=f"its {name} lies elsewhere; list its origin under web.oidc.origins")
        return address


def known_word(told: Json) -> str:
    """Return a provider's word for a refusal where it is one of the standard's, else `refused`."""
    return told if isinstance(told, str) and told in _WORDS else "refused"


def through_egress(settings: OidcSettings) -> Ask:
    """Return what sends requests to the provider of these settings."""

    def ask(method: Literal["GET", "POST"], url: str, headers: Mapping[str, str], body: bytes) -> Reply:
        endpoint = Endpoint(
            system="web", kept="OpenID provider", url=url, networks=settings.networks, ca_file=settings.ca_file
        )
        try:
            return asyncio.run(endpoint.ask(method, "", headers=headers, body=body))
        except GatewayError as failure:
            raise ProviderUnavailableError(reason=str(failure.facts.get("reason", failure.code))) from None

    return ask


def _with(address: str, asked: Mapping[str, str]) -> str:
    return f"{address}{'&' if '?' in address else '?'}{urlencode(asked)}"


def _origin(address: str) -> str:
    parts = urlsplit(address)
    return f"{parts.scheme}://{parts.netloc}".lower()
