"""A new purchase order that waits for release; requisitions that it is made of are closed with it."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence
from datetime import date
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from typing import Final

from erp_mcp.demo import erp_rules, lock
from erp_mcp.demo.erp_rows import PurchaseHeadRow, PurchaseItemRow
from erp_mcp.demo.writing import names
from erp_mcp.demo.writing.operation import DocumentKind, ErpOperation
from erp_mcp.demo.writing.work import Arguments, Document, Rejected, Reply, Superseded, Work
from erp_mcp.domain.call import JsonValue
from erp_mcp.domain.command import Command
from erp_mcp.domain.profile import Profile

CREATE_ORDER: Final = "purchase_order_line.create"
_FIRST: Final = 4_500_000_101
_FIRST_ITEM: Final = "00010"  # it stands for the whole order where one record is to be named
_MAX_ITEMS: Final = 50
_TOLERANCE: Final = Decimal("1.10")  # the ERP's own: a price so far above the source's is never taken
_CENT: Final = Decimal("0.01")
_PRICE: Final = Decimal("0.0001")
_Row = Mapping[str, JsonValue]
_COLUMNS: Final = ("mat_no", "qty", "uom", "price", "price_per", "dlv_date")


def _native(command: Command, profile: Profile) -> Arguments | Rejected:
    fields = command.fields
    lines, taken = names.rows_of(fields, "lines"), names.rows_of(fields, "requisitions")
    if [*lines] != fields.get("lines") or [*taken] != fields.get("requisitions"):
        return Rejected("bad_items")  # what is left out would not be what was approved
    return {
        "vendor_no": names.local(profile, "supplier", names.text_of(fields, "supplier_id")),
        "plant": names.text_of(fields, "site"),
        "curr": names.text_of(fields, "currency"),
        "items": [
            {
                "mat_no": names.local(profile, "material", names.text_of(one, "material_id")),
                "qty": names.text_of(one, "qty"),
                "uom": names.text_of(one, "uom"),
                "price": names.text_of(one, "price"),
                "price_per": one.get("price_unit"),
                "dlv_date": names.text_of(one, "delivery_date"),
            }
            for one in lines
        ],
        "refs": [
            {
                "pr_no": names.local(profile, "purchase_requisition", names.text_of(one, "requisition_id")),
                "item_no": names.text_of(one, "line"),
                "version": names.text_of(one, "version"),
            }
            for one in taken
        ],
    }


def create_order(work: Work, arguments: Arguments) -> Reply:
    """Make an order of up to fifty items, and close the requisition items that are named."""
    items, refs = names.rows_of(arguments, "items"), names.rows_of(arguments, "refs")
    vendor, plant = names.text_of(arguments, "vendor_no"), names.text_of(arguments, "plant")
    code = lock.refusal(work.database) or erp_rules.supplier_refusal(work.database, vendor)
    if code is None and not 0 < len(items) <= _MAX_ITEMS:
        code = "bad_items"
    for one in items:
        code = code or _item_refusal(work, one, vendor, plant, names.text_of(arguments, "curr"))
    if code:
        return Rejected(code)
    wrong = _requisition_refusal(work.database, refs, items, plant)
    return wrong or _made(work, arguments, items, refs)


# --- The ERP's own rules ----------------------------------------------------------------------------------------------


def _item_refusal(work: Work, item: _Row, vendor: str, plant: str, currency: str) -> str | None:
    material, uom, qty = (names.text_of(item, name) for name in ("mat_no", "uom", "qty"))
    return (
        erp_rules.material_refusal(work.database, material, plant, uom)
        or erp_rules.quantity_refusal(qty)
        or erp_rules.date_refusal(names.text_of(item, "dlv_date"), work.today)
        or source_refusal(work.database, (material, vendor, plant), {**item, "curr": currency}, work.today)
    )


def source_refusal(database: sqlite3.Connection, key: tuple[str, str, str], item: _Row, today: date) -> str | None:
    """Return why an item can not be bought from its source.

    Args:
        database: The ERP's file.
        key: Material, vendor and plant.
        item: With `qty`, `uom`, `price`, `price_per` and `curr`.
        today: The plant's day.
    """
    row = database.execute(
        "SELECT price, price_per, curr, uom, min_qty, valid_to, blocked FROM source_list"
        " WHERE mat_no = ? AND vendor_no = ? AND plant = ?",
        key,
    ).fetchone()
    if row is None:
        return "no_source"
    price, per, currency, uom, least, valid_to, blocked = row
    if blocked or valid_to < today.isoformat():
        return "source_blocked"
    if (item.get("curr"), item.get("uom"), item.get("price_per")) != (currency, uom, per):
        return "other_terms"
    if Decimal(names.text_of(item, "qty")) < Decimal(least):
        return "below_minimum"
    return price_refusal(names.text_of(item, "price"), Decimal(price))


def price_refusal(text: str, listed: Decimal) -> str | None:
    """Return why a price is none, or one that is not paid; the ERP keeps four decimals."""
    try:
        asked = Decimal(text)
        exact = asked.is_finite() and asked == asked.quantize(_PRICE)
    except InvalidOperation:
        return "bad_price"
    if not exact or asked <= 0:
        return "bad_price"
    return "price_too_high" if asked > listed * _TOLERANCE else None


def _requisition_refusal(
    database: sqlite3.Connection, refs: Sequence[_Row], items: Sequence[_Row], plant: str
) -> Rejected | Superseded | None:
    bought = {names.text_of(one, "mat_no") for one in items}
    for one in refs:
        key = names.text_of(one, "pr_no"), names.text_of(one, "item_no")
        row = database.execute(
            "SELECT changed_at, stat, release_ind, plant, mat_no FROM pr_item WHERE pr_no = ? AND item_no = ?", key
        ).fetchone()
        if row is None:
            return Rejected(erp_rules.absence(database, "pr_item", "/".join(key)))
        if row[0] != one.get("version"):
            return Superseded()
        if row[1:4] != ("OPEN", "R", plant) or row[4] not in bought:
            return Rejected("requisition_not_open")
    return None


# --- What is written --------------------------------------------------------------------------------------------------


def _made(work: Work, arguments: Arguments, items: Sequence[_Row], refs: Sequence[_Row]) -> Document:
    vendor, plant, currency = (names.text_of(arguments, name) for name in ("vendor_no", "plant", "curr"))
    stamp = work.stamp("po_item", "po_head", "pr_item")
    number = work.next_number("po_head", "po_no", "ORDER", first=_FIRST)
    (company,) = work.database.execute("SELECT max(company) FROM po_head WHERE plant = ?", (plant,)).fetchone()
    head = PurchaseHeadRow(number, company or plant, plant, vendor, work.today.isoformat(), currency, stamp)
    work.insert("po_head", head)
    for place, one in enumerate(items, start=1):
        work.insert("po_item", _item(head, f"{place * 10:05d}", one))
    for one in refs:
        key = names.text_of(one, "pr_no"), names.text_of(one, "item_no")
        work.database.execute(
            "UPDATE pr_item SET stat = 'CONV', changed_at = ? WHERE pr_no = ? AND item_no = ?", (stamp, *key)
        )
    fields, version = _read(work.database, number, _FIRST_ITEM)
    return Document(doc_type="ORDER", number=number, item=_FIRST_ITEM, version=version, fields=fields)


def _item(head: PurchaseHeadRow, item_no: str, one: _Row) -> PurchaseItemRow:
    qty, price, day = names.text_of(one, "qty"), names.text_of(one, "price"), names.text_of(one, "dlv_date")
    given = one.get("price_per")
    per = given if isinstance(given, int) else 1
    kept = names.thousandths(qty)
    return PurchaseItemRow(
        po_no=head.po_no, item_no=item_no, company=head.company, plant=head.plant, vendor_no=head.vendor_no,
        mat_no=names.text_of(one, "mat_no"), qty_ord=kept, qty_recv="0.000", qty_open=kept,
        uom=names.text_of(one, "uom"), ordered_on=head.ordered_on, req_date=day, first_promise=day, promise=day,
        promise_set_at=None, conf_flag=0, price=str(Decimal(price).quantize(_PRICE)), price_per=per,
        open_value=open_value(qty, price, per), curr=head.curr, release_ind="W", stat="OPEN", memo=None,
        changed_at=head.changed_at,
    )  # fmt: skip


def open_value(qty: str, price: str, per: int) -> str:
    """Return what a quantity still costs, in cents."""
    return str((Decimal(qty) * Decimal(price) / per).quantize(_CENT, ROUND_HALF_UP))


def _read(database: sqlite3.Connection, number: str, _: str) -> tuple[dict[str, JsonValue], str]:
    head = database.execute(
        "SELECT vendor_no, plant, curr, changed_at FROM po_head WHERE po_no = ?", (number,)
    ).fetchone()
    found = database.execute(
        "SELECT mat_no, qty_ord, uom, price, price_per, req_date, changed_at FROM po_item WHERE po_no = ?"
        " ORDER BY item_no",
        (number,),
    ).fetchall()
    if head is None or not found:
        return {}, ""
    items: list[JsonValue] = [dict(zip(_COLUMNS, row[:-1], strict=True)) for row in found]
    version = max(head[-1], *(row[-1] for row in found))
    return {"vendor_no": head[0], "plant": head[1], "curr": head[2], "items": items}, version


def _canonical(fields: Mapping[str, JsonValue], profile: Profile) -> dict[str, JsonValue]:
    return {
        "supplier_id": names.canonical(profile, "supplier", names.text_of(fields, "vendor_no")),
        "site": fields["plant"],
        "currency": fields["curr"],
        "lines": [
            {
                "material_id": names.canonical(profile, "material", names.text_of(one, "mat_no")),
                "qty": names.quantity(one["qty"]),
                "uom": one["uom"],
                "price": names.money(one["price"]),
                "price_unit": one["price_per"],
                "delivery_date": one["dlv_date"],
            }
            for one in names.rows_of(fields, "items")
        ],
    }


DOCUMENT: Final = DocumentKind(read=_read, canonical=_canonical)
OPERATION: Final = ErpOperation(
    name=CREATE_ORDER,
    kept=("unique_ref", "readback"),
    native=_native,
    carry_out=create_order,
    refusals=frozenset(
        {
            "bad_date", "bad_items", "bad_price", "bad_quantity", "below_minimum", "date_in_past", "document_deleted",
            "material_blocked", "material_discontinued", "no_source", "not_purchased", "other_terms", "price_too_high",
            "requisition_not_open", "source_blocked", "supplier_blocked", "unknown_document", "unknown_material",
            "unknown_supplier", "unknown_unit", lock.REFUSAL,
        }
    ),
)  # fmt: skip
