"""What one person may not do besides: say yes to two of what policy keeps apart, or more often in an hour than it lets.

Who asked for one half, since it was their agent that proposed it, says no yes to the other one either; and who said yes
to one half has the other one asked for by nobody of theirs.

Pure: the store asks while it stores a proposal or a decision, the worker once more before anything is sent.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import datetime, timedelta
from typing import Final, NamedTuple

from erp_mcp.domain.decision import Separation, Terms
from erp_mcp.domain.names import key_of
from erp_mcp.domain.proposal import Content
from erp_mcp.domain.saga import is_saga, tools_of

HOUR: Final = timedelta(hours=1)


class Yes(NamedTuple):
    """What one person stood for before, and when: said yes to it, or had it asked for."""

    content: Content
    at: datetime


def separated_by(content: Content, at: datetime, earlier: Iterable[Yes]) -> str:
    """Return the rule that keeps a person from saying yes to this, since they did to something else; empty where none.

    Args:
        content: What they would say yes to.
        at: When.
        earlier: What the same person said yes to before. Of two at once either may be signed first and stored last,
            so one that is stored with a later moment than `at` keeps them as well.
    """
    said = [one for one in earlier if one.content.proposal_id != content.proposal_id]
    for rule in content.terms.separations:
        if any(_collides(rule, content, one, at) for one in said):
            return rule.rule
    return ""


def asked_apart(content: Content, at: datetime, asked: Iterable[Yes], names: Collection[str]) -> str:
    """Return the rule that keeps a person from a yes, since their agent asked for the other half; empty where none.

    Whatever became of what was asked for: it was this person who wanted it.

    Args:
        content: What they would say yes to.
        at: When.
        asked: What was proposed before, by anybody, and when.
        names: Of the person, normalised, as `names.key_of` has them.
    """
    return separated_by(content, at, (one for one in asked if asks(one.content, names)))


def asks(content: Content, names: Collection[str]) -> bool:
    """Whether somebody of these names asked for it: as the owner of the agent, or as the agent."""
    return not askers(content).isdisjoint(names)


def askers(content: Content) -> frozenset[str]:
    """Return the normalised names of those who ask for it: the agent, and its owner."""
    return frozenset(filter(None, (key_of(content.owner), key_of(content.agent))))


def separated_tools(terms: Terms) -> tuple[str, ...]:
    """Return the tools that terms keep apart from one another, sorted."""
    return tuple(sorted({tool for rule in terms.separations for tool in rule.tools}))


def over_quota(terms: Terms, at: datetime, earlier: Iterable[datetime]) -> bool:
    """Whether one more yes is more than one person may say in an hour; `earlier` as in `separated_by`."""
    return bool(terms.quota) and sum(at - HOUR < one for one in earlier) >= terms.quota


def longest(terms: Terms) -> timedelta:
    """Return how far back a person's decisions have to be looked at."""
    windows = [timedelta(seconds=one.window_s) for one in terms.separations]
    return max([*windows, HOUR if terms.quota else timedelta(0)])


def _collides(rule: Separation, content: Content, said: Yes, at: datetime) -> bool:
    other = said.content
    if said.at <= at - timedelta(seconds=rule.window_s) or not _are_halves(rule, content, other):
        return False
    return not set(content.about(rule.key)).isdisjoint(other.about(rule.key))


def _are_halves(rule: Separation, content: Content, other: Content) -> bool:
    """Whether the rule keeps a tool of the one from another tool of the other; several changes as one count by each."""
    # A rule that only a way back of a step brought names no tool of the whole: it stands against each that it names.
    own = _halves(rule, content) or {content.tool}
    return any(one != half for one in own for half in _halves(rule, other))


def _halves(rule: Separation, content: Content) -> set[str]:
    return {content.tool, *(tools_of(content) if is_saga(content) else ())}.intersection(rule.tools)
