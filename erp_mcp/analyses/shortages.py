"""`get_shortages_for_order`: what one production order is missing, how much, and when it comes."""

from __future__ import annotations

from typing import Final

from erp_mcp.analyses.dependences import SHORTAGES
from erp_mcp.analyses.ledgers import Ledgers, component_demand
from erp_mcp.analyses.plant import plant_of, reads, rows_of
from erp_mcp.analyses.rows import ComponentRow
from erp_mcp.domain.analysis import Analysis, Facts, Findings, RawCell
from erp_mcp.domain.days import NEVER
from erp_mcp.domain.pegging import Allocation, Cover


def shortages_for_order(facts: Facts) -> Findings:
    """Answer `get_shortages_for_order`: table `components`.

    Args:
        facts: Rows of `READS`; argument `all_components` adds components that are covered in time.

    Returns:
        One row per open component, by component line; `qty_short` is what is not there on the need date after pegging,
        `next_supply_*` the first cover that comes after it. Held stock counts as far as the shop floor finds it.
    """
    ledgers = Ledgers(plant_of(facts))
    everything = bool(facts.arguments.get("all_components"))
    table: list[tuple[RawCell, ...]] = []
    for row in sorted(rows_of(facts, "components", ComponentRow), key=lambda one: one.line):
        allocations = ledgers.allocations(row.material_id, row.site, counted=True)
        allocation = allocations.get(component_demand(row).key)
        if allocation is not None and (everything or allocation.qty_short > 0):
            table.append(_row(row, allocation))
    return Findings(tables={"components": table}, complete=not facts.gaps, warnings=_warnings(facts, table))


def _warnings(facts: Facts, table: list[tuple[RawCell, ...]]) -> tuple[str, ...]:
    if table:
        return ()
    if not rows_of(facts, "components", ComponentRow):
        return ("No open component of such a production order in the data at hand, or none in this role's scope.",)
    return ("Every open component of this order is covered by its need date.",)


def _row(row: ComponentRow, allocation: Allocation) -> tuple[RawCell, ...]:
    supply = min(allocation.late, key=lambda cover: cover.date, default=None)
    need_date = allocation.demand.need_date
    return (
        row.line,
        row.material_id,
        row.qty_required,
        row.qty_withdrawn,
        sum(cover.qty for cover in allocation.covers if cover.kind == "reservation"),
        allocation.qty_short,
        row.uom,
        need_date if need_date < NEVER else None,
        *_supply(supply),
    )


def _supply(cover: Cover | None) -> tuple[RawCell, ...]:
    if cover is None:
        return (None, None, None, None)
    supply_id = f"{cover.supply_id}/{cover.line}" if cover.line else cover.supply_id
    return (cover.kind, supply_id, cover.date if cover.date < NEVER else None, cover.qty)


READS: Final = (
    "components",
    "demand",
    "sales_demand",
    "supply_orders",
    "jobs",
    "stock",
    "lots",
    "mes_stock",
    "in_flight",
    "reservations",
    "purchase_lines",
    "materials",
)
ANALYSIS: Final = Analysis(
    name="order_shortages",
    function=shortages_for_order,
    reads=reads(*READS),
    definition_id="order_shortages.1",
    dependences=SHORTAGES,
)
