"""A loopback service that gives out tokens and secrets as a test tells it."""

from __future__ import annotations

import asyncio
import json
import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self
from urllib.parse import parse_qs

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec


def no_key() -> str:
    """Return the first and last line of a key that was made just now, with a canary between them."""
    made = ec.generate_private_key(ec.SECP256R1()).private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    first, *_, last = made.decode().splitlines()
    return f"{first}\ncanary\n{last}\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """One request."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def form(self) -> dict[str, str]:
        """The fields of a form."""
        return {name: values[0] for name, values in parse_qs(self.body.decode()).items()}

    @property
    def json(self) -> Any:
        """The content of a JSON body."""
        return json.loads(self.body)


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """One answer."""

    status: int = 200
    content: Any = None
    raw: bytes | None = None
    headers: Mapping[str, str] = field(default_factory=dict)


class Service:
    """Answers each request as `answers` says, and keeps what it was asked."""

    def __init__(self, answers: Callable[[Asked], Said], identity: ssl.SSLContext | None = None) -> None:
        self.answers = answers
        self.asked: list[Asked] = []
        self._identity = identity
        self.gate = asyncio.Event()
        self.gate.set()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0, ssl=self._identity)
        scheme = "https" if self._identity else "http"
        self.url = f"{scheme}://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, failure: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.refuse()

    async def refuse(self) -> None:
        """Listen no more."""
        self._server.close()
        await self._server.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
            first, *lines = head.rstrip().split("\r\n")
            headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
            body = await reader.readexactly(int(headers.get("content-length", "0")))
            method, path, _ = first.split(" ")
            self.asked.append(Asked(method=method, path=path, headers=headers, body=body))
            await self.gate.wait()
            writer.write(_wire(self.answers(self.asked[-1])))
            await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError):
            pass  # the client hung up
        finally:
            writer.close()


def _wire(said: Said) -> bytes:
    body = said.raw if said.raw is not None else json.dumps(said.content).encode()
    headers = {
        "Content-Type": "application/json",
        "Content-Length": str(len(body)),
        "Connection": "close",
        **said.headers,
    }
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    return f"HTTP/1.1 {said.status} Said\r\n{lines}\r\n".encode() + body


class Kept:
    """A secret source of a test: what it holds, and how often it was looked at again."""

    def __init__(self, secret: str) -> None:
        self.secret = secret
        self.looks = 0

    async def current(self) -> str:
        return self.secret

    async def after_refusal(self, refused: str) -> str:
        self.looks += 1
        return self.secret
