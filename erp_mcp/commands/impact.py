"""Which demands become late, or are rescued, when a purchase order line comes on another day.

Supply is pegged to demand twice by the rule of `domain.pegging`, with the day as it is and with the new one, and the
two are compared demand by demand. It is the same rule by which late orders are explained.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Final, NamedTuple, TypeVar

from erp_mcp.commands import rows
from erp_mcp.commands.verdicts import rows_of
from erp_mcp.domain.days import NEVER, latest
from erp_mcp.domain.operation import CommandFacts
from erp_mcp.domain.pegging import Demand, Hold, Ledger, Supply, allocate

Key = TypeVar("Key")
One = TypeVar("One")
_NOBODY = "nobody"  # made for a demand that is no longer open: covers no other
_NEEDED = ("purchase_lines", "demand", "sales_demand", "supply_orders", "stock")
PEGGED: Final[Mapping[str, type[NamedTuple]]] = {
    "purchase_lines": rows.PurchaseLineRow,
    "demand": rows.ComponentRow,
    "sales_demand": rows.SalesLineRow,
    "deliveries": rows.DeliveryRow,
    "supply_orders": rows.ProductionOrderRow,
    "orders": rows.ProductionOrderRow,
    "stock": rows.StockRow,
    "lots": rows.LotRow,
    "reservations": rows.ReservationRow,
}
"""The reads of an operation that looks at its impact, by name, each with what it takes of a row."""


class Moved(NamedTuple):
    """The line whose day changes: what is still to come in base units, the day as it is, and the new one."""

    purchase_order_id: str
    line: str
    qty: int
    before: str
    after: str


class Change(NamedTuple):
    """One demand before and after: what of it is not there in time, and when the last of it comes."""

    demand: Demand
    uom: str
    made_for: str  # sales order of a production order that was made for one
    short_before: int
    short_after: int
    arrival_before: str
    arrival_after: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Impact:
    """Demands that the new day hurts and those that it helps, by need date."""

    worse: tuple[Change, ...]
    better: tuple[Change, ...]


def needed(facts: CommandFacts) -> tuple[str, ...]:
    """Return the reads that the impact rests on: what says more of rows is needed where there are such rows alone.

    A system that keeps no deliveries can't hide one of a sales order line where no line is open, and one that keeps no
    lots none of a stock that names no lot.
    """
    sold, made = facts.rows.get("sales_demand", ()), facts.rows.get("demand", ())
    in_lots = any(one.lot_id for one in rows_of(facts, "stock", rows.StockRow))
    more = {"deliveries": bool(sold), "orders": bool(made), "lots": in_lots}
    return (*_NEEDED, *(name for name, is_needed in more.items() if is_needed))


def impact(facts: CommandFacts, material_id: str, site: str, moved: Moved) -> Impact:
    """Return what a new day of one line means for the open demands of its material at its site."""
    ledger = ledger_of(facts, material_id, site)
    return compared(facts, _with(ledger, moved, moved.before), _with(ledger, moved, moved.after))


def compared(facts: CommandFacts, as_is: Ledger, as_proposed: Ledger) -> Impact:
    """Return what a change of one ledger means for the open demands in it; a demand that is in one alone is left out.

    Both stand on the rows of `facts`, as `ledger_of` gives them.
    """
    found = _Place(facts)
    before, after = allocate(as_is), allocate(as_proposed)
    units, made_for = found.units(), found.made_for()
    changes = [
        Change(
            demand=one,
            uom=units[one.key],
            made_for=made_for.get(one.owner_id, "") if one.owner_type == "production_order" else "",
            short_before=before[one.key].qty_short,
            short_after=after[one.key].qty_short,
            arrival_before=before[one.key].arrival,
            arrival_after=after[one.key].arrival,
        )
        for one in as_proposed.demands
        if one.key in before
    ]
    changes.sort(key=lambda one: (one.demand.need_date, one.demand.key))
    return Impact(
        worse=tuple(one for one in changes if _is_worse(one)),
        better=tuple(one for one in changes if _is_worse(_turned(one))),
    )


def ledger_of(facts: CommandFacts, material_id: str, site: str) -> Ledger:
    """Return everything that pegging looks at for one material at one site, as the reads of `needed` show it."""
    return _Place(facts).ledger(material_id, site)


def _turned(one: Change) -> Change:
    return one._replace(
        short_before=one.short_after,
        short_after=one.short_before,
        arrival_before=one.arrival_after,
        arrival_after=one.arrival_before,
    )


def _is_worse(one: Change) -> bool:
    """Return whether more of it is late, or what is late comes later; what stays in time is hurt by nothing."""
    later = one.short_after > 0 and one.arrival_after > one.arrival_before
    return one.short_after > one.short_before or (one.short_after == one.short_before and later)


def _with(ledger: Ledger, moved: Moved, day: str) -> Ledger:
    supply = Supply("purchase_order_line", moved.purchase_order_id, moved.line, moved.qty, day)
    others = (one for one in ledger.supplies if (one.kind, one.supply_id, one.line) != supply[:3])
    return Ledger(
        material_id=ledger.material_id,
        site=ledger.site,
        demands=ledger.demands,
        holds=ledger.holds,
        lots=ledger.lots,
        supplies=(*others, supply),
    )


class _Place:
    """One material at one site, as rows show it."""

    def __init__(self, facts: CommandFacts) -> None:
        self._today = facts.today
        self._purchases = rows_of(facts, "purchase_lines", rows.PurchaseLineRow)
        self._components = rows_of(facts, "demand", rows.ComponentRow)
        self._sales = rows_of(facts, "sales_demand", rows.SalesLineRow)
        self._picked = _sums(
            ((one.sales_order_id, one.sales_order_line), one.qty)
            for one in rows_of(facts, "deliveries", rows.DeliveryRow)
        )
        self._makers = rows_of(facts, "supply_orders", rows.ProductionOrderRow)
        self._orders = {
            one.production_order_id: one
            for name in ("supply_orders", "orders")
            for one in rows_of(facts, name, rows.ProductionOrderRow)
        }
        self._stock = rows_of(facts, "stock", rows.StockRow)
        self._lots = _grouped(rows_of(facts, "lots", rows.LotRow), lambda one: one.lot_id)
        self._reservations = rows_of(facts, "reservations", rows.ReservationRow)

    def ledger(self, material_id: str, site: str) -> Ledger:
        """Return everything that pegging looks at."""
        all_demands = [*map(self._component, self._components), *map(self._sale, self._sales)]
        by_owner: dict[tuple[str, str, str], str] = {}
        for one in all_demands:
            by_owner[one.owner_type, one.owner_id, one.line] = one.key
            by_owner.setdefault((one.owner_type, one.owner_id, ""), one.key)
        return Ledger(
            material_id=material_id,
            site=site,
            demands=tuple(one for one in all_demands if one.qty > 0),
            holds=tuple(_hold(one, by_owner) for one in self._reservations),
            lots=self._usable_lots(),
            supplies=(*map(self._purchase, self._purchases), *map(self._made, self._makers)),
        )

    def units(self) -> Mapping[str, str]:
        """Return the unit of each demand, by its key."""
        return {
            **{self._component(one).key: one.uom for one in self._components},
            **{self._sale(one).key: one.uom for one in self._sales},
        }

    def made_for(self) -> Mapping[str, str]:
        """Return the sales order (and line) that a production order was made for, by production order."""
        return {
            key: "/".join(part for part in (one.sales_order_id, one.sales_order_line) if part)
            for key, one in self._orders.items()
            if one.sales_order_id
        }

    def _component(self, row: rows.ComponentRow) -> Demand:
        order = self._orders.get(row.production_order_id)
        start = (order.scheduled_start or order.planned_start) if order else None
        need = row.need_date or start or NEVER
        return Demand("production_order", row.production_order_id, row.line, row.qty_open, need)

    def _sale(self, row: rows.SalesLineRow) -> Demand:
        left = max(0, row.qty_open - self._picked.get((row.sales_order_id, row.line), 0))
        return Demand("sales_order", row.sales_order_id, row.line, left, row.requested_date)

    def _usable_lots(self) -> dict[str, int]:
        return _sums((one.lot_id or "", one.qty) for one in self._stock if self._is_usable(one.lot_id or ""))

    def _is_usable(self, lot_id: str) -> bool:
        """Return whether a lot may be used: not expired, and not restricted in each state that it has."""
        lots = self._lots.get(lot_id, ())
        expiry = min((one.expiry_date for one in lots if one.expiry_date), default=NEVER)
        restricted = bool(lots) and all(one.lot_disposition == "Restricted" for one in lots)
        return expiry >= self._today and not restricted

    def _purchase(self, row: rows.PurchaseLineRow) -> Supply:
        base = row.qty_open_base
        if base is None:
            base = row.qty_open if row.base_uom in (None, row.uom) else 0
        return Supply("purchase_order_line", row.purchase_order_id, row.line, base, arrival(_promise(row), self._today))

    def _made(self, row: rows.ProductionOrderRow) -> Supply:
        """Return what a production order brings: for its sales order line or its parent's component, or for anyone."""
        left = max(0, row.qty_planned - (row.qty_yield or 0))
        day = latest(row.scheduled_finish or row.planned_finish, self._today)
        return Supply("production_order", row.production_order_id, "", left, day, self._meant_for(row))

    def _meant_for(self, row: rows.ProductionOrderRow) -> str:
        if row.sales_order_id:
            lines = [
                one
                for one in self._sales
                if one.sales_order_id == row.sales_order_id and row.sales_order_line in (None, "", one.line)
            ]
            return f"sales_order/{lines[-1].sales_order_id}/{lines[-1].line}" if lines else _NOBODY
        linked = [one for one in self._components if one.supply_order_id == row.production_order_id]
        of_parent = [one for one in self._components if one.production_order_id == row.parent_order_id]
        for one in (*linked, *of_parent):
            return f"production_order/{one.production_order_id}/{one.line}"
        return _NOBODY if row.parent_order_id else ""  # its parent has withdrawn all it needs


def arrival(promised: str, today: str) -> str:
    """Return the day something promised is expected: not before today, and never where nothing is promised."""
    return max(promised, today) if promised else NEVER


def _promise(row: rows.PurchaseLineRow) -> str:
    return row.promised_date or row.original_promise_date or row.requested_date or ""


def _hold(row: rows.ReservationRow, by_owner: Mapping[tuple[str, str, str], str]) -> Hold:
    return Hold(
        reservation_id=row.reservation_id,
        demand=by_owner.get((row.demand_type, row.demand_id, row.demand_line or ""), ""),
        lot=row.lot_id or "",
        qty=row.qty,
        need_date=row.need_date or NEVER,
    )


def _sums(pairs: Iterable[tuple[Key, int]]) -> dict[Key, int]:
    sums: defaultdict[Key, int] = defaultdict(int)
    for key, qty in pairs:
        sums[key] += qty
    return dict(sums)


def _grouped(found: Iterable[One], key: Callable[[One], str]) -> dict[str, list[One]]:
    groups: defaultdict[str, list[One]] = defaultdict(list)
    for one in found:
        groups[key(one)].append(one)
    return dict(groups)
