"""A small HTTP server on 127.0.0.1 for an ASGI application, which can also do what a good server never does.

It refuses connections when told to, and breaks one in the middle of an answer when the application raises `CutError`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from types import TracebackType
from typing import Final, Self

Message = MutableMapping[str, object]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
AsgiApp = Callable[[Message, Receive, Send], Awaitable[None]]

_MAX_BODY: Final = 1024 * 1024
_QUIET_TURNS: Final = 10


class CutError(Exception):
    """Raised by an application to break the connection here, with no word more."""


class LoopbackServer:
    """Serves one application, one request per connection; use it as an async context manager."""

    def __init__(self, app: AsgiApp) -> None:
        """Take the application; nothing listens yet."""
        self._app = app
        self._server: asyncio.Server | None = None
        self._port = 0
        self._under_way: set[asyncio.Task[None]] = set()

    @property
    def url(self) -> str:
        """Address of the server; the same after it refused connections for a while."""
        return f"http://127.0.0.1:{self._port}"

    async def __aenter__(self) -> Self:
        """Listen on a free port."""
        await self.accept()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, failure: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop, without waiting for answers that nobody wants any more."""
        await self.refuse()
        for task in self._under_way:
            task.cancel()
        await asyncio.gather(*self._under_way, return_exceptions=True)

    async def accept(self) -> None:
        """Accept connections."""
        if self._server is None:
            self._server = await asyncio.start_server(self._connected, "127.0.0.1", self._port)
            self._port = self._server.sockets[0].getsockname()[1]

    async def refuse(self) -> None:
        """Refuse new connections; those that are open are answered."""
        server, self._server = self._server, None
        if server is not None:
            server.close()

    async def settle(self) -> None:
        """Wait until every request that has come is answered; the caller is none of them."""
        quiet = 0
        while quiet < _QUIET_TURNS:  # a connection that was just made is taken up some turns of the loop later
            quiet = 0 if self._under_way else quiet + 1
            await (asyncio.wait(self._under_way) if self._under_way else asyncio.sleep(0))

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        if task is not None:
            self._under_way.add(task)
            task.add_done_callback(self._under_way.discard)
        try:
            await self._answer(reader, writer)
        except CutError:
            writer.transport.abort()
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            pass  # the client hung up, as it may
        finally:
            writer.close()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        first, *lines = head.split("\r\n")
        method, target, _ = first.split(" ", 2)
        headers = {
            name.lower().strip(): value.strip() for name, found, value in (one.partition(":") for one in lines) if found
        }
        body = await reader.readexactly(min(int(headers.get("content-length", "0")), _MAX_BODY))
        scope: Message = {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": method,
            "path": target.partition("?")[0],
            "query_string": target.partition("?")[2].encode(),
            "headers": [(name.encode(), value.encode("latin-1")) for name, value in headers.items()],
        }

        async def receive() -> Message:
            return {"type": "http.request", "body": body, "more_body": False}

        async def send(message: Message) -> None:
            writer.write(_wire(message))
            await writer.drain()

        await self._app(scope, receive, send)


def _wire(message: Mapping[str, object]) -> bytes:
    """Return a message of the application as bytes of HTTP."""
    if message["type"] == "http.response.start":
        headers, status = message.get("headers"), message.get("status")
        assert isinstance(headers, list)
        assert isinstance(status, int)
        lines = b"".join(b"%s: %s\r\n" % pair for pair in headers)
        return b"HTTP/1.1 %d Answer\r\n%sConnection: close\r\n\r\n" % (status, lines)
    body = message.get("body", b"")
    assert isinstance(body, bytes)
    return body
