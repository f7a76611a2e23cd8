"""An OpenID provider without a socket, and people who come back from it with whatever it says of them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Any, Literal
from urllib.parse import parse_qs, parse_qsl, urlencode, urlsplit

import httpx2
import jwt
from cryptography.hazmat.primitives.asymmetric import rsa
from jwt.algorithms import RSAAlgorithm

from erp_mcp.bootstrap import Deployment
from erp_mcp.credentials.endpoint import Reply
from erp_mcp.errors import ProviderUnavailableError
from erp_mcp.web import Office, Origin
from tests.unit.cli.people_at_work import Desk
from tests.unit.web.browsing import PORT, Browser, MovableClock

ISSUER = "https://login.example.com/plant"
CALLBACK = "/oidc/callback"
CLIENT_SECRET = "the secret of the client, which is long enough to sign by"
SUBJECTS = {"bob": "sub-bob", "cleo": "sub-cleo"}
SETTINGS = f"""
web:
  oidc:
    issuer: {ISSUER}
    client_id: page
    client_secret: file:page-client.txt
    name: Plant Login
"""


@cache
def key_of(name: str) -> rsa.RSAPrivateKey:
    """Return a key of a provider, one and the same for a name."""
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def jwk_of(name: str) -> dict[str, Any]:
    public: dict[str, Any] = json.loads(RSAAlgorithm.to_jwk(key_of(name).public_key()))
    return {**public, "kid": name, "use": "sig"}


@dataclass(kw_only=True)
class FakeProvider:
    """What answers in the provider's place; `change` alters the claims of its tokens, `header` how they are signed."""

    clock: MovableClock
    change: dict[str, Any] = field(default_factory=dict)
    signed_with: str = "first"
    published: list[str] = field(default_factory=lambda: ["first"])
    token: str = ""
    says: dict[str, Any] = field(default_factory=dict)
    down: bool = False
    asked: list[str] = field(default_factory=list)
    codes: dict[str, dict[str, Any]] = field(default_factory=dict)

    def ask(self, method: Literal["GET", "POST"], url: str, headers: Mapping[str, str], body: bytes) -> Reply:
        self.asked.append(url)
        if self.down:
            raise ProviderUnavailableError(reason="no connection")
        if url.endswith("/.well-known/openid-configuration"):
            told: dict[str, Any] = {
                "issuer": ISSUER,
                "authorization_endpoint": f"{ISSUER}/auth",
                "token_endpoint": f"{ISSUER}/token",
                "jwks_uri": f"{ISSUER}/keys",
                "end_session_endpoint": f"{ISSUER}/end",
                "authorization_response_iss_parameter_supported": True,
            }
            return Reply(status=200, content={**told, **self.says})
        if url.endswith("/keys"):
            return Reply(status=200, content={"keys": [jwk_of(one) for one in self.published]})
        form = dict(parse_qsl(body.decode("ascii")))
        claims = self.codes.pop(form["code"], None)  # a code is good once
        if claims is None:
            return Reply(status=400, content={"error": "invalid_grant"})
        return Reply(status=200, content={"id_token": self.token or self._signed(claims)})

    def grant(self, code: str, **claims: Any) -> None:
        """Let a code be exchanged for a token with these claims."""
        now = int(self.clock.wall().timestamp())
        usual = {"iss": ISSUER, "aud": "page", "iat": now, "exp": now + 300, "auth_time": now, "amr": ["pwd"]}
        self.codes[code] = {**usual, **claims}

    def _signed(self, claims: dict[str, Any]) -> str:
        whole = {name: value for name, value in {**claims, **self.change}.items() if value is not None}
        return jwt.encode(whole, key_of(self.signed_with), algorithm="RS256", headers={"kid": self.signed_with})


@dataclass(kw_only=True)
class Traveller:
    """A browser whose person goes to the provider and comes back."""

    browser: Browser
    provider: FakeProvider

    @classmethod
    def at(cls, deployment: Deployment) -> Traveller:
        clock = MovableClock(deployment.settings.clock)
        deployment.clock = clock
        provider = FakeProvider(clock=clock)
        office = Office(deployment=deployment, origin=Origin(host="127.0.0.1", port=PORT), looks=0, ask=provider.ask)
        browser = Browser(deployment=deployment, clock=clock, office=office, client=Browser.profile(office))
        return cls(browser=browser, provider=provider)

    def another(self) -> Traveller:
        return replace(self, browser=self.browser.another())

    async def leave_for(self, action: str = "/oidc/begin", **fields: str) -> dict[str, str]:
        """Send the form that leads to the provider, and return what the provider is asked."""
        if action == "/oidc/begin":
            await self.browser.get("/sign-in")
        await self.browser.send(action, **fields)
        return self.asked_of_provider()

    def asked_of_provider(self) -> dict[str, str]:
        links = [attrs["href"] for tag, attrs in self.browser.seen.elements if tag == "a" and "href" in attrs]
        (there,) = [one for one in links if one.startswith(ISSUER)]
        return {name: values[0] for name, values in parse_qs(urlsplit(there).query).items()}

    async def come_back(self, asked: Mapping[str, str], subject: str, **other: str) -> httpx2.Response:
        """Come back as `subject`; `other` replaces what the provider puts into the address."""
        self.provider.grant("a-code", nonce=asked["nonce"], sub=subject)
        query = {"code": "a-code", "state": asked["state"], "iss": ISSUER, **other}
        return await self.browser.get(f"{CALLBACK}?{urlencode({k: v for k, v in query.items() if v})}")

    async def sign_in(self, name: str) -> httpx2.Response:
        """Sign in at the provider as a person does who was not."""
        self.browser.client.cookies.clear()
        return await self.come_back(await self.leave_for(), SUBJECTS.get(name, name))

    async def prove(self, name: str = "", **other: str) -> httpx2.Response:
        """Prove anew who one is, from the page at hand."""
        asked = await self.leave_for("/oidc/prove")
        assert (asked["prompt"], asked["max_age"]) == ("login", "0")
        return await self.come_back(asked, SUBJECTS.get(name, name), **other)


def with_accounts(desk: Desk) -> None:
    """Configure the provider, enrol the page's key, bob's account beside his passphrase, and cleo, who has no other."""
    with desk.config.open("a", encoding="utf-8") as file:
        file.write(SETTINGS)
    desk.file("page-client.txt", CLIENT_SECRET)
    assert desk.sign("approvals", "enrol-page", by="ada").exit_code == 0
    for person, subject in SUBJECTS.items():
        words = ["approvals", "enrol", person, "--oidc-subject", subject]
        made = desk.sign(*words, *(["--name", "Cleo Person"] if person == "cleo" else []), by="ada")
        assert made.exit_code == 0, made.output
