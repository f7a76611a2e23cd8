"""Stock that is held for one order held for another instead: all of it or nothing."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Final

from erp_mcp.demo import erp_rules
from erp_mcp.demo.erp_rows import ReservationRow
from erp_mcp.demo.writing import names, reserved
from erp_mcp.demo.writing.operation import ErpOperation
from erp_mcp.demo.writing.reservation import DEMAND_TYPES, read_reservation
from erp_mcp.demo.writing.work import Arguments, Document, Rejected, Reply, Superseded, Work
from erp_mcp.domain.call import JsonValue
from erp_mcp.domain.command import Command
from erp_mcp.domain.profile import Profile

MOVE_RESERVATION: Final = "reservation.move"
_MAX_LINES: Final = 100


def _native(command: Command, profile: Profile) -> Arguments | Rejected:
    fields = command.fields
    lines: list[JsonValue] = []
    for line in names.rows_of(fields, "lines"):
        demand_type = names.text_of(line, "demand_type")
        if demand_type not in DEMAND_TYPES:
            return Rejected("unknown_demand")
        lines.append(
            {
                "resv_no": names.text_of(line, "reservation_id"),
                "dem_type": DEMAND_TYPES[demand_type],
                "dem_no": names.local(profile, demand_type, names.text_of(line, "demand_id")),
                "dem_item": names.text_of(line, "demand_line"),
                "qty": names.text_of(line, "qty"),
                "need_date": names.text_of(line, "need_date"),
            }
        )
    given, versions = fields.get("lines"), fields.get("versions")
    if not isinstance(given, list) or len(lines) != len(given) or not isinstance(versions, dict):
        return Rejected("bad_lines")
    return {
        "resv_no": command.key,
        "mat_no": names.local(profile, "material", names.text_of(fields, "material_id")),
        "plant": names.text_of(fields, "site"),
        "uom": names.text_of(fields, "uom"),
        "lines": lines,
        "versions": {**versions, command.key: command.version_token},
    }


def move_reservation(work: Work, arguments: Arguments) -> Reply:
    """Take from reservations that are still at the versions named, and hold the same lots for other orders."""
    lines, versions = names.rows_of(arguments, "lines"), arguments.get("versions")
    leading = names.text_of(arguments, "resv_no")
    if not 0 < len(lines) <= _MAX_LINES or leading not in {names.text_of(one, "resv_no") for one in lines}:
        return Rejected("bad_lines")
    code = reserved.unit_refusal(
        work.database,
        names.text_of(arguments, "mat_no"),
        names.text_of(arguments, "plant"),
        names.text_of(arguments, "uom"),
    )
    if code:
        return Rejected(code)
    stamp = work.stamp("resv")
    for line in lines:
        reply = _from_one(work, arguments, line, versions if isinstance(versions, dict) else {}, stamp)
        if reply is not None:
            return reply  # what was written before it is rolled back with the transaction
    fields, version = read_reservation(work.database, leading, "")
    return Document(doc_type="RS", number=leading, item="", version=version, fields=fields)


def _from_one(
    work: Work, arguments: Arguments, line: Arguments, versions: Mapping[str, JsonValue], stamp: str
) -> Rejected | Superseded | None:
    """Take what one line says, or say why not."""
    number, material, plant = (
        names.text_of(line, "resv_no"),
        names.text_of(arguments, "mat_no"),
        names.text_of(arguments, "plant"),
    )
    row = work.database.execute(
        "SELECT lot_no, dem_no, qty, uom, changed_at FROM resv WHERE resv_no = ? AND mat_no = ? AND plant = ?",
        (number, material, plant),
    ).fetchone()
    if row is None:
        return Rejected(erp_rules.absence(work.database, "resv", number))
    lot, order, there, uom, version = row
    if version not in (versions.get(number), stamp):  # the stamp is this command's own: a second line of the same one
        return Superseded()
    code = erp_rules.quantity_refusal(names.text_of(line, "qty"))
    if code:
        return Rejected(code)
    qty = Decimal(names.text_of(line, "qty"))
    if qty > Decimal(there):
        return Rejected("not_enough_held")
    code = _refusal(work, line, (material, plant, lot, order))
    if code:
        return Rejected(code)
    work.database.execute(
        "UPDATE resv SET qty = ?, changed_at = ? WHERE resv_no = ?",
        (names.thousandths(str(Decimal(there) - qty)), stamp, number),
    )
    new = work.next_number("resv", "resv_no", "RS", first=1, prefix="RS", digits=8)
    demand = (names.text_of(line, "dem_type"), names.text_of(line, "dem_no"), names.text_of(line, "dem_item"))
    need_date = names.text_of(line, "need_date")
    kept = names.thousandths(str(qty))
    work.insert("resv", ReservationRow(new, material, plant, lot, *demand, kept, uom, need_date, stamp))
    return None


def _refusal(work: Work, line: Arguments, held: tuple[str, str, str, str]) -> str | None:
    """Return why stock of a lot does not go from one order to another."""
    material, plant, lot, order = held
    demand = (names.text_of(line, "dem_type"), names.text_of(line, "dem_no"), names.text_of(line, "dem_item"))
    need_date = names.text_of(line, "need_date")
    if demand[1] == order:
        return "same_demand"
    picked = work.database.execute(
        "SELECT 1 FROM dlv_item WHERE so_no = ? AND pick_stat = 'C' AND gi_act IS NULL", (order,)
    ).fetchone()
    if picked:
        return "already_picked"
    if erp_rules.date_refusal(need_date, work.today) == "bad_date":
        return "bad_date"
    return reserved.lot_refusal(
        work.database, material, plant, lot, max(need_date, work.today.isoformat())
    ) or reserved.demand_refusal(work.database, demand, material, plant, Decimal(names.text_of(line, "qty")))


OPERATION: Final = ErpOperation(
    name=MOVE_RESERVATION,
    kept=("conditional", "readback"),
    native=_native,
    carry_out=move_reservation,
    refusals=frozenset(
        {
            "already_picked", "bad_date", "bad_lines", "bad_quantity", "document_deleted", "lot_expired",
            "lot_restricted", "material_blocked", "more_than_needed", "not_enough_held", "same_demand",
            "unknown_demand", "unknown_document", "unknown_lot", "unknown_material", "unknown_unit",
        }
    ),
)  # fmt: skip
