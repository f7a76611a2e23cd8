"""A new reservation: stock of one lot held for one open order line."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from typing import Final

from erp_mcp.demo import erp_rules
from erp_mcp.demo.erp_rows import ReservationRow
from erp_mcp.demo.writing import names, reserved
from erp_mcp.demo.writing.operation import DocumentKind, ErpOperation
from erp_mcp.demo.writing.reading import read_line
from erp_mcp.demo.writing.work import Arguments, Document, Rejected, Reply, Work
from erp_mcp.domain.call import JsonValue
from erp_mcp.domain.command import Command
from erp_mcp.domain.profile import Profile

CREATE_RESERVATION: Final = "reservation.create"
DEMAND_TYPES: Final = {"production_order": "PRD", "sales_order": "SLS"}
_CANONICAL: Final = {own: canonical for canonical, own in DEMAND_TYPES.items()}
_COLUMNS: Final = ("resv_no", "mat_no", "plant", "lot_no", "dem_type", "dem_no", "dem_item", "qty", "uom", "need_date")


def _native(command: Command, profile: Profile) -> Arguments | Rejected:
    fields = command.fields
    demand_type = names.text_of(fields, "demand_type")
    if demand_type not in DEMAND_TYPES:
        return Rejected("unknown_demand")
    return {
        "mat_no": names.local(profile, "material", names.text_of(fields, "material_id")),
        "plant": names.text_of(fields, "site"),
        "lot_no": names.local(profile, "lot", names.text_of(fields, "lot_id")),
        "dem_type": DEMAND_TYPES[demand_type],
        "dem_no": names.local(profile, demand_type, names.text_of(fields, "demand_id")),
        "dem_item": names.text_of(fields, "demand_line"),
        "qty": names.text_of(fields, "qty"),
        "uom": names.text_of(fields, "uom"),
        "need_date": names.text_of(fields, "need_date"),
    }


def create_reservation(work: Work, arguments: Arguments) -> Reply:
    """Hold what is asked for, of the one lot that is named."""
    given = {name: names.text_of(arguments, name) for name in _COLUMNS[1:]}
    code = _refusal(work, given)
    if code:
        return Rejected(code)
    stamp = work.stamp("resv")
    number = work.next_number("resv", "resv_no", "RS", first=1, prefix="RS", digits=8)
    given["qty"] = names.thousandths(given["qty"])
    work.insert("resv", ReservationRow(number, **given, changed_at=stamp))
    fields, version = read_reservation(work.database, number, "")
    return Document(doc_type="RS", number=number, item="", version=version, fields=fields)


def _refusal(work: Work, given: Mapping[str, str]) -> str | None:
    material, plant, lot = given["mat_no"], given["plant"], given["lot_no"]
    code = (
        reserved.unit_refusal(work.database, material, plant, given["uom"])
        or erp_rules.quantity_refusal(given["qty"])
        or erp_rules.date_refusal(given["need_date"], work.today)
        or reserved.lot_refusal(work.database, material, plant, lot, given["need_date"])
    )
    if code:
        return code
    qty, demand = reserved.decimal_of(given["qty"]), (given["dem_type"], given["dem_no"], given["dem_item"])
    code = reserved.demand_refusal(work.database, demand, material, plant, qty)
    if not code and reserved.free_of(work.database, material, plant, lot) < qty:
        return "not_enough_stock"
    return code


def read_reservation(database: sqlite3.Connection, number: str, _: str) -> tuple[dict[str, JsonValue], str]:
    """Return a reservation as it is now."""
    return read_line(database, "resv", _COLUMNS, (number,))


def _canonical(fields: Mapping[str, JsonValue], profile: Profile) -> dict[str, JsonValue]:
    demand_type = _CANONICAL[names.text_of(fields, "dem_type")]
    return {
        "material_id": names.canonical(profile, "material", names.text_of(fields, "mat_no")),
        "site": fields["plant"],
        "lot_id": names.canonical(profile, "lot", names.text_of(fields, "lot_no")),
        "demand_type": demand_type,
        "demand_id": names.canonical(profile, demand_type, names.text_of(fields, "dem_no")),
        "demand_line": fields["dem_item"],
        "qty": names.quantity(fields["qty"]),
        "uom": fields["uom"],
        "need_date": fields["need_date"],
    }


DOCUMENT: Final = DocumentKind(read=read_reservation, canonical=_canonical, key="{0}".format)
OPERATION: Final = ErpOperation(
    name=CREATE_RESERVATION,
    kept=("unique_ref", "readback"),
    native=_native,
    carry_out=create_reservation,
    refusals=frozenset(
        {
            "bad_date", "bad_quantity", "date_in_past", "lot_expired", "lot_restricted", "material_blocked",
            "more_than_needed", "not_enough_stock", "unknown_demand", "unknown_lot", "unknown_material", "unknown_unit",
        }
    ),
)  # fmt: skip
