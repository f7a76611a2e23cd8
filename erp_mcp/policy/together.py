"""The terms of several changes that are decided as one: nothing is asked less of than each of them asks alone."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from functools import reduce

from erp_mcp.domain import quorum
from erp_mcp.domain.decision import BreakGlass, Group, Terms


def together(terms: Sequence[Terms]) -> Terms | None:
    """Return the strictest of several terms: whoever says yes by them could have by each.

    Deputies and escalation hold only where all agree on them, and the glass can be broken by whoever may break it for
    each of them, where that are enough.

    Args:
        terms: At least one, worked out for what each change is worth (without bands); the first gives its rule.

    Returns:
        The terms, `None` where no people could meet them all.
    """
    found = reduce(_both, terms)
    return found if quorum.can_be_met(found.groups, max(1, found.needed), found.approvers) and _named(terms) else None


def _both(one: Terms, other: Terms) -> Terms:
    same_escalation = (one.escalates_s, one.escalates_to) == (other.escalates_s, other.escalates_to)
    return replace(
        one,
        approvers=_common(one.approvers, other.approvers),
        needed=max(one.needed, other.needed),
        self_approval=one.self_approval and other.self_approval,
        valid_s=min(one.valid_s, other.valid_s),
        groups=_groups(one.groups, other.groups),
        band="; ".join(dict.fromkeys(filter(None, (one.band, other.band)))),
        deputies=tuple(deputy for deputy in one.deputies if deputy in other.deputies),
        escalates_s=one.escalates_s if same_escalation else 0,
        escalates_to=one.escalates_to if same_escalation else (),
        carry_out_s=_least(one.carry_out_s, other.carry_out_s),
        quota=_least(one.quota, other.quota),
        separations=tuple(dict.fromkeys((*one.separations, *other.separations))),
        taint_s=max(one.taint_s, other.taint_s),
        raised=one.raised or other.raised,
        outage_s=min(one.outage_s, other.outage_s),
        break_glass=_in_emergency(one.break_glass, other.break_glass),
    )


def _named(terms: Iterable[Terms]) -> bool:
    """Whether somebody is left, where some terms name people: no name at all would mean anybody."""
    named = [frozenset(one.approvers) for one in terms if one.approvers]
    return not named or bool(frozenset.intersection(*named))


def _common(one: tuple[str, ...], other: tuple[str, ...]) -> tuple[str, ...]:
    if not one or not other:
        return one or other
    return tuple(name for name in one if name in other)


def _groups(one: tuple[Group, ...], other: tuple[Group, ...]) -> tuple[Group, ...]:
    """Return every group; those of one name are those who are in both."""
    mine = {group.name: group for group in one}
    for group in other:
        there = mine.get(group.name)
        people = group.approvers if there is None else _common(there.approvers, group.approvers)
        mine[group.name] = Group(name=group.name, approvers=people)
    return tuple(mine.values())


def _in_emergency(one: BreakGlass | None, other: BreakGlass | None) -> BreakGlass | None:
    if one is None or other is None:
        return None
    both = BreakGlass(
        people=_in_both(one.people, other.people),
        review_by=_in_both(one.review_by, other.review_by),
        review_s=min(one.review_s, other.review_s),
    )
    enough = len(both.people) >= quorum.BREAK_GLASS_NEEDED and not set(both.review_by) <= set(both.people)
    return both if enough else None


def _in_both(one: tuple[str, ...], other: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(name for name in one if name in other)


def _least(one: int, other: int) -> int:
    """Return the lower of two bounds, of which zero is none."""
    return min(one, other) if one and other else one or other
