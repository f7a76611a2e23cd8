"""One request and its whole answer over one connection: deadlines, a cap on decoded bytes, no redirects, no repeats."""

from __future__ import annotations

import asyncio
import logging
import ssl
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final, Literal, NamedTuple, Protocol

import httpcore2
import httpx2

from erp_mcp.egress.addresses import AddressRules
from erp_mcp.egress.pinned import PinnedBackend, Resolve, resolve_by_machine
from erp_mcp.errors import (
    BadAnswerError,
    GatewayError,
    SystemTimeoutError,
    SystemUnreachableError,
    TooLargeError,
)

Method = Literal["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"]

NO_CONNECTION: Final = "no connection"  # the reason that says for certain that nothing was sent
NO_TRUST: Final = "certificate not trusted or TLS refused"  # likewise
BROKEN: Final = "connection broken"

_GZIP_WINDOW: Final = 16 + zlib.MAX_WBITS
_OURS: Final = frozenset({"host", "accept-encoding", "content-length", "transfer-encoding", "connection"})
_WITH_BODY: Final = frozenset({"POST", "PUT", "PATCH"})
_IDLE_S: Final = 15.0
_LIBRARY: Final = "httpcore2"
_FIRST_BYTE: Final = "send_request_headers.started"


class _NothingSaid(logging.Filter):
    """Lets no debug line of the library out: they hold every header of an answer, session cookies and tokens.

    A level alone would not do: an operator who looks for something else sets those of all loggers.
    """

    def filter(self, record: logging.LogRecord) -> bool:
        return record.levelno >= logging.INFO


def _hush() -> None:
    logging.getLogger(_LIBRARY).setLevel(logging.INFO)
    for name in ("", ".connection", ".http11", ".http2", ".proxy", ".socks"):
        logging.getLogger(f"{_LIBRARY}{name}").addFilter(_NothingSaid())


_hush()


@dataclass(frozen=True, slots=True, kw_only=True)
class EgressLimits:
    """Bounds of one request: seconds to connect, between two reads, and in all; decoded bytes of the answer."""

    connect_s: float = 5.0
    read_s: float = 30.0
    total_s: float = 60.0
    max_bytes: int = 32 * 1024 * 1024
    connections: int = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """A complete answer; header names are lower-case. `set_cookies` are the cookies, which no comma can join."""

    status: int
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)
    set_cookies: tuple[str, ...] = field(default=(), repr=False)

    @property
    def media_type(self) -> str:
        """The content type without its parameters, lower-case."""
        return self.headers.get("content-type", "").partition(";")[0].strip().lower()


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What is sent.

    `fresh` asks for a connection of its own, that no server can have closed meanwhile. `shared`: several wait for it,
    and the last of them to leave ends it.
    """

    method: Method
    url: str
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(default=b"", repr=False)
    fresh: bool = False
    shared: bool = False


class Progress:
    """How far a request has come."""

    __slots__ = ("begun",)

    def __init__(self) -> None:
        """Nothing has been sent."""
        self.begun = False

    async def __call__(self, event: str, _: Mapping[str, object]) -> None:
        """Note what the library tells of a request."""
        if event.endswith(_FIRST_BYTE):
            self.begun = True


class Exchanges(Protocol):
    """What carries one request to its system and brings the answer."""

    async def exchange(self, request: Request, *, within_s: float, progress: Progress) -> Answer:
        """Send one request once and return its whole answer, whatever its status; raises as `Egress.send`."""
        ...

    async def close(self) -> None:
        """Let go of connections."""
        ...


class TrustedPlaces(NamedTuple):
    """Whom a system's host may be: its addresses and its certificate, and how we show ours."""

    rules: AddressRules
    trust: ssl.SSLContext | None = None
    certificate: Callable[[ssl.SSLContext], None] | None = None
    resolve: Resolve = resolve_by_machine


class Wire:
    """Connections to one system, HTTP/1.1; nothing of the environment has a say."""

    def __init__(self, system: str, limits: EgressLimits, places: TrustedPlaces) -> None:
        """Contact nothing yet."""
        self._system = system
        self._limits = limits
        self._places = places
        self._pools: dict[tuple[bool, bool], httpcore2.AsyncConnectionPool] = {}
        self._context: ssl.SSLContext | None = None

    async def exchange(self, request: Request, *, within_s: float, progress: Progress) -> Answer:
        """Send one request once and return its whole answer; see `Egress.send` for what it raises."""
        try:
            async with asyncio.timeout(within_s):
                return await self._exchange(request, progress)
        except (TimeoutError, httpcore2.TimeoutException):
            raise self._late(progress) from None
        except httpcore2.LocalProtocolError:
            raise self._bad("not HTTP") from None
        except httpcore2.UnsupportedProtocol:
            raise self._bad("not HTTP") from None
        except (httpcore2.NetworkError, httpcore2.ProtocolError, httpcore2.ProxyError) as failure:
            raise SystemUnreachableError(system=self._system, reason=_reason(failure, progress)) from None

    def renew_certificate(self) -> None:
        """Load our own certificate again, for connections from now on."""
        if self._context is not None and self._places.certificate is not None:
            self._places.certificate(self._context)

    async def close(self) -> None:
        """Let go of connections; closing twice is fine."""
        pools, self._pools = self._pools, {}
        for pool in pools.values():
            await pool.aclose()

    async def _exchange(self, request: Request, progress: Progress) -> Answer:
        url = httpx2.URL(request.url)
        place = httpcore2.URL(scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path)
        headers = [(name, value) for name, value in request.headers.items() if name.lower() not in _OURS]
        sent = [(b"Host", url.netloc), (b"Accept-Encoding", b"gzip"), *map(_encoded, headers)]
        content = request.body if request.body or request.method in _WITH_BODY else None
        limits = self._limits
        times = {"connect": limits.connect_s, "read": limits.read_s, "write": limits.read_s, "pool": limits.total_s}
        extensions = {"timeout": times, "trace": progress}
        pool = self._pool(fresh=request.fresh, secure=url.scheme == "https")
        async with pool.stream(request.method, place, headers=sent, content=content, extensions=extensions) as response:
            received, cookies = _received(response.headers)
            body = await self._body(response, received, empty=request.method == "HEAD")
        return Answer(status=response.status, headers=received, body=body, set_cookies=cookies)

    async def _body(self, response: httpcore2.Response, headers: Mapping[str, str], *, empty: bool) -> bytes:
        """Read and decode while counting, so that neither a long nor a highly compressed answer fills memory."""
        if empty:
            return b""
        declared = headers.get("content-length", "")
        if declared.isdecimal() and int(declared[:20]) > self._limits.max_bytes:
            raise self._too_large()
        decoder = self._decoder(headers.get("content-encoding", "identity").strip().lower())
        read, room = bytearray(), self._limits.max_bytes
        async for raw in response.aiter_stream():
            part = self._decoded(decoder, raw, room - len(read)) if decoder else raw
            if len(read) + len(part) > room:
                raise self._too_large()
            read += part
        if decoder and not decoder.eof and (read or declared != "0"):
            raise self._bad("cut short")
        return bytes(read)

    def _decoder(self, encoding: str) -> zlib._Decompress | None:
        if encoding == "identity":
            return None
        if encoding == "gzip":
            return zlib.decompressobj(_GZIP_WINDOW)
        raise self._bad("content encoding")

    def _decoded(self, decoder: zlib._Decompress, raw: bytes, room: int) -> bytes:
        try:
            part = decoder.decompress(raw, room + 1)
        except zlib.error:
            raise self._bad("not gzip") from None
        if decoder.unused_data:
            raise self._bad("bytes after the end")
        return part

    def _pool(self, *, fresh: bool, secure: bool) -> httpcore2.AsyncConnectionPool:
        kind = (fresh, secure)
        if kind not in self._pools:
            self._pools[kind] = httpcore2.AsyncConnectionPool(
                ssl_context=self._trusted() if secure else None,
                max_connections=self._limits.connections,
                max_keepalive_connections=0 if fresh else self._limits.connections,
                keepalive_expiry=_IDLE_S,
                network_backend=PinnedBackend(self._system, self._places.rules, self._places.resolve),
            )
        return self._pools[kind]

    def _trusted(self) -> ssl.SSLContext:
        if self._context is None:
            self._context = self._places.trust or httpx2.create_ssl_context(trust_env=False)
            if self._places.certificate is not None:
                self._places.certificate(self._context)
        return self._context

    def _late(self, progress: Progress) -> GatewayError:
        if progress.begun:
            return SystemTimeoutError(system=self._system)
        return SystemUnreachableError(system=self._system, reason=NO_CONNECTION)

    def _too_large(self) -> TooLargeError:
        return TooLargeError(system=self._system, max_bytes=self._limits.max_bytes)

    def _bad(self, reason: str) -> BadAnswerError:
        return BadAnswerError(system=self._system, reason=reason)


def _encoded(header: tuple[str, str]) -> tuple[bytes, bytes]:
    name, value = header
    return name.encode("ascii", "replace"), value.encode("utf-8")


def _received(headers: list[tuple[bytes, bytes]]) -> tuple[dict[str, str], tuple[str, ...]]:
    """Return headers by lower-case name, repeated ones joined by commas, and cookies apart."""
    found: dict[str, str] = {}
    cookies = []
    for raw_name, raw_value in headers:
        name, value = raw_name.decode("latin-1").lower(), raw_value.decode("latin-1")
        if name == "set-cookie":
            cookies.append(value)
        found[name] = f"{found[name]}, {value}" if name in found else value
    return found, tuple(cookies)


def _reason(failure: BaseException, progress: Progress) -> str:
    """Say in our own words why no answer came; the library's text may hold addresses and system text."""
    if progress.begun:
        return BROKEN
    cause: BaseException | None = failure
    while cause is not None:
        if isinstance(cause, ssl.SSLError):
            return NO_TRUST
        cause = cause.__cause__ or cause.__context__
    return NO_CONNECTION
