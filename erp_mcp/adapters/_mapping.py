"""Raw rows of a system to canonical records: exact numbers, real dates, known states; nonsense is refused by name."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from functools import lru_cache
from typing import Any, Final

from erp_mcp.domain.entities import ENTITIES, FieldSpec, Kind, Record, field_specs
from erp_mcp.domain.value import MONEY_DIGITS, QUANTITY_DIGITS, to_scaled
from erp_mcp.errors import BadAnswerError, EntityNotOfferedError, InexactNumberError

Convert = Callable[[object], object]
Row = Mapping[str, object]

MAX_ID_CHARS: Final = 200
MAX_TEXT_CHARS: Final = 4000  # an answer shows 500; a longer note is cut, it can't fill the read model
_INT64: Final = 2**63 - 1
_NUMBER: Final = re.compile(r"([+-]?)([0-9]{1,30})(?:\.([0-9]{0,30}))?")
_STATE_FIELDS: Final = ("order_state", "request_state", "response_state")
_OTHER: Final = "other"  # of a state's codes: the nearest word for those that are not listed


class _NonsenseError(ValueError):
    """A value that is not of its kind; the text says why and never holds the value."""


class RecordMapper:
    """Maps raw rows of one entity of one system to canonical records."""

    def __init__(self, entity: str, *, system: str, states: Mapping[str, Mapping[str, str]]) -> None:
        """Compile the conversion of each field.

        Args:
            entity: Canonical entity.
            system: Name of the configured system.
            states: Native to canonical codes per `entity.field`, as in a profile; `other` among the codes of an order,
                request or response state is the nearest word for all that are not listed, `native_state` has the code.

        Raises:
            EntityNotOfferedError: `adapter.entity_not_offered`, for an entity that is not canonical.
        """
        if entity not in ENTITIES:
            raise EntityNotOfferedError(system=system, entity=entity)
        self._entity = entity
        self._system = system
        self._type = ENTITIES[entity]
        specs = [spec for spec in field_specs(self._type) if spec.name not in {"system", "as_of"}]
        self._fields = [
            (spec.name, _converter(spec, states.get(f"{entity}.{spec.name}")), spec.optional) for spec in specs
        ]
        names = {spec.name for spec in specs}
        self._native = _native_source(entity, names, states) if "native_state" in names else ""

    def record(self, row: Row, *, as_of: str) -> Record:
        """Return the canonical record of one raw row; REF fields keep the system's local ids.

        Args:
            row: Raw values by canonical field name; absent, `None` and empty text all mean "no value".
            as_of: When the source said so: UTC instant on the plant clock.

        Raises:
            BadAnswerError: `adapter.bad_answer`, naming entity and field, never the value.
            InexactNumberError: `adapter.inexact_number`, likewise.
        """
        values: dict[str, Any] = {"system": self._system, "as_of": as_of}
        for name, convert, optional in self._fields:
            raw = row.get(name)
            if raw is None or raw == "":
                if not optional:
                    raise self._bad(name, "missing")
                continue
            try:
                values[name] = convert(raw)
            except _NonsenseError as failure:
                raise self._bad(name, str(failure)) from None
            except InexactNumberError:
                raise InexactNumberError(system=self._system, entity=self._entity, field=name) from None
        if self._native and "native_state" not in values and row.get(self._native):
            values["native_state"] = str(row[self._native])
        return self._type(**values)

    def _bad(self, field: str, reason: str) -> BadAnswerError:
        return BadAnswerError(system=self._system, entity=self._entity, field=field, reason=reason)


def checked_key(value: object, *, system: str, entity: str, field: str = "source_key") -> str:
    """Return a source key or watermark value as text.

    Raises:
        BadAnswerError: `adapter.bad_answer`, when it is empty or no text.
    """
    try:
        if value is not None and value != "":
            return _identifier(value)
    except _NonsenseError:
        pass
    raise BadAnswerError(system=system, entity=entity, field=field, reason="missing or not a key")


def checked_instant(value: object, *, system: str, entity: str, field: str) -> str:
    """Return a point in time as canonical text.

    Raises:
        BadAnswerError: `adapter.bad_answer`, when it is not a UTC instant.
    """
    try:
        return _instant(value)
    except _NonsenseError as failure:
        raise BadAnswerError(system=system, entity=entity, field=field, reason=str(failure)) from None


def _native_source(entity: str, names: set[str], states: Mapping[str, Mapping[str, str]]) -> str:
    """Return the field whose raw code is the native state, when the row gives none of its own."""
    mapped = [name for name in _STATE_FIELDS if name in names and f"{entity}.{name}" in states]
    return mapped[0] if mapped else ""


def _converter(spec: FieldSpec, states: Mapping[str, str] | None) -> Convert:
    if states is not None:
        return _state_converter(states, nearest=states.get(_OTHER) if spec.name in _STATE_FIELDS else None)
    if spec.name == "source_key":
        return _identifier  # exactly as the system has it: `read` hands it back
    return _CONVERTERS[spec.kind]


def _state_converter(states: Mapping[str, str], *, nearest: str | None) -> Convert:
    known = dict(states)

    def convert(value: object) -> str:
        canonical = known.get(_code(value), nearest)
        if canonical is None:
            raise _NonsenseError("a state that the profile does not map")
        return canonical

    return convert


def _identifier(value: object) -> str:
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    if not isinstance(value, str):
        raise _NonsenseError("not an identifier")
    if len(value) > MAX_ID_CHARS:
        raise _NonsenseError(f"longer than {MAX_ID_CHARS} characters")
    return _encodable(value)


def _code(value: object) -> str:
    stripped = _identifier(value).strip()  # fixed-width columns are padded with spaces
    if not stripped:
        raise _NonsenseError("blank")
    return stripped


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise _NonsenseError("not text")
    return _encodable(value[:MAX_TEXT_CHARS])


def _encodable(value: str) -> str:
    if not value.isascii():
        try:
            value.encode()
        except UnicodeEncodeError:
            raise _NonsenseError("not valid Unicode") from None
    return value


def _scaled(value: object, digits: int) -> int:
    if isinstance(value, str):
        return _scaled_text(value, digits)
    if isinstance(value, bool) or not isinstance(value, int | Decimal):
        raise _NonsenseError("not an exact number")
    return to_scaled(value, digits)


@lru_cache(maxsize=8192)  # real data repeats a few thousand figures
def _scaled_text(value: str, digits: int) -> int:
    found = _NUMBER.fullmatch(value)
    if found is None:
        raise _NonsenseError("not a plain decimal number")
    sign, whole, fraction = found.groups()
    fraction = (fraction or "").rstrip("0")
    scaled = int(f"{sign}{whole}{fraction.ljust(digits, '0')}")
    if len(fraction) > digits or abs(scaled) > _INT64:
        raise InexactNumberError
    return scaled


def _quantity(value: object) -> int:
    return _scaled(value, QUANTITY_DIGITS)


def _money(value: object) -> int:
    return _scaled(value, MONEY_DIGITS)


def _integer(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int | str | Decimal):
        raise _NonsenseError("not a whole number")
    try:
        return _scaled(value, 0)
    except InexactNumberError:
        raise _NonsenseError("not a whole number") from None


def _flag(value: object) -> bool:
    if isinstance(value, int | str) and value in {0, 1, "0", "1"}:
        return int(value) == 1
    raise _NonsenseError("not a flag (0 or 1)")


def _date(value: object) -> str:
    if isinstance(value, str):
        return _date_text(value)
    if isinstance(value, date) and not isinstance(value, datetime):
        return value.isoformat()
    raise _NonsenseError("not a date")


@lru_cache(maxsize=8192)
def _date_text(value: str) -> str:
    if len(value) != len("YYYY-MM-DD"):
        raise _NonsenseError("not a date (YYYY-MM-DD)")
    try:
        return date.fromisoformat(value).isoformat()
    except ValueError:
        raise _NonsenseError("not a date (YYYY-MM-DD)") from None


def _instant(value: object) -> str:
    if isinstance(value, str):
        return _instant_text(value)
    if isinstance(value, datetime):
        return _utc(value)
    raise _NonsenseError("not an instant")


@lru_cache(maxsize=8192)
def _instant_text(value: str) -> str:
    try:
        return _utc(datetime.fromisoformat(value))
    except ValueError:
        raise _NonsenseError("not an instant (YYYY-MM-DDTHH:MM:SSZ)") from None


def _utc(moment: datetime) -> str:
    if moment.tzinfo is None:
        raise _NonsenseError("an instant without a time zone")
    try:
        return f"{moment.astimezone(UTC).replace(tzinfo=None, microsecond=0).isoformat()}Z"
    except OverflowError:
        raise _NonsenseError("an instant out of range") from None


_CONVERTERS: Final[dict[Kind, Convert]] = {
    Kind.ID: _code,
    Kind.REF: _code,
    Kind.CODE: _code,
    Kind.TEXT: _text,
    Kind.QUANTITY: _quantity,
    Kind.MONEY: _money,
    Kind.DATE: _date,
    Kind.INSTANT: _instant,
    Kind.INTEGER: _integer,
    Kind.FLAG: _flag,
}
