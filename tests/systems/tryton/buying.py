"""What people in purchasing do while the gateway writes: orders of their own, receipts, dates, looks at the outcome."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import Literal

from tests.systems.tryton.rpc import Result, Rpc

State = Literal["quotation", "confirmed", "processing", "cancelled"]

_STEPS: dict[State, tuple[str, ...]] = {
    "quotation": ("quote",),
    "confirmed": ("quote", "confirm"),
    "processing": ("quote", "confirm", "process"),
    "cancelled": ("quote", "cancel"),
}
SUPPLIER, ITEM = "S2003", "RM-308"  # nobody else of the plant's story buys this there


@dataclass(frozen=True, slots=True, kw_only=True)
class Ordered:
    """A purchase of one line."""

    purchase: int
    line: int
    number: str
    day: date

    @property
    def key(self) -> str:
        """The line's source key."""
        return str(self.line)


def id_of(rpc: Rpc, model: str, code: str) -> int:
    """Return the record with a code."""
    return int(rpc.find(model, [["code", "=", code]], [])[0]["id"])


def today(rpc: Rpc) -> date:
    """Return the day in Tryton."""
    found = rpc("ir.date.today")
    return date(found["year"], found["month"], found["day"])


def order(rpc: Rpc, *, quantity: str = "30", state: State = "processing", lines: int = 1) -> Ordered:
    """Buy gaskets for a week from now, on so many lines, and take the order to a state; return its first line."""
    supplier, product = id_of(rpc, "party.party", SUPPLIER), id_of(rpc, "product.product", ITEM)
    unit = rpc.find("product.product", [["id", "=", product]], ["purchase_uom"])[0]["purchase_uom"]
    day = today(rpc) + timedelta(days=7)
    asked = {"product": product, "quantity": float(quantity), "unit": unit, "unit_price": Decimal("3.30")}
    purchase = rpc.create(
        "purchase.purchase",
        party=supplier,
        invoice_address=rpc.find("party.address", [["party", "=", supplier]], [])[0]["id"],
        warehouse=id_of(rpc, "stock.location", "WH"),
        currency=id_of(rpc, "currency.currency", "EUR"),
        purchase_date=today(rpc),
        delivery_date=day,
        invoice_method="manual",
        lines=[["create", [{**asked} for _ in range(lines)]]],
    )
    for button in _STEPS[state]:
        rpc(f"purchase.purchase.{button}", [purchase])
    row = rpc.find("purchase.line", [["purchase", "=", purchase]], ["purchase.number"])[0]
    return Ordered(purchase=purchase, line=row["id"], number=row["purchase."]["number"], day=day)


def moves(rpc: Rpc, line: int) -> dict[int, tuple[str, str]]:
    """Return state and planned date of a line's moves."""
    rows = rpc.find("stock.move", [["origin", "=", f"purchase.line,{line}"]], ["state", "planned_date"])
    return {row["id"]: (row["state"], iso(row["planned_date"])) for row in rows}


def announce(rpc: Rpc, line: int, quantity: str) -> int:
    """Put a line's goods, or some of them, into a supplier shipment that has not arrived; return it."""
    open_moves = list(moves(rpc, line))
    shipment = rpc.create(
        "stock.shipment.in",
        supplier=id_of(rpc, "party.party", SUPPLIER),
        warehouse=id_of(rpc, "stock.location", "WH"),
        warehouse_input=id_of(rpc, "stock.location", "IN"),
        warehouse_storage=id_of(rpc, "stock.location", "STO"),
        incoming_moves=[["add", open_moves]],
    )
    rpc("stock.move.write", open_moves, {"quantity": float(quantity)})
    return shipment


def receive(rpc: Rpc, line: int, quantity: str) -> None:
    """Book some of a line's goods in."""
    shipment = announce(rpc, line, quantity)
    for button in ("receive", "do"):
        rpc(f"stock.shipment.in.{button}", [shipment])


def requisitions(rpc: Rpc, reference: str) -> Result:
    """Return the requisitions that bear a reference, as a person sees them."""
    fields = [
        "number", "state", "employee.party.code", "company", "create_uid", "supply_date", "warehouse.code",
        "lines.quantity", "lines.product.code", "lines.unit.symbol", "lines.supplier.code", "lines.description",
    ]  # fmt: skip
    return rpc.find("purchase.requisition", [["description", "=", reference]], fields)


def lines(rpc: Rpc, purchase: int) -> list[tuple[str, str, str]]:
    """Return number, quantity and price of an order's lines, as a person sees them."""
    rows = rpc.find("purchase.line", [["purchase", "=", purchase]], ["quantity", "unit_price"])
    return [
        (str(row["id"]), str(row["quantity"]), str(Decimal(row["unit_price"]["decimal"]).normalize())) for row in rows
    ]


def amendments(rpc: Rpc, marked: str, *, kind: str = "purchase") -> Result:
    """Return the amendments that bear a reference, as a person sees them."""
    fields = ["state", "create_uid.login", f"{kind}.number", "lines.action", "lines.line", "lines.quantity"]
    return rpc.find(f"{kind}.amendment", [["description", "like", f"{marked}%"]], fields)


def say_yes(rpc: Rpc, marked: str, *, kind: str = "purchase") -> None:
    """Validate the amendments that bear a reference, as somebody of the group for that does."""
    waiting = [one["id"] for one in amendments(rpc, marked, kind=kind) if one["state"] == "draft"]
    if waiting:
        rpc(f"{kind}.amendment.validate_amendment", waiting)


def iso(found: Result) -> str:
    """Return a date as text."""
    return date(found["year"], found["month"], found["day"]).isoformat() if found else ""
