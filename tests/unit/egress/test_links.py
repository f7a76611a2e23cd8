"""Next links of a system, good and hostile."""

from __future__ import annotations

import pytest

from erp_mcp.egress.links import next_link
from erp_mcp.egress.transport import Egress, Origin
from erp_mcp.errors import DestinationNotAllowedError
from tests.guarantees import guarantees

URL = "https://erp.example/sap/odata/API_PO/Orders?$top=2"
PREFIX = "/sap/odata/API_PO/"


@guarantees("P9.addresses")
@pytest.mark.parametrize(
    ("link", "followed"),
    [
        ("Orders?$skiptoken=2", "https://erp.example/sap/odata/API_PO/Orders?$skiptoken=2"),
        ("/sap/odata/API_PO/Orders?$skip=2", "https://erp.example/sap/odata/API_PO/Orders?$skip=2"),
        ("https://erp.example/sap/odata/API_PO/Orders('1')/Lines?x=%20y", "https://erp.example/sap/odata/API_PO/Orders('1')/Lines?x=%20y"),
        ("https://ERP.example:443/sap/odata/API_PO/Orders", "https://erp.example/sap/odata/API_PO/Orders"),
        ("?$skiptoken=3", "https://erp.example/sap/odata/API_PO/Orders?$skiptoken=3"),
        ("Orders?$skiptoken=http://evil.example/../x", "https://erp.example/sap/odata/API_PO/Orders?$skiptoken=http://evil.example/../x"),
        ("Orders?a=1#part", "https://erp.example/sap/odata/API_PO/Orders?a=1"),
    ],
)  # fmt: skip
def test_a_link_to_where_we_are_is_followed(link: str, followed: str) -> None:
    """Relative, absolute, with its query as the system wrote it."""
    assert next_link(URL, link, prefix=PREFIX) == followed


HOSTILE = [
    "https://evil.example/sap/odata/API_PO/Orders", "//evil.example/sap/odata/API_PO/Orders",
    "http://erp.example/sap/odata/API_PO/Orders", "https://erp.example:444/sap/odata/API_PO/Orders",
    "https://erp.example@evil.example/sap/odata/API_PO/Orders", "https://u:p@erp.example/sap/odata/API_PO/Orders",
    "https://erp.example.evil.example/sap/odata/API_PO/Orders", "file:///etc/passwd", "ftp://erp.example/sap/odata/API_PO/",
    "javascript:alert(1)", "data:text/plain,x", "https://169.254.169.254/latest/meta-data/",
]  # fmt: skip
OUTSIDE = [
    "/admin", "/sap/odata/API_POX/Orders", "/sap/odata/", "../API_SECRET/All", "../../other", "./../API_X/Orders",
    "/sap/odata/API_PO/../API_X/Orders", "/sap/odata/API_PO/%2e%2e/API_X", "/sap/odata/API_PO/..%2fAPI_X",
    "/sap/odata/API_PO/%252e%252e/x", "/sap/odata/API_PO\\..\\x", "/sap/odata/API_PO/%5c..%5cx",
    "/sap/odata/API_PO/..;/x", "/sap/odata/API_PO//evil", "Orders%00", "Orders?x\r\nHost: evil.example", "Orders x",
    "Orders\u00a0x", "", "x" * 9000, "/SAP/odata/API_PO/Orders",
]  # fmt: skip


@guarantees("P9.addresses")
@pytest.mark.parametrize("link", HOSTILE + OUTSIDE)
def test_every_other_link_is_refused(link: str) -> None:
    """Another host, scheme, port or place of the same host: an answer can't choose what we ask next."""
    with pytest.raises(DestinationNotAllowedError):
        next_link(URL, link, prefix=PREFIX)


@guarantees("P9.addresses")
def test_where_the_operator_says_so_another_host_stands_for_ours() -> None:
    """Behind a proxy a system names itself as it knows itself; path and query are asked of our own host."""
    link = "http://internal:8080/sap/odata/API_PO/Orders?$skiptoken=2"
    ours = "https://erp.example/sap/odata/API_PO/Orders?$skiptoken=2"
    assert next_link(URL, link, prefix=PREFIX, rewrite=True) == ours
    for hostile in ("http://internal/admin", "http://u:p@internal/sap/odata/API_PO/x", *OUTSIDE):
        with pytest.raises(DestinationNotAllowedError):
            next_link(URL, hostile, prefix=PREFIX, rewrite=True)


@guarantees("P9.addresses")
async def test_an_egress_names_its_system_and_no_word_of_the_link_when_it_refuses_one() -> None:
    """The operator has to know which one, and where it wanted us to go; nothing else of the link is told."""
    async with Egress(system="erp", allowed=[Origin("https", "erp.example", 443)]) as way:
        assert way.next_link(URL, "Orders", prefix=PREFIX).endswith("/API_PO/Orders")
        with pytest.raises(DestinationNotAllowedError) as caught:
            way.next_link(URL, "https://Evil.example:8443/secret-path?token=secret", prefix=PREFIX)
    assert caught.value.facts == {"system": "erp", "reason": "next link to another host"}
    assert "secret" not in str(caught.value)


@guarantees("P9.addresses")
@pytest.mark.parametrize("host", ["x" * 101, "a" * 60 + "." + "b" * 60, "a,b", "so(much)text"])
def test_a_host_that_is_no_plain_name_is_not_told(host: str) -> None:
    """It is the system's text, and an error is no place for that."""
    with pytest.raises(DestinationNotAllowedError) as caught:
        next_link(URL, f"https://{host}/sap/odata/API_PO/Orders", prefix=PREFIX)
    assert host[:20] not in str(caught.value)
