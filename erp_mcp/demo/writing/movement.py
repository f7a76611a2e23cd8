"""A goods movement that a person on site has witnessed: all of its lines or none, and stock never below zero."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Final

from erp_mcp.demo import erp_rules
from erp_mcp.demo.erp_rows import MovementRow
from erp_mcp.demo.writing import movement_orders, names, reserved
from erp_mcp.demo.writing.movement_orders import Item, Refusal
from erp_mcp.demo.writing.operation import DocumentKind, ErpOperation
from erp_mcp.demo.writing.reading import read_line
from erp_mcp.demo.writing.work import Arguments, Document, Rejected, Reply, Superseded, Work
from erp_mcp.domain.call import JsonValue
from erp_mcp.domain.command import Command
from erp_mcp.domain.profile import Profile

POST_MOVEMENT: Final = "goods_movement.post"
_CODES: Final = {"receipt_for_po": "101", "issue_to_order": "261", "transfer": "311", "scrap": "555"}
_MOVEMENTS: Final = {code: movement for movement, code in _CODES.items()}
_REFERENCES: Final = {"101": "PO", "261": "PRD", "311": "TRQ", "555": "QN"}
_REFERENCE_ENTITIES: Final = {"101": "purchase_order", "261": "production_order", "555": "quality_notification"}
_COLUMNS: Final = ("doc_no", "item_no", "mv_code", "plant", "ref_no")
_FIRST: Final = 4_900_000_001
_MAX_LINES: Final = 20
_WITNESSES: Final = """
    CREATE TABLE IF NOT EXISTS mv_witness (doc_no TEXT PRIMARY KEY, confirmed_by TEXT NOT NULL) WITHOUT ROWID
"""


def _native(command: Command, profile: Profile) -> Arguments | Rejected:
    fields = command.fields
    code = _CODES.get(names.text_of(fields, "movement"))
    if code is None:
        return Rejected("movement_not_allowed")
    given, versions = fields.get("lines"), fields.get("versions")
    lines = names.rows_of(fields, "lines")
    if not isinstance(given, list) or len(given) != len(lines) or not isinstance(versions, dict):
        return Rejected("bad_lines")
    native: list[JsonValue] = [
        {
            "ref_item": names.text_of(line, "reference_line"),
            "mat_no": names.local(profile, "material", names.text_of(line, "material_id")),
            "lot_no": names.local(profile, "lot", names.text_of(line, "lot_id")),
            "sloc": names.text_of(line, "storage_location_id"),
            "to_sloc": names.text_of(line, "to_location"),
            "qty": names.text_of(line, "qty"),
            "uom": names.text_of(line, "uom"),
        }
        for line in lines
    ]
    return {
        "mv_code": code,
        "plant": names.text_of(fields, "site"),
        "ref_no": names.local(profile, _REFERENCE_ENTITIES.get(code, ""), names.text_of(fields, "reference_id")),
        "lines": native,
        "versions": versions,
        "witness": names.text_of(fields, "confirmed_by"),
    }


def post_movement(work: Work, arguments: Arguments) -> Reply:
    """Post a document of up to twenty lines."""
    code, plant, ref = (names.text_of(arguments, name) for name in ("mv_code", "plant", "ref_no"))
    lines, versions = names.rows_of(arguments, "lines"), arguments.get("versions")
    if code not in _REFERENCES:
        return Rejected("movement_not_allowed")
    if not names.text_of(arguments, "witness").strip():
        return Rejected("no_witness")
    if not ref or not 0 < len(lines) <= _MAX_LINES:
        return Rejected("no_reference" if not ref else "bad_lines")
    stamp = work.stamp("mat_move", "stock_qty", "po_item", "gr_item", "prod_comp", "resv", "batch", "insp_lot")
    number = work.next_number("mat_move", "doc_no", "MV", first=_FIRST)
    poster = _Poster(work, number=number, code=code, plant=plant, ref=ref, stamp=stamp)
    for line in lines:
        reply = poster.post(line, versions if isinstance(versions, dict) else {})
        if reply is not None:
            return reply  # what was written before it is rolled back with the transaction
    work.database.execute(_WITNESSES)
    work.insert("mv_witness", (number, names.text_of(arguments, "witness")))
    fields, version = _read(work.database, number, "0001")
    return Document(doc_type="MV", number=number, item="0001", version=version, fields=fields)


class _Poster:
    """Posts the lines of one document, in the transaction of its command."""

    def __init__(self, work: Work, *, number: str, code: str, plant: str, ref: str, stamp: str) -> None:
        self._work = work
        self._number = number
        self._code = code
        self._plant = plant
        self._ref = ref
        self._stamp = stamp
        self._items = 0

    def post(self, line: Arguments, versions: Mapping[str, JsonValue]) -> Refusal:
        """Post one line, or say why not."""
        item = self._item(line)
        if isinstance(item, Rejected):
            return item
        by_code: dict[str, Callable[[], Refusal]] = {
            "101": lambda: self._receive(item, versions),
            "261": lambda: self._issue(item, versions),
            "311": lambda: self._transfer(item, names.text_of(line, "to_sloc")),
            "555": lambda: self._scrap(item),
        }
        return by_code[self._code]()

    def _item(self, line: Arguments) -> Item | Rejected:
        material, qty = names.text_of(line, "mat_no"), names.text_of(line, "qty")
        row = self._work.database.execute(
            "SELECT g.base_uom, g.mat_stat FROM mat_gen g JOIN mat_plant p USING (mat_no)"
            " WHERE mat_no = ? AND plant = ?",
            (material, self._plant),
        ).fetchone()
        if row is None:
            return Rejected("unknown_material")
        if row[1] == "02" and self._code != "555":
            return Rejected("material_blocked")
        code = erp_rules.quantity_refusal(qty)
        if code:
            return Rejected(code)
        return Item(
            material=material, plant=self._plant, lot=names.text_of(line, "lot_no"), sloc=names.text_of(line, "sloc"),
            ref=self._ref, ref_item=names.text_of(line, "ref_item"), qty=Decimal(qty),
            uom=names.text_of(line, "uom"), base=row[0], stamp=self._stamp,
        )  # fmt: skip

    def _receive(self, item: Item, versions: Mapping[str, JsonValue]) -> Refusal:
        """What comes waits in quality stock until somebody there decides."""
        received = movement_orders.receive(self._work, item, versions)
        if isinstance(received, Rejected | Superseded):
            return received
        self._move(item, item.sloc, "Q", received)
        return None

    def _issue(self, item: Item, versions: Mapping[str, JsonValue]) -> Refusal:
        refusal = self._usable(item) or movement_orders.issue(self._work, item, versions)
        return refusal or self._take(item)

    def _transfer(self, item: Item, to_sloc: str) -> Refusal:
        if to_sloc in ("", item.sloc):
            return Rejected("same_location")
        refusal = self._usable(item) or self._take(item)
        if refusal is None:
            self._move(item, to_sloc, "F", item.qty)
        return refusal

    def _scrap(self, item: Item) -> Refusal:
        found = self._work.database.execute(
            "SELECT 1 FROM qual_notif WHERE qn_no = ? AND plant = ? AND mat_no = ? AND stat <> 'NOCO'",
            (item.ref, item.plant, item.material),
        ).fetchone()
        if found is None:
            return Rejected("unknown_reference")
        if item.uom != item.base:
            return Rejected("unknown_unit")
        return self._take(item, "S")  # only what quality has blocked

    def _usable(self, item: Item) -> Refusal:
        if item.uom != item.base:
            return Rejected("unknown_unit")
        # Stock that expires today may still be used today.
        yesterday = erp_rules.day_before(self._work.today)
        code = reserved.lot_refusal(self._work.database, item.material, item.plant, item.lot, yesterday)
        return Rejected(code) if code else None

    def _take(self, item: Item, stock_type: str = "F") -> Refusal:
        there = movement_orders.stock_of(self._work.database, item, item.sloc, stock_type)
        if there < item.qty:
            return Rejected("not_enough_stock")
        self._move(item, item.sloc, stock_type, -item.qty)
        return None

    def _move(self, item: Item, sloc: str, stock_type: str, qty: Decimal) -> None:
        """Write one side of the movement and keep the sum."""
        self._items += 1
        text = names.thousandths(str(qty))
        movement = MovementRow(
            self._number, f"{self._items:04d}", self._code, item.material, item.plant, sloc, item.lot, stock_type, text,
            item.base, _REFERENCES[self._code], self._ref, item.ref_item, self._stamp, None, self._stamp,
        )  # fmt: skip
        self._work.insert("mat_move", movement)
        movement_orders.add_stock(self._work, item, sloc, stock_type, qty)


def _read(database: sqlite3.Connection, number: str, item: str) -> tuple[dict[str, JsonValue], str]:
    return read_line(database, "mat_move", _COLUMNS, (number, item))


def _canonical(fields: Mapping[str, JsonValue], profile: Profile) -> dict[str, JsonValue]:
    code = names.text_of(fields, "mv_code")
    entity = _REFERENCE_ENTITIES.get(code, "")
    return {
        "movement": _MOVEMENTS.get(code),
        "site": fields["plant"],
        "reference_id": names.canonical(profile, entity, names.text_of(fields, "ref_no")),
    }


DOCUMENT: Final = DocumentKind(read=_read, canonical=_canonical)
OPERATION: Final = ErpOperation(
    name=POST_MOVEMENT,
    kept=("unique_ref", "readback"),
    native=_native,
    carry_out=post_movement,
    refusals=frozenset(
        {
            "bad_lines", "bad_quantity", "document_cancelled", "document_closed", "lot_expired", "lot_restricted",
            "material_blocked", "more_than_open", "movement_not_allowed", "no_lot", "no_reference", "no_witness",
            "not_enough_stock", "not_released", "same_location", "unknown_lot", "unknown_material",
            "unknown_reference", "unknown_unit",
        }
    ),
)  # fmt: skip
