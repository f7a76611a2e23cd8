"""Stockbook itself: a warehouse system that does not exist, in memory, behind HTTP on this machine.

python -m erp_mcp_stockbook.server [PORT]      with the key `stockbook-key`
"""

from __future__ import annotations

import json
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Literal
from urllib.parse import parse_qs, urlsplit

Row = dict[str, object]
Trouble = Literal["none", "slow", "nonsense"]

KEY = "stockbook-key"
_SOON_S = 10.0  # how long a slow answer is held back at most


class Stockbook:
    """Three lists of rows; each change gives its row the next running number."""

    def __init__(self) -> None:
        self.lists: dict[str, dict[str, Row]] = {"articles": {}, "items": {}, "parcels": {}}
        self.rights = ["read"]
        self.trouble: Trouble = "none"
        self.lock = threading.RLock()
        self.mended = threading.Event()
        self._seq = 0

    def put(self, name: str, row: Row) -> None:
        """Add or change a row."""
        with self.lock:
            self._seq += 1
            self.lists[name][str(row["id"])] = {**row, "seq": self._seq}

    def remove(self, name: str, key: str) -> None:
        """Delete a row; its number and id stay in the list of changes."""
        with self.lock:
            self._seq += 1
            self.lists[name][key] = {"id": key, "seq": self._seq, "gone": True}

    def answer(self, path: str, query: dict[str, list[str]]) -> dict[str, object] | None:
        """Return what a request is answered with, `None` for a path that there is not."""
        with self.lock:
            match path.strip("/").split("/"):
                case ["v1", "about"]:
                    now = time.strftime("%Y-%m-%dT%H:%M:%S+00:00", time.gmtime())
                    facts = {"product": "Stockbook", "version": "2.1", "time": now, "account": "gateway"}
                    return {**facts, "rights": self.rights}
                case ["v1", name, "changes"] if name in self.lists:
                    return self._changes(name, int(query["after"][0]), int(query["limit"][0]))
                case ["v1", name] if name in self.lists:
                    rows = self.lists[name]
                    return {"rows": [rows[key] for key in query.get("id", []) if key in rows]}
        return None

    def _changes(self, name: str, after: int, limit: int) -> dict[str, object]:
        rows = sorted(self.lists[name].values(), key=lambda row: int(str(row["seq"])))
        rest = [row for row in rows if int(str(row["seq"])) > after]
        return {"rows": rest[:limit], "more": len(rest) > limit}


class StockbookServer:
    """Serves a book on 127.0.0.1; may be taken down and brought back on the same port."""

    def __init__(self, book: Stockbook, port: int = 0) -> None:
        self.book = book
        self.port = port
        self._server: ThreadingHTTPServer | None = None
        self.up()

    @property
    def url(self) -> str:
        """Its address."""
        return f"http://127.0.0.1:{self.port}"

    def up(self) -> None:
        """Listen."""
        if self._server is None:
            book = self.book
            handler = type("Handler", (_Handler,), {"book": book})
            self._server = ThreadingHTTPServer(("127.0.0.1", self.port), handler)
            self.port = self._server.server_address[1]
            threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()

    def down(self) -> None:
        """Refuse connections."""
        server, self._server = self._server, None
        if server is not None:
            server.shutdown()
            self.book.mended.set()  # let slow answers end
            server.server_close()


class _Handler(BaseHTTPRequestHandler):
    book: Stockbook
    protocol_version = "HTTP/1.0"  # one request per connection: a server that goes down is down at once

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        trouble = self.book.trouble
        if trouble == "slow":
            self.book.mended.wait(_SOON_S)
        if self.headers.get("X-Api-Key") != KEY:
            self._reply(401, b'{"error": "wrong key at book-db-7"}')
        elif trouble == "nonsense":
            self._reply(200, b'{"rows": [{"id": "A1", "seq": 1, "quantity": "plenty"}], "more": fa')
        elif (found := self.book.answer(parts.path, parse_qs(parts.query))) is None:
            self._reply(404, b'{"error": "no such list in book-db-7"}')
        else:
            self._reply(200, json.dumps(found).encode())

    def _reply(self, status: int, body: bytes) -> None:
        try:
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)
        except OSError:
            pass  # nobody waits any more

    def log_message(self, *args: object) -> None:
        """Say nothing."""


def sample() -> Stockbook:
    """Return a book with some rows."""
    book = Stockbook()
    for number, text in enumerate(["Housing", "Shaft", "Bearing"], 1):
        book.put("articles", {"id": f"A{number}", "text": text, "unit": "ST"})
    for number in range(1, 8):
        article = f"A{number % 3 + 1}"
        row: Row = {"id": f"I{number}", "article": article, "house": "1000", "place": f"R-{number}", "status": "F"}
        book.put("items", {**row, "quantity": f"{number}.000001", "unit": "KG"})
    order = {"parcel": "P1", "number": "SO-1", "position": "10"}
    parcel: Row = {"id": "P1", "order": order, "article": "A1", "house": "1000", "quantity": "3", "unit": "ST"}
    book.put("parcels", {**parcel, "status": "PACKED", "packed": "2026-03-15T17:30:00"})
    return book


if __name__ == "__main__":
    running = StockbookServer(sample(), int(sys.argv[1]) if len(sys.argv) > 1 else 8750)
    print(f"Stockbook at {running.url}, X-Api-Key: {KEY}; end it with Ctrl-C", flush=True)
    try:
        threading.Event().wait()
    except KeyboardInterrupt:
        running.down()
