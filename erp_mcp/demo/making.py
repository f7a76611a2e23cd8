"""Planning of production orders: what every sales line and every batch of semi-finished goods takes to make."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Final, Literal

from erp_mcp.demo.draw import Draw
from erp_mcp.demo.figures import UNIT
from erp_mcp.demo.plan import SITES, Batch, Block, Cover, Line, Making, Need, Operation, Product
from erp_mcp.demo.plant_calendar import PlantCalendar, add_workdays

CHILDREN: Final = {"1000": 8, "2000": 4}
RUNNING_CHILDREN: Final = {"1000": 3, "2000": 1}
CHILD_LEAD_WORKDAYS: Final = 5
EARLIEST_PARENT: Final = 14
LONG_RUNNING: Final = 10  # running orders of finished goods that are on the machine for more than 48 hours
_HOUR_S: Final = 3_600
_SHIFT_MINUTE: Final = 8 * 60 + 30

OperationState = Literal["CRTD", "PCNF", "CNF"]


@dataclass(slots=True, kw_only=True)
class Numbers:
    """Running numbers of documents, shared by all blocks."""

    used: dict[str, int] = field(default_factory=dict)

    def next(self, kind: str, prefix: str, width: int, first: int = 1) -> str:
        """Return the next number of a kind, e.g. `order`, as prefix and zero-padded digits."""
        value = self.used.get(kind, first - 1) + 1
        self.used[kind] = value
        return f"{prefix}{value:0{width}d}"

    def last(self, kind: str, prefix: str, width: int) -> str:
        """Return the number of a kind that was given last."""
        return f"{prefix}{self.used[kind]:0{width}d}"

    def order(self) -> str:
        """Return the next production order number."""
        return self.next("order", "", 12, 1_000_101)

    def lot(self) -> str:
        """Return the next lot number."""
        return self.next("lot", "L", 6)


def share_done(order: str, draw: Draw) -> int:
    """Return how many percent of a running order are done."""
    return draw.between((35, 75), "job", order, "good")


class Maker:
    """Plans the production orders of one block."""

    def __init__(self, block: Block, draw: Draw, calendar: PlantCalendar, numbers: Numbers) -> None:
        """Keep what every order needs."""
        self.block = block
        self.draw = draw
        self.calendar = calendar
        self.numbers = numbers
        self._running = 0

    def for_lines(self, lines: list[Line]) -> list[Making]:
        """Return the orders that make the finished goods of all sales lines, with their child orders."""
        parents = self._parents_of_children(lines)
        orders: list[Making] = []
        for line in lines:
            if line.made == "never":
                continue
            if line.part_finish:
                orders.append(self._done(line, line.delivered, line.part_finish, line.part_finish - 3))
            if line.state == "CLSD" or line.made == "from_stock":
                orders.append(self._done(line, line.qty, line.finish, line.start))
            else:
                orders += self._open(line, parents.get(line.key))
        return orders

    def _parents_of_children(self, lines: list[Line]) -> dict[str, bool]:
        """Return healthy lines that get a child order, and whether that order runs already."""
        chosen: dict[str, bool] = {}
        for site in SITES:
            fit = [ln for ln in lines if ln.product.site == site and ln.cause is None and ln.state == "OPEN"
                   and ln.made == "to_order" and ln.start >= EARLIEST_PARENT and not ln.part_finish]  # fmt: skip
            for place, line in enumerate(sorted(fit, key=lambda ln: ln.key)[: CHILDREN[site]]):
                chosen[line.key] = place < RUNNING_CHILDREN[site]
        return chosen

    def _done(self, line: Line, made: int, finish: int, start: int) -> Making:
        number = self.numbers.order()
        scrap = UNIT * (0, 0, 0, 1, 2)[self.draw.below(5, "making", line.key, "scrap")]
        needs = self._needs(number, line.product, made + scrap, start, "consumed")
        to_order = line.made != "from_stock"
        return Making(
            number=number, product=line.product, qty=made + scrap, made=made, scrap=scrap, start=start, finish=finish,
            scheduled_start=start, scheduled_finish=finish, state="TECO" if line.state == "CLSD" else "CNF",
            so_no=line.so_no if to_order else None, item=line.item if to_order else None, needs=needs,
            operations=self._operations(line.product, start, ("CNF", "CNF", "CNF")), lot=self.numbers.lot(), line=line,
        )  # fmt: skip

    def _needs(self, number: str, product: Product, qty: int, day: int, cover: Cover) -> tuple[Need, ...]:
        return tuple(
            Need(order=number, item=f"{(place + 1) * 10:04d}", product=part.product, qty=qty * part.per // UNIT,
                 day=day,
                 cover=cover)
            for place, part in enumerate(self.block.bills[product.number])
        )  # fmt: skip

    def _open(self, line: Line, child_runs: bool | None) -> Iterator[Making]:
        number = self.numbers.order()
        qty = line.qty - line.delivered
        begun = line.made == "running" or (line.cause == "machine_down" and line.start < 0)
        needs = self._needs(number, line.product, qty, line.start, "consumed" if begun else "reserved")
        supplies: tuple[tuple[str, str], ...] = ()
        if not begun:
            needs = tuple(piece for need in needs for piece in self._covered(line, need))
        if child_runs is not None or line.cause == "upstream_order_late":
            child = self._child(line, number, needs[0], child_runs)
            yield child
            supplies = ((needs[0].item, child.number),)
            needs = (replace(needs[0], cover="child"), *needs[1:])
        order = Making(
            number=number, product=line.product, qty=qty, start=line.start, finish=line.finish,
            scheduled_start=add_workdays(line.start, line.delay),
            scheduled_finish=add_workdays(line.finish, line.delay),
            state=self._open_state(line, needs, begun=begun), so_no=line.so_no, item=line.item, needs=needs,
            supplies=supplies,
            line=line,
        )  # fmt: skip
        yield self._progressed(line, order, begun=begun)

    def _open_state(
        self, line: Line, needs: tuple[Need, ...], *, begun: bool
    ) -> Literal["CRTD", "REL", "RELM", "PCNF"]:
        if begun:
            return "PCNF"
        if line.start > 12:
            return "CRTD"
        held = all(need.cover == "reserved" for need in needs)
        return "RELM" if held and line.start <= 7 else "REL"

    def _covered(self, line: Line, need: Need) -> Iterator[Need]:
        """Say how one component demand of an order that has not begun is met."""
        part = need.product
        if part is line.cause_product:
            yield from self._uncovered(line, need)
        elif part.role == "moved_free":
            yield replace(need, cover="free")
        elif part.role in {"inbound", "moved_second"} and need.day >= part.threshold_day:
            yield replace(need, cover="inbound")
        else:
            yield need

    def _uncovered(self, line: Line, need: Need) -> Iterator[Need]:
        if line.cause == "stock_discrepancy":
            yield replace(need, exclusive=True)
            return
        # Every fourth late purchase leaves a part of the demand on a lot, so that the shortage is not the whole demand.
        part = need.qty // 4 if line.cause == "late_po" and self.draw.below(4, "making", line.key, "part") == 0 else 0
        if part:
            yield replace(need, qty=part)
        yield replace(need, qty=need.qty - part, cover="none")

    def _child(self, line: Line, parent: str, need: Need, runs: bool | None) -> Making:
        number = self.numbers.order()
        late = line.cause == "upstream_order_late"
        finish = add_workdays(line.start, -1)
        start = (
            -self.draw.between((3, 6), "child", line.key, "start")
            if late or runs
            else add_workdays(finish, -CHILD_LEAD_WORKDAYS)
        )
        begun = start < 0
        scrap = need.qty // 5 // UNIT * UNIT if late else 0
        end = self.calendar.at(add_workdays(line.start, line.delay if late else -2), 14 * 60) if begun else None
        began = self._began(line.key, longer=True) if begun else None
        operations = self._operations(need.product, start, ("PCNF",) if begun else ("CRTD",))
        return Making(
            number=number, product=need.product, qty=need.qty, start=start, finish=finish, scheduled_start=start,
            scheduled_finish=add_workdays(line.start, line.delay) if late else finish,
            state="PCNF" if begun else "REL", parent=parent, scrap_reported=scrap,
            needs=self._needs(number, need.product, need.qty, start, "consumed" if begun else "reserved"),
            operations=(replace(operations[0], start=began),) if began is not None else operations,
            expected_end=end, began=began,
        )  # fmt: skip

    def _began(self, key: str, *, longer: bool) -> int:
        hours = (52, 140) if longer else (2, 44)
        return -_HOUR_S * self.draw.between(hours, "job", key, "began") - 60 * self.draw.below(50, "job", key, "minute")

    def _progressed(self, line: Line, order: Making, *, begun: bool) -> Making:
        """Return an open order with its operations, and with its job's times when it runs."""
        if not begun:
            return replace(order, operations=self._operations(line.product, line.start, ("CRTD", "CRTD", "CRTD")))
        if line.cause == "machine_down":
            steps = self._operations(line.product, line.start, ("CNF", "CRTD", "CRTD"))
            waits = [replace(step, start=self.calendar.at(place, 7 * 60), finish=self.calendar.at(place, 13 * 60))
                     for place, step in enumerate(steps[1:])]  # fmt: skip
            return replace(order, operations=(steps[0], *waits))
        self._running += 1
        began = self._began(line.key, longer=self._running <= LONG_RUNNING)
        steps = self._operations(line.product, line.start, ("CNF", "CNF", "PCNF"))
        end = _HOUR_S * self.draw.between((3, 34), "job", line.key, "end")
        last = replace(steps[-1], start=began, finish=end)
        return replace(order, operations=(*steps[:-1], last), began=began, expected_end=end)

    def _operations(self, product: Product, start: int, states: tuple[OperationState, ...]) -> tuple[Operation, ...]:
        centers = self.block.routings[product.number]
        steps = []
        for place, (center, state) in enumerate(zip(centers, states, strict=False)):
            day = add_workdays(start, place) if start >= 0 else start + place
            minute = _SHIFT_MINUTE + 30 * self.draw.below(8, "operation", f"{product.number}/{start}/{place}", "minute")
            begin = self.calendar.at(day, minute)
            steps.append(Operation(number=f"{(place + 1) * 10:04d}", center=center, start=begin,
                                   finish=begin + 6 * _HOUR_S,
                                   state=state))  # fmt: skip
        return tuple(steps)

    def batches(self, lots: list[Batch]) -> list[Making]:
        """Return the completed orders that made the lots of semi-finished goods."""
        return [self._batch_order(lot) for lot in lots]

    def _batch_order(self, lot: Batch) -> Making:
        number = self.numbers.order()
        scrap = UNIT * self.draw.below(3, "batch", lot.number, "scrap")
        start = lot.day - 2
        return Making(
            number=number, product=lot.product, qty=lot.qty + scrap, made=lot.qty, scrap=scrap, start=start,
            finish=lot.day,
            scheduled_start=start, scheduled_finish=lot.day, state="TECO", lot=lot.number,
            needs=self._needs(number, lot.product, lot.qty + scrap, start, "consumed"),
            operations=self._operations(lot.product, start, ("CNF",)),
        )  # fmt: skip
