"""The ERP's own rules for stock that is held: which lot may be, for whom, and how much of it is free."""

from __future__ import annotations

import sqlite3
from decimal import Decimal, InvalidOperation
from typing import Final

_DEMANDS: Final = {
    "PRD": "SELECT qty_open FROM prod_comp WHERE ord_no = ? AND item_no = ? AND mat_no = ? AND plant = ?",
    "SLS": (
        "SELECT qty_open FROM so_item WHERE so_no = ? AND item_no = ? AND mat_no = ? AND plant = ? AND stat = 'OPEN'"
    ),
}


def free_of(database: sqlite3.Connection, mat_no: str, plant: str, lot_no: str) -> Decimal:
    """Return what no reservation holds of a lot's unrestricted stock."""
    key = (mat_no, plant, lot_no)
    stock = database.execute(
        "SELECT qty FROM stock_qty WHERE mat_no = ? AND plant = ? AND lot_no = ? AND stk_type = 'F'", key
    ).fetchall()
    held = database.execute("SELECT qty FROM resv WHERE mat_no = ? AND plant = ? AND lot_no = ?", key).fetchall()
    return _sum(stock) - _sum(held)


def lot_refusal(database: sqlite3.Connection, mat_no: str, plant: str, lot_no: str, need_date: str) -> str | None:
    """Return why a lot may not be held for a day."""
    row = database.execute(
        "SELECT disp, expires_on FROM batch WHERE lot_no = ? AND mat_no = ? AND plant = ?", (lot_no, mat_no, plant)
    ).fetchone()
    if row is None:
        return "unknown_lot"
    if row[0] != "U":
        return "lot_restricted"
    return "lot_expired" if row[1] is not None and row[1] <= need_date else None


def demand_refusal(
    database: sqlite3.Connection, demand: tuple[str, str, str], mat_no: str, plant: str, qty: Decimal
) -> str | None:
    """Return why stock is not held for an order line: type (PRD, SLS), number and item."""
    kind, number, item = demand
    statement = _DEMANDS.get(kind)
    row = database.execute(statement, (number, item, mat_no, plant)).fetchone() if statement else None
    if row is None or Decimal(row[0]) <= 0:
        return "unknown_demand"
    held = database.execute(
        "SELECT qty FROM resv WHERE dem_type = ? AND dem_no = ? AND dem_item = ? AND mat_no = ? AND plant = ?",
        (kind, number, item, mat_no, plant),
    ).fetchall()
    return "more_than_needed" if _sum(held) + qty > Decimal(row[0]) else None


def unit_refusal(database: sqlite3.Connection, mat_no: str, plant: str, uom: str) -> str | None:
    """Return why stock of a material is not held at a plant; stock is kept in base units alone."""
    row = database.execute(
        "SELECT g.mat_stat, g.base_uom FROM mat_gen g JOIN mat_plant p USING (mat_no) WHERE mat_no = ? AND plant = ?",
        (mat_no, plant),
    ).fetchone()
    if row is None:
        return "unknown_material"
    if row[0] == "02":
        return "material_blocked"
    return None if uom == row[1] else "unknown_unit"


def decimal_of(text: str) -> Decimal:
    """Return a quantity, zero where it is none."""
    try:
        return Decimal(text)
    except InvalidOperation:
        return Decimal(0)


def _sum(rows: list[tuple[str]]) -> Decimal:
    return sum((Decimal(qty) for (qty,) in rows), Decimal(0))
