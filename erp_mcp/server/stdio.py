"""The transport: lines in, lines out, requests side by side, everything bounded.

One thread reads and one writes; the event loop never touches a descriptor. Messages are taken in the order they came.
A client that sends faster than it is served, or does not read, is made to wait by its own pipe.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterable, Mapping
from typing import Final

from erp_mcp.domain.call import JsonValue
from erp_mcp.errors import BusyError, InternalError, MalformedRequestError
from erp_mcp.server import front_door
from erp_mcp.server.exchange import Exchange, Peer
from erp_mcp.server.report import describe, say
from erp_mcp.server.rpc import (
    INTERNAL_ERROR,
    INVALID_REQUEST,
    SERVER_BUSY,
    Fault,
    Notice,
    Request,
    RequestId,
    RpcError,
    error_from,
    error_line,
    notice_line,
    request_line,
    result_line,
)
from erp_mcp.server.wire import LineReader
from erp_mcp.server.writer import Writer

MAX_CALLS: Final = 32
MAX_REQUESTS: Final = 256
PATIENCE_S: Final = 0.1  # how long the first call beyond the bound waits for a place
DRAIN_S: Final = 5.0
READ_AHEAD: Final = 2  # chunks of the pipe that wait to be handled

CALL: Final = "tools/call"
_NEEDS_SESSION: Final = frozenset({CALL, "tools/list"})
# What asks the gateway takes one of the places.
_READS: Final = frozenset({CALL, "completion/complete", "tasks/get", "tasks/update", "tasks/cancel"})
Lines = list[bytes | None]


class StdioLoop:
    """Carries messages between one client and one peer until either side ends."""

    def __init__(self, reader: LineReader, writer: Writer, *, first: Iterable[Request | bytes | None] = ()) -> None:
        """Take over after `first`: requests already answered, which the peer must still see, and lines already read."""
        self._reader = reader
        self._writer = writer
        self._first = tuple(first)
        self._tasks: dict[RequestId, asyncio.Task[None]] = {}
        self._calls = 0
        self._asked = 0
        self._freed = asyncio.Event()
        self._patient = True

    def notify(self, method: str, params: Mapping[str, JsonValue] | None) -> None:
        """Write one notice to the client."""
        self._writer.send(notice_line(method, params))

    def ask(self, method: str, params: Mapping[str, JsonValue] | None) -> None:
        """Write one request to the client. Nobody waits for its answer, and nothing reads it."""
        self._asked += 1
        self._writer.send(request_line(f"erp-mcp-{self._asked}", method, params))

    async def run(self, peer: Peer) -> None:
        """Serve until the client closes its side; cancel this to stop sooner. `drain` afterwards."""
        for item in self._first:
            if isinstance(item, Request):
                await self._repeat(peer, item)
            else:
                await self._handle(peer, item)
        chunks: asyncio.Queue[Lines | None] = asyncio.Queue()
        places = threading.Semaphore(READ_AHEAD)
        _start_reading(self._reader, chunks, places)
        while (lines := await chunks.get()) is not None:
            for line in lines:
                await self._handle(peer, line)
            places.release()

    async def drain(self, peer: Peer, *, within_s: float = DRAIN_S) -> None:
        """Let what is under way be answered, for `within_s` seconds; cancel what is left."""
        peer.end_streams()
        if self._tasks:
            _, left = await asyncio.wait(self._tasks.values(), timeout=within_s)
            for task in left:
                task.cancel()
            await asyncio.gather(*left, return_exceptions=True)

    async def _handle(self, peer: Peer, line: bytes | None) -> None:
        await self._writer.room()
        match front_door.too_large() if line is None else front_door.read(line):
            case Request() as request:
                await self._start(peer, request)
            case Notice("notifications/cancelled", params):
                self._cancel(params)
            case Notice(method, params):
                await self._note(peer, method, params)
            case Fault(request_id, error):
                self._writer.send(error_line(request_id, error))
            case _:
                pass  # a blank line, or a reply: whatever was asked, no answer decides anything

    async def _start(self, peer: Peer, request: Request) -> None:
        if (refusal := self._refused(request)) is not None:
            self._writer.send(error_line(request.id, refusal))
            return
        if request.method in _NEEDS_SESSION:
            await peer.ready()
        busy = request.method in _READS and not await self._place()
        exchange = Exchange(
            id=request.id, method=request.method, params=request.params, notify=self.notify, busy=busy, ask=self.ask
        )
        if request.method == "initialize":
            # What came before must not profit from it, what follows in the pipe may rely on it.
            await asyncio.sleep(0)
            await self._answer(peer, exchange)
            return
        takes_place = request.method in _READS and not busy
        self._calls += takes_place
        task = asyncio.create_task(self._answer(peer, exchange))
        self._tasks[request.id] = task
        task.add_done_callback(lambda _: self._finished(request.id, took_place=takes_place))

    def _refused(self, request: Request) -> RpcError | None:
        if request.id in self._tasks:
            error = MalformedRequestError(rule="message", reason="this id belongs to a request that is still under way")
            return error_from(INVALID_REQUEST, "Invalid request", error)
        if len(self._tasks) >= MAX_REQUESTS:
            return error_from(SERVER_BUSY, "Too many requests", BusyError(limit=MAX_REQUESTS))
        return None

    async def _place(self) -> bool:
        """Whether there is a place for one more call, now or in a moment.

        Waiting holds up the messages behind, a cancellation among them; so once it was in vain nobody waits again until
        a call has ended.
        """
        if self._calls >= MAX_CALLS and self._patient:
            self._freed.clear()
            try:
                async with asyncio.timeout(PATIENCE_S):
                    await self._freed.wait()
            except TimeoutError:
                self._patient = False
        return self._calls < MAX_CALLS

    def _finished(self, request_id: RequestId, *, took_place: bool) -> None:
        del self._tasks[request_id]
        if took_place:
            self._calls -= 1
            self._patient = True
            self._freed.set()

    async def _answer(self, peer: Peer, exchange: Exchange) -> None:
        try:
            line = result_line(exchange.id, await peer.request(exchange))
        except RpcError as error:
            line = error_line(exchange.id, error)
        except Exception as error:  # noqa: BLE001 - an answer that is no JSON; its sender still gets one
            say(f"the answer to {exchange.method} could not be written. {describe(error)}")
            line = error_line(exchange.id, error_from(INTERNAL_ERROR, "Internal error", InternalError()))
        self._writer.send(line)

    async def _repeat(self, peer: Peer, request: Request) -> None:
        """Show the peer a request that was answered before the peer existed."""
        try:
            await peer.request(
                Exchange(id=request.id, method=request.method, params=request.params, notify=self.notify)
            )
        except RpcError as error:
            say(f"{request.method} was answered before it was refused ({error.code})")

    async def _note(self, peer: Peer, method: str, params: Mapping[str, JsonValue] | None) -> None:
        try:
            await peer.notice(method, params)
        except Exception as error:  # noqa: BLE001 - a notice has no answer that could say so
            say(f"{method} was dropped. {describe(error)}")

    def _cancel(self, params: Mapping[str, JsonValue] | None) -> None:
        request_id = params.get("requestId") if params else None
        if isinstance(request_id, bool) or not isinstance(request_id, int | str):  # in Python true equals 1
            return
        if (task := self._tasks.get(request_id)) is not None:
            task.cancel()
            self._patient = True  # its place is about to be free


def _start_reading(reader: LineReader, chunks: asyncio.Queue[Lines | None], places: threading.Semaphore) -> None:
    loop = asyncio.get_running_loop()

    def read() -> None:
        lines: Lines | None = []
        while lines is not None:
            places.acquire()
            lines = reader.read()
            try:
                loop.call_soon_threadsafe(chunks.put_nowait, lines)
            except RuntimeError:  # the loop has ended
                return

    threading.Thread(target=read, name="stdio-reader", daemon=True).start()
