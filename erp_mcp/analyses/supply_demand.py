"""`get_supply_demand`: what comes and goes for one material, with the quantity that is left after each element."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final, NamedTuple

from erp_mcp.analyses.dependences import SUPPLY_DEMAND
from erp_mcp.analyses.ledgers import Ledgers
from erp_mcp.analyses.plant import Plant, plant_of, reads
from erp_mcp.domain.analysis import Analysis, Facts, Findings, RawCell
from erp_mcp.domain.days import NEVER, shift
from erp_mcp.domain.pegging import Ledger, free_stock

_DEFAULT_HORIZON = 90


class _Element(NamedTuple):
    """One element in the order in which it counts: by day, what comes before what goes."""

    date: str
    direction: str  # in, out
    element_type: str
    element_id: str
    element_line: str
    qty: int  # signed
    firm: bool
    qty_short: int  # of a demand: not there on its date


def supply_demand(facts: Facts) -> Findings:
    """Answer `get_supply_demand`: tables `sites` and `elements`.

    Args:
        facts: Rows of `READS`; argument `horizon_days` (1..366): elements after it are left out.

    Returns:
        Per site the stock that opens the list, how much of it nobody has reserved, the safety stock and the lowest
        point; per element the signed quantity, what is left after it, and for a demand how much of it is not there in
        time. The sum can stay high while a demand is short: stock that is held for a later demand helps nobody else.
        Reservations are no elements: their demands are. Quantities in base units.
    """
    plant = plant_of(facts)
    ledgers = Ledgers(plant)
    horizon = facts.arguments.get("horizon_days")
    end = shift(plant.today, horizon if isinstance(horizon, int) else _DEFAULT_HORIZON)
    places = {*plant.stock, *plant.demand, *plant.sales_demand, *plant.purchases, *plant.supply_orders, *plant.planning}
    sites: list[tuple[RawCell, ...]] = []
    table: list[tuple[RawCell, ...]] = []
    for place in sorted(places, key=lambda one: (one[1], one[0])):
        ledger = ledgers.of(*place)
        short = {key: one.qty_short for key, one in ledgers.allocations(*place).items()}
        elements = [one for one in _elements(plant, ledger, short) if one.date <= end]
        rows = list(_running(plant, place, sum(ledger.lots.values()), elements))
        table.extend(rows)
        sites.append(_site(plant, ledger, rows))
    unknown = () if sites else ("No such material at any site in the data at hand, or none in this role's scope.",)
    return Findings(tables={"sites": sites, "elements": table}, complete=not facts.gaps, warnings=unknown)


def _elements(plant: Plant, ledger: Ledger, short: Mapping[str, int]) -> list[_Element]:
    """Everything dated, overdue things on today: they can't come or go in the past."""
    going = [
        _Element(
            date=max(demand.need_date, plant.today),
            direction="out",
            element_type=demand.owner_type,
            element_id=demand.owner_id,
            element_line=demand.line,
            qty=-demand.qty,
            firm=True,
            qty_short=short[demand.key],
        )
        for demand in ledger.demands
    ]
    coming = [
        _coming(
            max(supply.date, plant.today),
            (supply.kind, supply.supply_id, supply.line),
            supply.qty,
            firm=_firm(plant, supply.kind, supply.supply_id, supply.line),
        )
        for supply in ledger.supplies
    ]
    return sorted([*going, *coming, *_requested(plant, ledger)])


def _requested(plant: Plant, ledger: Ledger) -> list[_Element]:
    """Open requisitions in the base unit; other units are left out, they will be converted once ordered."""
    return [
        _coming(
            max(row.delivery_date or NEVER, plant.today),
            ("purchase_requisition", row.requisition_id, row.line),
            row.qty,
            firm=False,
        )
        for row in plant.requisitions.get((ledger.material_id, ledger.site), ())
        if row.uom == _base_uom(plant, ledger.material_id, row.uom)
    ]


def _coming(day: str, name: tuple[str, str, str], qty: int, *, firm: bool) -> _Element:
    element_type, element_id, line = name
    return _Element(
        date=day,
        direction="in",
        element_type=element_type,
        element_id=element_id,
        element_line=line,
        qty=qty,
        firm=firm,
        qty_short=0,
    )


def _firm(plant: Plant, kind: str, supply_id: str, line: str) -> bool:
    if kind == "purchase_order_line":
        return bool(plant.purchase_by_key[supply_id, line].confirmed)
    return plant.orders[supply_id].request_state not in {"Forecast", "Waiting"}


def _base_uom(plant: Plant, material_id: str, other: str) -> str:
    material = plant.materials.get(material_id)
    return material.base_uom if material else other


def _running(
    plant: Plant, place: tuple[str, str], opening: int, elements: Iterable[_Element]
) -> Iterable[tuple[RawCell, ...]]:
    material_id, site = place
    available, safety = opening, _safety(plant, place)
    for one in elements:
        available += one.qty
        if available < 0 or one.qty_short:
            exception = "short"
        elif available < safety:
            exception = "below_safety_stock"
        else:
            exception = None
        uom = _base_uom(plant, material_id, "")
        yield (
            site,
            one.date,
            one.direction,
            one.element_type,
            one.element_id,
            one.element_line,
            one.qty,
            available,
            one.qty_short,
            uom or None,
            one.firm,
            exception,
        )


def _safety(plant: Plant, place: tuple[str, str]) -> int:
    planning = plant.planning.get(place)
    return (planning.safety_stock or 0) if planning else 0


def _site(plant: Plant, ledger: Ledger, rows: list[tuple[RawCell, ...]]) -> tuple[RawCell, ...]:
    place = (ledger.material_id, ledger.site)
    opening = sum(ledger.lots.values())
    lowest = min([opening, *(available for row in rows if isinstance(available := row[7], int))])
    first_short = next((row[1] for row in rows if row[11] == "short"), None)
    uom = _base_uom(plant, ledger.material_id, "") or None
    return (ledger.site, opening, free_stock(ledger), _safety(plant, place), lowest, uom, first_short)


READS: Final = (
    "demand",
    "sales_demand",
    "supply_orders",
    "stock",
    "lots",
    "reservations",
    "purchase_lines",
    "requisitions",
    "materials",
    "planning",
)
ANALYSIS: Final = Analysis(
    name="supply_demand",
    function=supply_demand,
    reads=reads(*READS),
    definition_id="supply_demand.1",
    dependences=SUPPLY_DEMAND,
)
