"""`purchase_order_line.create`: a purchase order of up to fifty lines, which waits for its release in the system."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Final

from erp_mcp.commands import buying_lines, duplicates, rows, rows_buying
from erp_mcp.commands.buying_lines import BuyingLine, over_lines
from erp_mcp.commands.requisition_refs import Reference, reference_checks, references
from erp_mcp.commands.verdicts import (
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
from erp_mcp.domain.call import JsonValue, Rows
from erp_mcp.domain.entities.inventory import Material
from erp_mcp.domain.entities.procurement import PurchaseOrderLine, Supplier, SupplySource
from erp_mcp.domain.left_to_people import ORDER_BUDGET, ORDER_TERMS, SANCTIONS
from erp_mcp.domain.operation import CommandFacts, Draft, Operation, Undo, Undoing
from erp_mcp.domain.parameters import PRICE_OFF_SOURCE
from erp_mcp.domain.proposal import Change, Check
from erp_mcp.domain.value import money_text, quantity_text
from erp_mcp.errors import RuleNotEvaluableError


@dataclass(frozen=True, slots=True, kw_only=True)
class _Order:
    """What is to be ordered, and where."""

    facts: CommandFacts
    system: str
    supplier: Supplier
    site: str
    lines: tuple[BuyingLine, ...]
    references: tuple[Reference, ...]

    @property
    def currencies(self) -> set[str]:
        """Currencies of the sources; empty where one has none."""
        return {(one.source.currency if one.source else None) or "" for one in self.lines}

    @property
    def currency(self) -> str:
        """The one currency of all lines, empty where there are several or none."""
        return next(iter(self.currencies)) if len(self.currencies) == 1 else ""


def create(facts: CommandFacts) -> Draft:
    """Work out one purchase order.

    Raises:
        RuleRefusedError: `rule.refused`, where supplier or material is not there.
        RuleNotEvaluableError: `rule.not_evaluable`, where a rule lacks its facts.
    """
    order = _order(facts)
    value, currency = buying_lines.total(order.lines), order.currency
    return Draft(
        system=order.system,
        key="",
        version_token="",
        fields=_fields(order),
        document="",
        headline=(
            f"Order {len(order.lines)} {'line' if len(order.lines) == 1 else 'lines'} from supplier"
            f" {order.supplier.supplier_id} for site {order.site}, {money_text(value)} {currency or 'in all'}"
        ),
        changes=tuple(_changes(order)),
        checks=tuple(_checks(order)),
        effects=tuple(_effects(order)),
        amounts={"value": money_text(value), "currency": currency} if currency else {},
    )


# --- What is asked for ------------------------------------------------------------------------------------------------


def _order(facts: CommandFacts) -> _Order:
    need(facts, "R-SOURCE", "sources")
    need(facts, "R-UOM", "units")
    supplier_id, site = text_argument(facts, "supplier_id"), text_argument(facts, "site")
    system, supplier = _supplier(facts, supplier_id)
    lines = tuple(_lines(facts, system, supplier_id, site))
    return _Order(
        facts=facts,
        system=system,
        supplier=supplier,
        site=site,
        lines=lines,
        references=references(facts, system),
    )


def _supplier(facts: CommandFacts, supplier_id: str) -> tuple[str, Supplier]:
    found = [one for one in rows_of(facts, "supplier", rows.SupplierRow) if one.supplier_id == supplier_id]
    if not found:
        message = f"There is no supplier {supplier_id}; use an id of list_supply_sources."
        raise refused("R-SUPPLIER", message, supplier_id=supplier_id)
    if len(found) > 1:
        raise RuleNotEvaluableError(rule="R-SUPPLIER", missing="one system that has the supplier")
    return found[0].system, live_record(facts, "supplier", found[0].system, found[0].source_key, Supplier)


def _lines(facts: CommandFacts, system: str, supplier_id: str, site: str) -> Iterator[BuyingLine]:
    asked = facts.arguments.get("lines")
    planned = {one.material_id: one for one in _planning(facts, system, site)}
    bases = {one.material_id: one.base_uom for one in _materials(facts, system)}
    units = buying_lines.units_by_material(bases, rows_of(facts, "units", rows_buying.UnitLineRow))
    sources = _sources(facts, system, supplier_id, site)
    for number, row in enumerate(asked.records() if isinstance(asked, Rows) else (), start=1):
        material_id, price, qty = str(row["material_id"]), row.get("price"), row["qty"]
        if material_id not in bases or material_id not in planned:
            message = f"Line {number}: no material {material_id} is planned at site {site}; use an id of get_stock."
            raise refused("R-MATERIAL", message, line=number, material_id=material_id, site=site)
        yield BuyingLine(
            number=number,
            material_id=material_id,
            qty=qty if isinstance(qty, int) else 0,
            uom=str(row["uom"]),
            date=str(row["delivery_date"]),
            asked_price=price if isinstance(price, int) else None,
            source=sources.get(material_id),
            units=units[material_id],
            lead_time_days=planned[material_id].lead_time_days,
        )


def _materials(facts: CommandFacts, system: str) -> Iterator[rows.MaterialRow]:
    return (one for one in rows_of(facts, "materials", rows.MaterialRow) if one.system == system)


def _planning(facts: CommandFacts, system: str, site: str) -> Iterator[rows_buying.PlanningLineRow]:
    found = rows_of(facts, "planning", rows_buying.PlanningLineRow)
    return (one for one in found if (one.system, one.site) == (system, site))


def _sources(facts: CommandFacts, system: str, supplier_id: str, site: str) -> dict[str, SupplySource]:
    """Return the supplier's sources by material, as their system has them now; one that is gone is none."""
    wanted = {
        one.source_key
        for one in rows_of(facts, "sources", rows_buying.SourceKeyRow)
        if (one.system, one.supplier_id, one.site) == (system, supplier_id, site)
    }
    return {
        one.material_id: one
        for one in facts.live.get("sources", ())
        if isinstance(one, SupplySource) and one.system == system and one.source_key in wanted
    }


# --- Rules ------------------------------------------------------------------------------------------------------------


def _checks(order: _Order) -> Iterator[Check]:
    lines, today = order.lines, order.facts.today
    yield _supplier_check(order.supplier)
    yield from _material_checks(order)
    yield from over_lines("R-QTY", lines, buying_lines.quantity, "Quantities are above zero.")
    source = partial(buying_lines.source, site=order.site, today=today)
    yield from over_lines("R-SOURCE", lines, source, "The supplier is an approved source of each material.")
    yield from over_lines("R-UOM", lines, buying_lines.unit, "Each unit is the one that the source's price is for.")
    yield from over_lines("R-MIN-QTY", lines, buying_lines.minimum, "No line is below a minimum order quantity.")
    price = partial(buying_lines.price, percent=order.facts.of(PRICE_OFF_SOURCE))
    yield from over_lines("R-PRICE", lines, price, "Prices are those of the sources, or near them.")
    yield _currency(order)
    yield from over_lines("R-DATE", lines, partial(buying_lines.date, today=today), "No day is past or too far ahead.")
    lead_time = partial(buying_lines.lead_time, today=today)
    yield from over_lines("R-LEAD-TIME", lines, lead_time, "The lead times fit.")
    yield from reference_checks(order.references, lines, order.site)
    yield from _duplicates(order)
    yield from not_looked_at()
    yield from stale_checks(order.facts)


def _supplier_check(supplier: Supplier) -> Check:
    if supplier.blocked is None:
        raise RuleNotEvaluableError(rule="R-SUPPLIER-BLOCKED", missing="whether the supplier is blocked")
    if supplier.blocked:
        message = f"Supplier {supplier.supplier_id} is blocked for purchasing; one that is not would pass."
        return refuse("R-SUPPLIER-BLOCKED", message, supplier_id=supplier.supplier_id)
    return ok("R-SUPPLIER-BLOCKED", "The supplier is not blocked in its system at this moment.")


def _material_checks(order: _Order) -> Iterator[Check]:
    living = {one.material_id: one for one in order.facts.live.get("materials", ()) if isinstance(one, Material)}
    planned = {one.material_id: one.procurement for one in _planning(order.facts, order.system, order.site)}

    def look(line: BuyingLine) -> Check | None:
        status = living[line.material_id].status if line.material_id in living else None
        if not status:
            raise RuleNotEvaluableError(rule="R-MATERIAL-STATUS", missing="status of the material")
        if status == "active":
            return None
        message = f"{line.name}: the material may not be bought as it stands; one whose status is active would pass."
        return refuse("R-MATERIAL-STATUS", message, line=line.number, status=known(status, "blocked", "discontinued"))

    def purchasable(line: BuyingLine) -> Check | None:
        if planned[line.material_id] == "buy":
            return None
        return flag("R-PURCHASABLE", f"{line.name}: the material is not planned as bought here.", line=line.number)

    yield from over_lines("R-MATERIAL-STATUS", order.lines, look, "All materials are active at this moment.")
    yield from over_lines("R-PURCHASABLE", order.lines, purchasable, "All materials are bought at this site.")


def _currency(order: _Order) -> Check:
    if order.currency:
        return ok("R-CURRENCY", f"All prices are in {order.currency}.")
    if all(one.source for one in order.lines) and "" in order.currencies:
        raise RuleNotEvaluableError(rule="R-CURRENCY", missing="currency of the source")
    message = "The sources' prices are in several currencies; one order for each would pass."
    return refuse("R-CURRENCY", message, currencies=", ".join(sorted(order.currencies - {""})))


def _duplicates(order: _Order) -> Iterator[Check]:
    """Tell the approver what is open already: an order may well be wanted beside it."""
    named = {(one.requisition_id, one.line) for one in order.references}
    requested = rows_of(order.facts, "requisitions", rows_buying.OpenRequisitionRow)
    ordered = rows_of(order.facts, "purchase_lines", rows_buying.OpenPurchaseRow)

    def look(line: BuyingLine) -> Check | None:
        wanted = duplicates.Wanted(units=line.units, qty=line.qty, uom=line.uom, date=line.date)
        beside = (
            rows.RequisitionRow(*one[1:])
            for one in requested
            if one.material_id == line.material_id and (one.requisition_id, one.line) not in named
        )
        open_lines = (rows.PurchaseLineRow(*one[1:]) for one in ordered if one.material_id == line.material_id)
        found = duplicates.check(order.facts, wanted, beside, open_lines)
        if found.verdict == "ok":
            return None
        message = f"{line.name}: something open covers it or comes near it, {found.facts['document']}."
        return flag(duplicates.RULE, message, **{**found.facts, "order_line": line.number})

    yield from over_lines(duplicates.RULE, order.lines, look, "Nothing open covers a line or comes near it.")


def not_looked_at() -> Iterator[Check]:
    """Say what no system tells, so that nobody takes silence for a yes."""
    yield person(SANCTIONS)
    yield person(ORDER_BUDGET)
    yield person(ORDER_TERMS)


# --- What a person sees -----------------------------------------------------------------------------------------------


def _fields(order: _Order) -> dict[str, JsonValue]:
    lines: list[JsonValue] = [
        {
            "material_id": one.material_id,
            "qty": quantity_text(one.qty),
            "uom": one.uom,
            "price": money_text(one.price or 0),
            "price_unit": one.price_unit,
            "delivery_date": one.date,
        }
        for one in order.lines
    ]
    taken: list[JsonValue] = [
        {"requisition_id": one.requisition_id, "line": one.line, "version": one.version} for one in order.references
    ]
    supplier_id = order.supplier.supplier_id
    fields: dict[str, JsonValue] = {"supplier_id": supplier_id, "site": order.site, "currency": order.currency}
    return {**fields, "lines": lines, "requisitions": taken}


def _changes(order: _Order) -> Iterator[Change]:
    yield Change(field="supplier_id", before="", after=order.supplier.supplier_id)
    yield Change(field="site", before="", after=order.site)
    for place, one in enumerate(order.lines):
        per = f"{order.currency} per {one.price_unit} {one.uom}".strip()
        yield Change(field=f"lines[{place}].material_id", before="", after=one.material_id)
        yield Change(field=f"lines[{place}].qty", before="", after=quantity_text(one.qty), unit=one.uom)
        yield Change(field=f"lines[{place}].price", before="", after=money_text(one.price or 0), unit=per)
        yield Change(field=f"lines[{place}].delivery_date", before="", after=one.date)
    for taken in order.references:
        yield Change(field=f"requisition {taken.requisition_id}/{taken.line}", before="open", after="converted")


def _effects(order: _Order) -> Iterable[str]:
    yield f"Worth {money_text(buying_lines.total(order.lines))} {order.currency} without taxes."
    yield "The order waits for its release in the system, and no supplier is told: a buyer sends it."
    if order.references:
        yield f"Requisition lines that become this order and are closed by it: {len(order.references)}."
    yield "No budget is reserved."
    yield "Undo: cancel the order as long as nothing of it has arrived; a supplier who was told must be told again."


# --- The way back -----------------------------------------------------------------------------------------------------


def way_back(undoing: Undoing) -> dict[str, JsonValue]:
    """Return the call that cancels the order; the cancellation looks at each line itself.

    Raises:
        RuleRefusedError: `rule.refused`: the first line is not open any more, something of it has arrived, or the
            supplier has confirmed it.
    """
    live = undoing.live
    if not isinstance(live, PurchaseOrderLine) or live.order_state != "open" or live.qty_received > 0:
        raise refused(
            "R-UNDO-CHANGED", "The order is closed, or something has arrived; propose for what is left of it."
        )
    if live.confirmed:
        message = (
            "The supplier has confirmed it: a buyer agrees the end of it with them, then propose_cancel_purchase_order."
        )
        raise refused("R-UNDO-CONFIRMED", message, purchase_order_id=undoing.written.document)
    return {"purchase_order_id": undoing.written.document, "cancel_reason": "wrong_order"}


OPERATION: Final = Operation(
    name="purchase_order_line.create",
    entity="purchase_order_line",
    function=create,
    reads={
        "supplier": rows.SupplierRow,
        "materials": rows.MaterialRow,
        "planning": rows_buying.PlanningLineRow,
        "units": rows_buying.UnitLineRow,
        "sources": rows_buying.SourceKeyRow,
        "references": rows_buying.RequisitionKeyRow,
        "requisitions": rows_buying.OpenRequisitionRow,
        "purchase_lines": rows_buying.OpenPurchaseRow,
    },
    live=("supplier", "materials", "sources", "references"),
    undo=Undo(
        tool="propose_cancel_purchase_order",
        words="The whole order is proposed to be cancelled, until the supplier has confirmed it or something has come;"
        " requisitions that became it stay closed.",
        function=way_back,
    ),
)
