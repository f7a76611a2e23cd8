"""What the verifier sees: the two systems' native tables, read without any code of the generator."""

from __future__ import annotations

import sqlite3
from collections import defaultdict
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Final

Key = tuple[str, str]

FINISHED_ORDERS: Final = ("CNF", "TECO", "DLFL")


def milli(text: str) -> int:
    """Return a decimal string with three places as an integer of thousandths."""
    whole, _, rest = text.partition(".")
    value = int(whole.lstrip("-")) * 1000 + int((rest + "000")[:3])
    return -value if text.startswith("-") else value


@dataclass(frozen=True, slots=True)
class SalesLine:
    """An open sales order line."""

    key: Key
    requested: str
    confirmed: str
    open_qty: int


@dataclass(frozen=True, slots=True)
class Order:
    """An open production order."""

    number: str
    plant: str
    material: str
    qty: int
    finish: str
    sales: Key | None
    parent: str | None


@dataclass(frozen=True, slots=True)
class Component:
    """An open component demand."""

    order: str
    item: str
    material: str
    plant: str
    open_qty: int
    need: str
    child: str | None


@dataclass(frozen=True, slots=True)
class Step:
    """A waiting operation."""

    order: str
    number: str
    center: str
    start: str


@dataclass(frozen=True, slots=True)
class Purchase:
    """An open purchase order line, in the base unit."""

    key: Key
    material: str
    plant: str
    open_base: int
    first: str
    promise: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SalesView:
    """Open sales order lines and what keeps them back commercially."""

    lines: dict[Key, SalesLine]
    blocked_orders: frozenset[str]
    stuck_deliveries: dict[Key, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class ProductionView:
    """Open production orders with their open components and waiting operations, by order."""

    orders: dict[str, Order]
    components: dict[str, tuple[Component, ...]]
    steps: dict[str, tuple[Step, ...]]


@dataclass(frozen=True, slots=True, kw_only=True)
class StockView:
    """Stock by lot as (material, plant, quantity), who holds it, and what the shop floor counts."""

    held: dict[Key, tuple[tuple[str, int], ...]]
    held_on_lot: dict[str, int]
    free: dict[str, tuple[str, str, int]]
    blocked: dict[str, tuple[str, str, int]]
    holds: dict[str, str]
    counted: dict[str, int]
    in_flight: dict[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class FloorView:
    """Work centres that are down, where their work can go, when they are repaired; expected ends of jobs."""

    down: frozenset[str]
    alternatives: dict[str, str]
    repair_end: dict[str, tuple[str, str]]
    job_end: dict[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """Both systems at the frozen instant; a repair replaces one field of a copy."""

    today: str
    sales: SalesView
    production: ProductionView
    stock: StockView
    purchases: dict[Key, Purchase]
    floor: FloorView


def load(erp_path: Path, mes_path: Path, today: str) -> View:
    """Return what the two databases say."""
    with closing(_open(erp_path)) as erp, closing(_open(mes_path)) as mes:
        return View(
            today=today,
            sales=_sales(erp),
            production=_production(erp),
            stock=_stock(erp, mes),
            purchases=_purchases(erp),
            floor=_floor(erp, mes),
        )


def _open(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(f"file:{path}?mode=ro", uri=True)


def _sales(erp: sqlite3.Connection) -> SalesView:
    rows = erp.execute("SELECT so_no, item_no, req_date, conf_date, qty_open FROM so_item WHERE stat = 'OPEN'")
    lines = {
        (so, item): SalesLine((so, item), requested, confirmed, milli(qty))
        for so, item, requested, confirmed, qty in rows
    }
    blocked = erp.execute("SELECT so_no FROM so_head WHERE credit_flag = 'BLK'")
    picked = erp.execute("SELECT so_no, so_item, gi_plan FROM dlv_item WHERE pick_stat = 'C' AND gi_act IS NULL")
    return SalesView(
        lines=lines,
        blocked_orders=frozenset(so for (so,) in blocked),
        stuck_deliveries={(so, item): planned for so, item, planned in picked},
    )


def _production(erp: sqlite3.Connection) -> ProductionView:
    orders: dict[str, Order] = {}
    for number, plant, material, qty, finish, so, item, parent, state in erp.execute(
        "SELECT ord_no, plant, mat_no, qty_plan, finish_sched, so_no, so_item, parent_ord, stat FROM prod_head"
    ):
        if state not in FINISHED_ORDERS:
            orders[number] = Order(number, plant, material, milli(qty), finish, (so, item) if so else None, parent)
    components: dict[str, list[Component]] = defaultdict(list)
    for order, item, material, plant, qty, need, child in erp.execute(
        "SELECT ord_no, item_no, mat_no, plant, qty_open, need_date, supply_ord FROM prod_comp "
        "WHERE qty_open <> '0.000'"
    ):
        if order in orders:
            components[order].append(Component(order, item, material, plant, milli(qty), need, child))
    steps: dict[str, list[Step]] = defaultdict(list)
    for order, number, center, start in erp.execute(
        "SELECT ord_no, op_no, wc_no, start_at FROM prod_op WHERE stat = 'CRTD'"
    ):
        steps[order].append(Step(order, number, center, start))
    return ProductionView(
        orders=orders,
        components={key: tuple(value) for key, value in components.items()},
        steps={key: tuple(value) for key, value in steps.items()},
    )


def _stock(erp: sqlite3.Connection, mes: sqlite3.Connection) -> StockView:
    held: dict[Key, list[tuple[str, int]]] = defaultdict(list)
    held_on_lot: dict[str, int] = defaultdict(int)
    for order, item, lot, qty in erp.execute("SELECT dem_no, dem_item, lot_no, qty FROM resv"):
        held[order, item].append((lot, milli(qty)))
        held_on_lot[lot] += milli(qty)
    stock: dict[str, dict[str, tuple[str, str, int]]] = {"F": {}, "S": {}, "Q": {}}
    for material, plant, lot, kind, qty in erp.execute("SELECT mat_no, plant, lot_no, stk_type, qty FROM stock_qty"):
        stock[kind][lot] = (material, plant, milli(qty))
    holds = erp.execute(
        "SELECT lot_no, qn_no FROM qual_notif WHERE hold_flag = 1 AND stat <> 'NOCO' AND lot_no IS NOT NULL"
    )
    in_flight: dict[str, int] = defaultdict(int)
    for batch, qty in mes.execute("SELECT batch_no, qty FROM outbound_msg"):
        in_flight[batch.removeprefix("MB-")] += milli(qty)
    counted = {
        batch.removeprefix("MB-"): milli(qty) for batch, qty in mes.execute("SELECT batch_no, qty FROM bin_stock")
    }
    return StockView(
        held={key: tuple(value) for key, value in held.items()},
        held_on_lot=dict(held_on_lot),
        free=stock["F"],
        blocked=stock["S"],
        holds=dict(holds.fetchall()),
        counted=counted,
        in_flight=dict(in_flight),
    )


def _purchases(erp: sqlite3.Connection) -> dict[Key, Purchase]:
    ratio = {
        (material, uom): (num, den)
        for material, uom, num, den in erp.execute("SELECT mat_no, alt_uom, num, den FROM mat_unit")
    }
    purchases: dict[Key, Purchase] = {}
    for po, item, material, plant, qty, uom, first, promise in erp.execute(
        "SELECT po_no, item_no, mat_no, plant, qty_open, uom, first_promise, promise FROM po_item WHERE stat = 'OPEN'"
    ):
        num, den = ratio.get((material, uom), (1, 1))
        purchases[po, item] = Purchase((po, item), material, plant, milli(qty) * num // den, first, promise)
    return purchases


def _floor(erp: sqlite3.Connection, mes: sqlite3.Connection) -> FloorView:
    names = dict(mes.execute("SELECT eq_id, erp_wc FROM equipment").fetchall())
    down = frozenset(
        names[machine] for (machine,) in mes.execute("SELECT eq_id FROM stop_event WHERE ended_at IS NULL")
    )
    alternatives = erp.execute("SELECT wc_no, alt_wc FROM work_ctr WHERE alt_wc IS NOT NULL").fetchall()
    repairs = erp.execute(
        "SELECT wc_no, mnt_no, finish_plan FROM maint_order WHERE mnt_type = 'PM01' AND stat <> 'CMPL'"
    )
    jobs = mes.execute("SELECT order_no, expect_end FROM job WHERE state = 'RUN' AND expect_end IS NOT NULL")
    return FloorView(
        down=down,
        alternatives=dict(alternatives),
        repair_end={wc: (end, number) for wc, number, end in repairs},
        job_end={order.zfill(12): end for order, end in jobs},
    )
