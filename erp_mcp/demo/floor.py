"""What all blocks share on the floor: stops, shifts, machine states, feeds, maintenance, rework, budgets."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, replace
from typing import Final

from erp_mcp.demo.draw import Draw
from erp_mcp.demo.erp_rows import BudgetRow, DeletionRow, MaintenanceNoticeRow, MaintenanceRow
from erp_mcp.demo.figures import UNIT, amount
from erp_mcp.demo.making import Numbers
from erp_mcp.demo.master import CENTERS, DOWN_CENTER, DOWN_WITH_ALTERNATIVE, REPAIR_END_DAY
from erp_mcp.demo.mes_rows import DowntimeRow, FeedRow, MachineStateRow, MesDeletionRow, ShiftRow
from erp_mcp.demo.plan import Block, Making, Operation
from erp_mcp.demo.plant_calendar import PlantCalendar
from erp_mcp.demo.shopfloor import DETOUR_UNTIL_DAY, equipment_id
from erp_mcp.demo.tables import Tables

HISTORY_DAYS: Final = 182
FEED_AGES_S: Final = {"jobs": 40, "stock": 120, "downtime": 180, "machine_state": 47 * 60}
REASONS: Final = ("TOOL_BREAK", "NO_MATERIAL", "ADJUSTMENT", "SENSOR", "NO_OPERATOR", "HYDRAULICS")
PLANNED_REASON: Final = "CLEANING"
DOWN_SINCE: Final = {DOWN_CENTER: (-2, 14 * 60), DOWN_WITH_ALTERNATIVE: (-1, 14 * 60)}
OVERDUE_PREVENTIVE: Final = 3
OPEN_NOTICES: Final = 3  # reports of assets that no order was planned for yet
LATE_PREVENTIVE: Final = (3, 9)  # of the completed ones, by their place
LATE_BY_DAYS: Final = 3
RANKED_CENTERS: Final = 5
HORIZON_S: Final = 14 * 86_400
_SHIFTS: Final = (("E", 6 * 60), ("L", 14 * 60))
_SHIFT_BUSY_MIN: Final = 450


@dataclass(frozen=True, slots=True, kw_only=True)
class Stop:
    """One finished stop of a work centre inside one shift."""

    center: str
    day: int
    shift: str
    minute: int
    minutes: int
    reason: str
    planned: bool


def stops_of(draw: Draw, center: str) -> list[Stop]:
    """Return the finished stops of a centre, oldest first; the two most costly reasons of a month never tie."""
    found: list[Stop] = []
    for day in range(-HISTORY_DAYS, 0):
        for shift, start in _SHIFTS:
            key = f"{center}/{day}/{shift}"
            if _is_down(center, day, start) or draw.below(5, "stop", key, "happens"):
                continue
            planned = draw.below(6, "stop", key, "planned") == 0
            minutes = draw.between((20, 30) if planned else (6, 118), "stop", key, "minutes")
            reason = REASONS[
                min(draw.below(len(REASONS), "stop", key, "one"), draw.below(len(REASONS), "stop", key, "two"))
            ]
            found.append(Stop(center=center, day=day, shift=shift,
                              minute=start + draw.between((10, 300), "stop", key, "minute"),
                              minutes=minutes, reason=PLANNED_REASON if planned else reason,
                              planned=planned))  # fmt: skip
    return _without_ties(found)


def _is_down(center: str, day: int, minute: int) -> bool:
    return center in DOWN_SINCE and (day, minute) >= DOWN_SINCE[center]


def _without_ties(stops: list[Stop]) -> list[Stop]:
    """Lengthen single stops by a minute until the costs of the reasons in the last 30 days all differ."""
    recent = [place for place, stop in enumerate(stops) if stop.day >= -30]
    while True:
        cost: dict[str, int] = defaultdict(int)
        for place in recent:
            cost[stops[place].reason] += stops[place].minutes
        shared = [reason for reason, count in cost.items() if list(cost.values()).count(count) > 1]
        if not shared:
            return stops
        place = next(place for place in reversed(recent) if stops[place].reason == min(shared))
        stops[place] = replace(stops[place], minutes=stops[place].minutes + 1)


class Floor:
    """Writes the shared floor."""

    def __init__(self, erp: Tables, mes: Tables, draw: Draw, calendar: PlantCalendar, numbers: Numbers) -> None:
        """Keep where and how to write."""
        self.erp = erp
        self.mes = mes
        self.draw = draw
        self.calendar = calendar
        self.numbers = numbers
        self.done_late: list[str] = []  # preventive orders that were finished after their planned end

    def write(self) -> dict[str, str]:
        """Write everything but rework; return the repair order of each centre that is down."""
        for center, site, *_ in CENTERS:
            stops = stops_of(self.draw, center)
            self._stops(center, site, stops)
            self._shifts(center, stops)
            state = "DOWN" if center in DOWN_SINCE else "RUN"
            since = (
                self.calendar.at(*DOWN_SINCE[center])
                if center in DOWN_SINCE
                else -3_600 * self.draw.between((1, 9), "state", center, "since")
            )
            self.mes.add(MachineStateRow(equipment_id(center), state, self.calendar.instant(since),
                                         self.calendar.instant(-FEED_AGES_S["machine_state"])))  # fmt: skip
        for feed, age in FEED_AGES_S.items():
            self.mes.add(FeedRow(feed, self.calendar.instant(-age)))
        self._budgets()
        self._deletions()
        return self._repairs()

    def _stops(self, center: str, site: str, stops: list[Stop]) -> None:
        for stop in stops:
            began = self.calendar.at(stop.day, stop.minute)
            ended = self.calendar.instant(began + 60 * stop.minutes)
            self.mes.add(DowntimeRow(self.numbers.next("stop", "D-", 7), site, equipment_id(center),
                                     self.calendar.instant(began),
                                     ended, stop.reason, int(stop.planned), ended))  # fmt: skip
        if center in DOWN_SINCE:
            at = self.calendar.instant(self.calendar.at(*DOWN_SINCE[center]))
            reason = "BURNER" if center == DOWN_CENTER else "SPINDLE"
            self.mes.add(
                DowntimeRow(self.numbers.next("stop", "D-", 7), site, equipment_id(center), at, None, reason, 0, at)
            )

    def _shifts(self, center: str, stops: list[Stop]) -> None:
        lost: dict[tuple[int, str, bool], int] = defaultdict(int)
        for stop in stops:
            lost[stop.day, stop.shift, stop.planned] += stop.minutes
        ideal = self.draw.between((60, 140), "shift", center, "ideal")
        for day in range(-HISTORY_DAYS, 0):
            for shift, start in _SHIFTS:
                key = f"{center}/{day}/{shift}"
                busy = _SHIFT_BUSY_MIN - lost[day, shift, True]
                actual = 0 if _is_down(center, day, start) else busy - lost[day, shift, False]
                made = actual * 60 * self.draw.between((76, 92), "shift", key, "speed") // 100 // ideal
                good = made * self.draw.between((940, 998), "shift", key, "quality") // 1000
                self.mes.add(ShiftRow(equipment_id(center), self.calendar.date(day), shift, busy, actual, ideal, made,
                                      good,
                                      self.calendar.stamp(day, start + 480)))  # fmt: skip

    def _repairs(self) -> dict[str, str]:
        repairs = {}
        for center, end in ((DOWN_CENTER, REPAIR_END_DAY), (DOWN_WITH_ALTERNATIVE, DETOUR_UNTIL_DAY)):
            repairs[center] = self._maintenance(center, "PM01", DOWN_SINCE[center][0], end, "INPR")
        up = [center for center, *_ in CENTERS if center not in DOWN_SINCE]
        for place, center in enumerate(up[4 : 4 + OVERDUE_PREVENTIVE]):
            self._maintenance(center, "PM02", -9 - place, -4 - place, ("OPEN", "INPR")[place % 2])
        for place in range(14):
            late = LATE_BY_DAYS if place in LATE_PREVENTIVE else 0
            self._maintenance(up[place % len(up)], ("PM01", "PM02")[place % 2], -30 - 9 * place, -28 - 9 * place,
                              "CMPL", late=late)  # fmt: skip
        for place in range(7):
            self._maintenance(up[(place + 3) % len(up)], "PM02", 20 + 4 * place, 21 + 4 * place, "OPEN")
        self._notices(repairs, up)
        return repairs

    def _maintenance(self, center: str, kind: str, start: int, finish: int, state: str, *, late: int = 0) -> str:
        number = self.numbers.next("maintenance", "", 12, 4_000_101)
        site = next(entry[1] for entry in CENTERS if entry[0] == center)
        down = int(kind == "PM01" and state == "INPR")
        text = f"{'Repair' if kind == 'PM01' else 'Preventive maintenance'} of {center}"
        done = finish + late if state == "CMPL" else None
        minute = self.draw.between((10 * 60, 16 * 60), "maintenance", number, "minute")
        changed = self.calendar.stamp(done if done is not None else min(start, -1), minute)
        if late:
            self.done_late.append(number)
        began = None if state == "OPEN" else self.calendar.stamp(start, 15 * 60 if down else 8 * 60)
        changed = began if state == "INPR" and began is not None else changed
        priority = "1" if down else self.draw.pick(("2", "2", "3"), "maintenance", number, "priority")
        self.erp.add(MaintenanceRow(number, site, center, kind, self.calendar.date(start), self.calendar.date(finish),
                                    state, down,
                                    text, f"AST-{center}", priority, began, changed if done is not None else None, 0,
                                    changed))  # fmt: skip
        return number

    def _notices(self, repairs: dict[str, str], up: list[str]) -> None:
        """Write what was reported of assets: before each running repair, and open ones that nobody planned yet."""
        for center, order in repairs.items():
            at = self.calendar.instant(self.calendar.at(*DOWN_SINCE[center]))
            self._notice(center, at, "NOPR", order, f"{center} stands still.", down=True)
        for place, center in enumerate(up[:OPEN_NOTICES]):
            at = self.calendar.stamp(-2 - place, 9 * 60)
            self._notice(center, at, "OSNO", None, f"{center} is louder than before.", down=False)

    def _notice(self, center: str, at: str, state: str, order: str | None, text: str, *, down: bool) -> None:
        number = self.numbers.next("notice", "MN", 8, 300_101)
        site = next(entry[1] for entry in CENTERS if entry[0] == center)
        self.erp.add(MaintenanceNoticeRow(number, site, center, f"AST-{center}", int(down), "1" if down else "3", at,
                                          state, order, text, "shift lead" if down else None, at))  # fmt: skip

    def _budgets(self) -> None:
        for place, center in enumerate(("4100", "4200", "4300", "4400", "4500", "4600")):
            for company in ("1000", "2000"):
                planned = 100_000 * self.draw.between((50, 900), "budget", f"{center}/{company}", "planned")
                self.erp.add(BudgetRow(f"{center}-{company}", self.calendar.date(0)[:4], company, amount(planned),
                                       amount(planned * (20 + place * 5) // 100),
                                       amount(planned * (30 + place * 4) // 100), "EUR",
                                       self.calendar.stamp(-3, 600)))  # fmt: skip

    def _deletions(self) -> None:
        """Write what was deleted before the frozen instant: a requisition, a source and a stop entered twice."""
        gone = (("pr_item", "0030000100/00010", -4), ("source_list", "RM-002/S0040/1000", -11))
        self.erp.extend(DeletionRow(table, key, self.calendar.stamp(day, 10 * 60)) for table, key, day in gone)
        self.mes.add(MesDeletionRow("stop_event", "D-0000000", self.calendar.stamp(-2, 15 * 60)))

    def rework(self, block: Block, waiting: Counter[str]) -> list[Making]:
        """Return rework orders, among them those that keep the busiest centres from being equally busy."""
        up = [center for center, *_ in CENTERS if center not in DOWN_SINCE]
        wanted = [*up[:6]]
        counts = Counter(waiting)
        counts.update(wanted)
        ranked = sorted(counts, key=lambda center: (-counts[center], center))
        for place in range(RANKED_CENTERS - 1, -1, -1):
            gap = counts[ranked[place + 1]] + 1 - counts[ranked[place]]
            wanted += [ranked[place]] * max(gap, 0)
            counts[ranked[place]] += max(gap, 0)
        return [self._rework(block, center, place) for place, center in enumerate(wanted)]

    def _rework(self, block: Block, center: str, place: int) -> Making:
        site = next(entry[1] for entry in CENTERS if entry[0] == center)
        product = next(p for p in block.finished if p.site == site)
        day = 10 + place % 2
        begin = self.calendar.at(day, 9 * 60)
        step = Operation(number="0010", center=center, start=begin, finish=begin + 3_600, state="CRTD")
        return Making(number=self.numbers.order(), product=product, qty=2 * UNIT, start=day, finish=day,
                      scheduled_start=day,
                      scheduled_finish=day, state="REL", kind="RW01", operations=(step,))  # fmt: skip
