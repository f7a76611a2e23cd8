"""The egress: listed origins only, bounded in time and bytes, no redirects but one, no retries."""

from __future__ import annotations

import gzip
import socket
import ssl
from collections.abc import AsyncIterator, Mapping
from pathlib import Path

import pytest

from erp_mcp.egress.transport import Answer, Egress, EgressLimits, Origin
from erp_mcp.egress.wire import Request
from erp_mcp.errors import (
    BadAnswerError,
    DestinationNotAllowedError,
    SystemTimeoutError,
    SystemUnreachableError,
    TooLargeError,
)
from erp_mcp.testing import NO_LIMITS
from tests.guarantees import guarantees
from tests.unit.adapters.loopback import Loopback, Reply, self_signed

LIMITS = EgressLimits(connect_s=2.0, read_s=5.0, total_s=5.0, max_bytes=10_000)


@pytest.fixture
async def server() -> AsyncIterator[Loopback]:
    async with Loopback() as running:
        yield running


async def send(server: Loopback, limits: EgressLimits = LIMITS, path: str = "/") -> Answer:
    allowed = [one for one in [Origin.of(server.url)] if one]
    async with Egress(system="erp", allowed=allowed, limits=limits) as egress:
        return await egress.send("POST", f"{server.url}{path}", headers={"X-One": "1"}, body=b"asked")


@guarantees("P9.egress")
async def test_sends_the_request_and_gives_the_answer_whatever_its_status(server: Loopback) -> None:
    """A status is not a verdict; the adapter reads it."""
    server.replies = [Reply(status=500, body=b"no", headers={"Content-Type": "Text/HTML; charset=utf-8"})]
    answer = await send(server)
    assert (answer.status, answer.body, answer.media_type) == (500, b"no", "text/html")
    assert server.requests[0].startswith(b"POST / HTTP/1.1")
    assert server.requests[0].endswith(b"asked")


@guarantees("P9.egress")
@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.2/",
        "http://localhost/",
        "https://127.0.0.1/",
        "file:///etc/passwd",
        "http://u:p@127.0.0.1/",
        "",
        "::",
    ],
)
async def test_contacts_no_origin_that_is_not_listed(url: str) -> None:
    """Another port, host name, scheme or address with credentials is another origin, and nothing is sent."""
    async with Egress(system="erp", allowed=[Origin("http", "127.0.0.1", 80)], limits=LIMITS) as egress:
        with pytest.raises(DestinationNotAllowedError):
            await egress.send("GET", url, headers={})


@guarantees("P9.egress")
async def test_follows_one_308_on_the_same_origin_with_method_and_body(server: Loopback) -> None:
    """A server that wakes up sends the first request once to the same place."""
    server.replies = [Reply(status=308, headers={"Location": "/again"}), Reply(body=b"awake")]
    assert (await send(server)).body == b"awake"
    assert server.requests[1].startswith(b"POST /again HTTP/1.1")
    assert server.requests[1].endswith(b"asked")


@guarantees("P9.egress")
async def test_follows_a_308_only_once(server: Loopback) -> None:
    """A loop ends at once."""
    server.replies = [Reply(status=308, headers={"Location": "/a"}), Reply(status=308, headers={"Location": "/b"})]
    assert (await send(server)).status == 308
    assert len(server.requests) == 2


@guarantees("P9.egress", "P4.one_effect")
async def test_what_is_sent_once_follows_no_308_either(server: Loopback) -> None:
    """A write goes to one place, one time: what a second connection says tells nothing of the first."""
    server.replies = [Reply(status=308, headers={"Location": "/again"}), Reply(body=b"second")]
    allowed = [one for one in [Origin.of(server.url)] if one]
    async with Egress(system="erp", allowed=allowed, limits=LIMITS) as egress:
        assert (await egress.send("POST", f"{server.url}/", headers={}, once=True, reference="R1")).status == 308
    assert len(server.requests) == 1


@guarantees("P9.egress")
@pytest.mark.parametrize(
    "target", ["http://127.0.0.2:9/", "https://example.com/", "//example.com/", "http://[", "http://u:p@127.0.0.1/"]
)
async def test_never_follows_to_another_origin(server: Loopback, target: str) -> None:
    """An answer can't choose whom we talk to."""
    server.replies = [Reply(status=308, headers={"Location": target})]
    with pytest.raises((DestinationNotAllowedError, BadAnswerError)):
        await send(server)
    assert len(server.requests) == 1


@guarantees("P9.egress")
@pytest.mark.parametrize("status", [301, 302, 303, 307])
async def test_follows_no_other_redirect(server: Loopback, status: int) -> None:
    """Each is given to the adapter as it is."""
    server.replies = [Reply(status=status, headers={"Location": "/elsewhere"})]
    assert (await send(server)).status == status
    assert len(server.requests) == 1


@guarantees("P9.egress")
async def test_a_write_is_not_sent_again_when_the_connection_breaks(server: Loopback) -> None:
    """What the first one did is not known."""
    server.replies = [Reply(drop=True), Reply(body=b"second")]
    allowed = [one for one in [Origin.of(server.url)] if one]
    async with Egress(system="erp", allowed=allowed, limits=LIMITS) as egress:
        with pytest.raises(SystemUnreachableError):
            await egress.send("POST", f"{server.url}/", headers={}, once=True, reference="R1")
    assert len(server.requests) == 1


@guarantees("P9.egress")
async def test_an_answer_cut_short_is_a_broken_connection(server: Loopback) -> None:
    """Half an answer is none."""
    server.replies = [Reply(body=b"half", headers={"Content-Length": "400"})]
    with pytest.raises(SystemUnreachableError):
        await send(server)


@guarantees("P9.egress")
async def test_a_closed_port_is_unreachable() -> None:
    """Nobody listens: repeat later."""
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
        async with Egress(system="erp", allowed=[Origin("http", "127.0.0.1", port)], limits=LIMITS) as egress:
            with pytest.raises(SystemUnreachableError):
                await egress.send("GET", f"http://127.0.0.1:{port}/", headers={})


@guarantees("P9.egress")
@pytest.mark.parametrize("limits", [EgressLimits(read_s=0.2), EgressLimits(total_s=0.3)])
async def test_each_deadline_holds(server: Loopback, limits: EgressLimits) -> None:
    """A system that says nothing, or drips for ever, is left."""
    server.replies = [Reply(silent=True)]
    with pytest.raises(SystemTimeoutError):
        await send(server, limits)


@guarantees("P9.egress")
@pytest.mark.parametrize("encoding", ["identity", "gzip"])
async def test_stops_reading_at_the_cap_of_decoded_bytes(server: Loopback, encoding: str) -> None:
    """Neither a long answer nor a bomb of a thousandth of its size fills memory."""
    body = b" " * 5_000_000
    sent = gzip.compress(body) if encoding == "gzip" else body
    server.replies = [Reply(body=sent, headers={"Content-Encoding": encoding})]
    with pytest.raises(TooLargeError) as caught:
        await send(server)
    assert caught.value.facts["max_bytes"] == 10_000


@guarantees("P9.egress")
async def test_decodes_gzip_exactly_up_to_the_cap(server: Loopback) -> None:
    """The cap itself is allowed."""
    body = bytes(range(250)) * 40
    server.replies = [Reply(body=gzip.compress(body), headers={"Content-Encoding": "gzip"})]
    assert (await send(server)).body == body


@guarantees("P9.egress")
@pytest.mark.parametrize(
    ("encoding", "body"),
    [
        ("br", b"x"),
        ("gzip", b"not gzip at all"),
        ("gzip", gzip.compress(b"x" * 5000)[:-12]),
        ("gzip", gzip.compress(b"x") + b"more"),
    ],
    ids=["not asked for", "not gzip", "cut", "trailing"],
)
async def test_refuses_an_encoding_that_is_broken_or_not_asked_for(
    server: Loopback, encoding: str, body: bytes
) -> None:
    """What can't be decoded whole is no answer."""
    server.replies = [Reply(body=body, headers={"Content-Encoding": encoding})]
    with pytest.raises(BadAnswerError):
        await send(server)


@guarantees("P9.egress", "P8.no_leaks")
async def test_bytes_that_are_not_http_are_refused_without_being_shown(server: Loopback) -> None:
    """An error holds our words only."""
    server.replies = [Reply(raw=b"SSH-2.0-secret\r\n\r\n")]
    with pytest.raises((BadAnswerError, SystemUnreachableError)) as caught:
        await send(server)
    assert "secret" not in f"{caught.value} {caught.value.__cause__}"


@guarantees("P9.egress")
async def test_ignores_proxies_of_the_environment(server: Loopback, monkeypatch: pytest.MonkeyPatch) -> None:
    """The environment can't put someone in between."""
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    server.replies = [Reply(body=b"direct")]
    assert (await send(server)).body == b"direct"


@guarantees("P9.egress")
async def test_verifies_certificates(tmp_path: Path) -> None:
    """A server that can't prove who it is gets no request; one whose authority is configured does."""
    identity, authority = self_signed(tmp_path)
    async with Loopback(identity) as server:
        with pytest.raises(SystemUnreachableError) as caught:
            await send(server)
        assert "TLS" in str(caught.value.facts["reason"])
        assert not server.requests
        server.replies = [Reply(body=b"trusted")]
        allowed = [one for one in [Origin.of(server.url)] if one]
        trust = ssl.create_default_context(cafile=str(authority))
        async with Egress(system="erp", allowed=allowed, limits=LIMITS, trust=trust) as egress:
            assert (await egress.send("GET", server.url, headers={})).body == b"trusted"


class Shows:
    """An identity that is a certificate, counted how often it was loaded."""

    def __init__(self, certificate: Path, key: Path) -> None:
        self.certificate_file, self.key, self.loaded = certificate, key, 0

    async def headers(self) -> Mapping[str, str]:
        return {}

    async def after_refusal(self, refused: Mapping[str, str]) -> bool:
        return True

    def certificate(self, context: ssl.SSLContext) -> None:
        self.loaded += 1
        context.load_cert_chain(self.certificate_file, self.key)


@guarantees("P9.egress")
async def test_shows_the_certificate_of_the_identity_and_loads_it_anew_after_a_refusal(tmp_path: Path) -> None:
    """Mutual TLS: a server that wants to know who calls is told, and a certificate that was replaced is used."""
    server_identity, authority = self_signed(tmp_path)
    server_identity.verify_mode = ssl.CERT_REQUIRED
    server_identity.load_verify_locations(authority)
    async with Loopback(server_identity) as server:
        origin = Origin.of(server.url)
        assert origin is not None
        shows = Shows(authority, tmp_path / "key.pem")

        def way(identity: Shows | None) -> Egress:
            trust = ssl.create_default_context(cafile=str(authority))
            return Egress(
                system="erp", allowed=[origin], limits=LIMITS, trust=trust, identity=identity, traffic_limits=NO_LIMITS
            )

        async with way(None) as nobody:
            with pytest.raises(SystemUnreachableError):
                await nobody.send("GET", server.url, headers={})
        assert server.requests == []
        server.replies = [Reply(status=401), Reply(body=b"known")]
        async with way(shows) as known:
            assert (await known.send("GET", server.url, headers={})).body == b"known"
        assert shows.loaded == 2


@guarantees("P8.secrets_stay")
def test_what_is_sent_and_what_comes_back_shows_itself_without_its_content() -> None:
    """Whoever logs one, or prints the variables of a trace, tells no token, cookie or text of a system."""
    request = Request(method="POST", url="https://a.example/", headers={"Authorization": "canary"}, body=b"canary")
    answer = Answer(status=200, headers={"set-cookie": "canary"}, body=b"canary", set_cookies=("canary",))
    assert "canary" not in f"{request!r}{answer!r}"
