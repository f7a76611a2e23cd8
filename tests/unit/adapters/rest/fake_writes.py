"""A small purchasing system over REST that takes writes: versions in bodies, keys of repeats, errors inside a 200."""

from __future__ import annotations

import asyncio
import copy
import itertools
import json
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import parse_qsl, unquote

from erp_mcp.adapters import Connection
from erp_mcp.adapters._documents.commands import PlannedCommands
from erp_mcp.adapters.rest.commands import RestCommands
from erp_mcp.domain.call import JsonValue
from erp_mcp.domain.command import Command
from erp_mcp.domain.profile import Profile
from erp_mcp.domain.reference import reference_of
from erp_mcp.domain.traffic import TrafficLimits
from erp_mcp.testing import FixedClock
from erp_mcp.testing.loopback import LoopbackServer, Message, Receive, Send
from tests.unit.adapters.write_faults import Answered, Fault, failing, reply
from tests.unit.adapters.writing_source import CREATE, DATE, WritingSource, a_day, new_requisition

Row = dict[str, Any]
SYSTEM_TEXT: Final = "Traceback in purchase_order.py line 88"
_JSON: Final = {"content-type": "application/json", "date": "Mon, 04 Jan 2027 08:00:00 GMT"}
_numbers = itertools.count(1)


class Shop:
    """The system. `attempts` are the writes that reached it."""

    def __init__(self) -> None:
        self.lines: dict[str, Row] = {}
        self.requisitions: dict[str, Row] = {}
        self.stored: dict[str, Answered] = {}  # answers by the key of a repeat
        self.fault: Fault | None = None
        self.replies: list[Answered] = []
        self.refuses_inside_200 = False
        self.unique = False
        self.attempts = 0
        self.seen: list[tuple[str, str, Mapping[str, str], bytes]] = []
        self.released = asyncio.Event()
        self.server = LoopbackServer(self)
        self._changes = itertools.count(1)
        for number in range(1, 4):
            self.lines[f"PO-{number}/10"] = {
                "name": f"PO-{number}/10", "order": f"PO-{number}", "line": "10", "site": "W1", "supplier": "S1",
                "item": "RM-1", "qty": 10, "received": 0, "uom": "Kg", "date": "2027-01-04", "status": "Open",
            }  # fmt: skip
            self.changed(f"PO-{number}/10")

    def changed(self, name: str) -> None:
        self.lines[name]["modified"] = f"2027-01-01 08:00:{next(self._changes):02}.000001"

    def effects(self) -> dict[str, str]:
        """Return what is there, by source key."""
        made = {key: json.dumps(row, sort_keys=True) for key, row in self.requisitions.items()}
        return {**{key: row["date"] for key, row in self.lines.items()}, **made}

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Answer one request."""
        raw, body = scope["headers"], (await receive())["body"]
        assert isinstance(raw, list)
        assert isinstance(body, bytes)
        headers = {name.decode(): value.decode("latin-1") for name, value in raw}
        method, path = str(scope["method"]), str(scope["path"])
        query = dict(parse_qsl(str(scope["query_string"], "ascii")))  # type: ignore[call-overload]
        self.seen.append((method, path, headers, body))
        if method == "GET":
            await reply(send, *self._get(path, query))
            return
        self.attempts += 1
        if self.replies:
            await reply(send, *self.replies.pop(0))
            return
        fault = self.fault
        answer = self._done(method, path, headers, body) if fault is None or fault.commits else (200, _JSON, b"{}")
        if fault is None:
            await reply(send, *answer)
        else:
            await failing(send, fault.kind, answer, self.released)

    def _get(self, path: str, query: Mapping[str, str]) -> Answered:
        kind, _, name = path.removeprefix("/api/").partition("/")
        rows = {"lines": self.lines, "requisitions": self.requisitions}.get(kind, {})
        if name:
            row = rows.get(unquote(name))
            return (200, _JSON, json.dumps(row).encode()) if row else _error(404, "DoesNotExistError")
        found = [row for row in rows.values() if all(str(row.get(key)) == value for key, value in query.items())]
        return 200, _JSON, json.dumps({"data": found}).encode()

    def _done(self, method: str, path: str, headers: Mapping[str, str], body: bytes) -> Answered:
        if method == "PUT" and path.startswith("/api/lines/"):
            return self._put(unquote(path.removeprefix("/api/lines/")), json.loads(body))
        if method == "POST" and path == "/api/requisitions":
            key = headers.get("idempotency-key", "")
            if key in self.stored:
                status, kept, stored = self.stored[key]
                return status, {**kept, "idempotent-replay": "true"}, stored
            answer = self._post(json.loads(body))
            if key and answer[0] == 201:
                self.stored[key] = answer
            return answer
        return _error(405, "NotAllowed")

    def _put(self, name: str, body: Row) -> Answered:
        row = self.lines.get(name)
        if row is None:
            return _error(404, "DoesNotExistError")
        if body.get("modified") != row["modified"]:
            return _error(417, "TimestampMismatchError")
        if body["date"].endswith("-13"):
            status = 200 if self.refuses_inside_200 else 417
            return _error(status, "DateError")
        row["date"] = body["date"]
        self.changed(name)
        return 200, _JSON, json.dumps(row).encode()

    def _post(self, body: Row) -> Answered:
        if body["uom"] not in {"Kg", "Nos"}:
            return _error(417, "UOMError")
        if self.unique and any(row["ref"] == body["ref"] for row in self.requisitions.values()):
            return _error(409, "DuplicateEntryError")
        number = f"REQ-{len(self.requisitions) + 1}"
        self.requisitions[number] = {**body, "name": number, "line": "1", "status": "Draft"}
        # The number is given later; the answer tells only where it will be.
        return 201, {**_JSON, "location": f"/api/requisitions/{number}"}, b'{"state": "queued"}'


def _error(status: int, code: str) -> Answered:
    return status, _JSON, json.dumps({"exc_type": code, "exc": SYSTEM_TEXT}).encode()


PLANS: Final[dict[str, Any]] = {
    DATE: {
        "contract": "conditional",
        "settle_s": 0,
        "record": {"same": ["purchase_order_id", "line"]},
        "write": {
            "method": "PUT",
            "path": ["lines", {"key": 0}],
            "body": {"modified": {"version": True}, "date": {"field": "new_date"}},
        },
        "shown": {"new_date": "promised_date"},
        "answer": {
            "error": "exc_type", "failed": "exc_type",
            "codes": {"TimestampMismatchError": "conflict", "DateError": "date_in_the_past"},
        },
    },
    CREATE: {
        "contract": "native_key",
        "settle_s": 0,
        "reference": {"in": "ref", "longest": 40},
        "absent": {"cost_object": "no_cost_objects"},
        "write": {
            "method": "POST",
            "path": ["requisitions"],
            "idempotency": {"header": "Idempotency-Key", "form": "uuid", "replayed": "idempotent-replay"},
            "body": {
                "item": {"field": "material_id"}, "site": {"field": "site"},
                "qty": {"field": "qty", "as": "number", "digits": 3}, "uom": {"field": "uom", "unit": True},
                "date": {"field": "delivery_date"}, "supplier": {"field": "supplier_id", "optional": True},
                "ref": {"reference": True},
            },
        },
        "made": {"location": True},
        "find": {"path": ["requisitions"], "query": {"ref": {"reference": True}}, "rows": "data", "by": "ref",
                 "key_paths": ["name"]},
        "answer": {"error": "exc_type", "failed": "exc_type", "codes": {"DuplicateEntryError": "exists"}},
    },
}  # fmt: skip
_ENTITIES: Final[dict[str, Any]] = {
    "purchase_order_line": {
        "request": {"path": "/lines"}, "items": "data", "by_key": {"path": "/lines/{key}", "item": "."},
        "key": ["name"], "version": "modified",
        "fields": {
            "purchase_order_id": "order", "line": "line", "site": "site", "supplier_id": "supplier",
            "material_id": "item", "qty_ordered": "qty", "qty_received": "received",
            "qty_open": {"minus": ["qty", "received"], "floor": "0"}, "uom": {"unit": "uom"},
            "order_state": "status", "promised_date": "date",
        },
    },
    "purchase_requisition": {
        "request": {"path": "/requisitions"}, "items": "data",
        "by_key": {"path": "/requisitions/{key}", "item": "."},
        "key": ["name"], "version": "hash",
        "fields": {
            "requisition_id": "name", "line": "line", "site": "site", "material_id": "item", "qty": "qty",
            "uom": {"unit": "uom"}, "delivery_date": "date", "supplier_id": "supplier", "order_state": "status",
        },
    },
}  # fmt: skip


def profile(plans: dict[str, Any] | None = None) -> Profile:
    """Return the profile of the system."""
    return Profile(
        name="shop",
        version=1,
        kind="rest",
        level=4,
        zone="Europe/Berlin",
        identity={},
        states={
            "purchase_order_line.order_state": {"Open": "open"},
            "purchase_requisition.order_state": {"Draft": "open"},
        },
        entities=copy.deepcopy(_ENTITIES),
        commands=copy.deepcopy(plans if plans is not None else PLANS),
        head={"base": "/api"},
        units={"Kg": "KGM", "Nos": "C62"},
    )


def connection(fake: Shop, **more: Any) -> Connection:
    """Return a connection whose limits let a test break the system as often as it wants."""
    limits = TrafficLimits(requests_per_s=10_000, burst=10_000, concurrent=50, failures=1000, window=1000, attempts=1)
    settings = {"system": "erp", "url": fake.server.url, "account": "writer", "timeout_s": 5.0, "limits": limits}
    return Connection(**{**settings, **more})


def date_command(fake: Shop, name: str, day: str = "", **more: Any) -> Command:
    """Return the change of a line's date, worked out on the line as it is."""
    number = next(_numbers)
    row = fake.lines[name]
    fields: dict[str, JsonValue] = {
        "purchase_order_id": row["order"], "line": row["line"],
        "new_date": day or a_day(number),
    }  # fmt: skip
    asked: dict[str, Any] = {
        "operation": DATE, "system": "erp", "entity": "purchase_order_line", "key": name,
        "version_token": row["modified"], "reference": reference_of(f"date/{number}"), "fields": fields,
    }  # fmt: skip
    return Command(**{**asked, **more})


def create_command(**fields: JsonValue) -> Command:
    """Return a new requisition."""
    number = next(_numbers)
    asked: dict[str, JsonValue] = {
        "material_id": "RM-1", "site": "W1", "qty": f"{number}.25", "uom": "KGM", "delivery_date": "2028-03-01",
    }  # fmt: skip
    return new_requisition(number, {**asked, **fields})


class ShopSource(WritingSource[Shop]):
    """The system as a `CommandSource`."""

    secrets = (SYSTEM_TEXT, "done?", "pass-word-9")

    def __init__(self, fake: Shop, plans: dict[str, Any] | None = None) -> None:
        super().__init__(fake)
        self._names = itertools.cycle(sorted(fake.lines))
        self.commands: PlannedCommands = RestCommands.open(
            connection(fake, secret="pass-word-9"), profile(plans), FixedClock()
        )

    @property
    def attempts(self) -> int:
        return self.fake.attempts

    def good(self, operation: str) -> Command:
        return date_command(self.fake, next(self._names)) if operation == DATE else create_command()

    def refused(self, operation: str) -> Command:
        if operation == DATE:
            return date_command(self.fake, next(self._names), "2027-05-13")
        return create_command(uom="EA")

    def touch(self, command: Command) -> None:
        self.fake.lines[command.key]["date"] = "2027-01-15"
        self.fake.changed(command.key)
