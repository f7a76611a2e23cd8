"""The terms of a write in words, for whoever turns it on or asks about it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from erp_mcp.domain.call import JsonValue
from erp_mcp.domain.decision import BreakGlass, Group, Limit, Obligations, Terms
from erp_mcp.domain.tool import Tool
from erp_mcp.policy.bundle import Bundle
from erp_mcp.policy.rules import HOUR_S, MINUTE_S, Evidence


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class GrantedWrite:
    """One write that a role may propose, the rule that grants it, and what earned it."""

    role: str
    tool: str
    rule: str
    evidence: Evidence

    def as_json(self) -> dict[str, JsonValue]:
        """Return it for programs."""
        return {"role": self.role, "tool": self.tool, "rule": self.rule, "evidence": self.evidence.as_json()}

    def __str__(self) -> str:
        """Return it for people, on one line."""
        return f"{self.role} may PROPOSE {self.tool} ({self.rule}), {self.evidence}"


def granted(bundle: Bundle) -> list[GrantedWrite]:
    """Return every write that the bundle allows, by role and tool."""
    return [
        GrantedWrite(role=role, tool=tool, rule=rule, evidence=evidence)
        for (role, tool, _), cell in sorted(bundle.cells.items(), key=lambda item: item[0])
        if cell.allowed and tool in bundle.grants
        for rule, evidence in bundle.evidence(cell)
    ]


def redefined(bundle: Bundle, tools: Iterable[Tool]) -> list[str]:
    """Return the tools that some role may write with and that are not defined any more as they were granted."""
    return sorted(tool.name for tool in tools if tool.name in bundle.writes and is_redefined(bundle, tool))


def is_redefined(bundle: Bundle, tool: Tool) -> bool:
    """Tell whether a tool was granted as a write and its definition is another one by now."""
    grant = bundle.grants.get(tool.name)
    return grant is not None and grant.hash != tool.hash


def short(digest: str) -> str:
    """Return a digest as people compare it."""
    return f"{digest[:12]}…"


def terms(obligations: Obligations) -> Iterator[str]:
    """Yield who must say yes, each limit, and what business rules go by; nothing for what does not write."""
    if obligations.approval is not None:
        yield approval(obligations.approval)
        yield from map(limit, obligations.limits) if obligations.limits else ("no limit",)
        yield from (f"{one.name} {one.value} ({one.rule})" for one in obligations.settings)
        if obligations.left_to_people:
            yield f"left to people {', '.join(obligations.left_to_people)}"


def approval(terms: Terms) -> str:
    """Return who must say yes, until when, and whether the agent's owner may."""
    rule = f" ({terms.rule})" if terms.rule else ""
    if not terms.needed:
        return f"approval by nobody, for it is a task for a person alone{rule}"
    who = "; ".join(_by_band(terms)) if terms.bands else _people(terms.approvers, terms.needed, terms.groups)
    return f"approval by {who}, {'; '.join(_conditions(terms))}{rule}"


def limit(one: Limit) -> str:
    """Return what a limit lets through."""
    what = f"{one.maximum} proposals"
    if one.measure == "value":
        what = f"{one.maximum} {one.currency}"
    elif one.measure == "change_pct":
        what = f"{one.maximum} % of change of {one.field}"
    return f"limit {what} per {one.key} in {span(one.window_s)} ({one.id})"


def span(seconds: int) -> str:
    """Return a time as people say it: whole hours, else minutes."""
    return f"{seconds // HOUR_S} h" if seconds % HOUR_S == 0 else f"{seconds // MINUTE_S} min"


def break_glass(one: BreakGlass) -> str:
    """Return who may approve in an emergency, and who looks at it afterwards."""
    people, reviewers = ", ".join(one.people), ", ".join(one.review_by)
    return f"by break-glass any two of {people}, reviewed by {reviewers} within {span(one.review_s)}"


def _people(approvers: tuple[str, ...], needed: int, groups: tuple[Group, ...]) -> str:
    people = ", ".join(approvers) if approvers else "enrolled approvers"
    many = "any one" if needed == 1 else f"any {needed}"
    each = f", one of each of {', '.join(group.name for group in groups)} among them" if groups else ""
    return (approvers[0] if len(approvers) == 1 else f"{many} of {people}") + each


def _by_band(terms: Terms) -> Iterator[str]:
    for band in terms.bands:
        reach = f"up to {band.to} {terms.currency}" if band.to else "above that, and where no value is known"
        yield f"{reach}: {_people(band.approvers, band.needed, band.groups)}"


def _conditions(terms: Terms) -> Iterator[str]:
    owner = "the agent's owner too" if terms.self_approval else "never the agent's owner"
    yield f"{owner}, within {span(terms.valid_s)}"
    if terms.escalates_s:
        yield f"after {span(terms.escalates_s)} {', '.join(terms.escalates_to)} too"
    if terms.carry_out_s:
        yield f"gone {span(terms.carry_out_s)} after the last yes"
    if terms.outage_s:
        yield f"up to {span(terms.outage_s)} longer while its system is out"
    if terms.quota:
        yield f"no more than {terms.quota} yes of one person in an hour"
    if terms.taint_s:
        yield f"one more person within {span(terms.taint_s)} of reading what outsiders wrote"
    if terms.break_glass is not None:
        yield break_glass(terms.break_glass)
    for one in terms.deputies:
        yield f"{one.deputy} for {one.absent} from {one.first} to {one.last}"
    for other in terms.separations:
        tools = ", ".join(other.tools)
        yield f"nobody for two of {tools} about one {other.key} within {other.window_s // (24 * HOUR_S)} days"
