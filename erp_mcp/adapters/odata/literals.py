"""Values as OData writes them in an address, built after the property's type; what is not of the type has no literal.

A value never becomes part of an address as it came: text is quoted with its quotes doubled, everything else has to
match the one form its type has, and the whole is percent-encoded afterwards.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Final
from urllib.parse import quote

from erp_mcp.adapters.odata.grammar import FilterValue, Version

MAX_TEXT: Final = 200
_NO_TEXT: Final = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff]")
_GUID: Final = re.compile(r"[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}")
_WHOLE: Final = re.compile(r"-?[0-9]{1,19}")
_DECIMAL: Final = re.compile(r"-?[0-9]{1,28}(?:\.[0-9]{1,28})?")
_MEMBER: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,127}")
_DATE: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_MOMENT: Final = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]{1,6})?(?:Z|[+-][0-9]{2}:[0-9]{2})?"
)
_TIME: Final = re.compile(r"[0-9]{2}:[0-9]{2}:[0-9]{2}")
_RANGES: Final = {
    "Edm.Byte": (0, 2**8 - 1),
    "Edm.SByte": (-(2**7), 2**7 - 1),
    "Edm.Int16": (-(2**15), 2**15 - 1),
    "Edm.Int32": (-(2**31), 2**31 - 1),
    "Edm.Int64": (-(2**63), 2**63 - 1),
}


NUMERIC: Final = frozenset({*_RANGES, "Edm.Decimal"})
"""Types whose literals are numbers."""


class LiteralError(ValueError):
    """A value that is not of the property's type; says nothing of the value."""


def literal(value: FilterValue | Decimal, kind: str, version: Version) -> str:
    """Return a value in the form that its type has in an address, not yet percent-encoded.

    Args:
        value: From a profile, a source key or a watermark.
        kind: Type by the metadata; any that is not `Edm.` is taken for an enumeration, which V4 alone has.
        version: Of the protocol.

    Raises:
        LiteralError: when the value is not of that type, or the type has no exact form.
    """
    if value is None:
        return "null"
    if not kind.startswith("Edm."):
        return _member(value, kind)
    form = _FORMS.get(kind)
    if form is None:
        raise LiteralError(f"no literal of {kind}")
    return form(value, kind, version)


def encoded(text: str) -> str:
    """Return text percent-encoded for the value of a query option: no quote, space or separator is itself in it."""
    return quote(text, safe="(),:$*/")


def segment(text: str) -> str:
    """Return text percent-encoded for one segment of a path: a slash is not itself in it either."""
    return quote(text, safe="(),:$*")


def _text(value: FilterValue | Decimal, _: str, __: Version) -> str:
    if not isinstance(value, str):
        raise LiteralError("not text")
    if len(value) > MAX_TEXT or _NO_TEXT.search(value):
        raise LiteralError("too long, or with characters that are no text")
    return "'" + value.replace("'", "''") + "'"


def _boolean(value: FilterValue | Decimal, _: str, __: Version) -> str:
    if value in {"true", "false"}:
        return str(value)
    if isinstance(value, bool):
        return "true" if value else "false"
    raise LiteralError("not a boolean")


def _whole(value: FilterValue | Decimal, kind: str, version: Version) -> str:
    text = str(value)
    if isinstance(value, bool) or not _WHOLE.fullmatch(text):
        raise LiteralError("not a whole number")
    low, high = _RANGES[kind]
    if not low <= int(text) <= high:
        raise LiteralError("out of range")
    return f"{int(text)}L" if kind == "Edm.Int64" and version == 2 else str(int(text))


def _decimal(value: FilterValue | Decimal, _: str, version: Version) -> str:
    text = format(value, "f") if isinstance(value, Decimal) else str(value)
    if isinstance(value, bool) or not _DECIMAL.fullmatch(text):
        raise LiteralError("not a decimal")
    return f"{text}M" if version == 2 else text


def _guid(value: FilterValue | Decimal, _: str, version: Version) -> str:
    if not isinstance(value, str) or not _GUID.fullmatch(value):
        raise LiteralError("not a guid")
    return f"guid'{value}'" if version == 2 else value


def _date(value: FilterValue | Decimal, _: str, __: Version) -> str:
    return _day(value).isoformat()


def _datetime(value: FilterValue | Decimal, _: str, __: Version) -> str:
    """Return V2's point in time without a zone; one with a zone is taken in UTC."""
    moment = _moment(value)
    naive = moment.astimezone(UTC).replace(tzinfo=None) if moment.tzinfo else moment
    return f"datetime'{naive.isoformat()}'"


def _offset(value: FilterValue | Decimal, _: str, version: Version) -> str:
    moment = _moment(value)
    aware = moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
    text = f"{aware.replace(tzinfo=None).isoformat()}Z"
    return f"datetimeoffset'{text}'" if version == 2 else text


def _clock(value: FilterValue | Decimal, _: str, version: Version) -> str:
    if not isinstance(value, str) or not _TIME.fullmatch(value):
        raise LiteralError("not a time of day")
    try:
        found = time.fromisoformat(value)
    except ValueError:
        raise LiteralError("not a time of day") from None
    return f"time'PT{found:%HH%MM%SS}'" if version == 2 else found.isoformat()


def _member(value: FilterValue | Decimal, kind: str) -> str:
    if not isinstance(value, str) or not _MEMBER.fullmatch(value):
        raise LiteralError("not a member of an enumeration")
    return f"{kind}'{value}'"


def _day(value: FilterValue | Decimal) -> date:
    if not isinstance(value, str) or not _DATE.fullmatch(value):
        raise LiteralError("not a date")
    try:
        return date.fromisoformat(value)
    except ValueError:
        raise LiteralError("not a date") from None


def _moment(value: FilterValue | Decimal) -> datetime:
    if isinstance(value, str) and _DATE.fullmatch(value):
        return datetime.combine(_day(value), time())
    if not isinstance(value, str) or not _MOMENT.fullmatch(value):
        raise LiteralError("not a point in time")
    try:
        moment = datetime.fromisoformat(value)
        moment.astimezone(UTC)
    except (ValueError, OverflowError):
        raise LiteralError("not a point in time") from None
    return moment


_FORMS: Final[dict[str, Callable[[FilterValue | Decimal, str, Version], str]]] = {
    "Edm.String": _text,
    "Edm.Boolean": _boolean,
    **dict.fromkeys(_RANGES, _whole),
    "Edm.Decimal": _decimal,
    "Edm.Guid": _guid,
    "Edm.Date": _date,
    "Edm.DateTime": _datetime,
    "Edm.DateTimeOffset": _offset,
    "Edm.Time": _clock,
    "Edm.TimeOfDay": _clock,
}
