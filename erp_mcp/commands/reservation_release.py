"""`reservation.release`: stock that is held for an order line is held no more, all of it or a part."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Final

from erp_mcp.commands import rows, rows_planning, told
from erp_mcp.commands.impact import PEGGED, Impact, compared, ledger_of, needed
from erp_mcp.commands.units import STEP
from erp_mcp.commands.verdicts import (
    flag,
    live_record,
    need,
    ok,
    refuse,
    refused,
    rows_of,
    stale_checks,
    text_argument,
)
from erp_mcp.domain.call import JsonValue
from erp_mcp.domain.entities.inventory import Reservation
from erp_mcp.domain.operation import CommandFacts, Draft, Operation, Undoing
from erp_mcp.domain.proposal import Change, Check
from erp_mcp.domain.value import QUANTITY_DIGITS, quantity_text, to_scaled
from erp_mcp.errors import RuleNotEvaluableError

_RUNNING: Final = "Running"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Release:
    """The reservation as its system has it now, and what of it is to be held no more, in its own unit."""

    facts: CommandFacts
    live: Reservation
    qty: int

    @property
    def left(self) -> int:
        """What it holds afterwards."""
        return self.live.qty - self.qty

    @property
    def demand(self) -> str:
        """Who it is held for, in words."""
        line = f"/{self.live.demand_line}" if self.live.demand_line else ""
        owner = told.OWNERS.get(self.live.demand_type, "Order").lower()
        return f"{owner} {self.live.demand_id}{line}"


def release(facts: CommandFacts) -> Draft:
    """Work out the release of one reservation.

    Raises:
        RuleRefusedError: `rule.refused`, where there is no such reservation.
        RuleNotEvaluableError: `rule.not_evaluable`, where a rule lacks its facts.
    """
    case = _case(facts)
    live, checks = case.live, [_quantity(case)]
    effects: tuple[str, ...] = ()
    if checks[0].verdict != "refuse":
        found = _impact(case)
        checks += [*_told(case), told.impact_check(found, by="the release")]
        effects = (*_effects(case), *told.impact(found))
    qty = quantity_text(case.qty)
    return Draft(
        system=live.system,
        key=live.source_key,
        version_token=live.version_token,
        fields={
            "reservation_id": live.reservation_id,
            "qty": qty,
            "uom": live.uom,
            "qty_left": quantity_text(case.left),
        },
        document=live.reservation_id,
        headline=(
            f"Release {qty} {live.uom} of {live.material_id} at site {live.site} that are held for {case.demand}"
        ),
        changes=(Change(field="qty", before=quantity_text(live.qty), after=quantity_text(case.left), unit=live.uom),),
        checks=(*checks, *stale_checks(facts)),
        effects=effects,
        amounts={"material_id": live.material_id, "site": live.site},
    )


def _case(facts: CommandFacts) -> _Release:
    number = text_argument(facts, "reservation_id")
    # A tool file may be an operator's own: whatever its read finds, only what was named is changed.
    all_rows = rows_of(facts, "reservation", rows_planning.ReservationRefRow)
    found = [one for one in all_rows if one.reservation_id == number]
    if not found:
        message = f"There is no reservation {number}; use an id of list_reservations."
        raise refused("R-RESERVATION", message, reservation_id=number)
    if len(found) > 1:
        raise RuleNotEvaluableError(rule="R-RESERVATION", missing="one system that has the reservation")
    live = live_record(facts, "reservation", found[0].system, found[0].source_key, Reservation)
    asked = facts.arguments.get("qty")
    return _Release(facts=facts, live=live, qty=asked if isinstance(asked, int) else live.qty)


# --- Rules ------------------------------------------------------------------------------------------------------------


def _quantity(case: _Release) -> Check:
    """Return whether it holds so much: what was issued or went to another order is not there to be released."""
    live = case.live
    held = quantity_text(max(0, live.qty))
    if live.qty <= 0:
        message = f"Reservation {live.reservation_id} holds nothing any more; one of list_reservations would pass."
        return refuse("R-HELD", message, reservation_id=live.reservation_id)
    if case.qty <= 0 or case.qty % STEP:
        return refuse("R-QTY", "The quantity is not above zero with three places at most.", would_pass=held)
    if case.qty > live.qty:
        message = f"Reservation {live.reservation_id} still holds {held} {live.uom}; up to that would pass."
        return refuse("R-HELD", message, would_pass=held, uom=live.uom)
    return ok("R-HELD", f"Reservation {live.reservation_id} holds {held} {live.uom} at this moment.")


def _told(case: _Release) -> Iterator[Check]:
    """Say what may be under way with the stock: a reservation does not tell what of it was taken in hand."""
    live, facts = case.live, case.facts
    if live.demand_type == "production_order":
        need(facts, "R-PICKED", "made_for")
        orders = rows_of(facts, "made_for", rows_planning.DonorOrderRow)
        running = [one for one in orders if (one.production_order_id, one.request_state) == (live.demand_id, _RUNNING)]
        if running:
            message = f"Production order {live.demand_id} is running and may be about to use it: ask its supervisor."
            yield flag("R-PICKED", message, demand_id=live.demand_id)
            return
    elif facts.rows.get("sales_demand"):
        need(facts, "R-PICKED", "deliveries")
        picked = rows_of(facts, "deliveries", rows.DeliveryRow)
        lines = [one.sales_order_line for one in picked if one.sales_order_id == live.demand_id]
        if lines and live.demand_line in (None, *lines):
            message = f"Stock is picked for {case.demand} and has not left: ask the warehouse whether it is this stock."
            yield flag("R-PICKED", message, demand_id=live.demand_id)
            return
    yield ok("R-PICKED", "Nothing is picked for the order line, and no order is running that uses the stock.")


def _impact(case: _Release) -> Impact:
    facts, live = case.facts, case.live
    need(facts, "R-IMPACT", *needed(facts), "reservations")
    copied = ledger_of(facts, live.material_id, live.site)
    mine = next((one for one in copied.holds if one.reservation_id == live.reservation_id), None)
    if mine is None:
        raise RuleNotEvaluableError(rule="R-IMPACT", missing="the reservation among the copied ones")
    others = tuple(one for one in copied.holds if one is not mine)
    as_is = replace(copied, holds=(*others, mine._replace(qty=live.qty)))
    left = (mine._replace(qty=case.left),) if case.left else ()
    return compared(facts, as_is, replace(copied, holds=(*others, *left)))


# --- What follows -----------------------------------------------------------------------------------------------------


def _effects(case: _Release) -> Iterator[str]:
    live = case.live
    lot = f" of lot {live.lot_id}" if live.lot_id else ""
    yield f"{quantity_text(case.qty)} {live.uom}{lot} are free for others afterwards."
    yield "Nothing is moved or issued by it, and nobody who waits for it is told."
    yield "Undo: propose to reserve it again, as long as it is free."


# --- The way back of what was reserved --------------------------------------------------------------------------------

_SAME: Final = ("material_id", "site", "lot_id", "demand_type", "demand_id", "demand_line", "uom")


def reservation_back(undoing: Undoing) -> Mapping[str, JsonValue]:
    """Return the call that releases what was reserved, all of it.

    Raises:
        RuleRefusedError: `rule.refused`, rule R-UNDO-CHANGED: it holds another quantity by now, of what was issued or
            given to another order in between, or is held for somebody else.
    """
    live, fields = undoing.live, undoing.command.fields
    if not isinstance(live, Reservation) or any(getattr(live, name) != fields.get(name) for name in _SAME):
        raise refused("R-UNDO-CHANGED", "The reservation is for something else by now; a planner looks at it.")
    written, held = to_scaled(str(fields["qty"]), QUANTITY_DIGITS), max(0, live.qty)
    if held != written:
        passing = f"; a release of {quantity_text(held)} {live.uom} would pass" if held else ""
        message = f"It holds {quantity_text(held)} {live.uom} by now and not {fields['qty']}{passing}."
        raise refused("R-UNDO-CHANGED", message, reservation_id=live.reservation_id, would_pass=quantity_text(held))
    return {"reservation_id": live.reservation_id, "qty": fields["qty"]}


OPERATION: Final = Operation(
    name="reservation.release",
    entity="reservation",
    function=release,
    reads={
        "reservation": rows_planning.ReservationRefRow,
        "made_for": rows_planning.DonorOrderRow,
        **PEGGED,
    },
    live=("reservation",),
    irreversible="What was released is reserved again by a proposal of its own, as long as the stock is free.",
)
