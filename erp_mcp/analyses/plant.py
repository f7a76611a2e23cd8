"""The plant as an analysis sees it: its rows, indexed by what they are looked up by.

Which reads fill it is up to the tool: a read that is absent or gave nothing leaves its index empty.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import tzinfo
from typing import Final, NamedTuple, TypeVar, cast

from erp_mcp.analyses import rows
from erp_mcp.analyses.counts import Difference, differences
from erp_mcp.domain.analysis import Facts, never_empty
from erp_mcp.domain.days import NEVER, latest, local_day
from erp_mcp.errors import NotAllowedError

FINISHED: Final = frozenset({"Completed", "Closed", "Aborted", "Cancelled", "Canceled"})
Row = TypeVar("Row", bound=NamedTuple)
Key = TypeVar("Key")

# read name -> row type; a tool file names its reads so
READS: Final[Mapping[str, type[NamedTuple]]] = {
    "lines": rows.SalesLineRow,
    "headers": rows.SalesOrderRow,
    "customers": rows.CustomerRow,
    "deliveries": rows.DeliveryRow,
    "orders": rows.ProductionOrderRow,
    "components": rows.ComponentRow,
    "demand": rows.ComponentRow,
    "sales_demand": rows.SalesLineRow,
    "supply_orders": rows.ProductionOrderRow,
    "operations": rows.OperationRow,
    "jobs": rows.JobRow,
    "work_centers": rows.WorkCenterRow,
    "downtimes": rows.DowntimeRow,
    "maintenance": rows.MaintenanceRow,
    "stock": rows.StockRow,
    "lots": rows.LotRow,
    "mes_stock": rows.MesStockRow,
    "in_flight": rows.InFlightRow,
    "reservations": rows.ReservationRow,
    "purchase_lines": rows.PurchaseLineRow,
    "confirmations": rows.ConfirmationRow,
    "requisitions": rows.RequisitionRow,
    "notifications": rows.NotificationRow,
    "sources": rows.SupplySourceRow,
    "suppliers": rows.SupplierRow,
    "materials": rows.MaterialRow,
    "planning": rows.MaterialSiteRow,
}


def reads(*names: str) -> dict[str, type[NamedTuple]]:
    """Return the row types of the named reads, for the registration of an analysis."""
    return {name: READS[name] for name in names}


def rows_of(facts: Facts, name: str, row: type[Row]) -> tuple[Row, ...]:
    """Return the rows of one read; the gateway built them from the row type registered for it.

    Raises:
        NotAllowedError: `policy.not_allowed`, when a mask took away a field that no finding can do without. A mask
            works on whole columns, so the first row tells.
    """
    found = cast("tuple[Row, ...]", facts.rows.get(name, ()))
    for place, field in never_empty(row) if found else ():
        if found[0][place] is None:
            raise NotAllowedError(reason="obligation", rule="masked_input", field=f"{name}.{field}")
    return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Floor:
    """What the shop floor does: operations and jobs by production order, the rest by work centre."""

    operations: Mapping[str, list[rows.OperationRow]]
    jobs: Mapping[str, list[rows.JobRow]]  # unfinished ones only
    work_centers: Mapping[str, rows.WorkCenterRow]
    downtimes: Mapping[str, list[rows.DowntimeRow]]
    maintenance: Mapping[str, list[rows.MaintenanceRow]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Plant:
    """Rows by what they are looked up by. Built by `plant_of`."""

    today: str
    now: str
    zone: tzinfo
    missing: frozenset[str]  # entities with a data gap
    untold: frozenset[str]  # what can't be told for want of a field, see `dependences`
    headers: Mapping[str, rows.SalesOrderRow]
    deliveries: Mapping[tuple[str, str], list[rows.DeliveryRow]]
    orders: Mapping[str, rows.ProductionOrderRow]
    components: Mapping[str, list[rows.ComponentRow]]  # by production order, open ones only
    floor: Floor
    stock: Mapping[tuple[str, str], list[rows.StockRow]]  # by material and site
    lots: Mapping[tuple[str, str], list[rows.LotRow]]  # by lot and site; a lot can lie in two states
    reservations: Mapping[tuple[str, str], list[rows.ReservationRow]]
    differences: Mapping[tuple[str, str], list[Difference]]  # by material and site
    purchases: Mapping[tuple[str, str], list[rows.PurchaseLineRow]]
    purchase_by_key: Mapping[tuple[str, str], rows.PurchaseLineRow]
    confirmations: Mapping[tuple[str, str], list[rows.ConfirmationRow]]
    requisitions: Mapping[tuple[str, str], list[rows.RequisitionRow]]
    notifications: Mapping[str, list[rows.NotificationRow]]  # by lot
    sources: Mapping[tuple[str, str], list[rows.SupplySourceRow]]
    suppliers: Mapping[str, rows.SupplierRow]
    materials: Mapping[str, rows.MaterialRow]
    planning: Mapping[tuple[str, str], rows.MaterialSiteRow]
    demand: Mapping[tuple[str, str], list[rows.ComponentRow]]
    sales_demand: Mapping[tuple[str, str], list[rows.SalesLineRow]]
    supply_orders: Mapping[tuple[str, str], list[rows.ProductionOrderRow]]
    supply_links: Mapping[
        str, tuple[str, str]
    ]  # child production order -> (order, line) of the component it is made for

    def day(self, instant: str | None) -> str:
        """Return the business date of an instant, empty for none."""
        return local_day(instant or "", self.zone)

    def expected_finish(self, order: rows.ProductionOrderRow) -> str:
        """Return the day an unfinished order is expected to be done: the latest of plan, shop floor and today."""
        jobs = (self.day(job.expected_finish) for job in self.floor.jobs.get(order.production_order_id, ()))
        return latest(order.scheduled_finish or order.planned_finish, self.today, *jobs)

    def arrival(self, purchase: rows.PurchaseLineRow) -> str:
        """Return the day a purchase line is expected: its promise, but not before today."""
        promised = purchase.promised_date or purchase.original_promise_date or purchase.requested_date
        return max(promised, self.today) if promised else NEVER

    def restricted(self, row: rows.StockRow) -> bool:
        """Return whether stock lies in a lot that may not be used; a lot in two states goes by the stock's type."""
        lots = self.lots.get((row.lot_id or "", row.site), ())
        states = {lot.lot_disposition == "Restricted" for lot in lots}
        return states == {True} or (True in states and row.stock_type != "unrestricted")

    def base_quantity(self, purchase: rows.PurchaseLineRow) -> int:
        """Return the open quantity in base units; 0 when it can't be converted."""
        if purchase.qty_open_base is not None:
            return purchase.qty_open_base
        material = self.materials.get(purchase.material_id)
        base = purchase.base_uom or (material.base_uom if material else purchase.uom)
        return purchase.qty_open if base == purchase.uom else 0


def plant_of(facts: Facts) -> Plant:
    """Index the rows of a call."""
    orders = _open_orders(facts)
    demand = _unique_components(facts)
    by_order = _group(demand, lambda one: one.production_order_id)
    purchases = tuple(one for one in rows_of(facts, "purchase_lines", rows.PurchaseLineRow) if one.qty_open > 0)
    deliveries = rows_of(facts, "deliveries", rows.DeliveryRow)
    confirmations = rows_of(facts, "confirmations", rows.ConfirmationRow)
    return Plant(
        today=facts.today,
        now=facts.now,
        zone=facts.zone,
        missing=facts.missing,
        untold=frozenset(told for gap in facts.gaps if gap.field for told in gap.affects),
        headers={one.sales_order_id: one for one in rows_of(facts, "headers", rows.SalesOrderRow)},
        deliveries=_group(deliveries, lambda one: (one.sales_order_id, one.sales_order_line)),
        orders=orders,
        components=by_order,
        floor=_floor(facts),
        stock=_group(rows_of(facts, "stock", rows.StockRow), _place),
        lots=_group(rows_of(facts, "lots", rows.LotRow), lambda one: (one.lot_id, one.site)),
        reservations=_group(rows_of(facts, "reservations", rows.ReservationRow), _place),
        differences=_differences(facts),
        purchases=_group(purchases, _place),
        purchase_by_key={(one.purchase_order_id, one.line): one for one in purchases},
        confirmations=_group(confirmations, lambda one: (one.purchase_order_id, one.line)),
        requisitions=_group(rows_of(facts, "requisitions", rows.RequisitionRow), _place),
        notifications=_group(rows_of(facts, "notifications", rows.NotificationRow), lambda one: one.lot_id or ""),
        sources=_group(rows_of(facts, "sources", rows.SupplySourceRow), _place),
        suppliers={one.supplier_id: one for one in rows_of(facts, "suppliers", rows.SupplierRow)},
        materials={one.material_id: one for one in rows_of(facts, "materials", rows.MaterialRow)},
        planning={(one.material_id, one.site): one for one in rows_of(facts, "planning", rows.MaterialSiteRow)},
        demand=_group(demand, _place),
        sales_demand=_group(_unique_lines(facts), _place),
        supply_orders=_group(orders.values(), _place),
        supply_links=_supply_links(orders, by_order),
    )


def _floor(facts: Facts) -> Floor:
    jobs = (one for one in rows_of(facts, "jobs", rows.JobRow) if one.response_state not in FINISHED)
    return Floor(
        operations=_group(rows_of(facts, "operations", rows.OperationRow), lambda one: one.production_order_id),
        jobs=_group(jobs, lambda one: one.production_order_id),
        work_centers={one.work_center_id: one for one in rows_of(facts, "work_centers", rows.WorkCenterRow)},
        downtimes=_group(rows_of(facts, "downtimes", rows.DowntimeRow), lambda one: one.work_center_id),
        maintenance=_group(rows_of(facts, "maintenance", rows.MaintenanceRow), lambda one: one.work_center_id or ""),
    )


def _open_orders(facts: Facts) -> dict[str, rows.ProductionOrderRow]:
    both = (
        *rows_of(facts, "supply_orders", rows.ProductionOrderRow),
        *rows_of(facts, "orders", rows.ProductionOrderRow),
    )
    return {one.production_order_id: one for one in both if one.request_state not in FINISHED}


def _unique_lines(facts: Facts) -> tuple[rows.SalesLineRow, ...]:
    """The lines asked about and all others that want the same materials, each once."""
    both = (*rows_of(facts, "lines", rows.SalesLineRow), *rows_of(facts, "sales_demand", rows.SalesLineRow))
    return unique_lines(both)


def unique_lines(found: Iterable[rows.SalesLineRow]) -> tuple[rows.SalesLineRow, ...]:
    """Return each sales order line of a material at a site once; of two with one number the one that is wanted last.

    Which of them is read last depends on how they are looked up, so it decides nothing.
    """
    kept: dict[tuple[str, ...], rows.SalesLineRow] = {}
    for one in found:
        key = (one.sales_order_id, one.line, one.material_id, one.site)
        there = kept.get(key)
        if there is None or (one.requested_date, one.qty_open) >= (there.requested_date, there.qty_open):
            kept[key] = one
    return tuple(kept.values())


def unique_components(found: Iterable[rows.ComponentRow]) -> tuple[rows.ComponentRow, ...]:
    """Return each component of an order once; of two with one number the one that is needed last, as `unique_lines`."""
    kept: dict[tuple[str, ...], rows.ComponentRow] = {}
    for one in found:
        key = (one.production_order_id, one.line, one.material_id, one.site)
        there = kept.get(key)
        if there is None or (one.need_date or "", one.qty_open) >= (there.need_date or "", there.qty_open):
            kept[key] = one
    return tuple(kept.values())


class _Placed(NamedTuple):
    material_id: str
    site: str


def _place(row: object) -> tuple[str, str]:
    placed = cast("_Placed", row)
    return (placed.material_id, placed.site)


def _group(found: Iterable[Row], key: Callable[[Row], Key]) -> dict[Key, list[Row]]:
    groups: defaultdict[Key, list[Row]] = defaultdict(list)
    for one in found:
        groups[key(one)].append(one)
    return dict(groups)


def _unique_components(facts: Facts) -> tuple[rows.ComponentRow, ...]:
    """Open components of the looked-at orders and of everyone else who wants the same materials, each once."""
    both = (*rows_of(facts, "components", rows.ComponentRow), *rows_of(facts, "demand", rows.ComponentRow))
    return unique_components(one for one in both if one.qty_open > 0)


def _differences(facts: Facts) -> dict[tuple[str, str], list[Difference]]:
    if "in_flight_document" in facts.missing:
        return {}  # a difference that may be in flight is no finding
    found = differences(
        rows_of(facts, "stock", rows.StockRow),
        rows_of(facts, "mes_stock", rows.MesStockRow),
        rows_of(facts, "in_flight", rows.InFlightRow),
    )
    groups: defaultdict[tuple[str, str], list[Difference]] = defaultdict(list)
    for one in found:
        groups[one.material_id, one.site].append(one)
    return dict(groups)


def _supply_links(
    orders: Mapping[str, rows.ProductionOrderRow], by_order: Mapping[str, list[rows.ComponentRow]]
) -> dict[str, tuple[str, str]]:
    """Map a child order to the component it is made for, by the component's own link or by parent and material."""
    linked: defaultdict[str, list[rows.ComponentRow]] = defaultdict(list)
    for components in by_order.values():
        for one in components:
            if one.supply_order_id:
                linked[one.supply_order_id].append(one)
    links: dict[str, tuple[str, str]] = {}
    for order in orders.values():
        wanting = by_order.get(order.parent_order_id, ()) if order.parent_order_id else ()
        for found in (linked.get(order.production_order_id, ()), wanting):
            keys = [(one.production_order_id, one.line) for one in found if one.material_id == order.material_id]
            if keys:
                links.setdefault(order.production_order_id, min(keys))
    return links
