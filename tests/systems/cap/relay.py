"""A relay before the rig: loses writes or their answers, and lets a person in between."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, Self

import httpx2

from erp_mcp.testing import CommandFault
from erp_mcp.testing.loopback import CutError, LoopbackServer, Message, Receive, Send

_LEFT_OUT: Final = frozenset({b"host", b"connection", b"content-length", b"accept-encoding"})
_KEPT: Final = (
    "content-type",
    "date",
    "x-csrf-token",
    "set-cookie",
    "etag",
    "location",
    "sap-messages",
    "odata-version",
)


class Relay:
    """Passes everything on; writes meet the fault that was set. Use it as an async context manager.

    `written` are the writes that were passed on and not turned away at the door, `before` is called before each.
    """

    def __init__(self, target: str) -> None:
        self._target = target
        self._server = LoopbackServer(self._pass_on)
        self._fault: CommandFault = "none"
        self.written: list[str] = []
        self.before: Callable[[], None] = lambda: None

    async def __aenter__(self) -> Self:
        self._client = httpx2.AsyncClient(timeout=60, trust_env=False)
        await self._server.__aenter__()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._server.__aexit__(None, None, None)
        await self._client.aclose()

    @property
    def url(self) -> str:
        return self._server.url

    async def fault(self, how: CommandFault) -> None:
        """Break it for every later request, or mend it."""
        self._fault = how
        await (self._server.refuse() if how == "down" else self._server.accept())

    async def settle(self) -> None:
        """Wait until nothing is under way."""
        await self._server.settle()

    async def _pass_on(self, scope: Message, receive: Receive, send: Send) -> None:
        body, headers = (await receive())["body"], scope["headers"]
        assert isinstance(body, bytes)
        assert isinstance(headers, list)
        query = scope["query_string"]
        assert isinstance(query, bytes)
        method, path = str(scope["method"]), str(scope["path"])
        writes = method != "GET"
        if writes and self._fault == "lost_before":
            raise CutError
        if writes:
            self.before()
        given = [(name, value) for name, value in headers if name not in _LEFT_OUT]
        url = f"{self._target}{path}{f'?{query.decode()}' if query else ''}"
        self._client.cookies.clear()
        answer = await self._client.request(method, url, content=body, headers=given)
        if writes and answer.status_code != 403:
            self.written.append(f"{method} {path}")
        if writes and self._fault == "lost_after":
            raise CutError
        odd = writes and self._fault == "nonsense"
        text = b"<html>done?</html>" if odd else answer.content
        kept = [(name.encode(), answer.headers[name].encode()) for name in _KEPT if name in answer.headers]
        if answer.status_code != 204 or odd:
            kept.append((b"content-length", str(len(text)).encode()))
        await send({"type": "http.response.start", "status": 200 if odd else answer.status_code, "headers": kept})
        await send({"type": "http.response.body", "body": text})
