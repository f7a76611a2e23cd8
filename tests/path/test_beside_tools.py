"""Resources, prompts and completion over the whole gateway, through the protocol in both its eras."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from typing import Any

import pytest

from erp_mcp import answers
from erp_mcp.domain.call import JsonValue
from erp_mcp.server import identity
from erp_mcp.server.exchange import Exchange
from erp_mcp.server.handlers import Handlers
from erp_mcp.server.listeners import Listeners
from erp_mcp.server.rpc import RESOURCE_NOT_FOUND, SERVER_BUSY, RpcError
from erp_mcp.server.sdk import SdkPeer
from erp_mcp.server.session import Session
from tests.guarantees import guarantees
from tests.path.conftest import Desk

SHOWS_PAGES: dict[str, Any] = {"extensions": {identity.EXTENSION_PAGES: {"mimeTypes": [identity.PAGE_TYPE]}}}
CLIENT = {"name": "host", "version": "1"}
ERAS = ("handshake", "stateless")


def ignore(method: str, params: Mapping[str, JsonValue] | None) -> None:
    """Take no note of a notice."""


async def ask(desk: Desk, agent: str, era: str, requests: list[tuple[str, dict[str, Any]]], **capabilities: Any) -> Any:
    """The results of some requests on one connection of an agent."""
    gateway = desk.deployment.gateway

    async def load() -> Session:
        return Session(
            gateway=gateway,
            principal=desk.deployment.principal(agent),
            ids=desk.deployment.ids,
            structured=answers.structured,
            text=answers.text,
        )

    handlers = Handlers(load)
    await handlers.open()
    peer = SdkPeer(handlers, Listeners(), ignore)
    meta: dict[str, Any] = {}
    if era == "handshake":
        hello: dict[str, JsonValue] = {
            "protocolVersion": "2025-11-25",
            "capabilities": capabilities,
            "clientInfo": dict(CLIENT),
        }
        await peer.request(Exchange(id=0, method="initialize", params=hello, notify=ignore))
        await peer.notice("notifications/initialized", None)
    else:
        meta = {
            identity.META_VERSION: "2026-07-28",
            identity.META_CLIENT: CLIENT,
            identity.META_CAPABILITIES: capabilities,
        }
    found = []
    for number, (method, params) in enumerate(requests, start=1):
        asked = {**params, "_meta": meta} if meta else params
        found.append(await peer.request(Exchange(id=number, method=method, params=asked, notify=ignore)))
    return found


def results(desk: Desk, agent: str, era: str, requests: list[tuple[str, dict[str, Any]]], **capabilities: Any) -> Any:
    """The results of some requests on one connection of an agent."""
    return asyncio.run(ask(desk, agent, era, requests, **capabilities))


@guarantees("views.same_policy", "mcp.both_eras")
@pytest.mark.parametrize("era", ERAS)
def test_tool_names_its_page_to_a_host_that_shows_it_and_the_page_is_read(desk: Desk, era: str) -> None:
    """To any other host the same list comes without, and the answer is whole either way."""
    listed, offered, page = results(
        desk,
        "planner",
        era,
        [("tools/list", {}), ("resources/list", {}), ("resources/read", {"uri": "ui://erp-mcp/late-order"})],
        **SHOWS_PAGES,
    )
    plain, fewer = results(desk, "planner", era, [("tools/list", {}), ("resources/list", {})])
    named = {tool["name"]: tool["_meta"]["ui"]["resourceUri"] for tool in listed["tools"] if "_meta" in tool}
    uris = {one["uri"] for one in offered["resources"]}

    assert named["explain_late_order"] == "ui://erp-mcp/late-order"
    assert set(named.values()) <= uris
    assert page["contents"][0]["mimeType"] == identity.PAGE_TYPE
    assert [{key: value for key, value in tool.items() if key != "_meta"} for tool in listed["tools"]] == plain["tools"]
    assert {one["uri"] for one in fewer["resources"]} == {uri for uri in uris if not uri.startswith("ui:")}


@guarantees("views.same_policy", "P1.hidden_is_missing", "mcp.resources")
@pytest.mark.parametrize(("era", "code"), [("handshake", RESOURCE_NOT_FOUND), ("stateless", -32602)])
@pytest.mark.parametrize(
    "uri", ["ui://erp-mcp/supply-demand", "ui://erp-mcp/never", "erp-mcp://schema/budget", "file:///etc/passwd"]
)
def test_resource_out_of_reach_is_answered_as_one_that_never_was(desk: Desk, era: str, code: int, uri: str) -> None:
    """Support may not look at planning, nor at budgets."""
    with pytest.raises(RpcError) as refused:
        results(desk, "support", era, [("resources/read", {"uri": uri})], **SHOWS_PAGES)
    data: Any = refused.value.data

    assert (refused.value.code, refused.value.message, data["code"]) == (
        code,
        "Resource not found",
        "call.unknown_resource",
    )
    assert uri not in str(data)


@guarantees("mcp.resources")
@pytest.mark.parametrize("agent", ["planner", "buyer", "support"])
def test_policy_in_words_says_what_the_gateway_then_does(desk: Desk, agent: str) -> None:
    """Its tools are those that may be called, its hidden fields those of the role; it names no person."""
    (read,) = results(desk, agent, "handshake", [("resources/read", {"uri": "erp-mcp://policy"})])
    text = read["contents"][0]["text"]
    gateway, principal = desk.deployment.gateway, desk.deployment.principal(agent)
    known = gateway.permissions(principal)
    assert known is not None
    reads = {one.tool.name for one in known.tools if one.tool.effect == "read"}
    told = {
        name
        for line in text.partition("## May be read")[2].partition("##")[0].splitlines()
        if line.startswith("- ")
        for name in line.partition(": ")[2].split(", ")
    }

    assert told == reads == {tool.name for tool in gateway.callable_tools(principal) if tool.effect == "read"}
    assert all(f"- {mask.field}: " in text for mask in known.terms.masks)
    assert ("## Hidden fields" in text) == bool(known.terms.masks)
    assert "demo-owner" not in text
    assert all(site in text for site in known.sites)


@guarantees("mcp.prompts", "mcp.both_eras")
@pytest.mark.parametrize("era", ERAS)
def test_prompts_are_listed_and_filled_in(desk: Desk, era: str) -> None:
    """A planner has all five, support the one it can follow."""
    listed, filled = results(
        desk,
        "planner",
        era,
        [("prompts/list", {}), ("prompts/get", {"name": "why_late", "arguments": {"sales_order_id": "0010000250"}})],
    )
    (of_support,) = results(desk, "support", era, [("prompts/list", {})])

    assert [prompt["name"] for prompt in listed["prompts"]] == [
        "morning_briefing", "why_late", "expedite_list", "supplier_review", "trace_lot",
    ]  # fmt: skip
    assert [prompt["name"] for prompt in of_support["prompts"]] == ["why_late"]
    assert "sales order 0010000250 late" in filled["messages"][0]["content"]["text"]


@guarantees("mcp.completion", "P5.every_decision")
@pytest.mark.parametrize("era", ERAS)
def test_completed_ids_are_late_orders_and_the_look_is_on_record(desk: Desk, era: str) -> None:
    """Nobody looks things up without a trace, not even by typing."""
    late = {
        row["sales_order_id"] for row in desk.rows("planner", "list_sales_orders", "lines", late_only=True, limit=200)
    }
    before = len(desk.recorded())
    (found,) = results(
        desk,
        "planner",
        era,
        [
            (
                "completion/complete",
                {
                    "ref": {"type": "ref/prompt", "name": "why_late"},
                    "argument": {"name": "sales_order_id", "value": "00100"},
                },
            )
        ],
    )
    written = [json.loads(record.leaf)["facts"] for record in desk.recorded()[before:]]

    assert set(found["completion"]["values"]) == late
    assert len(written) == 1
    assert "list_sales_orders" in str(written[0])


@guarantees("mcp.completion", "P9.bounded")
async def test_completion_beyond_the_bound_on_calls_is_told_to_come_again() -> None:
    """It looks nothing up."""

    async def load() -> Session:
        raise AssertionError("no session is looked at")

    peer = SdkPeer(Handlers(load), Listeners(), ignore)
    meta = {identity.META_VERSION: "2026-07-28", identity.META_CLIENT: CLIENT, identity.META_CAPABILITIES: {}}
    asked: dict[str, Any] = {
        "_meta": meta,
        "ref": {"type": "ref/prompt", "name": "why_late"},
        "argument": {"name": "line", "value": ""},
    }
    with pytest.raises(RpcError) as refused:
        await peer.request(Exchange(id=1, method="completion/complete", params=asked, notify=ignore, busy=True))

    assert (refused.value.code, refused.value.data["code"]) == (SERVER_BUSY, "gateway.busy")  # type: ignore[index,call-overload]


@guarantees("mcp.completion")
def test_every_source_of_ids_answers_with_the_column_it_is_taken_from(desk: Desk) -> None:
    """A tool that changes its columns would leave a person without proposals, and nobody would be told."""
    for prompt, argument in (("supplier_review", "supplier_id"), ("trace_lot", "lot_id"), ("morning_briefing", "site")):
        asked = {"ref": {"type": "ref/prompt", "name": prompt}, "argument": {"name": argument, "value": ""}}
        (found,) = results(desk, "planner", "handshake", [("completion/complete", asked)])
        assert found["completion"]["values"], prompt
