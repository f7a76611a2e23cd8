"""`rank_expedite_candidates`: which purchase lines at risk hurt orders, and which can be left alone."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Final, NamedTuple, cast

from erp_mcp.analyses.alternatives import source_refusal
from erp_mcp.analyses.cover import first_promise, with_promise
from erp_mcp.analyses.dependences import EXPEDITE
from erp_mcp.analyses.ledgers import Ledgers, order_behind
from erp_mcp.analyses.looked_up import latest_row, lookups, plant_in, together
from erp_mcp.analyses.plant import Plant, plant_of, reads, rows_of
from erp_mcp.analyses.rows import CustomerRow, PurchaseLineRow, SalesLineRow
from erp_mcp.domain.analysis import Ahead, Analysis, Facts, Findings, RawRow, RowsOnDemand
from erp_mcp.domain.days import NEVER, days_between, shift
from erp_mcp.domain.derivation import Derivation, Key, Lookup, Sight, Source
from erp_mcp.domain.pegging import Allocation, allocate
from erp_mcp.domain.value import money_text

_WEIGHTS: Final = {"A": 3, "B": 2, "C": 1}
_DEFAULT_HORIZON = 90
_MOST_NAMED = 10
_NOTHING: Final = "[]"


class Hurt(NamedTuple):
    """A demand that comes too late by a purchase line: for which order, by how many days, and how much it weighs."""

    order: str  # sales order/line, or production order
    need_date: str
    days: int
    weight: int


class LineValueRow(NamedTuple):
    """Whose a sales order line is and what is open of it."""

    system: str
    as_of: str
    customer_id: str | None
    open_value: int | None
    currency: str | None


class Candidate(NamedTuple):
    """A purchase line at risk, whatever the horizon; `hurts`, `values` (open value and currency of each) are JSON."""

    purchase_order_id: str
    line: str
    site: str
    supplier_id: str | None
    material_id: str
    qty_open: int
    uom: str
    risk: str
    original_promise_date: str | None
    promised_date: str | None
    earliest_need_date: str | None
    slack_days: int | None
    hurts: str
    values: str | None
    other_sources: str


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
    ledgers = Ledgers(plant_of(facts))
    lines = {
        (one.sales_order_id, one.line): LineValueRow("", "", one.customer_id, one.open_value, one.currency)
        for one in rows_of(facts, "lines", SalesLineRow)
    }
    customers = {one.customer_id: one for one in rows_of(facts, "customers", CustomerRow)}
    places: defaultdict[tuple[str, str], list[PurchaseLineRow]] = defaultdict(list)
    for row in rows_of(facts, "at_risk", PurchaseLineRow):
        places[row.material_id, row.site].append(row)
    judge = _Judge(ledgers, lines.get, customers.get)
    return _findings(facts, [one for place, found in places.items() for one in judge.candidates(place, found)])


def _findings(facts: Facts, candidates: Iterable[Candidate]) -> Findings:
    """Judge the candidates by what they hurt within the horizon."""
    horizon = facts.arguments.get("horizon_days")
    end = shift(facts.today, horizon if isinstance(horizon, int) else _DEFAULT_HORIZON)
    impact = facts.arguments.get("impact") or "hurting"
    judged = ((one, _hurts(one, end)) for one in candidates)
    shown = [
        (_score(hurt for _, hurt in hurts), one)
        for one, hurts in judged
        if impact == "any" or (impact == "hurting") == bool(hurts)
    ]
    # Material and site tell lines apart whose number two systems gave.
    shown.sort(key=lambda both: (-both[0], both[1].purchase_order_id, both[1].line, both[1].material_id, both[1].site))
    table = RowsOnDemand(
        order=[(score, one.purchase_order_id, one.line) for score, one in shown],
        make=lambda place: _row(shown[place][1], end),
    )
    return Findings(tables={"lines": table}, complete=not facts.gaps)


def _score(hurts: Iterable[Hurt]) -> int:
    return sum(hurt.days * hurt.weight for hurt in hurts)


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


class _Judge:
    """Finds what purchase lines at risk may hurt, whatever the horizon."""

    def __init__(
        self,
        ledgers: Ledgers,
        line_of: Callable[[tuple[str, str]], LineValueRow | None],
        customer_of: Callable[[str], CustomerRow | None],
    ) -> None:
        self._ledgers = ledgers
        self._plant = ledgers.plant
        self._line_of = line_of
        self._customer_of = customer_of

    def candidates(self, place: tuple[str, str], found: Iterable[PurchaseLineRow]) -> Iterator[Candidate]:
        """Yield the lines at risk of one material at one site."""
        pegged = _pegged(self._ledgers, place)
        for row in found:
            served = _touched(self._ledgers, row, pegged.get((row.purchase_order_id, row.line), []))
            yield self._candidate(row, served)

    def _candidate(self, row: PurchaseLineRow, served: Iterable[Allocation]) -> Candidate:
        plant = self._plant
        moved = (row.promised_date or "") > (row.original_promise_date or NEVER)
        need = min((one.demand.need_date for one in served), default=NEVER)
        arrival = plant.arrival(row)
        hurts = [self._hurt(one, arrival) for one in served if one.demand.need_date < arrival]
        return Candidate(
            purchase_order_id=row.purchase_order_id,
            line=row.line,
            site=row.site,
            supplier_id=row.supplier_id,
            material_id=row.material_id,
            qty_open=plant.base_quantity(row),
            uom=row.base_uom or row.uom,
            risk="promise_moved" if moved else "overdue",
            original_promise_date=row.original_promise_date,
            promised_date=row.promised_date,
            earliest_need_date=need if need < NEVER else None,
            slack_days=days_between(need, arrival) if NEVER not in (need, arrival) else None,
            hurts=_json([hurt for hurt, _ in hurts]),
            values=_json([value for _, value in hurts]),
            other_sources=_json(_other_sources(plant, row)),
        )

    def _hurt(self, allocation: Allocation, arrival: str) -> tuple[Hurt, tuple[int | None, str | None]]:
        need = allocation.demand.need_date
        order, key = order_behind(self._plant, allocation.demand)
        line = self._line_of(key)
        customer = self._customer_of(line.customer_id or "") if line else None
        hurt = Hurt(
            order=order,
            need_date=need,
            days=max(1, days_between(min(arrival, allocation.arrival), need)),
            weight=_WEIGHTS.get((customer.priority if customer else None) or "", 1),
        )
        return hurt, (line.open_value, line.currency) if line else (None, None)


def _hurts(one: Candidate, end: str) -> list[tuple[int, Hurt]]:
    """Orders whose need is before the arrival and within the horizon, each once with its longest wait.

    With each comes its place among all that the line may hurt; what is hurt most comes first.
    """
    if one.hurts == _NOTHING:
        return []
    found: dict[str, tuple[int, Hurt]] = {}
    for place, hurt in enumerate(map(Hurt._make, json.loads(one.hurts))):
        if hurt.need_date <= end and (hurt.order not in found or found[hurt.order][1].days < hurt.days):
            found[hurt.order] = (place, hurt)
    return sorted(found.values(), key=lambda both: (-both[1].days * both[1].weight, both[1].order))


def _row(one: Candidate, end: str) -> RawRow:
    hurts = _hurts(one, end)
    values = json.loads(one.values) if one.values is not None else None
    named = [hurt for _, hurt in hurts[:_MOST_NAMED]]
    return (
        *one[:12],
        bool(hurts),
        tuple(hurt.order for hurt in named),
        _score(hurt for _, hurt in hurts),
        tuple(f"{hurt.order}: {hurt.days} d x {hurt.weight}" for hurt in named),
        _revenue(values[place] for place, _ in hurts) if values else (),
        tuple(json.loads(one.other_sources)),
    )


def _revenue(values: Iterable[tuple[int | None, str | None]]) -> tuple[str, ...]:
    sums: defaultdict[str, int] = defaultdict(int)
    for open_value, currency in values:
        if open_value is not None and currency:
            sums[currency] += open_value
    return tuple(f"{money_text(amount)} {currency}" for currency, amount in sorted(sums.items()))


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


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
_OPEN: Final = "row.order_state = 'open' AND row.qty_open > 0"
LOOKUPS: Final = {
    **lookups(*(name for name in READS if name not in {"lines", "customers"}), "components"),
    "lines": Lookup(entity="sales_order_line", by=("sales_order_id", "line"), row=LineValueRow, token="sales_line"),
    "customers": Lookup(entity="customer", by=("customer_id",), row=CustomerRow, token="customer"),
}


def _candidates(sight: Sight, key: Key) -> Iterable[Candidate]:
    plant = plant_in(sight, LOOKUPS)
    at_risk = [one for one in plant.purchases.get((key[0], key[1]), ()) if _is_at_risk(one, plant.today)]

    def line_of(key: tuple[str, str]) -> LineValueRow | None:
        return cast("LineValueRow | None", latest_row(sight, "lines", *key))

    def customer_of(customer_id: str) -> CustomerRow | None:
        return cast("CustomerRow | None", latest_row(sight, "customers", customer_id))

    judge = _Judge(Ledgers(plant), line_of, customer_of)
    return judge.candidates((key[0], key[1]), at_risk)


def _is_at_risk(row: PurchaseLineRow, today: str) -> bool:
    promised = row.promised_date or ""
    return bool(promised) and (
        promised < today or (bool(row.original_promise_date) and promised > (row.original_promise_date or ""))
    )


def _of_candidates(facts: Facts) -> Findings:
    return _findings(facts, cast("Sequence[Candidate]", facts.rows[CANDIDATE.name]))


# By material and site: purchase lines at risk, with all that they may hurt.
CANDIDATE: Final = Derivation(
    name="expedite_candidate",
    version=1,
    sources=(Source(entity="purchase_order_line", key=("material_id", "site"), where=_OPEN),),
    lookups=LOOKUPS,
    row=Candidate,
    function=_candidates,
    together=together(*LOOKUPS),
    shows={"values": ("sales_order_line.open_value", "sales_order_line.currency")},
)
ANALYSIS: Final = Analysis(
    name="expedite",
    function=rank_expedite_candidates,
    timed=False,
    reads={"at_risk": PurchaseLineRow, **reads(*READS)},
    definition_id="expedite.1",
    dependences=EXPEDITE,
    ahead=Ahead(derivations=(CANDIDATE,), function=_of_candidates),
)
