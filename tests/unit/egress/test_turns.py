"""Whose turn it is: one line over all processes, each caller in it once, and places for those who have none."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from erp_mcp.domain.traffic import Ending, TrafficLimits
from erp_mcp.egress import traffic_rules as rules
from erp_mcp.egress import turns
from erp_mcp.egress.local_traffic import LocalTraffic
from tests.guarantees import guarantees

PLENTY = TrafficLimits(requests_per_s=1_000.0, burst=1_000, concurrent=4)


class Counter:
    """Traffic of one system, by callers, at moments that are set."""

    def __init__(self, limits: TrafficLimits = PLENTY) -> None:
        self.now = 100.0
        self.limits = limits
        self.traffic = LocalTraffic(monotonic=lambda: self.now)

    def ask(self, *callers: str, kind: str = "read") -> str:
        """Return whose turn it is of these, empty where it is nobody's."""
        return self.given(*callers, kind=kind)[0]

    def given(self, *callers: str, kind: str = "read") -> tuple[str, str]:
        said = self.traffic.admit("erp", kind, self.limits, callers=callers)  # type: ignore[arg-type]
        return said.caller, said.ticket

    def end(self, ticket: str, ending: Ending = "answered") -> None:
        self.traffic.finish("erp", "read", self.limits, ticket, ending)


@guarantees("P9.fair_share")
@pytest.mark.parametrize(("places", "one", "others"), [(1, 1, 0), (2, 1, 1), (4, 3, 1), (8, 6, 2), (16, 12, 4)])
def test_one_caller_leaves_places_for_those_who_have_none(places: int, one: int, others: int) -> None:
    """A quarter, at least one; where there is only one place, it is everybody's."""
    door = Counter(TrafficLimits(requests_per_s=1_000.0, burst=1_000, concurrent=places))
    assert [door.ask("greedy") for _ in range(places)].count("greedy") == one
    door.now += turns.STANDS_S + 1
    assert [door.ask(f"agent {number}") for number in range(places)].count("") == places - others


@guarantees("P9.fair_share")
def test_the_last_place_stays_free_for_a_newcomer_while_others_have_one_each() -> None:
    """Slow requests of two must not hold up the third either."""
    door = Counter()
    tickets = [door.given(one) for one in ("first", "first", "first", "second")]
    door.end(tickets[0][1])
    assert [door.ask("first"), door.ask("second"), door.ask("third")] == ["", "", "third"]


@guarantees("P9.fair_share")
def test_callers_of_several_processes_take_turns() -> None:
    """Whoever was served stands at the end again, however often it asks."""
    door = Counter(TrafficLimits(requests_per_s=1_000.0, burst=1_000, concurrent=1))
    _, ticket = door.given("a")
    served = []
    for _ in range(6):
        assert [door.ask("a"), door.ask("b"), door.ask("c")] == ["", "", ""]
        door.end(ticket)
        for one in ("a", "a", "c", "b"):  # a asks first and most, always
            caller, given = door.given(one)
            if caller:
                served.append(caller)
                ticket = given
    assert served == ["a", "b", "c", "a", "b", "c"]


@guarantees("P9.fair_share")
def test_the_next_token_is_for_who_stands_first() -> None:
    """Fast requests of one use up the rate; the other's still goes in its turn."""
    door = Counter(TrafficLimits(requests_per_s=10.0, burst=2, concurrent=100))
    assert [door.ask(one) for one in ("greedy", "greedy", "greedy", "other")] == ["greedy", "greedy", "", ""]
    door.now += 0.1
    assert door.ask("greedy") == "greedy"
    door.now += 0.1
    assert [door.ask("greedy"), door.ask("other")] == ["", "other"]


@guarantees("P9.fair_share")
def test_of_those_that_one_process_asks_for_the_first_in_line_is_served() -> None:
    """It asks for all its callers at once, and is told for whom the leave is."""
    door = Counter(TrafficLimits(requests_per_s=1_000.0, burst=1_000, concurrent=1))
    _, ticket = door.given("a")
    assert door.ask("b") == ""
    assert door.ask("a", "b") == ""
    door.end(ticket)
    assert door.ask("a", "b") == "b"


@guarantees("P9.fair_share")
def test_who_asks_no_more_holds_nobody_up() -> None:
    """Its process may have been killed: after a moment its place in the line is gone."""
    door = Counter(TrafficLimits(requests_per_s=1_000.0, burst=1_000, concurrent=1))
    _, ticket = door.given("a")
    assert door.ask("gone") == ""
    door.end(ticket)
    assert door.ask("b") == ""
    door.now += rules.FULL_WAIT_S + turns.STANDS_S
    assert door.ask("b") == "b"


@guarantees("P9.fair_share", "P9.breaker")
def test_who_waits_to_write_to_a_resting_system_holds_no_reader_up() -> None:
    """Reads and writes share the places, not the rest."""
    door = Counter(TrafficLimits(requests_per_s=1_000.0, burst=1_000, concurrent=1, failures=1))
    _, ticket = door.given("worker", kind="write")
    assert [door.ask("worker", kind="write"), door.ask("reader")] == ["", ""]
    door.end(ticket, "failed")
    assert door.ask("reader") == "reader"


@guarantees("P9.fair_share", "P9.limits")
@settings(max_examples=150, deadline=None)
@given(
    st.lists(
        st.tuples(st.sampled_from(["ask", "end"]), st.sampled_from("abcd"), st.floats(min_value=0.0, max_value=0.2)),
        max_size=80,
    ),
    st.integers(min_value=1, max_value=6),
)
def test_in_any_course_a_newcomer_waits_for_nobody_where_a_place_is_kept(
    course: list[tuple[str, str, float]], places: int
) -> None:
    """Whatever four callers did before: as long as not each of them took a kept place, the next one goes at once."""
    door = Counter(TrafficLimits(requests_per_s=1e6, burst=100_000, concurrent=places))
    held: list[tuple[str, str]] = []
    for what, caller, seconds in course:
        door.now += seconds
        if what == "ask":
            held += [one for one in [door.given(caller)] if one[1]]
        elif held:
            door.end(held.pop(0)[1])
        assert len(held) <= places
        for one in "abcd":
            assert sum(caller == one for caller, _ in held) <= places - turns.kept_places(places)
    door.now += 1.0  # nobody stands in line any more
    if places - len(held) > 0:
        assert door.ask("newcomer") == "newcomer"
