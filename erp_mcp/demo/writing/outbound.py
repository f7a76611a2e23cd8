"""A new outbound delivery: lots are determined, nothing is picked, and goods issue is not posted."""

from __future__ import annotations

import sqlite3
from collections import defaultdict
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Final

from erp_mcp.demo import erp_rules
from erp_mcp.demo.erp_rows import DeliveryRow
from erp_mcp.demo.writing import names
from erp_mcp.demo.writing.operation import DocumentKind, ErpOperation
from erp_mcp.demo.writing.work import Arguments, Document, Rejected, Reply, Superseded, Work
from erp_mcp.domain.call import JsonValue
from erp_mcp.domain.command import Command
from erp_mcp.domain.profile import Profile

CREATE_DELIVERY: Final = "delivery.create"
MAX_LINES: Final = 50
_FIRST: Final = 80_000_101
_CARRIER: Final = "Nordfracht"  # of the route; another one is for people to choose
_ITEM: Final = "SELECT stat, qty_open, mat_no, plant, uom, changed_at FROM so_item WHERE so_no = ? AND item_no = ?"
_USABLE: Final = """
    SELECT s.lot_no, s.qty FROM stock_qty s JOIN batch b USING (lot_no)
     WHERE s.mat_no = ? AND s.plant = ? AND s.stk_type = 'F' AND b.disp = 'U'
       AND (b.expires_on IS NULL OR b.expires_on > ?)
       AND NOT EXISTS (SELECT 1 FROM qual_notif q WHERE q.lot_no = s.lot_no AND q.hold_flag = 1 AND q.stat <> 'NOCO')
     ORDER BY b.expires_on IS NULL, b.expires_on, s.lot_no
"""

Parts = list[tuple[str, Decimal]]  # lot and quantity


def _native(command: Command, profile: Profile) -> Arguments | Rejected:
    fields = command.fields
    lines, versions = names.rows_of(fields, "lines"), names.rows_of(fields, "versions")
    return {
        "so_no": names.local(profile, "sales_order", names.text_of(fields, "sales_order_id")),
        "gi_plan": names.text_of(fields, "planned_goods_issue"),
        "items": [
            {"item_no": names.text_of(one, "line"), "qty": names.text_of(one, "qty"), "uom": names.text_of(one, "uom")}
            for one in lines
        ],
        "versions": {names.text_of(one, "line"): names.text_of(one, "version") for one in versions},
    }


def create_delivery(work: Work, arguments: Arguments) -> Reply:
    """Make a delivery of all items or of none, each from as few lots as it takes, those first that expire first."""
    order, day = names.text_of(arguments, "so_no"), names.text_of(arguments, "gi_plan")
    items, versions = names.rows_of(arguments, "items"), arguments.get("versions")
    if not isinstance(versions, dict) or not _is_current(work.database, order, items, versions):
        known = work.database.execute("SELECT 1 FROM so_head WHERE so_no = ?", (order,)).fetchone()
        return Superseded() if known else Rejected(erp_rules.absence(work.database, "so_head", order))
    code = _head_refusal(work.database, order) or erp_rules.date_refusal(day, work.today)
    if not code and not 0 < len({names.text_of(one, "item_no") for one in items}) == len(items) <= MAX_LINES:
        code = "bad_items"
    if code:
        return Rejected(code)
    number = work.next_number("dlv_item", "dlv_no", "DL", first=_FIRST)
    count = 0
    for item in items:
        parts = _parts(work.database, order, item, day)
        if isinstance(parts, str):
            return Rejected(parts)
        for part in parts:
            count += 1
            key = number, f"{count * 10:04d}"
            work.insert("dlv_item", _row(work, key, (order, names.text_of(item, "item_no")), part, day))
    fields, version = _read(work.database, number, "")
    return Document(doc_type="DL", number=number, item="", version=version, fields=fields)


def _is_current(
    database: sqlite3.Connection,
    order: str,
    items: Sequence[Mapping[str, JsonValue]],
    versions: Mapping[str, JsonValue],
) -> bool:
    """Return whether the order and each of its items is at the version that was read."""
    head = database.execute("SELECT changed_at FROM so_head WHERE so_no = ?", (order,)).fetchone()
    found = {"": head[0] if head else None}
    for one in items:
        item = names.text_of(one, "item_no")
        row = database.execute(_ITEM, (order, item)).fetchone()
        found[item] = row[5] if row else None
    return None not in found.values() and found == dict(versions)


def _head_refusal(database: sqlite3.Connection, order: str) -> str | None:
    state, credit, block = database.execute(
        "SELECT stat, credit_flag, dlv_block FROM so_head WHERE so_no = ?", (order,)
    ).fetchone()
    if state != "OPEN":
        return "document_cancelled" if state == "CANC" else "document_closed"
    if credit != "OK":
        return "credit_blocked"
    return "delivery_blocked" if block else None


def _parts(database: sqlite3.Connection, order: str, item: Mapping[str, JsonValue], day: str) -> Parts | str:
    """Return the lots that an item goes from, or why it does not."""
    line, qty = names.text_of(item, "item_no"), names.text_of(item, "qty")
    state, left, material, plant, uom, _ = database.execute(_ITEM, (order, line)).fetchone()
    code = erp_rules.line_refusal(state, left) or erp_rules.quantity_refusal(qty)
    if code:
        return "fully_delivered" if code == "fully_received" else code
    if names.text_of(item, "uom") != uom:
        return "unknown_unit"
    going = database.execute(
        "SELECT qty FROM dlv_item WHERE so_no = ? AND so_item = ? AND gi_act IS NULL", (order, line)
    ).fetchall()
    if Decimal(qty) > Decimal(left) - sum(Decimal(one) for (one,) in going):
        return "more_than_open"
    return _determined(database, (material, plant), (order, line), Decimal(qty), day)


def _determined(
    database: sqlite3.Connection, material: tuple[str, str], mine: tuple[str, str], qty: Decimal, day: str
) -> Parts | str:
    taken = _taken(database, material, mine)
    parts: Parts = []
    for lot, stock in database.execute(_USABLE, (*material, day)):
        part = min(qty, Decimal(stock) - taken.get(lot, 0))
        if part > 0:
            parts.append((lot, part))
            qty -= part
    return parts if qty <= 0 else "not_enough_stock"


def _taken(database: sqlite3.Connection, material: tuple[str, str], mine: tuple[str, str]) -> Mapping[str, Decimal]:
    """Return what of each lot is in deliveries that have not left, or held for another order."""
    going: defaultdict[tuple[str, str, str], Decimal] = defaultdict(Decimal)
    held: defaultdict[tuple[str, str, str], Decimal] = defaultdict(Decimal)
    for lot, *key, qty in database.execute(
        "SELECT lot_no, so_no, so_item, qty FROM dlv_item WHERE mat_no = ? AND plant = ? AND gi_act IS NULL", material
    ):
        going[lot, key[0], key[1]] += Decimal(qty)
    for lot, *key, qty in database.execute(
        "SELECT lot_no, dem_no, dem_item, qty FROM resv WHERE mat_no = ? AND plant = ?", material
    ):
        if tuple(key) != mine:
            held[lot, key[0], key[1]] += Decimal(qty)
    taken: defaultdict[str, Decimal] = defaultdict(Decimal)
    for place in {*going, *held}:
        taken[place[0]] += max(going[place], held[place])
    return taken


def _row(work: Work, key: tuple[str, str], sold: tuple[str, str], part: tuple[str, Decimal], day: str) -> DeliveryRow:
    _, _, material, plant, uom, _ = work.database.execute(_ITEM, sold).fetchone()
    return DeliveryRow(
        *key, plant, *sold, material, names.thousandths(str(part[1])), uom, day, None, "A", None, _CARRIER,
        f"TRK{key[0][2:]}", 0, None, part[0], work.stamp("dlv_item"),
    )  # fmt: skip


def _read(database: sqlite3.Connection, number: str, item: str) -> tuple[dict[str, JsonValue], str]:
    """Return the whole delivery: one entry for each item of the order, however many lots it goes from."""
    del item
    rows = database.execute(
        "SELECT so_no, gi_plan, so_item, qty, uom, changed_at FROM dlv_item WHERE dlv_no = ? ORDER BY item_no",
        (number,),
    ).fetchall()
    if not rows:
        return {}, ""
    sums: defaultdict[tuple[str, str], Decimal] = defaultdict(Decimal)
    for _, _, line, qty, uom, _ in rows:
        sums[line, uom] += Decimal(qty)
    items: list[JsonValue] = [
        {"item_no": line, "qty": str(qty), "uom": uom} for (line, uom), qty in sorted(sums.items())
    ]
    return {"so_no": rows[0][0], "gi_plan": rows[0][1], "items": items}, max(row[5] for row in rows)


def _canonical(fields: Mapping[str, JsonValue], profile: Profile) -> dict[str, JsonValue]:
    return {
        "sales_order_id": names.canonical(profile, "sales_order", names.text_of(fields, "so_no")),
        "planned_goods_issue": fields["gi_plan"],
        "lines": [
            {"line": one["item_no"], "qty": names.quantity(one["qty"]), "uom": one["uom"]}
            for one in names.rows_of(fields, "items")
        ],
    }


DOCUMENT: Final = DocumentKind(read=_read, canonical=_canonical, key=lambda number, _: f"{number}/0010")
OPERATION: Final = ErpOperation(
    name=CREATE_DELIVERY,
    kept=("unique_ref", "readback"),
    native=_native,
    carry_out=create_delivery,
    refusals=frozenset(
        {
            "bad_date", "bad_items", "bad_quantity", "credit_blocked", "date_in_past", "delivery_blocked",
            "document_cancelled", "document_closed", "document_deleted", "fully_delivered", "more_than_open",
            "not_enough_stock", "unknown_document", "unknown_unit",
        }
    ),
)  # fmt: skip
