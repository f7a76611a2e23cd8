"""One pegging ledger per material and site, made from the rows of the plant, and who gets what from it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import replace

from erp_mcp.analyses import rows
from erp_mcp.analyses.plant import Plant
from erp_mcp.domain.days import NEVER
from erp_mcp.domain.pegging import Allocation, Demand, Hold, Ledger, Supply, allocate

_NOBODY = "nobody"  # made for a demand that is no longer open: covers no other


class Ledgers:
    """The ledgers of a plant, each made when it is first asked for."""

    def __init__(self, plant: Plant) -> None:
        """Keep the plant; nothing is worked out yet."""
        self.plant = plant
        self._ledgers: dict[tuple[str, str], Ledger] = {}
        self._allocations: dict[tuple[str, str, bool], dict[str, Allocation]] = {}

    def of(self, material_id: str, site: str) -> Ledger:
        """Return the pegging ledger of a material at a site, as the ERP sees it."""
        place = (material_id, site)
        if place not in self._ledgers:
            self._ledgers[place] = _ledger(self.plant, place)
        return self._ledgers[place]

    def counted(self, material_id: str, site: str) -> Ledger:
        """Return the ledger with held lots cut down to what is there, as far as nothing in flight explains it."""
        ledger = self.of(material_id, site)
        differences = self.plant.differences.get((material_id, site))
        if not differences:
            return ledger
        missing = {one.lot_id: min(0, one.unexplained) for one in differences}
        held = {hold.lot for hold in ledger.holds}
        lots = {lot: max(0, qty + missing.get(lot, 0)) if lot in held else qty for lot, qty in ledger.lots.items()}
        return replace(ledger, lots=lots)

    def allocations(self, material_id: str, site: str, *, counted: bool = False) -> dict[str, Allocation]:
        """Return who gets what, by demand key; with `counted`, from the ledger that the shop floor's counts correct."""
        place = (material_id, site, counted)
        if place not in self._allocations:
            ledger = self.counted(material_id, site) if counted else self.of(material_id, site)
            self._allocations[place] = allocate(ledger)
        return self._allocations[place]


def component_demand(row: rows.ComponentRow, need_date: str = "") -> Demand:
    """Return the demand of one component of a production order."""
    return Demand(
        owner_type="production_order",
        owner_id=row.production_order_id,
        line=row.line,
        qty=row.qty_open,
        need_date=row.need_date or need_date or NEVER,
    )


def sales_demand(plant: Plant, row: rows.SalesLineRow) -> Demand:
    """Return the demand of one sales order line: open, and not already picked for shipping."""
    picked = sum(
        one.qty
        for one in plant.deliveries.get((row.sales_order_id, row.line), ())
        if one.pick_status == "picked" and not one.actual_goods_issue
    )
    return Demand(
        owner_type="sales_order",
        owner_id=row.sales_order_id,
        line=row.line,
        qty=max(0, row.qty_open - picked),
        need_date=row.requested_date,
    )


def order_behind(plant: Plant, demand: Demand) -> tuple[str, tuple[str, str]]:
    """Climb from a demand to what it is for in the end.

    Returns:
        The sales order line as `order/line`, or the topmost production order known; and the key (order, line) of that
        sales order line, with empty texts where there is none.
    """
    if demand.owner_type == "sales_order":
        return f"{demand.owner_id}/{demand.line}", (demand.owner_id, demand.line)
    order_id, seen = demand.owner_id, set[str]()
    while order_id not in seen:
        seen.add(order_id)
        order = plant.orders.get(order_id)
        if order is not None and order.sales_order_id:
            key = (order.sales_order_id, order.sales_order_line or "")
            return "/".join(part for part in key if part), key
        if order is None or not order.parent_order_id:
            break
        order_id = order.parent_order_id
    return order_id, ("", "")


def _ledger(plant: Plant, place: tuple[str, str]) -> Ledger:
    components = [
        component_demand(one, "" if one.need_date else _start_of(plant, one.production_order_id))
        for one in plant.demand.get(place, ())
    ]
    sales = [
        sales_demand(plant, one)
        for one in plant.sales_demand.get(place, ())
        if one.order_state == "open" and one.qty_open
    ]
    # By id, so that what several lines of one owner share goes to the same one however the rows came.
    everyone = sorted((*components, *sales), key=lambda one: (one.owner_type, one.owner_id, one.line))
    demands = [one for one in everyone if one.qty > 0]
    by_owner = _group_demands(everyone)
    return Ledger(
        material_id=place[0],
        site=place[1],
        demands=tuple(demands),
        holds=tuple(_hold(one, by_owner) for one in plant.reservations.get(place, ())),
        lots=_usable_lots(plant, place),
        supplies=(*_purchase_supplies(plant, place), *_order_supplies(plant, place, everyone)),
    )


def _start_of(plant: Plant, order_id: str) -> str:
    order = plant.orders.get(order_id)
    return ((order.scheduled_start or order.planned_start) if order else "") or ""


def _group_demands(demands: Iterable[Demand]) -> dict[tuple[str, str, str], str]:
    """Map (owner type, owner, line) to a demand key; with an empty line, to the owner's first demand."""
    found: dict[tuple[str, str, str], str] = {}
    for one in demands:
        found[one.owner_type, one.owner_id, one.line] = one.key
        found.setdefault((one.owner_type, one.owner_id, ""), one.key)
    return found


def _hold(row: rows.ReservationRow, by_owner: Mapping[tuple[str, str, str], str]) -> Hold:
    return Hold(
        reservation_id=row.reservation_id,
        demand=by_owner.get((row.demand_type, row.demand_id, row.demand_line or ""), ""),
        lot=row.lot_id or "",
        qty=row.qty,
        need_date=row.need_date or NEVER,
    )


def _usable_lots(plant: Plant, place: tuple[str, str]) -> dict[str, int]:
    """Unrestricted stock per lot; a restricted or expired lot counts for nothing."""
    usable: defaultdict[str, int] = defaultdict(int)
    for one in plant.stock.get(place, ()):
        expiry = min(
            (lot.expiry_date for lot in plant.lots.get((one.lot_id or "", one.site), ()) if lot.expiry_date), default=""
        )
        expired = bool(expiry) and expiry < plant.today
        if one.stock_type == "unrestricted" and not expired and not plant.restricted(one):
            usable[one.lot_id or ""] += one.qty
    return dict(usable)


def _purchase_supplies(plant: Plant, place: tuple[str, str]) -> list[Supply]:
    return [
        Supply(
            kind="purchase_order_line",
            supply_id=one.purchase_order_id,
            line=one.line,
            qty=plant.base_quantity(one),
            date=plant.arrival(one),
        )
        for one in plant.purchases.get(place, ())
    ]


def _order_supplies(plant: Plant, place: tuple[str, str], demands: Iterable[Demand]) -> list[Supply]:
    """Open production orders: for their sales order line, for the component they are made for, or for anyone."""
    sales = [one for one in demands if one.owner_type == "sales_order"]
    by_line = {(one.owner_id, one.line): one.key for one in sales}
    by_order = {one.owner_id: one.key for one in sales}
    supplies = []
    for one in plant.supply_orders.get(place, ()):
        link = plant.supply_links.get(one.production_order_id)
        demand = f"production_order/{link[0]}/{link[1]}" if link else ""
        if one.sales_order_id and one.sales_order_line:
            demand = by_line.get((one.sales_order_id, one.sales_order_line), _NOBODY)
        elif one.sales_order_id:
            demand = by_order.get(one.sales_order_id, _NOBODY)
        elif one.parent_order_id and not demand:
            demand = _NOBODY  # its parent has withdrawn all it needs
        supplies.append(
            Supply(
                kind="production_order",
                supply_id=one.production_order_id,
                line="",
                qty=max(0, one.qty_planned - (one.qty_yield or 0)),
                date=plant.expected_finish(one),
                demand=demand,
            )
        )
    return supplies
