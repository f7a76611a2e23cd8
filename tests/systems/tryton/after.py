"""What comes after ordering and making: invoices both ways, goods that come back, and lots that went into others."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Final

from tests.systems.tryton.books import BOUGHT, SOLD, STRICT, all_goods, journal, open_books
from tests.systems.tryton.masters import Masters
from tests.systems.tryton.plant import ITEMS
from tests.systems.tryton.rpc import Result, Rpc

MADE: Final = "LBRG-01"
"""The lot that is made of both lots of grease."""
MADE_OF: Final = {"LGRE-A": "4.5", "LGRE-B": "1.35"}
BILLED: Final = ("40", "55", "R-2231")
"""Pieces of the partial purchase that are billed at another price than ordered, under the supplier's own number."""


def bill(rpc: Rpc, masters: Masters, today: date) -> None:
    """Bill what came of the partial purchase (parked: its price is not the one that was ordered) and what was sold."""
    first, last = date(today.year, 1, 1), date(today.year, 12, 31)
    accounts = open_books(rpc, masters.company, first, last)
    all_goods(rpc, accounts, list(masters.templates.values()))
    for name, prefix in ((BOUGHT, "SI"), (SOLD, "CI")):
        rows = rpc.find(STRICT, [["name", "=", name]], [])
        rpc(f"{STRICT}.write", [row["id"] for row in rows], {"prefix": prefix, "padding": 5})
    quantity, price, reference = BILLED
    (bought,) = rpc.find("purchase.line", [["purchase.reference", "=", "S2001-partial#1"]], _LINE)
    line = {"quantity": float(quantity), "unit_price": Decimal(price), "account": accounts["expense"]}
    head = {"account": accounts["payable"], "reference": reference, "invoice_date": today}
    parked = _invoice(rpc, masters, "in", bought, line, head)
    rpc("account.invoice.validate_invoice", [parked])
    (sold,) = rpc.find("sale.line", [["sale.reference", "=", "AW-77125"]], _LINE)
    line = {"quantity": sold["quantity"], "unit_price": sold["unit_price"], "account": accounts["revenue"]}
    head = {"account": accounts["receivable"], "invoice_date": today}
    rpc("account.invoice.post", [_invoice(rpc, masters, "out", sold, line, head)])


_LINE: Final = ["product", "unit", "quantity", "unit_price"]


def _invoice(
    rpc: Rpc, masters: Masters, kind: str, of: Result, line: dict[str, object], head: dict[str, object]
) -> int:
    party = "S2001" if kind == "in" else "C1001"
    whose = {"company": masters.company, "currency": masters.currencies["EUR"]}
    origin = f"{'purchase' if kind == 'in' else 'sale'}.line,{of['id']}"
    row = {"type": "line", "product": of["product"], "unit": of["unit"], "origin": origin, **whose, **line}
    return rpc.create(
        "account.invoice",
        type=kind,
        party=masters.parties[party],
        invoice_address=masters.addresses[party],
        journal=journal(rpc, "expense" if kind == "in" else "revenue"),
        lines=[["create", [row]]],
        **whose,
        **head,
    )


def take_back(rpc: Rpc, masters: Masters, today: date) -> None:
    """Let a customer send one pump back by the sale that Tryton's own wizard makes of the first one; it is here."""
    (sold,) = rpc.find("sale.line", [["sale.reference", "=", "NM-8805"]], [*_LINE, "sale", "sequence"])
    line = {name: sold[name] for name in ("product", "unit", "unit_price", "sequence")} | {"quantity": -1.0}
    sale = rpc.create(
        "sale.sale",
        party=masters.parties["C1002"],
        invoice_address=masters.addresses["C1002"],
        shipment_address=masters.addresses["C1002"],
        warehouse=masters.locations["WH"],
        currency=masters.currencies["EUR"],
        sale_date=today,
        origin=f"sale.sale,{sold['sale']}",
        comment="Impeller rubs.",
        invoice_method="manual",
        shipment_method="order",
        lines=[["create", [line]]],
    )
    for button in ("quote", "confirm", "process"):
        rpc(f"sale.sale.{button}", [sale])
    (move,) = rpc.find("stock.move", [["origin.sale", "=", sale, "sale.line"]], ["shipment"])
    rpc("stock.shipment.out.return.receive", [int(move["shipment"].partition(",")[2])])


def make_a_lot(rpc: Rpc, masters: Masters, today: date) -> None:
    """Make one lot of two others, the first of which is used up."""
    floor, store = masters.locations["PROD"], masters.locations["STO"]
    lot = rpc.create("stock.lot", number=MADE, product=masters.products["SA-206"])
    unit = masters.units[next(item.unit for item in ITEMS if item.code == "RM-316")]
    common: dict[str, object] = {"company": masters.company}
    inputs = [
        common | {
            "product": masters.products["RM-316"], "unit": unit, "quantity": float(quantity),
            "lot": masters.lots[number], "from_location": store, "to_location": floor,
        }
        for number, quantity in MADE_OF.items()
    ]  # fmt: skip
    made = common | {
        "product": masters.products["SA-206"], "unit": masters.units["u"], "quantity": 6.0, "lot": lot,
        "from_location": floor, "to_location": store, "unit_price": Decimal(0),
        "currency": masters.currencies["EUR"],
    }  # fmt: skip
    production = rpc.create(
        "production",
        product=masters.products["SA-206"],
        bom=masters.boms["SA-206"],
        unit=masters.units["u"],
        quantity=6.0,
        planned_date=today,
        planned_start_date=today,
        inputs=[["create", inputs]],
        outputs=[["create", [made]]],
    )
    for button in ("wait", "assign_try", "run", "do"):
        rpc(f"production.{button}", [production])
