"""Quantities of one material in several units, exactly."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction
from math import ceil, floor
from typing import Final

from erp_mcp.commands.rows import UnitRow
from erp_mcp.domain.value import QUANTITY_DIGITS, quantity_text

PLACES: Final = 3  # of a quantity that is asked for
STEP: Final = 10 ** (QUANTITY_DIGITS - PLACES)


@dataclass(frozen=True, slots=True, kw_only=True)
class Units:
    """The units of a material: how many base units one of each is."""

    base: str
    factors: dict[str, Fraction]

    def ratio(self, unit: str, into: str) -> Fraction | None:
        """Return how many `into` one `unit` is, or `None` where one of them is not known."""
        if unit == into:
            return Fraction(1)
        one, other = self.factors.get(unit), self.factors.get(into)
        return None if one is None or other is None else one / other


def units_of(base: str, rows: Iterable[UnitRow]) -> Units:
    """Return the units of a material from its conversions; those into another base unit are left out."""
    factors = {base: Fraction(1)}
    for row in rows:
        if row.base_uom == base and row.numerator > 0 and row.denominator > 0:
            factors[row.uom] = Fraction(row.numerator, row.denominator)
    return Units(base=base, factors=factors)


def passing(quantity: Fraction) -> str:
    """Return the smallest quantity that may be asked for and is not less, as a decimal string."""
    return quantity_text(ceil(quantity / STEP) * STEP)


def whole(quantity: Fraction) -> int:
    """Return a quantity as it is stored, rounded down: cover is never overstated."""
    return floor(quantity)
