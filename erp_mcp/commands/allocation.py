"""`reservation.move`: stock that is held for one order is held for another instead; in all as much stays held."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Final, NamedTuple

from erp_mcp.commands import holding, moving, rows, rows_planning, told
from erp_mcp.commands.impact import PEGGED, Impact, compared, ledger_of, needed
from erp_mcp.commands.moving import Part
from erp_mcp.commands.reservation import material_at, usable_material
from erp_mcp.commands.units import STEP, Units, units_of
from erp_mcp.commands.verdicts import (
    live_record,
    need,
    ok,
    person,
    refuse,
    refused,
    rows_of,
    stale_checks,
    text_argument,
)
from erp_mcp.domain.call import JsonValue, Rows
from erp_mcp.domain.days import NEVER
from erp_mcp.domain.entities.inventory import Lot, Material, Reservation
from erp_mcp.domain.left_to_people import CUSTOMER_CONTRACT, PRIORITY
from erp_mcp.domain.operation import CommandFacts, Draft, Operation
from erp_mcp.domain.pegging import Hold
from erp_mcp.domain.proposal import Change, Check
from erp_mcp.domain.value import quantity_text
from erp_mcp.errors import RuleNotEvaluableError

_RANKS: Final = ("A", "B", "C")  # of customers, the most important first


class Wish(NamedTuple):
    """One move as it was asked for, in the base unit."""

    from_demand: str
    to_demand: str
    to_line: str
    qty: int


@dataclass(frozen=True, slots=True, kw_only=True)
class _Case:
    """What is to move, and who holds the material now."""

    facts: CommandFacts
    material: rows.MaterialRow
    status: str | None
    units: Units
    site: str
    wishes: tuple[Wish, ...]
    held: tuple[Reservation, ...]
    needs: tuple[holding.Need, ...]


def move(facts: CommandFacts) -> Draft:
    """Work out which reservations become smaller and which are made instead.

    Raises:
        RuleRefusedError: `rule.refused`, where a move can't be worked out at all: no such material, donor or receiver.
        RuleNotEvaluableError: `rule.not_evaluable`, where a rule lacks its facts.
    """
    case = _case(facts)
    checks = [usable_material(case.status), *_wish_checks(case)]
    for one in checks:
        if one.verdict == "refuse":  # then nothing can be worked out that people could look at
            raise refused(one.rule, one.message, **one.facts)
    parts = moving.parts(case.wishes, case.needs, case.held, case.units)
    checks += [*_part_checks(case, parts)]
    effects: tuple[str, ...] = ()
    if not any(one.verdict == "refuse" for one in checks):
        found = _impact(case, parts)
        checks += [told.impact_check(found, by="the move")]
        effects = (*told.impact(found), *_effects())
    leading = parts[0].held
    total = sum(one.qty for one in parts)
    return Draft(
        system=leading.system,
        key=leading.source_key,
        version_token=leading.version_token,
        fields=_fields(case, parts),
        document=leading.reservation_id,
        headline=(
            f"Move {quantity_text(total)} {case.units.base} of {case.material.material_id} at site {case.site} from"
            f" {_orders(one.from_demand for one in case.wishes)} to {_orders(one.to_demand for one in case.wishes)}"
        ),
        changes=tuple(_changes(case, parts)),
        checks=(*checks, *stale_checks(facts)),
        effects=effects,
    )


def _case(facts: CommandFacts) -> _Case:
    material_id, site = text_argument(facts, "material_id"), text_argument(facts, "site")
    material, _ = material_at(facts, material_id, site)
    units = units_of(material.base_uom, rows_of(facts, "units", rows.UnitRow))
    held = holding.reservations(facts, material_id, site, system=material.system)
    if any(one.uom != units.base for one in held):
        raise RuleNotEvaluableError(rule="R-DONOR", missing="reservations in the base unit")
    return _Case(
        facts=facts,
        material=material,
        status=live_record(facts, "materials", material.system, material.source_key, Material).status,
        units=units,
        site=site,
        wishes=_wishes(facts),
        held=held,
        needs=holding.needs(facts, units, material_id, site),
    )


def _wishes(facts: CommandFacts) -> tuple[Wish, ...]:
    given = facts.arguments.get("moves")
    records = given.records() if isinstance(given, Rows) else []
    return tuple(
        Wish(
            from_demand=str(one["from_demand"]),
            to_demand=str(one["to_demand"]),
            to_line=str(one.get("to_line") or ""),
            qty=one["qty"] if isinstance(one["qty"], int) else 0,
        )
        for one in records
    )


def _orders(ids: Iterator[str]) -> str:
    first, *others = dict.fromkeys(ids)
    return f"order {first}" if not others else f"order {first} and {told.counted(len(others), 'other')}"


# --- Rules ------------------------------------------------------------------------------------------------------------


def _wish_checks(case: _Case) -> Iterator[Check]:
    for place, one in enumerate(case.wishes):
        if one.from_demand == one.to_demand:
            message = f"moves[{place}] gives an order its own stock; two different orders would pass."
            yield refuse("R-MOVES", message, move=place)
            return
        if one.qty <= 0 or one.qty % STEP:
            message = f"The quantity of moves[{place}] is not above zero with three places at most."
            yield refuse("R-QTY", message, move=place)
            return
    givers, takers = {one.from_demand for one in case.wishes}, {one.to_demand for one in case.wishes}
    both = sorted(givers & takers)
    if both:
        message = f"Order {both[0]} both gives and takes; leave out what goes through it."
        yield refuse("R-MOVES", message, demand_id=both[0])
        return
    yield ok("R-MOVES", f"{told.counted(len(case.wishes), 'move')}; no order both gives and takes.")


def _part_checks(case: _Case, parts: tuple[Part, ...]) -> Iterator[Check]:
    total = quantity_text(sum(one.qty for one in parts))
    yield ok("R-SUM", f"As much is held afterwards as before: {total} {case.units.base} change hands.")
    yield _picked(case)
    yield _lots(case, parts)
    yield _priority(case)
    yield person(CUSTOMER_CONTRACT)


def _picked(case: _Case) -> Check:
    """Return whether nothing is picked for a donor, nor is one being made just now."""
    need(case.facts, "R-PICKED", "deliveries", "made_for")
    givers = {one.from_demand for one in case.wishes}
    picked = [one for one in rows_of(case.facts, "deliveries", rows.DeliveryRow) if one.sales_order_id in givers]
    if picked:
        first = picked[0].sales_order_id
        return refuse(
            "R-PICKED", f"Stock of order {first} is picked already; another donor would pass.", demand_id=first
        )
    orders = rows_of(case.facts, "made_for", rows_planning.DonorOrderRow)
    running = [one for one in orders if one.production_order_id in givers and one.request_state == "Running"]
    if running:
        first = running[0].production_order_id
        message = f"Production order {first} is running and uses its stock; another donor would pass."
        return refuse("R-PICKED", message, demand_id=first)
    return ok("R-PICKED", "Nothing is picked for a donor, and none of them is running.")


def _lots(case: _Case, parts: tuple[Part, ...]) -> Check:
    """Return whether the lots that change hands may be used when the receivers need them."""
    need(case.facts, "R-LOT", "held_lots", "holds")
    lots = {one.lot_id: one for one in holding.live_of(case.facts, "held_lots", Lot)}
    held = {one.lot_id: one.notification_id for one in rows_of(case.facts, "holds", rows_planning.HoldRow)}
    for part in parts:
        lot_id = part.held.lot_id
        if not lot_id:
            continue
        lot = lots.get(lot_id)
        if lot is None or not lot.lot_disposition:
            raise RuleNotEvaluableError(rule="R-LOT", missing="disposition of the lot")
        until = max(part.to.need_date, case.facts.today)
        if lot.lot_disposition != holding.USABLE or lot_id in held or (lot.expiry_date or NEVER) <= until:
            message = (
                f"Lot {lot_id} is on hold, not released, or expired by {until}; stock of another donor would pass."
            )
            return refuse("R-LOT", message, lot_id=lot_id)
    return ok("R-LOT", "The lots may be used and do not expire before they are needed.")


def _priority(case: _Case) -> Check:
    """Return whether no stock goes from a more important customer to a less important one."""
    ranks = _ranks(case.facts)
    unknown: list[str] = []
    for one in case.wishes:
        giver, taker = ranks.get(one.from_demand), ranks.get(one.to_demand)
        if giver is None or taker is None:
            unknown += [order for order in (one.from_demand, one.to_demand) if order not in ranks]
        elif giver < taker:
            message = (
                f"Order {one.from_demand} is for a customer of class {_RANKS[giver]}, order {one.to_demand} for one of"
                f" class {_RANKS[taker]}; a donor of class {_RANKS[taker]} or below would pass."
            )
            return refuse("R-PRIORITY", message, from_demand=one.from_demand, to_demand=one.to_demand)
    if unknown:
        message = f"How important the customer of order {unknown[0]} is, is not known."
        return person(PRIORITY, message, demand_id=unknown[0], orders=len(set(unknown)))
    return ok("R-PRIORITY", "No customer gives to a less important one.")


def _ranks(facts: CommandFacts) -> dict[str, int]:
    """Return how important the customer of each order is, where that is known; 0 is the most important."""
    both = (
        *rows_of(facts, "sold_priorities", rows_planning.PriorityRow),
        *rows_of(facts, "made_priorities", rows_planning.PriorityRow),
    )
    return {one.order_id: _RANKS.index(one.priority) for one in both if one.priority in _RANKS}


# --- What follows -----------------------------------------------------------------------------------------------------


def _impact(case: _Case, parts: tuple[Part, ...]) -> Impact:
    need(case.facts, "R-IMPACT", *needed(case.facts), "reservations")
    as_is = ledger_of(case.facts, case.material.material_id, case.site)
    left = {one.reservation_id: one for one in as_is.holds}
    taken: list[Hold] = []
    for part in parts:
        hold = left.get(part.held.reservation_id)
        if hold is None or hold.qty < part.qty:
            raise RuleNotEvaluableError(rule="R-IMPACT", missing="the reservations among the copied ones")
        left[hold.reservation_id] = hold._replace(qty=hold.qty - part.qty)
        taken.append(
            Hold(f"~{len(taken):03}", part.to.key, part.held.lot_id or "", part.qty, part.to.need_date or NEVER)
        )
    return compared(case.facts, as_is, replace(as_is, holds=(*left.values(), *taken)))


def _effects() -> Iterator[str]:
    yield "The sales owner of the order that gives is not asked by this: agree with them before you approve."
    yield "Nothing is moved, picked or issued by it, and no customer is told."
    yield "Undo: propose the same moves the other way round, as long as nothing was issued."


def _fields(case: _Case, parts: tuple[Part, ...]) -> dict[str, JsonValue]:
    lines: list[JsonValue] = [
        {
            "reservation_id": one.held.reservation_id,
            "demand_type": one.to.demand_type,
            "demand_id": one.to.demand_id,
            "demand_line": one.to.line,
            "qty": quantity_text(one.qty),
            "need_date": one.to.need_date or case.facts.today,
        }
        for one in parts
    ]
    versions: dict[str, JsonValue] = {
        one.held.source_key: one.held.version_token for one in parts if one.held is not parts[0].held
    }
    return {
        "material_id": case.material.material_id,
        "site": case.site,
        "uom": case.units.base,
        "lines": lines,
        "versions": versions,
    }


def _changes(case: _Case, parts: tuple[Part, ...]) -> Iterator[Change]:
    unit = case.units.base
    for held in dict.fromkeys(one.held for one in parts):
        gone = sum(one.qty for one in parts if one.held is held)
        before, after = quantity_text(held.qty), quantity_text(held.qty - gone)
        yield Change(field=f"{held.demand_id}/{held.reservation_id}/qty", before=before, after=after, unit=unit)
    for to in dict.fromkeys(one.to for one in parts):
        more = sum(one.qty for one in parts if one.to == to)
        there = holding.held_for(case.held, case.units, to)
        before, after = quantity_text(there), quantity_text(there + more)
        yield Change(field=f"{to.demand_id}/{to.line}/reserved", before=before, after=after, unit=unit)


OPERATION: Final = Operation(
    name="reservation.move",
    entity="reservation",
    function=move,
    reads={
        "materials": rows.MaterialRow,
        "planning": rows_planning.SafetyRow,
        "units": rows.UnitRow,
        "components": rows_planning.RecordRow,
        "sales_lines": rows_planning.RecordRow,
        "held": rows_planning.HeldRow,
        "held_lots": rows_planning.RecordRow,
        "holds": rows_planning.HoldRow,
        "made_for": rows_planning.DonorOrderRow,
        "sold_priorities": rows_planning.PriorityRow,
        "made_priorities": rows_planning.PriorityRow,
        **PEGGED,
    },
    live=("materials", "components", "sales_lines", "held", "held_lots"),
    irreversible="What was moved is moved back by a proposal of its own with the moves the other way round.",
)
