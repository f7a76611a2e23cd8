"""Exact figures of the demo plant: quantities are integers of a thousandth, money is an integer of a ten-thousandth."""

from __future__ import annotations

from functools import lru_cache
from typing import Final

UNIT: Final = 1_000  # one unit of measure, in thousandths
PRICE_UNIT: Final = 10_000  # one currency unit, in ten-thousandths


@lru_cache(maxsize=65_536)
def quantity(thousandths: int) -> str:
    """Return a quantity as a decimal string with three places."""
    sign = "-" if thousandths < 0 else ""
    whole, rest = divmod(abs(thousandths), UNIT)
    return f"{sign}{whole}.{rest:03d}"


def price(ten_thousandths: int) -> str:
    """Return a price as a decimal string with four places."""
    whole, rest = divmod(ten_thousandths, PRICE_UNIT)
    return f"{whole}.{rest:04d}"


def amount(cents: int) -> str:
    """Return an amount of money as a decimal string with two places."""
    sign = "-" if cents < 0 else ""
    whole, rest = divmod(abs(cents), 100)
    return f"{sign}{whole}.{rest:02d}"


def value_cents(thousandths: int, ten_thousandths: int, per: int = 1) -> int:
    """Return quantity × price ÷ `per` in cents, a half rounded up."""
    divisor = UNIT * PRICE_UNIT // 100 * per
    return (2 * thousandths * ten_thousandths + divisor) // (2 * divisor)
