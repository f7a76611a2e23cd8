"""A server that does to a connection everything that a wire does, after it has read the whole request."""

from __future__ import annotations

import asyncio
import gzip
from collections.abc import Awaitable, Callable, Mapping
from types import TracebackType
from typing import Final, Self

from erp_mcp.egress.transport import Egress, EgressLimits, Origin

Behaviour = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]

_CHUNKED: Final = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"


def says(raw: bytes) -> Behaviour:
    async def behave(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(raw)
        await writer.drain()

    return behave


def status(code: int, **headers: str) -> Behaviour:
    lines = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in headers.items())
    return says(f"HTTP/1.1 {code} Said\r\n{lines}Content-Length: 2\r\nConnection: close\r\n\r\n{{}}".encode())


async def resets(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.transport.abort()


async def hangs(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
    await reader.read()  # until the client gives up


async def drips(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
    while True:
        writer.write(b"x")
        await writer.drain()
        await asyncio.sleep(0.02)


async def drips_headers(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\n")
    while True:
        writer.write(b"X: y\r\n")
        await writer.drain()
        await asyncio.sleep(0.01)


async def cuts_with_full_length(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """The worst of them: all headers, half of the body, and then the connection stays open."""
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 400\r\n\r\nhalf")
    await writer.drain()
    await asyncio.sleep(60)


async def floods(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """One byte in each chunk, for ever."""
    writer.write(_CHUNKED)
    while True:
        writer.write(b"1\r\nx\r\n" * 4_000)
        await writer.drain()


FAULTS: Final[Mapping[str, Behaviour]] = {
    "reset": resets,
    "empty": says(b""),
    "body cut": says(b"HTTP/1.1 200 OK\r\nContent-Length: 400\r\n\r\nhalf"),
    "body cut, connection kept": cuts_with_full_length,
    "malformed chunk": says(_CHUNKED + b"ZZ\r\nhalf\r\n"),
    "chunks without an end": says(_CHUNKED + b"4\r\nhalf\r\n"),
    "garbage": says(bytes(range(256)) * 8),
    "another protocol": says(b"SSH-2.0-OpenSSH_9.6\r\n"),
    "not gzip": says(b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 4\r\n\r\nhalf"),
    "gzip cut": says(
        b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 20\r\n\r\n" + gzip.compress(b"x" * 5000)[:20]
    ),
    "huge headers": says(b"HTTP/1.1 200 OK\r\n" + b"X: " + b"y" * 500_000),
    "slow drip": drips,
    "slow headers": drips_headers,
    "reply lost after the work": hangs,
    "429": status(429),
    "429 with a time": status(429, Retry_After="1"),
    "503": status(503),
    "503 with a time": status(503, Retry_After="1"),
    "500": status(500),
    "502": status(502),
    "504": status(504),
    "401": status(401),
    "308": status(308, Location="/again"),
    "307": status(307, Location="/again"),
}


class Faulty:
    """Serves one behaviour at a time and keeps every request that came whole."""

    def __init__(self, behave: Behaviour) -> None:
        self.behave = behave
        self.requests: list[bytes] = []
        self.connections = 0
        self._tasks: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._connected, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, failure: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def egress(self, **given: object) -> Egress:
        limits = EgressLimits(connect_s=2.0, read_s=0.4, total_s=0.8, max_bytes=100_000)
        plain = {"system": "erp", "allowed": [Origin("http", "127.0.0.1", self.port)], "limits": limits}
        return Egress(**{**plain, **given})  # type: ignore[arg-type]

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        self.connections += 1
        try:
            await self._served(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass  # the client hung up, as it should, or the test is over
        finally:
            writer.close()
            self._tasks.discard(task)

    async def _served(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        length = next((int(line.split(b":")[1]) for line in head.lower().splitlines() if b"content-length" in line), 0)
        self.requests.append(head + await reader.readexactly(length))
        await self.behave(reader, writer)
