"""The MES side of a block: jobs and bin stock, derived from the ERP side plus the planted differences."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from erp_mcp.demo.draw import Draw
from erp_mcp.demo.figures import UNIT, quantity
from erp_mcp.demo.ledger import LOCATIONS
from erp_mcp.demo.making import Numbers, share_done
from erp_mcp.demo.master import CENTERS, DOWN_CENTER, DOWN_WITH_ALTERNATIVE
from erp_mcp.demo.mes_rows import BinStockRow, EquipmentRow, JobRow, MessageRow
from erp_mcp.demo.plan import Batch, Making, Operation
from erp_mcp.demo.plant_calendar import PlantCalendar
from erp_mcp.demo.tables import Tables

DETOUR: Final = "CNC-01"
DETOUR_UNTIL_DAY: Final = 5
WAITING_JOBS: Final = 28
IN_FLIGHT: Final = 7
FINISHED_SINCE_DAY: Final = -7
MISCOUNTED: Final = 3
_DAY_S: Final = 86_400


def equipment_id(center: str) -> str:
    """Return the MES's name of a work centre: `ASM-01` → `L1.ASM01`, with the line of its site."""
    line = "L2" if center[-2] == "2" else "L1"
    return f"{line}.{center.replace('-', '')}"


def batch_id(lot: str) -> str:
    """Return the MES's name of a lot."""
    return f"MB-{lot}"


def write_equipment(mes: Tables, calendar: PlantCalendar) -> None:
    """Write the MES's names of the work centres."""
    for center, site, description, *_ in CENTERS:
        mes.add(EquipmentRow(equipment_id(center), center, site, description, calendar.stamp(-200, 600)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Queued:
    """A waiting operation and the centre where the shop floor queues it; `must` when a cause or decoy needs its job."""

    order: Making
    step: Operation
    center: str
    must: bool


def _queued(order: Making) -> list[Queued]:
    step = next((one for one in order.operations if one.state == "CRTD"), None)
    if step is None:
        return []
    if order.line is not None and order.line.cause == "machine_down":
        oven = next(one for one in order.operations if one.center == DOWN_CENTER)
        return [Queued(order=order, step=oven, center=DOWN_CENTER, must=True)]
    if step.center == DOWN_WITH_ALTERNATIVE and step.start < DETOUR_UNTIL_DAY * _DAY_S:
        return [Queued(order=order, step=step, center=DETOUR, must=True)]
    if step.center in {DOWN_WITH_ALTERNATIVE, DOWN_CENTER} or order.state not in {"REL", "RELM"}:
        return []
    return [Queued(order=order, step=step, center=step.center, must=False)]


@dataclass(frozen=True, slots=True, kw_only=True)
class ShopFloor:
    """Writes jobs and bins of one block."""

    mes: Tables
    draw: Draw
    calendar: PlantCalendar
    numbers: Numbers
    miscounted: list[str] = field(default_factory=list)  # finished orders of which something else was counted

    def jobs(self, orders: list[Making]) -> list[str]:
        """Write running and waiting jobs; return those that run for more than 48 hours."""
        queued: list[Queued] = []
        long_running: list[str] = []
        for order in orders:
            if order.began is None:
                queued += _queued(order)
                continue
            number = self._job(order, order.operations[-1], order.operations[-1].center, "RUN")
            if order.began < -48 * 3_600:
                long_running.append(number)
        must = [entry for entry in queued if entry.must]
        may = sorted((entry for entry in queued if not entry.must), key=lambda one: (one.step.start, one.order.number))
        chosen = [*must, *may[: max(WAITING_JOBS - len(must), 0)]]
        places = self._places(chosen)
        for entry in chosen:
            self._job(entry.order, entry.step, entry.center, "QUEUED", place=places[entry.order.number])
        self._finished(orders)
        return long_running

    def _places(self, queued: list[Queued]) -> dict[str, int]:
        """Return the place of each queued order at its centre; the earliest planned start is first."""
        ranked = sorted(queued, key=lambda entry: (entry.step.start, entry.order.number))
        return {entry.order.number: int(self.numbers.next(f"queue {entry.center}", "", 1)) for entry in ranked}

    def _finished(self, orders: list[Making]) -> None:
        """Write the last jobs of orders that were finished in the last days; of some, other pieces were counted."""
        done = {
            order.number: order
            for order in orders
            if order.lot is not None and order.product.kind == "FERT" and order.finish >= FINISHED_SINCE_DAY
        }
        wrong = sorted(self.draw.shuffled(done, "job", "miscounted")[:MISCOUNTED])
        for order in done.values():
            fewer = 2 * UNIT if order.number in wrong else 0
            self._done(order, order.made - fewer, order.scrap + fewer)
        self.miscounted.extend(wrong)

    def _done(self, order: Making, good: int, scrap: int) -> None:
        number, step = self.numbers.next("job", "J-", 6), order.operations[-1]
        ended = self.calendar.instant(min(step.finish, -3_600))
        self.mes.add(
            JobRow(
                number, str(int(order.number)), step.number, order.product.site, equipment_id(step.center),
                order.product.number, "DONE", self.calendar.instant(step.start), ended, quantity(good),
                quantity(scrap), order.product.uom, None, self.calendar.instant(step.start), self._badge(number), ended,
            )
        )  # fmt: skip

    def _badge(self, number: str) -> str:
        return f"B-{self.draw.between((1000, 9999), 'job', number, 'badge')}"

    def _job(self, order: Making, step: Operation, center: str, state: str, place: int | None = None) -> str:
        number = self.numbers.next("job", "J-", 6)
        runs = state == "RUN"
        good = order.qty * share_done(order.number, self.draw) // 100 // UNIT * UNIT if runs else 0
        scrap = order.scrap_reported or (UNIT * self.draw.below(2, "job", order.number, "scrap") if runs else 0)
        began, end = order.began, order.expected_end
        self.mes.add(
            JobRow(
                number, str(int(order.number)), step.number, order.product.site, equipment_id(center),
                order.product.number, state,
                self.calendar.instant(began) if runs and began is not None else None,
                self.calendar.instant(end) if runs and end is not None else None,
                quantity(good), quantity(scrap), order.product.uom,
                place, self.calendar.instant(step.start), self._badge(number),
                self.calendar.instant(-self.draw.between((60, 1_800), "job", number, "changed")),
            )
        )  # fmt: skip
        return number

    def bins(self, lots: list[Batch], left: dict[str, int]) -> tuple[dict[str, int], list[str]]:
        """Write what the shop floor counts.

        Returns:
            The counted quantity of every lot with a planted discrepancy, and the lots whose difference a movement on
            its way explains.
        """
        stocked = [lot for lot in lots if left.get(lot.number)]
        exclusive = {
            lot.number for lot in stocked if any(need.exclusive and need.cover == "reserved" for need in lot.needs)
        }
        explained = self._explained(stocked)
        counted: dict[str, int] = {}
        for lot in stocked:
            qty = left[lot.number]
            if lot.number in exclusive:
                counted[lot.number] = qty = qty // 4
            if lot.number in explained:
                change = (
                    -(qty * 3 // 10 // 125 * 125) if lot.product.uom != "EA" else -max(qty * 3 // 10 // UNIT, 1) * UNIT
                )
                qty += change
                self._message(lot, change)
            at = self.calendar.instant(-self.draw.between((180, 3_600), "bin", lot.number, "counted"))
            self.mes.add(BinStockRow(lot.product.number, lot.site, LOCATIONS[lot.product.kind], batch_id(lot.number),
                                     quantity(qty),
                                     lot.product.uom, at, at))  # fmt: skip
        return counted, sorted(explained)

    def _explained(self, stocked: list[Batch]) -> set[str]:
        fit = [
            lot.number
            for lot in stocked
            if lot.product.kind == "ROH" and lot.stock_type == "F"
            and any(need.cover == "reserved" and not need.exclusive for need in lot.needs)
        ]  # fmt: skip
        return set(self.draw.shuffled(fit, "bin", "in_flight")[:IN_FLIGHT])

    def _message(self, lot: Batch, change: int) -> None:
        at = self.calendar.instant(-self.draw.between((300, 5_400), "message", lot.number, "posted"))
        number = self.numbers.next("message", "IDOC-", 6)
        self.mes.add(
            MessageRow(
                number, lot.product.number, lot.site, batch_id(lot.number), quantity(change), lot.product.uom, at, at
            )
        )
