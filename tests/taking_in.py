"""A front before a system that takes changes in at once, and carries them out when it is told to.

It says later what became of them in one of the ways that systems do: an address that shows the last answer whole
(`application/http`, OData 4.0), its status in `AsyncResult` (OData 4.01), the last answer itself, or a job of its own.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any, Final, Literal, Self

import httpx2

from erp_mcp.testing import CommandFault
from erp_mcp.testing.loopback import AsgiApp, CutError, LoopbackServer, Message, Receive, Send
from tests.unit.adapters.write_faults import Answered, reply

Way = Literal["whole", "result", "bare", "job"]
JSON: Final = {"content-type": "application/json"}
_LEFT_OUT: Final = frozenset({b"host", b"connection", b"content-length", b"accept-encoding"})
_ENDS_HERE: Final = frozenset({"connection", "content-encoding", "content-length", "transfer-encoding", "keep-alive"})
_PATIENCE_S: Final = 120
_WORDS: Final = {True: "DONE", False: "FAILED"}


@dataclass(slots=True, kw_only=True)
class Job:
    """One change that was taken in, and its last answer once it was carried out."""

    scope: Message
    body: bytes
    answer: Answered | None = None
    times: int = 0


@dataclass(kw_only=True)
class Front:
    """Stands before `app`.

    `taken` are the changes by ticket, `asked` how often it was asked. `location` is what it names instead of its own
    address; `cuts` breaks the connection once a change was taken in; `twice` carries each out two times; `says` are
    answers that are given when it is asked, before the true one; `moves` names another address each time; `at_once`
    takes nothing in; `named` is what it calls every change.
    """

    app: AsgiApp
    way: Way = "whole"
    location: str = ""
    cuts: bool = False
    twice: bool = False
    moves: bool = False
    at_once: bool = False
    named: str = ""
    retry_after: str = ""
    says: list[Answered] = field(default_factory=list)
    taken: dict[str, Job] = field(default_factory=dict)
    asked: int = 0

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Take a change in, say what became of one, or pass anything else on."""
        path = str(scope["path"])
        if scope["method"] != "GET" and not self.at_once and self._is_wanted(scope):
            await self._take(scope, (await receive())["body"], send)
        elif scope["method"] == "GET" and "/async/" in path:
            self.asked += 1
            await reply(send, *(self.says.pop(0) if self.says else self._word(path)))
        else:
            await self.app(scope, receive, send)

    async def work(self) -> None:
        """Carry out what waits."""
        for job in self.taken.values():
            while job.times < (2 if self.twice else 1):
                job.times += 1
                job.answer = await self._delivered(job)

    def _is_wanted(self, scope: Message) -> bool:
        headers: Any = scope["headers"]
        return self.way in {"bare", "job"} or b"respond-async" in dict(headers).get(b"prefer", b"")

    async def _take(self, scope: Message, body: object, send: Send) -> None:
        assert isinstance(body, bytes)
        ticket = self.named or f"T-{len(self.taken) + 1}"
        self.taken[ticket] = Job(scope=scope, body=body)
        if self.cuts:
            raise CutError
        there = self.location or f"{str(scope['path']).rpartition('/')[0]}/async/{ticket}"
        headers = {**JSON, "location": there, **({"retry-after": self.retry_after} if self.retry_after else {})}
        text = json.dumps({"job": {"id": ticket, "state": "QUEUED"}}).encode() if self.way == "job" else b""
        await reply(send, 202, headers, text)

    def _word(self, path: str) -> Answered:
        ticket = path.rpartition("/")[2].partition(".")[0]
        job = self.taken.get(ticket)
        if job is None:
            return 404, JSON, b"{}"
        if self.way == "job":
            return 200, JSON, json.dumps(_status_of(ticket, job)).encode()
        if job.answer is None:
            there = f"{path.partition('.')[0]}.{self.asked}" if self.moves else path
            return 202, {"location": there, "retry-after": self.retry_after or "1"}, b""
        status, headers, body = job.answer
        if self.way == "result":
            return 200, {**headers, "asyncresult": str(status)}, body
        if self.way == "bare":
            return job.answer
        lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        whole = f"HTTP/1.1 {status} Said\r\n{lines}\r\n".encode() + body
        return 200, {"content-type": "application/http"}, whole

    async def _delivered(self, job: Job) -> Answered:
        """Return what the system answers to a change as it came."""
        said: list[Message] = []

        async def receive() -> Message:
            return {"type": "http.request", "body": job.body, "more_body": False}

        async def send(message: Message) -> None:
            said.append(message)

        await self.app(job.scope, receive, send)
        start, *rest = said
        headers: Any = start["headers"]
        kept = {name.decode().lower(): value.decode("latin-1") for name, value in headers}
        kept.pop("content-length", None)
        status = start["status"]
        assert isinstance(status, int)
        return status, kept, b"".join(bytes(one["body"]) for one in rest)  # type: ignore[call-overload]


def _status_of(ticket: str, job: Job) -> dict[str, Any]:
    """Return the status document of a job; what was made is named by the end of its address, or by its key."""
    if job.answer is None:
        return {"job": {"id": ticket, "state": "RUNNING"}}
    status, headers, body = job.answer
    told = json.loads(body) if body else {}
    good = status < 300
    made = headers.get("location", "").rpartition("/")[2] or told.get("name", "")
    error = told.get("exc_type") or told.get("error", {}).get("code", "")
    return {"job": {"id": ticket, "state": _WORDS[good]}, "made": made, "code": "" if good else error}


class Queued:
    """A system of its own behind a front, on a port of its own; use it as an async context manager."""

    def __init__(self, target: str) -> None:
        """Listen nowhere yet; `target` is the address of the system."""
        self._target = target
        self.front = Front(app=self._passed_on)
        self._server = LoopbackServer(self.front)
        self.written: list[str] = []

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
        """Refuse connections, or take them again."""
        await (self._server.refuse() if how == "down" else self._server.accept())

    async def _passed_on(self, scope: Message, receive: Receive, send: Send) -> None:
        headers: Any = scope["headers"]
        query: Any = scope["query_string"]
        body: Any = (await receive())["body"]
        method, url = str(scope["method"]), f"{self._target}{scope['path']}{f'?{query.decode()}' if query else ''}"
        if method != "GET":
            self.written.append(f"{method} {scope['path']}")
        self._client.cookies.clear()
        given = [(name, value) for name, value in headers if name not in _LEFT_OUT]
        answer = await self._client.request(method, url, content=body, headers=given)
        told = {name: value for name, value in answer.headers.items() if name not in _ENDS_HERE}
        await reply(send, answer.status_code, told, answer.content)
