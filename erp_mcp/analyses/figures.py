"""Rounding of key figures: whole numbers until the last step, then once, a half up."""

from __future__ import annotations

from erp_mcp.domain.value import QUANTITY_DIGITS

_UNIT = 10**QUANTITY_DIGITS


def quotient(numerator: int, denominator: int, *, places: int = 1) -> int | None:
    """Return a quotient as a quantity (an integer of 10⁻⁶), rounded to `places` decimals, a half up.

    Args:
        numerator: Any whole number.
        denominator: A whole number from 0.
        places: Decimal places kept, 0 to 6.

    Returns:
        The quantity, or `None` where the denominator is 0: then there is no such figure.
    """
    if denominator <= 0:
        return None
    scale: int = 10**places
    rounded = (2 * abs(numerator) * scale + denominator) // (2 * denominator)
    return (rounded if numerator >= 0 else -rounded) * (_UNIT // scale)


def percent(part: int, whole: int, *, places: int = 1) -> int | None:
    """Return `part` of `whole` in percent, see `quotient`: 1 of 8 → `12_500_000` (12.5)."""
    return quotient(100 * part, whole, places=places)


def hours(minutes: int, *, places: int = 1) -> int:
    """Return whole minutes in hours, see `quotient`: 90 → `1_500_000` (1.5)."""
    return quotient(minutes, 60, places=places) or 0
