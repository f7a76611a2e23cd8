"""Whoever's agent asked for one half of what policy keeps apart says no yes to the other one."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from erp_mcp.domain.duties import Yes, asked_apart, separated_tools
from erp_mcp.domain.names import key_of
from tests.guarantees import guarantees
from tests.unit.approval import people
from tests.unit.domain.test_duties import RULE, START, proposed

OLGA = frozenset({key_of("olga"), key_of("Olga Owner")})


def asked(tool: str, *suppliers: str, number: int = 2, owner: str = "olga", agent: str = "planner") -> Yes:
    return Yes(replace(proposed(tool, *suppliers, number=number), owner=owner, agent=agent), START)


@guarantees("P3.separation", "P3.requesters")
@pytest.mark.parametrize(
    ("before", "days", "found"),
    [
        (asked("supplier", "V-9"), 1, "apart"),
        (asked("supplier", "V-9", owner="Olga  OWNER"), 1, "apart"),
        (asked("supplier", "V-9", owner="eve", agent="olga"), 1, "apart"),
        (asked("supplier", "V-9"), 7, ""),
        (asked("supplier", "V-1"), 1, ""),
        (asked("order", "V-9"), 1, ""),
        (asked("supplier", "V-9", owner="eve"), 1, ""),
        (asked("supplier", "V-9", number=1), 1, ""),
    ],
    ids=["asked", "by their name", "as the agent", "too old", "another supplier", "same tool", "another's", "itself"],
)
def test_the_owner_of_the_agent_that_asked_for_one_half_says_no_yes_to_the_other(
    before: Yes, days: int, found: str
) -> None:
    """As if they had said yes to it."""
    assert asked_apart(proposed("order", "V-9"), START + timedelta(days=days), [before], OLGA) == found


@guarantees("P3.separation", "P3.requesters")
@given(
    st.lists(
        st.tuples(
            st.sampled_from(["supplier", "order", "price"]), st.sampled_from(["olga", "eve"]), st.integers(0, 20)
        ),
        max_size=12,
    ),
    st.sampled_from(["supplier", "order"]),
)
def test_no_history_lets_somebody_approve_what_theirs_asked_the_other_half_of(
    history: list[tuple[str, str, int]], tool: str
) -> None:
    """Held against a plain statement of it."""
    at = START + timedelta(days=20)
    made = [
        Yes(replace(proposed(one, "V-9", number=number + 2), owner=owner), START + timedelta(days=day))
        for number, (one, owner, day) in enumerate(history)
    ]

    found = asked_apart(proposed(tool, "V-9"), at, made, OLGA)

    halves = [one for one in made if {one.content.tool, tool} == {"supplier", "order"} and one.content.owner == "olga"]
    assert bool(found) == any(at - one.at < timedelta(seconds=RULE.window_s) for one in halves)


@guarantees("P3.separation")
def test_only_tools_that_are_kept_apart_are_looked_for() -> None:
    """Each once; none where policy keeps nothing apart."""
    plain = people.content().terms

    assert separated_tools(replace(plain, separations=(RULE, RULE))) == ("order", "supplier")
    assert separated_tools(replace(plain, separations=())) == ()
