"""Several changes decided as one: whoever may say yes to all of them together may say yes to each."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from erp_mcp.domain import quorum
from erp_mcp.domain.decision import BreakGlass, Deputy, Group, Separation, Terms
from erp_mcp.domain.quorum import Said
from erp_mcp.policy.tightened import stricter
from erp_mcp.policy.together import together
from tests.guarantees import guarantees

PEOPLE: Final = ("ann", "bob", "cyd", "dee", "eve")
MADE: Final = datetime(2026, 3, 16, 6, tzinfo=UTC)
people = st.lists(st.sampled_from(PEOPLE), unique=True).map(tuple)
some = st.lists(st.sampled_from(PEOPLE), unique=True, min_size=1).map(tuple)
groups = st.lists(
    st.builds(Group, name=st.sampled_from(["money", "floor"]), approvers=some),
    max_size=2,
    unique_by=lambda one: one.name,
)
deputies = st.lists(
    st.builds(
        Deputy,
        absent=st.sampled_from(PEOPLE),
        deputy=st.sampled_from(PEOPLE),
        first=st.just("2026-03-01"),
        last=st.just("2026-03-31"),
    ),
    max_size=2,
)
terms = st.builds(
    Terms,
    rule=st.sampled_from(["a", "b"]),
    approvers=people,
    needed=st.integers(0, 3),
    self_approval=st.booleans(),
    valid_s=st.integers(60, 7200),
    groups=groups.map(tuple),
    deputies=deputies.map(tuple),
    escalates_s=st.sampled_from([0, 60]),
    escalates_to=people,
    carry_out_s=st.sampled_from([0, 60, 600]),
    quota=st.integers(0, 3),
    outage_s=st.integers(0, 60),
)


@guarantees("P10.saga", "P3.enough_people")
@given(st.lists(terms, min_size=1, max_size=4), some)
def test_who_is_enough_for_all_is_enough_for_each(asked: list[Terms], said: tuple[str, ...]) -> None:
    """Whatever the terms of the steps: nobody decides about a step as part of a saga who may not decide about it."""
    whole = together(asked)
    if whole is None:
        return
    deciders = [Said(one, MADE) for one in said if quorum.may_decide(whole, Said(one, MADE), MADE)]
    if not deciders or not quorum.is_met(whole, [[one] for one in deciders], MADE):
        return
    for one in asked:
        assert stricter(whole, one, deciders=deciders, made=MADE, age_s=whole.valid_s - 1) == ""
        assert quorum.is_met(one, [[decider] for decider in deciders], MADE)


@guarantees("P10.saga", "P3.enough_people")
@given(st.lists(terms, min_size=1, max_size=4))
def test_the_shortest_time_the_fewest_per_hour_and_every_separation_hold(asked: list[Terms]) -> None:
    """Nothing that one of them bounds is unbounded for all."""
    whole = together(asked)
    if whole is None:
        return
    assert whole.valid_s == min(one.valid_s for one in asked)
    assert whole.outage_s == min(one.outage_s for one in asked)
    for name in ("carry_out_s", "quota"):
        bounds = [bound for one in asked if (bound := getattr(one, name))]
        assert getattr(whole, name) == (min(bounds) if bounds else 0)
    assert whole.self_approval == all(one.self_approval for one in asked)


@guarantees("P10.saga", "P3.enough_people")
def test_where_no_people_could_meet_them_all_nobody_may_decide() -> None:
    """No name left is not the same as any name."""
    one = Terms(rule="a", approvers=("ann",), needed=1, self_approval=False, valid_s=60)
    assert together([one, replace(one, approvers=("bob",))]) is None
    mine, theirs = (
        replace(one, approvers=(), groups=(Group(name="money", approvers=(who,)),)) for who in ("ann", "bob")
    )
    assert together([mine, theirs]) is None
    assert together([one, replace(one, approvers=())]) == one


@guarantees("P10.saga", "P3.break_glass")
@pytest.mark.parametrize(
    ("other", "whole"),
    [
        (None, None),
        (
            BreakGlass(people=("carl", "dora", "eve"), review_by=("olga",), review_s=7200),
            BreakGlass(people=("carl", "dora"), review_by=("olga",), review_s=3600),
        ),
        (BreakGlass(people=("carl", "eve"), review_by=("olga",), review_s=3600), None),
        (BreakGlass(people=("carl", "dora"), review_by=("otto",), review_s=3600), None),
    ],
)
def test_the_glass_of_all_is_broken_by_who_may_break_each_or_by_nobody(
    other: BreakGlass | None, whole: BreakGlass | None
) -> None:
    """A step without a glass leaves the whole without one."""
    mine = BreakGlass(people=("carl", "dora"), review_by=("olga", "omar"), review_s=3600)
    one = Terms(rule="a", approvers=(), needed=1, self_approval=False, valid_s=60, break_glass=mine)
    for asked in ([one, replace(one, break_glass=other)], [replace(one, break_glass=other), one]):
        found = together(asked)
        assert found is not None
        assert found.break_glass == whole


@guarantees("P10.saga", "P3.separation")
def test_what_one_step_is_kept_apart_from_the_whole_is_kept_apart_from() -> None:
    """Duties stay separate, whichever step they belong to."""
    one = Terms(rule="a", approvers=(), needed=1, self_approval=True, valid_s=60)
    apart = Separation(rule="sod", tools=("propose_a", "propose_b"), key="supplier", window_s=3600)
    whole = together([one, replace(one, separations=(apart,))])
    assert whole is not None
    assert whole.separations == (apart,)
