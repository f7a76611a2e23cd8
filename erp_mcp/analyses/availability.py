"""`check_availability`: how much of a material can be promised for a date, and when the rest, without harming an order.

The rule (docs/definitions.md, `atp.1`), per site and in base units: free stock (usable and held by nobody), minus open
demand that nothing held covers, plus confirmed supply that anyone may have, all by date. What can be promised on a day
is the least of that balance on this day and on every later one: an order that needs it later loses nothing.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Final

from erp_mcp.analyses.dependences import classes, pegging
from erp_mcp.analyses.ledgers import Ledgers
from erp_mcp.analyses.plant import Plant, plant_of, reads
from erp_mcp.domain.analysis import Analysis, Facts, Findings, RawCell
from erp_mcp.domain.days import NEVER, days_between
from erp_mcp.domain.pegging import Ledger, Supply, unpegged
from erp_mcp.errors import InvalidArgumentError

RULE: Final = "existing_orders_first"
PLANNED_ONLY: Final = frozenset({"Forecast", "Waiting"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Balance:
    """Free stock and what comes and goes by day, all demands on their need date or today, whichever is later."""

    today: str
    free: int
    demand: Mapping[str, int]
    supply: Mapping[str, int]
    not_counted: int  # open supply that is overdue, not confirmed or without a date

    def promised(self) -> list[tuple[str, int]]:
        """Return what can be promised from which day on: rising days, amounts that never fall."""
        days = sorted({self.today, *self.demand, *self.supply})
        changes = [self.supply.get(day, 0) - self.demand.get(day, 0) for day in days]
        changes[0] += self.free
        running = list(accumulate(changes))
        least = list(accumulate(reversed(running), min))[::-1]
        return [(day, max(0, qty)) for day, qty in zip(days, least, strict=True)]

    def until(self, day: str) -> tuple[int, int]:
        """Return demand and confirmed supply until a day, that day included."""
        return (
            sum(qty for when, qty in self.demand.items() if when <= day),
            sum(qty for when, qty in self.supply.items() if when <= day),
        )


def balance_of(plant: Plant, ledger: Ledger) -> Balance:
    """Return what may be promised from: held stock and what is made for one demand are left to whom they are for."""
    free, left = unpegged(ledger)
    demand: defaultdict[str, int] = defaultdict(int)
    supply: defaultdict[str, int] = defaultdict(int)
    for one in ledger.demands:
        if left[one.key] > 0:
            demand[max(one.need_date, plant.today)] += left[one.key]
    open_to_all = [one for one in ledger.supplies if not one.demand and one.qty > 0]
    counted = [one for one in open_to_all if one.date < NEVER and _confirmed(plant, one)]
    for coming in counted:
        supply[coming.date] += coming.qty
    return Balance(
        today=plant.today,
        free=free,
        demand=demand,
        supply=supply,
        not_counted=sum(one.qty for one in open_to_all) - sum(one.qty for one in counted),
    )


def _confirmed(plant: Plant, supply: Supply) -> bool:
    """Return whether a supply may be promised from: confirmed or released, and not overdue."""
    if supply.kind == "purchase_order_line":
        line = plant.purchase_by_key[supply.supply_id, supply.line]
        promised = line.promised_date or line.original_promise_date or line.requested_date or ""
        return bool(line.confirmed) and promised >= plant.today
    order = plant.orders[supply.supply_id]
    planned = order.scheduled_finish or order.planned_finish or ""
    return order.request_state not in PLANNED_ONLY and planned >= plant.today


def check_availability(facts: Facts) -> Findings:
    """Answer `check_availability`: tables `availability` and `partials`.

    Args:
        facts: Rows of `READS`; arguments `material_id`, `qty` (base unit, above zero) and `date`, a past one as today.

    Returns:
        One row per site that knows the material: what is there on the date and when all is; and the parts in which it
        could be delivered. Not complete where a source is missing, or does not say what is confirmed.

    Raises:
        InvalidArgumentError: `call.invalid_argument`, for a quantity of nothing.
    """
    plant = plant_of(facts)
    material, qty = str(facts.arguments["material_id"]), _whole(facts.arguments["qty"])
    if qty <= 0:
        raise InvalidArgumentError(argument="qty", rule="range", expected='a decimal string above "0"', got="string")
    day = max(str(facts.arguments["date"]), facts.today)
    ledgers = Ledgers(plant)
    sites = sites_of(plant, material)
    found = [(site, balance_of(plant, ledgers.of(material, site)), ledgers.of(material, site)) for site in sites]
    return Findings(
        tables={
            "availability": [
                (material, site, qty, base_uom(plant, material), day, *_promise(balance, ledger, qty, day))
                for site, balance, ledger in found
            ],
            "partials": [
                (site, when, part, total)
                for site, balance, _ in found
                for when, part, total in partials(balance.promised(), qty, day)
            ],
        },
        complete=not facts.missing and "purchase_order_line.confirmed" not in facts.lacking,
        warnings=() if found else ("No such material in the data at hand, or none in this role's scope.",),
    )


def _promise(balance: Balance, ledger: Ledger, qty: int, day: str) -> tuple[RawCell, ...]:
    steps = balance.promised()
    parts = partials(steps, qty, day)
    there = parts[0][1] if parts and parts[0][0] == day else 0
    complete_on = parts[-1][0] if parts and parts[-1][2] == qty else None
    demand, supply = balance.until(day)
    on_hand = sum(ledger.lots.values())
    return (
        promised_on(steps, day),
        there,
        complete_on,
        days_between(complete_on, day) if complete_on else None,
        on_hand,
        on_hand - balance.free,
        demand,
        supply,
        balance.not_counted,
        RULE,
    )


def promised_on(steps: Sequence[tuple[str, int]], day: str) -> int:
    """Return what can be promised on a day; `steps` as `Balance.promised` gives them."""
    place = bisect_right([when for when, _ in steps], day)
    return steps[place - 1][1] if place else 0


def partials(steps: Sequence[tuple[str, int]], qty: int, day: str) -> list[tuple[str, int, int]]:
    """Return (day, part, total until then) in which `qty` could be delivered from a day on."""
    parts: list[tuple[str, int, int]] = []
    total = 0
    for when in [day, *(one for one, _ in steps if day < one < NEVER)]:
        reached = min(qty, promised_on(steps, when))
        if reached > total:
            parts.append((when, reached - total, reached))
            total = reached
    return parts


def sites_of(plant: Plant, material: str) -> list[str]:
    """Return the sites at which something is known of a material, in order."""
    known = (plant.stock, plant.demand, plant.sales_demand, plant.purchases, plant.supply_orders, plant.planning)
    return sorted({site for places in known for one, site in places if one == material})


def base_uom(plant: Plant, material: str) -> str | None:
    """Return the base unit of a material, where it is known."""
    row = plant.materials.get(material)
    return row.base_uom if row else None


def _whole(value: object) -> int:
    return value if isinstance(value, int) else 0


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
)
ANALYSIS: Final = Analysis(
    name="availability",
    function=check_availability,
    reads=reads(*READS),
    definition_id="atp.1",
    dependences=(
        *pegging("available_qty", "confirmed_qty", "confirmed_date"),
        *classes((("confirmed_date", (("purchase_order_line.confirmed",),)),)),
    ),
)
