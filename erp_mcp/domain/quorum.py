"""Who of those that policy names may decide at a moment, and whether those who said yes are enough.

Pure: the store asks while it stores a decision, the worker once more before anything is sent.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from typing import Final, NamedTuple, TypeVar

from erp_mcp.domain.decision import Group, Terms

Person = TypeVar("Person")
BREAK_GLASS_NEEDED: Final = 2  # different people, whatever else the terms ask for


class Said(NamedTuple):
    """A yes: whose, and when."""

    approver_id: str
    at: datetime


def may_decide(terms: Terms, said: Said, made: datetime) -> bool:
    """Whether policy names this approver for the decision at that moment, by themselves, as deputy or by escalation.

    Args:
        terms: Of the proposal.
        said: Who decides, and when.
        made: When it was proposed.
    """
    return not terms.approvers or any(one in terms.approvers for one in _stands_for(terms, said, made))


def missing(terms: Terms, people: Sequence[Sequence[Said]], made: datetime) -> tuple[int, tuple[str, ...]]:
    """Return how many people are still missing at least, and groups of which nobody has said yes.

    Args:
        terms: Of the proposal.
        people: Those who said yes, each with every yes of theirs; two who may be one person are one.
        made: When it was proposed.
    """
    covered = _covered(terms, people, made)
    open_groups = tuple(group.name for group in terms.groups if group.name not in covered)
    return max(0, max(1, terms.needed) - len(people), len(open_groups)), open_groups


def is_met(terms: Terms, people: Sequence[Sequence[Said]], made: datetime) -> bool:
    """Whether enough different people said yes, one of each group among them; as `missing`."""
    return not missing(terms, people, made)[0]


def may_break_glass(terms: Terms, approver_id: str) -> bool:
    """Whether policy names this approver among those who may approve in an emergency."""
    return terms.break_glass is not None and approver_id in terms.break_glass.people


def is_glass_broken(terms: Terms, people: Sequence[Sequence[Said]]) -> bool:
    """Whether those who said yes by break-glass are enough; two who may be one person are one, ordinary ones none."""
    return terms.break_glass is not None and len(people) >= BREAK_GLASS_NEEDED


def can_be_met(groups: Iterable[Group], needed: int, approvers: Sequence[str]) -> bool:
    """Whether there are enough different names for what is asked; an empty `approvers` is everybody."""
    wanted = tuple(groups)
    people = {*approvers, *(one for group in wanted for one in group.approvers)}
    found: dict[str, str] = {}
    for group in wanted:
        _match(group.name, {one.name: one.approvers for one in wanted}, found, set())
    return len(found) == len(wanted) and (not approvers or needed <= len(people))


def _stands_for(terms: Terms, said: Said, made: datetime) -> Iterator[str]:
    """Yield the names under which somebody decides: their own, those they are deputy of, those they stand in for."""
    yield said.approver_id
    day = said.at.date().isoformat()
    for one in terms.deputies:
        if one.deputy == said.approver_id and one.first <= day <= one.last:
            yield one.absent
    if _escalated(terms, said, made):
        yield from terms.approvers


def _escalated(terms: Terms, said: Said, made: datetime) -> bool:
    after = timedelta(seconds=terms.escalates_s)
    return bool(terms.escalates_s) and said.approver_id in terms.escalates_to and said.at >= made + after


def _covered(terms: Terms, people: Sequence[Sequence[Said]], made: datetime) -> dict[str, int]:
    """Return for as many groups as possible which of the people stands for it, nobody for two."""
    able = {
        group.name: tuple(
            index for index, one in enumerate(people) if any(_is_of(group, terms, said, made) for said in one)
        )
        for group in terms.groups
    }
    found: dict[int, str] = {}
    for name in able:
        _match(name, able, found, set())
    return {name: person for person, name in found.items()}


def _is_of(group: Group, terms: Terms, said: Said, made: datetime) -> bool:
    if _escalated(terms, said, made):
        return True
    return any(one in group.approvers for one in _stands_for(terms, said, made))


def _match(group: str, able: dict[str, tuple[Person, ...]], found: dict[Person, str], seen: set[Person]) -> bool:
    """Give a group one of its people, moving another group to somebody else where that helps."""
    for person in able[group]:
        if person in seen:
            continue
        seen.add(person)
        if person not in found or _match(found[person], able, found, seen):
            found[person] = group
            return True
    return False
