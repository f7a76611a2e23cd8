"""Watching the applied policy, and telling those who asked."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest

from erp_mcp.domain.answer import Refusal
from erp_mcp.domain.call import JsonValue, ToolCall
from erp_mcp.domain.principal import Principal
from erp_mcp.errors import GatewayError
from erp_mcp.server.listeners import ACKNOWLEDGED, LIST_CHANGED, Listeners
from erp_mcp.server.rpc import RpcError
from erp_mcp.server.session import Session
from erp_mcp.server.watcher import Watcher, watch
from tests.guarantees import guarantees


@dataclass(frozen=True, kw_only=True)
class View:
    name: str
    title: str = ""
    description: str = ""
    input_schema: Mapping[str, JsonValue] = field(default_factory=dict)
    output_schema: Mapping[str, JsonValue] = field(default_factory=dict)
    read_only: bool = True


class FakeGateway:
    """A gateway whose list and digest a test sets."""

    def __init__(self) -> None:
        self.digest = "1"
        self.views: tuple[View, ...] = (View(name="a"),)
        self.failing = False

    def tools(self, principal: Principal) -> tuple[View, ...]:
        return self.views

    def permissions(self, principal: Principal) -> None:
        return None

    def bundle_digest(self) -> str:
        if self.failing:
            raise OSError("the store is busy")
        return self.digest

    def turn_away(self, principal: Principal, call: ToolCall, why: GatewayError | None = None) -> Refusal:
        raise AssertionError("no test here calls")

    async def call(self, principal: Principal, call: ToolCall) -> Refusal:
        raise AssertionError("no test here calls")

    def new(self) -> str:
        return "id"


def session(gateway: FakeGateway) -> Session:
    """A session over the fake."""
    return Session(
        gateway=gateway,
        principal=Principal(agent="a", owner="o", role="r"),
        ids=gateway,
        structured=lambda outcome: {},
        text=lambda outcome: "",
    )


@guarantees("mcp.list_changed")
def test_change_is_seen_when_the_list_changed_and_not_when_only_the_policy_did() -> None:
    """A mask is no news for the list; a description that changed is."""
    gateway = FakeGateway()
    watcher = Watcher(session(gateway))

    gateway.digest = "2"
    only_policy = watcher.changed()
    gateway.digest, gateway.views = "3", (View(name="a", description="other"),)
    other_text = watcher.changed()
    gateway.digest, gateway.views = "4", ()
    fewer = watcher.changed()

    assert (only_policy, other_text, fewer, watcher.changed()) == (False, True, True, False)


@guarantees("mcp.list_changed", "P10.survives")
async def test_failing_look_ends_nothing_and_the_change_is_told_afterwards() -> None:
    """The store may be busy for a moment just when a policy is applied."""
    gateway = FakeGateway()
    told = asyncio.Event()
    looking = asyncio.create_task(watch(session(gateway), told.set, period_s=0))
    await asyncio.sleep(0)
    gateway.failing = True
    await asyncio.sleep(0)
    gateway.failing, gateway.digest, gateway.views = False, "2", ()
    async with asyncio.timeout(60):
        await told.wait()
    looking.cancel()


class Stream:
    """A listening request and what it was sent."""

    def __init__(self, listeners: Listeners, request_id: int = 1, *, tools: bool = True) -> None:
        self.sent: list[tuple[str, Any]] = []
        self.task = asyncio.create_task(listeners.serve(request_id, tools=tools, notify=self._take))

    def _take(self, method: str, params: Mapping[str, JsonValue] | None) -> None:
        self.sent.append((method, params))

    @property
    def methods(self) -> list[str]:
        return [method for method, _ in self.sent]


async def settle() -> None:
    """Let every task take the steps it can take."""
    for _ in range(5):
        await asyncio.sleep(0)


@guarantees("mcp.list_changed")
async def test_stream_acknowledges_first_then_tells_and_carries_its_id() -> None:
    """The revision: the acknowledgement is the first frame, each frame names its subscription."""
    listeners = Listeners()
    stream = Stream(listeners, 5)
    await settle()
    listeners.publish()
    await settle()
    listeners.close()

    assert await stream.task == {"_meta": {"io.modelcontextprotocol/subscriptionId": 5}, "resultType": "complete"}
    assert stream.methods == [ACKNOWLEDGED, LIST_CHANGED]
    assert all(params["_meta"] == {"io.modelcontextprotocol/subscriptionId": 5} for _, params in stream.sent)


@guarantees("mcp.list_changed")
async def test_stream_that_did_not_ask_for_the_list_is_not_told() -> None:
    """The revision forbids notices that were not asked for."""
    listeners = Listeners()
    stream = Stream(listeners, tools=False)
    await settle()
    listeners.publish()
    await settle()
    listeners.close()
    await stream.task

    assert stream.sent[0][1]["notifications"] == {}
    assert stream.methods == [ACKNOWLEDGED]


@guarantees("P9.bounded")
async def test_stream_ends_well_when_its_time_is_up() -> None:
    """A stream must not outlive the right to it for ever (G24): the client asks again and is looked at again."""
    listeners = Listeners(life_s=0)

    assert "_meta" in await Stream(listeners).task
    assert not listeners._streams


@guarantees("P9.bounded")
async def test_cancelled_stream_gives_its_place_back() -> None:
    """Eight streams, then one cancelled, then a ninth."""
    listeners = Listeners()
    streams = [Stream(listeners, number) for number in range(8)]
    await settle()
    refused = Stream(listeners, 8)
    with pytest.raises(RpcError) as busy:
        await refused.task
    streams[0].task.cancel()
    await settle()
    after = Stream(listeners, 9)
    await settle()

    assert isinstance(busy.value.data, dict)
    assert busy.value.data["code"] == "gateway.busy"
    assert after.methods == [ACKNOWLEDGED]
    listeners.close()
    await asyncio.gather(after.task, *(stream.task for stream in streams[1:]))
