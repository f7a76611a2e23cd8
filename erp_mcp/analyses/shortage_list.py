"""`list_shortages`: every material that will be short at a site, who waits for it and what comes."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple, cast

from erp_mcp.analyses.dependences import SHORTAGE_LIST
from erp_mcp.analyses.ledgers import Ledgers, order_behind
from erp_mcp.analyses.looked_up import SharedLedgers, lookups, plant_in, together
from erp_mcp.analyses.plant import plant_of, reads
from erp_mcp.domain.analysis import Ahead, Analysis, Facts, Findings, RawRow, RowsOnDemand
from erp_mcp.domain.days import NEVER, shift
from erp_mcp.domain.derivation import Derivation, Key, Sight, Source
from erp_mcp.domain.pegging import Allocation

_DEFAULT_HORIZON = 30
_MOST_NAMED = 10
_NOTHING = "[]"


class Short(NamedTuple):
    """A demand that does not get its material in time. Quantities in base units; `late` is JSON of its late covers."""

    material_id: str
    site: str
    procurement: str | None
    uom: str | None
    need_date: str
    demand: str  # its key
    order: str  # what waits in the end
    qty_short: int
    qty_uncovered: int
    arrival: str
    late: str


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
    ledgers = Ledgers(plant)
    places = sorted({*plant.demand, *plant.sales_demand})
    return _findings(facts, [one for place in places for one in _shorts(ledgers, place)])


def _shorts(ledgers: Ledgers, place: tuple[str, str]) -> list[Short]:
    """Return the demands of a material at a site that pegging leaves short, whenever they are."""
    short = [one for one in ledgers.allocations(*place, counted=True).values() if one.qty_short > 0]
    if not short:
        return []
    planning = ledgers.plant.planning.get(place)
    material = ledgers.plant.materials.get(place[0])
    return [
        Short(
            material_id=place[0],
            site=place[1],
            procurement=planning.procurement if planning else None,
            uom=material.base_uom if material else None,
            need_date=one.demand.need_date,
            demand=one.demand.key,
            order=order_behind(ledgers.plant, one.demand)[0],
            qty_short=one.qty_short,
            qty_uncovered=one.qty_uncovered,
            arrival=one.arrival,
            late=_late(one),
        )
        for one in short
    ]


def _late(allocation: Allocation) -> str:
    late = {(cover.date, cover.kind, cover.supply_id, cover.line) for cover in allocation.late}
    return json.dumps(sorted(late), ensure_ascii=False, separators=(",", ":"))


def _findings(facts: Facts, shorts: Iterable[Short]) -> Findings:
    """Sum up what is short within the horizon, by material and site."""
    horizon = facts.arguments.get("horizon_days")
    end = shift(facts.today, horizon if isinstance(horizon, int) else _DEFAULT_HORIZON)
    wanted = facts.arguments.get("procurement")
    found: defaultdict[tuple[str, str], list[Short]] = defaultdict(list)
    for one in shorts:
        if one.need_date <= end and wanted in {None, one.procurement}:
            found[one.material_id, one.site].append(one)
    places = sorted(found)
    table = RowsOnDemand(
        order=[_order(place, found[place]) for place in places], make=lambda number: _row(found[places[number]])
    )
    return Findings(tables={"shortages": table}, complete=not facts.gaps, warnings=_warnings(facts, table))


def _order(place: tuple[str, str], shorts: Sequence[Short]) -> RawRow:
    """Return by what the rows are ordered: how many orders wait, from when on, the material and the site."""
    return (len({one.order for one in shorts}), min(one.need_date for one in shorts), *place)


def _row(found: Iterable[Short]) -> RawRow:
    shorts = sorted(found, key=lambda one: (one.need_date, one.demand))
    first = shorts[0]
    orders = tuple(dict.fromkeys(one.order for one in shorts))
    arrival = max(one.arrival for one in shorts)
    return (
        first.material_id,
        first.site,
        first.procurement,
        first.need_date,
        sum(one.qty_short for one in shorts),
        sum(one.qty_uncovered for one in shorts),
        first.uom,
        len(orders),
        orders[:_MOST_NAMED],
        _covering(shorts),
        arrival if arrival < NEVER else None,
    )


def _covering(shorts: Iterable[Short]) -> tuple[str, ...]:
    """What comes too late, soonest first: kind, id and day."""
    late = {tuple(cover) for one in shorts if one.late != _NOTHING for cover in json.loads(one.late)}
    return tuple(
        f"{kind} {'/'.join(part for part in (supply_id, line) if part)}" + (f" on {day}" if day < NEVER else "")
        for day, kind, supply_id, line in sorted(late)[:_MOST_NAMED]
    )


def _warnings(facts: Facts, table: Sequence[RawRow]) -> tuple[str, ...]:
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
LOOKUPS: Final = lookups(*READS, "orders", "components")


def _short_demands(sight: Sight, key: Key) -> Iterable[Short]:
    material_id, site = key
    return _shorts(SharedLedgers(plant_in(sight, LOOKUPS), sight, SHORT_DEMAND.name), (material_id, site))


def _of_short_demands(facts: Facts) -> Findings | None:
    """Answer from what was worked out; without any shortage the whole question tells whether there is any data."""
    shorts = cast("Sequence[Short]", facts.rows[SHORT_DEMAND.name])
    return _findings(facts, shorts) if shorts else None


# By material and site: every demand that pegging leaves short.
SHORT_DEMAND: Final = Derivation(
    name="short_demand",
    version=1,
    sources=(
        Source(entity="production_component", key=("material_id", "site"), where="row.qty_open > 0"),
        Source(
            entity="sales_order_line",
            key=("material_id", "site"),
            where="row.order_state = 'open' AND row.qty_open > 0",
        ),
    ),
    lookups=LOOKUPS,
    row=Short,
    function=_short_demands,
    together=together(*LOOKUPS),
)
ANALYSIS: Final = Analysis(
    name="shortage_list",
    function=shortage_list,
    timed=False,
    reads=reads(*READS),
    definition_id="shortage_list.1",
    dependences=SHORTAGE_LIST,
    ahead=Ahead(derivations=(SHORT_DEMAND,), function=_of_short_demands),
)
