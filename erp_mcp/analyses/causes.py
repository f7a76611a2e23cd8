"""Why a sales order line is late: the walk from the line through its production orders down to what holds them up."""

from __future__ import annotations

from collections.abc import Iterable

from erp_mcp.analyses.blocks import sales_causes
from erp_mcp.analyses.cover import cover_causes, shortage_of
from erp_mcp.analyses.findings import Cause, Step, in_order, step
from erp_mcp.analyses.ledgers import Ledgers, component_demand, sales_demand
from erp_mcp.analyses.machines import machine_causes
from erp_mcp.analyses.plant import Plant
from erp_mcp.analyses.rows import ComponentRow, ProductionOrderRow, SalesLineRow
from erp_mcp.domain.days import NEVER, days_between, shift
from erp_mcp.domain.pegging import Allocation, Cover

MAX_DEPTH = 6


class Search:
    """One search over a plant. Remembers what it found behind each order, so that nothing is walked twice."""

    def __init__(self, ledgers: Ledgers, *, max_depth: int = MAX_DEPTH) -> None:
        """Search in the plant of `ledgers`, at most `max_depth` production orders deep."""
        self.ledgers = ledgers
        self.max_depth = max_depth
        self.orders: dict[str, list[Cause]] = {}  # what holds up each order seen; empty while it is being walked
        self.places: set[tuple[str, str]] = set()
        self.cut = False  # the depth ended the walk somewhere

    @property
    def plant(self) -> Plant:
        """The plant that is searched."""
        return self.ledgers.plant

    def line_causes(self, line: SalesLineRow) -> list[Cause]:
        """Return every cause that holds the line up, the root cause first."""
        causes = [*sales_causes(self.plant, line), *self._supply_causes(line)]
        return in_order(_once(causes))

    def _supply_causes(self, line: SalesLineRow) -> list[Cause]:
        self._visit(line)
        allocations = self.ledgers.allocations(line.material_id, line.site, counted=True)
        allocation = allocations.get(sales_demand(self.plant, line).key)
        if allocation is None:
            return []
        causes = self._cover_order_causes(allocation, 1, top=True)
        return causes or self._short_causes(line, allocation)

    def _cover_order_causes(self, allocation: Allocation, depth: int, *, top: bool = False) -> list[Cause]:
        """Causes in the production orders that cover a demand."""
        causes: list[Cause] = []
        for cover in allocation.covers:
            if cover.kind == "production_order":
                causes.extend(self._cover_order(cover, allocation.demand.need_date, depth, top=top))
        return causes

    def _cover_order(self, cover: Cover, need_date: str, depth: int, *, top: bool) -> list[Cause]:
        order = self.plant.orders.get(cover.supply_id)
        if order is None:
            return []
        inner = self.order_causes(order.production_order_id, depth)
        finish = self.plant.expected_finish(order)
        late = finish > need_date
        holding = [cause for cause in inner if late or shift(finish, cause.slip_days) > need_date]
        if not holding and top:  # the ERP says that the line is late although the plan has room: less certain
            holding = [cause.behind(certain=False) for cause in inner]
        if late and not _known(holding) and (not top or self._runs_late(order)):
            return [self._upstream(order, finish, need_date, certain=not top)]
        waits = _order_step(order, "waits", finish)
        return [cause.behind(waits) for cause in _known(holding) or holding]

    def order_causes(self, production_order_id: str, depth: int) -> list[Cause]:
        """Return what holds up one production order, without the order's own step."""
        if production_order_id in self.orders:
            return self.orders[production_order_id]
        if depth > self.max_depth:
            self.cut = True
            return []
        self.orders[production_order_id] = []
        causes = list(machine_causes(self.plant, production_order_id))
        components = self.plant.components.get(production_order_id, ())
        for component in sorted(components, key=lambda one: one.line):  # the same walk however the rows came
            causes.extend(self._component_causes(component, depth))
        self.orders[production_order_id] = causes
        return causes

    def _component_causes(self, component: ComponentRow, depth: int) -> list[Cause]:
        place = (component.material_id, component.site)
        self._visit(component)
        allocation = self.ledgers.allocations(*place, counted=True).get(component_demand(component).key)
        if allocation is None:
            return []
        above = _short_step(component, component.material_id, allocation, component.uom)
        causes = [cause.behind(above) for cause in self._cover_order_causes(allocation, depth + 1)]
        return [*causes, *self._short_causes(component, allocation, alone=not causes)]

    def _short_causes(
        self, row: ComponentRow | SalesLineRow, allocation: Allocation, *, alone: bool = True
    ) -> list[Cause]:
        """Causes in stock and purchasing; with none at all, what is short is said without a cause."""
        if not self._comparable(row):
            return [_not_comparable(row, allocation)] if alone else []
        shortage = shortage_of(self.ledgers, row.material_id, row.site, allocation.demand.key, row.uom)
        if shortage is None:
            return []
        above = _short_step(row, row.material_id, allocation, row.uom)
        found = [cause.behind(above) for cause in cover_causes(self.ledgers, shortage)]
        if found or not alone:
            return found
        return [Cause(code="unknown", steps=(above,), slip_days=shortage.slip_days, certain=False)]

    def _visit(self, row: ComponentRow | SalesLineRow) -> None:
        if self._comparable(row):
            self.places.add((row.material_id, row.site))

    def _comparable(self, row: ComponentRow | SalesLineRow) -> bool:
        """Whether a demand is in the unit in which stock and supply of its material are counted."""
        material = self.plant.materials.get(row.material_id)
        return material is None or material.base_uom == row.uom

    def _runs_late(self, order: ProductionOrderRow) -> bool:
        """Whether the order itself shows why it is late: it is under way and its shop floor or its scrap says so."""
        jobs = self.plant.floor.jobs.get(order.production_order_id, ())
        finish = order.planned_finish or NEVER
        return order.request_state == "Running" and (
            bool(order.qty_scrap) or any(self.plant.day(job.expected_finish) > finish for job in jobs)
        )

    def _upstream(self, order: ProductionOrderRow, finish: str, need_date: str, *, certain: bool) -> Cause:
        jobs = self.plant.floor.jobs.get(order.production_order_id, ())
        known = order.request_state != "Running" or bool(jobs) or "job" not in self.plant.missing
        return Cause(
            code="upstream_order_late",
            steps=(_order_step(order, "finishes_late", finish),),
            slip_days=max(1, days_between(finish, need_date)),
            certain=certain and known,
        )


def _order_step(order: ProductionOrderRow, fact: str, finish: str) -> Step:
    return step(
        order,
        "production_order",
        order.production_order_id,
        fact,
        qty=order.qty_planned,
        qty_other=order.qty_scrap,
        uom=order.uom,
        planned=order.planned_finish,
        expected=finish,
    )


def _short_step(witness: ComponentRow | SalesLineRow, material_id: str, allocation: Allocation, uom: str) -> Step:
    demand = allocation.demand
    entity = "production_component" if demand.owner_type == "production_order" else "sales_order_line"
    return step(
        witness,
        "material",
        material_id,
        "short" if allocation.qty_short > 0 else "waits_for_order",
        evidence=f"{entity}/{demand.owner_id}/{demand.line}",
        qty=allocation.qty_short if allocation.qty_short > 0 else demand.qty,
        qty_other=demand.qty,
        uom=uom,
        planned=demand.need_date if demand.need_date < NEVER else None,
        expected=allocation.arrival if allocation.arrival < NEVER else None,
    )


def _not_comparable(row: ComponentRow | SalesLineRow, allocation: Allocation) -> Cause:
    """What is said of a demand in another unit: two boxes are neither covered nor short by counting pieces."""
    found = _short_step(row, row.material_id, allocation, row.uom)
    return Cause(code="unknown", steps=(found._replace(fact="unit_not_convertible"),), certain=False)


def _known(causes: list[Cause]) -> list[Cause]:
    return [cause for cause in causes if cause.code != "unknown"]


def _once(causes: Iterable[Cause]) -> list[Cause]:
    """Drop causes with the same code and root: two components can wait for the same thing."""
    found: dict[tuple[str, str], Cause] = {}
    for cause in causes:
        key = (cause.code, cause.root.evidence)
        if key not in found or len(cause.steps) < len(found[key].steps):
            found[key] = cause
    return list(found.values())
