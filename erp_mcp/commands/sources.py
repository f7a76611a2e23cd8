"""Which of the approved ways to buy a material counts: for the minimum, the lead time and the price."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from fractions import Fraction

from erp_mcp.commands.rows import SourceRow
from erp_mcp.commands.units import Units

_LAST = 10**9


def usable(source: SourceRow, blocked: Mapping[str, bool], today: str) -> bool:
    """Return whether a source may be bought from today; `blocked` says it of each supplier that is known."""
    valid = source.valid_to is None or source.valid_to >= today
    return valid and not source.blocked and not blocked.get(source.supplier_id, True)


def best(sources: Iterable[SourceRow], blocked: Mapping[str, bool], today: str) -> SourceRow | None:
    """Return the usable source of the best rank; ties are broken by id, never by price in another currency."""
    found = [one for one in sources if usable(one, blocked, today)]
    return min(found, key=lambda one: (_LAST if one.rank is None else one.rank, one.supplier_id), default=None)


def value_of(source: SourceRow | None, qty: int, uom: str, units: Units) -> int | None:
    """Return what a quantity costs at a source in 10⁻⁴ of its currency, to the nearest, a half up.

    `None` where the price, its currency or the conversion into the source's unit is not known.
    """
    if source is None or source.price is None or not source.currency:
        return None
    ratio = units.ratio(uom, source.uom or units.base)
    if ratio is None:
        return None
    exact = Fraction(qty, 10**6) * ratio * source.price / (source.price_unit or 1)
    return (2 * exact.numerator + exact.denominator) // (2 * exact.denominator)
