"""The list and the call, without protocol or transport."""

from __future__ import annotations

from typing import Any

import pytest

from erp_mcp.domain.answer import Answer, Refusal
from erp_mcp.domain.call import ToolCall
from erp_mcp.domain.principal import Principal
from erp_mcp.errors import BoundaryError, GatewayError
from erp_mcp.server.handlers import CallRequest, Handlers, clean, tool_on_wire
from erp_mcp.server.report import describe
from erp_mcp.server.rpc import RpcError
from erp_mcp.server.session import Outcome, Session
from tests.guarantees import guarantees
from tests.path.fake_server import View


class FakeGateway:
    """Remembers calls and answers as it is told; `outcome` empty means an answer."""

    def __init__(self, outcome: Outcome | None = None) -> None:
        self.calls: list[ToolCall] = []
        self._outcome = outcome

    def tools(self, principal: Principal) -> tuple[()]:
        return ()

    def permissions(self, principal: Principal) -> None:
        return None

    def bundle_digest(self) -> str:
        return ""

    def turn_away(self, principal: Principal, call: ToolCall, why: GatewayError | None = None) -> Outcome:
        return refusal("gateway.busy")

    async def call(self, principal: Principal, call: ToolCall) -> Outcome:
        self.calls.append(call)
        return self._outcome or Answer(tables={}, complete=True, sources=[], warnings=[], call_id=call.call_id)

    def new(self) -> str:
        return "call-1"


async def handlers(gateway: FakeGateway) -> Handlers:
    """Handlers whose session is there."""

    async def load() -> Session:
        return Session(
            gateway=gateway,
            principal=Principal(agent="a", owner="o", role="r"),
            ids=gateway,
            structured=lambda outcome: {"call_id": outcome.call_id},
            text=lambda outcome: outcome.code if isinstance(outcome, Refusal) else "answer",
        )

    serving = Handlers(load)
    await serving.open()
    return serving


def refusal(code: str) -> Refusal:
    """A refusal as the gateway gives it."""
    return Refusal(code=code, summary="No.", advice="Mend it.", facts={"argument": "x"}, call_id="call-1")


@guarantees("P9.bounded")
async def test_call_beyond_the_bound_is_turned_away_without_being_looked_at() -> None:
    """Overload is shed before it costs more than its record."""
    gateway = FakeGateway()
    result = await (await handlers(gateway)).call_tool(CallRequest(name="t", arguments={}, meta={}, busy=True))

    assert result["isError"] is True
    assert result["content"] == [{"type": "text", "text": "gateway.busy"}]
    assert gateway.calls == []


@guarantees("P1.hidden_is_missing")
async def test_unknown_tool_becomes_a_protocol_error_and_any_other_refusal_a_result() -> None:
    """The model can act on a result; that a tool does not exist is for the client."""
    with pytest.raises(RpcError) as unknown:
        await (await handlers(FakeGateway(refusal("call.unknown_tool")))).call_tool(
            CallRequest(name="t", arguments={}, meta={})
        )
    other = await (await handlers(FakeGateway(refusal(BoundaryError.code)))).call_tool(
        CallRequest(name="t", arguments={}, meta={})
    )

    assert (unknown.value.code, unknown.value.message) == (-32602, "Unknown tool: t")
    assert other["isError"] is True


@guarantees("input.clear_errors", "P1.hidden_is_missing")
@pytest.mark.parametrize(
    ("facts", "said"),
    [({"suggestion": "get_stock"}, ". Did you mean get_stock?"), ({}, ""), ({"suggestion": ["x"]}, "")],
)
async def test_message_about_an_unknown_tool_names_the_one_that_the_gateway_suggests(
    facts: dict[str, Any], said: str
) -> None:
    """Models read the message of a protocol error; which tools are suggested is seen to where they are found."""
    outcome = Refusal(code="call.unknown_tool", summary="", advice="", facts=facts, call_id="c")
    with pytest.raises(RpcError) as unknown:
        await (await handlers(FakeGateway(outcome))).call_tool(CallRequest(name="get_stok", arguments={}, meta={}))

    assert unknown.value.message == f"Unknown tool: get_stok{said}"


@guarantees("P5.every_decision")
@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ("order-42", "order-42"),
        ("0190b6f0-7c5e-7cc0-9d3e-0123456789ab", "0190b6f0-7c5e-7cc0-9d3e-0123456789ab"),
        ("", ""),
        ("two\nlines", ""),
        ("x" * 129, ""),
        (7, ""),
        (["a"], ""),
    ],
)
async def test_correlation_ids_of_the_client_are_kept_only_in_the_right_form(sent: object, kept: str) -> None:
    """They go into the audit, where a stranger's text has no place."""
    gateway = FakeGateway()
    meta = {"io.erp-mcp/correlation_id": sent, "io.erp-mcp/causation_id": sent, "traceparent": sent}
    await (await handlers(gateway)).call_tool(CallRequest(name="t", arguments={}, meta=meta))  # type: ignore[arg-type]

    call = gateway.calls[0]
    assert (call.correlation_id, call.causation_id, call.traceparent) == (kept, kept, "")


@guarantees("P8.no_leaks")
def test_error_of_others_is_told_by_type_and_place_only() -> None:
    """Even the log of the host is no place for a password in an exception's text."""
    with pytest.raises(ValueError, match="invalid literal") as foreign:
        int("password=hunter2")
    told = describe(foreign.value)

    assert "ValueError in test_error_of_others" in told
    assert "hunter2" not in told
    assert describe(BoundaryError(rule="name")).startswith("policy.boundary")


@guarantees("P8.text_is_data")
@pytest.mark.parametrize(
    ("text", "shown"), [("a\x00\u202e\u200bb", "ab"), ("x" * 100, "x" * 63 + "…"), ("grün 1", "grün 1"), ("\n", "")]
)
def test_text_of_a_client_is_echoed_without_control_and_short(text: str, shown: str) -> None:
    """An echoed name must not steer a terminal or a reader."""
    assert clean(text) == shown


@guarantees("mcp.both_eras", "P2.no_writes")
@pytest.mark.parametrize("read_only", [True, False])
def test_a_tool_is_published_as_reading_only_where_a_call_leaves_nothing_behind(read_only: bool) -> None:
    """Hosts skip their prompts by it; nothing destroys, a repeated call changes nothing more, and no world is open."""
    assert tool_on_wire(View(name="t", read_only=read_only))["annotations"] == {
        "readOnlyHint": read_only,
        "destructiveHint": False,
        "idempotentHint": True,
        "openWorldHint": False,
    }
