"""Lines of a purchase order: what is wanted, from which source, at what price, and the rules about one line."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Final

from erp_mcp.commands.units import STEP, Units, passing
from erp_mcp.commands.verdicts import MAX_AHEAD_DAYS, flag, ok, refuse
from erp_mcp.domain.days import shift
from erp_mcp.domain.entities.procurement import SupplySource
from erp_mcp.domain.proposal import Check
from erp_mcp.domain.value import QUANTITY_DIGITS, money_text, quantity_text
from erp_mcp.errors import RuleNotEvaluableError

_ONE: Final = 10**QUANTITY_DIGITS


@dataclass(frozen=True, slots=True, kw_only=True)
class BuyingLine:
    """One line that is wanted; `source` as its system has it now, `None` where the supplier is none for the material.

    `qty` is in 10⁻⁶ of `uom`; `asked_price` in 10⁻⁴ per price unit of the source, `None` where its price is to count.
    """

    number: int
    material_id: str
    qty: int
    uom: str
    date: str
    asked_price: int | None
    source: SupplySource | None
    units: Units
    lead_time_days: int | None

    @property
    def name(self) -> str:
        """What messages call it."""
        return f"Line {self.number} ({self.material_id})"

    @property
    def price(self) -> int | None:
        """The price that would be ordered at."""
        if self.asked_price is not None:
            return self.asked_price
        return self.source.price if self.source else None

    @property
    def price_unit(self) -> int:
        """For how many of the unit the price is."""
        return (self.source.price_unit if self.source else None) or 1

    @property
    def order_uom(self) -> str:
        """The unit that the source's price is for."""
        return (self.source.uom if self.source else None) or self.units.base

    @property
    def value(self) -> int | None:
        """What it costs in 10⁻⁴ of the currency, to the nearest, a half up."""
        return None if self.price is None else value_at(self.qty, self.price, self.price_unit)


def value_at(qty: int, price: int, price_unit: int) -> int:
    """Return what a quantity of 10⁻⁶ costs in 10⁻⁴ of the currency, to the nearest, a half up."""
    return (2 * qty * price + _ONE * price_unit) // (2 * _ONE * price_unit)


def over_lines(
    rule: str, lines: Iterable[BuyingLine], look: Callable[[BuyingLine], Check | None], kept: str
) -> Iterator[Check]:
    """Say what a rule found line by line, or in one sentence that all lines keep it."""
    found = [one for line in lines if (one := look(line)) is not None]
    yield from found or [ok(rule, kept)]


def quantity(line: BuyingLine) -> Check | None:
    """Return what is wrong with a quantity: above zero, at most three places."""
    if line.qty > 0 and line.qty % STEP == 0:
        return None
    would = passing(Fraction(max(line.qty, STEP)))
    message = f"{line.name}: the quantity must be above zero with at most three places; {would} {line.uom} would pass."
    return refuse("R-QTY", message, line=line.number, would_pass=would, uom=line.uom)


def unit(line: BuyingLine) -> Check | None:
    """Return what is wrong with a unit: prices are exact in the unit of the source alone."""
    if line.source is None or line.uom == line.order_uom:
        return None
    message = f"{line.name}: the source's price is for {line.order_uom}; order in {line.order_uom}."
    return refuse("R-UOM", message, line=line.number, would_pass=line.order_uom)


def source(line: BuyingLine, *, site: str, today: str) -> Check | None:
    """Return what is wrong with the way to buy it: there, not blocked, valid."""
    found = line.source
    if found is None:
        message = (
            f"{line.name}: the supplier is no approved source at site {site};"
            " a supplier of list_supply_sources would pass."
        )
        return refuse("R-SOURCE", message, line=line.number, material_id=line.material_id)
    if found.blocked or (found.valid_to is not None and found.valid_to < today):
        message = (
            f"{line.name}: the source is blocked or no longer valid; another one of list_supply_sources would pass."
        )
        return refuse("R-SOURCE", message, line=line.number, material_id=line.material_id)
    return None


def minimum(line: BuyingLine) -> Check | None:
    """Return whether the supplier takes so little; both quantities are in the unit of the source."""
    least = line.source.min_order_qty if line.source else None
    if not least or line.qty >= least or line.uom != line.order_uom:
        return None
    would = quantity_text(least)
    message = f"{line.name}: the supplier takes no less than {would} {line.uom}; that would pass."
    return refuse("R-MIN-QTY", message, line=line.number, would_pass=would, uom=line.uom)


def price(line: BuyingLine, *, percent: int) -> Check | None:
    """Return what is wrong with a price: above zero, and not further than `percent` from the source's.

    Raises:
        RuleNotEvaluableError: `rule.not_evaluable`, where the source has no price to compare with.
    """
    if line.source is None:
        return None  # refused for that already
    listed = line.source.price
    if listed is None:
        raise RuleNotEvaluableError(rule="R-PRICE", missing="price of the source")
    asked = line.asked_price
    if asked is None:
        return None
    most = listed * (100 + percent) // 100
    if not 0 < asked <= most:
        message = (
            f"{line.name}: a price above zero and no more than {percent} % above the source's"
            f" {money_text(listed)} would pass, up to {money_text(most)}."
        )
        return refuse("R-PRICE", message, line=line.number, would_pass=money_text(most), source=money_text(listed))
    if asked * 100 < listed * (100 - percent):
        message = f"{line.name}: the price is more than {percent} % below the source's {money_text(listed)}."
        return flag("R-PRICE", message, line=line.number, source=money_text(listed))
    return None


def date(line: BuyingLine, *, today: str) -> Check | None:
    """Return what is wrong with a day: neither past nor more than a year ahead."""
    last = shift(today, MAX_AHEAD_DAYS)
    if today <= line.date <= last:
        return None
    message = f"{line.name}: a day from {today} to {last} would pass."
    return refuse("R-DATE", message, line=line.number, earliest=today, latest=last)


def lead_time(line: BuyingLine, *, today: str) -> Check | None:
    """Return whether the supplier can be that quick, as far as that is known."""
    lead = line.source.lead_time_days if line.source else None
    lead = line.lead_time_days if lead is None else lead
    if lead is None:
        return flag("R-LEAD-TIME", f"{line.name}: no lead time is known.", line=line.number)
    earliest = shift(today, lead)
    if line.date >= earliest:
        return None
    message = f"{line.name}: the lead time of {lead} days speaks against the date; {earliest} is the first that fits."
    return flag("R-LEAD-TIME", message, line=line.number, earliest=earliest, lead_time_days=lead)


def total(lines: Iterable[BuyingLine]) -> int:
    """Return what all lines cost together; each has a price by then."""
    return sum(one.value or 0 for one in lines)


def units_by_material(bases: Mapping[str, str], rows: Iterable[tuple[str, str, str, int, int]]) -> dict[str, Units]:
    """Return the units of each material from rows of material, unit, base unit, numerator and denominator."""
    factors = {material: {base: Fraction(1)} for material, base in bases.items()}
    for material, uom, base, numerator, denominator in rows:
        if bases.get(material) == base and numerator > 0 and denominator > 0:
            factors[material][uom] = Fraction(numerator, denominator)
    return {material: Units(base=base, factors=factors[material]) for material, base in bases.items()}
