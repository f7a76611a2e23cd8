"""A relay before a system: loses writes or their answers, and lets a person in between."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Final, Self

import httpx2

from erp_mcp.testing import CommandFault
from erp_mcp.testing.loopback import CutError, LoopbackServer, Message, Receive, Send

Named = Callable[[str, str, bytes], str]
"""Of method, path and body: the name of the write that a request is; empty for any other request."""

_LEFT_OUT: Final = frozenset({b"host", b"connection", b"content-length", b"accept-encoding"})
_KEPT: Final = (
    "content-type", "date", "x-csrf-token", "set-cookie", "etag", "location", "sap-messages", "odata-version",
)  # fmt: skip
_PATIENCE_S: Final = 120
_AT_THE_DOOR: Final = 403
_NO_CONTENT: Final = 204


class Relay:
    """Passes everything on; writes meet the fault that was set. Use it as an async context manager.

    `written` are the names of the writes that were passed on and not turned away at the door, `before` is called before
    each. `limited` are the seconds that the next write is told to wait, in a 429, although it was passed on.
    """

    def __init__(self, target: str, named: Named) -> None:
        """Listen nowhere yet; `target` is the address of the system."""
        self._target = target
        self._named = named
        self._server = LoopbackServer(self._answer)
        self._fault: CommandFault = "none"
        self.written: list[str] = []
        self.before: Callable[[], None] = lambda: None
        self.limited: int | None = None

    async def __aenter__(self) -> Self:
        """Listen."""
        self._client = httpx2.AsyncClient(timeout=_PATIENCE_S, trust_env=False)
        await self._server.__aenter__()
        return self

    async def __aexit__(self, *_: object) -> None:
        """Listen no more."""
        await self._server.__aexit__(None, None, None)
        await self._client.aclose()

    @property
    def url(self) -> str:
        """Where it listens."""
        return self._server.url

    async def fault(self, how: CommandFault) -> None:
        """Break it for every later request, or mend it."""
        self._fault = how
        await (self._server.refuse() if how == "down" else self._server.accept())

    async def settle(self) -> None:
        """Wait until nothing is under way."""
        await self._server.settle()

    async def _answer(self, scope: Message, receive: Receive, send: Send) -> None:
        body = (await receive())["body"]
        assert isinstance(body, bytes)
        name = self._named(str(scope["method"]), str(scope["path"]), body)
        status, headers, text = await (self._written(name, scope, body) if name else self._passed_on(scope, body))
        if status != _NO_CONTENT:
            headers = {**headers, "content-length": str(len(text))}
        told = [(key.encode(), value.encode()) for key, value in headers.items()]
        await send({"type": "http.response.start", "status": status, "headers": told})
        await send({"type": "http.response.body", "body": text})

    async def _written(self, name: str, scope: Message, body: bytes) -> tuple[int, Mapping[str, str], bytes]:
        if self._fault == "lost_before":
            raise CutError
        self.before()
        status, headers, text = await self._passed_on(scope, body)
        if status != _AT_THE_DOOR:
            self.written.append(name)
        if self._fault == "lost_after":
            raise CutError
        if self.limited is not None and status < 400:
            wait, self.limited = str(self.limited), None
            return 429, {"retry-after": wait}, b""
        return (200, headers, b"<html>done?</html>") if self._fault == "nonsense" else (status, headers, text)

    async def _passed_on(self, scope: Message, body: bytes) -> tuple[int, Mapping[str, str], bytes]:
        headers, query = scope["headers"], scope["query_string"]
        assert isinstance(headers, list)
        assert isinstance(query, bytes)
        given = [(name, value) for name, value in headers if name not in _LEFT_OUT]
        url = f"{self._target}{scope['path']}{f'?{query.decode()}' if query else ''}"
        self._client.cookies.clear()
        answer = await self._client.request(str(scope["method"]), url, content=body, headers=given)
        kept = {name: answer.headers[name] for name in _KEPT if name in answer.headers}
        return answer.status_code, kept, answer.content


def before_odata(target: str) -> Relay:
    """Return a relay before a system whose writes are told by their method, such as `PATCH /path`."""
    return Relay(target, lambda method, path, _: "" if method == "GET" else f"{method} {path}")


def before_json_rpc(target: str) -> Relay:
    """Return a relay before a system that speaks JSON-RPC, whose writes are calls of `create` and `write`."""
    return Relay(target, _json_rpc_write)


def _json_rpc_write(_: str, __: str, body: bytes) -> str:
    method = str(json.loads(body)["method"])
    return method if method.rpartition(".")[2] in {"create", "write"} else ""
