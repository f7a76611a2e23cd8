"""What goes wrong with an answer to a write on its way, as a client sees it, whatever was done before."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Final

from erp_mcp.testing.loopback import CutError, Send

Answered = tuple[int, Mapping[str, str], bytes]
_JSON: Final = {"content-type": "application/json"}
_PAGE: Final = {"content-type": "text/html"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """What goes wrong with a write, and whether it takes effect before it does."""

    kind: str
    commits: bool = False


async def reply(send: Send, status: int, headers: Mapping[str, str], body: bytes) -> None:
    """Send a whole answer."""
    await _start(send, status, {"content-length": str(len(body)), **headers})
    await send({"type": "http.response.body", "body": body})


async def failing(send: Send, kind: str, answer: Answered, released: asyncio.Event) -> None:
    """Answer in one of the ways of `KINDS`; `released` ends those that would go on for ever."""
    await KINDS[kind](send, answer, released)


async def _start(send: Send, status: int, headers: Mapping[str, str]) -> None:
    lines = [(name.encode(), value.encode("latin-1")) for name, value in headers.items()]
    await send({"type": "http.response.start", "status": status, "headers": lines})


async def _reset(_: Send, __: Answered, ___: asyncio.Event) -> None:
    raise CutError


async def _truncated(send: Send, answer: Answered, _: asyncio.Event) -> None:
    status, headers, body = answer
    await _start(send, status, {**headers, "content-length": str(len(body) + 100)})
    await send({"type": "http.response.body", "body": body[: len(body) // 2], "more_body": True})
    raise CutError


async def _malformed_chunk(send: Send, _: Answered, __: asyncio.Event) -> None:
    await _start(send, 200, {**_JSON, "transfer-encoding": "chunked"})
    await send({"type": "http.response.body", "body": b"ZZ\r\n{}\r\n"})


async def _garbage(send: Send, _: Answered, __: asyncio.Event) -> None:
    await send({"type": "http.response.body", "body": b"\x00\x01 this is no HTTP at all\r\n\r\n"})


async def _drip(send: Send, answer: Answered, released: asyncio.Event) -> None:
    status, headers, body = answer
    await _start(send, status, {**headers, "content-length": str(max(len(body), 10))})
    await send({"type": "http.response.body", "body": body[:1] or b"{", "more_body": True})
    await released.wait()


async def _late(_: Send, __: Answered, released: asyncio.Event) -> None:
    await released.wait()


def _always(status: int, headers: Mapping[str, str], body: bytes) -> Callable[..., Awaitable[None]]:
    async def answer(send: Send, _: Answered, __: asyncio.Event) -> None:
        await reply(send, status, headers, body)

    return answer


KINDS: Final[Mapping[str, Callable[[Send, Answered, asyncio.Event], Awaitable[None]]]] = {
    "reset": _reset,
    "empty": _always(200, _JSON, b""),
    "truncated": _truncated,
    "malformed_chunk": _malformed_chunk,
    "garbage": _garbage,
    "no_json": _always(200, _JSON, b'{"d": {"Purchase'),
    "page": _always(502, _PAGE, b"<html>done?</html>"),
    "ok_page": _always(200, _PAGE, b"<html>done?</html>"),
    "refusal_page": _always(403, _PAGE, b"<html>blocked by a proxy</html>"),
    "drip": _drip,
    "late": _late,
    "unavailable": _always(503, {**_PAGE, "retry-after": "0"}, b"<html></html>"),
    "unavailable_without": _always(503, _JSON, b'{"error": {"code": "503", "message": "down"}}'),
    "failed": _always(500, _JSON, b'{"error": {"code": "500", "message": "UNIQUE constraint failed: t.x"}}'),
    "accepted": _always(202, _JSON, b"{}"),
    "moved": _always(302, {"location": "/elsewhere"}, b""),
}
"""Ways to answer that say nothing for certain."""

WAITING: Final = frozenset({"late", "drip"})
"""Those that end only when the client gives up."""
