"""What came and went: material documents as S/4HANA has them, one item for each side of a movement."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from tests.systems.cap.seed_values import Native, Plant, Row, local_date, local_time, unit

_STOCK_TYPES: Final = {"F": "01", "Q": "02", "S": "07", "T": "06"}
_NONE: Final[Row] = {
    "PurchaseOrder": "", "PurchaseOrderItem": "", "ManufacturingOrder": "", "Reservation": "", "ReservationItem": "",
    "Delivery": "", "DeliveryItem": "",
}  # fmt: skip
_TRANSFERS: Final = frozenset({"321", "344"})

# A receipt of a purchase order is a movement as well; the plant keeps both, in the same order for each item.
_MOVEMENTS: Final = """
WITH moved AS (SELECT *, row_number() OVER (PARTITION BY mv_code, ref_no, ref_item ORDER BY posted_at, doc_no) AS n
                 FROM mat_move)
SELECT m.*, r.vendor_no, r.posted_on, r.qty AS received, r.uom AS order_uom
  FROM moved AS m
  LEFT JOIN (SELECT *, row_number() OVER (PARTITION BY po_no, item_no ORDER BY seq) AS n FROM gr_item) AS r
    ON m.mv_code = '101' AND r.po_no = m.ref_no AND r.item_no = m.ref_item AND r.n = m.n
 ORDER BY m.doc_no, m.item_no
"""


def tables(plant: Plant) -> Iterator[tuple[str, Iterable[Row]]]:
    """Yield table and rows."""
    yield "materialdocumentheader", map(_header, plant.select("SELECT * FROM mat_move GROUP BY doc_no ORDER BY 1"))
    yield "materialdocumentitem", map(_item, plant.select(_MOVEMENTS))


def _key(row: Native) -> Row:
    return {"MaterialDocumentYear": row["posted_at"][:4], "MaterialDocument": row["doc_no"]}


def _header(row: Native) -> Row:
    day = local_date(row["posted_at"])
    return {**_key(row), "PostingDate": day, "CreationDate": day, "CreationTime": local_time(row["posted_at"])}


def _item(row: Native) -> Row:
    """Quantities have no sign there: the type of a movement says which way, and which of two sides it made itself."""
    qty = row["qty"].lstrip("-")
    comes = not row["qty"].startswith("-")
    return {
        **_key(row), "MaterialDocumentItem": row["item_no"], "GoodsMovementType": row["mv_code"],
        "Material": row["mat_no"], "Plant": row["plant"], "StorageLocation": row["sloc"], "Batch": row["lot_no"],
        "InventoryStockType": _STOCK_TYPES[row["stk_type"]],
        "IsAutomaticallyCreated": "X" if row["mv_code"] in _TRANSFERS and comes else "",
        "Supplier": row["vendor_no"] or "", **_reference(row), "QuantityInBaseUnit": qty,
        "MaterialBaseUnit": unit(row["uom"]), "QuantityInEntryUnit": row["received"] or qty,
        "EntryUnit": unit(row["order_uom"] or row["uom"]), "GoodsMovementIsCancelled": bool(row["rev_doc"]),
    }  # fmt: skip


def _reference(row: Native) -> Row:
    """Return the document that a movement is for; a quality notification or a return is not one of those kept."""
    number, item = row["ref_no"], row["ref_item"]
    if row["ref_type"] == "PO":
        return {**_NONE, "PurchaseOrder": number, "PurchaseOrderItem": item}
    if row["ref_type"] == "PRD":
        taken = {"Reservation": number[-10:], "ReservationItem": item} if item else {}
        return {**_NONE, "ManufacturingOrder": number, **taken}
    return {**_NONE, "Delivery": number, "DeliveryItem": item} if row["ref_type"] == "DLV" else _NONE
