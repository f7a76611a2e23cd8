"""Values of an answer by the type that the metadata gives them, V2 and V4 alike: exact, and in one form.

Decimals and long numbers come as text or as numbers and become `Decimal` and `int`. Points in time become ISO 8601
text: `Edm.DateTimeOffset` in UTC with `Z`, V2's `Edm.DateTime` without a zone, since it has none. What is not of its
type is an answer that has changed shape, and is refused.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from functools import lru_cache
from typing import Final

from erp_mcp.adapters._documents.json_text import Value
from erp_mcp.adapters.odata.literals import LiteralError

Convert = Callable[[Value], Value]

TEXTS: Final = frozenset({"Edm.String", "Edm.Guid"})
"""Types whose values are text and stay as they are."""

_TICKS: Final = re.compile(r"/Date\((-?[0-9]{1,15})([+-][0-9]{4})?\)/")
_NUMBER: Final = re.compile(r"[+-]?[0-9]{1,40}(?:\.[0-9]{0,40})?(?:[eE][+-]?[0-9]{1,2})?")
_WHOLE: Final = re.compile(r"[+-]?[0-9]{1,19}")
_DURATION: Final = re.compile(r"PT(?:([0-9]{1,2})H)?(?:([0-9]{1,2})M)?(?:([0-9]{1,2})(?:\.[0-9]{1,12})?S)?")
_FRACTION: Final = re.compile(r"(\.[0-9]{1,6})[0-9]{0,6}")  # SAP gives seven digits, Python reads six
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


class TypeChangedError(LiteralError):
    """A value that is not of the type that the metadata gives it; says nothing of the value."""


def converter(kind: str) -> Convert:
    """Return what makes a value of a type exact; types that need nothing keep their value as it is."""
    return _CONVERTERS.get(kind, _as_it_is)


def _as_it_is(value: Value) -> Value:
    return value


def _text(value: Value) -> Value:
    if value is None or isinstance(value, str):
        return value
    raise TypeChangedError("not text")


def _boolean(value: Value) -> Value:
    if value is None or isinstance(value, bool):
        return value
    raise TypeChangedError("not a boolean")


def _decimal(value: Value) -> Value:
    if value is None:
        return None
    if isinstance(value, str) and _NUMBER.fullmatch(value):
        return Decimal(value)
    if isinstance(value, int | Decimal) and not isinstance(value, bool):
        return Decimal(value)
    raise TypeChangedError("not a number")


def _whole(value: Value) -> Value:
    if value is None or (isinstance(value, int) and not isinstance(value, bool)):
        return value
    if isinstance(value, str) and _WHOLE.fullmatch(value):
        return int(value)
    raise TypeChangedError("not a whole number")


def _datetime(value: Value) -> Value:
    """Return V2's point in time without a zone: what its ticks say, read as UTC."""
    if value is None:
        return None
    return _naive(_known(value))


def _offset(value: Value) -> Value:
    if value is None:
        return None
    return _zoned(_known(value))


def _known(value: Value) -> str:
    if isinstance(value, str) and len(value) <= 40:
        return value
    raise TypeChangedError("not a point in time")


@lru_cache(maxsize=8192)  # real data repeats a few thousand moments
def _naive(text: str) -> str:
    return _moment(text).replace(tzinfo=None).isoformat()


@lru_cache(maxsize=8192)
def _zoned(text: str) -> str:
    moment = _moment(text)
    return f"{moment.astimezone(UTC).replace(tzinfo=None).isoformat()}Z"


def _moment(text: str) -> datetime:
    """Return ticks, which count in UTC whatever offset stands beside them, or ISO text."""
    try:
        if ticks := _TICKS.fullmatch(text):
            return _EPOCH + timedelta(milliseconds=int(ticks[1]))
        moment = datetime.fromisoformat(_FRACTION.sub(r"\1", text))
        aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        return aware.astimezone(UTC)
    except (ValueError, OverflowError):
        raise TypeChangedError("not a point in time") from None


def _date(value: Value) -> Value:
    if value is None:
        return None
    try:
        return date.fromisoformat(_known(value)).isoformat()
    except ValueError:
        raise TypeChangedError("not a date") from None


def _clock(value: Value) -> Value:
    """Return a time of day: V2 writes `PT08H30M00S`, V4 `08:30:00`."""
    if value is None:
        return None
    text = _known(value)
    try:
        if found := _DURATION.fullmatch(text):
            hour, minute, second = (int(part or 0) for part in found.groups())
            return time(hour, minute, second).isoformat()
        return time.fromisoformat(_FRACTION.sub(r"\1", text)).replace(microsecond=0).isoformat()
    except ValueError:
        raise TypeChangedError("not a time of day") from None


_CONVERTERS: Final[dict[str, Convert]] = {
    **dict.fromkeys(TEXTS, _text),
    "Edm.Boolean": _boolean,
    "Edm.Decimal": _decimal,
    "Edm.Double": _decimal,
    "Edm.Single": _decimal,
    **dict.fromkeys(("Edm.Byte", "Edm.SByte", "Edm.Int16", "Edm.Int32", "Edm.Int64"), _whole),
    "Edm.DateTime": _datetime,
    "Edm.DateTimeOffset": _offset,
    "Edm.Date": _date,
    "Edm.Time": _clock,
    "Edm.TimeOfDay": _clock,
}
