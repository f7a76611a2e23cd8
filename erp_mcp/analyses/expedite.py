"""`rank_expedite_candidates`: which purchase lines at risk hurt orders, and which can be left alone."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from erp_mcp.analyses.alternatives import source_refusal
from erp_mcp.analyses.cover import first_promise, with_promise
from erp_mcp.analyses.dependences import EXPEDITE
from erp_mcp.analyses.ledgers import Ledgers, order_behind
from erp_mcp.analyses.plant import Plant, plant_of, reads, rows_of
from erp_mcp.analyses.rows import CustomerRow, PurchaseLineRow, SalesLineRow
from erp_mcp.domain.analysis import Analysis, Facts, Findings, RawCell
from erp_mcp.domain.days import NEVER, days_between, shift
from erp_mcp.domain.pegging import Allocation, allocate
from erp_mcp.domain.value import money_text

_WEIGHTS: Final = {"A": 3, "B": 2, "C": 1}
_DEFAULT_HORIZON = 90
_MOST_NAMED = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Hurt:
    """An order that waits for a purchase line, and how many days; `line` is its sales order line, if any."""

    order: str  # sales order/line, or production order
    days: int
    weight: int
    line: SalesLineRow | None


def rank_expedite_candidates(facts: Facts) -> Findings:
    """Answer `rank_expedite_candidates`: table `lines`.

    Args:
        facts: Rows of `READS`; arguments `impact` (`hurting`, `harmless`, `any`) and `horizon_days` (1..90), which
            leaves out hurt needs after it.

    Returns:
        Purchase lines at risk (promise moved later, or overdue); a line hurts the orders that get it too late and those
        that its first promise, kept, would have served. Highest score first, then by id. The score is the sum
        over the orders hurt of days late × customer weight (A 3, B 2, others 1); each term is shown. Revenue at risk is
        the open value of the sales order lines hurt, per currency; currencies are never summed.
    """
    plant = plant_of(facts)
    ledgers = Ledgers(plant)
    weights = _weights(facts)
    lines = {(one.sales_order_id, one.line): one for one in rows_of(facts, "lines", SalesLineRow)}
    horizon = facts.arguments.get("horizon_days")
    end = shift(plant.today, horizon if isinstance(horizon, int) else _DEFAULT_HORIZON)
    impact = facts.arguments.get("impact") or "hurting"
    table: list[tuple[RawCell, ...]] = []
    pegged: dict[tuple[str, str], dict[tuple[str, str], list[Allocation]]] = {}
    for row in rows_of(facts, "at_risk", PurchaseLineRow):
        place = (row.material_id, row.site)
        if place not in pegged:
            pegged[place] = _pegged(ledgers, place)
        served = _touched(ledgers, row, pegged[place].get((row.purchase_order_id, row.line), []))
        hurts = _hurts(plant, row, served, lines, weights, end)
        if impact == "any" or (impact == "hurting") == bool(hurts):
            table.append(_row(plant, row, served, hurts))
    table.sort(key=_rank)
    return Findings(tables={"lines": table}, complete=not facts.gaps)


def _rank(row: tuple[RawCell, ...]) -> tuple[int, str, str]:
    score = row[14]
    return (-score if isinstance(score, int) else 0, str(row[0]), str(row[1]))


def _weights(facts: Facts) -> dict[str, int]:
    customers = rows_of(facts, "customers", CustomerRow)
    return {one.customer_id: _WEIGHTS.get(one.priority or "", 1) for one in customers}


def _pegged(ledgers: Ledgers, place: tuple[str, str]) -> dict[tuple[str, str], list[Allocation]]:
    """Map each purchase line of a material to the demands that pegging gives it to."""
    found: defaultdict[tuple[str, str], list[Allocation]] = defaultdict(list)
    for allocation in ledgers.allocations(*place).values():
        for cover in allocation.covers:
            if cover.kind == "purchase_order_line":
                found[cover.supply_id, cover.line].append(allocation)
    return dict(found)


def _touched(ledgers: Ledgers, row: PurchaseLineRow, served: Iterable[Allocation]) -> list[Allocation]:
    """The demands that get this line, and those that would be less short with its first promise kept.

    A line that slipped behind another one serves nobody now, and may still be why somebody waits for that other one.
    """
    found = {one.demand.key: one for one in served}
    place, first = (row.material_id, row.site), first_promise(row)
    if first < ledgers.plant.arrival(row):
        kept = allocate(with_promise(ledgers.of(*place), (row.purchase_order_id, row.line), first))
        for key, one in ledgers.allocations(*place).items():
            if kept[key].qty_short < one.qty_short:
                found.setdefault(key, one)
    return list(found.values())


def _hurts(  # noqa: PLR0917 - what one row is judged by
    plant: Plant,
    row: PurchaseLineRow,
    served: Iterable[Allocation],
    lines: dict[tuple[str, str], SalesLineRow],
    weights: dict[str, int],
    end: str,
) -> list[Hurt]:
    """Orders whose need is before the arrival, each once with its longest wait."""
    found: dict[str, Hurt] = {}
    arrival = plant.arrival(row)
    for allocation in served:
        need = allocation.demand.need_date
        if not need < arrival or need > end:
            continue
        days = max(1, days_between(min(arrival, allocation.arrival), need))
        order, key = order_behind(plant, allocation.demand)
        line = lines.get(key)
        if order not in found or found[order].days < days:
            weight = weights.get((line.customer_id or "") if line else "", 1)
            found[order] = Hurt(order=order, days=days, weight=weight, line=line)
    return sorted(found.values(), key=lambda one: (-one.days * one.weight, one.order))


def _row(plant: Plant, row: PurchaseLineRow, served: Iterable[Allocation], hurts: list[Hurt]) -> tuple[RawCell, ...]:
    moved = (row.promised_date or "") > (row.original_promise_date or NEVER)
    need = min((one.demand.need_date for one in served), default=NEVER)
    arrival = plant.arrival(row)
    return (
        row.purchase_order_id,
        row.line,
        row.site,
        row.supplier_id,
        row.material_id,
        plant.base_quantity(row),
        row.base_uom or row.uom,
        "promise_moved" if moved else "overdue",
        row.original_promise_date,
        row.promised_date,
        need if need < NEVER else None,
        days_between(need, arrival) if NEVER not in (need, arrival) else None,
        bool(hurts),
        tuple(one.order for one in hurts[:_MOST_NAMED]),
        sum(one.days * one.weight for one in hurts),
        tuple(f"{one.order}: {one.days} d x {one.weight}" for one in hurts[:_MOST_NAMED]),
        _revenue(hurts),
        _other_sources(plant, row),
    )


def _revenue(hurts: Iterable[Hurt]) -> tuple[str, ...]:
    sums: defaultdict[str, int] = defaultdict(int)
    for one in hurts:
        if one.line is not None and one.line.open_value is not None and one.line.currency:
            sums[one.line.currency] += one.line.open_value
    return tuple(f"{money_text(amount)} {currency}" for currency, amount in sorted(sums.items()))


def _other_sources(plant: Plant, row: PurchaseLineRow) -> tuple[str, ...]:
    """Usable sources beside this line's supplier, soonest first, with the day they could deliver."""
    found = []
    for source in plant.sources.get((row.material_id, row.site), ()):
        if source.supplier_id != row.supplier_id and source_refusal(plant, source) is None:
            day = shift(plant.today, source.lead_time_days) if source.lead_time_days is not None else NEVER
            found.append((day, source.supplier_id))
    return tuple(f"{supplier} by {day}" if day < NEVER else supplier for day, supplier in sorted(found)[:3])


READS: Final = (
    "purchase_lines",
    "demand",
    "sales_demand",
    "supply_orders",
    "orders",
    "lines",
    "customers",
    "stock",
    "lots",
    "reservations",
    "sources",
    "suppliers",
    "materials",
)
ANALYSIS: Final = Analysis(
    name="expedite",
    function=rank_expedite_candidates,
    reads={"at_risk": PurchaseLineRow, **reads(*READS)},
    definition_id="expedite.1",
    dependences=EXPEDITE,
)
