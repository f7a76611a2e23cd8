"""What a quantity is worth: exact whole numbers, rounded once to the cent of the currency."""

from __future__ import annotations

from typing import Final

from erp_mcp.domain.value import MONEY_DIGITS, QUANTITY_DIGITS

_UNIT: Final[int] = 10**QUANTITY_DIGITS
_CENT: Final[int] = 10 ** (MONEY_DIGITS - 2)


def value_of(qty: int, price: int | None, price_unit: int | None) -> int | None:
    """Return the value of a quantity at a price.

    Args:
        qty: Quantity, an integer of 10⁻⁶, may be negative.
        price: Price for `price_unit` of the same unit, an integer of 10⁻⁴; `None` where it is not known, or masked.
        price_unit: For how many units the price is; 1 where nothing says so.

    Returns:
        Money, an integer of 10⁻⁴ rounded to 0.01, a half away from zero; `None` without a price.
    """
    if price is None or (price_unit is not None and price_unit <= 0):
        return None
    divisor = _UNIT * (price_unit or 1) * _CENT
    cents = (2 * abs(qty) * price + divisor) // (2 * divisor)
    return (cents if qty >= 0 else -cents) * _CENT
