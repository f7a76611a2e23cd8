"""What a goods movement does to orders, lots and stock: receipts for purchase orders, issues to production orders."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import Final

from erp_mcp.demo import erp_rules
from erp_mcp.demo.erp_rows import InspectionRow, LotRow, ReceiptRow, StockRow
from erp_mcp.demo.writing import names
from erp_mcp.demo.writing.work import Rejected, Superseded, Work
from erp_mcp.domain.call import JsonValue
from erp_mcp.domain.instants import instant_text, parse_instant

Refusal = Rejected | Superseded | None
_ISSUED_TO: Final = frozenset({"REL", "RELM", "PCNF"})
_INSPECTED_AFTER: Final = timedelta(days=2)


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One line of a movement; `qty` is of `uom`, stock is kept in `base`."""

    material: str
    plant: str
    lot: str
    sloc: str
    ref: str
    ref_item: str
    qty: Decimal
    uom: str
    base: str
    stamp: str


def receive(work: Work, item: Item, versions: Mapping[str, JsonValue]) -> Decimal | Rejected | Superseded:
    """Book a receipt on its order line; returns what came, in the base unit."""
    row = work.database.execute(
        "SELECT vendor_no, qty_recv, qty_open, uom, release_ind, stat, changed_at FROM po_item"
        " WHERE po_no = ? AND item_no = ? AND mat_no = ? AND plant = ?",
        (item.ref, item.ref_item, item.material, item.plant),
    ).fetchone()
    if row is None:
        return Rejected("unknown_reference")
    vendor, received, still, uom, release, state, version = row
    if version not in (versions.get(f"{item.ref}/{item.ref_item}"), item.stamp):
        return Superseded()
    if item.uom != uom:
        return Rejected("unknown_unit")
    code = erp_rules.line_refusal(state, "1") or ("not_released" if release != "R" else "")
    if code or item.qty > Decimal(still):
        return Rejected(code or "more_than_open")
    qty = _in_base(work.database, item)
    if qty is None:
        return Rejected("bad_quantity")
    if not item.lot or not item.sloc:
        return Rejected("no_lot")
    unfit = _lot_for(work, item, vendor, qty)
    if unfit:
        return Rejected(unfit)
    _book(work, item, (vendor, Decimal(received), Decimal(still)))
    return qty


def _in_base(database: sqlite3.Connection, item: Item) -> Decimal | None:
    if item.uom == item.base:
        return item.qty
    row = database.execute(
        "SELECT num, den FROM mat_unit WHERE mat_no = ? AND alt_uom = ?", (item.material, item.uom)
    ).fetchone()
    exact = item.qty * row[0] / row[1] if row else Decimal("0.0001")
    return exact if exact == exact.quantize(erp_rules.THOUSANDTH) else None


def _lot_for(work: Work, item: Item, vendor: str, qty: Decimal) -> str | None:
    """Make the lot where it is new, and ask for its inspection."""
    found = work.database.execute("SELECT mat_no, plant FROM batch WHERE lot_no = ?", (item.lot,)).fetchone()
    if found is not None and found != (item.material, item.plant):
        return "unknown_lot"
    if found is None:
        lot = LotRow(item.lot, item.material, item.plant, "I", None, vendor, None, item.stamp)
        work.insert("batch", lot)
    number = work.next_number("insp_lot", "insp_no", "IL", first=40_000_000_101, digits=12)
    due = instant_text(parse_instant(item.stamp) + _INSPECTED_AFTER)
    text = names.thousandths(str(qty))
    work.insert(
        "insp_lot",
        InspectionRow(
            number, item.plant, item.material, item.lot, "RECEIPT", text, item.base, due, "OPEN", None, item.stamp
        ),
    )
    return None


def _book(work: Work, item: Item, line: tuple[str, Decimal, Decimal]) -> None:
    vendor, received, still = line
    left = still - item.qty
    key = (item.ref, item.ref_item)
    price, per = work.database.execute(
        "SELECT price, price_per FROM po_item WHERE po_no = ? AND item_no = ?", key
    ).fetchone()
    value = (left * Decimal(price) / per).quantize(Decimal("0.01"))
    work.database.execute(
        "UPDATE po_item SET qty_recv = ?, qty_open = ?, open_value = ?, stat = ?, changed_at = ?"
        " WHERE po_no = ? AND item_no = ?",
        (
            names.thousandths(str(received + item.qty)), names.thousandths(str(left)), str(value),
            "OPEN" if left else "CLSD", item.stamp, *key,
        ),
    )  # fmt: skip
    (last,) = work.database.execute("SELECT max(seq) FROM gr_item WHERE po_no = ? AND item_no = ?", key).fetchone()
    text, day = names.thousandths(str(item.qty)), work.today.isoformat()
    work.insert(
        "gr_item", ReceiptRow(*key, (last or 0) + 1, item.plant, vendor, day, text, item.uom, item.lot, item.stamp)
    )


def issue(work: Work, item: Item, versions: Mapping[str, JsonValue]) -> Refusal:
    """Book an issue on its component, and use up what is held of the lot for the order."""
    row = work.database.execute(
        "SELECT c.qty_req, c.qty_wd, c.qty_open, c.changed_at, h.stat FROM prod_comp c JOIN prod_head h USING (ord_no)"
        " WHERE c.ord_no = ? AND c.item_no = ? AND c.mat_no = ? AND c.plant = ?",
        (item.ref, item.ref_item, item.material, item.plant),
    ).fetchone()
    if row is None:
        return Rejected("unknown_reference")
    required, withdrawn, still, version, state = row
    if version not in (versions.get(f"{item.ref}/{item.ref_item}"), item.stamp):
        return Superseded()
    if state not in _ISSUED_TO:
        return Rejected("not_released")
    if item.qty > Decimal(still):
        return Rejected("more_than_open")
    if _held(work.database, item, others=True) + item.qty > stock_of(work.database, item, None, "F"):
        return Rejected("not_enough_stock")
    taken = Decimal(withdrawn) + item.qty
    left = max(Decimal(0), Decimal(required) - taken)
    work.database.execute(
        "UPDATE prod_comp SET qty_wd = ?, qty_open = ?, changed_at = ? WHERE ord_no = ? AND item_no = ?",
        (names.thousandths(str(taken)), names.thousandths(str(left)), item.stamp, item.ref, item.ref_item),
    )
    _use_up(work, item)
    return None


def _held(database: sqlite3.Connection, item: Item, *, others: bool) -> Decimal:
    rows = database.execute(
        "SELECT qty, dem_no FROM resv WHERE mat_no = ? AND plant = ? AND lot_no = ?",
        (item.material, item.plant, item.lot),
    ).fetchall()
    return sum((Decimal(qty) for qty, order in rows if (order != item.ref) == others), Decimal(0))


def _use_up(work: Work, item: Item) -> None:
    """Take what was issued off the reservations of the order for the lot."""
    rows = work.database.execute(
        "SELECT resv_no, qty FROM resv WHERE mat_no = ? AND plant = ? AND lot_no = ? AND dem_no = ? ORDER BY resv_no",
        (item.material, item.plant, item.lot, item.ref),
    ).fetchall()
    left = item.qty
    for number, qty in rows:
        used = min(left, Decimal(qty))
        if used:
            left -= used
            work.database.execute(
                "UPDATE resv SET qty = ?, changed_at = ? WHERE resv_no = ?",
                (names.thousandths(str(Decimal(qty) - used)), item.stamp, number),
            )


# --- Stock ------------------------------------------------------------------------------------------------------------


def stock_of(database: sqlite3.Connection, item: Item, sloc: str | None, stock_type: str) -> Decimal:
    """Return the stock of a lot, at one location or at all of the plant."""
    rows = database.execute(
        "SELECT qty FROM stock_qty WHERE mat_no = ? AND plant = ? AND lot_no = ? AND stk_type = ?"
        " AND sloc = coalesce(?, sloc)",
        (item.material, item.plant, item.lot, stock_type, sloc),
    ).fetchall()
    return sum((Decimal(qty) for (qty,) in rows), Decimal(0))


def add_stock(work: Work, item: Item, sloc: str, stock_type: str, qty: Decimal) -> None:
    """Add to the stock of a lot at one location; `qty` may be negative."""
    key = (item.material, item.plant, sloc, item.lot, stock_type)
    row = work.database.execute(
        "SELECT qty FROM stock_qty WHERE mat_no = ? AND plant = ? AND sloc = ? AND lot_no = ? AND stk_type = ?", key
    ).fetchone()
    text = names.thousandths(str(Decimal(row[0] if row else 0) + qty))
    if row is None:
        work.insert("stock_qty", StockRow(*key, text, item.base, item.stamp))
        return
    work.database.execute(
        "UPDATE stock_qty SET qty = ?, changed_at = ?"
        " WHERE mat_no = ? AND plant = ? AND sloc = ? AND lot_no = ? AND stk_type = ?",
        (text, item.stamp, *key),
    )
