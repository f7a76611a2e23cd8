"""Attacks on the page from outside: other sites, other hosts, other sessions, bytes that no browser of ours sends."""

from __future__ import annotations

import re

import pytest

from erp_mcp.domain.lifecycle import State
from erp_mcp.errors import ConfigurationError
from erp_mcp.web import Origin
from erp_mcp.web.app import WAYS
from erp_mcp.web.guard import MAX_BODY
from tests.guarantees import guarantees
from tests.unit.cli.people_at_work import PASSPHRASE, Desk
from tests.unit.web.browsing import HERE as ADDRESS
from tests.unit.web.browsing import PORT, Browser

ID = "prp_000000000001"
HERE = f"/proposals/{ID}"
HEADERS = {
    "content-security-policy": "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self';"
    " frame-ancestors 'none'; base-uri 'none'",
    "x-frame-options": "DENY",
    "x-content-type-options": "nosniff",
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "cache-control": "no-store",
}


def nothing_happened(browser: Browser) -> bool:
    return browser.deployment.state.proposals.get(ID).state is State.AWAITING_APPROVAL


@guarantees("P3.page_forms")
async def test_every_answer_forbids_scripts_frames_and_keeping_whatever_it_is(browser: Browser, desk: Desk) -> None:
    """An answer without the headers would be the one that is attacked."""
    desk.propose()
    await browser.sign_in("bob")
    addresses = ("/", HERE, "/stop", "/sign-in", "/nowhere", "/page.css", "/proposals/prp_none", f"{HERE}/approve")
    answers = [browser.answer, *[await browser.get(address) for address in addresses]]
    answers.append(await browser.get("/", Host="evil.example"))
    answers.append(await browser.post(f"{HERE}/approve", {}))

    assert {one.status_code for one in answers} >= {200, 303, 400, 403, 404, 405, 421}
    for answer in answers:
        assert {name: answer.headers.get(name) for name in HEADERS} == HEADERS
        assert not re.search(r"<script|javascript:|\son\w+=|\sstyle=|<iframe|https?://", answer.text)


@guarantees("P3.page_forms")
async def test_the_cookie_is_out_of_reach_of_scripts_and_other_sites(browser: Browser) -> None:
    """It is all that tells who decides."""
    await browser.sign_in("bob")
    told = browser.answer.headers["set-cookie"].lower()

    assert told.startswith(f"erp-mcp-{PORT}=")
    assert {"httponly", "samesite=strict", "path=/"} <= {part.strip() for part in told.split(";")}
    assert "domain" not in told


@guarantees("P3.page_forms")
@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Sec-Fetch-Site": "none"},
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": f"http://127.0.0.1:{PORT + 1}"},
        {"Origin": f"http://localhost:{PORT}.evil.example"},
    ],
    ids=lambda headers: " ".join(f"{name}={value}" for name, value in headers.items()),
)
async def test_a_form_that_another_site_sends_is_refused(browser: Browser, desk: Desk, headers: dict[str, str]) -> None:
    """Another program on this machine is another site too, although its cookies are the same."""
    desk.propose()
    await browser.sign_in("bob")
    await browser.get(HERE)
    form = {**browser.seen.forms[f"{HERE}/reject"], "reason": "forged"}

    answer = await browser.post(f"{HERE}/reject", form, **headers)

    assert (answer.status_code, nothing_happened(browser)) == (403, True)


@guarantees("P3.page_forms")
async def test_a_form_counts_for_its_own_address_session_and_proposal_alone(browser: Browser, desk: Desk) -> None:
    """A token that is good elsewhere is one to be carried there."""
    desk.propose()
    desk.propose("prp_000000000002")
    await browser.sign_in("bob")
    browser.deployment.state.switches.stop("agent:planner", by="olga", reason="wait")
    elsewhere: dict[str, str] = {}
    for page in ("/", "/stop", "/taint", "/tasks", "/proposals/prp_000000000002", HERE):
        await browser.get(page)
        elsewhere |= {action: form["token"] for action, form in browser.seen.forms.items() if "token" in form}
    assert {"/sign-out", "/stop", "/resume", "/proposals/prp_000000000002/reject", f"{HERE}/approve"} <= set(elsewhere)
    fields = browser.seen.forms[f"{HERE}/reject"]
    del elsewhere[f"{HERE}/reject"]
    other = browser.another()
    await other.sign_in("ada")
    await other.get(HERE)
    others = other.seen.forms[f"{HERE}/reject"]["token"]

    for token in ("", "x", "ü", *elsewhere.values(), others, fields["token"].upper() + "0"):
        answer = await browser.post(f"{HERE}/reject", {**fields, "token": token, "reason": "forged"})
        assert (answer.status_code, nothing_happened(browser)) == (403, True)
    assert (await browser.post(f"{HERE}/reject", {**fields, "reason": "mine"})).status_code == 303
    await other.leave()


@guarantees("P3.page_forms")
async def test_nobody_can_be_signed_in_by_a_form_that_their_browser_did_not_ask_for(browser: Browser) -> None:
    """Whoever works in somebody else's session would decide in somebody else's name."""
    await browser.get("/sign-in")
    attacker = dict(browser.seen.forms["/sign-in"])
    victim = browser.another()
    await victim.get("/sign-in")

    answer = await victim.post("/sign-in", {**attacker, "name": "bob", "passphrase": "four correct horses of bob"})

    assert (answer.status_code, (await victim.get("/")).status_code) == (403, 303)
    await victim.leave()


@guarantees("P3.page_forms")
@pytest.mark.parametrize("host", ["evil.example", f"evil.example:{PORT}", "127.0.0.1", f"127.0.0.1:{PORT}.evil", ""])
async def test_the_page_lives_under_its_own_names_alone(browser: Browser, host: str) -> None:
    """A name of somebody else that leads to this machine would make their page one of ours."""
    answer = await browser.get("/sign-in", Host=host)

    assert (answer.status_code, "set-cookie" in answer.headers) == (421, False)
    assert host not in answer.text or not host


@guarantees("P3.page_forms")
async def test_nothing_leads_to_another_site(browser: Browser) -> None:
    """An address in the query is nobody's way out."""
    await browser.get("/sign-in?next=https://evil.example/")
    await browser.sign_in("bob")
    assert browser.answer.headers["location"] == "/"
    for address in ("//evil.example/", "/\\evil.example", "/proposals//evil.example", "/stop/", "/%2f%2fevil.example"):
        answer = await browser.get(f"{ADDRESS}{address}")
        assert "evil" not in answer.headers.get("location", "")


@guarantees("P3.page_forms")
@pytest.mark.parametrize(
    ("body", "kind", "status"),
    [
        (b"token=a&token=b", "application/x-www-form-urlencoded", 400),
        (b"token=%ff%fe", "application/x-www-form-urlencoded", 400),
        (b"\xff\xfe", "application/x-www-form-urlencoded", 400),
        (b"token", "application/x-www-form-urlencoded", 400),
        (b"&".join(b"a%d=1" % number for number in range(999)), "application/x-www-form-urlencoded", 400),
        (b"a=" + b"x" * MAX_BODY, "application/x-www-form-urlencoded", 413),
        (b'{"token": "x"}', "application/json", 415),
        (b"token=x", "text/plain", 415),
        (b"token=x", "multipart/form-data; boundary=x", 415),
        (b"", "application/x-www-form-urlencoded", 403),
    ],
    ids=["twice", "no text", "no characters", "no value", "many", "large", "json", "plain", "parts", "empty"],
)
async def test_what_is_no_form_of_ours_is_turned_away(browser: Browser, body: bytes, kind: str, status: int) -> None:
    """Two ways to read one body are a way around every check between them."""
    await browser.sign_in("bob")

    answer = await browser.client.post("/stop", content=body, headers={"Content-Type": kind})

    assert answer.status_code == status
    assert browser.deployment.state.switches.stopped() == []


@guarantees("P3.page_forms")
@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "CONNECT"])
async def test_only_looking_and_sending_forms_is_possible(browser: Browser, method: str) -> None:
    """What no page of ours does is nobody's way in."""
    assert (await browser.client.request(method, "/")).status_code == 405


@guarantees("P3.page_forms")
def test_passphrases_never_cross_a_network_in_the_clear() -> None:
    """Beyond this machine the page needs TLS, its own or a proxy's."""
    for wrong in (
        Origin(host="0.0.0.0", port=PORT),
        Origin(host="10.0.0.5", port=PORT),
        Origin(host="127.0.0.1", port=PORT, public="http://approvals.example"),
        Origin(host="127.0.0.1", port=PORT, public="https://approvals.example/pa%20th"),
        Origin(host="127.0.0.1", port=PORT, public="https://approvals.example/path?x=1"),
        Origin(host="127.0.0.1", port=PORT, public="https://user@approvals.example"),
    ):
        with pytest.raises(ConfigurationError):
            wrong.check()
    for right in (
        Origin(host="127.0.0.1", port=PORT),
        Origin(host="::1", port=PORT),
        Origin(host="10.0.0.5", port=PORT, tls=True),
        Origin(host="127.0.0.1", port=PORT, public="https://approvals.example:8443"),
        Origin(host="127.0.0.1", port=PORT, public="https://tools.example/erp/approvals"),
    ):
        right.check()


@guarantees("P3.page_forms")
async def test_behind_tls_the_cookie_belongs_to_this_host_alone(desk: Desk) -> None:
    """A plain connection, or a host beside ours, could otherwise set it."""
    deployment = desk.open()
    browser = Browser.at(deployment, Origin(host="127.0.0.1", port=PORT, public="https://approvals.example"))

    answer = await browser.get("/sign-in", Host="approvals.example")

    told = answer.headers["set-cookie"].lower()
    assert told.startswith("__host-erp-mcp=")
    assert "secure" in told
    assert answer.headers["strict-transport-security"].startswith("max-age=")
    assert (await browser.get("/sign-in")).status_code == 421
    await browser.leave()
    deployment.close()


@guarantees("P3.page_forms", "P3.page_told")
async def test_behind_a_proxy_the_page_lies_under_a_path_of_its_own_and_nowhere_else(desk: Desk) -> None:
    """Every link and form leads back under it, and a form from another path of the same host is still none of ours."""
    deployment = desk.open()
    desk.propose()
    origin = Origin(host="127.0.0.1", port=PORT, public="https://tools.example/erp")
    browser = Browser.at(deployment, origin)
    browser.client.headers["host"] = "tools.example"
    browser.client.base_url = f"https://127.0.0.1:{PORT}"  # a cookie of TLS is sent by TLS alone
    assert (await browser.get("/sign-in")).status_code == 404
    assert (await browser.get("/erpx/sign-in")).status_code == 404
    assert (await browser.get("/erp")).headers["location"] == "/erp/sign-in"
    await browser.get("/erp/sign-in")
    form = {**browser.seen.forms["/erp/sign-in"], "name": "bob", "passphrase": f"{PASSPHRASE} of bob"}
    answer = await browser.post("/erp/sign-in", form, Origin="https://tools.example")
    assert (answer.status_code, answer.headers["location"]) == (303, "/erp/")

    for address in (
        "/erp/",
        "/erp/proposals/prp_000000000001",
        "/erp/stop",
        "/erp/figures",
        "/erp/tasks",
        "/erp/taint",
    ):
        assert (await browser.get(address)).status_code == 200
        ways = [one.get("href") or one.get("action") for _, one in browser.seen.elements]
        assert {one for one in ways if one and not one.startswith(("/erp/", "#"))} == set()
    assert (await browser.get("/erp/page.css")).headers["content-type"].startswith("text/css")
    await browser.get("/erp/proposals/prp_000000000001")
    action = "/erp/proposals/prp_000000000001/reject"
    form = {**browser.seen.forms[action], "reason": "no"}
    assert (await browser.post(action, form, Origin="https://other.example")).status_code == 403
    assert (await browser.post(action, form, Origin="https://tools.example")).status_code == 303
    await browser.leave()
    deployment.close()


@guarantees("P8.no_leaks", "P3.page_forms")
@pytest.mark.bends_log("the state file is no database any more")
async def test_what_breaks_inside_tells_nothing(browser: Browser) -> None:
    """Where a file lies or what a line of ours says is nothing for an answer."""
    await browser.sign_in("bob")
    browser.deployment.state.close()
    del browser.deployment.__dict__["state"]
    (browser.deployment.settings.state_dir / "state.sqlite").write_bytes(b"not a database at all, but long enough" * 40)

    answer = await browser.get("/")

    assert answer.status_code == 500
    assert "sqlite" not in answer.text.lower()
    assert "state.unavailable" in answer.text


@guarantees("P3.page_forms", "P3.page_decides")
async def test_what_a_form_does_is_done_by_no_look_at_its_address(browser: Browser, desk: Desk) -> None:
    """Links in mails, and whatever fetches them ahead, ask by GET."""
    desk.propose()
    await browser.sign_in("bob")
    shown = {one.address for one in WAYS if one.method == "GET"}
    sent = [one.address.format(id=ID) for one in WAYS if one.method == "POST" and one.address not in shown]
    assert f"{HERE}/approve" in sent
    assert [(one, (await browser.get(f"{one}?reason=x")).status_code) for one in sent] == [(one, 405) for one in sent]
    assert nothing_happened(browser)
