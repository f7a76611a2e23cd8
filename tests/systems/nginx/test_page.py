"""The approver's page behind a real proxy: the server of docs/page.md, TLS, a path of its own, and what goes wrong."""

from __future__ import annotations

import contextlib
import socket
import ssl
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Final
from urllib.parse import parse_qs, urlencode, urlsplit

import httpx2
import pytest

from erp_mcp.bootstrap import open_deployment
from erp_mcp.domain.lifecycle import State
from erp_mcp.web.guard import MAX_BODY
from erp_mcp.web.returning import PER_CLIENT
from tests.guarantees import guarantees
from tests.prepared import DemoPlant
from tests.systems.browser.rig import Browser as Shown
from tests.systems.browser.rig import browser as shown_by
from tests.systems.browser.test_page import APPROVER, LARGE_ID, LOST_ID, SCREENS, flaws, proposed
from tests.systems.browser.test_page_accounts import configured
from tests.systems.nginx.server import Rig
from tests.systems.oidc.conftest import oidc  # noqa: F401 - the provider that people sign in at
from tests.systems.oidc.server import Person as Account
from tests.systems.oidc.server import Rig as Provider
from tests.unit.web.browsing import FORM, Seen
from tests.unit.web.test_guard import HEADERS

pytestmark = pytest.mark.live

PATH: Final = "/approvals"
COOKIE: Final = "__Host-erp-mcp"
CLIENT: Final = "page-behind-proxy"
FORWARDED: Final = {
    "X-Forwarded-For": "203.0.113.9",
    "X-Forwarded-Host": "evil.example",
    "X-Forwarded-Proto": "http",
    "X-Forwarded-Port": "8080",
    "X-Forwarded-Prefix": "/evil",
    "X-Forwarded-Server": "evil.example",
    "Forwarded": "for=203.0.113.9;host=evil.example;proto=http",
    "X-Original-URL": "/stop",
    "X-Rewrite-URL": "/stop",
    "X-Script-Name": "/evil",
    "X-HTTP-Method-Override": "POST",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """A page behind the proxy, its plant, and the proposal that an agent really made."""

    rig: Rig
    provider: Provider
    plant: Path
    proposal: str

    @property
    def passphrase(self) -> str:
        return (self.plant / "keys" / f"{APPROVER}.passphrase").read_text(encoding="ascii").strip()

    def state(self, proposal_id: str) -> State:
        deployment = open_deployment(self.plant / "erp-mcp.yaml")
        try:
            return deployment.state.proposals.get(proposal_id).state
        finally:
            deployment.close()


@dataclass(kw_only=True)
class Person:
    """Somebody with a browser profile of their own, who comes by the proxy."""

    site: Site
    client: httpx2.Client = field(repr=False)
    answer: httpx2.Response = field(default_factory=lambda: httpx2.Response(200))

    @property
    def seen(self) -> Seen:
        return Seen(self.answer.text)

    def get(self, address: str, **headers: str) -> httpx2.Response:
        self.answer = self.client.get(f"{origin(self.site)}{address}", headers=headers)
        return self.answer

    def post(self, action: str, fields: dict[str, str], **headers: str) -> httpx2.Response:
        there = f"{origin(self.site)}{action}"
        self.answer = self.client.post(there, content=urlencode(fields), headers={**FORM, **headers})
        return self.answer

    def sign_in(self) -> httpx2.Response:
        self.get(f"{PATH}/sign-in")
        form = self.seen.forms[f"{PATH}/sign-in"]
        return self.post(f"{PATH}/sign-in", {**form, "name": APPROVER, "passphrase": self.site.passphrase})


def origin(site: Site) -> str:
    parts = urlsplit(site.rig.public)
    return f"{parts.scheme}://{parts.netloc}"


@pytest.fixture(scope="module")
def site(
    proxy: Rig,
    oidc: Provider,  # noqa: F811 - as above
    tmp_path_factory: pytest.TempPathFactory,
    demo_plant: DemoPlant,
) -> Iterator[Site]:
    """The page of a demo plant where the proxy expects it, as its docs say to start it; people have accounts too."""
    plant = demo_plant(tmp_path_factory.mktemp("plant") / "d")
    configured(plant, oidc, proxy.public, CLIENT)
    proposal = proposed(plant)
    words = [sys.executable, "-m", "erp_mcp", "web", "--demo-dir", str(plant), "--port", str(proxy.page_port)]
    words += ["--public-url", proxy.public, "--client-header", "X-Real-IP"]
    with subprocess.Popen(words, stderr=subprocess.PIPE) as child:
        assert child.stderr is not None
        try:
            assert f"answers at {proxy.public} ".encode() in child.stderr.readline()
            threading.Thread(target=child.stderr.read, daemon=True).start()
            yield Site(rig=proxy, provider=oidc, plant=plant, proposal=proposal)
        finally:
            child.terminate()
            assert child.wait(60) == 0


@pytest.fixture
def person(site: Site) -> Iterator[Person]:
    with httpx2.Client(verify=site.rig.trust(), trust_env=False, follow_redirects=False, timeout=60) as client:
        yield Person(site=site, client=client)


def raw(site: Site, *lines: str, body: bytes = b"") -> tuple[int, bytes]:
    """Send bytes that no client would, and return the status and the whole of what came back."""
    port = urlsplit(site.rig.public).port
    trust = ssl.create_default_context(cafile=site.rig.ca_file)
    with (
        socket.create_connection(("127.0.0.1", port), timeout=60) as plain,
        trust.wrap_socket(plain, server_hostname="localhost") as one,
    ):
        one.sendall("\r\n".join((*lines, "Connection: close", "", "")).encode("ascii") + body)
        told = b""
        with contextlib.suppress(ConnectionError, ssl.SSLError):
            while part := one.recv(65_536):
                told += part
    return int(told.split(b" ", 2)[1]) if told else 0, told


@guarantees("P3.page_forms", "P3.page_sessions", "P3.page_decides", "P3.page_told")
def test_the_whole_way_of_a_person_goes_through_the_proxy_and_stays_under_its_path(person: Person, site: Site) -> None:
    """Every redirect, link and form leads to the public name and path, and a no arrives in the store."""
    bare = person.get(PATH)
    assert (bare.status_code, bare.headers["location"]) == (301, f"{PATH}/")
    first = person.get(f"{PATH}/")
    assert (first.status_code, first.headers["location"]) == (303, f"{PATH}/sign-in")
    arrived = person.sign_in()
    assert (arrived.status_code, arrived.headers["location"]) == (303, f"{PATH}/")

    for address in ("/", f"/proposals/{LARGE_ID}", "/stop", "/figures", "/tasks", "/taint"):
        assert person.get(f"{PATH}{address}").status_code == 200
        ways = [one.get("href") or one.get("action") for _, one in person.seen.elements]
        assert {one for one in ways if one and not one.startswith((f"{PATH}/", "#"))} == set()
    style = person.get(f"{PATH}/page.css")
    assert (style.status_code, style.headers["content-type"].partition(";")[0]) == (200, "text/css")
    person.get(f"{PATH}/proposals/{LARGE_ID}")
    action = f"{PATH}/proposals/{LARGE_ID}/reject"
    form = {**person.seen.forms[action], "reason": "not this month"}
    done = person.post(action, form, Origin=origin(site), **{"Sec-Fetch-Site": "same-origin"})
    assert (done.status_code, site.state(LARGE_ID)) == (303, State.REJECTED)

    person.get(f"{PATH}/")
    out = person.post(f"{PATH}/sign-out", person.seen.forms[f"{PATH}/sign-out"])
    assert out.headers["location"] == f"{PATH}/sign-in"
    assert COOKIE not in person.client.cookies
    assert person.get(f"{PATH}/").status_code == 303


@guarantees("P3.page_forms", "P3.page_sessions")
def test_the_cookie_and_the_headers_of_every_answer_pass_the_proxy_once_and_whole(person: Person, site: Site) -> None:
    """A second policy, a cookie without Secure or a frame let in by the proxy would undo what the page does."""
    answers = [person.sign_in()]
    cookies = answers[0].headers.get_list("set-cookie")
    answers += [person.get(f"{PATH}{address}") for address in ("/", "/nowhere", "/page.css", "/sign-in")]
    answers.append(person.get(f"{PATH}/sign-in", Host="evil.example"))
    answers.append(person.post(f"{PATH}/stop", {}))

    (cookie,) = cookies
    parts = {part.strip().lower() for part in cookie.split(";")[1:]}
    assert cookie.startswith(f"{COOKIE}=")
    assert parts == {"httponly", "secure", "samesite=strict", "path=/"}
    assert {one.status_code for one in answers} == {200, 303, 403, 404, 421}
    for answer in answers:
        assert {name: answer.headers.get_list(name) for name in HEADERS} == {n: [v] for n, v in HEADERS.items()}
        assert answer.headers.get_list("strict-transport-security") == ["max-age=31536000"]
    assert site.rig.version not in str(answers[1].headers)


@guarantees("P3.page_forms")
@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Origin": "page"},
        {"Origin": "http"},
    ],
    ids=lambda headers: " ".join(f"{name}={value}" for name, value in headers.items()),
)
def test_a_form_from_elsewhere_is_refused_behind_the_proxy_too(
    person: Person, site: Site, headers: dict[str, str]
) -> None:
    """Another site, the page's own port without the proxy, and the public name without TLS are all elsewhere."""
    direct, plain = f"http://127.0.0.1:{site.rig.page_port}", origin(site).replace("https", "http")
    told = {name: {"page": direct, "http": plain}.get(value, value) for name, value in headers.items()}
    person.sign_in()
    person.get(f"{PATH}/proposals/{site.proposal}")
    action = f"{PATH}/proposals/{site.proposal}/reject"
    form = {**person.seen.forms[action], "reason": "forged"}

    forged = person.post(action, form, **told)
    without = person.post(action, {**form, "token": ""})

    assert (forged.status_code, without.status_code) == (403, 403)
    assert site.state(site.proposal) is State.AWAITING_APPROVAL


@guarantees("P3.page_forms")
@pytest.mark.parametrize("name", FORWARDED)
def test_what_somebody_says_was_forwarded_changes_nothing(person: Person, name: str) -> None:
    """The page is called what its operator said, whatever the proxy lets through."""
    person.sign_in()
    forged = {name: FORWARDED[name]}
    addresses = ("/", "/sign-in", "/stop", "/nowhere")
    plain = [person.get(f"{PATH}{one}") for one in addresses]
    told = [person.get(f"{PATH}{one}", **forged) for one in addresses]

    assert [one.status_code for one in told] == [one.status_code for one in plain]
    assert [one.headers.get("location") for one in told] == [one.headers.get("location") for one in plain]
    assert not any("evil" in f"{one.text}{one.headers}" for one in told)
    with httpx2.Client(verify=person.site.rig.trust(), trust_env=False, timeout=60) as nobody:
        turned = nobody.get(f"{origin(person.site)}{PATH}/", headers=forged)
        assert (turned.status_code, turned.headers["location"]) == (303, f"{PATH}/sign-in")


@guarantees("P3.page_forms", "input.clear_errors")
@pytest.mark.parametrize(("size", "chunked"), [(MAX_BODY + 1, False), (MAX_BODY + 1, True), (70_000, False)])
def test_a_form_that_is_too_large_is_refused_by_page_or_proxy_and_nothing_is_done(
    person: Person, size: int, *, chunked: bool
) -> None:
    """The page's limit lies below the proxy's; either says 413, with a length or without one."""
    person.sign_in()
    person.get(f"{PATH}/stop")
    form = urlencode({**person.seen.forms[f"{PATH}/stop"], "scope": "all", "reason": "x"}).encode("ascii")
    body = form + b"&more=" + b"x" * (size - len(form) - 6)
    sent = iter((body[:9], body[9:])) if chunked else body

    answer = person.client.post(f"{origin(person.site)}{PATH}/stop", content=sent, headers=FORM)

    deployment = open_deployment(person.site.plant / "erp-mcp.yaml")
    try:
        assert (answer.status_code, deployment.state.switches.stopped()) == (413, [])
    finally:
        deployment.close()
    assert person.get(f"{PATH}/").status_code == 200


@guarantees("P3.page_forms", "input.clear_errors")
@pytest.mark.parametrize(
    "lines",
    [
        ("GET /approvals/sign-in HTTP/1.1", "Host: {host}", "Cookie: a={kilo9}"),
        ("GET /approvals/sign-in HTTP/1.1", "Host: {host}", *[f"X-{n}: {{kilo6}}" for n in range(4)]),
        ("GET /approvals/{kilo9} HTTP/1.1", "Host: {host}"),
        ("GET /approvals/sign-in HTTP/1.1", "Host: {host}", "Host: evil.example"),
        ("GET /approvals/sign-in HTTP/1.1",),
        ("POST /approvals/sign-in HTTP/1.1", "Host: {host}", "Content-Length: 5", "Transfer-Encoding: chunked"),
        ("POST /approvals/sign-in HTTP/1.1", "Host: {host}", "Content-Length: 5", "Content-Length: 6"),
        ("TRACE /approvals/sign-in HTTP/1.1", "Host: {host}"),
        ("PUT /approvals/sign-in HTTP/1.1", "Host: {host}", "Content-Length: 0"),
    ],
    ids=[
        "a long cookie", "many headers", "a long address", "two hosts", "no host", "two lengths, one in pieces",
        "two lengths", "TRACE", "PUT",
    ],
)  # fmt: skip
def test_bytes_that_no_browser_sends_are_refused_and_the_page_answers_on(
    person: Person, site: Site, lines: tuple[str, ...]
) -> None:
    """Neither of the two may take such a request for another one than the other does."""
    given = {"host": urlsplit(site.rig.public).netloc, "kilo6": "x" * 6_000, "kilo9": "x" * 9_000}

    status, told = raw(site, *(one.format(**given) for one in lines), body=b"0\r\n\r\n" if "POST" in lines[0] else b"")

    assert status in {400, 405, 414, 421, 431}
    assert told.count(b"HTTP/1.1 ") == 1
    assert b"set-cookie" not in told.lower()
    assert person.get(f"{PATH}/sign-in").status_code == 200


@guarantees("P3.page_forms")
@pytest.mark.parametrize(
    "address",
    [
        "/sign-in", "/approvalsx/sign-in", "/approvals/../sign-in", "/approvals/%2e%2e/sign-in", "/x/../approvals/stop",
        "//approvals/stop", "/approvals/..%2fstop", "/approvals//stop", "/approvals/stop%00",
    ],
)  # fmt: skip
def test_no_other_spelling_of_an_address_shows_anything(person: Person, site: Site, address: str) -> None:
    """What proxy and page read differently must be nobody's way around either of them."""
    person.sign_in()
    cookie = f"{COOKIE}={person.client.cookies[COOKIE]}"

    status, told = raw(
        site, f"GET {address} HTTP/1.1", f"Host: {urlsplit(site.rig.public).netloc}", f"Cookie: {cookie}"
    )

    assert status in {400, 404}
    assert b"<form" not in told


def leave_for_the_provider(person: Person) -> str:
    """Send the form that leads to the provider, and return where it leads."""
    person.get(f"{PATH}/sign-in")
    person.post(f"{PATH}/oidc/begin", person.seen.forms[f"{PATH}/oidc/begin"])
    links = [attrs.get("href", "") for tag, attrs in person.seen.elements if tag == "a"]
    return next(one for one in links if one.startswith(person.site.provider.issuer))


@guarantees("P3.page_provider", "P3.page_forms", "P3.page_accounts")
def test_an_account_of_the_provider_signs_in_through_the_proxy(person: Person, site: Site) -> None:
    """The way back from the provider ends at the public name and path, with both cookies kept to TLS."""
    there = leave_for_the_provider(person)
    (begun,) = person.answer.headers.get_list("set-cookie")
    parts = {part.strip().lower() for part in begun.split(";")[1:]}
    assert begun.startswith(f"{COOKIE}-begun=")
    assert {"httponly", "secure", "samesite=lax", "path=/"} <= parts

    back = Account("sub-cleo").sign_in(there, until=f"{site.rig.public}/oidc/callback")
    assert person.get(back.removeprefix(origin(site))).status_code == 200

    assert "Cleo Person" in person.get(f"{PATH}/").text


@dataclass(kw_only=True)
class Told:
    """What the provider's server has sent to the public address, and what the page has answered."""

    forms: list[bytes] = field(default_factory=list)
    answers: list[int] = field(default_factory=list)


@contextlib.contextmanager
def carried_to(site: Site) -> Iterator[tuple[str, Told]]:
    """Give an address to which the provider's server may speak without TLS; all of it goes to the proxy, by TLS.

    The provider of the tests trusts no certificate of ours; how it reaches a public address is not what is looked at.
    """
    told = Told()

    class Carrier(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            told.forms.append(self.rfile.read(int(self.headers["content-length"])))
            kind = {"content-type": self.headers["content-type"]}
            with httpx2.Client(verify=site.rig.trust(), trust_env=False, timeout=60) as client:
                answer = client.post(f"{site.rig.public}/oidc/logout", content=told.forms[-1], headers=kind)
            told.answers.append(answer.status_code)
            self.send_response(answer.status_code)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Carrier) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/", told
        finally:
            server.shutdown()
            thread.join()


def account_signed_in(person: Person, account: Account) -> None:
    there = leave_for_the_provider(person)
    back = account.sign_in(there, until=f"{person.site.rig.public}/oidc/callback")
    assert person.get(back.removeprefix(origin(person.site))).status_code == 200
    assert person.get(f"{PATH}/").status_code == 200


@guarantees("P3.page_logout", "P3.page_provider", "P3.page_forms")
def test_who_signs_out_at_the_provider_is_signed_out_of_the_page_behind_the_proxy(person: Person, site: Site) -> None:
    """Its server's word passes the proxy without a cookie or form of ours; somebody else who is signed in stays.

    Used again, altered, or by GET it does nothing.
    """
    with carried_to(site) as (address, told), httpx2.Client(verify=site.rig.trust(), trust_env=False) as client:
        site.provider.change_client(CLIENT, backchannel_logout_uri=address, backchannel_logout_session_required=True)
        other, cleo = Person(site=site, client=client), Account("sub-cleo")
        assert other.sign_in().status_code == 303
        account_signed_in(person, cleo)
        cleo.sign_out(site.provider.issuer)
        assert told.answers == [200]
        assert (person.get(f"{PATH}/").status_code, other.get(f"{PATH}/").status_code) == (303, 200)

        account_signed_in(person, Account("sub-cleo"))
        there = f"{site.rig.public}/oidc/logout"
        (form,) = told.forms
        for again in (form, form[:-8] + b"A" * 8, b"logout_token=x", b""):
            answer = client.post(there, content=again, headers={**FORM, "Origin": "https://evil.example"})
            assert answer.status_code in {400, 403}
        assert client.get(f"{there}?{form.decode('ascii')}").status_code == 405
        assert client.post(there, content=form, headers={"content-type": "application/json"}).status_code == 415
        assert (person.get(f"{PATH}/").status_code, other.get(f"{PATH}/").status_code) == (200, 200)


@guarantees("P3.page_provider", "P9.bounded", "P3.page_forms")
def test_nobody_behind_the_proxy_can_say_to_be_somebody_else_each_time(person: Person) -> None:
    """The proxy says who asks, whatever they say of it; after so many returns in vain a stranger waits."""
    begun = []
    for _ in range(PER_CLIENT + 1):
        state = parse_qs(urlsplit(leave_for_the_provider(person)).query)["state"][0]
        begun.append((state, person.client.cookies[f"{COOKIE}-begun"]))
    with httpx2.Client(verify=person.site.rig.trust(), trust_env=False, timeout=60) as client:
        told = []
        for number, (state, held) in enumerate(begun):  # all of them in far less than a minute
            query = urlencode({"code": "guessed", "state": state, "iss": person.site.provider.issuer})
            forged = {"X-Real-IP": f"203.0.113.{number}", "X-Forwarded-For": f"203.0.113.{number}"}
            there = f"{person.site.rig.public}/oidc/callback?{query}"
            told.append(client.get(there, headers={**forged, "Cookie": f"{COOKIE}-begun={held}"}))

    assert [one.status_code for one in told] == [*[403] * PER_CLIENT, 429]
    assert int(told[-1].headers["retry-after"]) > 0
    assert person.sign_in().status_code == 303


@guarantees("P3.page_forms", "input.clear_errors")
def test_a_proxy_that_loses_host_or_path_is_told_so_clearly_and_nobody_gets_a_page(person: Person, site: Site) -> None:
    """Whoever set it up reads what is wrong in the browser, before anybody types a passphrase."""
    no_host = person.client.get(f"{site.rig.host_lost}/sign-in")
    no_path = person.client.get(f"{site.rig.path_lost}/sign-in", headers={"Host": urlsplit(site.rig.public).netloc})
    direct = httpx2.get(f"http://127.0.0.1:{site.rig.page_port}{PATH}/sign-in", trust_env=False, timeout=60)
    other = person.get(f"{PATH}/sign-in", Host="evil.example")

    assert [one.status_code for one in (no_host, no_path, direct, other)] == [421, 404, 421, 421]
    for answer in (no_host, direct, other):
        assert f"It lives at {site.rig.public}/" in answer.text
        assert "has to pass on Host as it came" in answer.text
        assert "evil" not in answer.text
    assert f"lies under {PATH}/; a proxy before it has to pass on the path as it came" in no_path.text
    assert not any("set-cookie" in one.headers for one in (no_host, no_path, direct, other))


@guarantees("P3.page_forms", "P3.page_decides", "P3.page_told", "P4.page_worker")
def test_somebody_with_a_browser_decides_through_the_proxy(
    site: Site, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """A real browser keeps the cookie, sends the forms, shows the style sheet and frames none of it."""
    shown: Shown = shown_by(tmp_path_factory.mktemp("proxied"))
    public, here = site.rig.public, f"{site.rig.public}/proposals/{site.proposal}"
    steps: list[list[Any]] = [
        ["goto", public],
        ["arrive", f"{public}/sign-in"],
        ["look", "sign-in"],
        ["fill", "#name", APPROVER],
        ["fill", "#passphrase", site.passphrase],
        ["click", "form:has(#passphrase) button"],
        ["arrive", f"{public}/"],
        ["look", "queue"],
        ["goto", here],
        ["tick", "#looked"],
        ["click", "button.yes"],
        ["await", here, "Written"],
        ["look", "written"],
        ["goto", f"{public}/proposals/{LOST_ID}"],
        ["look", "lost"],
        ["goto", f"{public}/"],
        ["click", "header button"],
        ["arrive", f"{public}/sign-in"],
        ["goto", f"{public}/"],
        ["look", "out"],
    ]
    wide, narrow = ({"name": f"{one['width']}-{one['scheme']}", **one} for one in SCREENS)
    looking = [one for one in steps if one[0] != "tick" and "button.yes" not in one]
    steps_of = ((wide, steps), (narrow, looking))

    report = shown.walk([{**screen, "any_certificate": True, "steps": taken} for screen, taken in steps_of])

    for name, walk in report.items():
        looks = walk["looks"]
        assert flaws(walk, origin(site)) == [], name
        assert looks["out"]["address"] == f"{public}/sign-in"
        assert "Written" in looks["written"]["text"]
    assert site.state(site.proposal) is State.COMMITTED
