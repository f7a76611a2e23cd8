"""Signing out at a certified OpenID provider ends the sessions of the page: its own server says so over a socket."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from urllib.parse import parse_qs

import httpx2
import jwt
import pytest
import uvicorn
from click.testing import CliRunner
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from erp_mcp.bootstrap import Deployment
from erp_mcp.cli.app import main
from erp_mcp.web import Office, Origin, application
from tests.guarantees import guarantees
from tests.systems import processes
from tests.systems.oidc.server import Person, Rig
from tests.unit.cli.people_at_work import Desk
from tests.unit.web.browsing import FORM, Browser, MovableClock

pytestmark = pytest.mark.live

CLIENT = "page-told"
PEOPLE = {"cleo": "sub-cleo", "dora": "sub-dora"}


@dataclass(kw_only=True)
class Site:
    """A page on a socket, and the logout tokens that the provider has sent to it."""

    rig: Rig
    deployment: Deployment
    office: Office
    clock: MovableClock
    tokens: list[str] = field(default_factory=list)

    @property
    def address(self) -> str:
        return self.office.origin.address

    def browser(self) -> Browser:
        made = Browser(
            deployment=self.deployment, clock=self.clock, office=self.office, client=Browser.profile(self.office)
        )
        made.client.base_url = self.address
        return made

    async def signed_in(self, who: Person) -> Browser:
        browser = self.browser()
        await browser.get("/sign-in")
        await browser.send("/oidc/begin")
        links = [attrs["href"] for tag, attrs in browser.seen.elements if tag == "a" and "href" in attrs]
        there = next(one for one in links if one.startswith(self.rig.issuer))
        back = who.sign_in(there, until=f"{self.address}/oidc/callback")
        assert (await browser.get(back)).status_code == 200
        assert (await browser.get("/")).status_code == 200
        return browser

    def send(self, token: str) -> httpx2.Response:
        """Send a token as the provider's server does."""
        there = f"{self.address}/oidc/logout"
        return httpx2.post(there, data={"logout_token": token}, headers=FORM, trust_env=False, timeout=60)

    def kinds(self) -> list[tuple[str, str]]:
        leaves = [json.loads(row.leaf) for row in self.deployment.state.audit.read(limit=1000)]
        told = [(one["kind"], str(one["facts"].get("reason", ""))) for one in leaves]
        return [one for one in told if one[0].startswith("page.signed_out") or one[0] == "page.sign_out_refused"]


@pytest.fixture(scope="module")
def joined(oidc: Rig, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A deployment with two people who have accounts at the provider."""
    directory = tmp_path_factory.mktemp("oidc-told") / "p"
    assert CliRunner().invoke(main, ["init", str(directory), "--owner", "olga", "--no-approver"]).exit_code == 0
    desk = Desk(directory=directory)
    assert desk.enrol("ada", name="Ada Person").exit_code == 0
    desk.file("page-client.txt", oidc.secret(CLIENT))
    with desk.config.open("a", encoding="utf-8") as file:
        file.write(f"web:\n  oidc:\n    issuer: {oidc.issuer}\n    client_id: {CLIENT}\n")
        file.write("    client_secret: file:page-client.txt\n")
    assert desk.sign("approvals", "enrol-page", by="ada").exit_code == 0
    for name, subject in PEOPLE.items():
        enrolled = desk.sign("approvals", "enrol", name, "--oidc-subject", subject, by="ada")
        assert enrolled.exit_code == 0, enrolled.output
    return directory


@pytest.fixture(params=[True, False], ids=["a session is named", "a person is named"])
def site(oidc: Rig, joined: Path, request: pytest.FixtureRequest) -> Iterator[Site]:
    """The page where the provider finds it; the provider names sessions, or people alone."""
    deployment = Desk(directory=joined).open()
    clock, port = MovableClock(deployment.settings.clock), processes.free_port()
    deployment.clock = clock
    office = Office(deployment=deployment, origin=Origin(host="127.0.0.1", port=port), looks=0)
    made = Site(rig=oidc, deployment=deployment, office=office, clock=clock)
    oidc.change_client(
        CLIENT,
        redirect_uris=[f"{made.address}/oidc/callback"],
        backchannel_logout_uri=f"{made.address}/oidc/logout",
        backchannel_logout_session_required=request.param,
    )
    config = uvicorn.Config(_noting(application(office), made.tokens), port=port, log_level="error", lifespan="off")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        processes.until(lambda: server.started, name="the page", within_s=60)
        yield made
    finally:
        server.should_exit = True
        thread.join()
        deployment.close()


def _noting(app: ASGIApp, tokens: list[str]) -> ASGIApp:
    """Return the same page, which keeps the logout tokens that come."""

    async def noting(scope: Scope, receive: Receive, send: Send) -> None:
        async def seen() -> Message:
            message = await receive()
            tokens.extend(parse_qs(message.get("body", b"").decode("ascii", "replace")).get("logout_token", []))
            return message

        await app(scope, seen, send)

    return noting


def _token(browser: Browser) -> str:
    return next(value for name, value in browser.client.cookies.items() if "begun" not in name)


@guarantees("P3.page_logout", "P3.page_provider")
async def test_who_signs_out_at_the_provider_is_signed_out_here_and_nobody_else(site: Site, oidc: Rig) -> None:
    """One is told so by the provider's server; the word itself is good once, and no other token of it will do."""
    cleo, dora = Person("sub-cleo"), Person("sub-dora")
    hers, other = await site.signed_in(cleo), await site.signed_in(dora)
    session = site.deployment.state.page_sessions.find(sha256(_token(other).encode()).hexdigest())
    assert session is not None
    id_token = site.office.sessions.sign_ins.id_token(session.token_hash)
    before = len(site.tokens)

    cleo.sign_out(oidc.issuer)

    (token,) = site.tokens[before:]
    claims = jwt.decode(token, options={"verify_signature": False})
    assert claims["sub"] == "sub-cleo"
    assert jwt.get_unverified_header(token)["typ"] == "logout+jwt"
    assert ((await hers.get("/")).status_code, (await other.get("/")).status_code) == (303, 200)
    assert site.kinds()[-1] == ("page.signed_out", "provider")

    again = await site.signed_in(cleo)
    assert site.send(token).json()["error_description"] == "logout token: used"
    forged = f"{token[:-8]}{'A' * 8}"
    assert site.send(forged).json()["error_description"] == "logout token: signature"
    assert site.send(id_token).json()["error_description"] == "logout token: event"
    assert ((await again.get("/")).status_code, (await other.get("/")).status_code) == (200, 200)
    assert {reason for kind, reason in site.kinds() if kind == "page.sign_out_refused"} >= {"used", "signature"}
    for one in (hers, other, again):
        await one.leave()


@guarantees("P3.page_logout")
async def test_another_browser_of_the_same_person_stays_where_a_session_is_named(site: Site, oidc: Rig) -> None:
    """Two browsers are two sessions at the provider; where it names people alone, both end."""
    one, two = Person("sub-cleo"), Person("sub-cleo")
    left, stays = await site.signed_in(one), await site.signed_in(two)
    before = len(site.tokens)

    one.sign_out(oidc.issuer)

    named = "sid" in jwt.decode(site.tokens[before], options={"verify_signature": False})
    assert (await left.get("/")).status_code == 303
    assert (await stays.get("/")).status_code == (200 if named else 303)
    for browser in (left, stays):
        await browser.leave()
