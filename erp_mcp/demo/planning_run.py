"""The last planning run: what the open demands ask of the supply on its way, and what nobody has ordered yet.

A bought material's demands take the stock first and then each supply in order of its date; safety stock is the first
demand, due today. Made-to-order supply belongs to its order and is asked only when that order needs it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Literal

from erp_mcp.demo.draw import Draw
from erp_mcp.demo.erp_rows import PlannedOrderRow, PlanningMessageRow
from erp_mcp.demo.figures import UNIT, quantity
from erp_mcp.demo.making import Numbers
from erp_mcp.demo.master import make_block
from erp_mcp.demo.plant_calendar import PlantCalendar, workday
from erp_mcp.demo.tables import Tables
from erp_mcp.demo.truth import Truth

TOLERANCE_DAYS: Final = 10  # supply that comes earlier than needed by no more is left alone
URGENT_DAYS: Final = 7
FORECAST_EVERY: Final = 2  # of the finished goods
CONVERTIBLE_DAYS: Final = 10
_NATIVE: Final = {"overdue": "07", "reschedule_in": "10", "reschedule_out": "15", "cancel": "20"}
_RUN_MINUTE: Final = 20 * 60

Message = Literal["overdue", "reschedule_in", "reschedule_out", "cancel"]
Place = tuple[str, str]  # material, plant


@dataclass(frozen=True, slots=True, kw_only=True)
class Supply:
    """One element of supply on its way, in the base unit."""

    kind: str
    number: str
    item: str | None
    date: str
    qty: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Planned:
    """What planning keeps of a material at a plant."""

    uom: str
    planner: str
    lead_days: int
    safety: int
    most: int


class PlanningRun:
    """Plans everything that was written so far."""

    def __init__(self, erp: Tables, calendar: PlantCalendar, numbers: Numbers, truth: Truth) -> None:
        """Keep what is read and where the results go."""
        self.erp = erp
        self.calendar = calendar
        self.numbers = numbers
        self.truth = truth
        self.today = calendar.date(0)
        self.run_at = calendar.stamp(-1, _RUN_MINUTE)
        self.messages: dict[str, list[str]] = defaultdict(list)
        self._days = {calendar.date(day): day for day in range(-400, 500)}

    def write(self) -> None:
        """Write messages and planned orders, and how many of each message there are."""
        masters, supplies = self._masters(), self._supplies()
        stock, demands = self._stock(), self._demands()
        for place in sorted(masters):
            self._plan(place, masters[place], stock.get(place, 0), demands.get(place, []), supplies.get(place, []))
        self._made_to_order(masters)
        for name, members in sorted(self.messages.items()):
            self.truth.exceptions(f"planning_{name}", sorted(members))

    # --- What there is ------------------------------------------------------------------------------------------------

    def _masters(self) -> dict[Place, Planned]:
        rows = self.erp.read(
            "SELECT p.mat_no, p.plant, m.base_uom, p.planner, p.lead_days, p.safety_qty, p.max_qty "
            "FROM mat_plant p JOIN mat_gen m ON m.mat_no = p.mat_no"
        )
        return {
            (str(material), str(plant)): Planned(uom=str(uom), planner=str(planner), lead_days=int(str(lead)),
                                                 safety=_milli(safety), most=_milli(most))
            for material, plant, uom, planner, lead, safety, most in rows
        }  # fmt: skip

    def _stock(self) -> dict[Place, int]:
        found: dict[Place, int] = defaultdict(int)
        for material, plant, qty in self.erp.read("SELECT mat_no, plant, qty FROM stock_qty WHERE stk_type = 'F'"):
            found[str(material), str(plant)] += _milli(qty)
        return found

    def _demands(self) -> dict[Place, list[tuple[str, int]]]:
        found: dict[Place, list[tuple[str, int]]] = defaultdict(list)
        rows = self.erp.read(
            "SELECT c.mat_no, c.plant, c.need_date, c.qty_open FROM prod_comp c JOIN prod_head h USING (ord_no) "
            "WHERE c.supply_ord IS NULL AND c.qty_open <> '0.000' AND h.stat NOT IN ('CNF', 'TECO', 'DLFL')"
        )
        rows += self.erp.read("SELECT mat_no, plant, need_date, qty FROM resv WHERE dem_type = 'SLS'")
        for material, plant, date, qty in rows:
            found[str(material), str(plant)].append((max(str(date), self.today), _milli(qty)))
        for entries in found.values():
            entries.sort()
        return found

    def _supplies(self) -> dict[Place, list[Supply]]:
        found: dict[Place, list[Supply]] = defaultdict(list)
        for material, plant, number, item, date, qty, num, den in self.erp.read(
            "SELECT i.mat_no, i.plant, i.po_no, i.item_no, i.promise, i.qty_open, u.num, u.den FROM po_item i "
            "LEFT JOIN mat_unit u ON u.mat_no = i.mat_no AND u.alt_uom = i.uom WHERE i.stat = 'OPEN'"
        ):
            base = _milli(qty) * int(str(num or 1)) // int(str(den or 1))
            found[str(material), str(plant)].append(
                Supply(kind="PO", number=str(number), item=str(item), date=str(date), qty=base)
            )
        for material, plant, number, item, date, qty in self.erp.read(
            "SELECT mat_no, plant, pr_no, item_no, dlv_date, qty FROM pr_item WHERE stat = 'OPEN'"
        ):
            found[str(material), str(plant)].append(
                Supply(kind="PR", number=str(number), item=str(item), date=str(date), qty=_milli(qty))
            )
        for entries in found.values():
            entries.sort(key=lambda supply: (supply.date, supply.kind, supply.number, supply.item))
        return found

    # --- What follows -------------------------------------------------------------------------------------------------

    def _plan(
        self, place: Place, master: Planned, stock: int, demands: list[tuple[str, int]], supplies: list[Supply]
    ) -> None:
        open_demands = [(self.today, master.safety), *demands]
        left = _take(open_demands, stock)
        for supply in supplies:
            needed = open_demands[0][0] if open_demands else None
            self._judge(place, master, supply, needed, surplus=left)
            left += _take(open_demands, supply.qty)
        missing = sum(qty for _, qty in open_demands)
        if missing:
            self._order(place, master, missing, open_demands[0][0])

    def _judge(self, place: Place, master: Planned, supply: Supply, needed: str | None, *, surplus: int) -> None:
        """Write what the run says of one supply: nothing, or one message."""
        message: Message
        if supply.date < self.today:
            message = "overdue"
        elif needed is None:
            if surplus < master.most - master.safety:
                return
            message = "cancel"
        elif needed < supply.date:
            message = "reschedule_in"
        elif self._days[needed] - self._days[supply.date] > TOLERANCE_DAYS:
            message = "reschedule_out"
        else:
            return
        self._say(place, master.planner, supply, message, needed)

    def _say(self, place: Place, planner: str, supply: Supply, message: Message, needed: str | None) -> None:
        urgent = needed is not None and self._days[needed] <= URGENT_DAYS
        severity = {"reschedule_in": "1" if urgent else "2", "overdue": "1" if urgent else "2"}.get(message, "3")
        number = self.numbers.next("message_of_planning", "MX", 8)
        self.erp.add(
            PlanningMessageRow(number, place[1], place[0], planner, supply.kind, supply.number, supply.item,
                               _NATIVE[message], severity, supply.date, needed if message != "cancel" else None,
                               self.run_at, self.run_at)
        )  # fmt: skip
        self.messages[message].append(f"{supply.number}/{supply.item}" if supply.item else supply.number)

    def _order(self, place: Place, master: Planned, qty: int, needed: str) -> None:
        """Write a planned order: as early as the lead time allows, and not before it is needed."""
        finish = workday(max(self._days[needed], master.lead_days))
        self._planned(place, master, qty, (finish - master.lead_days, finish), firm=0)

    def _planned(self, place: Place, master: Planned, qty: int, days: tuple[int, int], *, firm: int) -> None:
        number = self.numbers.next("planned", "PL", 8)
        start, finish = days
        self.erp.add(
            PlannedOrderRow(number, place[1], place[0], quantity(qty), master.uom, self.calendar.date(start),
                            self.calendar.date(finish), "E" if firm else "F", firm, int(start <= CONVERTIBLE_DAYS),
                            self.run_at)
        )  # fmt: skip

    def _made_to_order(self, masters: dict[Place, Planned]) -> None:
        """Say which open production orders are planned to finish after the day on which they are needed."""
        rows = self.erp.read(
            "SELECT mat_no, plant, ord_no, finish_sched, finish_basic, qty_plan FROM prod_head "
            "WHERE stat NOT IN ('CNF', 'TECO', 'DLFL') AND ord_type = 'PP01' ORDER BY ord_no"
        )
        for material, plant, number, planned, needed, qty in rows:
            place = (str(material), str(plant))
            supply = Supply(kind="PRD", number=str(number), item=None, date=str(planned), qty=_milli(qty))
            if str(planned) < self.today:
                self._say(place, masters[place].planner, supply, "overdue", str(needed))
            elif str(planned) > str(needed):
                self._say(place, masters[place].planner, supply, "reschedule_in", max(str(needed), self.today))

    def forecast(self, orders: Iterator[tuple[Place, int, int]]) -> None:
        """Write firm planned orders of finished goods: place, quantity and first day of each; five days of work."""
        masters = self._masters()
        for place, qty, start in orders:
            self._planned(place, masters[place], qty, (start, start + 4), firm=1)


def forecast_orders(draw: Draw, blocks: int) -> Iterator[tuple[Place, int, int]]:
    """Yield place, quantity and first day of what is made without an order, because it is expected to be sold."""
    for index in range(blocks):
        block = make_block(draw, index)
        for product in block.finished[::FORECAST_EVERY]:
            start = workday(draw.between((30, 70), "planned", product.number, "start"))
            qty = 4 * UNIT * draw.between((3, 20), "planned", product.number, "qty")
            yield (product.number, product.site), qty, start


def _take(demands: list[tuple[str, int]], qty: int) -> int:
    """Cover the first of `demands` with a quantity, in place; return what nobody asked for."""
    while demands and qty:
        date, wanted = demands[0]
        if wanted > qty:
            demands[0] = (date, wanted - qty)
            return 0
        qty -= wanted
        demands.pop(0)
    while demands and not demands[0][1]:
        demands.pop(0)
    return qty


def _milli(text: object) -> int:
    whole, _, rest = str(text).partition(".")
    return int(whole) * UNIT + int(rest)
