"""Requests that wait for news: `subscriptions/listen` of the stateless revision.

The only news is that a list of this principal changed: its tools, its prompts, its resources. Whatever else a client
asks to hear of is not acknowledged: there is nothing else to subscribe to, and an acknowledged address would say that
it exists.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping
from typing import Final

from erp_mcp.domain.call import JsonValue
from erp_mcp.errors import BusyError
from erp_mcp.server.exchange import SendNotice
from erp_mcp.server.rpc import SERVER_BUSY, RequestId, error_from

TOOLS: Final = "tools"
PROMPTS: Final = "prompts"
RESOURCES: Final = "resources"
LIST_CHANGED: Final[Mapping[str, str]] = {
    TOOLS: "notifications/tools/list_changed",
    PROMPTS: "notifications/prompts/list_changed",
    RESOURCES: "notifications/resources/list_changed",
}
"""Each list that can change, with the notice of it, in the order in which they are sent."""
ACKNOWLEDGED: Final = "notifications/subscriptions/acknowledged"
META_SUBSCRIPTION: Final = "io.modelcontextprotocol/subscriptionId"
MAX_STREAMS: Final = 8
LIFE_S: Final = 3600.0  # then it ends well and the client asks again, by which time it may be somebody else's


class _Stream:
    """What one listening request has still to be told."""

    def __init__(self) -> None:
        self.woken = asyncio.Event()
        self.changed: set[str] = set()

    def wake(self, changed: Collection[str]) -> None:
        self.changed.update(changed)
        self.woken.set()

    async def news(self) -> list[str]:
        """Wait for changes and return them in the order of `LIST_CHANGED`; empty where something else woke it."""
        await self.woken.wait()
        self.woken.clear()
        found = [name for name in LIST_CHANGED if name in self.changed]
        self.changed.clear()
        return found


class Listeners:
    """The listening requests of one connection."""

    def __init__(self, *, life_s: float = LIFE_S) -> None:
        """Let each stream last `life_s` seconds at most."""
        self._life_s = life_s
        self._streams: dict[RequestId, _Stream] = {}
        self._closed = False

    async def serve(
        self, request_id: RequestId, *, wanted: Collection[str], notify: SendNotice
    ) -> dict[str, JsonValue]:
        """Acknowledge, then send one notice per changed list until cancelled, closed or out of time.

        Several changes while one notice is being sent are one change: the client fetches the list anyway.

        Args:
            request_id: Of the listening request; each notice carries it.
            wanted: Which lists it asks to hear of, of `LIST_CHANGED`.
            notify: Sends a notice on the stream.

        Returns:
            The result of the request.

        Raises:
            RpcError: −32000 with `gateway.busy`, beyond `MAX_STREAMS`.
        """
        if len(self._streams) >= MAX_STREAMS:
            raise error_from(SERVER_BUSY, "Too many subscriptions", BusyError(limit=MAX_STREAMS))
        stream = self._streams[request_id] = _Stream()
        meta: dict[str, JsonValue] = {META_SUBSCRIPTION: request_id}
        notify(ACKNOWLEDGED, {"notifications": {f"{name}ListChanged": True for name in wanted}, "_meta": meta})
        try:
            async with asyncio.timeout(self._life_s):
                await self._tell(stream, wanted, notify, meta)
        except TimeoutError:
            pass
        finally:
            del self._streams[request_id]
        return {"_meta": meta, "resultType": "complete"}

    async def _tell(
        self, stream: _Stream, wanted: Collection[str], notify: SendNotice, meta: dict[str, JsonValue]
    ) -> None:
        while True:
            changed = await stream.news()
            if self._closed:
                return
            for name in changed:
                if name in wanted:
                    notify(LIST_CHANGED[name], {"_meta": meta})

    def publish(self, changed: Collection[str]) -> None:
        """Tell every stream which lists changed; each passes on what it was asked for."""
        for stream in self._streams.values():
            stream.wake(changed)

    def close(self) -> None:
        """End every stream; each request is then answered."""
        self._closed = True
        self.publish(())
