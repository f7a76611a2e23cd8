"""Arithmetic on business dates as ISO text; comparing such texts compares the dates."""

from __future__ import annotations

from datetime import date, datetime, timedelta, tzinfo
from typing import Final

NEVER: Final = "9999-12-31"  # sorts after every date: nothing says when
OPEN_END_DAYS: Final = 3650  # how long a thing is held up when nothing says how long


def days_between(later: str | None, earlier: str | None) -> int:
    """Return `later` minus `earlier` in whole days; 0 when either is missing."""
    if not later or not earlier or NEVER in (later, earlier):
        return 0
    return (date.fromisoformat(later[:10]) - date.fromisoformat(earlier[:10])).days


def shift(day: str, days: int) -> str:
    """Return the date `days` days after `day`; `NEVER` stays."""
    if day >= NEVER:
        return NEVER
    return (date.fromisoformat(day[:10]) + timedelta(days=days)).isoformat()


def latest(*days: str | None) -> str:
    """Return the latest of the given dates, empty when none is given."""
    return max((day[:10] for day in days if day), default="")


def local_day(instant: str, zone: tzinfo) -> str:
    """Return the business date in the plant's zone of a UTC instant (`…Z`); anything else stays as it is."""
    return datetime.fromisoformat(instant).astimezone(zone).date().isoformat() if instant.endswith("Z") else instant
