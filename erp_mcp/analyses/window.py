"""The days that an analysis looks back on: arguments `date_from` and `date_to`, both inclusive, in the plant's zone."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Final

from erp_mcp.domain.analysis import Facts
from erp_mcp.domain.days import days_between, shift
from erp_mcp.errors import InvalidArgumentError

MAX_DAYS: Final = 92


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """Business dates from `first` to `last`, and the same as UTC instants; `end` is not later than now."""

    first: str
    last: str
    start: datetime
    end: datetime

    def seconds_of(self, began: datetime, ended: datetime | None) -> int:
        """Return how much of a time lies in the window, in whole seconds; without an end it lasts on."""
        inside = min(ended or self.end, self.end) - max(began, self.start)
        return max(0, int(inside.total_seconds()))


def window_of(facts: Facts, *, days: int) -> Window:
    """Return the window asked for.

    Args:
        facts: Arguments `date_from` and `date_to`; without the second up to today, without the first `days` days before
            the second.
        days: How far back it goes by default.

    Raises:
        InvalidArgumentError: `call.invalid_argument` with rule `window`, for one that is upside down or wider than
            `MAX_DAYS`.
    """
    given_first, given_last = facts.arguments.get("date_from"), facts.arguments.get("date_to")
    last = given_last if isinstance(given_last, str) else facts.today
    first = given_first if isinstance(given_first, str) else shift(last, -days)
    if first > last or days_between(last, first) > MAX_DAYS:
        raise InvalidArgumentError(argument="date_from", rule="window", max_days=MAX_DAYS)
    now = datetime.fromisoformat(facts.now)
    return Window(
        first=first, last=last, start=_midnight(facts, first), end=min(now, _midnight(facts, last, days_on=1))
    )


def _midnight(facts: Facts, day: str, *, days_on: int = 0) -> datetime:
    """Return the instant at which a business date begins, `days_on` days later."""
    local = datetime.combine(date.fromisoformat(day) + timedelta(days=days_on), time(), tzinfo=facts.zone)
    return local.astimezone(UTC)
