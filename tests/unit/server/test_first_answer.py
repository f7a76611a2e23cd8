"""The quick answer: what the SDK's server would say, or nothing."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mcp_types.version import HANDSHAKE_PROTOCOL_VERSIONS, MODERN_PROTOCOL_VERSIONS

from erp_mcp.server import first_answer, identity
from erp_mcp.server.exchange import Exchange
from erp_mcp.server.handlers import Handlers
from erp_mcp.server.listeners import Listeners
from erp_mcp.server.rpc import Notice, Request, RpcError
from erp_mcp.server.sdk import SdkPeer
from erp_mcp.server.session import Session
from tests.guarantees import guarantees

CLIENT = {"name": "c", "version": "1"}
HELLO: dict[str, Any] = {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": CLIENT}
META: dict[str, Any] = {
    identity.META_VERSION: "2026-07-28",
    identity.META_CLIENT: CLIENT,
    identity.META_CAPABILITIES: {},
}


@guarantees("mcp.both_eras")
def test_revisions_named_here_are_those_the_sdk_serves() -> None:
    """A newer SDK may serve more; then the prebuilt answer must learn of them."""
    assert identity.HANDSHAKE_VERSIONS == HANDSHAKE_PROTOCOL_VERSIONS
    assert identity.STATELESS_VERSIONS == MODERN_PROTOCOL_VERSIONS


@guarantees("mcp.fast_first_answer")
@pytest.mark.parametrize(
    ("method", "params"),
    [
        ("initialize", None),
        ("initialize", {**HELLO, "protocolVersion": 5}),
        ("initialize", {**HELLO, "_meta": {}}),
        ("initialize", {**HELLO, "capabilities": {"roots": {"listChanged": "yes"}}}),
        ("initialize", {**HELLO, "capabilities": {"vendor": {}}}),
        ("initialize", {**HELLO, "clientInfo": {"name": "c"}}),
        ("initialize", {**HELLO, "clientInfo": {**CLIENT, "icons": []}}),
        ("server/discover", {}),
        ("server/discover", {"_meta": {**META, identity.META_VERSION: "2031-01-01"}}),
        ("server/discover", {"_meta": {**META, identity.META_CAPABILITIES: None}}),
        ("ping", {"_meta": {"progressToken": 1}}),
        ("tools/list", {}),
    ],
)
def test_whatever_is_not_of_the_plainest_form_is_left_to_the_sdk(method: str, params: dict[str, Any] | None) -> None:
    """The quick way knows few forms, so that it can't disagree about the others."""
    assert first_answer.answer(Request(1, method, params)) is None


@guarantees("mcp.fast_first_answer")
def test_notices_and_blank_lines_have_no_quick_answer() -> None:
    """Only requests are answered."""
    assert first_answer.answer(Notice("initialize", HELLO)) is None
    assert first_answer.answer(None) is None


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.sampled_from(["", "x"]),
    lambda inner: (
        st.lists(inner, max_size=2)
        | st.dictionaries(
            st.sampled_from(["listChanged", "form", "url", "tools", "requests", "list", "x"]), inner, max_size=2
        )
    ),
    max_leaves=5,
)
_CAPABILITIES = st.dictionaries(
    st.sampled_from(["experimental", "sampling", "elicitation", "roots", "extensions", "tasks", "other"]),
    _JSON,
    max_size=3,
)
_INFORMATION = st.fixed_dictionaries(
    {"name": st.text(max_size=3), "version": st.just("1")},
    optional={"title": _JSON, "websiteUrl": _JSON, "icons": _JSON},
)


@guarantees("mcp.fast_first_answer", "mcp.both_eras")
@settings(max_examples=150, deadline=None)
@given(_CAPABILITIES, _INFORMATION, st.sampled_from([*identity.HANDSHAKE_VERSIONS, "x"]), st.booleans())
def test_no_request_is_answered_quickly_that_the_sdk_answers_otherwise(
    capabilities: dict[str, Any], information: dict[str, Any], version: str, handshake: bool
) -> None:
    """Otherwise a connection would be open that its server never opened."""
    if handshake:
        method, params = (
            "initialize",
            dict(HELLO, protocolVersion=version, capabilities=capabilities, clientInfo=information),
        )
    else:
        method = "server/discover"
        params = {"_meta": {**META, identity.META_CAPABILITIES: capabilities, identity.META_CLIENT: information}}
    quick = first_answer.answer(Request(1, method, params))

    if quick is not None:
        assert json.loads(quick)["result"] == asyncio.run(_of_sdk(method, params))


async def _of_sdk(method: str, params: dict[str, Any]) -> dict[str, Any] | int:
    async def load() -> Session:
        raise AssertionError("no session is needed to open a connection")

    peer = SdkPeer(Handlers(load), Listeners(), lambda _method, _params: None)
    try:
        return dict(await peer.request(Exchange(id=1, method=method, params=params, notify=lambda _m, _p: None)))
    except RpcError as error:
        return error.code
