"""Fetched tokens: what is asked, what an answer must be, and how many requests it takes."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from erp_mcp.credentials import Identity
from erp_mcp.credentials.identities import SignIn, identity_of
from erp_mcp.credentials.settings import AuthSettings
from erp_mcp.errors import ConfigurationError, SecretUnavailableError, SystemRefusedError
from tests.guarantees import guarantees
from tests.moments import Ticks, settled, still
from tests.unit.credentials.service import Asked, Kept, Said, Service, no_key

GRANT = "urn:ietf:params:oauth:grant-type:token-exchange"


def numbered(service: Service, **more: Any) -> Callable[[Asked], Said]:
    """Return an endpoint that gives a new token each time."""

    def answer(asked: Asked) -> Said:
        content = {"access_token": f"token-{len(service.asked)}", "token_type": "Bearer", "expires_in": 100, **more}
        return Said(content=content)

    return answer


def identity(
    service: Service,
    *,
    ticks: Ticks | None = None,
    secret: Kept | None = None,
    subject: Kept | None = None,
    **more: Any,
) -> Identity:
    """Return the identity of a client at the service."""
    auth = replace(AuthSettings(kind="client_credentials", token_url=f"{service.url}/token"), **more)
    told = SignIn(
        system="erp",
        account="client:1",
        auth=auth,
        secret=secret or Kept("s€cret &1"),
        subject=subject,
        now=lambda: 1_000_000,
    )
    return identity_of(told, still(ticks or Ticks()))


def silent(asked: Asked) -> Said:
    """Answer nothing useful; replaced before it matters."""
    return Said(status=500)


@guarantees("identity.as_told")
async def test_client_credentials_are_asked_for_as_the_standard_has_it() -> None:
    """Id and secret are form-encoded before they are joined (RFC 6749, 2.3.1); empty fields are left out."""
    async with Service(silent) as service:
        service.answers = numbered(service)
        borne = await identity(service, scopes=("a", "b"), audience="https://erp.example").headers()

        asked = service.asked[0]
        pair = base64.b64decode(asked.headers["authorization"].removeprefix("Basic "))
        assert borne == {"Authorization": "Bearer token-1"}
        assert pair == b"client%3A1:s%E2%82%ACcret+%261"
        assert asked.form == {"grant_type": "client_credentials", "scope": "a b", "audience": "https://erp.example"}
        assert (asked.method, asked.path) == ("POST", "/token")


@guarantees("identity.as_told")
@pytest.mark.parametrize(
    ("client_auth", "sent"),
    [
        ("post", {"grant_type": "client_credentials", "client_id": "client:1", "client_secret": "s€cret &1"}),
        ("none", {"grant_type": "client_credentials", "client_id": "client:1"}),
    ],
)
async def test_a_client_may_say_who_it_is_in_the_body(client_auth: str, sent: dict[str, str]) -> None:
    """`none` is for clients that a certificate speaks for."""
    async with Service(silent) as service:
        service.answers = numbered(service)
        await identity(service, client_auth=client_auth).headers()

        assert service.asked[0].form == sent
        assert "authorization" not in service.asked[0].headers


@guarantees("identity.as_told")
async def test_a_token_is_exchanged_as_the_standard_has_it() -> None:
    """RFC 8693: the subject's token and its type, and what the new one is for."""
    async with Service(silent) as service:
        service.answers = numbered(service, issued_token_type="urn:x")
        more: dict[str, Any] = {
            "kind": "token_exchange",
            "audience": "erp",
            "requested_token_type": "urn:x",
            "scopes": ("s",),
        }
        await identity(service, subject=Kept("the-subject"), **more).headers()

        assert service.asked[0].form == {
            "grant_type": GRANT,
            "subject_token": "the-subject",
            "subject_token_type": "urn:ietf:params:oauth:token-type:access_token",
            "requested_token_type": "urn:x",
            "scope": "s",
            "audience": "erp",
        }


@guarantees("P9.bounded", "P8.secrets_stay")
@pytest.mark.parametrize(
    "said",
    [
        Said(content={"token_type": "Bearer", "expires_in": 100}),
        Said(content={"access_token": "", "token_type": "Bearer"}),
        Said(content={"access_token": 17, "token_type": "Bearer"}),
        Said(content={"access_token": "canary with space", "token_type": "Bearer"}),
        Said(content={"access_token": "canary\r\nX: y", "token_type": "Bearer"}),
        Said(content={"access_token": "c" * 17_000, "token_type": "Bearer"}),
        Said(content={"access_token": "canary", "token_type": "mac"}),
        Said(content={"access_token": "canary", "token_type": "DPoP"}),
        Said(content={"access_token": "canary"}),
        Said(content={"access_token": "canary", "token_type": "Bearer", "expires_in": 0}),
        Said(content={"access_token": "canary", "token_type": "Bearer", "expires_in": -5}),
        Said(content={"access_token": "canary", "token_type": "Bearer", "expires_in": True}),
        Said(content={"access_token": "canary", "token_type": "Bearer", "expires_in": "soon"}),
        Said(content={"access_token": "canary", "token_type": "Bearer", "expires_in": [1]}),
        Said(raw=b'{"access_token": "canary", "token_type": "Bearer", "expires_in": NaN}'),
        Said(raw=b'{"access_token": "canary", "access_token": "other", "token_type": "Bearer"}'),
        Said(content=["canary"]),
        Said(raw=b"<html>canary</html>", headers={"Content-Type": "text/html"}),
        Said(raw=b"[" * 100_000),
        Said(raw=b'{"access_token": "' + b"c" * 300_000 + b'"}'),
        Said(raw=b""),
        Said(raw=b"\xff\xfe"),
        Said(status=302, content={}, headers={"Location": "https://canary.example/token"}),
        Said(status=500, raw=b"canary at line 7"),
        Said(status=404, raw=b"canary"),
    ],
)
async def test_an_answer_that_is_no_token_is_not_used_and_not_repeated(said: Said) -> None:
    """Whatever a token endpoint says instead: one stable code, and nothing of its text."""
    async with Service(lambda _: said) as service:
        with pytest.raises(SecretUnavailableError) as refused:
            await identity(service).headers()

    assert refused.value.facts["kept"] == "token endpoint"
    assert "canary" not in f"{refused.value!s}{refused.value!r}{refused.value.facts}"


@guarantees("P10.rotation")
@pytest.mark.parametrize(
    ("told", "good_s"), [("3600", 3570), (100, 90), (10**9, 86_370), (10**400, 86_370), (None, 270), (2.5, 2.25)]
)
async def test_a_token_is_replaced_by_how_long_it_is_good(told: Any, good_s: float) -> None:
    """Text for numbers, none at all and absurd ones: at most a day, at 80 %, and never used in its last moments."""
    ticks = Ticks()
    async with Service(silent) as service:
        service.answers = numbered(service, expires_in=told)
        one = identity(service, ticks=ticks)
        await one.headers()
        ticks.now += 0.8 * good_s - 0.01
        await one.headers()
        await settled()
        assert len(service.asked) == 1
        ticks.now += 0.02
        await one.headers()
        await settled()
        assert len(service.asked) == 2


@guarantees("P10.rotation")
async def test_a_token_that_has_run_out_while_nobody_asked_is_never_borne() -> None:
    """After a night without calls the first one fetches, and waits for it."""
    ticks = Ticks()
    async with Service(silent) as service:
        service.answers = numbered(service)
        one = identity(service, ticks=ticks)
        await one.headers()
        ticks.now += 91

        assert await one.headers() == {"Authorization": "Bearer token-2"}


@guarantees("P9.one_sign_in")
async def test_a_hundred_refusals_at_once_are_one_fetch() -> None:
    """All bore the same token; whoever is refused later than the fetch takes what it brought."""
    ticks = Ticks()
    async with Service(silent) as service:
        service.answers = numbered(service)
        one = identity(service, ticks=ticks)
        refused = await one.headers()
        ticks.now += 20

        assert await asyncio.gather(*(one.after_refusal(refused) for _ in range(100))) == [True] * 100
        assert len(service.asked) == 2
        assert await one.after_refusal(refused)
        assert len(service.asked) == 2
        assert await one.headers() == {"Authorization": "Bearer token-2"}


@guarantees("P9.one_sign_in")
async def test_a_new_token_that_is_refused_is_not_replaced_again_and_again() -> None:
    """The system does not want this client; another token would be refused as well."""
    ticks = Ticks()
    async with Service(silent) as service:
        service.answers = numbered(service)
        one = identity(service, ticks=ticks)

        for _ in range(20):
            assert not await one.after_refusal(await one.headers())

        assert len(service.asked) == 1


@guarantees("P9.one_sign_in")
@pytest.mark.parametrize("error", ["invalid_client", "invalid_scope", "unauthorized_client", "canary-error"])
async def test_a_refusal_of_the_endpoint_stands_for_a_minute(error: str) -> None:
    """Each try counts towards a lock-out; errors of the standard are named, others are not repeated."""
    ticks = Ticks()
    async with Service(lambda _: Said(status=400, content={"error": error, "error_description": "canary"})) as service:
        one = identity(service, ticks=ticks)
        for _ in range(30):
            with pytest.raises(SystemRefusedError, match="sign-in: ") as refused:
                await one.headers()
            assert "canary" not in str(refused.value)
            ticks.now += 1

        assert len(service.asked) == 1
        ticks.now += 31
        with pytest.raises(SystemRefusedError):
            await one.headers()
        assert len(service.asked) == 2


@guarantees("P10.rotation")
async def test_a_newer_secret_is_tried_at_once() -> None:
    """The endpoint was told of it before we were."""

    class Newer(Kept):
        async def after_refusal(self, refused: str) -> str:
            self.secret = "new"
            return self.secret

    def answer(asked: Asked) -> Said:
        if asked.form["client_secret"] == "new":
            return Said(content={"access_token": "t", "token_type": "bearer", "expires_in": 60})
        return Said(status=401, content={"error": "invalid_client"})

    async with Service(answer) as service:
        one = identity(service, secret=Newer("old"), client_auth="post")

        assert await one.headers() == {"Authorization": "Bearer t"}
        assert len(service.asked) == 2


@guarantees("P10.bridged")
async def test_an_endpoint_that_is_away_is_bridged_while_the_token_is_good() -> None:
    """And reads of the system go on without noticing."""
    ticks = Ticks()
    async with Service(silent) as service:
        service.answers = numbered(service)
        one = identity(service, ticks=ticks)
        await one.headers()
        await service.refuse()
        ticks.now += 85

        assert await one.headers() == {"Authorization": "Bearer token-1"}
        await settled()
        assert await one.headers() == {"Authorization": "Bearer token-1"}
        ticks.now += 10
        with pytest.raises(SecretUnavailableError):
            await one.headers()


@guarantees("P8.secrets_stay")
async def test_closing_forgets_the_token() -> None:
    """What is closed holds nothing that a dump of memory would show."""
    async with Service(silent) as service:
        service.answers = numbered(service)
        one = identity(service)
        await one.headers()
        await one.close()

        assert await one.headers() == {"Authorization": "Bearer token-2"}


@pytest.mark.parametrize("key", ["canary", "", no_key()], ids=["a word", "nothing", "a frame"])
@guarantees("P8.secrets_stay", "input.clear_errors")
async def test_a_key_that_is_none_is_refused_unseen(key: str) -> None:
    """A reference to the wrong file is the likely cause; the file's text stays where it is."""
    async with Service(silent) as service:
        one = identity(service, secret=Kept(key), client_auth="private_key_jwt", algorithm="RS256")
        with pytest.raises(ConfigurationError) as refused:
            await one.headers()

    assert "canary" not in str(refused.value)
    assert not service.asked


@guarantees("identity.as_told")
async def test_an_assertion_is_short_lived_and_never_the_same() -> None:
    """Two minutes ahead, half a minute back for a clock that runs fast, and an id of its own each time."""
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    pem = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()
    async with Service(silent) as service:
        service.answers = numbered(service)
        more: dict[str, Any] = {"client_auth": "private_key_jwt", "algorithm": "ES256", "key_id": "k1"}
        for _ in range(2):
            await identity(service, secret=Kept(pem), **more).headers()
        with pytest.raises(ConfigurationError):
            await identity(service, secret=Kept(pem), **{**more, "algorithm": "RS256"}).headers()
        parts = [asked.form["client_assertion"].split(".") for asked in service.asked]

    heads, claims = ([json.loads(_decoded(part[at])) for part in parts] for at in (0, 1))
    assert heads[0] == {"alg": "ES256", "typ": "JWT", "kid": "k1"}
    assert claims[0].pop("jti") != claims[1].pop("jti")
    assert claims[0] == claims[1]
    assert (claims[0]["iss"], claims[0]["sub"], claims[0]["aud"]) == ("client:1", "client:1", f"{service.url}/token")
    assert (claims[0]["iat"], claims[0]["exp"]) == (999_970, 1_000_120)


def _decoded(part: str) -> bytes:
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))


@guarantees("P9.egress")
@pytest.mark.parametrize("host", ["169.254.169.254", "[fd00:ec2::254]", "2130706433"])
async def test_a_token_endpoint_may_not_lead_to_where_clouds_answer_with_credentials(host: str) -> None:
    """The same rules as for systems; a network that is meant is listed under `networks` of `auth`."""
    auth = AuthSettings(kind="client_credentials", token_url=f"https://{host}/token")
    one = identity_of(SignIn(system="erp", account="c", auth=auth, secret=Kept("canary"), now=lambda: 0))

    with pytest.raises(SecretUnavailableError) as refused:
        await one.headers()

    assert "not allowed" in str(refused.value)
