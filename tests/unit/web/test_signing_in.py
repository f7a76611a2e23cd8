"""Who is let in, for how long, and how slowly the others are turned away."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from hashlib import sha256
from urllib.parse import urlencode

import pytest

from erp_mcp.web.sessions import IDLE, LASTS
from erp_mcp.web.tries import FREE, LONGEST_S, wait_after
from tests.guarantees import guarantees
from tests.unit.cli.people_at_work import PASSPHRASE, Desk
from tests.unit.web.browsing import Browser

PAGES = ("/", "/stop", "/proposals/prp_000000000001", "/figures", "/?view=ended")


def kinds(browser: Browser) -> list[str]:
    """Return the kinds of the audit records of the page."""
    leaves = (json.loads(one.leaf) for one in browser.deployment.state.audit.read(limit=200))
    return [leaf["kind"] for leaf in leaves if leaf["kind"].startswith("page.")]


@guarantees("P3.page_sessions")
@pytest.mark.parametrize("address", PAGES)
async def test_nobody_sees_anything_without_signing_in(browser: Browser, address: str) -> None:
    """What is proposed is nobody's business but theirs who decide."""
    answer = await browser.get(address)

    assert (answer.status_code, answer.headers["location"], answer.text) == (303, "/sign-in", "")


@guarantees("P3.page_sessions")
async def test_an_approver_signs_in_with_their_passphrase_and_gets_a_token_that_only_they_hold(
    browser: Browser,
) -> None:
    """A token known before would be one that somebody else has planted; the store must not hold what signs in."""
    await browser.get("/sign-in")
    (before,) = browser.client.cookies.values()

    answer = await browser.send("/sign-in", name="bob", passphrase=f"{PASSPHRASE} of bob")

    (after,) = browser.client.cookies.values()
    assert (answer.status_code, answer.headers["location"]) == (303, "/")
    assert after != before
    stored = browser.deployment.settings.state_dir / "state.sqlite"
    assert after.encode() not in stored.read_bytes() + stored.with_name("state.sqlite-wal").read_bytes()
    assert "Bob Person" in (await browser.get("/")).text
    assert kinds(browser) == ["page.signed_in"]


@guarantees("P3.page_sessions")
async def test_a_wrong_passphrase_and_a_name_that_nobody_has_are_answered_alike(browser: Browser) -> None:
    """Who is enrolled is not told to whoever asks."""
    wrong = await browser.sign_in("bob", "not the passphrase")
    told = browser.seen.text
    nobody = await browser.sign_in("mallory", "not the passphrase")

    assert (wrong.status_code, nobody.status_code) == (403, 403)
    assert browser.seen.text == told
    assert "do not belong together" in told
    assert (await browser.get("/")).status_code == 303


@guarantees("P3.page_sessions")
async def test_after_some_failures_in_a_row_each_further_one_waits_and_the_right_one_too(browser: Browser) -> None:
    """Guessing must not pay, also not from several browsers; a minute is all that it costs whom it is about."""
    for _ in range(FREE):
        assert (await browser.sign_in("bob", "not the passphrase")).status_code == 403
    slow = await browser.another().sign_in("bob")
    browser.clock.ahead += timedelta(seconds=LONGEST_S)

    assert slow.status_code == 429
    assert (await browser.sign_in("bob")).status_code == 303
    assert kinds(browser) == ["page.sign_in_refused"] * FREE + ["page.signed_in"]
    assert browser.deployment.state.page_sessions.tries("bob").failures == 0


@guarantees("P3.page_sessions")
async def test_names_that_nobody_has_are_slowed_together_and_keep_nobody_else_waiting(browser: Browser) -> None:
    """Else the table of failures would be anybody's to fill."""
    for number in range(FREE):
        await browser.sign_in(f"nobody{number}", "not the passphrase")

    assert (await browser.sign_in("nobody-else", "not the passphrase")).status_code == 429
    assert (await browser.sign_in("ada")).status_code == 303


@guarantees("P3.page_sessions")
def test_the_wait_doubles_up_to_a_minute() -> None:
    """Longer would be a lock that somebody else can close."""
    told = [wait_after(failures).total_seconds() for failures in range(12)]

    assert told[:7] == [0, 0, 0, 2, 4, 8, 16]
    assert max(told) == LONGEST_S


@guarantees("P3.page_sessions")
async def test_a_session_ends_when_nobody_is_there_and_after_a_shift(browser: Browser) -> None:
    """A browser left open is anybody's who comes by."""
    await browser.sign_in("bob")
    browser.clock.ahead += IDLE - timedelta(minutes=1)
    assert (await browser.get("/")).status_code == 200
    browser.clock.ahead += IDLE
    assert (await browser.get("/")).status_code == 303

    await browser.sign_in("bob")
    step = IDLE - timedelta(minutes=1)
    for _ in range(int(LASTS / step)):
        browser.clock.ahead += step
        assert (await browser.get("/")).status_code == 200
    browser.clock.ahead += step
    assert (await browser.get("/")).status_code == 303
    assert kinds(browser) == ["page.signed_in", "page.signed_out"] * 2


@guarantees("P3.page_sessions", "P8.secrets_stay")
@pytest.mark.parametrize("ends", ["signed out", "left alone"])
async def test_a_key_is_forgotten_with_the_session_that_opened_it(browser: Browser, ends: str) -> None:
    """What can sign stays in memory no longer than somebody is there to sign by it."""
    await browser.sign_in("bob")
    await browser.get("/tasks")
    (token,) = browser.client.cookies.values()
    held, session = browser.office.sessions.held, sha256(token.encode()).hexdigest()
    assert held.of(session) is not None
    key = held._held[session]
    held._held[session] = replace(key, until=key.until + LASTS)  # its own time is no matter here
    if ends == "signed out":
        await browser.send("/sign-out")
    else:
        browser.clock.ahead += IDLE
        await browser.get("/tasks")

    assert held.of(session) is None


@guarantees("P3.page_sessions")
async def test_a_session_lasts_ten_hours_and_no_more_however_busy_its_person_is(browser: Browser) -> None:
    """As docs/page.md says: one shift, with its handing over."""
    await browser.sign_in("bob")
    for _ in range(29):
        browser.clock.ahead += timedelta(minutes=20)
        assert (await browser.get("/tasks")).status_code == 200
    browser.clock.ahead += timedelta(minutes=19, seconds=50)
    assert (await browser.get("/tasks")).status_code == 200
    browser.clock.ahead += timedelta(seconds=10)
    assert (await browser.get("/tasks")).status_code == 303


@guarantees("P3.page_sessions")
async def test_signing_out_ends_the_session_for_whoever_copied_its_token(browser: Browser) -> None:
    """A token that only the browser forgets would go on."""
    await browser.sign_in("bob")
    thief = browser.another()
    thief.client.cookies.update(browser.client.cookies)
    assert (await thief.get("/")).status_code == 200
    await browser.get("/")

    assert (await browser.send("/sign-out")).headers["location"] == "/sign-in"
    assert (await thief.get("/")).status_code == 303


@guarantees("P3.page_sessions")
async def test_whoever_is_revoked_is_out_at_once(browser: Browser, desk: Desk) -> None:
    """Revocation does not wait until somebody's session is over."""
    await browser.sign_in("bob")
    assert desk.sign("approvals", "revoke", "bob", by="ada").exit_code == 0

    assert (await browser.get("/")).status_code == 303
    assert (await browser.sign_in("bob")).status_code == 403


@guarantees("P3.page_sessions", "P8.secrets_stay")
async def test_a_passphrase_stands_nowhere(browser: Browser) -> None:
    """Neither in what is answered, nor in the state, nor in what shows an object."""
    await browser.sign_in("bob")
    answer = await browser.get("/")

    folder = browser.deployment.settings.state_dir
    files = b"".join(path.read_bytes() for path in folder.rglob("*") if path.is_file())
    assert PASSPHRASE.encode() not in files
    assert PASSPHRASE not in answer.text + repr(browser.office) + repr(browser.office.sessions)


@guarantees("P3.page_sessions")
async def test_of_two_cookies_of_our_name_none_is_believed(browser: Browser) -> None:
    """Somebody else on this host may have set the other."""
    await browser.sign_in("bob")
    ((name, value),) = browser.client.cookies.items()
    browser.client.cookies.clear()

    assert (await browser.get("/", Cookie=f"{name}={value}; {name}=planted")).status_code == 303
    assert (await browser.get("/", Cookie=f"{name}={value}")).status_code == 200


@guarantees("P3.page_forms", "P3.page_sessions")
async def test_signing_in_leads_to_the_queue_and_nowhere_that_an_address_or_a_form_names(browser: Browser) -> None:
    """A link to our own page that leads on to another one would look like ours."""
    names = ("next", "url", "to", "back", "return_to", "redirect", "redirect_uri", "goto")
    wishes = dict.fromkeys(names, "https://evil.example/")
    address = f"/sign-in?{urlencode(wishes)}"
    await browser.get(address)
    form = {**browser.seen.forms["/sign-in"], **wishes, "name": "bob", "passphrase": f"{PASSPHRASE} of bob"}

    answer = await browser.post(address, form)

    assert (answer.status_code, answer.headers["location"]) == (303, "/")
    again = await browser.get(address)
    assert (again.status_code, again.headers["location"]) == (303, "/")
