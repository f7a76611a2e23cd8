"""Points in time as the product writes them: UTC, whole seconds, `YYYY-MM-DDTHH:MM:SSZ`; text order is time order."""

from __future__ import annotations

from datetime import UTC, datetime


def instant_text(moment: datetime) -> str:
    """Return an aware point in time as canonical text; fractions of a second are cut off.

    Raises:
        ValueError: when `moment` has no time zone, since guessing one would move it.
    """
    if moment.tzinfo is None:
        raise ValueError("an instant needs a time zone")
    return f"{moment.astimezone(UTC).replace(tzinfo=None, microsecond=0).isoformat()}Z"


def parse_instant(text: str) -> datetime:
    """Return canonical or any other ISO 8601 text with a zone as an aware point in time in UTC.

    Raises:
        ValueError: when it is not a point in time, or has no zone.
    """
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError("an instant needs a time zone")
    return moment.astimezone(UTC)


def seconds_between(earlier: str, later: str) -> float:
    """Return how many seconds `later` is after `earlier`; negative when it is before."""
    return (parse_instant(later) - parse_instant(earlier)).total_seconds()
