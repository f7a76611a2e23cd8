"""The plan of one block of the plant: nouns that the generator decides on before any row is written.

A block is one plant's worth of materials and orders; size S is one block, M ten, L a hundred. Quantities are integers
of a thousandth, days count from the frozen Monday, seconds from its 06:00.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final, Literal

from erp_mcp.demo.plant_calendar import add_workdays

SITES: Final = ("1000", "2000")

Role = Literal[
    "plain", "late_po", "quality_hold", "stock_discrepancy", "moved", "moved_free", "moved_second", "inbound"
]
Cause = Literal[
    "late_po", "machine_down", "quality_hold", "stock_discrepancy", "upstream_order_late", "credit_block",
    "picked_not_shipped",
]  # fmt: skip
# How a component demand is met: taken already, held on a lot, by free stock, by a purchase line on the way, by a child
# order, or (the planted causes) not at all.
Cover = Literal["consumed", "reserved", "free", "inbound", "child", "none"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Product:
    """A material with everything that the plan needs to know about it."""

    number: str
    kind: Literal["FERT", "HALB", "ROH"]
    site: str
    uom: str
    description: str
    role: Role = "plain"
    buy_uom: str = ""
    numerator: int = 1
    denominator: int = 1
    supplier: str = ""
    price: int = 0
    threshold_day: int = 0

    def bought(self, base: int) -> int:
        """Return a quantity of the base unit in the purchase unit."""
        return base * self.denominator // self.numerator


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One line of a bill of materials; `per` is for one piece of the product."""

    product: Product
    per: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """The materials of one block with their bills and routings."""

    index: int
    finished: tuple[Product, ...]
    semi: tuple[Product, ...]
    raw: tuple[Product, ...]
    bills: dict[str, tuple[Part, ...]]
    routings: dict[str, tuple[str, ...]]

    def raw_of(self, role: Role) -> list[Product]:
        """Return the raw materials of one role, in order of number."""
        return [product for product in self.raw if product.role == role]


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One sales order line with its dates and, when it is late, why."""

    key: str
    product: Product
    qty: int
    delivered: int = 0
    state: Literal["OPEN", "CLSD", "CANC"]
    made: Literal["to_order", "from_stock", "running", "never"]
    start: int
    finish: int
    requested: int
    confirmed: int
    cause: Cause | None = None
    delay: int = 0
    cause_product: Product | None = None
    part_finish: int = 0
    so_no: str = ""
    item: str = ""
    cust: str = ""

    def late_by(self, workdays: int) -> Line:
        """Return the line as the ERP promises it after a delay."""
        return replace(self, confirmed=add_workdays(self.requested, workdays), delay=workdays)


@dataclass(frozen=True, slots=True, kw_only=True)
class Need:
    """One component demand of a production order."""

    order: str
    item: str
    product: Product
    qty: int
    day: int
    cover: Cover
    exclusive: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """One step of a production order."""

    number: str
    center: str
    start: int
    finish: int
    state: Literal["CRTD", "PCNF", "CNF"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Making:
    """A production order: what it makes, for whom, when, from what."""

    number: str
    product: Product
    qty: int
    made: int = 0
    scrap: int = 0
    start: int
    finish: int
    scheduled_start: int
    scheduled_finish: int
    state: Literal["CRTD", "REL", "RELM", "PCNF", "LKD", "CNF", "TECO"]
    kind: Literal["PP01", "RW01"] = "PP01"
    so_no: str | None = None
    item: str | None = None
    parent: str | None = None
    needs: tuple[Need, ...] = ()
    supplies: tuple[tuple[str, str], ...] = ()
    operations: tuple[Operation, ...] = ()
    lot: str | None = None
    line: Line | None = None
    scrap_reported: int = 0
    expected_end: int | None = None
    began: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """A lot: how much came in, when, and which demands it serves."""

    number: str
    product: Product
    site: str
    qty: int
    day: int
    needs: tuple[Need, ...] = ()
    stock_type: Literal["F", "Q", "S"] = "F"
    expiry: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PurchaseLine:
    """One purchase order line; quantities in the purchase unit, receipts as (day, quantity, lot)."""

    product: Product
    site: str
    supplier: str
    ordered: int
    qty: int
    receipts: tuple[tuple[int, int, str], ...] = ()
    ahead: tuple[int, int] | None = None  # day and quantity of a part that is to come before the rest
    requested: int
    first_promise: int
    promise: int
    moved_at: int | None = None
    confirmed: bool = True
    state: Literal["OPEN", "CLSD", "CANC"]
    released: bool = True
    role: str = ""
    memo: str | None = None
    reason: str | None = None
    po_no: str = ""
    item: str = ""

    @property
    def received(self) -> int:
        """What has come, in the purchase unit."""
        return sum(qty for _, qty, _ in self.receipts)

    @property
    def part(self) -> tuple[int, int] | None:
        """Day and quantity of what comes before the rest: as agreed, or as it came where more came or is to come."""
        came_ahead = len(self.receipts) > 1 or (self.receipts and self.state == "OPEN")
        if self.ahead is not None or not came_ahead:
            return self.ahead
        return min(self.receipts[0][0], self.promise), self.receipts[0][1]

    @property
    def open_qty(self) -> int:
        """What is still to come, in the purchase unit; zero unless the line is open."""
        return max(self.qty - self.received, 0) if self.state == "OPEN" else 0
