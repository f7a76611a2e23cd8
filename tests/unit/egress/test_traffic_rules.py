"""The pure moves: rate, places, the breaker and its one probe, pauses, the budget of repeats."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from erp_mcp.domain.traffic import Ending, TrafficKind, TrafficLimits
from erp_mcp.egress import traffic_rules as rules
from erp_mcp.egress.local_traffic import LocalTraffic
from tests.guarantees import guarantees

LIMITS = TrafficLimits(
    requests_per_s=10.0, burst=5, concurrent=3, failures=3, window=5, rest_s=4.0, longest_rest_s=10.0
)
WAITING = "who waits"


class Ticking:
    """A clock that is set."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


class Driven:
    """The rules in memory, with shorter words."""

    def __init__(self, limits: TrafficLimits = LIMITS) -> None:
        self.clock = Ticking()
        self.limits = limits
        self.traffic = LocalTraffic(monotonic=self.clock)
        self.callers = 0

    def ask(self, kind: TrafficKind = "read", *, caller: str = "", lasts_s: float = 60.0) -> str:
        """Ask for a caller, one that was never there by itself."""
        callers = (caller or self.newcomer(),)
        return self.traffic.admit("erp", kind, self.limits, lasts_s=lasts_s, callers=callers).ticket

    def newcomer(self) -> str:
        self.callers += 1
        return f"agent {self.callers}"

    def wait(self, kind: TrafficKind = "read") -> tuple[float, bool]:
        said = self.traffic.admit("erp", kind, self.limits, callers=(WAITING,))
        assert not said.granted
        return said.wait_s, said.resting

    def end(self, ticket: str, how: Ending = "answered", pause_s: float = 0.0) -> None:
        self.traffic.finish("erp", "read", self.limits, ticket, how, pause_s=pause_s)

    def fail(self, times: int, kind: TrafficKind = "read") -> None:
        for _ in range(times):
            self.clock.now += 1.0
            self.end(self.ask(kind), "failed")

    def state(self, kind: TrafficKind = "read") -> str:
        return next(one.breaker for one in self.traffic.states() if one.kind == kind)


@guarantees("P9.limits")
def test_a_bucket_bounds_the_rate_and_says_when_the_next_token_is_there() -> None:
    """A burst goes at once, then so many a second."""
    one = Driven()
    for _ in range(5):
        one.end(one.ask())
    assert one.wait()[0] == pytest.approx(0.1)
    one.clock.now += 0.1
    assert one.ask(caller=WAITING)
    one.clock.now += 1000
    assert one.traffic.states()[0].tokens == 5


@guarantees("P9.limits")
def test_reads_and_writes_share_the_places() -> None:
    """What runs at once in the system is what counts, whatever it does."""
    one = Driven()
    tickets = [one.ask("read"), one.ask("write"), one.ask("read")]
    assert all(tickets)
    assert one.wait("write") == (rules.FULL_WAIT_S, False)
    one.end(tickets[0])
    assert one.ask("write", caller=WAITING)


@guarantees("P9.breaker")
def test_the_breaker_opens_after_the_failures_of_the_window_and_rests() -> None:
    """Successes between count as such; older ones are forgotten."""
    one = Driven()
    course: list[Ending] = ["failed", "answered", "failed", "answered", "answered", "answered", "failed", "failed"]
    for how in course:
        one.clock.now += 1
        one.end(one.ask(), how)
        assert one.state() == "closed"
    one.fail(1)
    assert one.state() == "open"
    assert one.wait() == (4.0, True)


@guarantees("P9.breaker")
def test_a_breaker_is_one_kinds_own() -> None:
    """Reports that fail say nothing of the booking of an order."""
    one = Driven()
    one.fail(3)
    assert one.ask("write")
    assert [state.breaker for state in one.traffic.states()] == ["open", "closed"]


@guarantees("P9.breaker")
def test_exactly_one_probe_goes_and_closes_the_breaker() -> None:
    """The second asks while the first is under way, and is told to come back."""
    one = Driven()
    one.fail(3)
    one.clock.now += 4
    probe = one.traffic.admit("erp", "read", LIMITS)
    assert probe.probe
    assert one.wait()[1]
    assert one.state() == "half_open"
    one.end(probe.ticket)
    assert one.state() == "closed"
    assert one.traffic.states()[0].failures == 0
    assert one.ask()


@guarantees("P9.breaker")
def test_a_failed_probe_doubles_the_rest_up_to_the_longest() -> None:
    """A system that stays down is asked ever more rarely."""
    one = Driven()
    one.fail(3)
    rests = []
    for _ in range(4):
        rests.append(one.wait()[0])
        one.clock.now += rests[-1]
        one.end(one.ask(), "failed")
    assert rests == [4.0, 8.0, 10.0, 10.0]


@guarantees("P9.breaker")
def test_a_probe_that_is_turned_away_or_given_up_closes_nothing() -> None:
    """Neither says that the system is well."""
    one = Driven()
    one.fail(3)
    one.clock.now += 4
    one.end(one.ask(), "turned_away", pause_s=6.0)
    assert (one.state(), one.wait()) == ("open", (6.0, True))
    one.clock.now += 6
    one.end(one.ask(), "given_up")
    assert (one.state(), one.wait()) == ("open", (1.0, True))


@guarantees("P9.breaker")
def test_what_began_before_the_breaker_opened_says_nothing_of_now() -> None:
    """A late good answer must not call off the rest."""
    one = Driven()
    early = one.ask()
    one.fail(3)
    one.end(early)
    assert one.state() == "open"


@guarantees("P9.breaker", "P9.limits")
def test_the_tickets_of_a_killed_process_run_out_as_failures() -> None:
    """Their places are free again, and a probe nobody comes back from opens the breaker anew."""
    one = Driven()
    for _ in range(3):
        assert one.ask(lasts_s=30)
    assert one.wait() == (rules.FULL_WAIT_S, False)
    one.clock.now += 30
    assert one.wait()[1]
    state = one.traffic.states()[0]
    assert (state.running, state.failures) == (0, 3)
    one.clock.now += 4
    assert one.ask(lasts_s=30)
    one.clock.now += 30
    assert one.state() == "open"


@guarantees("P9.limits", "P9.told")
def test_a_system_that_asks_to_be_left_alone_is_for_reads_and_writes() -> None:
    """Nothing goes before the time it named; a time without end is cut to an hour."""
    one = Driven()
    one.end(one.ask(), "turned_away", pause_s=7.0)
    assert one.wait("write") == (7.0, False)
    one.clock.now += 6.9
    assert not one.traffic.admit("erp", "read", LIMITS).granted
    one.clock.now += 0.2
    one.end(one.ask(), "turned_away", pause_s=1e9)
    assert one.wait() == (rules.LONGEST_PAUSE_S, False)


@guarantees("P9.repeats")
def test_first_requests_earn_repeats_and_a_repeat_earns_none() -> None:
    """One in ten, whatever chance does."""
    one = Driven(replace(LIMITS, burst=100_000, requests_per_s=1e6, retry_share=0.1))
    repeats = 0
    for _ in range(1_000):
        one.end(one.ask())
        while one.traffic.may_retry("erp", one.limits):
            repeats += 1
            one.end(one.ask())
    assert 100 <= repeats <= 101


@guarantees("P9.limits")
def test_a_machine_that_started_anew_forgets_what_was_under_way() -> None:
    """Its clock begins again, so moments of before mean nothing; figures are kept."""
    one = Driven()
    one.fail(3)
    one.ask()
    one.clock.now = 5.0
    assert (one.state(), one.traffic.states()[0].requests) == ("closed", 3)
    assert one.ask()


@guarantees("P9.limits", "P9.breaker")
@settings(max_examples=150, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(["ask", "answered", "failed", "turned_away", "given_up", "lost"]),
            st.sampled_from(["read", "write"]),
            st.floats(min_value=0.0, max_value=5.0),
        ),
        max_size=60,
    )
)
def test_in_any_course_places_rate_and_the_single_probe_hold(course: list[tuple[str, TrafficKind, float]]) -> None:
    """Whatever is asked, answered or lost, in whichever order and time."""
    one = Driven()
    begun, open_tickets, granted = one.clock.now, list[tuple[str, TrafficKind, bool, float]](), 0
    for what, kind, seconds in course:
        one.clock.now += seconds
        open_tickets = [ticket for ticket in open_tickets if ticket[3] > one.clock.now]
        if what == "ask":
            said = one.traffic.admit("erp", kind, LIMITS, lasts_s=10.0)
            granted += said.granted
            if said.granted:
                open_tickets.append((said.ticket, kind, said.probe, one.clock.now + 10.0))
        elif what != "lost" and open_tickets:
            one.end(open_tickets.pop(0)[0], what)  # type: ignore[arg-type]
        assert len(open_tickets) <= LIMITS.concurrent
        assert granted <= LIMITS.burst + (one.clock.now - begun) * LIMITS.requests_per_s + 1e-3
        for kind_of_probe in rules.KINDS:
            assert sum(ticket[2] for ticket in open_tickets if ticket[1] == kind_of_probe) <= 1
