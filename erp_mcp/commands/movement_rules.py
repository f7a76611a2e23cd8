"""Rules of goods movements: a person saw it, an order or notification wants it, the lot may be used, stock is there."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

from erp_mcp.commands import movement_lines, rows, rows_planning
from erp_mcp.commands.holding import USABLE, live_of
from erp_mcp.commands.movement_lines import ISSUE, RECEIPT, SCRAP, TRANSFER, Line
from erp_mcp.commands.verdicts import flag, known, live_record, need, ok, person, refuse, rows_of
from erp_mcp.domain.days import NEVER
from erp_mcp.domain.entities.inventory import Lot, Material
from erp_mcp.domain.entities.procurement import PurchaseOrderLine
from erp_mcp.domain.entities.production import ProductionComponent, ProductionOrder
from erp_mcp.domain.left_to_people import BACKFLUSH, PERIOD, SERIAL, TRANSFER_REFERENCE
from erp_mcp.domain.operation import CommandFacts
from erp_mcp.domain.proposal import Check
from erp_mcp.domain.value import quantity_text
from erp_mcp.errors import RuleNotEvaluableError

REFERENCE_TYPES: Final = {
    RECEIPT: "purchase_order",
    ISSUE: "production_order",
    TRANSFER: "transfer_request",
    SCRAP: "quality_notification",
}
"""Movements that may be proposed, and what each refers to; inventory differences and initial stock are none of them."""
_WITNESS_LETTERS: Final = 5
_ISSUED_TO: Final = frozenset({"Released", "Ready", "Running"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """What is to be posted."""

    facts: CommandFacts
    movement: str
    site: str
    reference_id: str
    witness: str
    lines: tuple[Line, ...]


def checks(case: Case) -> Iterator[Check]:
    """Yield what each rule found."""
    yield ok("R-CODE", "The movement is one of those that may be proposed.")
    yield _witness(case)
    yield _lines(case)
    yield _materials(case)
    yield _LOOKED_UP[case.movement](case)
    yield _lots(case)
    if case.movement == RECEIPT:
        yield flag("R-INSPECTION", "It goes into quality stock; quality releases it.")
    else:
        yield _stock(case)
    yield person(PERIOD)
    yield person(SERIAL)
    if case.movement == ISSUE:
        yield person(BACKFLUSH)


def _witness(case: Case) -> Check:
    if sum(letter.isalpha() for letter in case.witness) < _WITNESS_LETTERS:
        message = "Nobody on site is named who saw the goods; a name and when in confirmed_by would pass."
        return refuse("R-WITNESS", message)
    return ok("R-WITNESS", "A person on site is named; ask them where in doubt, nobody else did.")


def _lines(case: Case) -> Check:
    seen: set[tuple[str, ...]] = set()
    for one in case.lines:
        key = (one.material_id, one.lot_id, one.location, one.to_location, one.reference_line)
        if key in seen:
            message = f"{one.where} repeats an earlier line; one line with the sum would pass."
            return refuse("R-LINES", message, line=one.place)
        seen.add(key)
        if case.movement == TRANSFER and one.to_location in ("", one.location):
            message = f"{one.where} leads nowhere; another place as to_location would pass."
            return refuse("R-LINES", message, line=one.place)
        if case.movement != TRANSFER and one.to_location:
            message = f"{one.where} has a to_location, which only a transfer has; without it would pass."
            return refuse("R-LINES", message, line=one.place)
    return ok("R-LINES", "No line repeats another, and places fit the movement.")


def _materials(case: Case) -> Check:
    for one in case.lines:
        row = next(
            row
            for row in rows_of(case.facts, "materials", rows.MaterialRow)
            if (row.system, row.material_id) == (one.system, one.material_id)
        )
        status = live_record(case.facts, "materials", row.system, row.source_key, Material).status
        if not status:
            raise RuleNotEvaluableError(rule="R-MATERIAL-STATUS", missing="status of the material")
        if status == "blocked" and case.movement != SCRAP:
            message = f"The material of {one.where} is blocked in its system; one that is not would pass."
            return refuse("R-MATERIAL-STATUS", message, line=one.place, status=status)
    return ok("R-MATERIAL-STATUS", "No material is blocked in its system at this moment.")


def _purchase(case: Case) -> Check:
    """Return whether the purchase order still waits for as much; nothing is tolerated above it."""
    for one in case.lines:
        order = one.reference
        if not isinstance(order, PurchaseOrderLine):
            raise RuleNotEvaluableError(rule="R-REFERENCE", missing="the purchase order line")
        if order.order_state != "open" or order.release_state != "released":
            message = f"The order line of {one.where} is not open and released; one that is would pass."
            state = known(order.order_state, "open", "closed", "cancelled")
            return refuse("R-REFERENCE", message, line=one.place, order_state=state)
        left = max(0, order.qty_open - movement_lines.before_for(case.lines, one))
        if one.qty > left:
            return _too_much("R-OPEN-QTY", one, left, one.uom)
    return ok("R-REFERENCE", "The order lines are open and released, and as much is still to come.")


def _production(case: Case) -> Check:
    """Return whether the production order takes components now, and still needs as much."""
    found = rows_of(case.facts, "order", rows_planning.OrderRefRow)
    if len(found) != 1:
        raise RuleNotEvaluableError(rule="R-REFERENCE", missing="one system that has the order")
    order = live_record(case.facts, "order", found[0].system, found[0].source_key, ProductionOrder)
    if order.request_state not in _ISSUED_TO:
        message = "The production order takes no components now; one that is released or running would pass."
        return refuse(
            "R-REFERENCE", message, request_state=known(order.request_state, "Waiting", "Held", "Completed", "Closed")
        )
    for one in case.lines:
        part = one.reference
        if not isinstance(part, ProductionComponent):
            raise RuleNotEvaluableError(rule="R-REFERENCE", missing="the component")
        left = max(0, part.qty_open - movement_lines.before_for(case.lines, one))
        if one.qty > left:
            return _too_much("R-OPEN-QTY", one, left, one.uom)
    return ok("R-REFERENCE", "The production order takes components, and still needs as much.")


def _transfer(_: Case) -> Check:
    return person(TRANSFER_REFERENCE)


def _notice(case: Case) -> Check:
    """Return whether an open quality notification is about what is scrapped."""
    need(case.facts, "R-REFERENCE", "notices")
    notices = rows_of(case.facts, "notices", rows_planning.NoticeRow)
    notice = next((one for one in notices if one.notification_id == case.reference_id), None)
    if notice is None or notice.order_state == "closed":
        message = "There is no open quality notification of this number at the site; one that is open would pass."
        return refuse("R-REFERENCE", message, reference_id=case.reference_id)
    for one in case.lines:
        if notice.material_id != one.material_id or notice.lot_id not in (None, one.lot_id):
            message = f"The notification is about another material or lot than {one.where}; its own would pass."
            return refuse("R-REFERENCE", message, line=one.place)
    return ok("R-REFERENCE", "An open quality notification is about what is scrapped.")


_LOOKED_UP: Final[dict[str, Callable[[Case], Check]]] = {
    RECEIPT: _purchase,
    ISSUE: _production,
    TRANSFER: _transfer,
    SCRAP: _notice,
}


def _lots(case: Case) -> Check:
    """Return whether lots are named where there are lots, and may be used where they are used up."""
    need(case.facts, "R-LOT", "managed", "lots", "holds")
    managed = {one.material_id for one in rows_of(case.facts, "managed", rows_planning.LotCountRow) if one.lots}
    lots = {one.lot_id: one for one in live_of(case.facts, "lots", Lot) if one.site == case.site}
    held = {one.lot_id for one in rows_of(case.facts, "holds", rows_planning.HoldRow)}
    for one in case.lines:
        lot = lots.get(one.lot_id)
        if not one.lot_id and one.material_id in managed:
            message = f"{one.where} names no lot, and the material is kept in lots; with lot_id it would pass."
            return refuse("R-LOT", message, line=one.place)
        if lot is not None and lot.material_id != one.material_id:
            message = f"The lot of {one.where} is of another material; one of its own would pass."
            return refuse("R-LOT", message, line=one.place)
        if not one.lot_id or case.movement == RECEIPT:
            continue  # a receipt may bring a new lot
        if lot is None:
            return refuse("R-LOT", f"The lot of {one.where} is not known; see get_stock by lot.", line=one.place)
        if case.movement != SCRAP and (
            lot.lot_disposition != USABLE or one.lot_id in held or (lot.expiry_date or NEVER) < case.facts.today
        ):
            message = f"The lot of {one.where} is on hold, not released or expired; one that may be used would pass."
            return refuse("R-LOT", message, line=one.place, lot_id=one.lot_id)
    return ok("R-LOT", "Lots are named where there are any, and may be used where they are used.")


def _stock(case: Case) -> Check:
    """Return whether stock does not become negative, and nobody else's is taken."""
    for one in case.lines:
        stock = movement_lines.there(case.facts, one)
        # Reservations move with a lot, and hold nothing of blocked stock.
        other = 0 if case.movement in (TRANSFER, SCRAP) else movement_lines.spoken_for(case.facts, one)
        left = max(0, stock - other - movement_lines.before(case.lines, one))
        if one.base_qty > left:
            return _too_much("R-STOCK", one, left, one.base_uom)
    return ok("R-STOCK", "As much stock is there at this moment, and nobody else holds it.")


def _too_much(rule: str, line: Line, left: int, uom: str) -> Check:
    what = "is there and held by nobody else" if rule == "R-STOCK" else "is still open"
    message = f"{line.where} is for more than {what}; up to {quantity_text(left)} {uom} would pass."
    return refuse(rule, message, line=line.place, would_pass=quantity_text(left), uom=uom)
