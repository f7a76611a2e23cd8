"""Which host was refused: told by name and port where we named it, and nothing beside that."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from erp_mcp.egress.transport import Egress, Origin
from erp_mcp.errors import DestinationNotAllowedError
from tests.guarantees import guarantees
from tests.unit.egress.faulty import Faulty, status


async def inside(host: str, port: int) -> Sequence[str]:
    """Lead every name to a private address."""
    return ["10.11.12.13"]


async def refused(way: Egress, url: str) -> str:
    async with way:
        with pytest.raises(DestinationNotAllowedError) as caught:
            await way.send("GET", url, headers={"Authorization": "secret"})
    assert "secret" not in str(caught.value)
    return str(caught.value.facts["host"])


def way_to(url: str) -> Egress:
    origin = Origin.of(url)
    assert origin is not None
    return Egress(system="erp", allowed=[origin], resolve=inside)


@guarantees("P9.addresses", "P9.egress")
@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("https://erp.plant.example/secret?secret=1", "erp.plant.example:443"),
        ("http://ERP.plant.example:8080/secret", "erp.plant.example:8080"),
        ("http://2130706433/secret", "2130706433:80"),
    ],
)
async def test_a_host_that_leads_where_it_may_not_is_named(url: str, told: str) -> None:
    """Which of several systems' names the network answers wrongly is half of the repair."""
    assert await refused(way_to(url), url) == told


@guarantees("P9.addresses", "P9.egress")
async def test_a_host_that_is_not_the_systems_is_named() -> None:
    """A profile or an adapter may ask for one; the address of IPv6 stands in its brackets."""
    told = await refused(way_to("https://erp.plant.example"), "https://[2001:db8::7]:8443/secret")
    assert told == "[2001:db8::7]:8443"


@guarantees("P9.addresses", "P9.egress")
async def test_a_host_that_a_redirect_names_is_not_told() -> None:
    """It is the system's own word, or of whoever speaks for it."""
    async with Faulty(status(308, Location="https://moved.example:8443/secret")) as server, server.egress() as way:
        with pytest.raises(DestinationNotAllowedError) as caught:
            await way.send("GET", f"{server.url}/secret", headers={})
    assert caught.value.facts == {"system": "erp", "reason": "redirect to another host"}
