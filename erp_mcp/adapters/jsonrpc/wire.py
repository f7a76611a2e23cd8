"""Typed JSON of Tryton, exactly: numbers become `Decimal` or `int`, objects with `__class__` what they stand for."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Final

Decoded = (
    None
    | bool
    | int
    | str
    | bytes
    | Decimal
    | datetime
    | date
    | time
    | timedelta
    | list["Decoded"]
    | dict[str, "Decoded"]
)
"""A decoded value; a `datetime` is naive and in UTC, as Tryton keeps it."""

Encodable = (
    None | bool | int | float | Decimal | str | date | datetime | Sequence["Encodable"] | Mapping[str, "Encodable"]
)


_DAY: Final = ("year", "month", "day")
_TIME: Final = ("hour", "minute", "second", "microsecond")


class WireError(ValueError):
    """Bytes that are not typed JSON; says nothing of their content."""


def encode(value: Encodable) -> bytes:
    """Return a request as typed JSON."""
    return json.dumps(_plain(value), separators=(",", ":"), ensure_ascii=False).encode()


def decode(body: bytes) -> Decoded:
    """Return an answer's value.

    Raises:
        WireError: for anything but one JSON value of known types; floats, NaN and infinities never come out, and a
            name that stands twice in one object is refused, since nobody can say which of the two counts.
    """
    try:
        value: Decoded = json.loads(body, parse_float=Decimal, parse_constant=_refuse, object_pairs_hook=_typed)
    except (ValueError, ArithmeticError, TypeError, KeyError, AttributeError, RecursionError):
        raise WireError("not typed JSON") from None
    return value


def _plain(value: Encodable) -> object:
    match value:
        case datetime():
            clock = {"hour": value.hour, "minute": value.minute, "second": value.second}
            return {"__class__": "datetime", **_day(value), **clock, "microsecond": value.microsecond}
        case date():
            return {"__class__": "date", **_day(value)}
        case Decimal():
            return {"__class__": "Decimal", "decimal": str(value)}
        case Mapping():
            return {key: _plain(one) for key, one in value.items()}
        case str() | bool() | int() | float() | None:
            return value
        case _:
            return [_plain(one) for one in value]


def _day(value: date) -> dict[str, int]:
    return {"year": value.year, "month": value.month, "day": value.day}


def _refuse(_: str) -> Decoded:
    raise WireError("not a number")


def _typed(pairs: list[tuple[str, Decoded]]) -> Decoded:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise WireError("a name that stands twice")
    if "__class__" not in found:
        return found
    return _CLASSES[_text(found["__class__"])](found)


def _text(value: Decoded) -> str:
    if not isinstance(value, str):
        raise WireError("not text")
    return value


def _whole(found: dict[str, Decoded], *names: str) -> list[int]:
    numbers = [found[name] for name in names]
    if not all(isinstance(one, int) and not isinstance(one, bool) for one in numbers):
        raise WireError("not a whole number")
    return [one for one in numbers if isinstance(one, int)]


def _datetime(found: dict[str, Decoded]) -> datetime:
    year, month, day, hour, minute, second, microsecond = _whole(found, *_DAY, *_TIME)
    return datetime(year, month, day, hour, minute, second, microsecond)  # noqa: DTZ001  naive UTC, as Tryton keeps it


def _time(found: dict[str, Decoded]) -> time:
    hour, minute, second, microsecond = _whole(found, *_TIME)
    return time(hour, minute, second, microsecond)


def _decimal(found: dict[str, Decoded]) -> Decimal:
    number = Decimal(_text(found["decimal"]))
    if not number.is_finite():
        raise WireError("not a number")
    return number


def _seconds(found: dict[str, Decoded]) -> timedelta:
    seconds = found["seconds"]
    if isinstance(seconds, bool) or not isinstance(seconds, int | Decimal):
        raise WireError("not a number")
    return timedelta(microseconds=int(seconds * 1_000_000))


def _bytes(found: dict[str, Decoded]) -> bytes:
    try:
        return base64.b64decode("".join(_text(found["base64"]).split()), validate=True)
    except binascii.Error:
        raise WireError("not base64") from None


_CLASSES: Final[dict[str, Callable[[dict[str, Decoded]], Decoded]]] = {
    "date": lambda found: date(*_whole(found, *_DAY)),
    "datetime": _datetime,
    "time": _time,
    "timedelta": _seconds,
    "Decimal": _decimal,
    "bytes": _bytes,
}
