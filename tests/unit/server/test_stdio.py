"""The transport over pipes in one process, with a peer that does as it is told."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from typing import Any

from erp_mcp.domain.call import JsonValue
from erp_mcp.server.exchange import Exchange
from erp_mcp.server.rpc import Request
from erp_mcp.server.stdio import MAX_CALLS, MAX_REQUESTS, StdioLoop
from erp_mcp.server.wire import LineReader, write_all
from erp_mcp.server.writer import HIGH_WATER_BYTES, Writer
from tests.guarantees import guarantees


class FakePeer:
    """Answers at once, or never (`hang`), or with what is no JSON; remembers what it saw."""

    def __init__(self) -> None:
        self.seen: list[str] = []
        self.cancelled: list[str] = []
        self.busy: list[bool] = []

    async def request(self, exchange: Exchange) -> dict[str, JsonValue]:
        self.seen.append(exchange.method)
        self.busy.append(exchange.busy)
        if exchange.method in {"hang", "completion/complete"} and not exchange.busy:
            try:
                await asyncio.Event().wait()
            finally:
                self.cancelled.append(exchange.method)
        return {"value": float("nan")} if exchange.method == "nan" else {"was": exchange.method}

    async def notice(self, method: str, params: Mapping[str, JsonValue] | None) -> None:
        self.seen.append(method)
        if method == "raise":
            raise RuntimeError("a defect")

    async def ready(self) -> None:
        self.seen.append("ready")

    def end_streams(self) -> None:
        self.seen.append("end_streams")


class Line:
    """Both ends of one connection."""

    def __init__(self, *, first: tuple[Request | bytes | None, ...] = ()) -> None:
        incoming, self.to_server = os.pipe()
        self.from_server, outgoing = os.pipe()
        self.peer = FakePeer()
        self.broken = asyncio.Event()
        self.writer = Writer(outgoing, broken=self.broken.set)
        self.loop = StdioLoop(LineReader(incoming), self.writer, first=first)
        self._open = [incoming, outgoing, self.from_server, self.to_server]
        self._buffer = LineReader(self.from_server)

    def send(self, *messages: dict[str, Any]) -> None:
        write_all(self.to_server, b"".join(json.dumps({"jsonrpc": "2.0", **one}).encode() + b"\n" for one in messages))

    async def receive(self) -> list[dict[str, Any]]:
        lines = await asyncio.to_thread(self._buffer.read)
        return [json.loads(line) for line in lines or [] if line]

    def close(self, descriptor: int) -> None:
        self._open.remove(descriptor)
        os.close(descriptor)

    async def end(self) -> None:
        """Close everything, the client's sides first, so that no thread is left in a read or a write."""
        for descriptor in (self.to_server, self.from_server):
            if descriptor in self._open:
                self.close(descriptor)
        self.writer.close(5)
        for descriptor in list(self._open):
            self.close(descriptor)


@asynccontextmanager
async def line(*, first: tuple[Request | bytes | None, ...] = ()) -> AsyncIterator[Line]:
    """A connection that is served while the test runs."""
    connection = Line(first=first)
    serving = asyncio.create_task(connection.loop.run(connection.peer))
    yield connection
    if connection.to_server in connection._open:
        connection.close(connection.to_server)
    with suppress(asyncio.CancelledError):
        await serving
    await connection.end()


@guarantees("P10.survives")
async def test_drain_cancels_what_does_not_end_in_time_without_an_answer() -> None:
    """A call that hangs must not keep a server whose client has gone."""
    async with line() as connection:
        connection.send({"id": 1, "method": "hang"}, {"id": 2, "method": "ping"})
        answers = await connection.receive()
        await connection.loop.drain(connection.peer, within_s=0)

        assert [answer["id"] for answer in answers] == [2]
        assert connection.peer.cancelled == ["hang"]
        assert connection.peer.seen[-1] == "end_streams"


@guarantees("P9.bounded")
async def test_requests_of_any_kind_are_bounded() -> None:
    """Not only calls: anything that hangs takes memory."""
    async with line() as connection:
        connection.send(*({"id": number, "method": "hang"} for number in range(MAX_REQUESTS + 1)))
        (refused,) = await connection.receive()
        await connection.loop.drain(connection.peer, within_s=0)

    assert (refused["id"], refused["error"]["code"], refused["error"]["data"]["code"]) == (
        MAX_REQUESTS,
        -32000,
        "gateway.busy",
    )


@guarantees("P9.bounded", "mcp.completion")
async def test_completions_take_the_places_of_calls() -> None:
    """Each is a look at the read model, and a person types faster than that is answered."""
    async with line() as connection:
        connection.send(*({"id": number, "method": "completion/complete"} for number in range(MAX_CALLS + 1)))
        (refused,) = await connection.receive()
        await connection.loop.drain(connection.peer, within_s=0)

    assert refused["id"] == MAX_CALLS
    assert connection.peer.busy == [False] * MAX_CALLS + [True]


@guarantees("mcp.fast_first_answer", "mcp.both_eras")
async def test_peer_sees_the_request_answered_before_it_and_then_the_lines_left_over() -> None:
    """The client heard one answer to `initialize`; the server must know the same, and send no second."""
    left_over = b'{"jsonrpc":"2.0","id":2,"method":"ping"}'
    async with line(first=(Request(1, "initialize", {}), left_over, None)) as connection:
        answers = await connection.receive()
        while len(answers) < 2:
            answers += await connection.receive()

        assert connection.peer.seen == ["initialize", "ping"]
    assert sorted(str(answer["id"]) for answer in answers) == ["2", "None"]  # None: the line that was too large


@guarantees("P8.no_leaks", "P7.exact_numbers")
async def test_answer_that_is_no_json_and_notice_that_raises_end_nothing() -> None:
    """A defect costs one message, never the connection."""
    async with line() as connection:
        connection.send({"method": "raise"}, {"id": 1, "method": "nan"})
        (answer,) = await connection.receive()

    assert answer["error"]["data"]["code"] == "gateway.internal"


@guarantees("P9.bounded")
async def test_client_that_does_not_read_is_made_to_wait() -> None:
    """Answers nobody reads are not collected: no further message is taken until there is room."""
    async with line() as connection:
        for _ in range(3):
            connection.writer.send(b"x" * HIGH_WATER_BYTES)
        connection.send({"id": 1, "method": "ping"})
        waiting = asyncio.create_task(connection.writer.room())
        await asyncio.sleep(0)
        held_up = not waiting.done() and connection.peer.seen == []
        await asyncio.to_thread(_read, connection.from_server, 3 * HIGH_WATER_BYTES)
        await waiting
        (answer,) = await connection.receive()

    assert held_up
    assert answer["result"] == {"was": "ping"}


@guarantees("P10.survives")
async def test_writer_tells_when_nobody_reads_any_more() -> None:
    """So that the connection ends instead of answering into nothing."""
    async with line() as connection:
        connection.close(connection.from_server)
        connection.writer.send(b"to nobody\n")
        async with asyncio.timeout(60):
            await connection.broken.wait()


def _read(descriptor: int, size: int) -> None:
    while size:
        size -= len(os.read(descriptor, min(size, 1 << 16)))
