"""Planning of lots: every quantity that comes in is the sum of what it is used for, so no stock is left by accident."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from erp_mcp.demo.draw import Draw
from erp_mcp.demo.figures import UNIT
from erp_mcp.demo.making import Numbers
from erp_mcp.demo.master import SHOWCASE_MATERIAL
from erp_mcp.demo.plan import SITES, Batch, Block, Making, Need, Product

UNDER_SAFETY: Final = 7
IN_INSPECTION: Final = 14
EXPIRING: Final = 5
ELSEWHERE: Final = 4  # late purchases whose material lies free at the other site, which helps nobody
SHOWCASE_FREE: Final = 60 * UNIT
SHELF_LIFE_DAYS: Final = 260


@dataclass(frozen=True, slots=True, kw_only=True)
class Holding:
    """The lots of a block's raw materials and what planning keeps as safety stock, by material."""

    lots: tuple[Batch, ...]
    safety: dict[str, int]
    elsewhere: tuple[Product, ...]


def needs_by_material(orders: Iterable[Making], kind: str) -> dict[str, list[Need]]:
    """Return the component demands of a material kind, by material, in order of day."""
    found: dict[str, list[Need]] = defaultdict(list)
    for order in orders:
        for need in order.needs:
            if need.product.kind == kind:
                found[need.product.number].append(need)
    for needs in found.values():
        needs.sort(key=lambda need: (need.day, need.order, need.item))
    return found


class LotPlanner:
    """Groups demands into lots."""

    def __init__(self, block: Block, draw: Draw, numbers: Numbers) -> None:
        """Keep what every lot needs."""
        self.block = block
        self.draw = draw
        self.numbers = numbers
        plain = [p.number for p in block.raw if p.role == "plain" and p.number != SHOWCASE_MATERIAL]
        self._under_safety = frozenset(draw.shuffled(plain, "lots", "under_safety")[:UNDER_SAFETY])
        rest = [number for number in plain if number not in self._under_safety]
        self._expiring = frozenset(draw.shuffled(rest, "lots", "expiring")[:EXPIRING])

    def for_needs(self, product: Product, needs: list[Need], bounds: tuple[int, int]) -> list[Batch]:
        """Return lots that each serve a few consecutive demands; `bounds` are the fewest and most demands of a lot."""
        held = [need for need in needs if need.cover in {"consumed", "reserved"} and not need.exclusive]
        groups = [[need] for need in needs if need.exclusive]
        while held:
            take = self.draw.between(bounds, "lots", f"{product.number}/{len(held)}", "size")
            groups.append(held[:take])
            held = held[take:]
        return [self._lot(product, group) for group in groups]

    def _lot(self, product: Product, needs: list[Need]) -> Batch:
        first = needs[0].day
        key = f"{product.number}/{first}/{needs[0].order}"
        lead = self.draw.between((2, 9) if first <= 0 else (2, 25), "lots", key, "lead")
        return self._new(product, sum(need.qty for need in needs), min(first, 0) - lead, tuple(needs))

    def _new(self, product: Product, qty: int, day: int, needs: tuple[Need, ...] = ()) -> Batch:
        perishable = product.kind == "ROH" and self.draw.below(3, "lots", product.number, "perishable") == 0
        expiry = day + SHELF_LIFE_DAYS if perishable else None
        return Batch(
            number=self.numbers.lot(), product=product, site=product.site, qty=qty, day=day, needs=needs, expiry=expiry
        )

    def raw(self, orders: list[Making]) -> Holding:
        """Return the lots of all raw materials of the block: for demands, free stock, on hold, in inspection."""
        needs = needs_by_material(orders, "ROH")
        lots: list[Batch] = []
        safety: dict[str, int] = {}
        for product in self.block.raw:
            mine = needs.get(product.number, [])
            planned = self.for_needs(product, mine, (4, 7))
            lots += planned
            lots += self._free(product, mine, planned, safety)
        lots += self._inspected()
        elsewhere = tuple(
            self.block.raw_of("late_po")[:: max(1, len(self.block.raw_of("late_po")) // ELSEWHERE)][:ELSEWHERE]
        )
        for product in elsewhere:
            lot = self._new(product, 200 * UNIT, -30)
            other = SITES[1] if product.site == SITES[0] else SITES[0]
            lots.append(
                Batch(number=lot.number, product=product, site=other, qty=lot.qty, day=lot.day, expiry=lot.expiry)
            )
        return Holding(lots=tuple(lots), safety=safety, elsewhere=elsewhere)

    def _free(self, product: Product, needs: list[Need], planned: list[Batch], safety: dict[str, int]) -> list[Batch]:
        """Return the lots beyond the demands that are held on lots; sets the material's safety stock."""
        if product.role == "quality_hold":
            missing = sum(need.qty for need in needs if need.cover == "none")
            lot = self._new(product, missing + UNIT * self.draw.below(20, "lots", product.number, "hold"), -12)
            return [Batch(number=lot.number, product=product, site=product.site, qty=lot.qty, day=-12, stock_type="S",
                          expiry=lot.expiry)]  # fmt: skip
        if product.number == SHOWCASE_MATERIAL:
            return [self._new(product, SHOWCASE_FREE, -10)]
        if product.number in self._under_safety:
            on_hand = sum(need.qty for lot in planned for need in lot.needs if need.cover == "reserved")
            safety[product.number] = (on_hand // UNIT + 25) * UNIT
            return []
        if product.role not in {"plain", "moved", "moved_free"}:
            return []
        safety[product.number] = 5 * UNIT * self.draw.between((4, 20), "lots", product.number, "safety")
        unheld = sum(need.qty for need in needs if need.cover == "free")
        extra = UNIT * self.draw.below(60, "lots", product.number, "extra")
        lot = self._new(
            product, safety[product.number] + unheld + extra, -self.draw.between((3, 40), "lots", product.number, "day")
        )
        if product.number in self._expiring:
            soon = self.draw.between((8, 25), "lots", product.number, "expiry")
            return [Batch(number=lot.number, product=product, site=product.site, qty=lot.qty, day=lot.day, expiry=soon)]
        return [lot]

    def _inspected(self) -> list[Batch]:
        plain = {p.number: p for p in self.block.raw if p.role == "plain"}
        count = IN_INSPECTION - (SHOWCASE_MATERIAL in plain)
        chosen = self.draw.shuffled((number for number in plain if number != SHOWCASE_MATERIAL), "lots", "inspected")[
            :count
        ]
        if SHOWCASE_MATERIAL in plain:
            chosen.insert(0, SHOWCASE_MATERIAL)
        lots = []
        for number in chosen:
            product = plain[number]
            lot = self._new(product, UNIT * self.draw.between((20, 90), "lots", number, "inspected"), -3)
            lots.append(Batch(number=lot.number, product=product, site=product.site, qty=lot.qty, day=-3,
                              stock_type="Q",
                              expiry=lot.expiry))  # fmt: skip
        return lots
