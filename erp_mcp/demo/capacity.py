"""What work centres can do on each day, and the one week in which one of them has more to do than that."""

from __future__ import annotations

from collections import defaultdict
from typing import Final

from erp_mcp.demo.erp_rows import CapacityRow
from erp_mcp.demo.master import CENTERS
from erp_mcp.demo.plant_calendar import PlantCalendar
from erp_mcp.demo.tables import Tables
from erp_mcp.demo.truth import Truth

WEEKS: Final = 12
DAY_MIN: Final = 900  # two shifts of 450 minutes, each day of the week, as the shop floor's shift log has them
OVERLOAD_PERCENT: Final = 125
_FIRST_WEEK: Final = 1  # this week is half gone in every plan, so the planted one is a later one


def write_capacity(erp: Tables, calendar: PlantCalendar, truth: Truth, *, machines: int) -> None:
    """Write the capacity of all centres; each stands for as many machines as the plant has blocks.

    Args:
        erp: Holds the operations already; gets the capacity.
        calendar: The plant's calendar.
        truth: Told the weeks in which a centre has more to do than it can.
        machines: How many machines stand behind one centre.
    """
    load = _load(erp, calendar)
    later = {key: minutes for key, minutes in load.items() if key[1] >= _FIRST_WEEK}
    short = min(later, key=lambda key: (-later[key], key))
    changed = calendar.stamp(-5, 8 * 60)
    for center, site, *_ in CENTERS:
        for day in range(7 * WEEKS):
            minutes = DAY_MIN * machines
            if (center, day // 7) == short:  # fewer people than usual
                minutes = min(minutes, load[short] * 100 // OVERLOAD_PERCENT // 7)
            erp.add(CapacityRow(center, calendar.date(day), site, minutes, changed))
    whole = 7 * DAY_MIN * machines
    over = {key for key, minutes in load.items() if minutes > whole} | {short}
    truth.exceptions("capacity_overloaded", [f"{center}/{calendar.date(7 * week)}" for center, week in sorted(over)])


def _load(erp: Tables, calendar: PlantCalendar) -> dict[tuple[str, int], int]:
    """Return the minutes of work by centre and week, the week of the frozen Monday being 0."""
    weeks = {calendar.date(day): day // 7 for day in range(7 * WEEKS)}
    load: dict[tuple[str, int], int] = defaultdict(int)
    for center, start, minutes in erp.read("SELECT wc_no, start_at, work_min FROM prod_op WHERE stat <> 'CNF'"):
        week = weeks.get(str(start)[:10])
        if week is not None:
            load[str(center), week] += int(str(minutes))
    return load
