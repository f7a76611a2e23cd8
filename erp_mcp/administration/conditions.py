"""What a decision is bound to beside how many people there must be, in sentences."""

from __future__ import annotations

from collections.abc import Iterator

from erp_mcp.domain.decision import Terms
from erp_mcp.policy import writing


def conditions(terms: Terms) -> Iterator[str]:
    """Yield what a decision is bound to beside how many people there must be: band, groups, deputies, escalation."""
    if terms.band:
        yield terms.band
    if terms.groups:
        yield f"one of each of {', '.join(group.name for group in terms.groups)} among them"
    if terms.raised:
        yield "one more person than usual: the agent has read text that outsiders wrote"
    for one in terms.deputies:
        yield f"{one.deputy} stands in for {one.absent} from {one.first} to {one.last}"
    if terms.escalates_s:
        yield f"{', '.join(terms.escalates_to)} may decide as well after {writing.span(terms.escalates_s)}"
    if terms.carry_out_s:
        yield f"gone {writing.span(terms.carry_out_s)} after the last yes, if no worker has taken it up"
    if terms.break_glass is not None:
        yield f"in an emergency {writing.break_glass(terms.break_glass)}"
