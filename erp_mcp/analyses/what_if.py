"""`simulate_atp`: whose date moves, and by how much, if demand or supply of one material were another.

Nothing is written. Both worlds are pegged by the rule that explains late orders (docs/late-orders.md), so that an
answer here and an explanation there agree. One level: what a late component does to the finish of its order is not
worked out.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from erp_mcp.analyses.availability import base_uom, sites_of
from erp_mcp.analyses.dependences import pegging
from erp_mcp.analyses.ledgers import Ledgers
from erp_mcp.analyses.plant import Plant, plant_of, reads
from erp_mcp.analyses.what_if_changes import Outcome, WhatIf, changes_of
from erp_mcp.domain.analysis import Analysis, Facts, Findings, RawCell
from erp_mcp.domain.days import NEVER, days_between
from erp_mcp.domain.pegging import Allocation, Demand, Ledger, allocate

_MOST_PARENTS: Final = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class _Dated:
    """When all of a demand is there: not before its need date; `NEVER` where a part is covered by nothing."""

    demand: Demand
    day: str

    @property
    def late(self) -> bool:
        return self.day > self.demand.need_date


def simulate_atp(facts: Facts) -> Findings:
    """Answer `simulate_atp`: tables `summary`, `orders` and `changes`.

    Args:
        facts: Rows of `READS`; arguments `material_id` and the lists of changes, 1 to 20 in all.

    Returns:
        Per site how many orders become late or are rescued; each order whose date moves, with both dates; what became
        of each change. If one can't be applied nothing is worked out, and the answer says which and why.

    Raises:
        InvalidArgumentError: `call.invalid_argument`, for changes of another form, or a missing site.
    """
    changes = changes_of(facts.arguments)
    plant = plant_of(facts)
    material = str(facts.arguments["material_id"])
    ledgers = Ledgers(plant)
    before = {site: ledgers.of(material, site) for site in sites_of(plant, material)}
    if not before:
        nothing = "No such material in the data at hand, or none in this role's scope."
        return Findings(tables={"summary": [], "orders": [], "changes": []}, warnings=(nothing,))
    what_if = WhatIf(ledgers=dict(before), today=facts.today)
    outcomes = [what_if.apply(change) for change in changes]
    told = [_told(one) for one in outcomes]
    if any(one.outcome != "applied" for one in outcomes):
        mend = "Nothing was worked out: the table changes says which change does not fit the data at hand."
        return Findings(tables={"summary": [], "orders": [], "changes": told}, complete=False, warnings=(mend,))
    worlds = {site: _worlds(before[site], what_if.ledgers[site]) for site in before}
    uom = base_uom(plant, material)
    return Findings(
        tables={
            "summary": [_summary(site, *world) for site, world in worlds.items()],
            "orders": [row for site, world in worlds.items() for row in _orders(plant, site, uom, *world)],
            "changes": told,
        },
        complete=not facts.missing,
    )


def _worlds(before: Ledger, after: Ledger) -> tuple[dict[str, _Dated], dict[str, _Dated]]:
    return _dated(allocate(before)), _dated(allocate(after))


def _dated(allocations: Mapping[str, Allocation]) -> dict[str, _Dated]:
    return {
        key: _Dated(demand=one.demand, day=max(one.arrival, one.demand.need_date)) for key, one in allocations.items()
    }


def effect(old: _Dated | None, new: _Dated | None) -> str:
    """Return what a what-if does to one demand, empty where its date stays and it is neither rescued nor made late."""
    if new is None:
        return "removed"
    if old is None:
        return "new_late" if new.late else "new_on_time"
    if new.late != old.late:
        return "made_late" if new.late else "rescued"
    if new.day == old.day:
        return ""
    return "later" if new.day > old.day else "earlier"


def _summary(site: str, old: dict[str, _Dated], new: dict[str, _Dated]) -> tuple[RawCell, ...]:
    effects = [effect(old.get(key), new.get(key)) for key in old | new]
    return (site, len(effects), *(effects.count(name) for name in ("made_late", "rescued", "later", "earlier")))


def _orders(
    plant: Plant, site: str, uom: str | None, old: dict[str, _Dated], new: dict[str, _Dated]
) -> Iterator[tuple[RawCell, ...]]:
    for key in old | new:
        told = effect(old.get(key), new.get(key))
        if not told:
            continue
        demand = (new.get(key) or old[key]).demand
        before, after = old.get(key), new.get(key)
        moved = before and after and NEVER not in (before.day, after.day)
        yield (
            site,
            demand.owner_type,
            demand.owner_id,
            demand.line or None,
            *_made_for(plant, demand),
            demand.qty,
            uom,
            _shown(demand.need_date),
            _shown(before.day) if before else None,
            _shown(after.day) if after else None,
            days_between(after.day, before.day) if moved and before and after else None,
            told,
        )


def _made_for(plant: Plant, demand: Demand) -> tuple[RawCell, RawCell]:
    """Return the sales order line behind a demand: its own, or the one its production order is made for."""
    if demand.owner_type == "sales_order":
        return (demand.owner_id, demand.line)
    order = plant.orders.get(demand.owner_id)
    for _ in range(_MOST_PARENTS):
        if order is None or order.sales_order_id:
            break
        order = plant.orders.get(order.parent_order_id or "")
    return (order.sales_order_id, order.sales_order_line) if order else (None, None)


def _shown(day: str) -> str | None:
    return day if day < NEVER else None


def _told(one: Outcome) -> tuple[RawCell, ...]:
    candidates: Sequence[str] = one.candidates[:10]
    return (one.change.kind, one.change.text, one.outcome, one.most, tuple(candidates))


READS: Final = (
    "demand",
    "sales_demand",
    "supply_orders",
    "stock",
    "lots",
    "reservations",
    "purchase_lines",
    "materials",
    "planning",
    "orders",
)
ANALYSIS: Final = Analysis(
    name="what_if",
    function=simulate_atp,
    reads=reads(*READS),
    definition_id="what_if.1",
    dependences=pegging("orders", "old_date", "new_date"),
)
