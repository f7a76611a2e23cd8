"""Could anybody say yes? What a policy asks of people, held against who is enrolled and who asks."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from erp_mcp.administration.people import trusted
from erp_mcp.approval.requesters import APPLIED_WITHIN, key_of, names_of, requesters
from erp_mcp.bootstrap import Deployment
from erp_mcp.domain.approver import Applied, Enrolment
from erp_mcp.domain.decision import Terms
from erp_mcp.domain.instants import exact_instant
from erp_mcp.domain.tool import Risk
from erp_mcp.policy.bands import terms_for
from erp_mcp.policy.bundle import Bundle

_WORDS: Final = {
    "not_named": "is not among its approvers",
    "agent": "has the agent's name",
    "owner": "is the agent's owner",
    "applied": "applied a policy less than 24 hours ago",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Unenrolled:
    """People whom a rule of `approvals:` names and who are no approvers now."""

    rule: str
    approvers: tuple[str, ...]

    def __str__(self) -> str:
        """Return it for people."""
        verb = "is" if len(self.approvers) == 1 else "are"
        return f"{', '.join(self.approvers)} {verb} named by {self.rule} under `approvals:` and not enrolled"


@dataclass(frozen=True, slots=True, kw_only=True)
class OutOfReach:
    """A tool with which an agent may propose what too few people could approve now.

    `possible` are those who could, fewer than `needed`; `kept_out` says of each other approver why not: `not_named`,
    `agent`, `owner` or `applied`.
    """

    agent: str
    tool: str
    needed: int
    possible: tuple[str, ...]
    kept_out: tuple[tuple[str, str], ...]

    def __str__(self) -> str:
        """Return it for people."""
        who = f"only {len(self.possible)} of {self.needed} people" if self.possible else "nobody"
        why = "; ".join(f"{approver} {_WORDS[reason]}" for approver, reason in self.kept_out)
        return f"{who} could approve what {self.agent} proposes with {self.tool}: {why or 'nobody else is enrolled'}"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Asking:
    """What an agent could propose, as far as it matters for who may decide."""

    agent: str
    owner: str
    risk: Risk
    terms: Terms


def unenrolled(deployment: Deployment, bundle: Bundle) -> list[Unenrolled]:
    """Return what a bundle's approval rules ask of people who are no approvers; raises as `trusted`."""
    named = [(one.terms.rule, sorted(_named(one.terms) | _in_emergency(one.terms))) for one in bundle.approvals]
    known = trusted(deployment) if any(who for _, who in named) else {}
    missing = [(rule, tuple(one for one in who if one not in known)) for rule, who in named]
    return [Unenrolled(rule=rule, approvers=people) for rule, people in missing if people]


def _named(terms: Terms) -> set[str]:
    """Return everybody whom terms name: in a band, by escalation, in the place of others."""
    names = {*terms.approvers, *terms.escalates_to, *(one for band in terms.bands for one in band.approvers)}
    return names | {one.deputy for one in terms.deputies if one.absent in names}


def _in_emergency(terms: Terms) -> set[str]:
    """Return who may break the glass, and who looks at it afterwards."""
    return {*terms.break_glass.people, *terms.break_glass.review_by} if terms.break_glass else set()


def out_of_reach(deployment: Deployment, bundle: Bundle) -> list[OutOfReach]:
    """Return what agents may propose under a bundle and too few people could approve now; raises as `trusted`."""
    now = deployment.clock.wall()
    applied = deployment.state.bundles.applied(since=exact_instant(now - APPLIED_WITHIN))
    known = trusted(deployment)
    found = (_looked_at(tool, asking, known, applied, now) for tool, asking in _askings(bundle))
    return [one for one in found if len(one.possible) < one.needed]


def _askings(bundle: Bundle) -> Iterator[tuple[str, _Asking]]:
    for (role, tool, _), cell in sorted(bundle.cells.items(), key=lambda item: item[0]):
        if not cell.allowed or tool not in bundle.writes:
            continue
        grant = bundle.grants[tool]
        for one in bundle.agents.values():
            if one.role == role:
                terms = terms_for(grant.approval, {})  # as strict as it gets
                yield tool, _Asking(agent=one.agent, owner=one.owner, risk=grant.risk, terms=terms)


def _looked_at(
    tool: str, asking: _Asking, known: Mapping[str, Enrolment], applied: Iterable[Applied], now: datetime
) -> OutOfReach:
    always, today = requesters(asking, (), now), requesters(asking, applied, now)
    reasons = {name: _objection(asking, person, always, today) for name, person in sorted(known.items())}
    return OutOfReach(
        agent=asking.agent,
        tool=tool,
        needed=asking.terms.needed,
        possible=tuple(name for name, reason in reasons.items() if not reason),
        kept_out=tuple((name, reason) for name, reason in reasons.items() if reason),
    )


def _objection(asking: _Asking, person: Enrolment, always: frozenset[str], today: frozenset[str]) -> str:
    """Return why this approver may not decide, the lasting reasons first; empty where they may."""
    if asking.terms.approvers and person.approver_id not in _named(asking.terms):
        return "not_named"
    if names_of(person) & always:
        return "agent" if key_of(asking.agent) in names_of(person) else "owner"
    return "applied" if names_of(person) & today else ""
