"""The lines of a goods movement: what each is of, what it refers to, and how much that is in each unit."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Final

from erp_mcp.commands import rows, rows_planning
from erp_mcp.commands.holding import live_of
from erp_mcp.commands.units import STEP, Units, units_of
from erp_mcp.commands.verdicts import need, refused, rows_of, text_argument
from erp_mcp.domain.call import Rows, Scalar
from erp_mcp.domain.entities.inventory import Reservation, Stock
from erp_mcp.domain.entities.procurement import PurchaseOrderLine
from erp_mcp.domain.entities.production import ProductionComponent
from erp_mcp.domain.operation import CommandFacts
from erp_mcp.errors import RuleNotEvaluableError

RECEIPT: Final = "receipt_for_po"
ISSUE: Final = "issue_to_order"
TRANSFER: Final = "transfer"
SCRAP: Final = "scrap"

Reference = PurchaseOrderLine | ProductionComponent


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One line. `qty` is in `uom`, the unit of the order line for a receipt, else the base unit; `base_qty` in that."""

    place: int
    system: str
    material_id: str
    lot_id: str
    location: str
    to_location: str
    reference: Reference | None
    qty: int
    uom: str
    base_qty: int
    base_uom: str

    @property
    def where(self) -> str:
        """Where it stands in the arguments."""
        return f"lines[{self.place}]"

    @property
    def reference_line(self) -> str:
        """The line of the order that it refers to, empty where it refers to none."""
        return self.reference.line if self.reference else ""


def lines_of(facts: CommandFacts) -> tuple[Line, ...]:
    """Return the lines with what they refer to.

    Raises:
        RuleRefusedError: `rule.refused`: R-MATERIAL, R-REFERENCE, R-UOM or R-QTY, with the place of the line.
        RuleNotEvaluableError: `rule.not_evaluable`, where conversions or orders can't be looked at.
    """
    given = facts.arguments.get("lines")
    records = given.records() if isinstance(given, Rows) else []
    return tuple(_line(facts, place, record) for place, record in enumerate(records))


def _line(facts: CommandFacts, place: int, record: Mapping[str, Scalar]) -> Line:
    material_id, uom = _text(record, "material_id"), _text(record, "uom")
    material = _material(facts, place, material_id)
    reference = _reference(facts, place, material_id, _text(record, "reference_line"))
    units = units_of(material.base_uom, _units(facts, material_id))
    wanted = reference.uom if isinstance(reference, PurchaseOrderLine) else material.base_uom
    if len({uom, wanted, material.base_uom}) > 1:
        need(facts, "R-UOM", "units")
    asked = record.get("qty")
    given = asked if isinstance(asked, int) else 0
    return Line(
        place=place,
        system=material.system,
        material_id=material_id,
        lot_id=_text(record, "lot_id"),
        location=_text(record, "storage_location_id"),
        to_location=_text(record, "to_location"),
        reference=reference,
        qty=_exact(units, given, uom, wanted, place),
        uom=wanted,
        base_qty=_exact(units, given, uom, material.base_uom, place),
        base_uom=material.base_uom,
    )


def _text(record: Mapping[str, Scalar], name: str) -> str:
    value = record.get(name)
    return value if isinstance(value, str) else ""


def _material(facts: CommandFacts, place: int, material_id: str) -> rows.MaterialRow:
    site = text_argument(facts, "site")
    planned = {
        one.system
        for one in rows_of(facts, "planning", rows_planning.MovedMaterialRow)
        if (one.site, one.material_id) == (site, material_id)
    }
    named = (one for one in rows_of(facts, "materials", rows.MaterialRow) if one.material_id == material_id)
    found = [one for one in named if one.system in planned]
    if not found:
        message = f"No material {material_id} of lines[{place}] is planned at site {site}; see get_stock."
        raise refused("R-MATERIAL", message, line=place, material_id=material_id)
    if len(found) > 1:
        raise RuleNotEvaluableError(rule="R-MATERIAL", missing="one system that plans it")
    return found[0]


def _units(facts: CommandFacts, material_id: str) -> Iterable[rows.UnitRow]:
    for one in rows_of(facts, "units", rows_planning.MaterialUnitRow):
        if one.material_id == material_id:
            yield rows.UnitRow(one.uom, one.base_uom, one.numerator, one.denominator)


def _exact(units: Units, qty: int, uom: str, into: str, place: int) -> int:
    """Return a quantity in another unit: above zero, and with three places at most in it."""
    ratio = units.ratio(uom, into)
    if ratio is None:
        message = f"{uom} of lines[{place}] is no unit of the material; {into} would pass."
        raise refused("R-UOM", message, line=place, uom=uom, would_pass=into)
    exact = Fraction(qty) * ratio
    if exact <= 0 or exact.denominator != 1 or int(exact) % STEP:
        message = f"The quantity of lines[{place}] is not above zero with three places at most in {into}."
        raise refused("R-QTY", message, line=place, uom=into)
    return int(exact)


def _reference(facts: CommandFacts, place: int, material_id: str, named: str) -> Reference | None:
    """Return the line of the order that is received for or issued to."""
    movement, order = text_argument(facts, "movement"), text_argument(facts, "reference_id")
    found: list[Reference]
    if movement == RECEIPT:
        need(facts, "R-REFERENCE", "order_lines")
        all_lines = live_of(facts, "order_lines", PurchaseOrderLine)
        found = [one for one in all_lines if one.purchase_order_id == order]
    elif movement == ISSUE:
        need(facts, "R-REFERENCE", "order", "components")
        parts = live_of(facts, "components", ProductionComponent)
        found = [one for one in parts if one.production_order_id == order]
    else:
        return None
    site = text_argument(facts, "site")
    mine = [one for one in found if (one.material_id, one.site) == (material_id, site) and named in ("", one.line)]
    if not mine:
        message = f"Order {order} has no line at this site for lines[{place}]; name one that has the material."
        raise refused("R-REFERENCE", message, line=place, reference_id=order)
    if len(mine) > 1:
        names = ", ".join(sorted(one.line for one in mine))
        message = f"Order {order} has several lines for lines[{place}]; name one as reference_line: {names}."
        raise refused("R-REFERENCE", message, line=place, reference_id=order)
    return mine[0]


# --- Stock ------------------------------------------------------------------------------------------------------------


def there(facts: CommandFacts, line: Line) -> int:
    """Return the stock of a line's lot at its location, as its system has it now, in the base unit.

    What is scrapped is taken from blocked stock, everything else from unrestricted stock.
    """
    stock_type = "blocked" if text_argument(facts, "movement") == SCRAP else "unrestricted"
    site = text_argument(facts, "site")
    found = [
        one
        for one in live_of(facts, "on_hand", Stock)
        if (one.system, one.material_id, one.site, one.stock_type) == (line.system, line.material_id, site, stock_type)
        and (one.storage_location_id, one.lot_id or "") == (line.location, line.lot_id)
    ]
    if any(one.uom != line.base_uom for one in found):
        raise RuleNotEvaluableError(rule="R-STOCK", missing="stock in the base unit")
    return sum(one.qty for one in found)


def spoken_for(facts: CommandFacts, line: Line) -> int:
    """Return what others than the order that is issued to hold of a line's lot, in the base unit."""
    order = text_argument(facts, "reference_id")
    site = text_argument(facts, "site")
    held = [
        one
        for one in live_of(facts, "held", Reservation)
        if (one.system, one.material_id, one.site, one.lot_id or "")
        == (line.system, line.material_id, site, line.lot_id)
        and (text_argument(facts, "movement") != ISSUE or one.demand_id != order)
    ]
    if any(one.uom != line.base_uom for one in held):
        raise RuleNotEvaluableError(rule="R-STOCK", missing="reservations in the base unit")
    return sum(one.qty for one in held)


def before(lines: Iterable[Line], line: Line) -> int:
    """Return what earlier lines take of the same lot at the same place, in the base unit."""
    taken: defaultdict[tuple[str, str, str], int] = defaultdict(int)
    for one in lines:
        if one.place < line.place:
            taken[one.material_id, one.lot_id, one.location] += one.base_qty
    return taken[line.material_id, line.lot_id, line.location]


def before_for(lines: Iterable[Line], line: Line) -> int:
    """Return what earlier lines bring for the same order line, in its unit."""
    return sum(one.qty for one in lines if one.place < line.place and one.reference_line == line.reference_line)
