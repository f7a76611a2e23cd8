"""Lots, moves that belong to lines of orders, and the stock count at the plant's clock."""

from __future__ import annotations

from collections import defaultdict
from datetime import date
from typing import Final

from tests.systems.tryton.export_base import BATCH, Export, day
from tests.systems.tryton.rpc import Value

_PLACE_OF: Final = {"Q": "QUA", "S": "BLK"}
"""In Tryton a kind of stock is a place of its own; unrestricted stock lies where it lies."""

_STORE: Final = "0001"

Dated = tuple[dict[str, Value], date | None]


def create_lots(export: Export) -> None:
    """Create the lots, and note where they lie; those of which nothing is left lay in the store."""
    where = {row["lot_no"]: _place(export, row) for row in export.plant.rows("stock_qty")}
    rows = export.plant.rows("batch")
    lots: list[dict[str, Value]] = [
        {"number": row["lot_no"], "product": export.products[row["mat_no"]]} for row in rows
    ]
    made = export.many("stock.lot", lots)
    export.lots = {
        row["lot_no"]: (one, where.get(row["lot_no"]) or export.place(row["plant"], _STORE))
        for row, one in zip(rows, made, strict=True)
    }


def _place(export: Export, row: dict[str, str]) -> int:
    return export.place(row["plant"], _PLACE_OF.get(row["stk_type"], row["sloc"]))


def order_moves(export: Export, shipment: dict[str, Value], moves: list[Dated], *, way: str) -> list[int]:
    """Create moves of order lines in a shipment, take them out of it, and plan each for its day.

    The day that was asked for first (`origin_planned_date`) can be given only to moves of a shipment; the day that a
    shipment's moves are planned for is the shipment's own, so they are planned once they are out.

    Args:
        export: The export.
        shipment: Model, under `model`, and values of the shipment.
        moves: Values of each move with the day it is planned for.
        way: The shipment's field for these moves.
    """
    model, values = str(shipment["model"]), {name: one for name, one in shipment.items() if name != "model"}
    found: list[int] = []
    for start in range(0, len(moves), BATCH):
        part = moves[start : start + BATCH]
        one = export.rpc.create(model, **values, **{way: [["create", [move for move, _ in part]]]})
        ids = sorted(row["id"] for row in export.rpc.find("stock.move", [["shipment", "=", f"{model},{one}"]], []))
        export.rpc(f"{model}.write", [one], {way: [["remove", ids]]})
        export.rpc(f"{model}.delete", [one])
        found += ids
    export.made["stock.move"] += len(found)
    export.set_dates("stock.move", "planned_date", zip(found, (when for _, when in moves), strict=True))
    return found


def count_stock(export: Export) -> None:
    """Count every place: the lots that lie there, and nothing of others that came or went or without a lot."""
    counted: dict[int, dict[tuple[str, int | None], float]] = defaultdict(dict)
    for row in export.plant.rows("stock_qty"):
        counted[_place(export, row)][row["mat_no"], export.lots[row["lot_no"]][0]] = float(row["qty"])
    codes = {one: code for code, one in export.products.items()}
    inside = [one for (site, code), one in export.places.items() if site in export.warehouses and code != "warehouse"]
    fields = ["product", "lot", "from_location", "to_location"]
    for move in export.rpc.find("stock.move", [["state", "=", "done"]], fields):
        for place in {move["from_location"], move["to_location"]} & set(inside):
            if place not in export.made_at:
                counted[place].setdefault((codes[move["product"]], move["lot"]), 0.0)
    for place, lines in counted.items():
        rows: list[dict[str, Value]] = [
            {"product": export.products[code], "lot": lot, "quantity": quantity}
            for (code, lot), quantity in sorted(lines.items(), key=str)
        ]
        inventory = export.rpc.create(
            "stock.inventory", location=place, date=day(export.plant.clock), lines=[["create", rows]]
        )
        export.rpc("stock.inventory.confirm", [inventory])
        export.made["stock.inventory.line"] += len(rows)
