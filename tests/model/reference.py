"""What must become of proposals, said once more without a line of the product: the model that the gateway is held to.

Times are seconds since the beginning. Lines have a date and a version, which anybody's change moves on. A worker does
what is due at one moment; one of its requests may meet a mishap, and it may die at any point that it comes to.
"""

from __future__ import annotations

from collections.abc import Iterator

from tests.model.sagas import Sagas
from tests.model.terms import (
    ALONE_S,
    BEFORE_SEND,
    DAY_S,
    GLASS_OF,
    LAST,
    LASTING,
    LEASE_S,
    OWNER,
    REVIEWERS,
    UNSENT,
    URGENT,
    WAITING,
    WINDOW_S,
    DiedError,
    Line,
    Mishap,
    One,
    Tool,
    is_live,
    pause_s_of,
    settle_s_of,
)  # fmt: skip


class Model(Sagas):
    """The whole of it: proposals, lines of the ERP, the policy in force, what is stopped."""

    def __init__(self, dates: list[str]) -> None:
        super().__init__()
        self.lines = [Line(date=one) for one in dates]
        self.all: list[One] = []
        self._mishap: Mishap = ""
        self._spared, self._meanwhile = 0, (0, "")

    # --- Agent and people ---------------------------------------------------------------------------------------------

    def propose(self, tool: Tool, line: int = -1, date: str = "", undoes: int = -1) -> bool:
        """Whether it becomes a proposal; what is refused leaves nothing."""
        alike = [one for one in self.all if (one.tool, one.line, one.date) == (tool, line, date) and tool == "date"]
        if tool not in self.rules.allowed or any(is_live(one) and one.made > self.now - DAY_S for one in alike):
            return False
        if (line >= 0 and self.lines[line].date == date) or self.stopped & {"all", tool}:
            return False
        if tool == "defect" and self._used(unsent_too=True) >= self.rules.maximum:
            return False
        where = self.lines[line] if line >= 0 else Line(date="")
        one = One(
            number=len(self.all), tool=tool, made=self.now, needed=self.rules.needed[tool], maximum=self.rules.maximum,
            line=line, date=date, before=where.date, version=where.version, undoes=undoes, since=self.now,
            counted=self.now, has_glass=self.rules.glass,
        )  # fmt: skip
        self.all.append(one)
        return True

    def undo(self, of: One) -> bool:
        """Whether the way back of what was written becomes a proposal."""
        back = any(one.undoes == of.number and is_live(one) for one in self.all)
        if of.state != "COMMITTED" or of.tool != "date" or back or self.lines[of.line].date != of.date:
            return False
        return self.propose("date", of.line, of.before, undoes=of.number)

    def decide(self, one: One, who: str, *, yes: bool) -> bool:
        """Whether the word counts."""
        if one.state == "AWAITING_APPROVAL" and one.is_over(self.now):
            self.expire()
        if one.state != "AWAITING_APPROVAL" or who in one.yes | one.broke:
            return False
        if yes:
            one.yes.add(who)
        if not yes or len(one.yes) >= one.needed:
            self._put(one, "APPROVED" if yes else "REJECTED")
        return True

    def break_glass(self, one: One, who: str, *, says_why: bool) -> bool:
        """Whether a word in an emergency counts; two of those whom policy names for it are enough for anything."""
        if one.state == "AWAITING_APPROVAL" and one.is_over(self.now):
            self.expire()
        if one.state != "AWAITING_APPROVAL" or who in one.yes | one.broke or not one.has_glass or not says_why:
            return False
        if who not in GLASS_OF or who == OWNER or any(each.lacks_review(self.now) for each in self.all):
            return False
        one.broke.add(who)
        if len(one.broke) > 1:
            one.broken_at = self.now
            self._put(one, "APPROVED")
        return True

    def review(self, one: One, who: str) -> bool:
        """Whether a review counts: once, of those whom policy names for it, and of none who broke the glass."""
        if one.broken_at is None or one.reviewed or who not in REVIEWERS or who in one.broke:
            return False
        one.reviewed = True
        return True

    def cancel(self, one: One) -> bool:
        """Whether it could still be taken away; what was sent and turned away may have happened."""
        if one.state in WAITING and one.is_over(self.now):
            self.expire()
        if one.state not in WAITING or one.was_sent:
            return False
        self._put(one, "CANCELLED")
        return True

    def touch(self, line: int, date: str) -> None:
        """Somebody changes a line in the ERP itself."""
        self.lines[line] = Line(date=date, version=self.lines[line].version + 1)

    # --- The worker ---------------------------------------------------------------------------------------------------

    def work_off(
        self, mishap: Mishap = "", die_at: str = "", meanwhile: tuple[int, str] = (0, ""), spared: int = 0
    ) -> bool:
        """Do everything that is due now, the mishap after so many that it spares; whether the worker died of it."""
        self._mishap, self._die_at, self._meanwhile, self._spared = mishap, die_at, meanwhile, spared
        try:
            self.expire()
            while due := sorted(self._due(), key=lambda one: (URGENT[one.state], one.since, one.number)):
                self._work(due[0])
        except DiedError:
            return True
        return False

    def everything(self) -> Iterator[One]:
        """Return proposals and parts."""
        for one in self.all:
            yield one
            yield from one.parts

    def expire(self) -> None:
        for one in self.everything():
            if one.is_over(self.now) and one.state in WAITING and not (one.state == "APPROVED" and one.was_sent):
                self._put(one, "EXPIRED")

    def _due(self) -> Iterator[One]:
        for one in self.everything():
            held = one.state in UNSENT and self.stopped & {"all", one.tool}
            rests_until = max(one.rests_until, one.leased_until)
            if one.state in URGENT and rests_until <= self.now and not held:
                yield one

    def _work(self, one: One) -> None:
        one.claims += 1
        if one.tool == "saga":
            self._put(one, "COMPENSATING" if one.state == "COMPENSATING" else "CLAIMED")
            one.leased_until = self.now + LEASE_S
            self._at(f"taken_{one.state.lower()}")
            self._go_on(one)
        elif one.state == "SENDING":
            self._put(one, "UNKNOWN", unknown_since=self.now, missed_since=None)
            self._at("taken_unknown")
        elif one.state in {"UNKNOWN", "RECONCILING"}:
            self._put(one, "RECONCILING", rests_s=LEASE_S)
            self._at("taken_reconciling")
            self._look(one)
        else:
            self._put(one, "CLAIMED", rests_s=LEASE_S)
            self._at("taken_claimed")
            self._carry_out(one)

    def _look(self, one: One) -> None:
        """Found is written; missed twice, each time after it had time to settle, is not."""
        self._at("looked_for")
        settle_s = settle_s_of(one)
        settled = (one.unknown_since if one.missed_since is None else one.missed_since) + settle_s
        if one.effects:
            self._move(one, "commit", "COMMITTED")
        elif self.now < settled:
            self._move(one, "lose", "UNKNOWN", rests_s=settled - self.now)
        elif one.missed_since is None:
            self._move(one, "lose", "UNKNOWN", rests_s=settle_s, missed_since=self.now)
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
        match self._met(before_send=True):
            case "meanwhile":
                self.touch(*self._meanwhile)
            case "stop":
                self.stopped.add("all")
        full = one.tool == "defect" and self._used(unsent_too=False) >= one.maximum
        if full or self.stopped & {"all", one.tool, one.of.tool if one.of else ""}:
            self._move(one, "postpone", "APPROVED", rests_s=pause_s_of(one))
            return
        self._put(one, "SENDING", rests_s=LEASE_S, counted=self.now, was_sent=True)
        self._at("after_send")
        self._send(one)

    def _ended(self, one: One) -> tuple[str, str] | None:
        """Return the move and the state where it is not sent."""
        if one.turned_away and one.effects:
            return "commit", "COMMITTED"
        if one.tool not in self.rules.allowed and one.of is None:
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
        return ("deny", "DENIED") if lower or one.stricter_by(self.rules) else None

    def _send(self, one: One) -> None:
        mishap = self._met(before_send=False)
        stale = self._is_stale(one)
        if not stale and mishap not in {"cut_before", "down", "refuse", "refuse_on", "limited"}:
            in_erp = one.step != LAST
            self._at("erp_before_commit" if in_erp else "own")
            one.effects += 1
            if one.line >= 0:
                self.touch(one.line, one.date)
            self._at("erp_after_commit" if in_erp else "own")
        self._at("answered")
        if mishap in {"cut_before", "cut_after"}:
            lost = {"unknown_since": self.now, "missed_since": None}
            self._move(one, "lose", "UNKNOWN", rests_s=settle_s_of(one), **lost)
        elif mishap in {"refuse", "refuse_on"}:
            self._move(one, "refuse", "REFUSED_BY_SYSTEM")
        elif mishap in {"down", "limited", "limited_after"}:
            rests_s = max(pause_s_of(one), 0 if mishap == "down" else ALONE_S)
            self._move(one, "postpone", "APPROVED", rests_s=rests_s, turned_away=one.turned_away or mishap != "down")
        elif stale:
            self._move(one, "go_stale", "STALE")
        else:
            self._at("read_back")
            self._move(one, "commit", "COMMITTED")

    # --- What it is made of -------------------------------------------------------------------------------------------

    def _met(self, *, before_send: bool) -> Mishap:
        """Return what happens now, where it is its turn."""
        if not self._mishap or (self._mishap in BEFORE_SEND) is not before_send:
            return ""
        if self._spared:
            self._spared -= 1
            return ""
        mishap, self._mishap = self._mishap, self._mishap if self._mishap == LASTING else ""
        return mishap

    def _is_stale(self, one: One) -> bool:
        return one.line >= 0 and self.lines[one.line].version != one.version

    def _used(self, *, unsent_too: bool) -> int:
        """Return how many defects of the last window take a share of the limit."""
        counted = (one for one in self.all if one.tool == "defect" and one.counted > self.now - WINDOW_S)
        alive = (one for one in counted if is_live(one) and not (one.state in WAITING and one.is_over(self.now)))
        return sum(unsent_too or one.state not in UNSENT for one in alive)
