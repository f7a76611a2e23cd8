"""Movements and lots of the demo plant as a Tryton keeps them, told from its moves by plain code of the tests alone."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from typing import Final

from tests.systems.tryton.rpc import Result, Rpc, Value

CODES: Final = {"701": "count"}
"""The one code of movements that the demo plant has none for: stock that a count found or missed."""

_STORED, _MADE, _SENT, _BOUGHT = "storage", "production", "customer", "supplier"
# Kinds of the places that goods come from and go to → code of the movement and of what it is for.
_KINDS: Final = {
    (_BOUGHT, _STORED): ("101", "PO"),
    (_MADE, _STORED): ("131", "PRD"),
    (_STORED, _MADE): ("261", "PRD"),
    (_STORED, _SENT): ("601", "DLV"),
    (_SENT, _STORED): ("651", "RMA"),
    (_STORED, _STORED): ("321", ""),
}
_COUNTED: Final = ("701", "")
_STOCK: Final = {"IN": "T", "OUT": "T", "QUA": "Q", "BLK": "S"}
_FIELDS: Final = [
    "internal_quantity", "effective_date", "product.code", "product.default_uom.symbol", "lot.number", "origin",
    "from_location.type", "from_location.code", "from_location.parent.code", "to_location.type", "to_location.code",
    "to_location.parent.code", "production_input.number", "production_output.number", "purchase.number",
    "shipment.number",
]  # fmt: skip

Row = tuple[Value, ...]


def retell(erp: sqlite3.Connection, rpc: Rpc) -> None:
    """Put the moves that are done for the plant's movements, and leave out lots that never came in or were made."""
    moves = rpc.find("stock.move", [["state", "=", "done"], ["quantity", ">", 0]], _FIELDS)
    erp.execute("DELETE FROM mat_move")
    rows = [row for move in moves for row in _sides(move)]
    erp.executemany(f"INSERT INTO mat_move VALUES ({', '.join('?' * 16)})", rows)
    came = {(move["lot."]["number"],) for move in moves if move["lot."] and _came(move)}
    erp.execute("CREATE TEMP TABLE came (lot_no TEXT PRIMARY KEY)")
    erp.executemany("INSERT INTO came VALUES (?)", sorted(came))
    erp.execute("UPDATE batch SET disp = 'C' WHERE lot_no NOT IN (SELECT lot_no FROM stock_qty)")
    erp.execute("DELETE FROM batch WHERE disp = 'C' AND lot_no NOT IN (SELECT lot_no FROM came)")


def _came(move: Result) -> bool:
    """Return whether goods came to a place of the plant that were not in one before."""
    return bool(move["to_location."]["type"] == _STORED and move["from_location."]["type"] != _STORED)


def _sides(move: Result) -> Iterator[Row]:
    """Yield one row for each side of a move that is a place of the plant."""
    ends = {"in": move["to_location."], "out": move["from_location."]}
    code, kind = _KINDS.get((ends["out"]["type"], ends["in"]["type"]), _COUNTED)
    for side, place in ends.items():
        if place["type"] == _STORED:
            sign = "" if side == "in" else "-"
            yield (
                str(move["id"]), side, code, move["product."]["code"], place["parent."]["code"], place["code"],
                move["lot."]["number"] if move["lot."] else "", _STOCK.get(place["code"], "F"),
                f"{sign}{move['internal_quantity']:.3f}", move["product."]["default_uom."]["symbol"],
                kind, *_document(move, code), _posted(move), None, _posted(move),
            )  # fmt: skip


def _document(move: Result, code: str) -> tuple[str, str]:
    """Return number and line of what a move was for."""
    match code:
        case "101":
            return move["purchase."]["number"], move["origin"].partition(",")[2]
        case "131":
            return move["production_output."]["number"], ""
        case "261":
            return move["production_input."]["number"], str(move["id"])
        case "601" | "651":
            return move["shipment."]["number"], str(move["id"])
    return "", ""


def _posted(move: Result) -> str:
    day = move["effective_date"]
    return f"{day['year']:04d}-{day['month']:02d}-{day['day']:02d}T00:00:00Z"
