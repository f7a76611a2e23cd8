"""One secret followed through everything that can go wrong: it is in nothing that anybody could see."""

from __future__ import annotations

import asyncio
import base64
import json
import logging
import traceback
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from urllib.parse import quote_plus

import pytest

from erp_mcp.credentials import Identity, UserSecret
from erp_mcp.credentials.identities import SignIn, identity_of
from erp_mcp.credentials.refreshing import Fetched
from erp_mcp.credentials.settings import AuthKind, AuthSettings, ClientAuth, VaultAuth, VaultSettings
from erp_mcp.credentials.sources import open_vault, secret_source
from erp_mcp.egress import Egress, Origin
from erp_mcp.errors import GatewayError
from tests.guarantees import guarantees
from tests.unit.credentials.fake_vault import FakeVault
from tests.unit.credentials.service import Asked, Kept, Said, Service

CANARY = "canary-7f3a ß&"
SHAPES = (
    CANARY,
    quote_plus(CANARY),
    base64.b64encode(f"reader:{CANARY}".encode()).decode(),
    base64.b64encode(f"reader:{quote_plus(CANARY)}".encode()).decode(),
    "canary-7f3a",
    json.dumps(CANARY),
)
"""The secret in every shape in which it leaves us."""


def echo(asked: Asked) -> str:
    """Return everything that was sent, as a careless server repeats it."""
    return f"{json.dumps(dict(asked.headers))} {asked.body.decode()} {CANARY}"


ENDINGS: dict[str, Callable[[Asked], Said]] = {
    "echoed as an error": lambda asked: Said(
        status=400, content={"error": echo(asked), "error_description": echo(asked)}
    ),
    "echoed as a refusal": lambda asked: Said(status=401, raw=echo(asked).encode()),
    "echoed as forbidden": lambda asked: Said(status=403, content={"errors": [echo(asked)]}),
    "echoed by a failure": lambda asked: Said(status=500, raw=echo(asked).encode()),
    "echoed as gone": lambda asked: Said(status=503, raw=echo(asked).encode()),
    "echoed as a token": lambda asked: Said(content={"access_token": echo(asked), "token_type": echo(asked)}),
    "echoed as a scope": lambda asked: Said(
        content={"access_token": "t", "token_type": "Bearer", "expires_in": echo(asked), "scope": echo(asked)}
    ),
    "echoed as a redirect": lambda asked: Said(status=308, content={}, headers={"Location": f"/?{quote_plus(CANARY)}"}),
    "echoed as data": lambda asked: Said(
        content={"data": {"path": CANARY, "data": {CANARY: CANARY}}, "auth": {"x": CANARY}}
    ),
    "echoed as a sign-in": lambda asked: Said(
        content={"auth": {"client_token": f"{CANARY}\n", "lease_duration": CANARY}}
    ),
    "cut short": lambda asked: Said(raw=b'{"access_token": "', headers={"Content-Length": "4000"}),
}
WAYS: list[tuple[AuthKind, ClientAuth]] = [
    ("client_credentials", "basic"),
    ("client_credentials", "post"),
    ("client_credentials", "private_key_jwt"),
    ("token_exchange", "basic"),
    ("token_exchange", "post"),
]


def signed_in(kind: AuthKind, how: ClientAuth, url: str) -> Identity:
    """Return an identity whose secret, and whose subject token, is the canary."""
    auth = replace(AuthSettings(kind=kind), client_auth=how, token_url=f"{url}/token", scopes=("a",), algorithm="RS256")
    told = SignIn(system="erp", account="reader", auth=auth, secret=Kept(CANARY), subject=Kept(CANARY), now=lambda: 0)
    return identity_of(told)


async def seen(attempt: Callable[[], Awaitable[object]], *things: object) -> str:
    """Return everything that anybody would see of an attempt: result, error, its facts, its traceback, our objects."""
    shown = []
    try:
        shown.append(repr(await attempt()))
    except GatewayError as error:
        shown += [str(error), repr(error), repr(error.facts), json.dumps(error.json_facts), traceback.format_exc()]
    return " ".join([*shown, *map(repr, things)])


def check(shown: str, log: str) -> None:
    """Find the canary in no shape."""
    for shape in SHAPES:
        assert shape not in shown
        assert shape not in log


@pytest.fixture(autouse=True)
def everything_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    """Let the libraries say all that they would ever say."""
    caplog.set_level(logging.DEBUG)


@guarantees("P8.secrets_stay")
@pytest.mark.parametrize("ending", ENDINGS)
@pytest.mark.parametrize(("kind", "how"), WAYS)
async def test_a_token_endpoint_that_repeats_what_it_was_sent_reaches_nobody(
    caplog: pytest.LogCaptureFixture, ending: str, kind: AuthKind, how: ClientAuth
) -> None:
    """Error texts of identity providers quote requests; ours are our own words."""
    async with Service(ENDINGS[ending]) as service:
        one = signed_in(kind, how, service.url)
        shown = await seen(one.headers, one)
        shown += await seen(lambda: one.after_refusal({"Authorization": "Bearer x"}), one)

    check(shown, caplog.text)


@guarantees("P8.secrets_stay")
@pytest.mark.parametrize("ending", ENDINGS)
@pytest.mark.parametrize("reference", ["vault:kv/erp#password", "vault-db:reader"])
@pytest.mark.parametrize("after", ["auth/approle/login", "sys/internal", "kv/data", "database/creds"])
async def test_a_vault_that_repeats_what_it_holds_reaches_nobody(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, ending: str, reference: str, after: str
) -> None:
    """It goes wrong at the sign-in, at the look for the store, and at the secret itself."""
    (tmp_path / "id").touch(mode=0o600)
    (tmp_path / "id").write_text(CANARY, encoding="utf-8")
    fake = FakeVault()
    fake.secret_id = fake.password = CANARY

    def answer(asked: Asked) -> Said:
        return ENDINGS[ending](asked) if after in asked.path else fake(asked)

    async with Service(answer) as service:
        auth = VaultAuth(kind="approle", role_id="role-1", secret_id="file:id")
        vault = open_vault(VaultSettings(url=service.url, auth=auth), root=tmp_path)
        source = secret_source(reference, root=tmp_path, vault=vault)
        shown = await seen(lambda: _used(source.current), source, vault, vault.settings)
        shown += await seen(lambda: _used(lambda: source.after_refusal(CANARY)), source)

    check(shown, caplog.text)
    assert "canary-token" not in shown + caplog.text
    assert "canary-pw" not in shown + caplog.text


@guarantees("P8.secrets_stay")
@pytest.mark.parametrize("kind", ["basic", "bearer", "api_key"])
@pytest.mark.parametrize("ending", ENDINGS)
async def test_a_system_that_repeats_how_we_signed_in_is_not_quoted(
    caplog: pytest.LogCaptureFixture, ending: str, kind: AuthKind
) -> None:
    """What it says is for the adapter alone; errors, logs and representations hold none of it."""
    secret = CANARY if kind == "basic" else "canary-7f3a"
    told = SignIn(system="erp", account="reader", auth=AuthSettings(kind=kind), secret=Kept(secret), now=lambda: 0)
    one = identity_of(told)
    async with Service(ENDINGS[ending]) as service:
        origin = Origin.of(service.url)
        assert origin is not None
        async with Egress(system="erp", allowed=[origin], identity=one) as egress:
            shown = await seen(lambda: _used(lambda: egress.send("GET", f"{service.url}/x", headers={})), one, egress)

    check(shown, caplog.text)


@guarantees("P8.secrets_stay")
@pytest.mark.parametrize("reference", ["file:id", "env:ERP_MCP_CANARY", CANARY, f"vault:{CANARY}", f"keyring:{CANARY}"])
async def test_a_secret_in_the_wrong_place_is_not_quoted(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch, reference: str
) -> None:
    """Readable by others, too long for a variable's name, or written where its reference belongs."""
    (tmp_path / "id").write_text(CANARY, encoding="utf-8")
    (tmp_path / "id").chmod(0o644)
    monkeypatch.delenv("ERP_MCP_CANARY", raising=False)

    async def attempt() -> str:
        return await secret_source(reference, root=tmp_path).current()

    check(await seen(attempt), caplog.text)


@guarantees("P8.secrets_stay")
async def test_what_holds_a_secret_for_a_moment_does_not_show_it() -> None:
    """Debuggers, crash reports and careless log lines take the representation."""
    held = (
        UserSecret("reader", CANARY),
        Fetched(value=CANARY, good_s=1.0),
        signed_in("client_credentials", "post", ""),
    )
    check(repr(held), "")
    await asyncio.sleep(0)


async def _used(get: Callable[[], Awaitable[object]]) -> str:
    """Use what was got, and return that it came: it is handed to the connection and nowhere else."""
    return "came" if await get() else "nothing"
