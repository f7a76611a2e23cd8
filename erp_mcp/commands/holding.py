"""What is free of a material at one site, lot by lot, and which open order lines need it, as systems have it now.

Free is unrestricted stock of a lot that may be used and that nobody has asked to hold, less what reservations hold of
it, in the material's base unit.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Final, NamedTuple, TypeVar

from erp_mcp.commands.rows import DeliveryRow
from erp_mcp.commands.rows_planning import HoldRow
from erp_mcp.commands.units import Units, whole
from erp_mcp.commands.verdicts import need, rows_of
from erp_mcp.domain.days import NEVER
from erp_mcp.domain.entities import Record
from erp_mcp.domain.entities.inventory import Lot, Reservation, Stock
from erp_mcp.domain.entities.orders import SalesOrderLine
from erp_mcp.domain.entities.production import ProductionComponent
from erp_mcp.domain.operation import CommandFacts
from erp_mcp.errors import RuleNotEvaluableError

USABLE: Final = "UnRestricted"
_Entity = TypeVar("_Entity", bound=Record)


class Need(NamedTuple):
    """An open order line that needs the material: what it still needs, in the base unit."""

    demand_type: str
    demand_id: str
    line: str
    qty: int
    need_date: str

    @property
    def key(self) -> str:
        """The demand's key in pegging."""
        return f"{self.demand_type}/{self.demand_id}/{self.line}"


class LotOnHand(NamedTuple):
    """A lot with unrestricted stock. `lot_id` is empty for stock that is kept without lots."""

    lot_id: str
    qty: int
    held: int
    disposition: str
    expiry_date: str
    on_hold: str  # the quality notification that asks for it

    @property
    def free(self) -> int:
        """What no reservation holds."""
        return max(0, self.qty - self.held)

    def usable(self, until: str) -> bool:
        """Return whether it may be used, on every day until and with `until`."""
        return self.disposition == USABLE and not self.on_hold and self.expiry_date > until


@dataclass(frozen=True, slots=True, kw_only=True)
class OnHand:
    """All lots of the material at the site, first expired first, then by number."""

    lots: tuple[LotOnHand, ...]
    held_of_any: int  # by reservations that name no lot

    def free(self, until: str) -> int:
        """Return what may be held for a day."""
        return max(0, sum(one.free for one in self.lots if one.usable(until)) - self.held_of_any)


def live_of(facts: CommandFacts, read: str, entity: type[_Entity]) -> Iterator[_Entity]:
    """Return all records of one read as their systems have them now."""
    return (one for one in facts.live.get(read, ()) if isinstance(one, entity))


def in_base(units: Units, qty: int, uom: str, rule: str) -> int:
    """Return a quantity in the base unit, rounded down.

    Raises:
        RuleNotEvaluableError: `rule.not_evaluable`, where the conversion is not known.
    """
    ratio = units.ratio(uom, units.base)
    if ratio is None:
        raise RuleNotEvaluableError(rule=rule, missing="conversion into the base unit")
    return whole(Fraction(qty) * ratio)


def on_hand(facts: CommandFacts, units: Units, material_id: str, site: str, *, system: str) -> OnHand:
    """Return the stock of one material at one site.

    Raises:
        RuleNotEvaluableError: `rule.not_evaluable`, where stock is in lots and lots or holds can't be looked at.
    """
    qty: defaultdict[str, int] = defaultdict(int)
    for one in live_of(facts, "on_hand", Stock):
        if (one.system, one.material_id, one.site, one.stock_type) == (system, material_id, site, "unrestricted"):
            qty[one.lot_id or ""] += in_base(units, one.qty, one.uom, "R-STOCK")
    if any(qty):
        need(facts, "R-LOT", "held_lots", "holds")
    held: defaultdict[str, int] = defaultdict(int)
    for hold in reservations(facts, material_id, site, system=system):
        held[hold.lot_id or ""] += in_base(units, hold.qty, hold.uom, "R-STOCK")
    lots = [_lot(facts, lot_id, amount, held) for lot_id, amount in qty.items() if amount > 0]
    return OnHand(
        lots=tuple(sorted(lots, key=lambda one: (one.expiry_date, one.lot_id))),
        held_of_any=0 if "" in qty else held.get("", 0),
    )


def _lot(facts: CommandFacts, lot_id: str, qty: int, held: Mapping[str, int]) -> LotOnHand:
    asked = (one.notification_id for one in rows_of(facts, "holds", HoldRow) if lot_id and one.lot_id == lot_id)
    record = next((one for one in live_of(facts, "held_lots", Lot) if one.lot_id == lot_id), None)
    known = record.lot_disposition if record else None
    return LotOnHand(
        lot_id=lot_id,
        qty=qty,
        held=held.get(lot_id, 0),
        disposition=(known or "") if lot_id else USABLE,
        expiry_date=(record.expiry_date if record else None) or NEVER,
        on_hold=min(asked, default=""),
    )


def reservations(facts: CommandFacts, material_id: str, site: str, *, system: str) -> tuple[Reservation, ...]:
    """Return who holds the material at the site, by number."""
    found = (one for one in live_of(facts, "held", Reservation) if one.qty > 0)
    mine = [one for one in found if (one.system, one.material_id, one.site) == (system, material_id, site)]
    return tuple(sorted(mine, key=lambda one: one.reservation_id))


def needs(facts: CommandFacts, units: Units, material_id: str, site: str) -> tuple[Need, ...]:
    """Return the open order lines of the reads `components` and `sales_lines` that need the material at the site.

    What is picked for a sales order line and has not left yet needs no more stock.

    Raises:
        RuleNotEvaluableError: `rule.not_evaluable`, where orders can't be looked at.
    """
    need(facts, "R-DEMAND", "components", "sales_lines")
    found: list[Need] = []
    for part in live_of(facts, "components", ProductionComponent):
        if (part.material_id, part.site) == (material_id, site):
            qty = in_base(units, part.qty_open, part.uom, "R-DEMAND")
            found.append(Need("production_order", part.production_order_id, part.line, qty, part.need_date or ""))
    sold = [one for one in live_of(facts, "sales_lines", SalesOrderLine) if one.order_state == "open"]
    if sold:
        need(facts, "R-DEMAND", "deliveries")
    for line in sold:
        if (line.material_id, line.site) == (material_id, site):
            left = max(0, line.qty_open - picked(facts, line.sales_order_id, line.line))
            qty = in_base(units, left, line.uom, "R-DEMAND")
            found.append(Need("sales_order", line.sales_order_id, line.line, qty, line.requested_date or ""))
    return tuple(one for one in found if one.qty > 0)


def picked(facts: CommandFacts, sales_order_id: str, line: str) -> int:
    """Return what is picked for a sales order line and has not left yet."""
    rows = rows_of(facts, "deliveries", DeliveryRow)
    return sum(one.qty for one in rows if (one.sales_order_id, one.sales_order_line) == (sales_order_id, line))


def held_for(held: tuple[Reservation, ...], units: Units, wanted: Need) -> int:
    """Return what reservations hold for one order line already, in the base unit."""
    return sum(
        in_base(units, one.qty, one.uom, "R-DEMAND")
        for one in held
        if (one.demand_type, one.demand_id) == (wanted.demand_type, wanted.demand_id)
        and one.demand_line in (wanted.line, None)
    )
