"""A small server on the loopback that answers JSON-RPC the way Tryton does, well or badly."""

from __future__ import annotations

import base64
import gzip
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Literal

from erp_mcp.adapters.jsonrpc.wire import decode

Mode = Literal[
    "well", "down", "slow", "moved", "away", "html403", "html500", "busy", "bomb", "encoding", "text",
    "error", "refused", "limited", "cut", "huge", "types", "order", "many", "float", "ids", "shape", "empty",
]  # fmt: skip
Record = dict[str, Any]

SYSTEM_TEXT = "Traceback: secret table party_party"
START = datetime(2026, 3, 16, 5, 0)  # noqa: DTZ001  naive UTC, as Tryton keeps it


class Reference(tuple[str, int]):
    """A link that may lead to several models; a filter that follows it names one."""

    __slots__ = ()


class SpoiltAnswerError(Exception):
    """How the server answers a call instead of with a result; `cut` hangs up without a word, or within the body."""

    def __init__(self, body: bytes = b"", *, status: int = 200, kind: str = "application/json", **more: Any) -> None:
        super().__init__(status)
        self.body, self.status, self.kind = body, status, kind
        self.headers: dict[str, str] = more.get("headers", {})
        self.cut: bool = more.get("cut", False)


class FakeTryton:
    """Records by model, a tick per change, and a mode that says how to answer."""

    def __init__(self) -> None:
        self.models: dict[str, dict[int, Record]] = {}
        self.mode: Mode = "well"
        self.password = "pass-word-9"
        self.users = {"gateway": 7}
        self.token = "token-1"
        self.calls: list[str] = []
        self.released = threading.Event()
        self.before: Callable[[str], None] = lambda _: None
        self._tick = 0
        self._server = _Server(self)
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    def stop(self) -> None:
        self.released.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def put(self, model: str, number: int, /, **values: Any) -> None:
        """Create or change a record, now."""
        self._tick += 1
        now = self.now()
        known = self.models.setdefault(model, {})
        stamps = {"write_date": now} if number in known else {"create_date": now, "write_date": None}
        known[number] = {**known.get(number, {"id": number}), **values, **stamps, "_timestamp": f"{self._tick}.5"}

    def now(self) -> datetime:
        """The time of the last change; changes lie far apart, so that no overlap hides a mistake."""
        return START + timedelta(hours=self._tick)

    def drop(self, model: str, number: int) -> None:
        """Delete a record; nothing remembers it."""
        del self.models[model][number]

    def mode_of(self, method: str) -> Mode:
        """Return how to answer a call: what breaks a connection breaks all of them, the rest is for searches."""
        return self.mode if self.mode in _OF_ALL or "search" in method else "well"

    def answer(self, method: str, params: list[Any]) -> Any:
        """Return the result of a call, or raise `PermissionError` for a bad password."""
        self.calls.append(method)
        self.before(method)
        match method.rpartition("."):
            case (_, _, "login"):
                if params[1]["password"] != self.password:
                    raise PermissionError
                return [self.users[params[0]], self.token, None]
            case ("common.server", _, "version"):
                return "8.2"
            case (_, _, "get_preferences"):
                return {"company": 1, "language": "en", "groups": [22]}
            case (model, _, "search"):
                return [one["id"] for one in self._found(model.removeprefix("model."), params)]
            case (model, _, "search_read"):
                fields = params[4]
                return [self._read(one, fields) for one in self._found(model.removeprefix("model."), params)]
        raise KeyError(method)

    def _found(self, model: str, params: list[Any]) -> list[Record]:
        domain, offset, limit = params[:3]
        records = sorted(self.models.get(model, {}).values(), key=lambda one: one["id"])
        return [one for one in records if self._holds(one, domain)][offset : offset + limit]

    def _holds(self, record: Record, domain: list[Any]) -> bool:
        if domain and domain[0] == "OR":
            return any(self._holds(record, [one]) for one in domain[1:])
        return all(self._clause(record, one) for one in domain)

    def _clause(self, record: Record, clause: list[Any]) -> bool:
        if not isinstance(clause[0], str) or clause[0] == "OR":
            return self._holds(record, clause)
        path, operator, operand = clause[:3]
        held = record.get(path.partition(".")[0])
        if "." in path and isinstance(held, Reference) and held[0] != clause[3]:  # unnamed: an error, as Tryton's is
            return False
        found = [one for one in self._values(record, path.split(".")) if one is not None]
        match operator:
            case ">":
                return any(one > operand for one in found)
            case ">=":
                return any(one >= operand for one in found)
            case "in":
                return any(one in operand for one in found)
            case "!=":
                return any(one != operand for one in found) if operand is None else all(one != operand for one in found)
            case "child_of":
                return True
        return any(one == operand for one in found)

    def _values(self, record: Record, path: list[str]) -> list[Any]:
        held = record.get(path[0])
        if len(path) == 1:
            return [held[1] if isinstance(held, tuple) else held]
        links = held if isinstance(held, list) else [held] if held else []
        return [one for link in links for one in self._values(self._link(link), path[1:])]

    def _link(self, link: tuple[str, int]) -> Record:
        return self.models[link[0]][link[1]]

    def _read(self, record: Record, fields: list[str]) -> Record:
        row: Record = {"id": record["id"]}
        nested: dict[str, list[str]] = {}
        for name in fields:
            head, dot, rest = name.partition(".")
            if dot:
                nested.setdefault(head, []).append(rest)
            else:
                held = record.get(name)
                row[name] = held[1] if isinstance(held, tuple) else held
        for head, inner in nested.items():
            held = record.get(head)
            if isinstance(held, list):
                row[f"{head}."] = [self._read(self._link(one), inner) for one in held]
            else:
                row[f"{head}."] = self._read(self._link(held), inner) if held else None
        return row


@contextmanager
def fake_tryton() -> Iterator[FakeTryton]:
    server = FakeTryton()
    try:
        yield server
    finally:
        server.stop()


def typed(value: Any) -> Any:
    """Encode as Tryton's server does."""
    if isinstance(value, date) and not isinstance(value, datetime):
        return {"__class__": "date", "year": value.year, "month": value.month, "day": value.day}
    if isinstance(value, datetime):
        names = ("year", "month", "day", "hour", "minute", "second", "microsecond")
        return {"__class__": "datetime", **{name: getattr(value, name) for name in names}}
    raise TypeError(type(value))


class _Server(ThreadingHTTPServer):
    """A server that knows whose it is."""

    def __init__(self, fake: FakeTryton) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.fake = fake


def _json(value: Any) -> bytes:
    return json.dumps(value, default=typed, separators=(",", ":")).encode()


def _result(value: Any) -> bytes:
    return _json({"id": 1, "result": value})


_PAGE = f"<html>{SYSTEM_TEXT}</html>".encode()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1  # head and body in one packet: else each answer waits for a delayed acknowledgement
    server: _Server

    def do_POST(self) -> None:
        fake = self.server.fake
        asked = decode(self.rfile.read(int(self.headers["Content-Length"])))
        assert isinstance(asked, dict)
        mode = fake.mode_of(str(asked["method"]))
        match mode:
            case "down":
                self.close_connection = True
            case "slow":
                fake.released.wait(20)
                self.close_connection = True
            case "moved" if not self.path.endswith("?again"):
                self._send(b"", status=308, headers={"Location": f"{self.path}?again"})
            case "away":
                self._send(b"", status=308, headers={"Location": "http://127.0.0.2:1/rpc/"})
            case _:
                self._answer(str(asked["method"]), asked["params"], mode)

    def _answer(self, method: str, params: Any, mode: Mode) -> None:
        fake = self.server.fake
        if not method.startswith("common.") and not self._knows():
            self._send(_PAGE, status=401, kind="text/html")
            return
        try:
            result = fake.answer(method, params)
        except PermissionError:
            self._send(_PAGE, status=401, kind="text/html")
            return
        except IndexError:
            self._send(_BODIES["error"](None))
            return
        except SpoiltAnswerError as bad:
            self._badly_written(bad)
            return
        if mode in {"well", "moved"}:
            self._send(_result(result))
        else:
            self._badly(mode, result)

    def _badly(self, mode: Mode, result: Any) -> None:
        if mode in _STATUS:
            self._send(_PAGE, status=_STATUS[mode], kind="text/html")
        elif mode in _BODIES:
            self._send(_BODIES[mode](result))
        elif mode == "bomb":
            self._send(gzip.compress(b" " * 60_000_000), headers={"Content-Encoding": "gzip"})
        elif mode == "encoding":
            self._send(_result(result), headers={"Content-Encoding": "br"})
        else:
            self._send(_PAGE, kind="text/html")

    def _badly_written(self, bad: SpoiltAnswerError) -> None:
        if not bad.cut:
            self._send(bad.body, status=bad.status, kind=bad.kind, headers=bad.headers)
            return
        self.close_connection = True
        if bad.body:
            self._send(bad.body, headers={"Content-Length": str(len(bad.body) + 9)})

    def _knows(self) -> bool:
        given = base64.b64decode(self.headers.get("Authorization", "").removeprefix("Session ")).decode()
        fake = self.server.fake
        return given in {f"{name}:{number}:{fake.token}" for name, number in fake.users.items()}

    def _send(
        self, body: bytes, *, status: int = 200, kind: str = "application/json", headers: dict[str, str] | None = None
    ) -> None:
        self.send_response(status)
        for name, value in {"Content-Type": kind, "Content-Length": str(len(body)), **(headers or {})}.items():
            self.send_header(name, value)
        self.end_headers()
        try:
            self.wfile.write(body)
            self.wfile.flush()
        except OSError:  # the client has seen enough and hung up
            self.close_connection = True

    def date_time_string(self, timestamp: float | None = None) -> str:
        return format_datetime(self.server.fake.now().replace(tzinfo=UTC), usegmt=True)

    def log_message(self, *_: object) -> None:
        return


_OF_ALL = frozenset({"down", "slow", "moved", "away"})
_STATUS: dict[str, int] = {"html403": 403, "html500": 500, "busy": 503}
_BODIES: dict[str, Callable[[Any], bytes]] = {
    "error": lambda _: _json({"id": 1, "error": [SYSTEM_TEXT, "File x, line 1"]}),
    "refused": lambda _: _json({"id": 1, "error": ["UserError", [SYSTEM_TEXT, "", None]]}),
    "limited": lambda _: _json({"id": 1, "error": ["RateLimitException", [SYSTEM_TEXT]]}),
    "cut": lambda result: _result(result)[:-9],
    "huge": lambda result: _result(result) + b" " * 3_000_000,
    "types": lambda result: _result(result).replace(b'"name":"', b'"name":5,"x":"'),
    "order": lambda result: _result(result[::-1]),
    "many": lambda result: _result(result * 600),
    "float": lambda result: _result(result).replace(b'"name":"', b'"name":NaN,"x":"'),
    "ids": lambda result: _result([{**one, "id": -1} if isinstance(one, dict) else -1 for one in result]),
    "shape": lambda _: _result({"rows": []}),
    "empty": lambda _: _json({"id": 1}),
}
