"""Scalars of a document as the canonical kinds want them: type-agnostic where nothing is lost, refused where it is."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import tzinfo
from decimal import Context, Decimal, Inexact, InvalidOperation, Overflow
from functools import lru_cache
from typing import Final

from erp_mcp.adapters._documents.json_text import MAX_DIGITS, Value
from erp_mcp.adapters._documents.moments import date_of, moment_of
from erp_mcp.adapters._documents.paths import ShapeError, code_of, number_text
from erp_mcp.domain.entities import Kind
from erp_mcp.domain.instants import instant_text

Made = None | bool | int | str | Decimal
"""What a form makes of a document for one canonical field."""

Convert = Callable[[Value, str], Made]
"""A scalar and its path (for the error) to a value of one kind."""

EXACT: Final = Context(prec=MAX_DIGITS, traps=[Inexact, InvalidOperation, Overflow])
"""Arithmetic that raises where a digit would be lost."""

_NUMBER: Final = re.compile(r"[+-]?[0-9]{1,30}(?:\.[0-9]{0,30})?(?:[eE][+-]?[0-9]{1,2})?")
_TRUE: Final = frozenset({"true", "1"})
_FALSE: Final = frozenset({"false", "0"})


def number_of(value: Value, path: str) -> Decimal | None:
    """Return an exact number from a JSON number or a decimal string, `None` for nothing.

    Raises:
        ShapeError: for anything else.
    """
    if isinstance(value, Decimal):
        return value
    if value is None or value == "":
        return None
    if isinstance(value, int) and not isinstance(value, bool):
        return Decimal(value)
    if isinstance(value, str):
        text = value.strip()
        if not text:
            return None
        if _NUMBER.fullmatch(text):
            return Decimal(text)
    raise ShapeError(path, "not a number")


def as_code(value: Value, path: str) -> Made:
    """Return an identifier or code as text; whole numbers lose nothing but their type."""
    try:
        return code_of(value) or None
    except ShapeError as failure:
        raise ShapeError(path, failure.reason) from None


def as_text(value: Value, path: str) -> Made:
    """Return free text as it is."""
    return value if isinstance(value, str) else as_code(value, path)


def as_number(value: Value, path: str) -> Made:
    """Return a number as plain decimal text, which no later step can round."""
    if isinstance(value, str):
        return _number_text(value, path)
    number = number_of(value, path)
    return None if number is None else number_text(number)


@lru_cache(maxsize=8192)  # real data repeats a few thousand figures
def _number_text(value: str, path: str) -> str | None:
    number = number_of(value, path)
    return None if number is None else number_text(number)


def as_flag(value: Value, path: str) -> Made:
    """Return yes or no from a truth value, 0 or 1, or their words."""
    code = str(as_code(value, path) or "").lower()
    if not code:
        return None
    if code in _TRUE or code in _FALSE:
        return code in _TRUE
    raise ShapeError(path, "not a truth value")


def converter(kind: Kind, zone: tzinfo) -> Convert:
    """Return how a scalar becomes a value of a kind; days of instants count in `zone`."""

    def as_date(value: Value, path: str) -> Made:
        return date_of(value, zone, path)

    def as_instant(value: Value, path: str) -> Made:
        moment = moment_of(value, None, path)
        return instant_text(moment) if moment else None

    made: dict[Kind, Convert] = {Kind.DATE: as_date, Kind.INSTANT: as_instant}
    return made.get(kind) or _CONVERTERS[kind]


_CONVERTERS: Final[dict[Kind, Convert]] = {
    Kind.ID: as_code,
    Kind.REF: as_code,
    Kind.CODE: as_code,
    Kind.TEXT: as_text,
    Kind.QUANTITY: as_number,
    Kind.MONEY: as_number,
    Kind.INTEGER: as_number,
    Kind.FLAG: as_flag,
}
