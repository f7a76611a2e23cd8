"""What must become of proposals, said once more without a line of the product: the model that the gateway is held to.

Times are seconds since the beginning. Lines have a date and a version, which anybody's change moves on. A worker does
what is due at one moment; its first request may meet a mishap, and it may die at any point that it comes to.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final, Literal

Tool = Literal["date", "defect", "supplier"]
Mishap = Literal["", "cut_before", "cut_after", "down", "refuse", "limited", "limited_after", "meanwhile", "stop"]
VALID_S: Final = 4 * 3600
WINDOW_S: Final = 15 * 60
MAXIMUM: Final = 3  # defects in a window
_DAY_S: Final = 24 * 3600
ALONE_S: Final = 30  # a system that turns a request away asks for so long
_LEASE_S, _SETTLE_S = 120, 5
_WAITING: Final = {"AWAITING_APPROVAL", "APPROVED"}
_UNSENT: Final = {*_WAITING, "CLAIMED"}
_WITHOUT_EFFECT: Final = {"DENIED", "REJECTED", "EXPIRED", "CANCELLED", "REFUSED_BY_SYSTEM", "NOT_APPLIED", "STALE"}
_URGENT: Final = {"SENDING": 0, "RECONCILING": 1, "UNKNOWN": 1, "CLAIMED": 2, "APPROVED": 2}


class DiedError(Exception):
    """The worker is gone; everything stays as it is."""


@dataclass(kw_only=True)
class Rules:
    """A policy: which tools may be used, how many must say yes, how many defects fit into a window."""

    allowed: frozenset[Tool] = frozenset(("date", "defect", "supplier"))
    needed: dict[Tool, int] = field(default_factory=lambda: {"date": 1, "defect": 1, "supplier": 2})
    maximum: int = MAXIMUM


@dataclass(kw_only=True)
class Line:
    """A record that proposals change: what it says, and which version of it that is."""

    date: str
    version: int = 0


@dataclass(kw_only=True)
class One:
    """A proposal as the model has it."""

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

    def is_over(self, now: float) -> bool:
        return now >= self.made + VALID_S


class Model:
    """The whole of it: proposals, lines of the ERP, the policy in force, what is stopped."""

    def __init__(self, dates: list[str]) -> None:
        self.lines = [Line(date=one) for one in dates]
        self.all: list[One] = []
        self.rules = Rules()
        self.stopped: set[str] = set()
        self.now = 0.0
        self._mishap: Mishap = ""
        self._die_at, self._meanwhile = "", (0, "")

    # --- Agent and people ---------------------------------------------------------------------------------------------

    def propose(self, tool: Tool, line: int = -1, date: str = "", undoes: int = -1) -> bool:
        """Whether it becomes a proposal; what is refused leaves nothing."""
        alike = [one for one in self.all if (one.tool, one.line, one.date) == (tool, line, date) and tool == "date"]
        if tool not in self.rules.allowed or any(_is_live(one) and one.made > self.now - _DAY_S for one in alike):
            return False
        if (line >= 0 and self.lines[line].date == date) or self.stopped & {"all", tool}:
            return False
        if tool == "defect" and self._used(unsent_too=True) >= self.rules.maximum:
            return False
        where = self.lines[line] if line >= 0 else Line(date="")
        one = One(
            number=len(self.all), tool=tool, made=self.now, needed=self.rules.needed[tool], maximum=self.rules.maximum,
            line=line, date=date, before=where.date, version=where.version, undoes=undoes, since=self.now,
            counted=self.now,
        )  # fmt: skip
        self.all.append(one)
        return True

    def undo(self, of: One) -> bool:
        """Whether the way back of what was written becomes a proposal."""
        back = any(one.undoes == of.number and _is_live(one) for one in self.all)
        if of.state != "COMMITTED" or of.tool != "date" or back or self.lines[of.line].date != of.date:
            return False
        return self.propose("date", of.line, of.before, undoes=of.number)

    def decide(self, one: One, who: str, *, yes: bool) -> bool:
        """Whether the word counts."""
        if one.state == "AWAITING_APPROVAL" and one.is_over(self.now):
            self.expire()
        if one.state != "AWAITING_APPROVAL" or who in one.yes:
            return False
        if yes:
            one.yes.add(who)
        if not yes or len(one.yes) >= one.needed:
            self._put(one, "APPROVED" if yes else "REJECTED")
        return True

    def cancel(self, one: One) -> bool:
        """Whether it could still be taken away; what was sent and turned away may have happened."""
        if one.state in _WAITING and one.is_over(self.now):
            self.expire()
        if one.state not in _WAITING or one.was_sent:
            return False
        self._put(one, "CANCELLED")
        return True

    def touch(self, line: int, date: str) -> None:
        """Somebody changes a line in the ERP itself."""
        self.lines[line] = Line(date=date, version=self.lines[line].version + 1)

    # --- The worker ---------------------------------------------------------------------------------------------------

    def work_off(self, mishap: Mishap = "", die_at: str = "", meanwhile: tuple[int, str] = (0, "")) -> bool:
        """Do everything that is due now; whether the worker died of it."""
        self._mishap, self._die_at, self._meanwhile = mishap, die_at, meanwhile
        try:
            self.expire()
            while due := sorted(self._due(), key=lambda one: (_URGENT[one.state], one.since, one.number)):
                self._work(due[0])
        except DiedError:
            return True
        return False

    def expire(self) -> None:
        for one in self.all:
            if one.is_over(self.now) and one.state in _WAITING and not (one.state == "APPROVED" and one.was_sent):
                self._put(one, "EXPIRED")

    def _due(self) -> Iterator[One]:
        for one in self.all:
            held = one.state in _UNSENT and self.stopped & {"all", one.tool}
            if one.state in _URGENT and one.rests_until <= self.now and not held:
                yield one

    def _work(self, one: One) -> None:
        one.claims += 1
        if one.state == "SENDING":
            self._put(one, "UNKNOWN", unknown_since=self.now, missed_since=None)
            self._at("taken_unknown")
        elif one.state in {"UNKNOWN", "RECONCILING"}:
            self._put(one, "RECONCILING", rests_s=_LEASE_S)
            self._at("taken_reconciling")
            self._look(one)
        else:
            self._put(one, "CLAIMED", rests_s=_LEASE_S)
            self._at("taken_claimed")
            self._carry_out(one)

    def _look(self, one: One) -> None:
        """Found is written; missed twice, each time after it had time to settle, is not."""
        self._at("looked_for")
        settled = (one.unknown_since if one.missed_since is None else one.missed_since) + _SETTLE_S
        if one.effects:
            self._move(one, "commit", "COMMITTED")
        elif self.now < settled:
            self._move(one, "lose", "UNKNOWN", rests_s=settled - self.now)
        elif one.missed_since is None:
            self._move(one, "lose", "UNKNOWN", rests_s=_SETTLE_S, missed_since=self.now)
        else:
            self._move(one, "miss", "NOT_APPLIED")

    def _carry_out(self, one: One) -> None:
        """Look at everything once more, then send; nothing was sent before, or it was turned away."""
        self._at("signatures_checked")
        ended = self._ended(one)
        if ended:
            self._move(one, *ended)
            return
        self._at("prepared")
        self._at("before_send")
        if self._mishap == "meanwhile":
            self.touch(*self._meanwhile)
        if self._mishap == "stop":
            self.stopped.add("all")
        if self._mishap in {"meanwhile", "stop"}:
            self._mishap = ""
        full = one.tool == "defect" and self._used(unsent_too=False) >= one.maximum
        if full or self.stopped & {"all", one.tool}:
            self._move(one, "postpone", "APPROVED", rests_s=_pause_s(one))
            return
        self._put(one, "SENDING", rests_s=_LEASE_S, counted=self.now, was_sent=True)
        self._at("after_send")
        self._send(one)

    def _ended(self, one: One) -> tuple[str, str] | None:
        """Return the move and the state where it is not sent."""
        if one.turned_away and one.effects:
            return "commit", "COMMITTED"
        if one.tool not in self.rules.allowed:
            return "deny", "DENIED"
        if one.is_over(self.now):
            return "expire", "EXPIRED"
        self._at("decided")
        self._at("looked_up")
        if one.line >= 0 and self.lines[one.line].date == one.date:
            return "deny", "DENIED"
        if self._is_stale(one):
            return "go_stale", "STALE"
        lower = one.tool == "defect" and self.rules.maximum < one.maximum
        return ("deny", "DENIED") if lower or self.rules.needed[one.tool] > one.needed else None

    def _send(self, one: One) -> None:
        mishap, self._mishap = self._mishap, ""
        stale = self._is_stale(one)
        if not stale and mishap not in {"cut_before", "down", "refuse", "limited"}:
            self._at("erp_before_commit")
            one.effects += 1
            if one.line >= 0:
                self.touch(one.line, one.date)
            self._at("erp_after_commit")
        self._at("answered")
        if mishap in {"cut_before", "cut_after"}:
            lost = {"unknown_since": self.now, "missed_since": None}
            self._move(one, "lose", "UNKNOWN", rests_s=_SETTLE_S, **lost)
        elif mishap == "refuse":
            self._move(one, "refuse", "REFUSED_BY_SYSTEM")
        elif mishap in {"down", "limited", "limited_after"}:
            rests_s = max(_pause_s(one), 0 if mishap == "down" else ALONE_S)
            self._move(one, "postpone", "APPROVED", rests_s=rests_s, turned_away=one.turned_away or mishap != "down")
        elif stale:
            self._move(one, "go_stale", "STALE")
        else:
            self._at("read_back")
            self._move(one, "commit", "COMMITTED")

    # --- What it is made of -------------------------------------------------------------------------------------------

    def _is_stale(self, one: One) -> bool:
        return one.line >= 0 and self.lines[one.line].version != one.version

    def _used(self, *, unsent_too: bool) -> int:
        """Return how many defects of the last window take a share of the limit."""
        counted = (one for one in self.all if one.tool == "defect" and one.counted > self.now - WINDOW_S)
        alive = (one for one in counted if _is_live(one) and not (one.state in _WAITING and one.is_over(self.now)))
        return sum(unsent_too or one.state not in _UNSENT for one in alive)

    def _at(self, point: str) -> None:
        if point == self._die_at:
            raise DiedError

    def _move(self, one: One, name: str, state: str, rests_s: float = 0, **then: object) -> None:
        self._at(f"before_{name}")
        self._put(one, state, rests_s, **then)
        self._at(f"after_{name}")

    def _put(self, one: One, state: str, rests_s: float = 0, **then: object) -> None:
        one.state, one.since, one.rests_until = state, self.now, self.now + rests_s
        for name, value in then.items():
            setattr(one, name, value)


def _is_live(one: One) -> bool:
    return one.state not in _WITHOUT_EFFECT


def _pause_s(one: One) -> int:
    return int(min(5 << (one.claims - 1), 300))
