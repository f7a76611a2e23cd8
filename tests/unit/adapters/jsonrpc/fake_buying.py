"""The small server with purchases that can be written to, as Tryton lets one: rights, versions, a log of changes."""

from __future__ import annotations

import dataclasses
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date
from pathlib import Path
from typing import Any, Final

from erp_mcp.adapters import Connection
from erp_mcp.domain.call import JsonValue
from erp_mcp.domain.command import Command
from erp_mcp.domain.reference import reference_of
from erp_mcp.systems.load import load_profile
from erp_mcp.testing import NO_LIMITS
from tests.unit.adapters.jsonrpc.fake import SYSTEM_TEXT, FakeTryton, SpoiltAnswerError

_SHIPPED: Final = load_profile("tryton", [Path(__file__).parents[4] / "erp_mcp" / "systems"])
DATE: Final = "purchase_order_line.update_delivery_date"
CREATE: Final = "purchase_requisition.create"
# What this fake knows how to do; the others are tried with the real one.
PROFILE: Final = dataclasses.replace(_SHIPPED, commands={name: _SHIPPED.commands[name] for name in (DATE, CREATE)})
NEW: Final = "2026-04-01"
REFERENCE: Final = reference_of("019a0000-0000-7000-8000-000000000001")

WRITER, COMPANY, EMPLOYEE, PERSON = 8, 1, 4, 2
DAY = date(2026, 3, 20)
LINES = {"open": 11, "other": 12, "partial": 13, "received": 14, "cancelled": 15, "shipped": 16, "confirmed": 17}
RIGHTS = {
    "stock.move": ("write",),
    "purchase.requisition": ("create",),
    "purchase.requisition.line": ("create",),
    "purchase.line": (),
    "party.party": (),
    "res.user": ("write",),
}
_WRITES = frozenset({"create", "write"})
_PAGE = f"<html>{SYSTEM_TEXT}</html>".encode()


def error(name: str) -> bytes:
    return json.dumps({"id": 1, "error": [name, [SYSTEM_TEXT, "", None]]}).encode()


def page(status: int, **headers: str) -> SpoiltAnswerError:
    return SpoiltAnswerError(_PAGE, status=status, kind="text/html", headers=headers)


ANSWERS: dict[str, SpoiltAnswerError] = {
    "cut": SpoiltAnswerError(cut=True),
    "half": SpoiltAnswerError(b'{"id":1,"res', cut=True),
    "html": page(200),
    "garbage": SpoiltAnswerError(b'{"id":1,"result":[NaN'),
    "empty": SpoiltAnswerError(b'{"id":1}'),
    "list": SpoiltAnswerError(b"[1]"),
    "traceback": SpoiltAnswerError(json.dumps({"id": 1, "error": [SYSTEM_TEXT, "File x"]}).encode()),
    "refused": SpoiltAnswerError(error("UserError")),
    "warning": SpoiltAnswerError(error("UserWarning")),
    "concurrency": SpoiltAnswerError(error("ConcurrencyException")),
    "login": SpoiltAnswerError(error("LoginException")),
    "limited": SpoiltAnswerError(error("RateLimitException")),
    **{str(status): page(status) for status in (400, 401, 403, 404, 409, 413, 422, 500, 502, 503, 504)},
    "429": page(429, **{"Retry-After": "17"}),
    "429 soon": page(429, **{"Retry-After": "soon"}),
}


class BuyingTryton(FakeTryton):
    """`spoil` is how writes are answered ("" for well), `effect` whether they take effect all the same."""

    def __init__(self) -> None:
        super().__init__()
        self.users["writer"] = WRITER
        self.spoil, self.effect, self.attempts, self.employee = "", True, 0, EMPLOYEE
        self.rights = {model: list(given) for model, given in RIGHTS.items()}
        self.free_buttons: list[dict[str, Any]] = []
        self.sent: list[list[Any]] = []
        self._lock = threading.Lock()
        _plant(self)

    def put(self, model: str, number: int, /, **values: Any) -> None:
        super().put(model, number, **values)
        record = self.models[model][number]
        record["_timestamp"] = f"{self.now().replace(tzinfo=UTC).timestamp():.5f}"

    def answer(self, method: str, params: list[Any]) -> Any:
        model, _, name = method.removeprefix("model.").rpartition(".")
        if name == "get_preferences":
            return {"company": COMPANY, "employee": self.employee, "language": "en"}
        if name == "get_access":
            modes = ("read", "write", "create", "delete")
            return {
                model: {mode: mode in ("read", *self.rights.get(model, ())) for mode in modes} for model in params[0]
            }
        if method == "model.ir.model.search_read":
            return [{"id": number, "name": name} for number, name in enumerate(self.rights, 1)]
        if method == "model.ir.model.button.search_read":
            return self.free_buttons
        if name not in _WRITES:
            with self._lock:
                return super().answer(method, params)
        with self._lock:
            self.calls.append(method)
            self.before(method)
            self.attempts += 1
            self.sent.append(params)
            result = self._written(model, name, params) if self.effect else None
        if self.spoil:
            raise ANSWERS[self.spoil]
        return result

    def _written(self, model: str, name: str, params: list[Any]) -> Any:
        if name == "create":
            return [self._created(params[0][0], params[-1])]
        ids, values, context = params
        for one in ids:
            asked = context.get("_timestamp", {}).get(f"{model},{one}")
            if asked is not None and asked != self.models[model][one]["_timestamp"]:
                raise ANSWERS["concurrency"]
        if not self.rights[model]:
            raise ANSWERS["refused"]
        for one in ids:
            self.put(model, one, **values, write_uid=WRITER)
            self.log(model, one, user=WRITER)
        return None

    def log(self, model: str, one: int, *, user: int) -> None:
        """Note a change, as the system does for everybody."""
        number = len(self.models.get("ir.model.log", {})) + 1
        self.put("ir.model.log", number, resource=f"{model},{one}", event="write", user=user)

    def by_hand(self, model: str, one: int, **values: Any) -> None:
        """Let a person change a record."""
        self.put(model, one, **values, write_uid=PERSON)
        self.log(model, one, user=PERSON)

    def _created(self, values: dict[str, Any], context: dict[str, Any]) -> int:
        number = len(self.models.get("purchase.requisition", {})) + 1
        head = {name: one for name, one in values.items() if name not in ("lines", "warehouse")}
        line = values["lines"][0][1][0]
        if "purchase.requisition" in self.models and not context:
            raise ANSWERS["422"]
        self.put(
            "purchase.requisition", number, **head, number=f"PR{number:05}", state="draft", create_uid=WRITER,
            warehouse=("stock.location", values["warehouse"]),
        )  # fmt: skip
        self.put(
            "purchase.requisition.line", 100 + number, requisition=("purchase.requisition", number),
            quantity=float(line["quantity"]), product=("product.product", line["product"]),
            unit=("product.uom", line["unit"]),
            supplier=("party.party", line["supplier"]) if line.get("supplier") else None,
        )  # fmt: skip
        return number


def _plant(fake: BuyingTryton) -> None:
    fake.put("product.uom.category", 1, name="Units")
    for number, symbol, digits, category in ((1, "u", 0, 1), (2, "kg", 3, 2), (3, "u", 0, 3)):
        fake.put("product.uom", number, symbol=symbol, digits=digits, category=category, active=True)
    for number, code, unit in ((1, "RM-1", 1), (2, "RM-2", 2), (3, "RM-3", 1)):
        fake.put(
            "product.product", number, code=code, type="goods", active=True, purchasable=code != "RM-3",
            default_uom=("product.uom", unit),
        )  # fmt: skip
    for number, code, active in ((1, "S1", True), (2, "S2", False), (3, "SX", True), (4, "SX", True)):
        fake.put("party.party", number, code=code, active=active)
    fake.put("party.party", 5, code=None, active=True)
    fake.put("stock.location", 1, code="WH", type="warehouse", active=True)
    fake.put("stock.location", 2, code="STO", type="storage", active=True)
    states = {"cancelled": "cancelled", "received": "processing", "confirmed": "confirmed"}
    for name, number in LINES.items():
        _purchase(fake, number, states.get(name, "processing"), _moves_of(name))


def _moves_of(name: str) -> tuple[tuple[str, bool], ...]:
    """Return state and whether it is in a shipment, per move."""
    return {
        "partial": (("done", True), ("draft", False), ("assigned", False)),
        "received": (("done", True),),
        "cancelled": (("cancelled", False),),
        "shipped": (("draft", True),),
        "confirmed": (),
    }.get(name, (("draft", False),))


def _purchase(fake: BuyingTryton, number: int, state: str, moves: tuple[tuple[str, bool], ...]) -> None:
    fake.put(
        "purchase.purchase", number, number=f"PO{number}", state=state, delivery_date=DAY,
        warehouse=("stock.location", 1), party=("party.party", 1),
    )  # fmt: skip
    links = []
    for at, (move_state, shipped) in enumerate(moves):
        move = number * 10 + at
        links.append(("stock.move", move))
        fake.put(
            "stock.move", move, state=move_state, planned_date=DAY, origin_planned_date=DAY, quantity=5,
            effective_date=DAY if move_state == "done" else None, unit=("product.uom", 1), write_uid=None,
            shipment="stock.shipment.in,1" if shipped else None,
        )  # fmt: skip
    fake.put(
        "purchase.line", number, type="line", purchase=("purchase.purchase", number), product=("product.product", 1),
        quantity=5, unit=("product.uom", 1), unit_price=None, moves=links, delivery_date=DAY, delivery_date_store=None,
        delivery_date_edit=False, write_uid=None,
    )  # fmt: skip


@contextmanager
def buying_tryton() -> Iterator[BuyingTryton]:
    server = BuyingTryton()
    try:
        yield server
    finally:
        server.stop()


def connection(fake: BuyingTryton, account: str = "writer", **other: Any) -> Connection:
    base = Connection(
        system="erp",
        url=fake.url,
        database="db",
        account=account,
        secret=fake.password,
        options={"max_mb": "1"},
        limits=NO_LIMITS,
    )
    return dataclasses.replace(base, **other)


def requested(**fields: JsonValue) -> Command:
    asked: dict[str, JsonValue] = {
        "material_id": "RM-1", "site": "WH", "qty": "5", "uom": "C62", "delivery_date": NEW,
        "supplier_id": "S1", "cost_object": None,
    }  # fmt: skip
    return Command(
        operation=CREATE, system="erp", entity="purchase_requisition", key="", version_token="",
        reference=REFERENCE, fields={**asked, **fields},
    )  # fmt: skip
