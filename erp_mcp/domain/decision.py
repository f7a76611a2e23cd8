"""May it be called: the answer of policy, with what must be done for it to count."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

MaskWay = Literal["drop", "hash", "band"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Mask:
    """How a field is hidden: `drop` gives null, `hash` a stable token, `band` the half-open range a number falls in."""

    field: str  # entity.field, e.g. "sales_order_line.net_value"
    way: MaskWay
    edges: tuple[str, ...] = ()  # decimal strings, rising; for `band` only
    rule: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    """No more than `maximum` of a measure within a sliding window, counted per `key`.

    `measure` is `count` of proposals, or `value` in `currency`; `maximum` is a decimal string.
    """

    id: str
    measure: Literal["count", "value"]
    key: Literal["agent", "owner", "material"]
    maximum: str
    window_s: int
    currency: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """How many people of which group must say yes, until when, and whether the agent's owner may be one."""

    rule: str
    approvers: tuple[str, ...]  # approver ids, empty for any enrolled one
    needed: int
    self_approval: bool
    valid_s: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Obligations:
    """What must be fulfilled, or the decision is a denial.

    `sites` is the row filter: site codes in scope, or `None` for all sites. `max_age_factor` times the freshness budget
    is the age at which a read is refused. `budgets_s` overrides freshness budgets per entity, in seconds. `approval`
    says who must say yes to a proposal of this tool, `limits` what it counts against; both only where the tool writes.
    """

    sites: tuple[str, ...] | None
    masks: tuple[Mask, ...] = ()
    max_rows: int = 200
    max_window_days: int = 366
    max_age_factor: int = 4
    budgets_s: tuple[tuple[str, int], ...] = ()
    approval: Terms | None = None
    limits: tuple[Limit, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """Allowed or not, by which rules, under which obligations."""

    allowed: bool
    rules: tuple[str, ...] = ()
    reasons: tuple[str, ...] = ()  # stable codes such as "default_deny", "forbid", "level", "site"
    obligations: Obligations | None = None
    bundle: str = ""  # digest of the policy bundle that decided
