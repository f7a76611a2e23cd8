"""What an agent may read beside calling tools."""

from __future__ import annotations

import json
from typing import Any

import pytest

from erp_mcp.domain.decision import Mask
from erp_mcp.server import identity, resources
from erp_mcp.server.handlers import tool_on_wire
from erp_mcp.server.rpc import INVALID_PARAMS, RESOURCE_NOT_FOUND, RpcError
from erp_mcp.server.session import Session
from tests.guarantees import guarantees
from tests.path.fake_server import View
from tests.unit.server.beside import FakeGateway, tool
from tests.unit.server.beside import session as session_over

PAGE = "ui://erp-mcp/late-order"


def session(*tools: str) -> Session:
    """A session whose principal may call these tools; one of them reads order lines, of which the value is hidden."""
    known = tuple(tool(name, *(["sales_order_line"] if name == "explain_late_order" else [])) for name in tools)
    hidden = (Mask(field="sales_order_line.open_value", way="drop"),)
    return session_over(FakeGateway(callable=known, masks=hidden))


def addresses(listed: dict[str, Any]) -> list[str]:
    """The addresses of pages in a list on the wire."""
    return [one["uri"] for one in listed["resources"] if one["uri"].startswith("ui:")]


@guarantees("views.same_policy")
def test_page_is_listed_and_read_by_whoever_may_call_its_tool() -> None:
    """A tool that is found by searching counts: its answers can be shown as well."""
    allowed = session("explain_late_order", "get_stock")
    content: Any = resources.read(allowed, PAGE, not_found=INVALID_PARAMS)["contents"]

    assert addresses(resources.resource_list(allowed, pictures=True)) == [PAGE]
    assert content[0]["mimeType"] == identity.PAGE_TYPE
    assert content[0]["text"].startswith("<!DOCTYPE html>")
    assert content[0]["_meta"]["ui"]["csp"] == {}


@guarantees("views.same_policy", "P1.hidden_is_missing")
@pytest.mark.parametrize("code", [INVALID_PARAMS, RESOURCE_NOT_FOUND])
def test_page_of_a_hidden_tool_and_an_address_that_never_was_are_refused_alike(code: int) -> None:
    """Otherwise a page would tell which tools there are."""
    refusals = []
    for who, address in ((session("get_stock"), PAGE), (session("get_stock"), "ui://erp-mcp/never"), (None, PAGE)):
        with pytest.raises(RpcError) as refused:
            resources.read(who, address, not_found=code)
        refusals.append((refused.value.code, refused.value.message, str(refused.value.data)))

    assert addresses(resources.resource_list(session("get_stock"), pictures=True)) == []
    assert len(set(refusals)) == 1
    assert refusals[0][0] == code


@guarantees("views.same_policy")
def test_client_that_shows_no_pages_is_offered_none_and_every_tool_stands_alone() -> None:
    """Its list is the same but for the pages, so nobody pays for what can't be shown."""
    view = View(name="explain_late_order")

    assert addresses(resources.resource_list(session("explain_late_order"), pictures=False)) == []
    plain, with_page = tool_on_wire(view), tool_on_wire(view, pictures=True)
    assert with_page == {**plain, "_meta": {"ui": {"resourceUri": PAGE}}}
    assert "_meta" not in tool_on_wire(View(name="get_stock"), pictures=True)


@guarantees("views.same_policy")
@pytest.mark.parametrize(
    ("declared", "shows"),
    [
        (None, False),
        ({}, False),
        ({"io.modelcontextprotocol/ui": {}}, False),
        ({"io.modelcontextprotocol/ui": {"mimeTypes": ["text/html"]}}, False),
        ({"io.modelcontextprotocol/ui": {"mimeTypes": "text/html;profile=mcp-app"}}, False),
        ({"io.modelcontextprotocol/ui": None}, False),
        ({"io.modelcontextprotocol/ui": {"mimeTypes": ["text/html;profile=mcp-app"]}}, True),
    ],
)
def test_client_shows_pages_only_when_it_says_so_and_of_this_kind(
    declared: dict[str, object] | None, shows: bool
) -> None:
    """What is not understood counts as not declared."""
    assert identity.shows_pages(declared) is shows


def content(who: Session, uri: str) -> str:
    """The text of a resource."""
    contents: Any = resources.read(who, uri, not_found=INVALID_PARAMS)["contents"]
    assert [one["uri"] for one in contents] == [uri]
    return str(contents[0]["text"])


@guarantees("mcp.resources")
def test_policy_tools_and_fields_are_read_by_whoever_the_policy_knows() -> None:
    """Every tool in reach with the hash of its definition, and the fields of what they read."""
    who = session("explain_late_order", "get_stock")
    manifest = json.loads(content(who, resources.MANIFEST))
    fields = json.loads(content(who, "erp-mcp://schema/sales_order_line"))["entities"]["sales_order_line"]["fields"]

    assert [one["name"] for one in manifest["tools"]] == ["explain_late_order", "get_stock"]
    assert all(one["sha256"] == "0" * 64 for one in manifest["tools"])
    assert "get_stock" in content(who, resources.POLICY)
    assert fields["material_id"] == {"kind": "ref", "refers_to": "material"}
    assert fields["open_value"]["hidden"] == "drop"
    assert "hidden" not in fields["qty_open"]
    assert "as_of" not in fields


@guarantees("mcp.resources", "P1.hidden_is_missing")
@pytest.mark.parametrize(
    "asked",
    [
        "budget",
        "sales_order_line,budget",
        "nothing",
        "",
        "sales_order_line,",
        "../sales_order_line",
        ",".join(f"sales_order_line{at}" for at in range(11)),
    ],
)
def test_entity_that_no_tool_in_reach_reads_is_as_unknown_as_one_that_never_was(asked: str) -> None:
    """The names of fields tell what a firm keeps."""
    with pytest.raises(RpcError) as refused:
        content(session("explain_late_order"), f"erp-mcp://schema/{asked}")

    assert "call.unknown_resource" in str(refused.value.data)


@guarantees("mcp.resources")
def test_several_entities_may_be_asked_for_with_the_comma_as_addresses_write_it() -> None:
    """Clients that fill in templates by the rules escape it."""
    who = session_over(FakeGateway(callable=(tool("a", "stock", "lot"),)))

    assert list(json.loads(content(who, "erp-mcp://schema/lot%2Cstock"))["entities"]) == ["lot", "stock"]


@guarantees("mcp.resources")
def test_agent_that_the_policy_does_not_know_has_no_resources() -> None:
    """Nor has a connection whose set-up is broken."""
    unknown = session_over(FakeGateway(callable=(tool("get_stock"),), known=False))

    for who in (unknown, None):
        assert resources.resource_list(who, pictures=True)["resources"] == []
        with pytest.raises(RpcError):
            resources.read(who, resources.POLICY, not_found=INVALID_PARAMS)
