"""Answers that are made to fill memory or time, and how much of either they get."""

from __future__ import annotations

import asyncio
import gzip
import time
import tracemalloc
import zlib
from collections.abc import Callable, Mapping
from functools import cache

import pytest

from erp_mcp.egress.transport import EgressLimits
from erp_mcp.errors import BadAnswerError, GatewayError, SystemTimeoutError, SystemUnreachableError, TooLargeError
from erp_mcp.testing import NO_LIMITS
from tests.guarantees import guarantees
from tests.moments import PATIENCE_S
from tests.unit.egress.faulty import Behaviour, Faulty, floods, says

CAP = 2_000_000


@cache
def bomb() -> bytes:
    """Return 300 MB of zeros, compressed piece by piece and by nobody who only collects tests."""
    pressed = zlib.compressobj(wbits=zlib.MAX_WBITS | 16)  # as gzip
    return b"".join([pressed.compress(b"\0" * 1_000_000) for _ in range(300)]) + pressed.flush()


def encoded(body: bytes, encoding: str = "gzip") -> Behaviour:
    head = f"HTTP/1.1 200 OK\r\nContent-Encoding: {encoding}\r\nContent-Length: {len(body)}\r\n\r\n"
    return says(head.encode() + body)


async def declares_4_gb(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 4294967296\r\n\r\n")
    while True:
        writer.write(b"x" * 65_536)
        await writer.drain()


async def sends_without_end(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n")
    while True:
        writer.write(b"x" * 65_536)
        await writer.drain()


async def informs_without_end(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while True:
        writer.write(b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n" * 100)
        await writer.drain()
        await asyncio.sleep(0)


BOMBS: Mapping[str, tuple[Callable[[], Behaviour], type[GatewayError]]] = {
    "gzip": (lambda: encoded(bomb()), TooLargeError),
    "gzip in gzip": (lambda: encoded(gzip.compress(bomb()), "gzip, gzip"), BadAnswerError),
    "deflate": (lambda: encoded(zlib.compress(b"\0" * 1_000_000), "deflate"), BadAnswerError),
    "an encoding nobody asked for": (lambda: encoded(b"x", "br"), BadAnswerError),
    "many gzip members": (lambda: encoded(gzip.compress(b"\0" * 1000) * 1000), BadAnswerError),
    "4 GB declared": (lambda: declares_4_gb, TooLargeError),
    "no end": (lambda: sends_without_end, TooLargeError),
    "chunks of one byte": (lambda: floods, TooLargeError),
    "headers": (lambda: says(b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 400_000), SystemUnreachableError),
    "one header": (lambda: says(b"HTTP/1.1 200 OK\r\nX: " + b"y" * 3_000_000), SystemUnreachableError),
    "a length of a million digits": (
        lambda: says(b"HTTP/1.1 200 OK\r\nContent-Length: " + b"9" * 1_000_000 + b"\r\n\r\n"), SystemUnreachableError,
    ),
    "a length of twenty digits": (
        lambda: says(b"HTTP/1.1 200 OK\r\nContent-Length: " + b"9" * 20 + b"\r\n\r\n"), TooLargeError,
    ),
}  # fmt: skip


@guarantees("P9.bombs")
@pytest.mark.parametrize("kind", BOMBS)
async def test_a_bomb_is_refused_and_memory_stays_small(kind: str) -> None:
    """Three times the cap at the most, for what a thousandth of it would blow up to."""
    make, error = BOMBS[kind]
    behave = make()
    cap = CAP // 100 if behave is floods else CAP  # a chunk costs more time than a byte
    limits = EgressLimits(connect_s=30.0, read_s=120.0, total_s=600.0, max_bytes=cap)
    async with Faulty(behave) as server, server.egress(limits=limits, traffic_limits=NO_LIMITS) as way:
        tracemalloc.start()
        try:
            with pytest.raises(error):
                await way.send("GET", server.url, headers={})
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
    held_by_the_server = 12_000_000  # it has its own bytes to send, in this very process
    assert peak <= 3 * CAP + held_by_the_server


@guarantees("P9.bombs", "P9.bounded")
@pytest.mark.parametrize("trickle", ["slow drip", "slow headers"])
async def test_a_drip_is_left_at_the_deadline(trickle: str) -> None:
    """Each byte comes in time; the whole does not, for half an hour at least."""
    from tests.unit.egress.faulty import FAULTS

    limits = EgressLimits(connect_s=10.0, read_s=10.0, total_s=0.5, max_bytes=CAP)
    async with Faulty(FAULTS[trickle]) as server, server.egress(limits=limits, traffic_limits=NO_LIMITS) as way:
        began = time.monotonic()
        with pytest.raises(SystemTimeoutError):
            await way.send("GET", server.url, headers={})
        assert time.monotonic() - began < PATIENCE_S


@guarantees("P9.bombs", "P9.bounded")
async def test_news_without_an_end_is_left_at_the_deadline() -> None:
    """Informational answers may come before the real one, but not for ever."""
    limits = EgressLimits(connect_s=10.0, read_s=10.0, total_s=0.5, max_bytes=CAP)
    async with Faulty(informs_without_end) as server, server.egress(limits=limits, traffic_limits=NO_LIMITS) as way:
        with pytest.raises((SystemTimeoutError, SystemUnreachableError)):
            await way.send("GET", server.url, headers={})


@guarantees("P9.bombs")
async def test_an_answer_of_exactly_the_cap_is_whole() -> None:
    """Both encoded and plain."""
    body = bytes(range(250)) * (CAP // 250)
    plain = says(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
    limits = EgressLimits(max_bytes=CAP)
    for behave in (encoded(gzip.compress(body)), plain):
        async with Faulty(behave) as server, server.egress(limits=limits, traffic_limits=NO_LIMITS) as way:
            assert (await way.send("GET", server.url, headers={})).body == body
