"""The one way out to other hosts: listed origins only, deadlines, a cap on decoded bytes, no redirects, no retries.

One exception is kept to the letter: a server that wakes up may answer 308 once for the same origin; the same request,
method and body kept, is then sent to the address it names.
"""

from __future__ import annotations

import asyncio
import ssl
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Final, Literal, Self

import httpx2

from erp_mcp.errors import (
    BadAnswerError,
    DestinationNotAllowedError,
    SystemTimeoutError,
    SystemUnreachableError,
    TooLargeError,
)

Method = Literal["GET", "POST"]

NO_CONNECTION: Final = "no connection"  # the reason that says for certain that nothing was sent

_DEFAULT_PORTS: Final = {"http": 80, "https": 443}
_PERMANENT_REDIRECT: Final = 308
_GZIP_WINDOW: Final = 16 + zlib.MAX_WBITS


@dataclass(frozen=True, slots=True)
class Origin:
    """Scheme, host and port: what an allow-list lists."""

    scheme: str
    host: str
    port: int

    @classmethod
    def of(cls, url: str) -> Origin | None:
        """Return the origin of an http or https address without credentials in it, else `None`."""
        try:
            parsed = httpx2.URL(url)
            port = parsed.port or _DEFAULT_PORTS[parsed.scheme]
        except (httpx2.InvalidURL, KeyError, TypeError, ValueError):
            return None
        if not parsed.host or parsed.userinfo:
            return None
        return cls(parsed.scheme, parsed.host, port)


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
    """A complete answer; header names are lower-case."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def media_type(self) -> str:
        """The content type without its parameters, lower-case."""
        return self.headers.get("content-type", "").partition(";")[0].strip().lower()


class Egress:
    """Requests of one system to the origins its configuration lists."""

    def __init__(
        self, *, system: str, allowed: Iterable[Origin], limits: EgressLimits, trust: ssl.SSLContext | None = None
    ) -> None:
        """Contact nothing yet; `trust` replaces the default certificate authorities, verification stays on."""
        self._system = system
        self._allowed = frozenset(allowed)
        self._limits = limits
        self._trust = trust
        self._client: httpx2.AsyncClient | None = None

    async def send(
        self, method: Method, url: str, *, headers: Mapping[str, str], body: bytes = b"", once: bool = False
    ) -> Answer:
        """Send one request and return its whole answer, whatever its status.

        Args:
            method: HTTP method; kept if the server answers 308 once.
            url: Address on a listed origin.
            headers: Sent as they are; `Accept-Encoding` is ours.
            body: Sent as it is.
            once: Follow no 308 either: what writes is sent to one place, one time.

        Raises:
            DestinationNotAllowedError: `adapter.not_allowed`, for an origin that is not listed; nothing was sent.
            SystemUnreachableError: `adapter.unreachable`, when no connection comes about or it breaks.
            SystemTimeoutError: `adapter.timeout`, at the first deadline passed.
            TooLargeError: `adapter.too_large`, as soon as the decoded answer passes the cap.
            BadAnswerError: `adapter.bad_answer`, for an answer that is not HTTP, or encoded in a way not asked for.
        """
        self._check(url)
        try:
            async with asyncio.timeout(self._limits.total_s):
                answer = await self._exchange(method, url, headers, body)
                if answer.status == _PERMANENT_REDIRECT and not once:
                    answer = await self._exchange(method, self._moved(url, answer), headers, body)
        except (TimeoutError, httpx2.TimeoutException):
            raise SystemTimeoutError(system=self._system) from None
        except (httpx2.DecodingError, httpx2.LocalProtocolError):
            raise self._bad("not HTTP") from None
        except httpx2.HTTPError as failure:
            raise SystemUnreachableError(system=self._system, reason=_reason(failure)) from None
        return answer

    async def close(self) -> None:
        """Let go of connections; closing twice is fine."""
        client, self._client = self._client, None
        if client is not None:
            await client.aclose()

    async def __aenter__(self) -> Self:
        """Return itself."""
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, failure: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close."""
        await self.close()

    def _check(self, url: str) -> None:
        if Origin.of(url) not in self._allowed:
            raise DestinationNotAllowedError(system=self._system)

    def _moved(self, url: str, answer: Answer) -> str:
        """Return where a 308 points to, on the same origin only."""
        try:
            target = str(httpx2.URL(url).join(answer.headers.get("location", "")))
        except (httpx2.InvalidURL, ValueError):
            raise self._bad("redirect") from None
        if Origin.of(target) != Origin.of(url):
            raise DestinationNotAllowedError(system=self._system)
        return target

    async def _exchange(self, method: Method, url: str, headers: Mapping[str, str], body: bytes) -> Answer:
        sent = {**headers, "Accept-Encoding": "gzip"}
        async with self._connected().stream(method, url, headers=sent, content=body) as response:
            received = {name.lower(): value for name, value in response.headers.items()}
            body_read = await self._body(response, received)
        return Answer(status=response.status_code, headers=received, body=body_read)

    async def _body(self, response: httpx2.Response, headers: Mapping[str, str]) -> bytes:
        """Read and decode while counting, so that neither a long nor a highly compressed answer fills memory."""
        decoder = self._decoder(headers.get("content-encoding", "identity").lower())
        parts: list[bytes] = []
        room = self._limits.max_bytes
        async for raw in response.aiter_raw():
            part = self._decoded(decoder, raw, room) if decoder else raw
            room -= len(part)
            if room < 0:
                raise TooLargeError(system=self._system, max_bytes=self._limits.max_bytes)
            parts.append(part)
        if decoder and not decoder.eof:
            raise self._bad("cut short")
        return b"".join(parts)

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

    def _connected(self) -> httpx2.AsyncClient:
        if self._client is None:
            limits = self._limits
            self._client = httpx2.AsyncClient(
                follow_redirects=False,
                trust_env=False,
                verify=self._trust or True,
                timeout=httpx2.Timeout(limits.read_s, connect=limits.connect_s),
                limits=httpx2.Limits(max_connections=limits.connections),
            )
        return self._client

    def _bad(self, reason: str) -> BadAnswerError:
        return BadAnswerError(system=self._system, reason=reason)


def _reason(failure: BaseException) -> str:
    """Say in our own words why no connection came about; the library's text may hold addresses and system text."""
    cause: BaseException | None = failure
    while cause is not None:
        if isinstance(cause, ssl.SSLError):
            return "certificate not trusted or TLS refused"
        cause = cause.__cause__ or cause.__context__
    return NO_CONNECTION if isinstance(failure, httpx2.ConnectError) else "connection broken"
