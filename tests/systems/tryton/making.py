"""What people in production planning do while the gateway writes: orders of their own, released, begun, taken back."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Literal

from tests.systems.tryton.buying import id_of, iso, today
from tests.systems.tryton.rpc import Rpc

State = Literal["draft", "waiting", "running"]
ITEM = "FP-105"


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """A production order of one person."""

    id: int
    number: str
    start: date
    finish: date

    @property
    def key(self) -> str:
        """The order's source key."""
        return str(self.id)


def make(rpc: Rpc, *, state: State = "waiting") -> Made:
    """Plan an order for next month and take it to a state."""
    product = id_of(rpc, "product.product", ITEM)
    unit = rpc.find("product.product", [["id", "=", product]], ["default_uom"])[0]["default_uom"]
    finish = today(rpc) + timedelta(days=40)
    start = finish - timedelta(days=3)
    order = rpc.create(
        "production", product=product, unit=unit, quantity=2.0, planned_date=finish, planned_start_date=start,
        warehouse=id_of(rpc, "stock.location", "WH"),
        location=rpc.find("stock.location", [["type", "=", "production"]], [])[0]["id"],
        outputs=[],
    )  # fmt: skip
    steps = {"draft": (), "waiting": ("wait",), "running": ("wait", "assign_force", "run")}
    for button in steps[state]:
        rpc(f"production.{button}", [order])
    row = rpc.find("production", [["id", "=", order]], ["number"])[0]
    return Made(id=order, number=row["number"] or f"id:{order}", start=start, finish=finish)


def dates(rpc: Rpc, order: int) -> tuple[str, str, str]:
    """Return state, start and finish of an order."""
    row = rpc.find("production", [["id", "=", order]], ["state", "planned_start_date", "planned_date"])[0]
    return row["state"], iso(row["planned_start_date"]), iso(row["planned_date"])
