"""Watching the applied policy, and telling those who asked which lists changed."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest

from erp_mcp.domain.answer import Refusal
from erp_mcp.domain.call import JsonValue, ToolCall
from erp_mcp.domain.principal import Principal
from erp_mcp.errors import ConfigurationError, GatewayError
from erp_mcp.policy.permissions import Permissions
from erp_mcp.server import identity
from erp_mcp.server.exchange import Exchange
from erp_mcp.server.handlers import Handlers
from erp_mcp.server.listeners import ACKNOWLEDGED, LIST_CHANGED, PROMPTS, RESOURCES, TOOLS, Listeners
from erp_mcp.server.rpc import RpcError
from erp_mcp.server.sdk import SdkPeer
from erp_mcp.server.session import Session
from erp_mcp.server.watcher import Watcher, watch
from tests.guarantees import guarantees
from tests.unit.server import beside


@dataclass(frozen=True, kw_only=True)
class View:
    name: str
    title: str = ""
    description: str = ""
    input_schema: Mapping[str, JsonValue] = field(default_factory=dict)
    output_schema: Mapping[str, JsonValue] = field(default_factory=dict)
    read_only: bool = True


class FakeGateway:
    """A gateway whose list, digest and permissions a test sets."""

    def __init__(self) -> None:
        self.digest = "1"
        self.views: tuple[View, ...] = (View(name="a"),)
        self.callable: tuple[str, ...] = ()
        self.failing = False

    def tools(self, principal: Principal) -> tuple[View, ...]:
        return self.views

    def permissions(self, principal: Principal) -> Permissions | None:
        known = beside.FakeGateway(callable=tuple(beside.tool(name) for name in self.callable))
        return known.permissions(principal)

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

    assert (only_policy, other_text, fewer, watcher.changed()) == ([], [TOOLS], [TOOLS], [])


@guarantees("mcp.list_changed", "mcp.prompts", "mcp.resources")
def test_prompts_and_pages_that_come_and_go_with_a_tool_are_seen_each_in_its_own_list() -> None:
    """A tool that is found by searching changes no list of tools, and may bring a prompt, a page, or neither."""
    gateway = FakeGateway()
    watcher = Watcher(session(gateway))
    seen = []
    for digest, known in enumerate(
        [("trace_lot",), ("get_oee", "trace_lot"), ("get_oee", "get_stock"), ("explain_late_order",), ()], start=2
    ):
        gateway.digest, gateway.callable = str(digest), known
        seen.append(watcher.changed())

    assert seen == [[PROMPTS], [RESOURCES], [PROMPTS], [PROMPTS, RESOURCES], [PROMPTS, RESOURCES]]


@guarantees("mcp.list_changed", "P10.survives")
async def test_failing_look_ends_nothing_and_the_change_is_told_afterwards() -> None:
    """The store may be busy for a moment just when a policy is applied."""
    gateway = FakeGateway()
    told = asyncio.Event()
    lists: list[str] = []

    def tell(changed: Collection[str]) -> None:
        lists.extend(changed)
        told.set()

    looking = asyncio.create_task(watch(session(gateway), tell, period_s=0))
    await asyncio.sleep(0)
    gateway.failing = True
    await asyncio.sleep(0)
    gateway.failing, gateway.digest, gateway.views = False, "2", ()
    async with asyncio.timeout(60):
        await told.wait()
    looking.cancel()
    assert lists == [TOOLS]


class Stream:
    """A listening request and what it was sent."""

    def __init__(self, listeners: Listeners, request_id: int = 1, *, wanted: Collection[str] = (TOOLS,)) -> None:
        self.sent: list[tuple[str, Any]] = []
        self.task = asyncio.create_task(listeners.serve(request_id, wanted=wanted, notify=self._take))

    def _take(self, method: str, params: Mapping[str, JsonValue] | None) -> None:
        self.sent.append((method, params))

    @property
    def methods(self) -> list[str]:
        return [method for method, _ in self.sent]


CLIENT = {"name": "host", "version": "1"}


def ignore(method: str, params: Mapping[str, JsonValue] | None) -> None:
    """Take no note of a notice."""


async def _no_session() -> Session:
    raise ConfigurationError(key="systems", reason="is missing")


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
    listeners.publish([TOOLS])
    await settle()
    listeners.close()

    assert await stream.task == {"_meta": {"io.modelcontextprotocol/subscriptionId": 5}, "resultType": "complete"}
    assert stream.methods == [ACKNOWLEDGED, LIST_CHANGED[TOOLS]]
    assert all(params["_meta"] == {"io.modelcontextprotocol/subscriptionId": 5} for _, params in stream.sent)


@guarantees("mcp.list_changed")
@pytest.mark.parametrize("wanted", [(), (PROMPTS,), (PROMPTS, RESOURCES)], ids=",".join)
async def test_stream_is_told_of_the_lists_that_it_asked_for_and_of_no_other(wanted: Collection[str]) -> None:
    """The revision forbids notices that were not asked for."""
    listeners = Listeners()
    stream = Stream(listeners, wanted=wanted)
    await settle()
    listeners.publish([TOOLS])
    await settle()
    listeners.publish([TOOLS, PROMPTS])
    listeners.publish([RESOURCES, PROMPTS])
    await settle()
    listeners.close()
    await stream.task

    assert stream.sent[0][1]["notifications"] == {f"{name}ListChanged": True for name in wanted}
    assert stream.methods == [ACKNOWLEDGED, *(LIST_CHANGED[name] for name in wanted)]


@guarantees("mcp.list_changed", "mcp.both_eras")
async def test_each_changed_list_is_told_in_both_eras_and_declared_in_both() -> None:
    """A host that keeps its prompts and pages fetches them again only when it is told to."""
    sent: list[str] = []
    handlers = Handlers(_no_session)
    await handlers.open()
    peer = SdkPeer(handlers, Listeners(), lambda method, _: sent.append(method))
    hello: dict[str, JsonValue] = {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": dict(CLIENT)}
    peer.lists_changed([TOOLS])
    before = list(sent)
    declared: Any = await peer.request(Exchange(id=1, method="initialize", params=hello, notify=ignore))
    await peer.notice("notifications/initialized", None)
    stream: list[str] = []
    asked: dict[str, JsonValue] = {
        "notifications": {"promptsListChanged": True, "resourcesListChanged": True, "toolsListChanged": False},
        "_meta": {
            identity.META_VERSION: "2026-07-28", identity.META_CLIENT: dict(CLIENT), identity.META_CAPABILITIES: {},
        },
    }  # fmt: skip
    listen = Exchange(id=2, method="subscriptions/listen", params=asked, notify=lambda method, _: stream.append(method))
    listening = asyncio.create_task(peer.request(listen))
    await settle()
    peer.lists_changed(list(LIST_CHANGED))
    await settle()
    peer.end_streams()
    await listening

    assert before == []
    assert sent == list(LIST_CHANGED.values())
    assert stream == [ACKNOWLEDGED, LIST_CHANGED[PROMPTS], LIST_CHANGED[RESOURCES]]
    offered: Any = identity.CAPABILITIES
    for capabilities in (declared["capabilities"], offered):
        assert all(capabilities[name]["listChanged"] is True for name in LIST_CHANGED)


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
