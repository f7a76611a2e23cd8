"""The provider's word that somebody has left: it ends their sessions here, and a bad one ends nothing."""

from __future__ import annotations

import json
import secrets
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from hashlib import sha256
from pathlib import Path
from shutil import copytree
from typing import Any

import httpx2
import jwt
import pytest
import pytest_asyncio

from tests.guarantees import guarantees
from tests.unit.cli.people_at_work import Desk
from tests.unit.web.browsing import Browser
from tests.unit.web.signing_on import ISSUER, Traveller, key_of, with_accounts

LOGOUT = "/oidc/logout"
EVENT = "http://schemas.openid.net/event/backchannel-logout"


@pytest.fixture(scope="session")
def joined(enrolled: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The deployment with accounts at a provider."""
    directory = Path(copytree(enrolled, tmp_path_factory.mktemp("left") / "p"))
    with_accounts(Desk(directory=directory))
    return directory


@dataclass(kw_only=True)
class People:
    """Cleo at two browsers (her sessions there are `s1` and `s2`) and bob at one (`s3`)."""

    cleo: Traveller
    cleo_elsewhere: Traveller
    bob: Traveller
    said: list[httpx2.Response] = field(default_factory=list)

    async def told(self, *, header: dict[str, Any] | None = None, key: str = "first", **changes: Any) -> int:
        """Let the provider's server say it, with claims changed; `None` takes one away."""
        now = int(self.cleo.provider.clock.wall().timestamp())
        usual = {"iss": ISSUER, "aud": "page", "iat": now, "exp": now + 120, "jti": secrets.token_hex(8)}
        claims = {**usual, "events": {EVENT: {}}, "sub": "sub-cleo", "sid": "s1", **changes}
        whole = {name: value for name, value in claims.items() if value is not None}
        headers = {"kid": key, "typ": "logout+jwt", **(header or {})}
        return await self.send(jwt.encode(whole, key_of(key), algorithm="RS256", headers=headers))

    async def send(self, token: str, at: Browser | None = None) -> int:
        server = (at or self.cleo.browser).another()
        self.said.append(await server.post(LOGOUT, {"logout_token": token}))
        assert "set-cookie" not in self.said[-1].headers
        assert self.said[-1].headers["cache-control"] == "no-store"
        await server.leave()
        return self.said[-1].status_code

    async def there(self) -> str:
        """Return whose browsers are let in: one letter for each."""
        found = ((one, await one.browser.get("/")) for one in (self.cleo, self.cleo_elsewhere, self.bob))
        letters = {id(self.cleo): "c", id(self.cleo_elsewhere): "C", id(self.bob): "b"}
        return "".join([letters[id(one)] async for one, answer in found if answer.status_code == 200])

    def records(self, kind: str) -> list[dict[str, Any]]:
        rows = self.cleo.browser.deployment.state.audit.read(limit=1000)
        leaves = [json.loads(row.leaf) for row in rows]
        return [{"actor": one["actor"], **one["facts"]} for one in leaves if one["kind"] == kind]


@pytest_asyncio.fixture
async def people(joined: Path, tmp_path: Path) -> AsyncIterator[People]:
    deployment = Desk(directory=Path(copytree(joined, tmp_path / "p"))).open()
    cleo = Traveller.at(deployment)
    made = People(cleo=cleo, cleo_elsewhere=cleo.another(), bob=cleo.another())
    for one, session, name in ((cleo, "s1", "cleo"), (made.cleo_elsewhere, "s2", "cleo"), (made.bob, "s3", "bob")):
        cleo.provider.change = {"sid": session} if session else {}
        assert (await one.sign_in(name)).status_code == 200
    yield made
    for one in (made.cleo, made.cleo_elsewhere, made.bob):
        await one.browser.leave()
    deployment.close()


@guarantees("P3.page_logout")
@pytest.mark.parametrize(
    ("changes", "stay"),
    [
        ({}, "Cb"),
        ({"sub": None}, "Cb"),
        ({"sid": None}, "b"),
        ({"sid": "s3", "sub": "sub-bob"}, "cC"),
        ({"sid": "unknown", "sub": None}, "cCb"),
        ({"sid": None, "sub": "sub-stranger"}, "cCb"),
    ],
    ids=["a session", "a session alone", "a person", "another's", "no session of ours", "nobody of ours"],
)
async def test_what_ended_there_ends_here_and_nothing_else(people: People, changes: dict[str, Any], stay: str) -> None:
    """Whoever left a shared screen at the provider has left here, and their colleagues have not."""
    assert await people.there() == "cCb"

    assert await people.told(**changes) == 200

    assert await people.there() == stay
    held = people.cleo.browser.office.sessions.sign_ins
    assert [len(held.of_session(ISSUER, one)) for one in ("s1", "s2", "s3")] == [int(one in stay) for one in "cCb"]
    ended = people.records("page.signed_out")
    assert [one["reason"] for one in ended] == ["provider"] * (3 - len(stay))


@guarantees("P3.page_logout", "P5.every_decision")
@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"key": "second"}, "signature"),
        ({"header": {"typ": "at+jwt"}}, "type"),
        ({"iss": "https://evil.example"}, "issuer"),
        ({"iss": None}, "issuer"),
        ({"aud": "another"}, "audience"),
        ({"aud": ["page", "another"]}, "audience"),
        ({"aud": None}, "audience"),
        ({"events": None}, "event"),
        ({"events": {}}, "event"),
        ({"events": {EVENT: True}}, "event"),
        ({"events": [EVENT]}, "event"),
        ({"events": {"http://schemas.openid.net/event/other": {}}}, "event"),
        ({"nonce": "n"}, "nonce"),
        ({"sub": None, "sid": None}, "subject"),
        ({"sub": ["sub-cleo"]}, "subject"),
        ({"sid": 1}, "subject"),
        ({"sid": ""}, "subject"),
        ({"jti": None}, "token_id"),
        ({"jti": 7}, "token_id"),
        ({"iat": None}, "token"),
        ({"exp": None}, "token"),
        ({"exp": 1}, "expired"),
        ({"iat": 1}, "expired"),
        ({"iat": 4_000_000_000, "exp": 4_000_000_100}, "not_yet"),
    ],
    ids=lambda one: "-".join(f"{name}={value}" for name, value in one.items()) if isinstance(one, dict) else one,
)
async def test_a_bad_word_is_refused_and_nobody_is_signed_out(
    people: People, changes: dict[str, Any], reason: str
) -> None:
    """Anybody can send one; only a provider that said exactly this, to us, now, is believed."""
    assert await people.told(**changes) == 400

    assert people.said[-1].json() == {"error": "invalid_request", "error_description": f"logout token: {reason}"}
    assert await people.there() == "cCb"
    assert [(one["reason"], one["count"]) for one in people.records("page.sign_out_refused")] == [(reason, 1)]


@guarantees("P3.page_logout")
@pytest.mark.parametrize("token", ["", "x", "a.b.c", "x" * 30_000])
async def test_what_is_no_token_is_refused(people: People, token: str) -> None:
    """The address is open to everybody."""
    assert await people.send(token) == 400
    unsigned = jwt.encode(
        {"iss": ISSUER, "aud": "page", "sub": "sub-cleo", "events": {EVENT: {}}}, "", algorithm="none"
    )
    assert await people.send(unsigned) == 400
    assert await people.there() == "cCb"


@guarantees("P3.page_logout")
async def test_a_word_counts_once_whichever_process_it_is_sent_to(people: People) -> None:
    """Whoever has seen one could otherwise sign somebody out again and again for as long as it is believed."""
    assert await people.told(jti="once", sid=None) == 200
    assert (await people.cleo.sign_in("cleo")).status_code == 200
    elsewhere = people.cleo.browser.at_another_process()

    assert await people.told(jti="once", sid=None) == 400
    assert people.said[-1].json()["error_description"] == "logout token: used"
    people.cleo.browser, here = elsewhere, people.cleo.browser
    assert await people.told(jti="once", sid=None) == 400
    people.cleo.browser = here
    assert await people.there() == "cb"


@guarantees("P3.page_logout")
async def test_an_id_token_of_the_same_provider_signs_nobody_out(people: People) -> None:
    """It is signed by the same key, for the same client, and names the same person."""
    people.cleo.provider.grant("own", nonce="n", sub="sub-cleo")
    claims = people.cleo.provider.codes["own"]
    token = jwt.encode(claims, key_of("first"), algorithm="RS256", headers={"kid": "first"})

    assert await people.send(token) == 400
    assert await people.there() == "cCb"


@guarantees("P3.page_logout")
async def test_sessions_of_another_process_and_those_that_named_none_end_too(people: People) -> None:
    """The store knows what session came of which there; of one that came of none, the person has to do."""
    other = replace(people.cleo, browser=people.cleo.browser.at_another_process())
    people.cleo.provider.change = {"sid": "s9"}
    assert (await other.sign_in("cleo")).status_code == 200
    people.cleo.provider.change = {}
    nameless = people.cleo.another()
    assert (await nameless.sign_in("cleo")).status_code == 200

    assert await people.told(sid="s9") == 200

    assert (await other.browser.get("/")).status_code == 303
    assert (await nameless.browser.get("/")).status_code == 303
    assert await people.there() == "cCb"


@guarantees("P3.page_logout")
async def test_somebody_who_proved_anew_in_another_session_there_leaves_with_either(people: People) -> None:
    """Proving anew may begin another session at the provider."""
    token = next(value for name, value in people.cleo.browser.client.cookies.items() if "begun" not in name)
    ours, held = sha256(token.encode()).hexdigest(), people.cleo.browser.office.sessions.sign_ins
    known = held.last(ours)
    assert known is not None
    held.keep(ours, replace(known, session="s7"), "")

    assert await people.told(sid="s7") == 200

    assert await people.there() == "Cb"


@guarantees("P3.page_logout", "P3.page_sessions")
async def test_who_signed_in_by_passphrase_stays_and_a_page_without_a_provider_has_no_such_address(
    people: People, joined: Path, tmp_path: Path
) -> None:
    """The provider has a say about the accounts that it has, and no other."""
    bob = people.bob.browser.another()
    await bob.sign_in("bob")
    assert await people.told(sid=None, sub="sub-bob") == 200
    assert ((await bob.get("/")).status_code, await people.there()) == (200, "cC")

    desk = Desk(directory=Path(copytree(joined, tmp_path / "plain")))
    text = desk.config.read_text(encoding="utf-8")
    desk.config.write_text(text[: text.index("\nweb:")], encoding="utf-8")
    deployment = desk.open()
    plain = Browser.at(deployment)
    assert await people.send("x", at=plain) == 404
    await plain.leave()
    deployment.close()


@guarantees("P3.page_logout", "P3.page_forms")
async def test_no_page_of_another_site_can_send_it_and_a_provider_that_is_away_is_told(people: People) -> None:
    """A browser says where a form came from; keys that can't be had decide nothing."""
    server = people.cleo.browser.another()
    assert (await server.post(LOGOUT, {"logout_token": "x"}, **{"Sec-Fetch-Site": "cross-site"})).status_code == 403
    assert (await server.get(LOGOUT)).status_code == 405
    people.cleo.provider.down = True
    fresh = people.cleo.browser.at_another_process()  # it has asked the provider for nothing yet
    answer = await fresh.post(LOGOUT, {"logout_token": "a.b.c"})

    assert (answer.status_code, await people.there()) == (503, "cCb")
    await server.leave()
