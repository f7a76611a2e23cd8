"""How far a price may go from what it is in one step."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from math import ceil, floor

from erp_mcp.commands.verdicts import flag, ok, refuse
from erp_mcp.domain.operation import CommandFacts
from erp_mcp.domain.parameters import PRICE_STEP_MOST, PRICE_STEP_TOLD
from erp_mcp.domain.proposal import Check
from erp_mcp.domain.value import money_text


def revision_checks(facts: CommandFacts, before: Fraction, after: int) -> Iterator[Check]:
    """Return whether a price may take the place of another, both in 10⁻⁴ of one currency and for the same unit.

    More than policy lets through at once is taken for a slip of the pen.
    """
    told, once = facts.of(PRICE_STEP_TOLD), facts.of(PRICE_STEP_MOST)
    least, most = ceil(before * (100 - once) / 100), floor(before * (100 + once) / 100)
    if after <= 0 or after == before:
        message = "A price above zero, and another one than it is, would pass."
        yield refuse("R-PRICE", message, earliest=money_text(max(1, least)), latest=money_text(most))
        return
    yield ok("R-PRICE", "The price is above zero and another one than it is.")
    if not least <= after <= most:
        message = f"No more than {once} % up or down at once: {money_text(max(1, least))} to {money_text(most)} pass."
        yield refuse("R-PRICE-CHANGE", message, earliest=money_text(max(1, least)), latest=money_text(most))
        return
    change = Fraction(after) - before
    if abs(change) * 100 > before * told:
        words = f"{percent_text(before, after)} % {'up' if change > 0 else 'down'}"
        yield flag("R-PRICE-CHANGE", f"The price goes {words}.", percent=percent_text(before, after))
    else:
        yield ok("R-PRICE-CHANGE", f"The price changes by no more than {told} %.")


def percent_text(before: Fraction, after: int) -> str:
    """Return by how many per cent a price changes, without a sign, to a tenth, a half up."""
    tenths = floor(abs(Fraction(after) - before) * 1000 / before + Fraction(1, 2))
    return f"{tenths // 10}.{tenths % 10}"
