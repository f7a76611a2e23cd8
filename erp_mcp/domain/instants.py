"""Points in time as the product writes them: UTC, to the second or exact; text order of each is time order."""

from __future__ import annotations

from datetime import UTC, datetime


def instant_text(moment: datetime) -> str:
    """Return an aware point in time as `YYYY-MM-DDTHH:MM:SSZ`; fractions of a second are cut off.

    Raises:
        ValueError: when `moment` has no time zone, since guessing one would move it.
    """
    if moment.tzinfo is None:
        raise ValueError("an instant needs a time zone")
    return f"{moment.astimezone(UTC).replace(tzinfo=None, microsecond=0).isoformat()}Z"


def exact_instant(moment: datetime) -> str:
    """Return an aware point in time as `YYYY-MM-DDTHH:MM:SS.ffffffZ`: what the state store keeps and people sign.

    Raises:
        ValueError: when `moment` has no time zone, since guessing one would move it.
    """
    if moment.tzinfo is None:
        raise ValueError("an instant needs a time zone")
    return f"{moment.astimezone(UTC).replace(tzinfo=None).isoformat(timespec='microseconds')}Z"


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
