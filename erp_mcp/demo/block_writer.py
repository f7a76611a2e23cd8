"""Building one block: plan the sales, then the making, then the lots, then the buying, and write what follows."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace

from erp_mcp.demo import erp_making, master, sales_plan
from erp_mcp.demo.buying import Buyer, number_lines
from erp_mcp.demo.draw import Draw
from erp_mcp.demo.erp_buying import Purchasing
from erp_mcp.demo.erp_rows import MaterialPlantRow
from erp_mcp.demo.erp_selling import SHARED_REFERENCE, Seller, unproven_lines
from erp_mcp.demo.exceptions import Exceptions
from erp_mcp.demo.figures import UNIT, price, quantity
from erp_mcp.demo.floor import HORIZON_S
from erp_mcp.demo.late_truth import Planted
from erp_mcp.demo.ledger import Ledger
from erp_mcp.demo.lots import Holding, LotPlanner, needs_by_material
from erp_mcp.demo.making import Maker, Numbers
from erp_mcp.demo.plan import SITES, Batch, Block, Line, Making, PurchaseLine
from erp_mcp.demo.plant_calendar import PlantCalendar
from erp_mcp.demo.quality import Quality
from erp_mcp.demo.reported import write_confirmations
from erp_mcp.demo.returns import Returns
from erp_mcp.demo.shopfloor import ShopFloor
from erp_mcp.demo.tables import Tables
from erp_mcp.demo.truth import Truth

MISTAKES = 3  # issues that were posted wrongly and taken back
NO_SUCH_ORDER = "0010009999"  # never given to an order, so that a question can ask for it


@dataclass(frozen=True, slots=True, kw_only=True)
class Build:
    """What all blocks of one build share."""

    draw: Draw
    calendar: PlantCalendar
    numbers: Numbers
    erp: Tables
    mes: Tables
    truth: Truth
    repairs: dict[str, str]
    waiting: Counter[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Sold:
    """What writing the sales side of a block decided: references by order, open deliveries by line."""

    references: dict[str, str]
    deliveries: dict[str, str | None]
    without_proof: list[str]
    returns: Returns


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """The plan of one block."""

    block: Block
    groups: list[list[Line]]
    orders: list[Making]
    lots: list[Batch]
    holding: Holding
    purchases: list[PurchaseLine]

    @property
    def lines(self) -> list[Line]:
        """All sales order lines."""
        return [line for group in self.groups for line in group]


def plan_block(build: Build, index: int) -> Plan:
    """Return the plan of a block; nothing is written yet."""
    draw, numbers = build.draw, build.numbers
    block = master.make_block(draw, index)
    groups = _numbered(build, block, sales_plan.group_into_orders(sales_plan.plan_lines(block, draw), draw))
    lines = [line for group in groups for line in group]
    maker = Maker(block, draw, build.calendar, numbers)
    orders = maker.for_lines(lines)
    planner = LotPlanner(block, draw, numbers)
    demands = needs_by_material(orders, "HALB")
    semi = [lot for p in block.semi for lot in planner.for_needs(p, demands.get(p.number, []), (4, 6))]
    orders += maker.batches(semi)
    finished = [
        Batch(number=o.lot, product=o.product, site=o.product.site, qty=o.made, day=o.finish)
        for o in orders
        if o.lot is not None and o.product.kind == "FERT"
    ]
    holding = planner.raw(orders)
    purchases = number_lines(Buyer(block, draw, build.calendar).lines(holding.lots, orders, lines), numbers)
    return Plan(block=block, groups=groups, orders=orders, lots=[*finished, *semi, *holding.lots], holding=holding,
                purchases=purchases)  # fmt: skip


def _numbered(build: Build, block: Block, groups: list[list[Line]]) -> list[list[Line]]:
    numbered = []
    for place, group in enumerate(groups):
        number = build.numbers.next("sales", "", 10, 10_000_101)
        if number == NO_SUCH_ORDER:
            number = build.numbers.next("sales", "", 10)
        customer = sales_plan.customer_of(block, group, place, build.draw)
        numbered.append(
            [
                replace(line, so_no=number, item=f"{(item + 1) * 10:06d}", cust=customer)
                for item, line in enumerate(group)
            ]
        )
    return numbered


def write_block(build: Build, plan: Plan) -> None:
    """Write a planned block into the three databases."""
    erp, draw, calendar, numbers = build.erp, build.draw, build.calendar, build.numbers
    ledger, lots = Ledger(), {lot.number: lot for lot in plan.lots}
    master.write_block(plan.block, draw, calendar, erp)
    master.write_customers(plan.block.index, draw, calendar, erp)
    _write_sites(build, plan)
    erp_making.write_orders(plan.orders, erp, draw, calendar)
    write_confirmations(plan.orders, erp, draw, calendar, numbers)
    purchasing = Purchasing(erp, draw, calendar, numbers)
    purchasing.orders(plan.purchases)
    purchasing.post_receipts(plan.purchases, lots, ledger)
    erp_making.post_output(plan.orders, lots, ledger, calendar)
    outputs = {order.number: order.lot for order in plan.orders if order.lot is not None}
    erp_making.post_use(plan.lots, outputs, erp, ledger, calendar)
    erp_making.write_reservations(plan.lots, erp, calendar, numbers)
    sold = _write_sales(build, plan, lots, ledger)
    _post_mistakes(build, plan, ledger)
    left = ledger.write(erp, calendar, numbers)
    erp_making.write_lots(plan.lots, left, sold.returns.inspected, erp, calendar)
    _write_floor(build, plan, left, sold)
    build.waiting.update(
        step.center
        for order in plan.orders
        for step in order.operations
        if step.state == "CRTD" and step.start < HORIZON_S
    )


def _post_mistakes(build: Build, plan: Plan, ledger: Ledger) -> None:
    """Post a few issues to orders that have not begun, each taken back an hour later."""
    held = {need.order + need.item: (lot, need) for lot in plan.lots for need in lot.needs
            if need.cover == "reserved" and need.qty >= UNIT and lot.stock_type == "F" and lot.day < -3}  # fmt: skip
    for key in build.draw.shuffled(held, "movement", "mistake")[:MISTAKES]:
        lot, need = held[key]
        second = build.calendar.at(-2, 9 * 60 + build.draw.below(300, "movement", key, "minute"))
        ledger.post_and_take_back(second, lot, UNIT, ("PRD", need.order, need.item))


def _write_sites(build: Build, plan: Plan) -> None:
    changed = build.calendar.stamp(-190, 8 * 60)
    values = master.standard_prices(plan.block, build.draw)
    for product in (*plan.block.finished, *plan.block.semi, *plan.block.raw):
        kept = plan.holding.safety.get(product.number, 0)
        bought = product.kind == "ROH"
        lead = build.draw.between((10, 30) if bought else (3, 6), "material", product.number, "lead")
        planner = f"P{int(product.site[0])}{build.draw.below(3, 'material', product.number, 'planner')}"
        most = 10 * UNIT * build.draw.between((4, 22), "material", product.number, "most")
        per = 100 if values[product.number] < 50_000 else 1
        sites = SITES if product in plan.holding.elsewhere else (product.site,)
        for site in sites:
            safety = quantity(kept) if site == product.site else quantity(0)
            build.erp.add(
                MaterialPlantRow(product.number, site, safety, "F" if bought else "E", lead, planner,
                                 quantity(kept + most), price(values[product.number] * per), per, "EUR", changed)
            )  # fmt: skip


def _write_sales(build: Build, plan: Plan, lots: dict[str, Batch], ledger: Ledger) -> Sold:
    """Write the sales side; return the customer's own reference of every order and the open deliveries of lines."""
    unproven = unproven_lines(plan.lines, build.draw)
    seller = Seller(build.erp, build.draw, build.calendar, build.numbers, unproven=unproven)
    returns = Returns(erp=build.erp, draw=build.draw, calendar=build.calendar, numbers=build.numbers)
    made = {order.line.key: order.lot for order in plan.orders if order.line is not None and order.lot is not None}
    early = next(line.key for line in plan.lines if line.made == "from_stock" and line.cause is None)
    sold = Sold(references=_references(build, plan), deliveries={}, without_proof=seller.without_proof, returns=returns)
    for group in plan.groups:
        seller.order(group, group[0].product.site, sold.references[group[0].so_no])
    for line in plan.lines:
        lot = made.get(line.key)
        if lot is not None and line.made == "from_stock":
            sold.deliveries[line.key] = seller.from_stock(line, lots[lot], picked_early=line.key == early)
        elif lot is not None:
            seller.shipments(line, lots[lot], ledger)
    sent = {key: lots[lot] for key, lot in made.items()}
    returns.write(plan.lines, sent, seller.proofs, ledger)
    return sold


def _references(build: Build, plan: Plan) -> dict[str, str]:
    """Return the customers' own order numbers: unique, but for one that two customers of the first block share."""
    references: dict[str, str] = {}
    for group in plan.groups:
        number = group[0].so_no
        check = build.draw.below(10, "sales", number, "check")
        references[number] = f"PO-{70_000 + int(number) % 10_000_000}{check}"
    if plan.block.index == 0:
        open_groups = [g for g in plan.groups if all(line.state == "OPEN" and line.cause is None for line in g)]
        same_site = [g for g in open_groups if g[0].product.site == SITES[0]]
        other = next(g for g in same_site if g[0].cust != same_site[0][0].cust)
        references[same_site[0][0].so_no] = references[other[0].so_no] = SHARED_REFERENCE
        build.truth.role("ambiguous_reference#1", "customer_reference", SHARED_REFERENCE)
        build.truth.answer("10", [(same_site[0][0].so_no, same_site[0][0].cust), (other[0].so_no, other[0].cust)])
    return references


def _write_floor(build: Build, plan: Plan, left: dict[str, int], sold: Sold) -> None:
    quality = Quality(erp=build.erp, draw=build.draw, calendar=build.calendar, numbers=build.numbers)
    notifications = quality.notifications(plan.lots, left, injected=plan.block.index == 0)
    overdue = quality.inspections(plan.lots)
    floor = ShopFloor(mes=build.mes, draw=build.draw, calendar=build.calendar, numbers=build.numbers)
    long_running = floor.jobs(plan.orders)
    counted, explained = floor.bins(plan.lots, left)
    purchasing = Purchasing(build.erp, build.draw, build.calendar, build.numbers)
    purchasing.invoices(plan.purchases)
    waiting, duplicate = purchasing.requisitions(plan.block)
    planted = Planted(lines=plan.lines, orders=plan.orders, purchases=plan.purchases, lots=plan.lots, left=left,
                      counted=counted, notifications=notifications, repairs=build.repairs,
                      deliveries=sold.deliveries, calendar=build.calendar)  # fmt: skip
    planted.tell(build.truth)
    exceptions = Exceptions(truth=build.truth, planted=planted)
    exceptions.purchases(plan.purchases)
    exceptions.stock(plan.holding, plan.block)
    exceptions.sent(sold.without_proof, sold.returns)
    exceptions.miscounted(floor.miscounted)
    exceptions.others(overdue_inspections=overdue, long_running=long_running, explained=explained, waiting=waiting)
    if plan.block.index == 0:
        exceptions.showcases(plan.block, duplicate, sold.references)
