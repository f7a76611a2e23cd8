"""Forms that make exact quantities and amounts from the floating-point numbers of a system."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from decimal import ROUND_HALF_EVEN, Decimal
from fractions import Fraction
from typing import Final, Literal

from erp_mcp.adapters.jsonrpc.forms import Form
from erp_mcp.adapters.jsonrpc.rows import Condition, Row, ShapeError, holds, linked, number, value

_UNIT: Final = ("id", "digits", "factor", "rate")


@dataclass(frozen=True, slots=True, kw_only=True)
class Quantity:
    """A floating-point quantity made exact by the digits of its unit; zero where a condition does not hold.

    Where `negative` names a condition and it holds, the quantity is one that went, and stands below zero.
    """

    path: str
    unit: str
    when: Condition = field(default_factory=dict)
    negative: Condition = field(default_factory=dict)

    def paths(self) -> Iterator[str]:
        """Yield the quantity, the unit's digits and the conditions."""
        yield from (self.path, f"{self.unit}.digits", *self.when, *self.negative)

    def make(self, row: Row) -> Decimal | None:
        """Return the exact quantity."""
        if not holds(row, self.when):
            return Decimal(0)
        found = number(row, self.path)
        if found is None:
            return None
        went = bool(self.negative) and holds(row, self.negative)
        return _rounded(-found if went else found, number(row, f"{self.unit}.digits"), self.unit)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sum:
    """The sum of quantities over a list, each converted to one unit; only items for which a condition holds.

    `same` compares a field of the item with one of the record, for lists that hold items of several places.
    """

    over: str
    quantity: str
    unit: str
    into: str
    when: Condition = field(default_factory=dict)
    same: Mapping[str, str] = field(default_factory=dict)

    def paths(self) -> Iterator[str]:
        """Yield the items' quantities, units and conditions, and the target unit."""
        inner = (self.quantity, *(f"{self.unit}.{part}" for part in _UNIT), *self.when, *self.same)
        yield from (f"{self.over}.{path}" for path in inner)
        yield from (f"{self.into}.{part}" for part in _UNIT)
        yield from self.same.values()

    def make(self, row: Row) -> Decimal:
        """Return the exact sum, zero for an empty list."""
        total = sum((self._item(row, item) for item in linked(row, self.over) if self._counts(row, item)), Decimal(0))
        return _rounded(total, number(row, f"{self.into}.digits"), self.into)

    def _counts(self, row: Row, item: Row) -> bool:
        same = all(value(item, theirs) == value(row, ours) for theirs, ours in self.same.items())
        return same and holds(item, self.when)

    def _item(self, row: Row, item: Row) -> Decimal:
        amount = number(item, self.quantity) or Decimal(0)
        if value(item, f"{self.unit}.id") == value(row, f"{self.into}.id"):
            return _rounded(amount, number(item, f"{self.unit}.digits"), self.unit)
        ratio = _ratio(item, self.unit) / _ratio(row, self.into)
        return amount * ratio.numerator / ratio.denominator


@dataclass(frozen=True, slots=True, kw_only=True)
class Open:
    """What is left of a quantity, floored at zero; zero where a condition does not hold."""

    of: Quantity
    minus: Quantity | Sum
    when: Condition = field(default_factory=dict)

    def paths(self) -> Iterator[str]:
        """Yield what both need."""
        yield from (*self.of.paths(), *self.minus.paths(), *self.when)

    def make(self, row: Row) -> Decimal:
        """Return the rest."""
        if not holds(row, self.when):
            return Decimal(0)
        return max((self.of.make(row) or Decimal(0)) - (self.minus.make(row) or Decimal(0)), Decimal(0))


@dataclass(frozen=True, slots=True, kw_only=True)
class Amount:
    """A quantity times a price, rounded to the digits of its currency as an invoice would be."""

    of: Form
    price: str
    currency: str

    def paths(self) -> Iterator[str]:
        """Yield quantity, price and the currency's digits."""
        yield from (*self.of.paths(), self.price, f"{self.currency}.digits")

    def make(self, row: Row) -> Decimal | None:
        """Return the amount."""
        quantity, price = self.of.make(row), number(row, self.price)
        if price is None or not isinstance(quantity, Decimal):
            return None
        return _rounded(quantity * price, number(row, f"{self.currency}.digits"), self.currency)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ratio:
    """How many of one unit another one is, as one part of an exact fraction in lowest terms."""

    of: str
    into: str
    part: Literal["numerator", "denominator"]

    def paths(self) -> Iterator[str]:
        """Yield what tells the size of both units."""
        yield from (f"{unit}.{field}" for unit in (self.of, self.into) for field in _UNIT)

    def make(self, row: Row) -> int:
        """Return the part of the fraction."""
        ratio = _ratio(row, self.of) / _ratio(row, self.into)
        return ratio.numerator if self.part == "numerator" else ratio.denominator


def _rounded(amount: Decimal, digits: Decimal | None, unit: str) -> Decimal:
    """Return a float's decimal text at the places its unit has: `0.30000000000000004` kg with 2 digits is `0.30`."""
    if digits is None:
        raise ShapeError(f"{unit}.digits")
    return amount.quantize(Decimal(1).scaleb(-int(digits)), rounding=ROUND_HALF_EVEN)


def _ratio(row: Row, unit: str) -> Fraction:
    """Return how much of the category's base unit one of this unit is; the exact one of factor and rate is used."""
    factor, rate = number(row, f"{unit}.factor"), number(row, f"{unit}.rate")
    if not factor or not rate:
        raise ShapeError(f"{unit}.factor")
    return Fraction(factor) if abs(factor) >= 1 else 1 / Fraction(rate)
