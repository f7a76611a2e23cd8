"""Requests that wait for news: `subscriptions/listen` of the stateless revision.

The only news is that this principal's list of tools changed. Whatever else a client asks to hear of is not
acknowledged: there is nothing else to subscribe to, and an acknowledged address would say that it exists.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

from erp_mcp.domain.call import JsonValue
from erp_mcp.errors import BusyError
from erp_mcp.server.exchange import SendNotice
from erp_mcp.server.rpc import SERVER_BUSY, RequestId, error_from

LIST_CHANGED: Final = "notifications/tools/list_changed"
ACKNOWLEDGED: Final = "notifications/subscriptions/acknowledged"
META_SUBSCRIPTION: Final = "io.modelcontextprotocol/subscriptionId"
MAX_STREAMS: Final = 8
LIFE_S: Final = 3600.0  # then it ends well and the client asks again, by which time it may be somebody else's


class Listeners:
    """The listening requests of one connection."""

    def __init__(self, *, life_s: float = LIFE_S) -> None:
        """Let each stream last `life_s` seconds at most."""
        self._life_s = life_s
        self._streams: dict[RequestId, asyncio.Event] = {}
        self._closed = False

    async def serve(self, request_id: RequestId, *, tools: bool, notify: SendNotice) -> dict[str, JsonValue]:
        """Acknowledge, then send one notice per change until cancelled, closed or out of time; return the result.

        Several changes while one notice is being sent are one change: the client fetches the list anyway.

        Raises:
            RpcError: −32000 with `gateway.busy`, beyond `MAX_STREAMS`.
        """
        if len(self._streams) >= MAX_STREAMS:
            raise error_from(SERVER_BUSY, "Too many subscriptions", BusyError(limit=MAX_STREAMS))
        changed = self._streams[request_id] = asyncio.Event()
        meta: dict[str, JsonValue] = {META_SUBSCRIPTION: request_id}
        notify(ACKNOWLEDGED, {"notifications": {"toolsListChanged": True} if tools else {}, "_meta": meta})
        try:
            async with asyncio.timeout(self._life_s):
                await self._tell(changed, lambda: notify(LIST_CHANGED, {"_meta": meta}) if tools else None)
        except TimeoutError:
            pass
        finally:
            del self._streams[request_id]
        return {"_meta": meta, "resultType": "complete"}

    async def _tell(self, changed: asyncio.Event, tell: Callable[[], None]) -> None:
        while True:
            await changed.wait()
            changed.clear()
            if self._closed:
                return
            tell()

    def publish(self) -> None:
        """Tell every stream that the list changed."""
        for changed in self._streams.values():
            changed.set()

    def close(self) -> None:
        """End every stream; each request is then answered."""
        self._closed = True
        self.publish()
