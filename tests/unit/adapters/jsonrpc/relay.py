"""A relay before a server that speaks JSON-RPC: loses writes or their answers, and lets a person in between."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Final, Self

import httpx2

from erp_mcp.testing import CommandFault
from erp_mcp.testing.loopback import CutError, LoopbackServer, Message, Receive, Send

WRITES: Final = frozenset({"create", "write"})
_KEPT: Final = ("content-type", "date")


class Relay:
    """Passes everything on; writes meet the fault that was set. Use it as an async context manager.

    `written` are the writes that were passed on, `before` is called before each.
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
        body = (await receive())["body"]
        headers = scope["headers"]
        assert isinstance(body, bytes)
        assert isinstance(headers, list)
        method = str(json.loads(body)["method"])
        fault = self._fault if method.rpartition(".")[2] in WRITES else "none"
        if fault == "lost_before":
            raise CutError
        if method.rpartition(".")[2] in WRITES:
            self.written.append(method)
            self.before()
        given = {name: value for name, value in headers if name in (b"authorization", b"content-type")}
        answer = await self._client.post(f"{self._target}{scope['path']}", content=body, headers=list(given.items()))
        if fault == "lost_after":
            raise CutError
        text = b"<html>done?</html>" if fault == "nonsense" else answer.content
        kept = [(name.encode(), answer.headers[name].encode()) for name in _KEPT if name in answer.headers]
        kept.append((b"content-length", str(len(text)).encode()))
        await send({"type": "http.response.start", "status": answer.status_code, "headers": kept})
        await send({"type": "http.response.body", "body": text})
