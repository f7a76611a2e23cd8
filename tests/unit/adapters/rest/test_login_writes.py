"""Writing to a system that gives its own tokens: the account that writes signs in like the one that reads."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any, Final

import pytest

from erp_mcp.adapters._documents.commands import PlannedCommands
from erp_mcp.adapters.rest.adapter import RestAdapter
from erp_mcp.adapters.rest.commands import RestCommands
from erp_mcp.credentials import presented
from erp_mcp.credentials.own_certificate import OwnCertificate
from erp_mcp.credentials.refreshing import Timing
from erp_mcp.domain.command import Committed, NotSent
from erp_mcp.domain.profile import Profile
from erp_mcp.errors import AccountTooPowerfulError, ProfileFileError
from erp_mcp.testing import FixedClock
from erp_mcp.testing.loopback import Message, Receive, Send
from tests.guarantees import guarantees
from tests.unit.adapters.rest.fake_writes import Shop, connection, create_command, date_command, profile
from tests.unit.adapters.rest.test_login import Passwords
from tests.unit.adapters.write_faults import reply

LOGIN: Final[dict[str, Any]] = {
    "path": "/auth/login", "account": "code", "password": "password", "token": "token",
    "rights": {"path": "/me", "found": "rights", "reading": ["read"], "writing": ["buy"]},
}  # fmt: skip
_PASSWORD: Final = "pass-word-9"


class GuardedShop(Shop):
    """The shop behind tokens of its own; `rights` are those of the one account that it knows."""

    def __init__(self, *rights: str) -> None:
        super().__init__()
        self.rights = list(rights) or ["read", "buy"]
        self.borne: set[str] = set()  # by whatever came past the door or not
        self.logins = 0

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Answer one request of whoever bears the token."""
        headers = dict(scope["headers"])  # type: ignore[call-overload]
        path, said = str(scope["path"]), headers.get(b"authorization", b"").decode()
        if path == "/api/auth/login":
            told = json.loads((await receive())["body"])  # type: ignore[arg-type]
            self.logins += 1
            good = told == {"code": "writer", "password": _PASSWORD}
            await _answer(send, 200 if good else 401, {"token": "token-1"} if good else {"detail": "no"})
            return
        self.borne.add(said)
        if said != "Bearer token-1":
            await _answer(send, 401, {"exc_type": "AuthenticationError"})
        elif path == "/api/me":
            await _answer(send, 200, {"rights": self.rights})
        else:
            await super().__call__(scope, receive, send)


async def _answer(send: Send, status: int, body: Mapping[str, object]) -> None:
    await reply(send, status, {"content-type": "application/json"}, json.dumps(body).encode())


@asynccontextmanager
async def guarded(fake: GuardedShop, login: Mapping[str, Any] = LOGIN) -> AsyncIterator[PlannedCommands]:
    """Serve the shop, and open commands with account and password as settings give them where nothing else is said."""
    async with fake.server:
        form, certificate = presented.basic("writer"), OwnCertificate("erp")
        basic = presented.SecretIdentity("erp", form, Passwords(_PASSWORD), certificate, Timing())
        settings = connection(fake, credential=Passwords(_PASSWORD), identity=basic)
        commands = RestCommands.open(settings, signing_in(login), FixedClock())
        yield commands
        await commands.close()


def signing_in(login: Mapping[str, Any], plans: dict[str, Any] | None = None) -> Profile:
    """Return the shop's profile with a way to sign in."""
    return replace(profile(plans), head={"base": "/api", "login": dict(login)})


@guarantees("commands.signs_in", "P4.one_effect")
async def test_a_change_and_a_new_document_bear_the_token_and_never_the_password() -> None:
    """One token for looking, writing and reading back, fetched once; Basic is shown to nobody."""
    fake = GuardedShop()
    async with guarded(fake) as commands:
        for command in (date_command(fake, "PO-1/10"), create_command()):
            outcome = await commands.send(command)
            assert isinstance(outcome, Committed)
            assert await commands.find(command) == outcome.written
        assert (fake.borne, fake.logins, fake.attempts) == ({"Bearer token-1"}, 1, 2)


@guarantees("commands.signs_in", "P2.opened_system")
@pytest.mark.parametrize("rights", [["read", "buy", "administer"], ["administer"]])
async def test_an_account_that_may_do_more_than_read_and_write_writes_nothing(rights: list[str]) -> None:
    """What the profile lists as needed for writing is all that the account that writes may do beside reading."""
    fake = GuardedShop(*rights)
    async with guarded(fake) as commands:
        assert await commands.send(create_command()) == NotSent(reason="account_too_powerful", retry_after_s=150)
        with pytest.raises(AccountTooPowerfulError):
            await commands.find(create_command())
        assert fake.attempts == 0


@guarantees("commands.signs_in", "input.clear_errors")
async def test_a_profile_that_does_not_say_which_rights_writing_takes_cannot_write() -> None:
    """Else an account that may do anything would pass; one without `commands` needs to say nothing."""
    login = {**LOGIN, "rights": {key: one for key, one in LOGIN["rights"].items() if key != "writing"}}
    fake = GuardedShop()
    async with fake.server:
        with pytest.raises(ProfileFileError) as caught:
            RestCommands.open(connection(fake), signing_in(login), FixedClock())
        assert caught.value.facts["key"] == "rest.login.rights.writing"
        await RestCommands.open(connection(fake), signing_in(login, {}), FixedClock()).close()


@guarantees("commands.signs_in")
async def test_where_no_rights_are_told_signing_in_is_all() -> None:
    """The system does not say what an account may do, so nothing of it is looked at."""
    fake = GuardedShop("administer")
    async with guarded(fake, {key: one for key, one in LOGIN.items() if key != "rights"}) as commands:
        assert isinstance(await commands.send(create_command()), Committed)
        assert fake.borne == {"Bearer token-1"}


@guarantees("P2.opened_system")
async def test_the_account_that_reads_may_not_have_the_rights_of_writing() -> None:
    """They are listed for the other account."""
    fake = GuardedShop("read", "buy")
    async with fake.server:
        adapter = RestAdapter.open(connection(fake, credential=Passwords(_PASSWORD)), signing_in(LOGIN), FixedClock())
        with pytest.raises(AccountTooPowerfulError):
            await adapter.read("purchase_order_line", ["PO-1/10"])
        await adapter.close()
