"""A small OData server on the loopback, V2 or V4, that answers well or badly.

It reads: `$metadata`, lists with `$select`, `$expand`, `$filter`, `$orderby`, `$top`, `$skiptoken`, and single records
never (the adapter does not ask for them). To make it write, give `handlers` a function for a method:

    fake = FakeOData(sets, version=2)
    fake.handlers["PATCH"] = lambda request: patched(fake, request)

A handler gets a `Request` and returns a `Reply`; rows are plain dicts in `fake.sets[name].rows`, and `fake.touch(row)`
gives one the next moment of change where its set has an etag. `fake.before` is called with each request before it is
answered: what others do meanwhile. `fake.mode` says how lists are answered; `fake.spoil` changes a good body.
"""

from __future__ import annotations

import base64
import json
import re
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final, Literal
from urllib.parse import parse_qsl, unquote, urlsplit

from tests.unit.adapters.odata.fake_form import NUMBER, FakeSet, Link, Row, metadata, value
from tests.unit.adapters.odata.fake_query import Expression, QueryError, holds, parse_filter

Mode = Literal["well", "down", "slow", "drip", "reset", "cut", "truncated", "chunk", "garbage", "replace"]
SYSTEM_TEXT: Final = "secret table VBAK, UNIQUE constraint failed"
PATH: Final = "/sap/opu/odata/sap/API_FAKE"
START: Final = datetime(2026, 3, 16, 5, 0, tzinfo=UTC)


@dataclass(frozen=True, kw_only=True)
class Request:
    """What came; `path` is below the service, percent-decoded, `query` likewise, `target` as it came."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes
    target: str


@dataclass(kw_only=True)
class Reply:
    status: int = 200
    body: bytes = b""
    kind: str = "application/json"
    headers: dict[str, str] = field(default_factory=dict)


class FakeOData:
    """Sets by name, a clock that ticks with each change, and knobs.

    `cap` is the largest page the server gives, with a link to the next one unless it is `silent`. `link` makes a next
    link of the server's own. `collate` is how texts are sorted, which may be other than how they are compared.
    """

    def __init__(self, sets: dict[str, FakeSet], *, version: int, account: str = "agent:pass-word-9") -> None:
        self.sets = sets
        self.version = version
        self.account = account
        self.mode: Mode = "well"
        self.path = PATH
        self.cap = 1000
        self.silent = False
        self.etags = True
        self.collate: Callable[[Any], Any] = lambda one: one
        self.link: Callable[[str], str] = lambda target: f"{self.url}{target}" if version == 2 else target
        self.spoil: Callable[[bytes], bytes] = lambda body: body
        self.replacement = Reply()
        self.before: Callable[[Request], None] = lambda _: None
        self.handlers: dict[str, Callable[[Request], Reply]] = {"GET": self.get}
        self.requests: list[Request] = []
        self.metadata_reply: Reply | None = None
        self.headers: dict[str, str] = {}
        self.released = threading.Event()
        self._tick = 0
        self._server = _Server(self)
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    def close(self) -> None:
        self.released.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    # --- What others do -----------------------------------------------------------------------------------------------

    def now(self) -> datetime:
        """The server's own time: later than any change."""
        return START + timedelta(seconds=self._tick)

    def touch(self, row: Row, of: FakeSet) -> Row:
        """Give a row the next moment of change, where its set keeps one."""
        self._tick += 1
        if of.etag:
            row[of.etag] = self.now()
        return row

    def put(self, name: str, **values: Any) -> Row:
        """Add or change a row."""
        of = self.sets[name]
        key = tuple(values[part] for part in of.key)
        row = next((one for one in of.rows if tuple(one[part] for part in of.key) == key), None)
        if row is None:
            row = dict.fromkeys(of.types)
            of.rows.append(row)
        row.update(values)
        return self.touch(row, of)

    def drop(self, name: str, *key: Any) -> None:
        """Take a row away."""
        of = self.sets[name]
        self._tick += 1
        of.rows[:] = [one for one in of.rows if tuple(one[part] for part in of.key) != key]

    # --- Reading ------------------------------------------------------------------------------------------------------

    def get(self, request: Request) -> Reply:
        if request.path == "$metadata":
            return self.metadata_reply or Reply(body=metadata(self.sets, self.version), kind="application/xml")
        of = self.sets.get(request.path)
        if of is None:
            return self.error(404, "005056A509B11EE1B9A8FEA8DE87F78E")
        try:
            rows = self._found(of, request.query)
        except (QueryError, KeyError, TypeError, ValueError):
            return self.error(400, "CX/400")
        return Reply(body=self.spoil(_json(self._page(request, of, rows))))

    def error(self, status: int, code: str) -> Reply:
        """Return an error body of this version, with text that must never come out."""
        message: Any = {"lang": "en", "value": SYSTEM_TEXT} if self.version == 2 else SYSTEM_TEXT
        return Reply(status=status, body=_json({"error": {"code": code, "message": message}}))

    def _found(self, of: FakeSet, query: Mapping[str, str]) -> list[Row]:
        test: Expression | None = parse_filter(query["$filter"]) if "$filter" in query else None
        rows = [one for one in of.rows if test is None or holds(test, partial(self._at, of, one))]
        for term in reversed(query.get("$orderby", "").split(",")):
            path, _, way = term.partition(" ")
            if path:
                rows = self._sorted(of, rows, path, reverse=way == "desc")
        return rows

    def _sorted(self, of: FakeSet, rows: list[Row], path: str, *, reverse: bool) -> list[Row]:
        return sorted(rows, key=lambda one: self.collate(self._at(of, one, path)), reverse=reverse)

    def _page(self, request: Request, of: FakeSet, rows: list[Row]) -> dict[str, Any]:
        top = int(request.query.get("$top", "100000"))
        start = int(request.query.get("$skiptoken", "0"))
        some = rows[start : start + min(top, self.cap)]
        more = start + len(some) < min(len(rows), start + top) and not self.silent
        exact = "IEEE754Compatible=true" in request.headers.get("accept", "")
        items = [self._item(of, one, request.query, exact=exact) for one in some]
        link = {}
        if more:
            kept = "&".join(f"{k}={v}" for k, v in parse_qsl(urlsplit(request.target).query) if k != "$skiptoken")
            target = f"{self.path}/{request.path}?{kept}&$skiptoken={start + len(some)}"
            target = target.replace(" ", "%20").replace("'", "%27")
            link = {"__next" if self.version == 2 else "@odata.nextLink": self.link(target)}
        if self.version == 2:
            return {"d": {"results": items, **link}}
        return {"@odata.context": "$metadata#x", "value": items, **link}

    def _item(self, of: FakeSet, row: Row, query: Mapping[str, str], *, exact: bool) -> dict[str, Any]:
        select, expand = query.get("$select", ""), query.get("$expand", "")
        if self.version == 2:
            return self._v2(of, row, select.split(",") if select else [], expand.split(",") if expand else [])
        return self._v4(of, row, select, expand, exact=exact)

    def _v2(self, of: FakeSet, row: Row, select: list[str], expand: list[str]) -> dict[str, Any]:
        names = [one for one in select if "/" not in one] or list(of.types)
        item: dict[str, Any] = {"__metadata": self._about(of, row)}
        for name in names:
            item[name] = value(row[name], of.types[name], 2, as_text=True)
        for name, link in of.links.items():
            if name not in {one.partition("/")[0] for one in expand}:
                item[name] = {"__deferred": {"uri": f"{self.url}{PATH}/x/{name}"}}
                continue
            inner = [one.partition("/")[2] for one in select if one.startswith(f"{name}/")]
            deeper = [one.partition("/")[2] for one in expand if one.startswith(f"{name}/")]
            found = [self._v2(self.sets[link.target], one, inner, deeper) for one in self._linked(row, link)]
            item[name] = {"results": found} if link.many else next(iter(found), None)
        return item

    def _v4(self, of: FakeSet, row: Row, select: str, expand: str, *, exact: bool) -> dict[str, Any]:
        item: dict[str, Any] = {}
        if of.etag and self.etags:
            item["@odata.etag"] = self.etag_of(of, row)
        for name in select.split(",") if select else of.types:
            item[name] = value(row[name], of.types[name], 4, as_text=exact)
        for name, inner in _expanded(expand):
            link, options = of.links[name], dict(one.partition("=")[::2] for one in _split(inner, ";"))
            found = [
                self._v4(
                    self.sets[link.target], one, options.get("$select", ""), options.get("$expand", ""), exact=exact
                )
                for one in self._linked(row, link)
            ]
            item[name] = found if link.many else next(iter(found), None)
        return item

    def _about(self, of: FakeSet, row: Row) -> dict[str, str]:
        return {"uri": f"{self.url}{PATH}/x"} | ({"etag": self.etag_of(of, row)} if of.etag and self.etags else {})

    def etag_of(self, of: FakeSet, row: Row) -> str:
        """Return the version of a row as the server gives it."""
        return f"W/\"datetimeoffset'{row[of.etag].isoformat()}'\""

    def _linked(self, row: Row, link: Link) -> list[Row]:
        rows = self.sets[link.target].rows
        return [one for one in rows if all(one[theirs] == row[ours] for ours, theirs in link.on.items())]

    def _at(self, of: FakeSet, row: Row, path: str) -> Any:
        name, _, rest = path.partition("/")
        if not rest:
            if name not in of.types:
                raise QueryError(name)
            return row[name]
        found = self._linked(row, of.links[name])
        return self._at(self.sets[of.links[name].target], found[0], rest) if found else None


def _expanded(text: str) -> Iterator[tuple[str, str]]:
    for one in _split(text, ","):
        name, _, inner = one.partition("(")
        yield name, inner[:-1]


def _split(text: str, sign: str) -> Iterator[str]:
    """Yield the parts of a text between signs that stand outside of brackets."""
    depth, part = 0, ""
    for char in text:
        depth += (char == "(") - (char == ")")
        if char == sign and not depth:
            yield part
            part = ""
        else:
            part += char
    if part:
        yield part


def _json(found: Any) -> bytes:
    text = json.dumps(found, ensure_ascii=False)
    return re.sub(f'"{NUMBER}([^"]+)"', r"\1", text).encode()


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, fake: FakeOData) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.fake = fake

    def handle_error(self, request: object, client_address: object) -> None:
        if not isinstance(sys.exc_info()[1], OSError):  # the client hung up, as it should
            super().handle_error(request, client_address)  # type: ignore[arg-type]  # handed on as they are


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1  # head and body in one packet: else each answer waits for a delayed acknowledgement
    server: _Server

    def handle_any(self) -> None:
        fake = self.server.fake
        parts = urlsplit(self.path)
        request = Request(
            method=self.command,
            path=unquote(parts.path.removeprefix(f"{fake.path}/")),
            query=dict(parse_qsl(parts.query, keep_blank_values=True)),
            headers={name.lower(): text for name, text in self.headers.items()},
            body=self.rfile.read(int(self.headers.get("Content-Length", "0"))),
            target=self.path,
        )
        fake.requests.append(request)
        if self.headers.get("Authorization", "") != f"Basic {base64.b64encode(fake.account.encode()).decode()}":
            challenge = {"WWW-Authenticate": "Basic"}
            self._send(Reply(status=401, body=b"Unauthorized", kind="text/plain", headers=challenge))
        elif fake.mode == "well" or (request.path == "$metadata" and fake.mode not in {"down", "slow"}):
            fake.before(request)
            handler = fake.handlers.get(request.method)
            self._send(handler(request) if handler else fake.error(405, "405"))
        else:
            self._badly(fake)

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = do_MERGE = handle_any  # noqa: N815  names of http.server

    def _badly(self, fake: FakeOData) -> None:
        self.close_connection = True
        match fake.mode:
            case "slow":
                fake.released.wait(20)
            case "replace":
                self.close_connection = False
                self._send(fake.replacement)
            case "drip":
                self._drip(fake)
            case "cut":
                self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 99\r\n\r\n{")
            case "truncated":
                self.close_connection = False
                self._send(Reply(body=b'{"d": {"results": ['))
            case "chunk":
                head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
                self.wfile.write(head + b"zz\r\n{}\r\n0\r\n\r\n")
            case "garbage":
                self.wfile.write(b"\x00\xff\x00 no protocol at all\r\n\r\n")
            case _:
                pass  # down and reset: not a word

    def _drip(self, fake: FakeOData) -> None:
        self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 1000000\r\n\r\n")
        try:
            while not fake.released.wait(0.02):
                self.wfile.write(b" ")
                self.wfile.flush()
        except OSError:
            return

    def _send(self, reply: Reply) -> None:
        self.send_response(reply.status)
        told = {"Content-Type": reply.kind, "Content-Length": str(len(reply.body))}
        for name, text in {**told, **self.server.fake.headers, **reply.headers}.items():
            self.send_header(name, text)
        self.end_headers()
        try:
            self.wfile.write(reply.body)
            self.wfile.flush()
        except OSError:  # the client has seen enough and hung up
            self.close_connection = True

    def date_time_string(self, timestamp: float | None = None) -> str:
        return format_datetime(self.server.fake.now(), usegmt=True)

    def log_message(self, *_: object) -> None:
        return


@contextmanager
def fake_odata(sets: dict[str, FakeSet], *, version: int) -> Iterator[FakeOData]:
    fake = FakeOData(sets, version=version)
    try:
        yield fake
    finally:
        fake.close()
