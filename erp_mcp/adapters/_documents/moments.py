"""Dates and times as systems write them, to dates, instants and times of day; a zone is never guessed.

Known are ISO 8601 with `T` or a space, `YYYYMMDD` and `YYYYMMDDHHMMSS`, OData V2's `/Date(ms)/` (a naive time, as if
UTC) and `/Date(ms+minutes)/`, and its times of day `PT11H30M`. What systems write for "no date" is `None`.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, time, timedelta, tzinfo
from functools import lru_cache
from typing import Final

from erp_mcp.adapters._documents.json_text import Value
from erp_mcp.adapters._documents.paths import ShapeError

_TICKS: Final = re.compile(r"/Date\((-?[0-9]{1,15})([+-][0-9]{1,4})?\)/")
_DURATION: Final = re.compile(r"PT(?:([0-9]{1,2})H)?(?:([0-9]{1,2})M)?(?:([0-9]{1,2})(?:\.[0-9]{1,12})?S)?")
_CLOCK: Final = re.compile(r"([0-9]{1,2}):([0-9]{2})(?::([0-9]{2})(?:\.[0-9]{1,12})?)?")
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_NO_DATE: Final = frozenset({"", "0", "00000000", "0000-00-00", "00000000000000"})
_DAY_CHARS: Final = len("YYYYMMDD")
_MOMENT_CHARS: Final = len("YYYYMMDDHHMMSS")
_CLOCK_CHARS: Final = len("HHMMSS")
_EPOCH_CHARS: Final = 20  # of a count of milliseconds; more is no time, and thousands of digits can't be read at all
_SIXTY: Final = 60
_DAY: Final = timedelta(days=1)


def date_of(value: Value, zone: tzinfo, path: str) -> str | None:
    """Return the business date of a date or of a point in time, `None` where there is none.

    Args:
        value: As the system gave it.
        zone: Where a point in time that has a zone counts as a day.
        path: For the error.

    Raises:
        ShapeError: for anything else.
    """
    text = _text(value, path)
    return None if text in _NO_DATE else _date(text, zone, path)


@lru_cache(maxsize=8192)  # real data repeats a few thousand of them
def _date(text: str, zone: tzinfo, path: str) -> str | None:
    moment = _read(text, path)
    if moment.tzinfo is not None:
        moment = _in_zone(moment, zone)
    return moment.date().isoformat() if moment.year > 1 else None


def _in_zone(moment: datetime, zone: tzinfo) -> datetime:
    """Return a point in time as a clock of a zone shows it; the first and the last day there are stay themselves.

    `9999-12-31T23:59:59Z` is how systems write "for ever", and no clock east of Greenwich can show it.
    """
    try:
        return moment.astimezone(zone)
    except OverflowError:
        return moment


def moment_of(value: Value, zone: tzinfo | None, path: str) -> datetime | None:
    """Return a point in time in UTC, `None` where there is none; a naive one counts in `zone`.

    Of a local time that comes twice a year the first is taken.

    Raises:
        ShapeError: for anything else, and for a naive time without `zone`.
    """
    text = _text(value, path)
    return None if text in _NO_DATE else _moment(text, zone, path)


@lru_cache(maxsize=8192)
def _moment(text: str, zone: tzinfo | None, path: str) -> datetime | None:
    moment = _read(text, path)
    if moment.year <= 1:
        return None
    if moment.tzinfo is None:
        if zone is None:
            raise ShapeError(path, "a time without a zone")
        moment = moment.replace(tzinfo=zone)
    try:
        return moment.astimezone(UTC)
    except OverflowError:
        raise ShapeError(path, "a time out of range") from None


def epoch_moment(value: Value, *, milliseconds: bool, path: str) -> datetime | None:
    """Return the point in time so many seconds or milliseconds after 1970, `None` for nothing or zero."""
    text = _text(value, path)
    if text in _NO_DATE:
        return None
    if not text.lstrip("-").isdecimal() or not text.isascii() or len(text) > _EPOCH_CHARS:
        raise ShapeError(path, "not a number of seconds")
    return _after_epoch(int(text) if milliseconds else int(text) * 1000, path)


def joined_moment(day: Value, clock: Value, zone: tzinfo, path: str) -> datetime | None:
    """Return the point in time of a date and a time of day that are kept apart; no time means midnight."""
    text = _text(day, path)
    if text in _NO_DATE:
        return None
    start = _read(text, path)
    if start.year <= 1:
        return None
    midnight = datetime.combine(start.date(), time())
    try:
        return moment_of((midnight + time_of(clock, path)).isoformat(), zone, path)
    except OverflowError:
        raise ShapeError(path, "a time out of range") from None


def time_of(value: Value, path: str) -> timedelta:
    """Return a time of day as what has passed since midnight, up to 24 hours; none where nothing is given.

    Raises:
        ShapeError: for what is none.
    """
    text = _text(value, path)
    if not text:
        return timedelta()
    found = _DURATION.fullmatch(text) if text.startswith("PT") else _CLOCK.fullmatch(text)
    parts: tuple[str | None, ...] = found.groups() if found else ()
    if not parts and text.isdecimal() and text.isascii() and len(text) <= _CLOCK_CHARS:
        padded = text.zfill(_CLOCK_CHARS)
        parts = (padded[:2], padded[2:4], padded[4:])
    hour, minute, second = (int(part or 0) for part in parts) if parts else (0, 60, 60)
    passed = timedelta(hours=hour, minutes=minute, seconds=second)
    if minute >= _SIXTY or second >= _SIXTY or passed > _DAY:
        raise ShapeError(path, "not a time of day")
    return passed


def _text(value: Value, path: str) -> str:
    match value:
        case None:
            return ""
        case str():
            return value.strip()
        case int() if not isinstance(value, bool):
            return str(value)
    raise ShapeError(path, "not a date or time")


@lru_cache(maxsize=8192)  # real data repeats a few thousand of them
def _read(text: str, path: str) -> datetime:
    """Return a point in time, naive where the text has no zone."""
    ticks = _TICKS.fullmatch(text)
    if ticks:
        moment = _after_epoch(int(ticks[1]), path)
        return moment if ticks[2] else moment.replace(tzinfo=None)
    if text.isdecimal():
        text = _spelled(text)
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        raise ShapeError(path, "not a date or time") from None


def _spelled(digits: str) -> str:
    if len(digits) == _DAY_CHARS:
        return date_text(digits)
    if len(digits) == _MOMENT_CHARS:
        return f"{date_text(digits)}T{digits[8:10]}:{digits[10:12]}:{digits[12:]}"
    return ""


def date_text(digits: str) -> str:
    """Return `YYYYMMDD…` as `YYYY-MM-DD`, unchecked."""
    return f"{digits[:4]}-{digits[4:6]}-{digits[6:8]}"


def _after_epoch(milliseconds: int, path: str) -> datetime:
    try:
        return _EPOCH + timedelta(milliseconds=milliseconds)
    except OverflowError:
        raise ShapeError(path, "a time out of range") from None
