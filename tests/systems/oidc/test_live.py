"""Identities against a certified OpenID provider: what its tokens, refusals and clocks really do to us."""

from __future__ import annotations

import asyncio
import base64
import itertools
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from erp_mcp.bootstrap import SystemClock
from erp_mcp.credentials import Identity
from erp_mcp.credentials.identities import SignIn, identity_of
from erp_mcp.credentials.refreshing import Timing
from erp_mcp.credentials.settings import AuthSettings
from erp_mcp.credentials.sources import secret_source
from erp_mcp.egress import Egress, Origin
from erp_mcp.errors import SecretUnavailableError, SystemRefusedError
from tests.guarantees import guarantees
from tests.moments import Ticks, settled, still
from tests.systems.oidc.server import Rig

pytestmark = pytest.mark.live


def auth(oidc: Rig, **more: Any) -> AuthSettings:
    """Return how a client signs in at the provider."""
    return replace(AuthSettings(kind="client_credentials", token_url=oidc.token_url, scopes=("erp.read",)), **more)


def secret_file(folder: Path, name: str, secret: str) -> Path:
    """Write a secret as its owner would, in place of what was there."""
    path = folder / name
    new = folder / f"{name}.new"
    new.touch(mode=0o600)
    new.write_text(secret, encoding="utf-8")
    return new.replace(path)


def signed_in(
    folder: Path, client: str, how: AuthSettings, *, secret: str = "", timing: Timing | None = None, subject: str = ""
) -> Identity:
    """Return the identity of a client whose secret lies in a file of its name."""
    if secret:
        secret_file(folder, client, secret)
    return identity_of(
        SignIn(
            system="erp",
            account=client,
            auth=how,
            secret=secret_source(f"file:{client}", root=folder),
            subject=secret_source(subject, root=folder) if subject else None,
            now=lambda: int(SystemClock("").wall().timestamp()),  # the provider looks at the clock too
        ),
        timing or still(Ticks()),
    )


def lasts_s(token: str) -> int:
    """Return how many seconds a token is good for, as it says itself."""
    claims = json.loads(base64.urlsafe_b64decode(token.split(".")[1] + "=="))
    return int(claims["exp"]) - int(claims["iat"])


@asynccontextmanager
async def api(oidc: Rig, identity: Identity) -> AsyncIterator[Callable[[], Awaitable[Any]]]:
    """Yield what asks the protected resource whom it sees."""
    origin, numbers = Origin.of(oidc.api_url), itertools.count()
    assert origin is not None
    async with Egress(system="erp", allowed=[origin], identity=identity) as egress:

        async def ask() -> Any:
            headers = {"X-Ask": str(next(numbers))}  # identical reads under way would be one
            answer = await egress.send("GET", oidc.api_url, headers=headers)
            return json.loads(answer.body) if answer.status == 200 else answer.status

        yield ask


@guarantees("P9.one_sign_in")
async def test_twenty_requests_at_once_fetch_one_token(oidc: Rig, tmp_path: Path) -> None:
    """Starting up must not be an attack on the provider."""
    identity = signed_in(tmp_path, "reader", auth(oidc), secret=oidc.secret("reader"))
    before = oidc.count("token")

    borne = await asyncio.gather(*(identity.headers() for _ in range(20)))

    assert oidc.count("token") - before == 1
    assert len({one["Authorization"] for one in borne}) == 1
    async with api(oidc, identity) as ask:
        assert (await ask())["client"] == "reader"


@guarantees("P10.rotation")
async def test_a_revoked_token_is_replaced_once_for_all_who_were_refused(oidc: Rig, tmp_path: Path) -> None:
    """Ten reads meet 401 at once; each succeeds at its second try, and the provider is asked one time."""
    ticks = Ticks()
    identity = signed_in(tmp_path, "reader", auth(oidc), secret=oidc.secret("reader"), timing=still(ticks))
    token = (await identity.headers())["Authorization"].removeprefix("Bearer ")
    oidc.revoke("reader", oidc.secret("reader"), token)
    ticks.now += 11.0
    before = oidc.count("token")

    async with api(oidc, identity) as ask:
        seen = await asyncio.gather(*(ask() for _ in range(10)))

    assert [one["client"] for one in seen] == ["reader"] * 10
    assert oidc.count("token") - before == 1


@guarantees("P10.rotation")
@pytest.mark.parametrize(
    ("every_s", "uses", "fetches"),
    [
        pytest.param(20, 28, 6, id="often: fetched beside its use, at the first use after 81 of 120 s"),
        pytest.param(110, 6, 6, id="shortly before its end: it might run out on its way, so it is fetched first"),
        pytest.param(120, 6, 6, id="at its end"),
        pytest.param(500, 6, 6, id="long after its end"),
    ],
)
async def test_a_token_is_replaced_before_it_runs_out(
    oidc: Rig, tmp_path: Path, every_s: int, uses: int, fetches: int
) -> None:
    """However often it is used: no token is ever borne as long as it is good for, and each is fetched once."""
    ticks, issued, ages = Ticks(), dict[str, float](), list[float]()
    timing = Timing(monotonic=ticks, chance=lambda: 0.5)
    how = auth(oidc, resource=oidc.audience("erp"))
    identity = signed_in(tmp_path, "reader", how, secret=oidc.secret("reader"), timing=timing)
    before, seen = oidc.count("token"), []
    origin = Origin.of(oidc.api_url)
    assert origin is not None

    async with Egress(system="erp", allowed=[origin]) as egress:  # without the identity: nothing hides a 401
        for _ in range(uses):
            borne = await identity.headers()
            token = borne["Authorization"].removeprefix("Bearer ")
            seen.append((await egress.send("GET", oidc.api_url, headers=borne)).status)
            await settled()
            kept = (await identity.headers())["Authorization"].removeprefix("Bearer ")
            issued |= {one: ticks.now for one in (token, kept) if one not in issued}
            ages.append((ticks.now - issued[token]) / lasts_s(token))
            ticks.now += every_s

    assert set(seen) == {200}
    assert max(ages) < 1
    assert oidc.count("token") - before == len(issued) == fetches


@guarantees("P10.rotation")
async def test_a_client_secret_changed_in_its_file_is_used_without_a_restart(oidc: Rig, tmp_path: Path) -> None:
    """The administrator changes both sides; the next token is fetched with what the file holds then."""
    ticks = Ticks()
    identity = signed_in(tmp_path, "writer", auth(oidc), secret=oidc.secret("writer"), timing=still(ticks))
    first = await identity.headers()
    oidc.change_client("writer", client_secret="another-secret-of-the-writer")
    ticks.now += 100.0
    with pytest.raises(SystemRefusedError) as refused:
        await identity.headers()
    with pytest.raises(SystemRefusedError):
        await identity.headers()
    asked = oidc.count("token")
    secret_file(tmp_path, "writer", "another-secret-of-the-writer")

    second = await identity.headers()

    assert refused.value.facts == {"system": "erp", "reason": "sign-in: invalid_client"}
    assert oidc.count("token") - asked == 1
    assert first != second
    oidc.change_client("writer", client_secret=oidc.secret("writer"))


@guarantees("identity.as_told")
async def test_a_token_is_exchanged_for_one_of_the_system_that_names_who_asked(oidc: Rig, tmp_path: Path) -> None:
    """RFC 8693: the audience is the system's, the subject stays, and the actor is the gateway."""
    secret_file(tmp_path, "subject", await opaque_token(oidc, tmp_path))
    how = auth(oidc, kind="token_exchange", audience=oidc.audience("erp"))
    identity = signed_in(tmp_path, "gateway", how, secret=oidc.secret("gateway"), subject="file:subject")

    async with api(oidc, identity) as ask:
        seen = await ask()

    assert seen["aud"] == oidc.audience("erp")
    assert (seen["sub"], seen["client"], seen["act"]) == ("reader", "gateway", {"sub": "gateway"})
    assert seen["scope"] == "erp.read"


@guarantees("identity.as_told")
async def test_our_own_token_is_exchanged_where_no_subject_is_named(oidc: Rig, tmp_path: Path) -> None:
    """Client credentials first, then the exchange: two requests, and both tokens are kept."""
    how = auth(oidc, kind="token_exchange", audience=oidc.audience("erp"), subject_scopes=("erp.read",))
    identity = signed_in(tmp_path, "gateway", how, secret=oidc.secret("gateway"))
    before = oidc.count("token")

    async with api(oidc, identity) as ask:
        seen = [await ask() for _ in range(3)]

    assert {one["sub"] for one in seen} == {"gateway"}
    assert oidc.count("token") - before == 2


@guarantees("P10.rotation")
async def test_a_subject_token_that_ran_out_is_read_again_from_where_it_is_kept(oidc: Rig, tmp_path: Path) -> None:
    """Whoever puts a new subject token there need not restart anything; until then the refusal stands."""
    secret_file(tmp_path, "subject", "no-token-any-more")
    how = auth(oidc, kind="token_exchange", audience=oidc.audience("erp"))
    identity = signed_in(tmp_path, "gateway", how, secret=oidc.secret("gateway"), subject="file:subject")
    with pytest.raises(SystemRefusedError) as refused:
        await identity.headers()
    secret_file(tmp_path, "subject", await opaque_token(oidc, tmp_path))

    async with api(oidc, identity) as ask:
        assert (await ask())["sub"] == "reader"
    assert refused.value.facts["reason"] == "sign-in: invalid_grant"


@guarantees("identity.as_told")
async def test_an_audience_that_the_provider_does_not_know_is_named(oidc: Rig, tmp_path: Path) -> None:
    """A misspelt resource is the integrator's commonest mistake."""
    how = auth(oidc, resource="https://nowhere.example/api")
    identity = signed_in(tmp_path, "reader", how, secret=oidc.secret("reader"))

    with pytest.raises(SystemRefusedError) as refused:
        await identity.headers()

    assert refused.value.facts["reason"] == "sign-in: invalid_target"


@guarantees("identity.as_told")
async def test_a_secret_may_stand_in_the_body(oidc: Rig, tmp_path: Path) -> None:
    """Some providers take `client_secret_post` alone."""
    identity = signed_in(tmp_path, "poster", auth(oidc, client_auth="post"), secret=oidc.secret("poster"))

    async with api(oidc, identity) as ask:
        assert (await ask())["client"] == "poster"


@guarantees("identity.as_told")
@pytest.mark.parametrize("algorithm", ["ES256", "RS256", "PS256"])
async def test_a_private_key_may_stand_in_for_a_secret(oidc: Rig, tmp_path: Path, algorithm: str) -> None:
    """The provider checks signature, audience, times and that no assertion comes twice."""
    key, public = make_key(algorithm)
    oidc.change_client("signer", jwks={"keys": [public]})
    how = auth(oidc, client_auth="private_key_jwt", key_id="ours", algorithm=algorithm)
    identity = signed_in(tmp_path, "signer", how, secret=key)

    async with api(oidc, identity) as ask:
        assert (await ask())["client"] == "signer"


@guarantees("P10.bridged")
async def test_a_provider_that_is_away_is_no_fault_of_the_system(oidc: Rig, tmp_path: Path) -> None:
    """Nothing listens at the token endpoint: it says so, without the system's breaker being told."""
    how = auth(oidc, token_url="http://127.0.0.1:9/token")
    identity = signed_in(tmp_path, "reader", how, secret=oidc.secret("reader"))

    with pytest.raises(SecretUnavailableError) as away:
        await identity.headers()

    assert away.value.facts["kept"] == "token endpoint"


async def opaque_token(oidc: Rig, folder: Path) -> str:
    """Return a token of `reader` that the provider can look up."""
    identity = signed_in(folder, "reader", auth(oidc), secret=oidc.secret("reader"))
    return (await identity.headers())["Authorization"].removeprefix("Bearer ")


def make_key(algorithm: str) -> tuple[str, dict[str, str]]:
    """Return a private key in PEM form and the public one as a JSON web key."""
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import ec, rsa

    def part(number: int) -> str:
        data = number.to_bytes(max(32, (number.bit_length() + 7) // 8) if number > 65537 else 3, "big")
        return base64.urlsafe_b64encode(data).rstrip(b"=").decode()

    told = {"kid": "ours", "alg": algorithm, "use": "sig"}
    if algorithm == "ES256":
        curve = ec.generate_private_key(ec.SECP256R1())
        point = curve.public_key().public_numbers()
        public = {"kty": "EC", "crv": "P-256", "x": part(point.x), "y": part(point.y), **told}
        private: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey = curve
    else:
        numbers = (private := rsa.generate_private_key(65537, 2048)).public_key().public_numbers()
        public = {"kty": "RSA", "n": part(numbers.n), "e": part(numbers.e), **told}
    pem = private.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return pem.decode(), public
