"""What an applied policy is made of: rules, the evidence of a granted write, and the terms that a write is bound to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from erp_mcp.domain.call import JsonValue
from erp_mcp.domain.decision import Deputy, Group, Limit, Separation, Setting, Terms
from erp_mcp.domain.tool import Risk

LEVELS: Final = (3, 4)  # ISA-95 levels that a deployment may open: the planning side
WRITE_LEVEL: Final = 4  # nothing writes to a level-3 system
MAX_AGE_FACTOR: Final = 4
MAX_NEEDED: Final = 9
HOUR_S: Final = 3600
MAX_VALID_H: Final = 7 * 24  # how long a proposal may wait for its people
MAX_WINDOW_H: Final = 31 * 24
MINUTE_S: Final = 60
MAX_BANDS: Final = 9
MAX_PARAMETER: Final = 1_000_000  # of any parameter; each declares bounds of its own
MAX_QUOTA: Final = 1000  # decisions of one person in an hour
MAX_SEPARATION_DAYS: Final = 366
MAX_TAINT_H: Final = 72
MAX_REVIEW_H: Final = 7 * 24  # in which what was approved in an emergency is looked at

# Where no rule of `approvals:` names a tool: any one enrolled approver but the agent's owner, within four hours.
DEFAULT_TERMS: Final = Terms(rule="", approvers=(), needed=1, self_approval=False, valid_s=4 * HOUR_S)
STOCK_VALID_S: Final = 30 * MINUTE_S  # of a tool that moves or holds stock, where no rule says for how long

Sites = tuple[str, ...] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """What earned a write: the digest of a report, or a named person who accepts that there is none, and why."""

    report: str = ""  # SHA-256, lower-case hexadecimal
    accepted_by: str = ""
    reason: str = ""

    def as_json(self) -> dict[str, JsonValue]:
        """Return it as a policy file holds it."""
        if self.report:
            return {"report": self.report}
        return {"accepted_by": self.accepted_by, "reason": self.reason}

    def __str__(self) -> str:
        """Return it for people, on one line."""
        if self.report:
            return f"report {self.report[:12]}…"
        return f"accepted by {self.accepted_by} without a report: {self.reason}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One rule. `sites` and `levels` narrow it (`None`: all); a `shadow` rule is recorded and forbids nothing.

    A permit with `evidence` grants one write tool to one role, and nothing else does. `left_to_people` are the business
    rules of the tool whose facts nothing here has, and which people look at.
    """

    id: str
    effect: str  # permit, forbid
    roles: tuple[str, ...]
    tools: tuple[str, ...]
    sites: Sites = None
    levels: tuple[int, ...] | None = None
    shadow: bool = False
    evidence: Evidence | None = None
    left_to_people: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class People:
    """What a policy says of those who decide, whatever they decide about.

    `groups` are people by the name of their group. `quota` is how often one person may say yes in an hour, `taint_s`
    for how long text that outsiders wrote raises the terms of whoever read it; 0: no such rule.
    """

    groups: Mapping[str, Group] = field(default_factory=dict)
    deputies: tuple[Deputy, ...] = ()
    separations: tuple[Separation, ...] = ()
    quota: int = 0
    taint_s: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class ApprovalRule:
    """Who must say yes to proposals of some tools; `terms.rule` is its id."""

    tools: tuple[str, ...]
    terms: Terms


@dataclass(frozen=True, slots=True, kw_only=True)
class LimitRule:
    """A limit that proposals of some tools count against together."""

    tools: tuple[str, ...]
    limit: Limit


@dataclass(frozen=True, slots=True, kw_only=True)
class ParameterRule:
    """What business rules of some tools go by."""

    id: str
    tools: tuple[str, ...]
    settings: tuple[Setting, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """One write tool that some rule grants: what it was when it was granted, and the terms it is bound to.

    `hash` is the SHA-256 of its definition, which says what it reads and which operation it proposes. A tool that has
    another level, risk class or definition by now was never granted.
    """

    level: int
    risk: Risk
    hash: str
    approval: Terms
    limits: tuple[Limit, ...]
    settings: tuple[Setting, ...] = ()
