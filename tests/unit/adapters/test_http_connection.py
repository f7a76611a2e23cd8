"""How a kind opens the way out of its connection: what is checked, and what goes along."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import pytest

from erp_mcp.adapters import Connection
from erp_mcp.adapters._http_connection import checked_origin, open_egress
from erp_mcp.domain.traffic import TrafficLimits
from erp_mcp.egress.local_traffic import LocalTraffic
from erp_mcp.errors import ConfigurationError, DestinationNotAllowedError, SystemTimeoutError, TooLargeError
from tests.guarantees import guarantees
from tests.unit.egress.faulty import FAULTS, Faulty, says, status


class Key:
    """An identity that is one header."""

    async def headers(self) -> Mapping[str, str]:
        return {"X-Key": "k3y"}

    async def after_refusal(self, refused: Mapping[str, str]) -> bool:
        return False

    def certificate(self, context: object) -> None:
        raise AssertionError

    async def close(self) -> None:
        raise AssertionError


def connection(url: str, **given: Any) -> Connection:
    return dataclasses.replace(Connection(system="erp", url=url), **given)


@guarantees("P9.egress", "input.clear_errors")
@pytest.mark.parametrize(
    ("url", "options", "key"),
    [
        ("erp.example", {}, "url"),
        ("https://user:pw@erp.example", {}, "url"),
        ("ftp://erp.example", {}, "url"),
        ("http://erp.example", {}, "url"),
        ("http://10.1.2.3", {"plain_http": "yes"}, "url"),
        ("https://erp.example", {"ca_file": "/no/such/file"}, "options.ca_file"),
        ("https://erp.example", {"max_mb": "many"}, "options.max_mb"),
        ("https://erp.example", {"max_mb": "-1"}, "options.max_mb"),
        ("https://erp.example", {"max_mb": "\u0663"}, "options.max_mb"),
    ],
)
def test_what_is_wrong_is_named_before_anything_is_contacted(url: str, options: Mapping[str, str], key: str) -> None:
    """The key in the configuration, and never the password in the address."""
    with pytest.raises(ConfigurationError) as caught:
        open_egress(connection(url, options=options))
    assert caught.value.facts["key"] == f"systems.erp.{key}"
    assert "pw" not in str(caught.value)


@guarantees("P9.addresses", "input.clear_errors")
def test_the_networks_of_the_connection_are_those_of_the_egress() -> None:
    """One that is none is named."""
    with pytest.raises(ConfigurationError) as caught:
        open_egress(connection("https://erp.example", networks=("10.0.0.0/99",)))
    assert caught.value.facts["key"] == "systems.erp.networks"


@guarantees("P9.egress")
@pytest.mark.parametrize(
    ("url", "options"),
    [
        ("https://erp.example/odata", {}),
        ("http://localhost:8080", {}),
        ("http://127.0.0.1:8080", {}),
        ("http://[::1]:8080", {}),
        ("http://erp.example", {"plain_http": "allowed"}),
    ],
)
def test_without_tls_only_this_machine_is_reached_unless_the_operator_says_so(
    url: str, options: Mapping[str, str]
) -> None:
    """Secrets go along with requests."""
    assert checked_origin(connection(url, options=options)).host in url


@guarantees("P9.addresses", "P9.limits")
async def test_origin_limits_traffic_and_identity_of_the_connection_apply() -> None:
    """One line in an adapter, and everything is there."""
    traffic, limits = LocalTraffic(), TrafficLimits(attempts=1, failures=1, window=1)
    async with Faulty(status(200)) as erp:
        given = connection(erp.url, traffic=traffic, limits=limits, identity=Key(), timeout_s=1.0)
        async with open_egress(given) as way:
            assert (await way.send("GET", erp.url, headers={})).status == 200
            assert b"X-Key: k3y" in erp.requests[0]
            with pytest.raises(DestinationNotAllowedError):
                await way.send("GET", f"http://127.0.0.2:{erp.port}/", headers={})
            erp.behave = FAULTS["reply lost after the work"]
            with pytest.raises(SystemTimeoutError):
                await way.send("GET", erp.url, headers={})
        assert traffic.states()[0].breaker == "open"
        erp.behave = status(200)
        async with open_egress(dataclasses.replace(given, traffic=LocalTraffic()), identity=False) as way:
            assert (await way.send("GET", erp.url, headers={})).status == 200
            assert b"X-Key" not in erp.requests[-1]


@guarantees("P9.bombs")
async def test_the_largest_answer_is_that_of_the_options() -> None:
    """In megabytes, after decoding."""
    body = b"x" * 1_100_000
    async with Faulty(says(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body)) as erp:
        async with open_egress(connection(erp.url, options={"max_mb": "1"})) as way:
            with pytest.raises(TooLargeError):
                await way.send("GET", erp.url, headers={})
        async with open_egress(connection(erp.url)) as way:
            assert len((await way.send("GET", erp.url, headers={})).body) == len(body)
