"""The approver's page and a certified OpenID provider: real addresses, codes, tokens, refusals and sockets."""

from __future__ import annotations

import shutil
import socket
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from urllib.parse import parse_qs, quote, urlsplit

import pytest
import pytest_asyncio
from click.testing import CliRunner

from erp_mcp import administration
from erp_mcp.approval import check, envelope
from erp_mcp.approval.envelope import OidcEnvelope
from erp_mcp.approval.requesters import requesters
from erp_mcp.cli.app import main
from erp_mcp.domain.lifecycle import State
from erp_mcp.web import Office, Origin
from tests.guarantees import guarantees
from tests.systems.oidc.server import Person, Rig
from tests.unit.approval.people import content
from tests.unit.cli.people_at_work import Desk
from tests.unit.web.browsing import HERE, PORT, Browser, MovableClock

ID = "prp_000000000001"
CALLBACK = f"{HERE}/oidc/callback"


@pytest.fixture(scope="session")
def joined(oidc: Rig, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A deployment whose page people sign in to at the provider; cleo is enrolled with an account there."""
    directory = tmp_path_factory.mktemp("oidc-page") / "p"
    assert CliRunner().invoke(main, ["init", str(directory), "--owner", "olga", "--no-approver"]).exit_code == 0
    desk = Desk(directory=directory)
    assert desk.enrol("ada", name="Ada Person").exit_code == 0
    desk.file("page-client.txt", oidc.secret("page"))
    with desk.config.open("a", encoding="utf-8") as file:
        file.write(f"web:\n  oidc:\n    issuer: {oidc.issuer}\n    client_id: page\n")
        file.write("    client_secret: file:page-client.txt\n    groups: {any_of: [approvers]}\n")
    assert desk.sign("approvals", "enrol-page", by="ada").exit_code == 0
    enrolled = desk.sign("approvals", "enrol", "cleo", "--oidc-subject", "sub-cleo", by="ada")
    assert enrolled.exit_code == 0, enrolled.output
    oidc.change_groups(**{"sub-cleo": ["approvers"], "sub-stranger": ["approvers"], "sub-temp": ["visitors"]})
    return directory


@pytest.fixture
def desk(joined: Path, tmp_path: Path) -> Desk:
    return Desk(directory=Path(shutil.copytree(joined, tmp_path / "p")))


@pytest_asyncio.fixture
async def browser(desk: Desk) -> AsyncIterator[Browser]:
    """A browser at the page, which asks the provider over sockets."""
    deployment = desk.open()
    made = Browser.at(deployment)
    yield made
    await made.leave()
    deployment.close()


async def there(browser: Browser, action: str = "/oidc/begin") -> str:
    """Send the form that leads to the provider and return where it leads."""
    if action == "/oidc/begin":
        await browser.get("/sign-in")
    await browser.send(action)
    links = [attrs["href"] for tag, attrs in browser.seen.elements if tag == "a" and "href" in attrs]
    assert browser.answer.status_code == 200, browser.seen.text
    return next(one for one in links if not one.startswith(("/", "#")))


async def sign_in(browser: Browser, who: Person) -> None:
    await browser.get(who.sign_in(await there(browser), until=CALLBACK).removeprefix(HERE))


def refusal(browser: Browser) -> str:
    """Return what the worker finds wrong with what was decided."""
    deployment = browser.deployment
    proposal, now = deployment.state.proposals.get(ID), deployment.clock.wall()
    decisions, known = deployment.state.proposals.decisions(ID), administration.trusted(deployment)
    return check.refusal_of(proposal, decisions, known, requesters(proposal.content, (), now), now)


@guarantees("P3.page_accounts", "P3.page_provider")
async def test_somebody_signs_in_at_the_provider_and_decides_and_signs_out(browser: Browser, desk: Desk) -> None:
    """The whole way: discovery, PKCE, token, keys, a large change with a proof of its own, the end of both sessions."""
    desk.propose(preview=replace(content().preview, checks=()), risk="W3")
    cleo = Person("sub-cleo")
    await sign_in(browser, cleo)
    here = f"/proposals/{ID}"
    await browser.get(here)
    assert f"{here}/approve" not in browser.seen.forms

    back = cleo.sign_in(await there(browser, "/oidc/prove"), until=CALLBACK)
    await browser.get(back.removeprefix(HERE))
    await browser.get(here)
    await browser.send(f"{here}/approve")

    assert cleo.asked == 2  # `prompt=login` asks although the provider's own session stands
    assert (browser.deployment.state.proposals.get(ID).state, refusal(browser)) == (State.APPROVED, "")
    (decision,) = browser.deployment.state.proposals.decisions(ID)
    opened = envelope.opened(decision.envelope)
    assert opened is not None
    assert isinstance(opened[0], OidcEnvelope)
    assert (opened[0].sign_in.subject, opened[0].sign_in.asked_for) == ("sub-cleo", ID)

    await browser.get("/")
    end = await there(browser, "/sign-out")
    assert "/session/end?id_token_hint=" in end
    assert (await browser.get("/")).status_code == 303


@guarantees("P3.page_provider")
async def test_the_providers_session_signs_in_without_asking_and_is_no_proof(browser: Browser) -> None:
    """Single sign-on is what it is for; a large yes asks anew, as the test above shows."""
    cleo = Person("sub-cleo")
    await sign_in(browser, cleo)
    other = browser.another()
    await sign_in(other, cleo)

    assert cleo.asked == 1
    assert (await other.get("/")).status_code == 200


@guarantees("P3.page_provider", "P3.page_accounts", "input.clear_errors")
@pytest.mark.parametrize(
    ("account", "deny", "code"),
    [
        ("sub-stranger", False, "page.not_enrolled"),
        ("sub-temp", False, "groups"),
        ("sub-cleo", True, "access_denied"),
    ],
)
async def test_whom_the_provider_lets_in_and_we_do_not_is_told_why(
    browser: Browser, account: str, code: str, *, deny: bool
) -> None:
    """Nobody enrolled, no group of those that may, or somebody who said no."""
    back = Person(account).sign_in(await there(browser), until=CALLBACK, deny=deny)
    answer = await browser.get(back.removeprefix(HERE))

    assert (answer.status_code, code in answer.text) == (403, True)
    assert (await browser.get("/")).status_code == 303


@guarantees("P3.page_provider", "input.clear_errors")
async def test_a_code_is_good_once_and_in_its_own_browser_alone(browser: Browser) -> None:
    """Replayed with everything the browser held, planted in another one, or with a state of somebody's own."""
    cleo = Person("sub-cleo")
    back = cleo.sign_in(await there(browser), until=CALLBACK).removeprefix(HERE)
    held = dict(browser.client.cookies)
    planted, thief = browser.another(), browser.another()
    assert "page.sign_in_lost" in (await planted.get(back)).text
    assert (await browser.get(back)).status_code == 200
    thief.client.cookies.update(held)
    replayed = await thief.get(back)
    elsewhere = browser.at_another_process()
    elsewhere.client.cookies.update(held)
    spent = await elsewhere.get(back)

    assert (replayed.status_code, "page.sign_in_lost" in replayed.text) == (400, True)
    assert (spent.status_code, "page.sign_in_lost" in spent.text) == (400, True)  # remembered over all processes
    for one in (planted, thief, elsewhere):
        assert (await one.get("/")).status_code == 303


@guarantees("P3.page_provider", "input.clear_errors")
async def test_a_code_that_was_redeemed_opens_no_sign_in_of_another_browser(browser: Browser) -> None:
    """A code seen in a log is put into a sign-in of one's own: we know neither of it, and the provider refuses it."""
    cleo, thief = Person("sub-cleo"), browser.another()
    used = cleo.sign_in(await there(browser), until=CALLBACK).removeprefix(HERE)
    assert (await browser.get(used)).status_code == 200
    own = Person("sub-cleo").sign_in(await there(thief), until=CALLBACK).removeprefix(HERE)
    code, mine = (parse_qs(urlsplit(one).query)["code"][0] for one in (used, own))

    answer = await thief.get(own.replace(quote(mine, safe=""), quote(code, safe="")))

    assert code != mine
    assert (answer.status_code, "invalid_grant" in answer.text) == (403, True)  # the provider's own word
    assert (await thief.get("/")).status_code == 303


@guarantees("P3.page_provider", "input.clear_errors")
async def test_of_two_tabs_only_the_newer_one_signs_in(browser: Browser) -> None:
    """Both codes are real; the older one finds nothing in the browser that it fits."""
    cleo = Person("sub-cleo")
    older = cleo.sign_in(await there(browser), until=CALLBACK).removeprefix(HERE)
    newer = cleo.sign_in(await there(browser), until=CALLBACK).removeprefix(HERE)

    assert "page.sign_in_lost" in (await browser.get(older)).text
    assert (await browser.get(newer)).status_code == 200
    assert (await browser.get("/")).status_code == 200


@guarantees("P3.page_provider", "input.clear_errors")
async def test_a_client_secret_that_is_not_ours_any_more_is_told_and_lets_nobody_in(
    browser: Browser, desk: Desk
) -> None:
    """The provider's own word for it stands on the page; the secret and its text do not."""
    back = Person("sub-cleo").sign_in(await there(browser), until=CALLBACK).removeprefix(HERE)
    desk.file("page-client.txt", "no longer the secret")
    answer = await browser.get(back)

    assert (answer.status_code, "invalid_client" in answer.text, "no longer" in answer.text) == (403, True, False)


@guarantees("P3.page_provider", "input.clear_errors")
async def test_a_provider_that_does_not_answer_is_told_at_once(desk: Desk) -> None:
    """Nobody waits for long, and nothing is begun."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{taken.getsockname()[1]}"  # nobody listens
        text = desk.config.read_text(encoding="utf-8")
        lines = [f"    issuer: {address}" if "issuer:" in one else one for one in text.splitlines()]
        desk.config.write_text("\n".join(lines) + "\n", encoding="utf-8")
        deployment = desk.open()
        browser = Browser.at(deployment)
        await browser.get("/sign-in")
        answer = await browser.send("/oidc/begin")
        await browser.leave()
        deployment.close()

    assert (answer.status_code, "page.provider_unavailable" in answer.text) == (503, True)


@guarantees("P3.page_provider")
async def test_the_provider_refuses_another_address_back_than_the_one_registered(desk: Desk) -> None:
    """What we send is exact, and the provider holds us to it: at another port it sends nobody back."""
    deployment = desk.open()
    clock = MovableClock(deployment.settings.clock)
    office = Office(deployment=deployment, origin=Origin(host="127.0.0.1", port=PORT + 1), looks=0)
    browser = Browser(deployment=deployment, clock=clock, office=office, client=Browser.profile(office))
    browser.client.headers["host"] = f"127.0.0.1:{PORT + 1}"
    address = await there(browser)
    with pytest.raises(KeyError):  # an error page of the provider's own, which leads nowhere
        Person("sub-cleo").sign_in(address, until=CALLBACK)
    await browser.leave()
    deployment.close()


@guarantees("P3.page_provider")
def test_doctor_says_whether_people_can_sign_in(oidc: Rig, desk: Desk) -> None:
    """Whoever sets it up learns it before somebody stands before the page."""

    def told() -> dict[str, str]:
        checks = desk.json("doctor", "--connect")["checks"]
        found: dict[str, str] = next(one for one in checks if one["name"] == "sign-in")
        return found

    right = told()
    assert (right["status"], "1 approver enrolled there; it answers" in right["detail"]) == ("ok", True)
    text = desk.config.read_text(encoding="utf-8")
    desk.config.write_text(text.replace(oidc.issuer, f"{oidc.issuer}/realms/other"), encoding="utf-8")
    wrong = told()
    assert (wrong["status"], "0 approvers" in wrong["detail"]) == ("note", True)
