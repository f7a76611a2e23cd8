"""What customers send back: a sale the other way round for each return, and the shipment that brings the goods."""

from __future__ import annotations

from typing import Final

from tests.systems.tryton.export_base import Export, day, price_of
from tests.systems.tryton.rpc import Value

_STEPS: Final = {"RECV": ("receive",), "CLSD": ("receive", "do")}
_SHIPMENT: Final = "stock.shipment.out.return"


def export_returns(export: Export) -> None:
    """Create the returns under their numbers and take them as far as they are.

    Tryton ships back what was sold with a negative quantity; that sale names the one whose goods come back.
    """
    rows = export.plant.rows("rma_item")
    items = {(row["so_no"], row["item_no"]): row for row in export.plant.rows("so_item")}
    sales = export.rpc("sale.sale.create", [_sale(export, row, items[row["so_no"], row["so_item"]]) for row in rows])
    export.press("sale.sale", "quote", sales)
    export.number_next("Customer Return Shipment", rows[0]["rma_no"])
    for button in ("confirm", "process"):
        export.press("sale.sale", button, sales)
    fields = ["origin.sale", "shipment"]
    found = export.rpc.find("stock.move", [["shipment", "like", f"{_SHIPMENT},%"]], fields)
    moves = {move["origin."]["sale"]: move for move in found}
    export.made[_SHIPMENT] += len(moves)
    for row, sale in zip(rows, sales, strict=True):
        _take(export, row, moves[sale]["id"], int(moves[sale]["shipment"].partition(",")[2]))


def _take(export: Export, row: dict[str, str], move: int, shipment: int) -> None:
    """Say which lot comes back, and receive it and put it away where that was done."""
    if row["lot_no"]:
        export.rpc("stock.move.write", [move], {"lot": export.lots[row["lot_no"]][0]})
    export.rpc(f"{_SHIPMENT}.write", [shipment], {"effective_date": day(row["created_on"])})
    for button in _STEPS.get(row["stat"], ()):
        export.rpc(f"{_SHIPMENT}.{button}", [shipment])


def _sale(export: Export, row: dict[str, str], item: dict[str, str]) -> dict[str, Value]:
    line: dict[str, Value] = {
        "product": export.products[row["mat_no"]],
        "quantity": -float(row["qty"]),
        "unit": export.units[row["mat_no"], row["uom"]],
        "unit_price": price_of(item["net_value"], item["qty_ord"]),
        "sequence": int(row["so_item"]),
    }
    return {
        "party": export.parties[row["cust_no"]],
        "invoice_address": export.addresses[row["cust_no"]],
        "shipment_address": export.addresses[row["cust_no"]],
        "warehouse": export.warehouses[row["plant"]],
        "currency": export.currencies[item["curr"]],
        "sale_date": day(row["created_on"]),
        "origin": f"sale.sale,{export.sales[row['so_no']]}",
        "comment": row["memo"] or None,
        "invoice_method": "manual",
        "shipment_method": "order",
        "lines": [["create", [line]]],
    }
