"""The terms of a write in words, for whoever turns it on or asks about it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from erp_mcp.domain.call import JsonValue
from erp_mcp.domain.decision import Limit, Obligations, Terms
from erp_mcp.domain.tool import Tool
from erp_mcp.policy.bundle import Bundle
from erp_mcp.policy.rules import HOUR_S, Evidence


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
    """Yield who must say yes, then each limit; nothing for what does not write."""
    if obligations.approval is not None:
        yield approval(obligations.approval)
        yield from map(limit, obligations.limits) if obligations.limits else ("no limit",)


def approval(terms: Terms) -> str:
    """Return who must say yes, until when, and whether the agent's owner may."""
    people = ", ".join(terms.approvers) if terms.approvers else "enrolled approvers"
    many = "any one" if terms.needed == 1 else f"any {terms.needed}"
    group = terms.approvers[0] if len(terms.approvers) == 1 else f"{many} of {people}"
    owner = "the agent's owner too" if terms.self_approval else "never the agent's owner"
    rule = f" ({terms.rule})" if terms.rule else ""
    return f"approval by {group}, {owner}, within {terms.valid_s // HOUR_S} h{rule}"


def limit(one: Limit) -> str:
    """Return what a limit lets through."""
    what = f"{one.maximum} {one.currency}" if one.measure == "value" else f"{one.maximum} proposals"
    return f"limit {what} per {one.key} in {one.window_s // HOUR_S} h ({one.id})"
