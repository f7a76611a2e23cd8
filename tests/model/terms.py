"""What the model speaks of: proposals and parts of sagas, lines of the ERP, policies; and for how long things last."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final, Literal

Tool = Literal["date", "defect", "supplier", "saga", "step"]
Mishap = Literal[
    "", "cut_before", "cut_after", "down", "refuse", "refuse_on", "limited", "limited_after", "meanwhile", "stop"
]
BEFORE_SEND: Final[tuple[Mishap, ...]] = ("meanwhile", "stop")  # what happens then; the others happen to the request
LASTING: Final[Mishap] = "refuse_on"  # every request after it as well
VALID_S: Final = 4 * 3600
WINDOW_S: Final = 15 * 60
MAXIMUM: Final = 3  # defects in a window
DAY_S: Final = 24 * 3600
REVIEW_S: Final = 3600  # within which somebody looks at what was approved in an emergency
OWNER: Final = "demo-owner"  # of the agent
GLASS_OF: Final = ("demo-approver", "second-approver", OWNER)  # who may break the glass, as policy has it
REVIEWERS: Final = ("demo-controller", "second-approver")
ALONE_S: Final = 30  # a system that turns a request away asks for so long
LEASE_S, SETTLE_S = 120, 5
WAITING: Final = {"AWAITING_APPROVAL", "APPROVED"}
UNSENT: Final = {*WAITING, "CLAIMED"}
WITHOUT_EFFECT: Final = {"DENIED", "REJECTED", "EXPIRED", "CANCELLED", "REFUSED_BY_SYSTEM", "NOT_APPLIED", "STALE"}
URGENT: Final = {"SENDING": 0, "RECONCILING": 1, "UNKNOWN": 1, "COMPENSATING": 1, "CLAIMED": 2, "APPROVED": 2}
LAST: Final = 3  # of the steps of a saga, from 0: a task for people, in no system of record


class DiedError(Exception):
    """The worker is gone; everything stays as it is."""


@dataclass(kw_only=True)
class Rules:
    """A policy: which tools may be used, how many must say yes, how many defects fit into a window, has it a glass."""

    allowed: frozenset[Tool] = frozenset(("date", "defect", "supplier", "saga"))
    needed: dict[Tool, int] = field(default_factory=lambda: {"date": 1, "defect": 1, "supplier": 2, "saga": 2})
    maximum: int = MAXIMUM
    glass: bool = True


@dataclass(kw_only=True)
class Line:
    """A record that proposals change: what it says, and which version of it that is."""

    date: str
    version: int = 0


@dataclass(kw_only=True)
class One:
    """A proposal as the model has it, or a part of a saga: a step, forward or back."""

    number: int
    tool: Tool
    made: float
    needed: int
    maximum: int
    line: int = -1
    date: str = ""
    before: str = ""
    version: int = -1
    undoes: int = -1
    state: str = "AWAITING_APPROVAL"
    since: float = 0.0
    rests_until: float = 0.0
    counted: float = 0.0
    unknown_since: float = 0.0
    missed_since: float | None = None
    claims: int = 0
    effects: int = 0
    was_sent: bool = False
    turned_away: bool = False
    yes: set[str] = field(default_factory=set)
    has_glass: bool = False
    broke: set[str] = field(default_factory=set)  # who said yes by break-glass
    broken_at: float | None = None
    reviewed: bool = False
    valid_s: float = VALID_S
    leased_until: float = 0.0
    step: int = -1
    back: bool = False
    of: One | None = field(default=None, repr=False)
    parts: list[One] = field(default_factory=list)

    def is_over(self, now: float) -> bool:
        return now >= self.made + self.valid_s

    def stricter_by(self, rules: Rules) -> bool:
        """Whether a policy asks for more than those who approved it are."""
        return not rules.glass if self.broken_at is not None else rules.needed.get(self.tool, 0) > self.needed

    def lacks_review(self, now: float) -> bool:
        return self.broken_at is not None and not self.reviewed and now >= self.broken_at + REVIEW_S


def is_live(one: One) -> bool:
    return one.state not in WITHOUT_EFFECT


def settle_s_of(one: One) -> int:
    return 1 if one.step == LAST else SETTLE_S


def pause_s_of(one: One) -> int:
    return int(min(5 << (one.claims - 1), 300))
