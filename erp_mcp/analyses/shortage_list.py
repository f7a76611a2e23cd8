"""`list_shortages`: every material that will be short at a site, who waits for it and what comes."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from erp_mcp.analyses.dependences import SHORTAGE_LIST
from erp_mcp.analyses.ledgers import Ledgers, order_behind
from erp_mcp.analyses.plant import Plant, plant_of, reads
from erp_mcp.domain.analysis import Analysis, Facts, Findings, RawCell
from erp_mcp.domain.days import NEVER, shift
from erp_mcp.domain.pegging import Allocation

_DEFAULT_HORIZON = 30
_MOST_NAMED = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Short:
    """The demands of one material at one site that do not get it in time, earliest need first."""

    material_id: str
    site: str
    demands: tuple[Allocation, ...]
    orders: tuple[str, ...]  # what waits in the end, each once, earliest need first


def shortage_list(facts: Facts) -> Findings:
    """Answer `list_shortages`: table `shortages`.

    Args:
        facts: Rows of `READS`; arguments `horizon_days` (1..366): needs after it are left out, and `procurement`
            (`make`, `buy`).

    Returns:
        One row per material and site with a demand that pegging leaves short on its need date: when first, how much,
        how much of it nothing covers at all, which orders wait and what covers it late. Most orders first, then the
        earliest. Held stock counts as far as the shop floor finds it. Quantities in base units.
    """
    plant = plant_of(facts)
    horizon = facts.arguments.get("horizon_days")
    end = shift(plant.today, horizon if isinstance(horizon, int) else _DEFAULT_HORIZON)
    wanted = facts.arguments.get("procurement")
    ledgers = Ledgers(plant)
    table: list[tuple[RawCell, ...]] = []
    for place in sorted({*plant.demand, *plant.sales_demand}):
        planning = plant.planning.get(place)
        procurement = planning.procurement if planning else None
        short = _short(ledgers, place, end)
        if short.demands and wanted in {None, procurement}:
            table.append(_row(plant, short, procurement))
    return Findings(tables={"shortages": table}, complete=not facts.gaps, warnings=_warnings(facts, table))


def _short(ledgers: Ledgers, place: tuple[str, str], end: str) -> Short:
    allocations = ledgers.allocations(*place, counted=True).values()
    found = sorted(
        (one for one in allocations if one.qty_short > 0 and one.demand.need_date <= end),
        key=lambda one: (one.demand.need_date, one.demand.key),
    )
    orders = dict.fromkeys(order_behind(ledgers.plant, one.demand)[0] for one in found)
    return Short(material_id=place[0], site=place[1], demands=tuple(found), orders=tuple(orders))


def _row(plant: Plant, short: Short, procurement: str | None) -> tuple[RawCell, ...]:
    material = plant.materials.get(short.material_id)
    uncovered = sum(one.qty_uncovered for one in short.demands)
    arrival = max(one.arrival for one in short.demands)
    return (
        short.material_id,
        short.site,
        procurement,
        short.demands[0].demand.need_date,
        sum(one.qty_short for one in short.demands),
        uncovered,
        material.base_uom if material else None,
        len(short.orders),
        short.orders[:_MOST_NAMED],
        _covering(short.demands),
        arrival if arrival < NEVER else None,
    )


def _covering(demands: Iterable[Allocation]) -> tuple[str, ...]:
    """What comes too late, soonest first: kind, id and day."""
    late = {(cover.date, cover.kind, cover.supply_id, cover.line) for one in demands for cover in one.late}
    return tuple(
        f"{kind} {'/'.join(part for part in (supply_id, line) if part)}" + (f" on {day}" if day < NEVER else "")
        for day, kind, supply_id, line in sorted(late)[:_MOST_NAMED]
    )


def _warnings(facts: Facts, table: list[tuple[RawCell, ...]]) -> tuple[str, ...]:
    if table:
        return ()
    if not any(facts.rows.values()):
        return ("Nothing to peg: no data of such a site at hand, or none in this role's scope.",)
    return ("Every demand in this horizon is covered in time, as far as the data at hand tells.",)


READS: Final = (
    "demand",
    "sales_demand",
    "deliveries",
    "supply_orders",
    "jobs",
    "stock",
    "lots",
    "mes_stock",
    "in_flight",
    "reservations",
    "purchase_lines",
    "materials",
    "planning",
)
ANALYSIS: Final = Analysis(
    name="shortage_list",
    function=shortage_list,
    reads=reads(*READS),
    definition_id="shortage_list.1",
    dependences=SHORTAGE_LIST,
)
