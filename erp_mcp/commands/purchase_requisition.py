"""`purchase_requisition.create`: a request to buy, which a buyer still has to release and order."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import Final

from erp_mcp.commands import duplicates, sources
from erp_mcp.commands.rows import (
    MaterialRow,
    PlanningRow,
    PurchaseLineRow,
    RequisitionRow,
    SourceRow,
    SupplierRow,
    UnitRow,
)
from erp_mcp.commands.units import STEP, Units, passing, units_of
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
from erp_mcp.domain.call import JsonValue
from erp_mcp.domain.days import shift
from erp_mcp.domain.entities.inventory import Material
from erp_mcp.domain.entities.procurement import Supplier
from erp_mcp.domain.left_to_people import MINIMUM, ORDER_BUDGET
from erp_mcp.domain.operation import CommandFacts, Draft, Operation
from erp_mcp.domain.proposal import Change, Check
from erp_mcp.domain.value import money_text, quantity_text
from erp_mcp.errors import RuleNotEvaluableError


@dataclass(frozen=True, slots=True, kw_only=True)
class _Request:
    """What is asked for, and what is known of the material, its site and its sources."""

    facts: CommandFacts
    material: MaterialRow
    planning: PlanningRow
    status: str | None
    units: Units
    sources: tuple[SourceRow, ...]
    best: SourceRow | None
    site: str
    qty: int
    uom: str
    date: str
    supplier_id: str

    @property
    def source(self) -> SourceRow | None:
        """The source that counts: the preferred supplier's, or the best one where no supplier is asked for."""
        if not self.supplier_id:
            return self.best
        return next((one for one in self.sources if one.supplier_id == self.supplier_id), None)

    @property
    def blocked(self) -> dict[str, bool]:
        """Whether each known supplier of the material is blocked."""
        return _blocked(self.facts)

    @property
    def lead_time_days(self) -> int | None:
        """Days from the request to the delivery, as the source says it, else planning."""
        source = self.source
        return (
            self.planning.lead_time_days if source is None or source.lead_time_days is None else source.lead_time_days
        )


def create(facts: CommandFacts) -> Draft:
    """Work out one purchase requisition.

    Raises:
        RuleRefusedError: `rule.refused`, where there is no such material at the site.
        RuleNotEvaluableError: `rule.not_evaluable`, where a rule lacks its facts: a cost object without budgets among
            them.
    """
    if text_argument(facts, "cost_object"):
        raise RuleNotEvaluableError(
            rule="R-BUDGET",
            missing="budget",
            message="No system gives budgets; without cost_object it would pass.",
        )
    request = _request(facts)
    value = sources.value_of(request.source, request.qty, request.uom, request.units)
    currency = (request.source.currency if request.source else None) or ""
    return Draft(
        system=request.material.system,
        key="",
        version_token="",
        fields=_fields(request),
        document="",
        headline=(
            f"Request {quantity_text(request.qty)} {request.uom} of {request.material.material_id}"
            f" for site {request.site} by {request.date}"
        ),
        changes=tuple(_changes(request)),
        checks=tuple(_checks(request, value)),
        effects=tuple(_effects(request, value, currency)),
        amounts={} if value is None else {"value": money_text(value), "currency": currency},
    )


def _request(facts: CommandFacts) -> _Request:
    need(facts, "R-SOURCE", "sources", "suppliers")
    material, planning = _material(facts)
    found = rows_of(facts, "sources", SourceRow)
    qty = facts.arguments.get("qty")
    return _Request(
        facts=facts,
        material=material,
        planning=planning,
        status=live_record(facts, "materials", material.system, material.source_key, Material).status,
        units=units_of(material.base_uom, rows_of(facts, "units", UnitRow)),
        sources=found,
        best=sources.best(found, _blocked(facts), facts.today),
        site=text_argument(facts, "site"),
        qty=qty if isinstance(qty, int) else 0,
        uom=text_argument(facts, "uom"),
        date=text_argument(facts, "delivery_date"),
        supplier_id=text_argument(facts, "supplier_id"),
    )


def _material(facts: CommandFacts) -> tuple[MaterialRow, PlanningRow]:
    """Return the material and its planning at the site, both of the one system that plans it there."""
    material_id, site = text_argument(facts, "material_id"), text_argument(facts, "site")
    planned = {one.system: one for one in rows_of(facts, "planning", PlanningRow) if one.site == site}
    named = (one for one in rows_of(facts, "materials", MaterialRow) if one.material_id == material_id)
    found = [one for one in named if one.system in planned]
    if not found:
        message = f"No material {material_id} is planned at site {site}; use an id and a site of get_stock."
        raise refused("R-MATERIAL", message, material_id=material_id, site=site)
    if len(found) > 1:
        raise RuleNotEvaluableError(rule="R-MATERIAL", missing="one system that plans it")
    return found[0], planned[found[0].system]


def _blocked(facts: CommandFacts) -> dict[str, bool]:
    return {one.supplier_id: bool(one.blocked) for one in rows_of(facts, "suppliers", SupplierRow)}


def _fields(request: _Request) -> dict[str, JsonValue]:
    return {
        "material_id": request.material.material_id,
        "site": request.site,
        "qty": quantity_text(request.qty),
        "uom": request.uom,
        "delivery_date": request.date,
        "supplier_id": request.supplier_id or None,
        "cost_object": None,
    }


def _changes(request: _Request) -> Iterator[Change]:
    yield Change(field="material_id", before="", after=request.material.material_id)
    yield Change(field="site", before="", after=request.site)
    yield Change(field="qty", before="", after=quantity_text(request.qty), unit=request.uom)
    yield Change(field="delivery_date", before="", after=request.date)
    if request.supplier_id:
        yield Change(field="supplier_id", before="", after=request.supplier_id)


def _checks(request: _Request, value: int | None) -> Iterator[Check]:
    yield _status(request)
    yield _purchasable(request)
    yield from _quantity(request)
    yield _date(request)
    if request.supplier_id:
        yield _supplier(request)
    elif request.best is None:
        yield flag("R-SOURCE", "No usable source of supply is known, so neither price nor lead time is.")
    yield duplicates.check(
        request.facts,
        duplicates.Wanted(units=request.units, qty=request.qty, uom=request.uom, date=request.date),
        rows_of(request.facts, "requisitions", RequisitionRow),
        rows_of(request.facts, "purchase_lines", PurchaseLineRow),
    )
    if value is None and request.source is not None:
        yield flag("R-VALUE", "The source has no price in a unit that can be compared, so the value is not known.")
    yield person(ORDER_BUDGET)
    yield from stale_checks(request.facts)


def _status(request: _Request) -> Check:
    if not request.status:
        raise RuleNotEvaluableError(rule="R-MATERIAL-STATUS", missing="status of the material")
    if request.status != "active":
        message = "The material may not be bought as it stands; propose for one whose status is active."
        return refuse("R-MATERIAL-STATUS", message, status=known(request.status, "blocked", "discontinued"))
    return ok("R-MATERIAL-STATUS", "The material is active in its system at this moment.")


def _purchasable(request: _Request) -> Check:
    if request.planning.procurement == "buy":
        return ok("R-PURCHASABLE", "The material is bought at this site.")
    if request.sources:
        message = "The material is not planned as bought at this site, but has a source of supply."
        return flag("R-PURCHASABLE", message, procurement=known(request.planning.procurement, "make"))
    message = "The material is not bought at this site and has no source of supply; plan its production instead."
    return refuse("R-PURCHASABLE", message, procurement=known(request.planning.procurement, "make"))


def _quantity(request: _Request) -> Iterator[Check]:
    if request.qty <= 0 or request.qty % STEP:
        would = passing(Fraction(max(request.qty, STEP)))
        message = f"The quantity must be above zero with at most three places; {would} {request.uom} would pass."
        yield refuse("R-QTY", message, would_pass=would, uom=request.uom)
        return
    if request.uom not in request.units.factors:
        need(request.facts, "R-UOM", "units")
        units = ", ".join(sorted(request.units.factors))
        message = f"The material has no conversion from {request.uom}; propose in one of: {units}."
        yield refuse("R-UOM", message, known=units, base_uom=request.units.base)
        return
    yield ok("R-UOM", f"The unit is one of the material, whose base unit is {request.units.base}.")
    yield _minimum(request)


def _minimum(request: _Request) -> Check:
    source = request.source
    if source is None or not source.min_order_qty:
        return ok("R-MIN-QTY", "No minimum order quantity is known.")
    unit = source.uom or request.units.base
    ratio = request.units.ratio(unit, request.uom)
    minimum = f"{quantity_text(source.min_order_qty)} {unit}"
    if ratio is None:
        message = f"The minimum order quantity of {minimum} can't be compared with {request.uom}."
        return person(MINIMUM, message, min_order_qty=quantity_text(source.min_order_qty), uom=unit)
    least = source.min_order_qty * ratio
    if request.qty < least:
        would = passing(least)
        message = f"The supplier takes no less than {minimum}; {would} {request.uom} would pass."
        return refuse("R-MIN-QTY", message, would_pass=would, uom=request.uom, supplier_id=source.supplier_id)
    return ok("R-MIN-QTY", f"The minimum order quantity of {minimum} is reached.", supplier_id=source.supplier_id)


def _date(request: _Request) -> Check:
    today, lead = request.facts.today, request.lead_time_days
    earliest = today if lead is None else shift(today, lead)
    if request.date < today:
        message = f"The delivery date has passed; {earliest} would pass."
        return refuse("R-DATE", message, earliest=earliest)
    last = shift(today, MAX_AHEAD_DAYS)
    if request.date > last:
        return refuse("R-DATE", f"The delivery date is more than a year ahead; up to {last} would pass.", latest=last)
    if lead is None:
        return flag("R-LEAD-TIME", "No lead time is known, so whether the date can be met is not known either.")
    if request.date < earliest:
        message = f"The date is before today plus the lead time of {lead} days; {earliest} is the first that fits."
        return flag("R-LEAD-TIME", message, earliest=earliest, lead_time_days=lead)
    return ok("R-LEAD-TIME", f"The lead time of {lead} days fits.", earliest=earliest, lead_time_days=lead)


def _supplier(request: _Request) -> Check:
    instead = request.best.supplier_id if request.best else ""
    hint = f"leave the supplier out or name {instead}" if instead else "leave the supplier out"
    facts: dict[str, str | int] = {"supplier_id": request.supplier_id, **({"instead": instead} if instead else {})}
    wanted = (request.material.system, request.supplier_id)
    rows = [one for one in rows_of(request.facts, "supplier", SupplierRow) if (one.system, one.supplier_id) == wanted]
    if not rows:
        return refuse("R-SUPPLIER", f"There is no supplier {request.supplier_id}; {hint}.", **facts)
    if live_record(request.facts, "supplier", rows[0].system, rows[0].source_key, Supplier).blocked:
        message = f"Supplier {request.supplier_id} is blocked for purchasing; {hint}."
        return refuse("R-SUPPLIER-BLOCKED", message, **facts)
    source = request.source
    if source is None:
        message = f"Supplier {request.supplier_id} has no source of supply for this material at this site."
        return flag("R-SOURCE", message, **facts)
    # Whether the supplier itself is blocked was read from its system a moment ago; that counts.
    if not sources.usable(source, {request.supplier_id: False}, request.facts.today):
        message = f"The source of supplier {request.supplier_id} is blocked or no longer valid; {hint}."
        return refuse("R-SOURCE", message, **facts)
    return ok("R-SOURCE", f"Supplier {request.supplier_id} is an approved source and not blocked.", **facts)


def _effects(request: _Request, value: int | None, currency: str) -> Iterator[str]:
    if value is not None and request.source is not None:
        yield f"Worth {money_text(value)} {currency} at the price of supplier {request.source.supplier_id}."
    yield "Nothing is ordered by it and no supplier is told: a buyer releases the requisition and makes the order."
    yield "No budget is looked at or reserved."
    yield "Undo: close the requisition in its system, as long as it has not become an order."


OPERATION: Final = Operation(
    name="purchase_requisition.create",
    entity="purchase_requisition",
    function=create,
    reads={
        "materials": MaterialRow,
        "planning": PlanningRow,
        "units": UnitRow,
        "sources": SourceRow,
        "suppliers": SupplierRow,
        "supplier": SupplierRow,
        "requisitions": RequisitionRow,
        "purchase_lines": PurchaseLineRow,
    },
    live=("materials", "supplier"),
    irreversible="A requisition is closed by a buyer in the ERP; no tool does that.",
)
