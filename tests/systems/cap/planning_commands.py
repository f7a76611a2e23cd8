"""Changes of plans, stock, quality and deliveries as they are sent to the rig, each with a reference of its own."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from decimal import Decimal
from typing import Final

from erp_mcp.adapters._documents.commands import PlannedCommands
from erp_mcp.domain.call import JsonValue
from erp_mcp.domain.command import Command
from erp_mcp.domain.profile import Profile
from erp_mcp.domain.reference import reference_of
from erp_mcp.domain.value import quantity_text
from tests.systems.cap.planning import Held, Need, Planner
from tests.systems.cap.test_writes import UNITS, a_day

MOVE: Final = "production_order.reschedule"
RESERVE: Final = "reservation.create"
RELEASE: Final = "reservation.release"
REPORT: Final = "quality_notification.create"
FIRM: Final = "planned_order.confirm"
DELIVER: Final = "delivery.create"
OPERATIONS: Final = (MOVE, RESERVE, RELEASE, REPORT, FIRM, DELIVER)
TRIED: Final = 9  # of the reservations, by tests of their own
_ENTITIES: Final = {MOVE: "production_order", RELEASE: "reservation", FIRM: "planned_order"}
_numbers = itertools.count(1)


def plans_of(profile: Profile) -> Mapping[str, JsonValue]:
    """Return what the profile says of the operations that are tried here."""
    return {name: profile.commands[name] for name in OPERATIONS}


def command_of(operation: str, fields: Mapping[str, JsonValue], *, key: str = "", version: str = "") -> Command:
    """Return a change with a reference of its own."""
    entity = operation.partition(".")[0]
    reference = reference_of(f"planning/{next(_numbers)}/{id(_numbers)}")
    return Command(
        operation=operation, system="erp", entity=entity, key=key, version_token=version, reference=reference,
        fields=fields,
    )  # fmt: skip


def moved(order: str, version: str, start: str = "", finish: str = "") -> Command:
    """Return other dates of a production order."""
    first = start or a_day()
    fields = {"production_order_id": order, "new_start": first, "new_finish": finish or first}
    return command_of(MOVE, fields, key=order, version=version)


def reserved(need: Need, **fields: JsonValue) -> Command:
    """Return a new reservation of a batch for the line of an order."""
    asked: dict[str, JsonValue] = {
        "material_id": need.material, "site": need.plant, "lot_id": need.batch, "demand_type": need.kind,
        "demand_id": need.number, "demand_line": need.line, "qty": "1.25", "uom": UNITS[need.unit],
        "need_date": a_day(),
    }  # fmt: skip
    return command_of(RESERVE, {**asked, **fields})


def released(held: Held, version: str, left: str) -> Command:
    """Return the release of a reservation down to what is left."""
    qty = quantity_text(int((Decimal(held.qty) - Decimal(left)) * 10**6))
    fields = {"reservation_id": held.number, "qty": qty, "uom": UNITS[held.unit], "qty_left": left}
    return command_of(RELEASE, fields, key=held.key, version=version)


def some_left() -> str:
    """Return a quantity that has not been used yet."""
    return quantity_text((500 + next(_numbers)) * 10**3)


def reported(planner: Planner, **fields: JsonValue) -> Command:
    """Return a new notification about a batch."""
    need = planner.needs[0]
    asked: dict[str, JsonValue] = {
        "site": need.plant, "material_id": need.material, "lot_id": need.batch, "defect_code": planner.defect,
        "description": f"Scratches on every second part, number {next(_numbers)} of the shift", "hold": True,
    }  # fmt: skip
    return command_of(REPORT, {**asked, **fields})


def firmed(order: str, version: str, action: str = "firm") -> Command:
    """Return a planned order made firm."""
    return command_of(FIRM, {"planned_order_id": order, "action": action}, key=order, version=version)


def delivered(sold: tuple[str, str, str], *more: tuple[str, str, str], **fields: JsonValue) -> Command:
    """Return a new delivery of a little of each of some lines."""
    lines: list[JsonValue] = [{"line": line, "qty": "0.25", "uom": UNITS[unit]} for _, line, unit in (sold, *more)]
    asked: dict[str, JsonValue] = {
        "sales_order_id": sold[0], "planned_goods_issue": a_day(), "lines": lines, "versions": [],
    }  # fmt: skip
    return command_of(DELIVER, {**asked, **fields})


async def version_of(commands: PlannedCommands, operation: str, key: str) -> str:
    """Return the version that a record has now."""
    (record,) = await commands.reader.read(_ENTITIES[operation], [key])
    return record.version_token


async def good_one(commands: PlannedCommands, planner: Planner, operation: str) -> Command:
    """Return a change that would be taken."""
    if operation == MOVE:
        order = planner.orders[3]
        return moved(order, await version_of(commands, MOVE, order))
    if operation == RELEASE:
        held = planner.held[TRIED - 1]
        return released(held, await version_of(commands, RELEASE, held.key), some_left())
    if operation == FIRM:
        planner.loosen()
        order = planner.planned[0]
        return firmed(order, await version_of(commands, FIRM, order))
    if operation == DELIVER:
        return delivered(planner.sold[0])
    return reserved(planner.needs[0]) if operation == RESERVE else reported(planner)
