"""What was reported as done: confirmations of operations, which add up to the orders' yield and scrap."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from erp_mcp.demo.draw import Draw
from erp_mcp.demo.erp_rows import OperationConfirmationRow
from erp_mcp.demo.figures import UNIT, quantity
from erp_mcp.demo.making import Numbers
from erp_mcp.demo.plan import Making, Operation
from erp_mcp.demo.plant_calendar import PlantCalendar
from erp_mcp.demo.tables import Tables

_PARTLY_EVERY = 6  # one last operation of so many was reported in two parts
_HOUR_S = 3_600

Report = tuple[int, int, int, int]  # second, yield, scrap, final


def write_confirmations(
    orders: Iterable[Making], erp: Tables, draw: Draw, calendar: PlantCalendar, numbers: Numbers
) -> None:
    """Write what was reported for the operations of orders."""
    for order in orders:
        for place, step in enumerate(order.operations):
            last = place == len(order.operations) - 1
            for second, good, scrap, final in _reports(order, step, draw, last=last):
                number, at = numbers.next("confirmation", "CF", 8), calendar.instant(second)
                badge = f"B-{draw.between((1000, 9999), 'confirmation', number, 'badge')}"
                erp.add(
                    OperationConfirmationRow(number, order.number, step.number, order.product.site, at, quantity(good),
                                             quantity(scrap), order.product.uom, final, badge, at)
                )  # fmt: skip


def _reports(order: Making, step: Operation, draw: Draw, *, last: bool) -> Iterator[Report]:
    """Yield what was reported for one step; what is scrapped is scrapped at the last one."""
    at = min(step.finish, -_HOUR_S)
    if step.state == "PCNF" and order.scrap_reported:
        yield min(step.start // 2, -_HOUR_S), 0, order.scrap_reported, 0
    if step.state != "CNF":
        return
    if not last or order.lot is None:
        yield at, order.qty, 0, 1
        return
    half = order.made // 2 // UNIT * UNIT
    if half and draw.below(_PARTLY_EVERY, "confirmation", order.number, "parts") == 0:
        yield at - 2 * _HOUR_S, half, 0, 0
        yield at, order.made - half, order.scrap, 1
    else:
        yield at, order.made, order.scrap, 1
