"""What may happen, in whatever order chance chooses, and what must hold after each step."""

from __future__ import annotations

from collections import Counter
from datetime import date, timedelta
from itertools import pairwise
from typing import ClassVar, Final

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from erp_mcp.domain.call import JsonValue
from erp_mcp.domain.lifecycle import ENDS, State
from erp_mcp.domain.proposal import Content
from tests.model.luck import Luck
from tests.model.reference import Model
from tests.model.shop import LINES, NAMES, REASON, RULES, WHY, Shop, Stock
from tests.model.terms import GLASS_OF, MAXIMUM, OWNER, REVIEW_S, REVIEWERS, VALID_S, WINDOW_S, Mishap, One, Tool
from tests.torture.plant import UNDO
from tests.writes.desk import APPROVERS
from tests.writes.test_procurement import ASKED

MISHAPS: Final[tuple[Mishap, ...]] = (
    *("cut_before", "cut_after", "down", "refuse", "refuse_on", "limited", "limited_after", "meanwhile", "stop"),
)
DEATHS: Final = (
    *("taken_claimed", "signatures_checked", "decided", "prepared", "before_send", "after_send"),
    *("erp_before_commit", "erp_after_commit", "answered", "read_back", "before_commit", "after_commit"),
    *("taken_unknown", "taken_reconciling", "looked_for", "before_lose", "after_lose", "before_postpone"),
    *("before_begin", "after_begin", "after_compensate", "taken_compensating", "before_finish"),
)
_SCOPES: Final[dict[str, str]] = {"all": "all", **{one: f"tool:{name}" for one, name in NAMES.items()}}
_TICK_S: Final = 0.001
LEAST: Final = 20  # characters of a reason in an emergency
BREAK_GLASS_NEEDED: Final = 2  # people, as the model knows it
_NO_WHY: Final = "urgent"
_ROUNDS: Final = 12  # of waiting and working, after which everything is over
_PROPOSED: Final = date(2026, 6, 1)
_BY_HAND: Final = date(2026, 10, 1)

numbers = st.integers(min_value=0, max_value=11)
lines = st.integers(min_value=0, max_value=LINES - 1)
people = st.sampled_from(APPROVERS)
often = st.sampled_from((True, True, False))
everybody = st.sampled_from((*GLASS_OF, REVIEWERS[0]))
spared = st.sampled_from((0, 0, 1, 2, 3, 4, 5))  # requests before the one that has bad luck


class Everything(RuleBasedStateMachine):
    """The gateway and its model, side by side; `stock` is set before it runs."""

    stock: ClassVar[Stock]
    seen: ClassVar[Counter[str]] = Counter()

    def __init__(self) -> None:
        super().__init__()
        self.shop = Shop(self.stock)
        self.model = Model(list(self.stock.dates))
        self.policy = "plain"
        self.asked: list[tuple[str, dict[str, JsonValue]]] = []  # by proposal: the tool and its arguments
        self.contents: list[Content] = []
        self.written_at: dict[int, float] = {}  # of defects
        self.keys = self.hands = 0

    def teardown(self) -> None:
        """Let everything come to its end, and look once more."""
        try:
            self._drain()
        finally:
            self.shop.close()

    # --- The agent ----------------------------------------------------------------------------------------------------

    @initialize(line=lines, procures=st.booleans())
    def begin(self, line: int, procures: bool) -> None:
        self._date(line, 0)
        if procures:
            self._procure(len(APPROVERS))

    @rule(line=lines, days=st.integers(min_value=0, max_value=20), who=st.sampled_from((*APPROVERS, "")))
    def ask_for_a_date(self, line: int, days: int, who: str) -> None:
        if self._date(line, days) and who:
            self._decide(len(self.model.all) - 1, who, yes=True)

    @rule(yes=often, number=st.integers(min_value=1, max_value=MAXIMUM + 1))
    def report_defects(self, yes: bool, number: int) -> None:
        for _ in range(number):
            one = self.stock.defects[self.keys]
            told = {name: value for name, value in one.arguments.items() if name != "reason"}
            if self._propose("defect", one.tool, told) and yes:
                self._decide(len(self.model.all) - 1, APPROVERS[0], yes=True)

    @rule(number=st.integers(min_value=1, max_value=MAXIMUM))
    def pile_up_defects(self, number: int) -> None:
        """What was proposed in two windows is approved, and due in one."""
        for count in (MAXIMUM, number):
            self.report_defects(yes=True, number=count)
            self._pass_by(WINDOW_S)
        self._work("", "")

    @rule(yes=st.sampled_from((2, 2, 1, 0)))
    def ask_for_a_supplier(self, yes: int) -> None:
        name, tax = f"Hof{self.keys}bach Guss GmbH", f"DE9{self.keys:08d}"
        told: dict[str, JsonValue] = {
            "name": name,
            "country": "DE",
            "tax_id": tax,
            "supplier_type": "material",
            "payment_terms": "N30",
        }
        if self._propose("supplier", NAMES["supplier"], {**told, "idempotency_key": f"supplier-{self.keys:06d}"}):
            for who in APPROVERS[:yes]:
                self._decide(len(self.model.all) - 1, who, yes=True)

    @precondition(lambda self: not any(one.tool == "saga" for one in self.model.all))
    @rule(mishap=st.sampled_from(("", *MISHAPS)), after=spared, yes=st.sampled_from((2, 2, 2, 1)))
    def procure(self, mishap: Mishap, after: int, yes: int) -> None:
        """Stock, budget, order and a word to whoever asked, as one; once in a story."""
        self._procure(yes)
        self._work(mishap, "", spared=after)

    @precondition(lambda self: self.asked)
    @rule(number=numbers)
    def ask_again(self, number: int) -> None:
        """The same key gives the same proposal, whatever became of it."""
        tool, told = self.asked[number % len(self.asked)]
        if not told or self._tool_of(tool) not in self.model.rules.allowed:
            return
        one = self.model.all[number % len(self.asked)]
        if one.state in {"AWAITING_APPROVAL", "APPROVED"} and one.is_over(self.model.now):
            self.model.expire()
        assert not self.shop.propose(tool, **told), "a second proposal under one key"
        self._pass_by(_TICK_S)

    @precondition(lambda self: self.asked)
    @rule(number=numbers)
    def take_back(self, number: int) -> None:
        of = self._one_of(number, "COMMITTED")
        key = f"undo-key-{self.keys:06d}"
        self.keys += 1
        new = self.model.undo(of)
        told: dict[str, JsonValue] = {"proposal_id": self.shop.ids[of.number], "idempotency_key": key}
        assert self.shop.propose(UNDO, **told) == new, (of, new)
        self._noted(new, UNDO, told)

    @precondition(lambda self: self.asked)
    @rule(number=numbers, not_now=often)
    def cancel(self, number: int, not_now: bool) -> None:
        away = [one for one in self.model.all if one.state == "APPROVED" and one.was_sent]
        one = away[0] if away else self._one_of(number, "APPROVED")
        if not_now and not away:
            return
        assert self.shop.cancel(one.number) == self.model.cancel(one), one
        self._pass_by(_TICK_S)

    # --- People and time ----------------------------------------------------------------------------------------------

    @precondition(lambda self: self.asked)
    @rule(number=numbers, who=people, yes=st.integers(min_value=0, max_value=4))
    def decide(self, number: int, who: str, yes: int) -> None:
        self._decide(self._one_of(number, "AWAITING_APPROVAL").number, who, yes=yes > 0)

    @precondition(lambda self: self.asked)
    @rule(number=numbers, people=st.permutations(GLASS_OF), says_why=often, not_now=often)
    def break_the_glass(self, number: int, people: list[str], says_why: bool, not_now: bool) -> None:
        """Two people approve in an emergency, and the owner of the agent tries."""
        if not_now and number % 3:
            return
        one = self._one_of(number, "AWAITING_APPROVAL")
        for who in people if says_why else people[:1]:
            expected = self.model.break_glass(one, who, says_why=says_why)
            assert self.shop.break_glass(one.number, who, WHY if says_why else _NO_WHY) == expected, (one, who)
            self._pass_by(_TICK_S)
        self.seen["glass broken"] += one.broken_at is not None

    @precondition(lambda self: any(one.broken_at is not None for one in self.model.all))
    @rule(number=numbers, who=everybody)
    def review(self, number: int, who: str) -> None:
        """Somebody looks at it afterwards, mostly at what nobody has looked at."""
        waiting = [one for one in self.model.all if one.broken_at is not None and not one.reviewed]
        chosen = waiting if waiting and number % 6 else self.model.all
        one = chosen[number % len(chosen)]
        counts = self.model.review(one, who)
        assert self.shop.review(one.number, who) == counts, (one, who)
        self.seen["reviewed"] += counts
        self._pass_by(_TICK_S)

    @rule(name=st.sampled_from(("plain", "plain", *sorted(RULES))))
    def apply_a_policy(self, name: str) -> None:
        if name != self.policy:
            self.shop.apply(name)
            self.policy, self.model.rules = name, RULES[name]
        self._pass_by(_TICK_S)

    @rule(scope=st.sampled_from(sorted(_SCOPES)), not_now=often)
    def stop_writes(self, scope: str, not_now: bool) -> None:
        if not_now:
            return
        self.shop.stop(_SCOPES[scope])
        self.model.stopped.add(scope)

    @precondition(lambda self: self.model.stopped)
    @rule()
    def lift_all_stops(self) -> None:
        for scope in sorted(self.model.stopped):
            self.shop.lift(_SCOPES[scope])
        self.model.stopped.clear()

    @rule(line=lines)
    def change_a_line_by_hand(self, line: int) -> None:
        self._by_hand(line)

    @rule(seconds=st.sampled_from((1, 6, 31, 301, 301, WINDOW_S, REVIEW_S, VALID_S - 600, VALID_S)))
    def wait(self, seconds: int) -> None:
        self._pass_by(seconds)

    # --- Workers ------------------------------------------------------------------------------------------------------

    @rule()
    def work(self) -> None:
        self._work("", "")

    @rule(times=st.integers(min_value=1, max_value=2))
    def wait_and_work(self, times: int) -> None:
        for _ in range(times):
            self._pass_by(301)
            self._work("", "")

    @rule(mishap=st.sampled_from(MISHAPS), after=spared, line=lines)
    def work_on_a_bad_day(self, mishap: Mishap, after: int, line: int) -> None:
        self._have_work(line)
        self._work(mishap, "", line, after)

    @rule(mishap=st.sampled_from(("", "", *MISHAPS)), after=spared, die_at=st.sampled_from(DEATHS), line=lines)
    def work_and_die(self, mishap: Mishap, after: int, die_at: str, line: int) -> None:
        self._have_work(line)
        self._work(mishap, die_at, line, after)

    # --- What must hold -----------------------------------------------------------------------------------------------

    @invariant()
    def all_of_it_holds(self) -> None:
        self.seen["steps"] += 1
        self.the_model_says_the_same()
        self.each_change_is_made_at_most_once_and_with_enough_people()
        self.nobody_s_change_is_overwritten()
        self.limits_are_never_passed()
        self.no_glass_is_broken_while_a_review_is_overdue()

    def the_model_says_the_same(self) -> None:
        said = [one.state for one in self.model.all]
        assert self.shop.states() == said, self._told(said)
        for saga in (one for one in self.model.all if one.tool == "saga"):
            parts = [(one.step, one.back, one.state, one.effects) for one in saga.parts]
            assert self.shop.parts(saga.number) == parts, saga
        promised = [self._promise(line) for line in range(LINES)]
        assert promised == [one.date for one in self.model.lines]

    def each_change_is_made_at_most_once_and_with_enough_people(self) -> None:
        for one in self.model.all:
            found = self._effects(one)
            assert found == one.effects, (one, found)
            assert found <= 1, one
            decisions = self.shop.deployment.state.proposals.decisions(self.shop.ids[one.number])
            yes = {decision.approver_id for decision in decisions if decision.decision == "approve"}
            broke = self.shop.reasons(decisions)
            assert OWNER not in {*yes, *broke}, (one, yes, broke)
            assert all(len(why) >= LEAST for why in broke.values()), (one, broke)
            assert not found or len(yes) >= one.needed or len(broke) >= BREAK_GLASS_NEEDED, (one, yes, broke)
            if found and one.tool == "defect":
                self.written_at.setdefault(one.number, self.shop.sent_at(one.number))

    def nobody_s_change_is_overwritten(self) -> None:
        """Each change of a line takes the place of exactly what its people were shown."""
        for line, (po_no, item_no) in enumerate(self.stock.lines):
            chain = self.shop.rows("SELECT before, after FROM dated WHERE po_no = ? AND item_no = ?", po_no, item_no)
            assert all(first[1] == second[0] for first, second in pairwise(chain))
            told = [self.contents[one.number].preview.changes[0] for one in self.model.all if one.line == line]
            wanted = {(change.before, change.after) for change in told}
            assert all(after >= _BY_HAND.isoformat() or (before, after) in wanted for before, after in chain), chain

    def limits_are_never_passed(self) -> None:
        moments = sorted(self.written_at.values())
        for first in moments:
            assert sum(first <= at < first + WINDOW_S for at in moments) <= MAXIMUM, moments

    def no_glass_is_broken_while_a_review_is_overdue(self) -> None:
        """Nor does anybody's word by it count: whoever reviews opens it again."""
        broken = self.shop.broken()
        for said in self.shop.said_by_break_glass() if broken else ():
            late = [one for one in broken if one.due_at <= said and not "" < one.reviewed_at <= said]
            assert not late, (said, late)

    # --- What it is made of -------------------------------------------------------------------------------------------

    def _drain(self) -> None:
        """Lift what is stopped, let a worker live, and see that all of it ends, with records that verify."""
        self.lift_all_stops()
        for seconds in (*[301] * _ROUNDS, VALID_S, *[301] * _ROUNDS):
            if all(State(one.state) in ENDS for one in self.model.all):
                break
            self._pass_by(seconds)
            self._work("", "")
        self.all_of_it_holds()
        ends = [State(one) for one in self.shop.states()]
        assert all(one in ENDS for one in ends), ends
        for one, end in zip(self.model.all, ends, strict=True):
            assert (end is State.COMMITTED) == (one.effects == 1), (one, end)
            assert one.tool != "saga" or end is State.COMPENSATION_STUCK or self.shop.procured() == one.effects, one
            self.seen[end.value] += 1
            self.seen["sagas"] += one.tool == "saga"
        self.seen["examples"] += 1
        assert self.shop.flaws() == []

    def _date(self, line: int, days: int) -> bool:
        told: dict[str, JsonValue] = {
            "purchase_order_id": self.stock.lines[line][0],
            "line": self.stock.lines[line][1],
            "new_date": (_PROPOSED + timedelta(days=days)).isoformat(),
            "idempotency_key": f"date-key-{self.keys:06d}",
        }
        return self._propose("date", NAMES["date"], told, line)

    def _propose(self, tool: Tool, name: str, told: dict[str, JsonValue], line: int = -1) -> bool:
        self.keys += 1
        new = self.model.propose(tool, line, str(told.get("new_date", "")))
        assert self.shop.propose(name, **told) == new, (tool, told, new)
        self._noted(new, name, told)
        return new

    def _procure(self, yes: int) -> None:
        if self._propose("saga", NAMES["saga"], {**ASKED, "reason": REASON}):
            for who in APPROVERS[:yes]:
                self._decide(len(self.model.all) - 1, who, yes=True)

    def _noted(self, new: bool, name: str, told: dict[str, JsonValue]) -> None:
        if new:
            self.asked.append((name, told))
            self.contents.append(self.shop.deployment.state.proposals.get(self.shop.ids[-1]).content)
        self.seen["proposed" if new else "refused"] += 1
        self._pass_by(_TICK_S)

    def _have_work(self, line: int) -> None:
        """Let there be something that is approved, where it may be."""
        if not any(one.state == "APPROVED" for one in self.model.all) and self._date(line, 21 + self.keys % 40):
            self._decide(len(self.model.all) - 1, APPROVERS[0], yes=True)

    def _one_of(self, number: int, state: str) -> One:
        """Return one of those in a state where there are any, mostly, and any other now and then."""
        found = [one for one in self.model.all if one.state == state]
        chosen = found if found and number % 6 else self.model.all
        return chosen[number % len(chosen)]

    def _tool_of(self, name: str) -> Tool:
        return next((tool for tool, one in NAMES.items() if one == name), "date")

    def _decide(self, number: int, who: str, *, yes: bool) -> None:
        one = self.model.all[number]
        expected = self.model.decide(one, who, yes=yes)
        assert self.shop.decide(number, who, yes=yes) == expected, (one, who, yes)
        self._pass_by(_TICK_S)

    def _by_hand(self, line: int) -> None:
        day, self.hands = _BY_HAND + timedelta(days=self.hands), self.hands + 1
        self.model.touch(line, day.isoformat())
        self.shop.touch(line, day.isoformat(), self.hands)

    def _work(self, mishap: Mishap, die_at: str, line: int = 0, spared: int = 0) -> None:
        day = _BY_HAND + timedelta(days=self.hands)
        before = self.model.lines[line].version
        died = self.model.work_off(mishap, die_at, (line, day.isoformat()), spared)
        luck = Luck(mishap, spared, lambda: self.shop.touch(line, day.isoformat(), self.hands + 1))
        touched = self.shop.work_off(luck, die_at)
        assert touched == died, (mishap, die_at)
        self.hands += 1
        self.seen["died"] += died
        self.seen["changed meanwhile"] += mishap == "meanwhile" and self.model.lines[line].version != before
        self._pass_by(_TICK_S)

    def _pass_by(self, seconds: float) -> None:
        self.shop.pass_by(seconds)
        self.model.now += seconds

    def _promise(self, line: int) -> str:
        query = "SELECT promise FROM po_item WHERE po_no = ? AND item_no = ?"
        ((found,),) = self.shop.rows(query, *self.stock.lines[line])
        return str(found)

    def _effects(self, one: One) -> int:
        """Return how often a change is in the ERP: by our reference where it changes a record, else by its content."""
        content = self.contents[one.number]
        if one.tool == "saga":  # what its parts have done is looked at one by one, and the whole at the end
            return one.effects
        if one.tool == "date":
            return self.shop.bearing(content.command.reference)
        if one.tool == "defect":
            query, told = "SELECT count(*) FROM qual_notif WHERE descr = ?", str(content.arguments["description"])
        else:
            query, told = "SELECT count(*) FROM vendor WHERE name1 = ?", str(content.arguments["name"])
        return int(self.shop.rows(query, told)[0][0])

    def _told(self, said: list[str]) -> str:
        state = self.shop.deployment.state.proposals
        told = [(one.state.value, one.reason) for one in (state.get(each) for each in self.shop.ids)]
        return f"{[(number, a, b) for number, (a, b) in enumerate(zip(told, said, strict=False)) if a[0] != b]}"
