"""May it be called: the answer of policy, with what must be done for it to count."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from erp_mcp.domain.forms import LATER

MaskWay = Literal["drop", "hash", "band"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Mask:
    """How a field is hidden: `drop` gives null, `hash` a stable token, `band` the half-open range a number falls in."""

    field: str  # entity.field, e.g. "sales_order_line.net_value"
    way: MaskWay
    edges: tuple[str, ...] = ()  # decimal strings, rising; for `band` only
    rule: str = ""


LimitKey = Literal["agent", "owner", "material", "supplier", "site", "object"]
LimitMeasure = Literal["count", "value", "change_pct"]
SeparationKey = Literal["object", "material", "supplier", "site"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    """No more than `maximum` of a measure within a sliding window, counted per `key`.

    `measure` is `count` of proposals, `value` in `currency`, or `change_pct`: by how much of what it was before `field`
    changes, up or down, in percent. `maximum` is a decimal string.
    """

    id: str
    measure: LimitMeasure
    key: LimitKey
    maximum: str
    window_s: int
    currency: str = ""
    field: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """What policy says a parameter of an operation is, in place of its default."""

    rule: str
    name: str
    value: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """People of whom one must be among those who say yes."""

    name: str
    approvers: tuple[str, ...]  # approver ids


@dataclass(frozen=True, slots=True, kw_only=True)
class Deputy:
    """Who may decide in the place of somebody absent, from the first to the last day (UTC), both included."""

    absent: str
    deputy: str
    first: str
    last: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Separation:
    """Whoever said yes to one of these tools says no yes to another of them about the same thing within the window."""

    rule: str
    tools: tuple[str, ...]
    key: SeparationKey
    window_s: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Band:
    """Who must say yes to a change worth up to `to` (a decimal string, included); the last band has no end."""

    to: str
    needed: int
    approvers: tuple[str, ...]
    groups: tuple[Group, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class BreakGlass:
    """Who may approve in an emergency in the place of those whom policy names, and who looks at it afterwards.

    Any two of `people` by it, with a reason each; within `review_s` seconds one of `review_by` signs whether it was
    justified, who is none of the two.
    """

    people: tuple[str, ...]  # approver ids, at least two
    review_by: tuple[str, ...]  # likewise, at least one who is none of `people`
    review_s: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """How many people of which group must say yes, until when, and whether the agent's owner may be one.

    Policy holds them with `bands`; those of a proposal are worked out for its value, have none, and say in `band` how.
    `needed` people must be different ones, and among them one of each of `groups`, nobody counted for two. After
    `escalates_s` seconds those of `escalates_to` may decide as well, for whichever group; never fewer people. What was
    approved is gone after `carry_out_s` seconds if nobody has taken it up. `quota` is how often one person may say yes
    in an hour. `raised` says why one more person is asked than policy says. Zero: not so. Without `break_glass`
    nobody may approve in an emergency but those whom the terms name.
    """

    rule: str
    approvers: tuple[str, ...]  # approver ids, empty for any enrolled one
    needed: int
    self_approval: bool
    valid_s: int
    groups: tuple[Group, ...] = ()
    bands: tuple[Band, ...] = ()
    currency: str = ""  # of the bands
    band: str = ""
    deputies: tuple[Deputy, ...] = ()
    escalates_s: int = 0
    escalates_to: tuple[str, ...] = ()
    carry_out_s: int = 0
    quota: int = 0
    separations: tuple[Separation, ...] = ()
    taint_s: int = 0  # for how long text that outsiders wrote raises the terms of whoever read it
    raised: str = ""
    outage_s: int = 0  # for how long beyond its time an outage of the system may hold up what was approved
    break_glass: BreakGlass | None = field(default=None, metadata=LATER)


@dataclass(frozen=True, slots=True, kw_only=True)
class Obligations:
    """What must be fulfilled, or the decision is a denial.

    `sites` is the row filter: site codes in scope, or `None` for all sites. `max_age_factor` times the freshness budget
    is the age at which a read is refused. `budgets_s` overrides freshness budgets per entity, in seconds. `approval`
    says who must say yes to a proposal of this tool, `limits` what it counts against, `settings` what its business
    rules go by, `left_to_people` which of them people look at, since nothing here has their facts; all only where the
    tool writes.
    """

    sites: tuple[str, ...] | None
    masks: tuple[Mask, ...] = ()
    max_rows: int = 200
    max_window_days: int = 366
    max_age_factor: int = 4
    budgets_s: tuple[tuple[str, int], ...] = ()
    approval: Terms | None = None
    limits: tuple[Limit, ...] = ()
    settings: tuple[Setting, ...] = ()
    left_to_people: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """Allowed or not, by which rules, under which obligations."""

    allowed: bool
    rules: tuple[str, ...] = ()
    reasons: tuple[str, ...] = ()  # stable codes such as "default_deny", "forbid", "level", "site"
    obligations: Obligations | None = None
    bundle: str = ""  # digest of the policy bundle that decided
