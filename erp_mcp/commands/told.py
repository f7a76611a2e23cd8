"""Sentences about open demands that a change hurts or helps: who needs what by when, and what becomes of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Final

from erp_mcp.commands.impact import Change, Impact
from erp_mcp.commands.verdicts import flag, ok
from erp_mcp.domain.days import NEVER
from erp_mcp.domain.proposal import Check
from erp_mcp.domain.value import quantity_text

SHOWN: Final = 5  # demands that are named; the rest are counted
OWNERS: Final = {"production_order": "Production order", "sales_order": "Sales order"}


def named(changes: Sequence[Change], what: str, words: Callable[[Change], str]) -> Iterator[str]:
    """Say how many demands there are under `what`, then the first of them in `words`."""
    if changes:
        more = f"; the first {SHOWN} by need date follow" if len(changes) > SHOWN else ""
        yield f"{what}: {counted(len(changes), 'open demand')}{more}."
    yield from (words(one) for one in changes[:SHOWN])


def impact(found: Impact) -> Iterator[str]:
    """Say who becomes late or later and who is helped."""
    if not found.worse:
        yield "No open demand for the material at this site becomes late or later."
    yield from named(found.worse, "Late or later", hurt)
    yield from named(found.better, "Helped", helped)


def impact_check(found: Impact, *, by: str) -> Check:
    """Return whether somebody has less in time; `by` names what would do that, for whom nobody is hurt."""
    counts = {"worse": len(found.worse), "better": len(found.better)}
    if found.worse:
        count = counted(len(found.worse), "open demand")
        return flag("R-IMPACT", f"{count} would have less in time or get it later.", **counts)
    return ok("R-IMPACT", f"No open demand is hurt by {by}.", **counts)


def hurt(one: Change) -> str:
    """Say what becomes later of a demand."""
    if one.short_after == one.short_before:
        return f"{demand(one)}: still late, all of it {when(one.arrival_after)} instead of {when(one.arrival_before)}."
    late = f"{quantity_text(one.short_after)} {one.uom} late instead of {quantity_text(one.short_before)}"
    return f"{demand(one)}: {late}; all of it {when(one.arrival_after)}."


def helped(one: Change) -> str:
    """Say what becomes earlier of a demand."""
    if not one.short_after:
        return f"{demand(one)}: in time instead of {quantity_text(one.short_before)} {one.uom} late."
    return hurt(one)


def demand(one: Change) -> str:
    """Say who needs how much by when."""
    owner = f"{OWNERS[one.demand.owner_type]} {one.demand.owner_id}/{one.demand.line}"
    owner += f" (for sales order {one.made_for})" if one.made_for else ""
    return f"{owner} needs {quantity_text(one.demand.qty)} {one.uom} by {one.demand.need_date}"


def when(day: str) -> str:
    """Say a day of arrival; an empty one is stock."""
    if not day:
        return "from stock"
    return "at no known date" if day == NEVER else f"by {day}"


def counted(number: int, what: str) -> str:
    """Return a number with what it counts, in the plural where it is one."""
    return f"{number} {what}" if number == 1 else f"{number} {what}s"
