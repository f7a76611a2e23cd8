"""Planning of sales order lines: which are open, which are late, and the one reason why each late one is late."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Final

from erp_mcp.demo.draw import Draw
from erp_mcp.demo.figures import UNIT
from erp_mcp.demo.master import CREDIT_CUSTOMERS, REPAIR_END_DAY, customers, painted
from erp_mcp.demo.plan import SITES, Block, Cause, Line, Product
from erp_mcp.demo.plant_calendar import add_workdays, workday, workdays_between

CLOSED: Final = {"1000": 235, "2000": 105}
CANCELLED: Final = {"1000": 3, "2000": 1}
HEALTHY_TO_ORDER: Final = {"1000": 123, "2000": 55}
HEALTHY_RUNNING: Final = {"1000": 15, "2000": 7}
HEALTHY_FROM_STOCK: Final = {"1000": 8, "2000": 4}
PARTLY_DELIVERED: Final = {"1000": 10, "2000": 5}
MACHINE_DOWN: Final = {"1000": 9, "2000": 0}
UPSTREAM: Final = {"1000": 3, "2000": 2}
CREDIT_BLOCK: Final = {"1000": 2, "2000": 1}
PICKED_NOT_SHIPPED: Final = {"1000": 1, "2000": 1}
EARLY_MOVED: Final = 4  # healthy orders whose work left the second machine that is down
FIRST_AFTER_REPAIR: Final = REPAIR_END_DAY + 2
SHOWCASE_QTY: Final = 40 * UNIT


def plan_lines(block: Block, draw: Draw) -> list[Line]:
    """Return all sales order lines of a block, not yet grouped into orders."""
    lines: list[Line] = []
    for site in SITES:
        lines += _material_causes(block, draw, site)
        lines += _other_causes(block, draw, site)
        lines += _healthy(block, draw, site)
        lines += _past(block, draw, site)
    return lines


def _qty(draw: Draw, key: str) -> int:
    return 4 * UNIT * draw.between((3, 20), "line", key, "qty")  # a quarter of every quantity is exact


def _finished(block: Block, site: str) -> list[Product]:
    return [product for product in block.finished if product.site == site]


def _user_of(block: Block, part: Product) -> Product:
    return next(p for p in block.finished if any(line.product is part for line in block.bills[p.number]))


def _material_causes(block: Block, draw: Draw, site: str) -> Iterator[Line]:
    causes: tuple[Cause, ...] = ("late_po", "quality_hold", "stock_discrepancy")
    for cause in causes:
        parts = [p for p in block.raw if p.role == cause and p.site == site]
        for part in parts:
            product = _user_of(block, part)
            key = f"{block.index}/{cause}/{part.number}"
            first = FIRST_AFTER_REPAIR if painted(block, product) else 3
            start = workday(first + draw.below(6, "line", key, "start"))
            delay = draw.between((4, 10), "line", key, "delay")
            yield replace(_to_order(draw, key, product, start), cause=cause, cause_product=part).late_by(delay)


def _to_order(draw: Draw, key: str, product: Product, start: int) -> Line:
    finish = add_workdays(start, 3)
    requested = add_workdays(finish, draw.between((1, 3), "line", key, "slack"))
    return Line(key=key, product=product, qty=_qty(draw, key), state="OPEN", made="to_order", start=start,
                finish=finish,
                requested=requested, confirmed=requested)  # fmt: skip


def _other_causes(block: Block, draw: Draw, site: str) -> Iterator[Line]:
    products = _finished(block, site)
    through_oven = [p for p in products if painted(block, p)]
    direct = [p for p in products if not painted(block, p)]
    for number in range(MACHINE_DOWN[site]):
        key = f"{block.index}/machine_down/{site}/{number}"
        # Every other order has its first operation behind it and waits before the machine.
        start = -3 if number % 2 else workday(draw.between((1, 3), "line", key, "start"))
        line = _to_order(draw, key, through_oven[number % len(through_oven)], start)
        line = replace(line, requested=add_workdays(line.finish, 1), cause="machine_down")
        waits_from = add_workdays(start, 1) if start >= 0 else 0
        yield line.late_by(workdays_between(waits_from, REPAIR_END_DAY) + draw.below(2, "line", key, "delay"))
    for number in range(UPSTREAM[site]):
        key = f"{block.index}/upstream/{site}/{number}"
        start = workday(draw.between((3, 10), "line", key, "start"))
        line = _to_order(draw, key, direct[number % len(direct)], start)
        yield replace(line, cause="upstream_order_late").late_by(draw.between((4, 8), "line", key, "delay"))
    yield from _shipping_causes(block, draw, site, products)


def _shipping_causes(block: Block, draw: Draw, site: str, products: list[Product]) -> Iterator[Line]:
    for number in range(CREDIT_BLOCK[site]):
        key = f"{block.index}/credit/{site}/{number}"
        requested = -3 - draw.below(6, "line", key, "requested")
        yield _from_stock(draw, key, products[number], requested, "credit_block", workday(4 + number))
    for number in range(PICKED_NOT_SHIPPED[site]):
        key = f"{block.index}/picked/{site}/{number}"
        requested = -3 - draw.below(2, "line", key, "requested")
        yield _from_stock(draw, key, products[number + 2], requested, "picked_not_shipped", workday(1 + number))


def _from_stock(  # noqa: PLR0917
    draw: Draw, key: str, product: Product, requested: int, cause: Cause | None = None, confirmed: int | None = None
) -> Line:
    finish = min(requested, 0) - draw.between((6, 20), "line", key, "finish")
    return Line(key=key, product=product, qty=_qty(draw, key), state="OPEN", made="from_stock",
                start=add_workdays(finish, -3), finish=finish, requested=requested,
                confirmed=requested if confirmed is None else confirmed, cause=cause)  # fmt: skip


def _healthy(block: Block, draw: Draw, site: str) -> Iterator[Line]:
    products = _finished(block, site)
    detoured = [p for p in products if "CNC-03" in block.routings[p.number]]
    for number in range(HEALTHY_TO_ORDER[site]):
        key = f"{block.index}/healthy/{site}/{number}"
        product = products[number % len(products)]
        early = number < EARLY_MOVED and bool(detoured)
        if early:
            product = detoured[number % len(detoured)]
        first, span = (FIRST_AFTER_REPAIR, 22) if painted(block, product) else (2, 27)
        start = workday(
            draw.between((1, 3), "line", key, "start") if early else first + draw.below(span, "line", key, "start")
        )
        line = _to_order(draw, key, product, start)
        if number >= HEALTHY_TO_ORDER[site] - PARTLY_DELIVERED[site]:
            part_finish = -draw.between((6, 20), "line", key, "part")
            line = replace(line, delivered=line.qty // 4, part_finish=part_finish)
        yield line
    for number in range(HEALTHY_RUNNING[site]):
        key = f"{block.index}/running/{site}/{number}"
        start = -draw.between((4, 7), "line", key, "start")
        line = _to_order(draw, key, products[number % len(products)], start)
        finish = workday(draw.between((2, 3), "line", key, "finish"))
        requested = add_workdays(finish, draw.between((1, 3), "line", key, "slack"))
        yield replace(line, made="running", finish=finish, requested=requested, confirmed=requested)
    for number in range(HEALTHY_FROM_STOCK[site]):
        key = f"{block.index}/stock/{site}/{number}"
        requested = workday(draw.between((2, 11), "line", key, "requested"))
        yield _from_stock(draw, key, products[number % len(products)], requested)


def _past(block: Block, draw: Draw, site: str) -> Iterator[Line]:
    products = _finished(block, site)
    for number in range(CLOSED[site]):
        key = f"{block.index}/closed/{site}/{number}"
        start = -draw.between((9, 140), "line", key, "start")
        line = _to_order(draw, key, products[number % len(products)], start)
        yield replace(
            line, finish=start + 3, requested=start + 6, confirmed=start + 6, state="CLSD", delivered=line.qty
        )
    for number in range(CANCELLED[site]):
        key = f"{block.index}/cancelled/{site}/{number}"
        line = _to_order(draw, key, products[number % len(products)], 5 + number)
        yield replace(line, state="CANC", made="never")


def group_into_orders(lines: list[Line], draw: Draw) -> list[list[Line]]:
    """Group lines into sales orders of one to three lines, at most one late line in each, oldest first.

    Orders with a credit problem have one line and a customer of their own, because the block lies on the whole order.
    """
    groups: list[list[Line]] = []
    for site in SITES:
        local = [line for line in lines if line.product.site == site]
        healthy = draw.shuffled((ln for ln in local if _plain_open(ln)), "order", "healthy")
        for line in local:
            if line.cause is not None:
                take = 0 if line.cause == "credit_block" else draw.below(2, "order", line.key, "beside")
                groups.append([line, *healthy[:take]])
                healthy = healthy[take:]
        groups += _chunks(healthy, draw)
        groups += _chunks(sorted((ln for ln in local if ln.state == "CLSD"), key=lambda ln: (ln.start, ln.key)), draw)
        groups += [[line] for line in local if line.state == "CANC"]
    return sorted(groups, key=lambda group: (ordered_day(group, draw), group[0].key))


def _plain_open(line: Line) -> bool:
    return line.cause is None and line.state == "OPEN"


def _chunks(lines: list[Line], draw: Draw) -> list[list[Line]]:
    chunks: list[list[Line]] = []
    rest = list(lines)
    while rest:
        take = draw.between((1, 3), "order", rest[0].key, "size")
        chunks.append(rest[:take])
        rest = rest[take:]
    return chunks


def ordered_day(group: list[Line], draw: Draw) -> int:
    """Return the day a sales order was placed: before the first of its lines was started."""
    return min(min(line.start, line.part_finish - 4) for line in group) - draw.between(
        (8, 25), "order", group[0].key, "lead"
    )


def customer_of(block: Block, group: list[Line], place: int, draw: Draw) -> str:
    """Return the customer of an order; late-payers order nothing else that is open."""
    numbers = customers(block.index)
    if group[0].cause == "credit_block":
        late = numbers[-CREDIT_CUSTOMERS:]
        site_offset = 0 if group[0].product.site == SITES[0] else CREDIT_BLOCK[SITES[0]]
        return late[site_offset + int(group[0].key.rsplit("/", 1)[1])]
    return draw.pick(numbers[:-CREDIT_CUSTOMERS], "order", f"{block.index}/{place}", "customer")
