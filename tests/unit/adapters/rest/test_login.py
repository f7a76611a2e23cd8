from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from dataclasses import replace

import pytest

from erp_mcp.adapters import Connection
from erp_mcp.adapters.rest.adapter import RestAdapter
from erp_mcp.adapters.rest.grammar import read_head
from erp_mcp.adapters.rest.login import login_identity, read_login
from erp_mcp.adapters.rest.settings import RestSettings
from erp_mcp.credentials import Identity
from erp_mcp.credentials.refreshing import Timing
from erp_mcp.domain.call import JsonValue
from erp_mcp.domain.profile import Profile
from erp_mcp.domain.traffic import TrafficLimits
from erp_mcp.errors import (
    AccountTooPowerfulError,
    BadAnswerError,
    GatewayError,
    ProfileFileError,
    SystemRefusedError,
    SystemUnreachableError,
)
from erp_mcp.testing import FixedClock
from erp_mcp.testing.loopback import LoopbackServer, Message, Receive, Send
from tests.guarantees import guarantees

_RIGHTS: dict[str, JsonValue] = {"path": "/me", "found": "capabilities", "reading": ["plant.read"]}
_LOGIN: Mapping[str, JsonValue] = {
    "path": "/auth/login",
    "account": "code",
    "password": "password",
    "token": "session.token",
    "rights": _RIGHTS,
}
_JOBS: Mapping[str, JsonValue] = {
    "request": {"path": "/parts"},
    "items": "items",
    "key": "no",
    "version": "hash",
    "fields": {"material_id": "no", "base_uom": "unit"},
}


class Server:
    """A system that gives tokens of its own: `passwords` it takes, `tokens` it still honours."""

    def __init__(self) -> None:
        self.url = ""
        self.passwords = {"pass-1"}
        self.tokens: list[str] = []
        self.rights: object = ["plant.read"]
        self.login: object = None  # what it answers instead
        self.status = 200
        self.asked: list[str] = []

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        message = await receive()
        path, body = str(scope["path"]), message.get("body", b"")
        assert isinstance(body, bytes)
        self.asked.append(path)
        status, answer = self._answered(path, body, dict(scope["headers"]))  # type: ignore[call-overload]
        told = json.dumps(answer).encode()
        headers = [(b"content-type", b"application/json"), (b"content-length", str(len(told)).encode())]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": told})

    def _answered(self, path: str, body: bytes, headers: Mapping[bytes, bytes]) -> tuple[int, object]:
        if path == "/auth/login":
            if self.login is not None or self.status != 200:
                return self.status, self.login
            if json.loads(body)["password"] not in self.passwords:
                return 400, {"detail": "invalid credentials of gateway"}
            self.tokens.append(f"token-{len(self.asked)}")
            return 200, {"session": {"token": self.tokens[-1]}}
        if headers.get(b"authorization", b"").decode().removeprefix("Bearer ") not in self.tokens:
            return 401, {"detail": "sign in required"}
        if path == "/me":
            return 200, {"capabilities": self.rights}
        return 200, {"items": [{"no": "A", "unit": "EA"}]}


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    app = Server()
    async with LoopbackServer(app) as running:
        app.url = running.url
        yield app


class Passwords:
    """A secret source whose secret changes when it is refused."""

    def __init__(self, *values: str) -> None:
        self.values = list(values)

    async def current(self) -> str:
        return self.values[0]

    async def after_refusal(self, refused: str) -> str:
        if len(self.values) > 1 and self.values[0] == refused:
            self.values.pop(0)
        return self.values[0]


def profile(login: JsonValue = None) -> Profile:
    head: Mapping[str, JsonValue] = {"login": dict(_LOGIN) if login is None else login}
    return Profile(
        name="p", version=1, kind="rest", level=3, zone="UTC", identity={}, states={},
        entities={"material": _JOBS}, head=head,
    )  # fmt: skip


def connection(server: Server, *passwords: str) -> Connection:
    source = Passwords(*(passwords or ("pass-1",)))
    limits = TrafficLimits(requests_per_s=1000, burst=1000)
    return Connection(
        system="mes", url=server.url, account="GATEWAY", credential=source, networks=("127.0.0.0/8",), timeout_s=5,
        limits=limits,
    )  # fmt: skip


async def read(server: Server, *passwords: str, login: JsonValue = None) -> int:
    """Return how many records are read with an adapter of its own."""
    adapter = RestAdapter.open(connection(server, *passwords), profile(login), FixedClock())
    try:
        return sum([len(page.records) async for page in adapter.changes("material", "")])
    finally:
        await adapter.close()


@guarantees("P10.rotation")
async def test_a_token_is_fetched_once_for_all_who_ask(server: Server) -> None:
    """Ten questions at once are one sign-in."""
    adapter = RestAdapter.open(connection(server), profile(), FixedClock())
    await asyncio.gather(*(adapter.probe() for _ in range(10)))
    await adapter.close()
    assert server.asked.count("/auth/login") == server.asked.count("/me") == 1


@guarantees("P10.rotation")
async def test_a_password_that_was_changed_is_asked_for_anew(server: Server) -> None:
    """Once, and not in a circle."""
    assert await read(server, "old", "pass-1") == 1
    server.asked.clear()
    with pytest.raises(SystemRefusedError):
        await read(server, "old", "older")
    assert server.asked.count("/auth/login") == 2


@guarantees("P10.rotation")
async def test_a_token_that_is_refused_is_replaced_and_the_request_repeated(server: Server) -> None:
    """Tokens end when the system is restarted; nobody is told."""
    ahead = [0.0]
    identity = _identity(server, Timing(monotonic=lambda: ahead[0]))
    first = await identity.headers()
    server.tokens.clear()
    assert await identity.after_refusal(first) is False  # a moment old: another would fare no better
    ahead[0] = 60.0
    assert await identity.after_refusal(first) is True
    assert await identity.headers() != first
    await identity.close()


@guarantees("P2.reading_account")
@pytest.mark.parametrize("rights", [["plant.read", "orders.create"], ["*"], ["orders\x1b[2J"]])
async def test_an_account_that_may_do_more_than_read_is_refused_before_anything_is_read(
    server: Server, rights: list[str]
) -> None:
    """By what the system itself says of it."""
    server.rights = rights
    with pytest.raises(AccountTooPowerfulError) as caught:
        await read(server)
    named = caught.value.facts["rights"]
    assert isinstance(named, tuple)
    assert len(named) == 1
    assert named[0].isprintable()
    assert "/parts" not in server.asked


@guarantees("P8.no_leaks", "input.clear_errors")
@pytest.mark.parametrize(
    ("status", "answer", "error"),
    [
        (400, {"detail": "invalid credentials of gateway"}, SystemRefusedError),
        (401, {}, SystemRefusedError),
        (403, "no", SystemRefusedError),
        (200, {"session": {}}, BadAnswerError),
        (200, {"session": {"token": "with space"}}, BadAnswerError),
        (200, {"session": {"token": 5}}, BadAnswerError),
        (200, [], BadAnswerError),
        (200, "<html>", BadAnswerError),
        (500, {"detail": "Traceback: secret"}, BadAnswerError),
        (503, {}, SystemUnreachableError),
    ],
)
async def test_a_sign_in_that_goes_wrong_says_how_without_the_systems_words(
    server: Server, status: int, answer: object, error: type[GatewayError]
) -> None:
    """Nor the password."""
    server.status, server.login = status, answer
    with pytest.raises(error) as caught:
        await read(server)
    assert not any(word in str(caught.value) for word in ("pass-1", "invalid credentials", "Traceback", "html"))


@guarantees("P2.reading_account")
@pytest.mark.parametrize("rights", [None, "plant.read", {}])
async def test_a_system_that_does_not_say_what_the_account_may_do_is_not_used(server: Server, rights: object) -> None:
    """Not knowing is not the same as nothing."""
    server.rights = rights
    with pytest.raises(BadAnswerError):
        await read(server)
    assert "/parts" not in server.asked


@guarantees("input.clear_errors")
@pytest.mark.parametrize(
    ("login", "key"),
    [
        ("login", "rest.login"),
        ({**_LOGIN, "pasword": "x"}, "rest.login.pasword"),
        ({**_LOGIN, "path": "https://elsewhere/login"}, "rest.login.path"),
        ({**_LOGIN, "path": "/a/../b"}, "rest.login.path"),
        ({**_LOGIN, "account": ""}, "rest.login.account"),
        ({**_LOGIN, "token": "a..b"}, "rest.login.token"),
        ({**_LOGIN, "good_s": 0}, "rest.login.good_s"),
        ({**_LOGIN, "good_s": True}, "rest.login.good_s"),
        ({**_LOGIN, "rights": {**_RIGHTS, "reading": []}}, "rest.login.rights.reading"),
        ({**_LOGIN, "rights": {**_RIGHTS, "writing": []}}, "rest.login.rights.writing"),
    ],
)
def test_a_mistake_in_the_section_is_named(login: JsonValue, key: str) -> None:
    """Before anything is contacted."""
    with pytest.raises(ProfileFileError) as caught:
        read_login(profile(login))
    assert caught.value.facts["key"] == key


def _identity(server: Server, timing: Timing) -> Identity:
    login = read_login(profile())
    assert login is not None
    settings = RestSettings.of(connection(server), read_head(profile()))
    return login_identity(replace(connection(server)), login, settings.root, timing)
