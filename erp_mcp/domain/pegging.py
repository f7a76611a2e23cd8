"""Pegging: which supply covers which demand, for one material at one site.

The rule, in base units and the same for every analysis and preview (docs/late-orders.md):

1. stock held by a reservation covers its own demand, as far as the lot really has that much free-for-use stock;
2. supply made for one demand (a child order, an order made for a sales order line) covers that demand;
3. what is left of each demand is covered, earliest need first, by free stock and then by open purchase order lines and
   production orders for anyone, earliest arrival first.

A demand is short by what does not arrive until its need date.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from erp_mcp.domain.days import NEVER

# Named tuples where others are dataclasses: a briefing makes tens of thousands of them.
CoverKind = Literal["reservation", "stock", "purchase_order_line", "production_order"]


class Demand(NamedTuple):
    """Something that needs the material. `owner_type` is `production_order` or `sales_order`."""

    owner_type: str
    owner_id: str
    line: str
    qty: int
    need_date: str = NEVER

    @property
    def key(self) -> str:
        """What identifies the demand."""
        return f"{self.owner_type}/{self.owner_id}/{self.line}"


class Hold(NamedTuple):
    """A reservation: `qty` of `lot` (empty: of any stock) is kept for the demand `demand` (empty: of nobody known)."""

    reservation_id: str
    demand: str
    lot: str
    qty: int
    need_date: str = NEVER


class Supply(NamedTuple):
    """Something that will arrive. With `demand` it is made for that demand alone."""

    kind: CoverKind
    supply_id: str
    line: str
    qty: int
    date: str = NEVER
    demand: str = ""

    @property
    def ref(self) -> str:
        """The evidence reference: `kind/id` or `kind/id/line`."""
        return f"{self.kind}/{self.supply_id}" + (f"/{self.line}" if self.line else "")


@dataclass(frozen=True, slots=True, kw_only=True)
class Ledger:
    """Everything that pegging looks at for one material at one site. `lots` maps a lot (or empty) to usable stock."""

    material_id: str
    site: str
    demands: tuple[Demand, ...] = ()
    holds: tuple[Hold, ...] = ()
    lots: Mapping[str, int] = field(default_factory=dict)
    supplies: tuple[Supply, ...] = ()


class Cover(NamedTuple):
    """A part of a demand and what covers it; `date` is empty for stock."""

    kind: CoverKind
    supply_id: str
    line: str
    qty: int
    date: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Allocation:
    """How one demand is covered, in the order in which cover was found."""

    demand: Demand
    covers: tuple[Cover, ...]

    @property
    def qty_uncovered(self) -> int:
        """What nothing covers, ever."""
        return self.demand.qty - sum(cover.qty for cover in self.covers)

    @property
    def late(self) -> tuple[Cover, ...]:
        """Covers that arrive after the need date."""
        return tuple(cover for cover in self.covers if cover.date > self.demand.need_date)

    @property
    def qty_short(self) -> int:
        """What is not there on the need date."""
        return self.qty_uncovered + sum(cover.qty for cover in self.late)

    @property
    def arrival(self) -> str:
        """When the last of it is there: empty when all is in stock, `NEVER` when a part is covered by nothing."""
        return NEVER if self.qty_uncovered > 0 else max((cover.date for cover in self.covers), default="")


def allocate(ledger: Ledger) -> dict[str, Allocation]:
    """Peg supply to demand.

    Args:
        ledger: Demands, reservations, usable stock and supplies of one material at one site, in its base unit.

    Returns:
        One allocation per demand, by its key. The same ledger always gives the same result: ties are broken by id.
    """
    demands = sorted(ledger.demands, key=lambda demand: (demand.need_date, demand.key))
    covers: dict[str, list[Cover]] = {demand.key: [] for demand in demands}
    left = {demand.key: demand.qty for demand in demands}
    free = _cover_from_reservations(ledger, covers, left)
    _cover_from_own_orders(ledger, covers, left)
    _cover_from_anything(ledger, demands, free, covers, left)
    return {demand.key: Allocation(demand=demand, covers=tuple(covers[demand.key])) for demand in demands}


def free_stock(ledger: Ledger) -> int:
    """Return the usable stock that no reservation holds, in base units, floored at zero per lot."""
    return _cover_from_reservations(ledger, {}, {})


def unpegged(ledger: Ledger) -> tuple[int, dict[str, int]]:
    """Return what is not decided by reservations and by orders made for one demand.

    Returns:
        The free stock, and by demand key what neither a reservation nor an order made for the demand covers.
    """
    left = {demand.key: demand.qty for demand in ledger.demands}
    covers: dict[str, list[Cover]] = {key: [] for key in left}
    free = _cover_from_reservations(ledger, covers, left)
    _cover_from_own_orders(ledger, covers, left)
    return free, left


def _cover_from_reservations(ledger: Ledger, covers: dict[str, list[Cover]], left: dict[str, int]) -> int:
    """Use held stock for its demand; return the free stock: what no reservation holds."""
    stock = dict(ledger.lots)
    held_of_any = 0
    for hold in sorted(ledger.holds, key=lambda one: (not one.lot, one.need_date, one.reservation_id)):
        if hold.lot:
            usable = min(hold.qty, max(0, stock.get(hold.lot, 0)))
            stock[hold.lot] = stock.get(hold.lot, 0) - usable
        else:
            usable = max(0, min(hold.qty, sum(qty for qty in stock.values() if qty > 0) - held_of_any))
            held_of_any += usable
        used = min(usable, left.get(hold.demand, 0))
        if used > 0:
            left[hold.demand] -= used
            covers[hold.demand].append(
                Cover(kind="reservation", supply_id=hold.reservation_id, line=hold.lot, qty=used)
            )
    return max(0, sum(qty for qty in stock.values() if qty > 0) - held_of_any)


def _cover_from_own_orders(ledger: Ledger, covers: dict[str, list[Cover]], left: dict[str, int]) -> None:
    own = (supply for supply in ledger.supplies if supply.demand)
    for supply in sorted(own, key=lambda one: (one.date, one.ref)):
        used = min(supply.qty, left.get(supply.demand, 0))
        if used > 0:
            left[supply.demand] -= used
            covers[supply.demand].append(_cover(supply, used))


def _cover_from_anything(
    ledger: Ledger, demands: Iterable[Demand], free: int, covers: dict[str, list[Cover]], left: dict[str, int]
) -> None:
    stock = Supply(kind="stock", supply_id=ledger.material_id, line="", qty=free, date="")
    incoming = sorted((one for one in ledger.supplies if not one.demand), key=lambda one: (one.date, one.ref))
    pool = [(supply, supply.qty) for supply in [*incoming[::-1], stock] if supply.qty > 0]
    for demand in demands:
        while left[demand.key] > 0 and pool:
            supply, available = pool.pop()
            used = min(available, left[demand.key])
            left[demand.key] -= used
            covers[demand.key].append(_cover(supply, used))
            if available > used:
                pool.append((supply, available - used))


def _cover(supply: Supply, qty: int) -> Cover:
    return Cover(kind=supply.kind, supply_id=supply.supply_id, line=supply.line, qty=qty, date=supply.date)
