"""Exact numbers: quantities are integers of 10⁻⁶, money is an integer of 10⁻⁴ of the currency unit.

SQLite has no decimal type and a float loses digits, so stored values are scaled integers and answers are decimal
strings. Conversion happens here and nowhere else.
"""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from typing import Final

from erp_mcp.errors import InexactNumberError

QUANTITY_DIGITS: Final = 6
MONEY_DIGITS: Final = 4
_LIMIT: Final = 2**63 - 1


def to_scaled(value: Decimal | str | int, digits: int) -> int:
    """Return `value` as an integer of `10**-digits` units.

    Args:
        value: An exact number; floats are not accepted, because they are not exact.
        digits: Decimal places kept, `QUANTITY_DIGITS` or `MONEY_DIGITS`.

    Returns:
        The scaled integer, within 64 bits.

    Raises:
        InexactNumberError: `adapter.inexact_number`, when digits would be lost or the number is not finite.
    """
    try:
        number = value if isinstance(value, Decimal) else Decimal(value)
        scaled = number.scaleb(digits)
    except (InvalidOperation, TypeError, ValueError) as error:
        raise InexactNumberError(value=str(value)[:40]) from error
    if not scaled.is_finite() or scaled != scaled.to_integral_value() or abs(scaled) > _LIMIT:
        raise InexactNumberError(value=str(value)[:40])
    return int(scaled)


def to_text(scaled: int, digits: int) -> str:
    """Return the shortest plain decimal string of a scaled integer: `2500000`, 6 → `"2.5"`."""
    sign = "-" if scaled < 0 else ""
    whole, rest = divmod(abs(scaled), 10**digits)
    if not rest:
        return f"{sign}{whole}"
    return f"{sign}{whole}.{rest:0{digits}d}".rstrip("0")


def money_text(scaled: int) -> str:
    """Return money as a decimal string with two to four places: `1250000` → `"125.00"`."""
    sign = "-" if scaled < 0 else ""
    whole, rest = divmod(abs(scaled), 10**MONEY_DIGITS)
    places = f"{rest:0{MONEY_DIGITS}d}"
    while len(places) > 2 and places.endswith("0"):
        places = places[:-1]
    return f"{sign}{whole}.{places}"


def quantity_text(scaled: int) -> str:
    """Return a quantity as its shortest plain decimal string."""
    return to_text(scaled, QUANTITY_DIGITS)
