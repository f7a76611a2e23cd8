"""A small JSON API on the loopback that pages in every way this kind knows, and answers well or badly."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any, Final, Literal
from urllib.parse import parse_qsl
from zoneinfo import ZoneInfo

from erp_mcp.testing.loopback import CutError, LoopbackServer, Message, Receive, Send

Mode = Literal["well", "down", "slow", "replace"]
Row = dict[str, Any]

SYSTEM_TEXT: Final = "Traceback: secret table tabBin, UNIQUE constraint failed"
SITE: Final = ZoneInfo("Asia/Kolkata")
START: Final = datetime(2026, 3, 16, 5, 0, tzinfo=UTC)
PREFIX: Final = "/api/v1"


@dataclass(frozen=True, kw_only=True)
class Asked:
    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes


@dataclass(kw_only=True)
class Reply:
    status: int = 200
    body: bytes = b"{}"
    headers: dict[str, str] = field(default_factory=lambda: {"content-type": "application/json"})


class FakeRest:
    """Rows by collection, keyed by `id`; each change moves the clock and stamps the row in the site's local time.

    `replace` is what every request gets in mode `replace`; `spoil` changes the value of a good answer. `before` is
    called with each request first: what others do meanwhile. `cap` is the most rows of a page.
    """

    def __init__(self) -> None:
        self.rows: dict[str, dict[str, Row]] = {}
        self.mode: Mode = "well"
        self.replace = Reply()
        self.spoil: Callable[[dict[str, Any]], Any] = lambda value: value
        self.before: Callable[[Asked], None] = lambda _: None
        self.pages: dict[str, Reply] = {}  # whole answers by path
        self.cap = 1000
        self.asked: list[Asked] = []
        self.now = START
        self.url = ""
        self.tells_time = True

    def put(self, collection: str, row: Row) -> None:
        """Add or change a row."""
        self.now += timedelta(seconds=1)
        stamp = self.now.astimezone(SITE).strftime("%Y-%m-%d %H:%M:%S.%f")
        self.rows.setdefault(collection, {})[str(row["id"])] = {**row, "modified": stamp}

    def drop(self, collection: str, key: str) -> None:
        self.now += timedelta(seconds=1)
        del self.rows[collection][key]

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        asked = _asked(scope, await receive())
        self.asked.append(asked)
        self.before(asked)
        if self.mode == "down":
            raise CutError
        if self.mode == "slow":
            await asyncio.sleep(30)
        reply = self.replace if self.mode == "replace" else self._answer(asked)
        headers = {**({"date": format_datetime(self.now, usegmt=True)} if self.tells_time else {}), **reply.headers}
        headers["content-length"] = str(len(reply.body))
        pairs = [(name.encode(), value.encode("latin-1")) for name, value in headers.items()]
        await send({"type": "http.response.start", "status": reply.status, "headers": pairs})
        await send({"type": "http.response.body", "body": reply.body})

    def _answer(self, asked: Asked) -> Reply:
        if asked.path in self.pages:
            return self.pages[asked.path]
        collection, _, key = asked.path.removeprefix(f"{PREFIX}/").partition("/")
        held = self.rows.get(collection, {})
        if key:
            return self._json({"data": held[key]}) if key in held else self._missing()
        return self._json(*_page(asked, self._matching(asked, held), self.cap, self.url))

    def _matching(self, asked: Asked, held: Mapping[str, Row]) -> list[Row]:
        rows = [held[key] for key in sorted(held)]
        if "since" in asked.query:
            rows = [row for row in rows if row["modified"] >= asked.query["since"]]
        if "ids" in asked.query:
            wanted = json.loads(asked.query["ids"])
            rows = [row for row in rows if row["id"] in wanted]
        if asked.query.get("after"):
            rows = [row for row in rows if row["id"] > asked.query["after"]]
        if "fields" in asked.query:
            names = asked.query["fields"].split(",")
            rows = [{name: row[name] for name in names} for row in rows]
        return rows

    def _json(self, value: dict[str, Any], link: str = "") -> Reply:
        headers = {"content-type": "application/json", **({"link": link} if link else {})}
        return Reply(body=json.dumps(self.spoil(value)).encode(), headers=headers)

    def _missing(self) -> Reply:
        body = json.dumps({"error": {"code": "NOT_FOUND", "text": SYSTEM_TEXT}}).encode()
        return Reply(status=404, body=body)


def _page(asked: Asked, rows: list[Row], cap: int, url: str) -> tuple[dict[str, Any], str]:
    query = asked.query
    size = min(int(query.get("limit", cap)), cap)
    start = int(query.get("offset", 0))
    if "page" in query:
        start = (int(query["page"]) - 1) * size
    if "cursor" in query:
        start = int(query["cursor"].removeprefix("c"))
    found, end = rows[start : start + size], start + size
    more = end < len(rows)
    rest = "&".join(f"{name}={query[name]}" for name in ("limit", "since", "fields") if name in query)
    following = f"{asked.path}?cursor=c{end}&{rest}".replace(" ", "%20")
    value = {
        "data": found,
        "more": more,
        "total": len(rows),
        "cursor": f"c{end}" if more else None,
        "next": f"{url}{following}" if more else None,
    }
    return value, f'<{following}>; rel="next", </x>; rel="last"' if more else ""


def _asked(scope: Message, message: Message) -> Asked:
    raw = scope["query_string"]
    headers = scope["headers"]
    assert isinstance(raw, bytes)
    assert isinstance(headers, list)
    body = message.get("body", b"")
    assert isinstance(body, bytes)
    return Asked(
        method=str(scope["method"]),
        path=str(scope["path"]),
        query=dict(parse_qsl(raw.decode(), keep_blank_values=True)),
        headers={name.decode(): value.decode("latin-1") for name, value in headers},
        body=body,
    )


@asynccontextmanager
async def fake_rest() -> AsyncIterator[FakeRest]:
    """Serve a fake on 127.0.0.1."""
    fake = FakeRest()
    async with LoopbackServer(fake) as server:
        fake.url = server.url
        yield fake
