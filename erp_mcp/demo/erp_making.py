"""Writing production: orders, components, operations, and the movements and genealogy of what was made."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import groupby

from erp_mcp.demo.draw import Draw
from erp_mcp.demo.erp_rows import ComponentRow, GenealogyRow, LotRow, OperationRow, OrderRow, ReservationRow
from erp_mcp.demo.figures import UNIT, quantity
from erp_mcp.demo.ledger import Ledger
from erp_mcp.demo.making import Numbers, share_done
from erp_mcp.demo.master import SETUP_MIN, run_seconds
from erp_mcp.demo.plan import Batch, Making, Need, Operation
from erp_mcp.demo.plant_calendar import PlantCalendar
from erp_mcp.demo.tables import Tables

_ISSUE_MINUTE = 6 * 60 + 40
_OUTPUT_MINUTE = 15 * 60


def write_orders(orders: Iterable[Making], erp: Tables, draw: Draw, calendar: PlantCalendar) -> None:
    """Write production orders with components and operations."""
    for order in orders:
        changed = calendar.instant(
            min(calendar.at(max(order.start, -3) if order.lot is None else order.finish, 900), -7_200)
        )
        erp.add(
            OrderRow(
                order.number, order.product.site, order.product.number, quantity(order.qty), quantity(order.made),
                quantity(order.scrap or order.scrap_reported), order.product.uom, calendar.date(order.start),
                calendar.date(order.finish), calendar.date(order.scheduled_start),
                calendar.date(order.scheduled_finish),
                order.state, order.so_no, order.item, order.parent, order.kind, changed,
            )
        )  # fmt: skip
        supplies = dict(order.supplies)
        for item, pieces in groupby(order.needs, key=lambda need: need.item):
            erp.add(_component(tuple(pieces), supplies.get(item), calendar, changed))
        for place, step in enumerate(order.operations):
            erp.add(
                OperationRow(order.number, step.number, order.product.site, step.center, calendar.instant(step.start),
                             calendar.instant(step.finish), step.state, work_minutes(order, place, step, draw), changed)
            )  # fmt: skip


def work_minutes(order: Making, place: int, step: Operation, draw: Draw) -> int:
    """Return the minutes of work that an operation still takes, from its routing and its quantity."""
    if step.state == "CNF":
        return 0
    if order.kind == "RW01":
        return (step.finish - step.start) // 60
    whole = SETUP_MIN + -(-order.qty * run_seconds(draw, order.product.number, place) // (60 * UNIT))
    return whole if step.state == "CRTD" else whole * (100 - share_done(order.number, draw)) // 100


def _component(pieces: tuple[Need, ...], supply: str | None, calendar: PlantCalendar, changed: str) -> ComponentRow:
    first = pieces[0]
    required = sum(need.qty for need in pieces)
    withdrawn = sum(need.qty for need in pieces if need.cover == "consumed")
    return ComponentRow(
        first.order, first.item, first.product.site, first.product.number, quantity(required), quantity(withdrawn),
        quantity(required - withdrawn), first.product.uom, calendar.date(first.day), supply, changed,
    )  # fmt: skip


def post_output(orders: Iterable[Making], lots: dict[str, Batch], ledger: Ledger, calendar: PlantCalendar) -> None:
    """Post what every completed order put into stock."""
    for order in orders:
        if order.lot is not None:
            lot = lots[order.lot]
            ledger.post(
                calendar.at(order.finish, _OUTPUT_MINUTE), "131", lot, (("F", order.made),), ("PRD", order.number, "")
            )


def post_use(
    lots: Iterable[Batch], outputs: dict[str, str], erp: Tables, ledger: Ledger, calendar: PlantCalendar
) -> None:
    """Post what orders took from lots, and write which lot went into which; `outputs` is the output lot by order."""
    for lot in lots:
        for need in lot.needs:
            if need.cover != "consumed":
                continue
            second = calendar.at(need.day, _ISSUE_MINUTE)
            ledger.post(second, "261", lot, (("F", -need.qty),), ("PRD", need.order, need.item))
            output = outputs.get(need.order)
            if output is not None:
                erp.add(
                    GenealogyRow(
                        output, lot.number, need.order, quantity(need.qty), lot.product.uom, calendar.instant(second)
                    )
                )


def write_reservations(lots: Iterable[Batch], erp: Tables, calendar: PlantCalendar, numbers: Numbers) -> None:
    """Write what is held on lots for production orders."""
    changed = calendar.stamp(-4, 12 * 60)
    for lot in lots:
        for need in lot.needs:
            if need.cover == "reserved":
                erp.add(
                    ReservationRow(
                        numbers.next("reservation", "RS", 8), lot.product.number, lot.site, lot.number, "PRD",
                        need.order,
                        need.item, quantity(need.qty), lot.product.uom, calendar.date(need.day), changed,
                    )
                )  # fmt: skip


def write_lots(
    lots: Iterable[Batch], left: dict[str, int], returned: dict[str, int], erp: Tables, calendar: PlantCalendar
) -> None:
    """Write the lots; one that is used up is closed, and one of which something came back is looked at again.

    `returned` holds the second in which something of a lot came back and waits for inspection.
    """
    for lot in lots:
        stock_type = "Q" if lot.number in returned else lot.stock_type
        disposition = {"F": "U", "Q": "I", "S": "R"}[stock_type] if left.get(lot.number) else "C"
        changed = calendar.at(max(lot.day, -60) if left.get(lot.number) else lot.day, 16 * 60)
        bought = lot.product.kind == "ROH"
        erp.add(
            LotRow(
                lot.number, lot.product.number, lot.site, disposition,
                calendar.date(lot.expiry) if lot.expiry is not None else None, lot.product.supplier if bought else None,
                f"{lot.product.supplier}-{lot.number[1:]}" if bought else None,
                calendar.instant(max(changed, returned.get(lot.number, changed))),
            )
        )  # fmt: skip
