"""The plant's calendar: days and seconds counted from the frozen Monday 06:00, written as local dates and UTC instants.

The zone's rule (central Europe: summer time from the last Sunday of March to the last Sunday of October) is spelled
out here, so the data does not depend on the time zone database of the machine.
"""

from __future__ import annotations

from datetime import date, timedelta
from typing import Final

FROZEN_MONDAY: Final = date(2026, 3, 16)
OPENING_MINUTE: Final = 6 * 60
_DAY_S: Final = 86_400
_WINTER_OFFSET_S: Final = 3_600
_SUMMER_OFFSET_S: Final = 7_200
_MARCH, _OCTOBER = 3, 10
_CHANGE_MINUTE: Final = 2 * 60


def _last_sunday(year: int, month: int) -> date:
    last = date(year, month, 31)
    return last - timedelta(days=(last.weekday() + 1) % 7)


def utc_offset_s(day: date, minute: int) -> int:
    """Return the plant zone's offset from UTC in seconds at a local minute of a day."""
    begin, end = _last_sunday(day.year, _MARCH), _last_sunday(day.year, _OCTOBER)
    after_begin = (day, minute) >= (begin, _CHANGE_MINUTE)
    before_end = (day, minute) < (end, _CHANGE_MINUTE)
    return _SUMMER_OFFSET_S if after_begin and before_end else _WINTER_OFFSET_S


class PlantCalendar:
    """Day 0 is the frozen Monday; second 0 is its 06:00 in plant time."""

    def __init__(self, shift_weeks: int = 0) -> None:
        """Start the calendar `shift_weeks` whole weeks after the frozen Monday."""
        self.monday = FROZEN_MONDAY + timedelta(weeks=shift_weeks)
        self._offset_s = utc_offset_s(self.monday, OPENING_MINUTE)
        self._utc_opening_s = OPENING_MINUTE * 60 - self._offset_s
        self._dates: dict[int, str] = {}
        self._offsets: dict[tuple[int, bool], int] = {}

    def date(self, day: int) -> str:
        """Return the local date of a day as `YYYY-MM-DD`."""
        text = self._dates.get(day)
        if text is None:
            text = self._dates[day] = (self.monday + timedelta(days=day)).isoformat()
        return text

    def at(self, day: int, minute: int) -> int:
        """Return the second, counted from the frozen instant, of a local minute of a day."""
        late = minute >= _CHANGE_MINUTE
        offset = self._offsets.get((day, late))
        if offset is None:
            offset = utc_offset_s(self.monday + timedelta(days=day), minute)
            self._offsets[day, late] = offset
        return day * _DAY_S + minute * 60 - offset - self._utc_opening_s

    def instant(self, second: int) -> str:
        """Return a second counted from the frozen instant as `YYYY-MM-DDTHH:MM:SSZ`."""
        day, rest = divmod(second + self._utc_opening_s, _DAY_S)
        hour, rest = divmod(rest, 3_600)
        return f"{self.date(day)}T{hour:02d}:{rest // 60:02d}:{rest % 60:02d}Z"

    def stamp(self, day: int, minute: int) -> str:
        """Return a local minute of a day as a UTC instant."""
        return self.instant(self.at(day, minute))


def workday(day: int) -> int:
    """Return `day`, or the next Monday when it is a Saturday or Sunday."""
    weekday = day % 7
    return day if weekday < 5 else day + 7 - weekday


def add_workdays(day: int, count: int) -> int:
    """Return the workday that is `count` workdays after `day`; a negative count goes back."""
    day = workday(day)
    weeks, rest = divmod(count, 5)
    day += weeks * 7
    return day + rest if day % 7 + rest < 5 else day + rest + 2


def workdays_between(first: int, last: int) -> int:
    """Return how many workdays `last` is after `first`, both workdays and in this order."""
    count = 0
    while add_workdays(first, count) < last:
        count += 1
    return count
