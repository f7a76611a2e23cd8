"""Where a host may lead: stub resolvers, odd spellings, and connections that go nowhere else."""

from __future__ import annotations

import asyncio
import ipaddress
import ssl
from collections.abc import Sequence
from pathlib import Path

import pytest

from erp_mcp.egress.addresses import AddressRules
from erp_mcp.egress.transport import Egress, EgressLimits, Origin
from erp_mcp.errors import ConfigurationError, DestinationNotAllowedError, GatewayError, SystemUnreachableError
from erp_mcp.testing import NO_LIMITS
from tests.guarantees import guarantees
from tests.unit.adapters.loopback import Loopback, self_signed
from tests.unit.egress.faulty import Faulty, status

PRIVATE = [
    "0.0.0.0", "0.1.2.3", "10.0.0.1", "10.255.255.255", "100.64.0.1", "100.127.255.254", "127.0.0.1", "127.255.0.1",
    "169.254.1.1", "172.16.0.1", "172.31.255.255", "192.0.0.8", "192.0.2.1", "192.88.99.1", "192.168.1.1", "198.18.0.1",
    "198.19.255.255", "198.51.100.7", "203.0.113.9", "224.0.0.1", "239.255.255.250", "240.0.0.1", "255.255.255.255",
    "::", "::1", "::7f00:1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:8.8.8.8", "::ffff:0:8.8.8.8",
    "64:ff9b::7f00:1", "64:ff9b::808:808", "64:ff9b:1::a00:1", "100::1", "2001::1",
    "2001:0:4136:e378:8000:63bf:3fff:fdd2", "2001:10::1", "2001:db8::1", "2002:7f00:1::",
    "2002:808:808::1", "3fff::1", "4000::1", "5f00::1", "fc00::1",
    "fd12:3456::1", "fe80::1", "fe80::1%eth0", "fec0::1", "ff02::1", "ff0e::1",
]  # fmt: skip
METADATA = ["169.254.169.254", "169.254.170.2", "100.100.100.200", "168.63.129.16", "192.0.0.192", "fd00:ec2::254"]
PUBLIC = ["8.8.8.8", "1.1.1.1", "93.184.216.34", "172.32.0.1", "100.128.0.1", "2606:4700::1111", "2a00:1450::1"]


def rules(*networks: str, url: str = "https://erp.example") -> AddressRules:
    origin = Origin.of(url)
    assert origin is not None
    return AddressRules.of("erp", networks, [origin])


def allowed(address: str, *networks: str) -> bool:
    return rules(*networks).allows("erp.example", ipaddress.ip_address(address))


# --- the rules --------------------------------------------------------------------------------------------------------


@guarantees("P9.addresses")
@pytest.mark.parametrize("address", PRIVATE + METADATA)
def test_what_is_not_public_is_refused_unless_it_is_listed(address: str) -> None:
    """Private, link-local, carrier-grade, multicast, reserved, documentation, and IPv4 in any dress."""
    assert not allowed(address)


@guarantees("P9.addresses")
@pytest.mark.parametrize("address", PUBLIC)
def test_what_is_public_is_allowed(address: str) -> None:
    """Most systems in a cloud need nothing listed."""
    assert allowed(address)


@guarantees("P9.addresses")
@pytest.mark.parametrize("address", METADATA)
def test_an_address_that_gives_out_credentials_must_be_listed_by_itself(address: str) -> None:
    """A network around it is no leave, and neither is writing it into the url."""
    around = "::/0" if ":" in address else "0.0.0.0/0"
    exactly = f"{address}/{128 if ':' in address else 32}"
    assert not allowed(address, around)
    assert allowed(address, exactly)
    host = f"[{address}]" if ":" in address else address
    assert not rules(url=f"http://{host}").allows(address, ipaddress.ip_address(address))


@guarantees("P9.addresses")
def test_a_listed_network_allows_its_addresses_and_no_others() -> None:
    """Of both families."""
    networks = ("10.20.0.0/16", "fd12::/16")
    assert [allowed(one, *networks) for one in ("10.20.3.4", "10.21.0.1", "fd12::7", "fd13::7")] == [
        True, False, True, False,
    ]  # fmt: skip


@guarantees("P9.addresses")
def test_an_address_in_another_dress_needs_leave_for_both() -> None:
    """Listing the translation prefix opens no private network behind it."""
    assert allowed("64:ff9b::808:808", "64:ff9b::/96")
    assert not allowed("64:ff9b::a00:1", "64:ff9b::/96")
    assert allowed("64:ff9b::a00:1", "64:ff9b::/96", "10.0.0.0/8")
    assert not allowed("::ffff:10.0.0.1", "10.0.0.0/8")
    assert not allowed("64:ff9b::a9fe:a9fe", "64:ff9b::/96", "169.254.0.0/16")


@guarantees("P9.addresses")
def test_what_the_operator_wrote_into_the_url_is_listed_for_that_host_alone() -> None:
    """An address, or `localhost`, which leads to this machine and nowhere else."""
    loopback, other = ipaddress.ip_address("127.0.0.1"), ipaddress.ip_address("10.1.2.3")
    assert rules(url="http://10.1.2.3").allows("10.1.2.3", other)
    assert not rules(url="http://10.1.2.3").allows("erp.example", other)
    assert rules(url="http://localhost").allows("localhost", loopback)
    assert not rules(url="http://localhost").allows("localhost", other)
    assert not rules(url="http://localhost").allows("erp.example", loopback)


@guarantees("P9.addresses", "input.clear_errors")
@pytest.mark.parametrize("network", ["10.0.0.0/33", "10.0.0.1/8", "erp.example", "", "*"])
def test_a_network_that_is_none_is_named(network: str) -> None:
    """Before anything is contacted."""
    with pytest.raises(ConfigurationError) as caught:
        rules(network)
    assert caught.value.facts["key"] == "systems.erp.networks"


# --- connections ------------------------------------------------------------------------------------------------------


class Resolver:
    """Answers in turn, the last answer for ever, and notes what it was asked."""

    def __init__(self, *answers: Sequence[str]) -> None:
        self.answers = list(answers)
        self.asked: list[str] = []

    async def __call__(self, host: str, port: int) -> Sequence[str]:
        self.asked.append(host)
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


def to_name(port: int, resolver: Resolver, *networks: str, host: str = "erp.example", scheme: str = "http") -> Egress:
    return Egress(
        system="erp", allowed=[Origin(scheme, host, port)], networks=networks, resolve=resolver,
        limits=EgressLimits(connect_s=1.0, read_s=1.0, total_s=2.0), traffic_limits=NO_LIMITS,
    )  # fmt: skip


@guarantees("P9.addresses")
@pytest.mark.parametrize(
    "addresses",
    [["127.0.0.1"], ["::1"], ["8.8.8.8", "127.0.0.1"], ["127.0.0.1", "8.8.8.8"], ["::ffff:127.0.0.1"],
     ["169.254.169.254"]],
    ids=str,
)  # fmt: skip
async def test_a_name_that_leads_inside_leads_nowhere(addresses: list[str]) -> None:
    """One bad address among good ones is enough: whoever answers for the name chooses their order."""
    async with Faulty(status(200)) as server, to_name(server.port, Resolver(addresses)) as way:
        with pytest.raises(DestinationNotAllowedError):
            await way.send("GET", f"http://erp.example:{server.port}/", headers={})
        assert server.connections == 0


@guarantees("P9.addresses")
async def test_a_name_is_looked_up_once_for_each_connection_and_that_very_address_is_called() -> None:
    """A resolver that says another thing the second time is not asked a second time."""
    resolver = Resolver(["127.0.0.1"], ["127.0.0.2"])
    async with Faulty(status(200)) as server, to_name(server.port, resolver, "127.0.0.1/32") as way:
        url = f"http://erp.example:{server.port}/"
        assert (await way.send("GET", url, headers={})).status == 200
        assert (resolver.asked, server.connections) == (["erp.example"], 1)
        assert f"Host: erp.example:{server.port}\r\n".encode() in server.requests[0]
        with pytest.raises(DestinationNotAllowedError):
            await way.send("GET", url, headers={})
        assert (len(resolver.asked), server.connections) == (2, 1)


@guarantees("P9.addresses")
async def test_the_certificate_is_that_of_the_name_and_not_of_the_address(tmp_path: Path) -> None:
    """The name goes out in TLS too; a certificate for the address alone proves nothing."""
    identity, authority = self_signed(tmp_path)
    names: list[str | None] = []
    identity.sni_callback = lambda _, name, __: names.append(name)
    async with Loopback(identity) as server:
        origin = Origin.of(server.url)
        assert origin is not None
        way = Egress(
            system="erp", allowed=[Origin("https", "erp.example", origin.port)], networks=["127.0.0.0/8"],
            resolve=Resolver(["127.0.0.1"]), trust=ssl.create_default_context(cafile=str(authority)),
            traffic_limits=NO_LIMITS,
        )  # fmt: skip
        with pytest.raises(SystemUnreachableError) as caught:
            await way.send("GET", f"https://erp.example:{origin.port}/", headers={})
        await way.close()
        assert "TLS" in str(caught.value.facts["reason"])
        assert (names, server.requests) == (["erp.example"], [])


@guarantees("P9.addresses")
async def test_the_authorities_of_the_environment_have_no_say(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever sets a variable could otherwise stand in between."""
    identity, authority = self_signed(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(authority))
    monkeypatch.setenv("SSL_CERT_DIR", str(tmp_path))
    async with Loopback(identity) as server:
        origin = Origin.of(server.url)
        assert origin is not None
        async with Egress(system="erp", allowed=[origin], traffic_limits=NO_LIMITS) as way:
            with pytest.raises(SystemUnreachableError):
                await way.send("GET", server.url, headers={})
        assert server.requests == []


@guarantees("P9.addresses")
@pytest.mark.parametrize(
    "host",
    [
        "2130706433", "0x7f000001", "0x7f.1", "0177.0.0.1", "017700000001", "127.1", "127.0.1", "0", "0x7f.0.0.1",
        "127.0.0.1.", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[::7f00:1]", "[64:ff9b::7f00:1]", "[2002:7f00:1::]",
    ],
)  # fmt: skip
async def test_an_address_in_an_unusual_spelling_is_refused_even_in_the_operators_own_url(host: str) -> None:
    """What people and machines read differently is no address; write it the usual way."""
    async with Faulty(status(200)) as server:
        url = f"http://{host}:{server.port}/"
        origin = Origin.of(url)
        async with Egress(system="erp", allowed=[origin] if origin else [], traffic_limits=NO_LIMITS) as way:
            with pytest.raises(DestinationNotAllowedError):
                await way.send("GET", url, headers={})
        assert server.connections == 0


@guarantees("P9.addresses", "P9.egress")
@pytest.mark.parametrize(
    "url",
    [
        "http://erp.example@127.0.0.1:{port}/", "http://127.0.0.1:{port}@erp.example:{port}/",
        "http://erp.example:{port}@127.0.0.1:{port}/", "http://erp.example:{port}\\@127.0.0.1:{port}/",
        "http://127.0.0.1:{port}\\@erp.example:{port}/", "http://127.0.0.1:{port}#@erp.example:{port}/",
        "http://127.0.0.1:{port}?@erp.example:{port}/", "http://erp.example.:{port}/", "http://erp.example:0{port}/../x@y",
        "http://erp.example\u3002127.0.0.1:{port}/", "http://\u24d4rp.example:{port}/", "http://１２７.０.０.１:{port}/",
        "http://erp\u2024example:{port}/", "http://erp.example\u200b:{port}/", "http://ERP.EXAMPLE%2f:{port}/",
        "http://erp.example:{port}\r\nX: y/", "\thttp://127.0.0.1:{port}/", "http:/127.0.0.1:{port}/",
        "//127.0.0.1:{port}/", "http:127.0.0.1:{port}/", "ftp://erp.example:{port}/", "HTTPS://erp.example:{port}/", "http://[::1]:{port}/",
        "http://[::1%25lo]:{port}/", "http://erp.example:99999/", "http://erp.example:{port}:80/", "file:///etc/passwd",
        "gopher://127.0.0.1:{port}/", "http://localhost:{port}/", "http://xn--erp-example:{port}/", "", "http://", "http://:{port}/",
    ],
)  # fmt: skip
async def test_no_form_of_an_address_reaches_another_host(url: str) -> None:
    """Credentials, backslashes, full stops of other scripts, confusable letters, broken ports, other schemes."""
    resolver = Resolver(["127.0.0.1"])
    async with Faulty(status(200)) as server, to_name(server.port, resolver) as way:
        with pytest.raises(GatewayError) as caught:
            await way.send("GET", url.format(port=server.port), headers={})
        assert caught.value.code in {"adapter.not_allowed", "adapter.bad_answer"}
        assert server.connections == 0
        assert set(resolver.asked) <= {"erp.example"}


@guarantees("P9.addresses")
def test_a_host_of_other_letters_stands_in_its_ascii_form() -> None:
    """So that two spellings of it are one, and what looks alike is not."""
    assert Origin.of("https://bücher.example/") == Origin.of("https://xn--bcher-kva.example/")
    assert Origin.of("https://ERP.example/") == Origin.of("https://erp.example:443/x")
    assert Origin.of("https://еrp.example/") != Origin.of("https://erp.example/")  # a Cyrillic letter
    assert Origin.of("https://erp.example:0/") is None


@guarantees("P9.addresses")
def test_no_other_scheme_has_an_origin_with_a_port_or_without() -> None:
    """Plain `ftp` to another machine would pass where plain `http` is refused."""
    assert [
        Origin.of(f"{scheme}://erp.example{port}/") for scheme in ("ftp", "ws", "file") for port in ("", ":80")
    ] == [None] * 6


@guarantees("P9.addresses", "P9.egress")
async def test_a_resolver_that_hangs_or_knows_nothing_is_an_unreachable_system() -> None:
    """Within the time to connect."""

    async def hangs(_: str, __: int) -> Sequence[str]:
        await asyncio.sleep(60)
        return []

    async def fails(_: str, __: int) -> Sequence[str]:
        raise OSError

    async def nothing(_: str, __: int) -> Sequence[str]:
        return []

    for resolve in (hangs, fails, nothing):
        limits = EgressLimits(connect_s=0.1, read_s=1.0, total_s=2.0)
        async with Egress(
            system="erp", allowed=[Origin("http", "erp.example", 80)], resolve=resolve, limits=limits,
            traffic_limits=NO_LIMITS,
        ) as way:  # fmt: skip
            with pytest.raises(SystemUnreachableError) as caught:
                await way.send("GET", "http://erp.example/", headers={})
            assert caught.value.facts["reason"] == "no connection"


@guarantees("P9.addresses")
async def test_an_address_that_nobody_answers_at_is_followed_by_the_next() -> None:
    """A host with two addresses, one of them down."""
    resolver = Resolver(["127.0.0.9", "127.0.0.1"])
    async with Faulty(status(200)) as server, to_name(server.port, resolver, "127.0.0.0/8") as way:
        assert (await way.send("GET", f"http://erp.example:{server.port}/", headers={})).status == 200


@guarantees("P9.addresses", "P9.egress")
async def test_no_proxy_of_the_environment_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whichever way it is written."""
    async with Faulty(status(200)) as proxy, Faulty(status(200)) as server:
        for name in ("HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"):
            monkeypatch.setenv(name, proxy.url)
        monkeypatch.delenv("NO_PROXY", raising=False)
        async with server.egress() as way:
            assert (await way.send("GET", server.url, headers={})).status == 200
        assert (proxy.connections, server.connections) == (0, 1)
