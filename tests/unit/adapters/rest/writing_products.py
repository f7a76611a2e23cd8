"""Products that take writes, played by their recorded shapes, each as what the command contract moves.

What a product refuses, and how it says so, follows its public documentation; the values are invented.
"""

from __future__ import annotations

import asyncio
import itertools
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final
from urllib.parse import unquote

from erp_mcp.adapters import Connection
from erp_mcp.adapters._documents.commands import PlannedCommands
from erp_mcp.adapters.rest.commands import RestCommands
from erp_mcp.domain.call import JsonValue
from erp_mcp.domain.command import Command
from erp_mcp.domain.reference import reference_of
from erp_mcp.domain.traffic import TrafficLimits
from erp_mcp.systems import load_profile
from erp_mcp.testing import FixedClock
from erp_mcp.testing.loopback import LoopbackServer, Message, Receive, Send
from tests.unit.adapters.rest.products import PRODUCTS, Product, Row
from tests.unit.adapters.write_faults import Answered, Fault, failing, reply
from tests.unit.adapters.writing_source import DATE, WritingSource, a_day, new_requisition

SHIPPED: Final = Path(__file__).parents[4] / "erp_mcp" / "systems"
COMPANY: Final = "7e3b0000-0000-4000-8000-00000000000a"
SYSTEM_TEXT: Final = "AVA may not: tabPurchase Order, line 88"
PAST: Final = "2026-01-01"  # before every order: what each of them refuses as a date
_JSON: Final = {"content-type": "application/json"}
_numbers = itertools.count(1)


class Writable:
    """A product behind a server that also takes writes.

    `written` are those that reached it: method, path, headers, body. `meanwhile` is what others do just before one.
    """

    name: str
    options: Mapping[str, str] = {}

    def __init__(self) -> None:
        self.product = Product(self.name, PRODUCTS[self.name])
        self.fault: Fault | None = None
        self.meanwhile: Callable[[], None] = lambda: None
        self.written: list[tuple[str, str, Mapping[str, str], Row]] = []
        self.released = asyncio.Event()
        self.server = LoopbackServer(self)
        self._stamps = itertools.count(1)

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["method"] == "GET":
            await self.product(scope, receive, send)
            return
        body, raw = (await receive())["body"], scope["headers"]
        assert isinstance(body, bytes)
        assert isinstance(raw, list)
        headers = {name.decode(): value.decode("latin-1") for name, value in raw}
        method, path = str(scope["method"]), unquote(str(scope["path"]))
        self.written.append((method, path, headers, json.loads(body)))
        self.meanwhile()
        done = self.fault is None or self.fault.commits
        answer = self._done(method, path, headers, json.loads(body)) if done else (200, _JSON, b"{}")
        if self.fault is None:
            await reply(send, *answer)
        else:
            await failing(send, self.fault.kind, answer, self.released)

    def _done(self, method: str, path: str, headers: Mapping[str, str], body: Row) -> Answered:
        raise AssertionError(path)

    def effects(self) -> dict[str, str]:
        """Return what is there, by source key."""
        raise AssertionError

    def lines(self) -> list[tuple[str, Row]]:
        """Return the open purchase order lines with their source keys, as fields of a change."""
        raise AssertionError

    def touch(self, key: str) -> None:
        """Change a line as a person would."""
        raise AssertionError


class BusinessCentral(Writable):
    """Lines below their order, each with its own ETag; another version is 409, a rule of its own 400."""

    name = "business-central"
    options = {"company": COMPANY}

    def _all(self) -> dict[str, tuple[Row, Row]]:
        orders = self.product.recorded["purchaseOrders"]
        return {f"{one['id']}/{line['id']}": (one, line) for one in orders for line in one["purchaseOrderLines"]}

    def effects(self) -> dict[str, str]:
        return {key: line["expectedReceiptDate"] for key, (_, line) in self._all().items()}

    def lines(self) -> list[tuple[str, Row]]:
        return [
            (key, {"purchase_order_id": order["number"], "line": str(line["sequence"])})
            for key, (order, line) in self._all().items()
            if line["lineType"] == "Item"
        ]

    def touch(self, key: str) -> None:
        self._change(self._all()[key][1], {"expectedReceiptDate": "2026-06-30"})

    def _change(self, line: Row, body: Row) -> None:
        line |= {**body, "@odata.etag": f'W/"JzE5OzE{next(self._stamps)}Jw=="'}

    def _done(self, method: str, path: str, headers: Mapping[str, str], body: Row) -> Answered:
        by_path = {
            f"/api/v2.0/companies({COMPANY})/purchaseOrders({order['id']})/purchaseOrderLines({line['id']})": line
            for order, line in self._all().values()
        }
        if method != "PATCH" or path not in by_path:
            return _told(404, {"error": {"code": "BadRequest_ResourceNotFound", "message": SYSTEM_TEXT}})
        line = by_path[path]
        if headers.get("if-match") != line["@odata.etag"]:
            return _told(409, {"error": {"code": "Request_EntityChanged", "message": SYSTEM_TEXT}})
        if body["expectedReceiptDate"] < "2026-02-01":
            return _told(400, {"error": {"code": "Application_DialogException", "message": SYSTEM_TEXT}})
        self._change(line, body)
        return _told(200, line)


class ErpNext(Writable):
    """Documents with `modified`, checked against what a change sends back; a save of a row is one of its order."""

    name = "erpnext"

    def __init__(self) -> None:
        super().__init__()
        self.made: dict[str, Row] = {}

    def _joined(self) -> dict[str, Row]:
        return {row["line_name"]: row for row in self.product.recorded["Purchase Order Item"]}

    def effects(self) -> dict[str, str]:
        dates = {key: str(row["expected_delivery_date"]) for key, row in self._joined().items()}
        return {**dates, **{key: json.dumps(row, sort_keys=True) for key, row in self.made.items()}}

    def lines(self) -> list[tuple[str, Row]]:
        return [
            (key, {"purchase_order_id": row["name"], "line": str(row["line"])})
            for key, row in self._joined().items()
            if row["status"] != "Closed"
        ]

    def touch(self, key: str) -> None:
        self._save(key, {"expected_delivery_date": "2026-06-30"})

    def _save(self, key: str, body: Row) -> None:
        """Write a row; its order and all rows of that get the same new stamp, as a save of the order gives them."""
        stamp = f"2026-03-20 10:00:00.{next(self._stamps):06}"
        order = self._joined()[key]["name"]
        self._joined()[key] |= body
        for name, row in self._joined().items():
            if row["name"] == order:
                row["modified"] = self.product.documents["Purchase Order Item"][name]["modified"] = stamp
        self.product.documents["Purchase Order Item"][key] |= body

    def _done(self, method: str, path: str, headers: Mapping[str, str], body: Row) -> Answered:
        row = path.removeprefix("/api/resource/Purchase Order Item/")
        if method == "PUT" and row in self._joined():
            return self._put(row, body)
        if method == "POST" and path == "/api/resource/Material Request":
            return self._post(body)
        return _frappe(404, "DoesNotExistError")

    def _put(self, key: str, body: Row) -> Answered:
        document = self.product.documents["Purchase Order Item"][key]
        if body.pop("modified") != document["modified"]:
            return _frappe(417, "TimestampMismatchError")
        if body["expected_delivery_date"] < "2026-02-01":
            return _frappe(417, "ValidationError")
        self._save(key, body)
        return _told(200, {"data": document})

    def _post(self, body: Row) -> Answered:
        (item,) = body["items"]
        known = self.product.documents["Item"].get(item["item_code"])
        if known is None or not item["warehouse"]:
            return _frappe(417, "LinkValidationError")
        if item["schedule_date"] < "2026-02-01":
            return _frappe(417, "ValidationError")
        number = len(self.made) + 2
        name, row, now = f"MAT-MR-2026-{number:05}", f"mri{number}", f"2026-03-20 11:00:00.{number:06}"
        shared = {"name": name, "title": body["title"], "company": body["company"], "status": "Draft", "docstatus": 0}
        kept = {
            **shared, "creation": now, "modified": now, "material_request_type": body["material_request_type"],
            "line_name": row, "line": 1, "item_code": item["item_code"], "qty": item["qty"], "uom": item["uom"],
            "schedule_date": item["schedule_date"],
        }  # fmt: skip
        self.made[row] = kept
        self.product.recorded["Material Request Item"].append(kept)
        return _told(200, {"data": {**shared, "items": [{"name": row, "idx": 1, **item}]}})


def _told(status: int, body: object) -> Answered:
    return status, _JSON, json.dumps(body).encode()


def _frappe(status: int, kind: str) -> Answered:
    told = json.dumps([json.dumps({"message": SYSTEM_TEXT})])
    return _told(status, {"exc_type": kind, "exc": json.dumps([SYSTEM_TEXT]), "_server_messages": told})


class ProductSource(WritingSource[Writable]):
    """A product as a `CommandSource`, written to by its shipped profile."""

    secrets = (SYSTEM_TEXT, "done?", "pass-word-9")

    def __init__(self, fake: Writable) -> None:
        super().__init__(fake)
        self._keys = itertools.cycle([key for key, _ in fake.lines()])
        limits = TrafficLimits(
            requests_per_s=10_000, burst=10_000, concurrent=50, failures=1000, window=1000, attempts=1
        )
        connection = Connection(
            system="erp", url=fake.server.url, account="writer", secret="pass-word-9", timeout_s=5.0, limits=limits,
            options=dict(fake.options),
        )  # fmt: skip
        self.commands: PlannedCommands = RestCommands.open(connection, load_profile(fake.name, [SHIPPED]), FixedClock())

    @property
    def attempts(self) -> int:
        return len(self.fake.written)

    def good(self, operation: str) -> Command:
        return self.dated(next(self._keys)) if operation == DATE else requisition()

    def refused(self, operation: str) -> Command:
        return self.dated(next(self._keys), PAST) if operation == DATE else requisition(delivery_date=PAST)

    def dated(self, key: str, day: str = "") -> Command:
        """Return the change of a line's promise, worked out on the line as it is."""
        number = next(_numbers)
        fields = dict(self.fake.lines())[key]
        return Command(
            operation=DATE, system="erp", entity="purchase_order_line", key=key, version_token=self._version(key),
            reference=reference_of(f"date/{number}"), fields={**fields, "new_date": day or a_day(number)},
        )  # fmt: skip

    def _version(self, key: str) -> str:
        return VERSIONS[self.fake.name](self.fake, key)

    def touch(self, command: Command) -> None:
        self.fake.touch(command.key)


VERSIONS: Final[dict[str, Callable[[Any, str], str]]] = {
    "business-central": lambda fake, key: str(fake._all()[key][1]["@odata.etag"]),
    "erpnext": lambda fake, key: str(fake._joined()[key]["modified"]),
}


def requisition(**fields: JsonValue) -> Command:
    """Return a new requisition of ten to a hundred boxes."""
    number = next(_numbers)
    asked: dict[str, JsonValue] = {
        "material_id": "M-001", "site": "Works", "qty": f"{number}.25", "uom": "C62", "delivery_date": "2028-03-01",
    }  # fmt: skip
    return new_requisition(number, {**asked, **fields})
