"""What people in sales do while the gateway writes: orders of their own, and looks at when they are to leave."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal

from tests.systems.tryton.buying import id_of, iso, today
from tests.systems.tryton.rpc import Rpc

CUSTOMER, ITEM = "C1002", "FP-106"


@dataclass(frozen=True, slots=True, kw_only=True)
class Sold:
    """A sale of one line."""

    sale: int
    line: int
    number: str
    day: date

    @property
    def key(self) -> str:
        """The line's source key."""
        return str(self.line)


def sell(rpc: Rpc) -> Sold:
    """Sell gaskets for a week from now and let the order be carried out."""
    customer, product = id_of(rpc, "party.party", CUSTOMER), id_of(rpc, "product.product", ITEM)
    unit = rpc.find("product.product", [["id", "=", product]], ["default_uom"])[0]["default_uom"]
    address = rpc.find("party.address", [["party", "=", customer]], [])[0]["id"]
    day = today(rpc) + timedelta(days=7)
    sale = rpc.create(
        "sale.sale",
        party=customer,
        invoice_address=address,
        shipment_address=address,
        warehouse=id_of(rpc, "stock.location", "WH"),
        currency=id_of(rpc, "currency.currency", "EUR"),
        sale_date=today(rpc),
        shipping_date=day,
        invoice_method="manual",
        lines=[["create", [{"product": product, "quantity": 3.0, "unit": unit, "unit_price": Decimal("9.10")}]]],
    )
    for button in ("quote", "confirm", "process"):
        rpc(f"sale.sale.{button}", [sale])
    row = rpc.find("sale.line", [["sale", "=", sale]], ["sale.number"])[0]
    return Sold(sale=sale, line=row["id"], number=row["sale."]["number"], day=day)


def planned(rpc: Rpc, line: int) -> list[str]:
    """Return the days for which a line's moves are planned."""
    return [iso(row["planned_date"]) for row in moves(rpc, line)]


def moves(rpc: Rpc, line: int) -> list[dict[str, object]]:
    """Return a line's moves."""
    return list(rpc.find("stock.move", [["origin", "=", f"sale.line,{line}"]], ["state", "planned_date"]))
