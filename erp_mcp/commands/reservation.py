"""`reservation.create`: stock of one lot held for one open order line."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Final

from erp_mcp.commands import holding, rows, rows_planning, told
from erp_mcp.commands.holding import LotOnHand, Need, OnHand
from erp_mcp.commands.impact import PEGGED, compared, ledger_of, needed
from erp_mcp.commands.reservation_release import reservation_back
from erp_mcp.commands.units import STEP, Units, units_of
from erp_mcp.commands.verdicts import (
    MAX_AHEAD_DAYS,
    flag,
    known,
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
from erp_mcp.domain.days import NEVER, days_between, shift
from erp_mcp.domain.entities.inventory import Material
from erp_mcp.domain.left_to_people import SAFETY_STOCK
from erp_mcp.domain.operation import CommandFacts, Draft, Operation, Undo
from erp_mcp.domain.pegging import Hold
from erp_mcp.domain.proposal import Change, Check
from erp_mcp.domain.value import quantity_text
from erp_mcp.errors import RuleNotEvaluableError

LONGEST_DAYS: Final = 14  # stock that is held for longer is told of: nothing ends a reservation by itself


@dataclass(frozen=True, slots=True, kw_only=True)
class _Request:
    """What is asked for, and what of the material is there. Quantities are in its base unit."""

    facts: CommandFacts
    material: rows.MaterialRow
    status: str | None
    safety_stock: int | None
    units: Units
    site: str
    asked: int  # in the unit that was asked in
    uom: str
    need_date: str
    wanted: Need
    held_for: int
    stock: OnHand

    @property
    def exact(self) -> Fraction:
        """The quantity in the base unit, before it is known to be one that can be kept."""
        ratio = self.units.ratio(self.uom, self.units.base)
        return Fraction(self.asked) * ratio if ratio is not None else Fraction(0)

    @property
    def qty(self) -> int:
        """The quantity in the base unit; rules refuse what is not exact."""
        return int(self.exact)

    @property
    def base(self) -> str:
        """The material's base unit."""
        return self.units.base

    @property
    def lot(self) -> LotOnHand | None:
        """The lot that was asked for, else the first to expire that has enough free."""
        named = text_argument(self.facts, "lot_id")
        if named:
            return next((one for one in self.stock.lots if one.lot_id == named), None)
        return next((one for one in self.stock.lots if one.usable(self.need_date) and one.free >= self.qty), None)


def create(facts: CommandFacts) -> Draft:
    """Work out one reservation.

    Raises:
        RuleRefusedError: `rule.refused`, where there is no such material or order line.
        RuleNotEvaluableError: `rule.not_evaluable`, where a rule lacks its facts.
    """
    request = _request(facts)
    checks = [*_checks(request)]
    effects: tuple[str, ...] = ()
    if not any(one.verdict == "refuse" for one in checks):
        found = list(_impact(request))
        checks += [one for one in found if isinstance(one, Check)]
        effects = (*_effects(request), *(one for one in found if isinstance(one, str)))
    wanted, lot = request.wanted, request.lot
    return Draft(
        system=request.material.system,
        key="",
        version_token="",
        fields={
            "material_id": request.material.material_id,
            "site": request.site,
            "lot_id": (lot.lot_id if lot else "") or None,
            "demand_type": wanted.demand_type,
            "demand_id": wanted.demand_id,
            "demand_line": wanted.line,
            "qty": quantity_text(request.qty),
            "uom": request.base,
            "need_date": request.need_date,
        },
        document="",
        headline=(
            f"Reserve {quantity_text(request.qty)} {request.base} of {request.material.material_id} at site"
            f" {request.site} for {told.OWNERS[wanted.demand_type].lower()} {wanted.demand_id}/{wanted.line}"
        ),
        changes=tuple(_changes(request)),
        checks=(*checks, *stale_checks(facts)),
        effects=effects,
    )


def _request(facts: CommandFacts) -> _Request:
    material_id, site = text_argument(facts, "material_id"), text_argument(facts, "site")
    material, planning = material_at(facts, material_id, site)
    units = units_of(material.base_uom, rows_of(facts, "units", rows.UnitRow))
    uom, asked = text_argument(facts, "uom"), facts.arguments.get("qty")
    if uom != units.base:
        need(facts, "R-UOM", "units")
    wanted = _wanted(facts, units, material_id, site)
    held = holding.reservations(facts, material_id, site, system=material.system)
    return _Request(
        facts=facts,
        material=material,
        status=live_record(facts, "materials", material.system, material.source_key, Material).status,
        safety_stock=planning.safety_stock,
        units=units,
        site=site,
        asked=asked if isinstance(asked, int) else 0,
        uom=uom,
        need_date=text_argument(facts, "need_date"),
        wanted=wanted,
        held_for=holding.held_for(held, units, wanted),
        stock=holding.on_hand(facts, units, material_id, site, system=material.system),
    )


def material_at(facts: CommandFacts, material_id: str, site: str) -> tuple[rows.MaterialRow, rows_planning.SafetyRow]:
    """Return a material and its planning at a site, both of the one system that plans it there.

    Raises:
        RuleRefusedError: `rule.refused`, rule R-MATERIAL, where none does.
        RuleNotEvaluableError: `rule.not_evaluable`, where several do.
    """
    planned = {one.system: one for one in rows_of(facts, "planning", rows_planning.SafetyRow) if one.site == site}
    named = (one for one in rows_of(facts, "materials", rows.MaterialRow) if one.material_id == material_id)
    found = [one for one in named if one.system in planned]
    if not found:
        message = f"No material {material_id} is planned at site {site}; use an id and a site of get_stock."
        raise refused("R-MATERIAL", message, material_id=material_id, site=site)
    if len(found) > 1:
        raise RuleNotEvaluableError(rule="R-MATERIAL", missing="one system that plans it")
    return found[0], planned[found[0].system]


def _wanted(facts: CommandFacts, units: Units, material_id: str, site: str) -> Need:
    """Return the one open line of the order that is meant."""
    order, line = text_argument(facts, "demand_id"), text_argument(facts, "demand_line")
    found = [
        one
        for one in holding.needs(facts, units, material_id, site)
        if one.demand_id == order and (not line or one.line == line)
    ]
    if not found:
        message = f"No open line of order {order} needs {material_id} at site {site}; see get_supply_demand."
        raise refused("R-DEMAND", message, demand_id=order)
    if len(found) > 1:
        lines = ", ".join(sorted(one.line for one in found))
        message = f"Several lines of order {order} need {material_id}; name one as demand_line: {lines}."
        raise refused("R-DEMAND", message, demand_id=order)
    return found[0]


# --- Rules ------------------------------------------------------------------------------------------------------------


def _checks(request: _Request) -> Iterator[Check]:
    yield usable_material(request.status)
    quantity = _quantity(request)
    yield quantity
    yield _date(request)
    if quantity.verdict == "refuse":
        return
    yield _needed(request)
    lot = _lot(request)
    yield lot
    if lot.verdict == "refuse":
        return
    yield _free(request)
    yield _first_expired(request)
    yield _end(request)


def usable_material(status: str | None) -> Check:
    """Return whether stock of a material may be used."""
    if not status:
        raise RuleNotEvaluableError(rule="R-MATERIAL-STATUS", missing="status of the material")
    if status == "blocked":
        message = "The material is blocked in its system; propose for one that is not."
        return refuse("R-MATERIAL-STATUS", message, status=known(status, "blocked"))
    return ok("R-MATERIAL-STATUS", "The material is not blocked in its system at this moment.")


def _quantity(request: _Request) -> Check:
    if request.units.ratio(request.uom, request.base) is None:
        message = f"{request.uom} is no unit of the material; {request.base} would pass."
        return refuse("R-UOM", message, uom=request.uom, base_uom=request.base)
    if request.asked <= 0:
        return refuse("R-QTY", "The quantity is not above zero; any above would pass.")
    if request.exact.denominator != 1 or request.qty % STEP:
        message = f"The quantity has more than three places in the base unit {request.base}; give it in {request.base}."
        return refuse("R-QTY", message, base_uom=request.base)
    return ok("R-QTY", f"{quantity_text(request.qty)} {request.base} are above zero and of three places at most.")


def _date(request: _Request) -> Check:
    today, last = request.facts.today, shift(request.facts.today, MAX_AHEAD_DAYS)
    if request.need_date < today:
        return refuse("R-DATE", f"The need date has passed; {today} is the first that would pass.", earliest=today)
    if request.need_date > last:
        return refuse("R-DATE", f"The need date is more than a year ahead; up to {last} would pass.", latest=last)
    return ok("R-DATE", "The need date is neither past nor more than a year ahead.")


def _needed(request: _Request) -> Check:
    left = max(0, request.wanted.qty - request.held_for)
    if request.qty > left:
        message = (
            f"The line still needs {quantity_text(left)} {request.base} that nothing holds; up to that would pass."
        )
        return refuse("R-NEED", message, would_pass=quantity_text(left), uom=request.base)
    return ok("R-NEED", f"The line still needs {quantity_text(left)} {request.base} that nothing holds.")


def _lot(request: _Request) -> Check:
    named, lot = text_argument(request.facts, "lot_id"), request.lot
    if lot is None and named:
        message = f"Lot {named} has no unrestricted stock of the material at this site; see get_stock by lot."
        return refuse("R-LOT", message, lot_id=named)
    if lot is None:
        usable = [one for one in request.stock.lots if one.usable(request.need_date)]
        most = max(usable, key=lambda one: one.free, default=None)
        if most is None or not most.free:
            return refuse("R-LOT", "No lot that may be used has free stock; a later supply is needed, see get_stock.")
        message = f"No single lot has so much free; up to {quantity_text(most.free)} of lot {most.lot_id} would pass."
        return refuse("R-LOT", message, would_pass=quantity_text(most.free), lot_id=most.lot_id)
    if lot.on_hold:
        message = f"Quality notification {lot.on_hold} asks to hold lot {lot.lot_id}; another lot would pass."
        return refuse("R-LOT-HOLD", message, notification_id=lot.on_hold, lot_id=lot.lot_id)
    if not lot.disposition:
        raise RuleNotEvaluableError(rule="R-LOT", missing="disposition of the lot")
    if lot.disposition != holding.USABLE:
        message = f"Lot {lot.lot_id} is not released for use; one whose disposition is UnRestricted would pass."
        return refuse("R-LOT", message, lot_id=lot.lot_id)
    if lot.expiry_date <= request.need_date:
        message = f"Lot {lot.lot_id} expires on {lot.expiry_date}, not after the need date; another lot would pass."
        return refuse("R-EXPIRY", message, lot_id=lot.lot_id, expiry_date=lot.expiry_date)
    return ok("R-LOT", f"Lot {lot.lot_id} may be used, nobody asks to hold it, and it does not expire before.")


def _free(request: _Request) -> Check:
    lot = request.lot
    safety, free = request.safety_stock, request.stock.free(request.need_date)
    left = max(0, min(lot.free if lot else 0, free))
    if request.qty > left:
        message = f"{quantity_text(left)} {request.base} of the lot are held by nobody; up to that would pass."
        return refuse("R-STOCK", message, would_pass=quantity_text(left), uom=request.base)
    if safety is None:
        return person(SAFETY_STOCK)
    above = max(0, free - safety)
    if request.qty > above:
        message = (
            f"{quantity_text(free)} {request.base} are free and {quantity_text(safety)} of them are safety stock; up to"
            f" {quantity_text(min(left, above))} would pass."
        )
        return refuse("R-SAFETY", message, would_pass=quantity_text(min(left, above)), uom=request.base)
    return ok("R-STOCK", f"{quantity_text(free)} {request.base} are free at the site, safety stock is left.")


def _first_expired(request: _Request) -> Check:
    """Return whether another lot should go first; the order is that of expiry, then of lot numbers."""
    lot = request.lot
    earlier = [
        one
        for one in request.stock.lots
        if lot and one.usable(request.need_date) and one.free > 0 and one.expiry_date < lot.expiry_date
    ]
    if earlier and lot:
        message = f"Lot {earlier[0].lot_id} expires earlier, on {earlier[0].expiry_date}, and has free stock."
        return flag("R-FEFO", message, lot_id=earlier[0].lot_id, expiry_date=earlier[0].expiry_date)
    return ok("R-FEFO", "No lot with free stock expires earlier.")


def _end(request: _Request) -> Check:
    """Return how long it binds stock: systems keep no end of a reservation, so the need date is what bounds it."""
    ahead = days_between(request.need_date, request.facts.today)
    if ahead > LONGEST_DAYS:
        message = f"It holds stock for {ahead} days, and nothing ends it by itself; {LONGEST_DAYS} are usual."
        return flag("R-END", message, days=ahead, usual_days=LONGEST_DAYS)
    return ok("R-END", f"It holds stock for no more than {LONGEST_DAYS} days; nothing ends it by itself.")


# --- What follows -----------------------------------------------------------------------------------------------------


def _impact(request: _Request) -> Iterator[Check | str]:
    """Yield the check of who loses what is free now, then its sentences."""
    facts = request.facts
    need(facts, "R-IMPACT", *needed(facts))
    as_is = ledger_of(facts, request.material.material_id, request.site)
    lot_id = request.lot.lot_id if request.lot else ""
    hold = Hold("", request.wanted.key, lot_id, request.qty, request.need_date or NEVER)
    found = compared(facts, as_is, replace(as_is, holds=(*as_is.holds, hold)))
    counts = {"worse": len(found.worse), "better": len(found.better)}
    if found.worse:
        count = told.counted(len(found.worse), "open demand")
        yield flag("R-IMPACT", f"{count} would have less in time or get it later.", **counts)
    else:
        yield ok("R-IMPACT", "No other open demand is hurt.", **counts)
    yield from told.impact(found)


def _changes(request: _Request) -> Iterator[Change]:
    yield Change(field="material_id", before="", after=request.material.material_id)
    yield Change(field="site", before="", after=request.site)
    if request.lot and request.lot.lot_id:
        yield Change(field="lot_id", before="", after=request.lot.lot_id)
    yield Change(field="demand_id", before="", after=request.wanted.demand_id)
    yield Change(field="demand_line", before="", after=request.wanted.line)
    yield Change(field="qty", before="", after=quantity_text(request.qty), unit=request.base)
    yield Change(field="need_date", before="", after=request.need_date)


def _effects(request: _Request) -> Iterator[str]:
    free = request.stock.free(request.need_date)
    yield (
        f"Free at the site for that day: {quantity_text(free - request.qty)} {request.base} instead of"
        f" {quantity_text(free)}."
    )
    yield "Nothing is moved, picked or issued by it."
    yield "Undo: propose to release it, as long as nothing was issued from it."


OPERATION: Final = Operation(
    name="reservation.create",
    entity="reservation",
    function=create,
    reads={
        "materials": rows.MaterialRow,
        "planning": rows_planning.SafetyRow,
        "units": rows.UnitRow,
        "components": rows_planning.RecordRow,
        "sales_lines": rows_planning.RecordRow,
        "on_hand": rows_planning.StockRecordRow,
        "held_lots": rows_planning.RecordRow,
        "holds": rows_planning.HoldRow,
        "held": rows_planning.RecordRow,
        **PEGGED,
    },
    live=("materials", "components", "sales_lines", "on_hand", "held_lots", "held"),
    undo=Undo(
        tool="propose_release_reservation",
        words="The reservation is proposed to be released, as long as it holds all of it.",
        function=reservation_back,
    ),
)
