"""Separated duties and quotas: held against generated histories of one person."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from erp_mcp.domain.decision import Separation, Terms
from erp_mcp.domain.duties import Yes, longest, over_quota, separated_by
from erp_mcp.domain.proposal import Content
from erp_mcp.domain.saga import ENTITY, SYSTEM
from tests.guarantees import guarantees
from tests.unit.approval import people

START = datetime(2026, 3, 16, 8, 0, tzinfo=UTC)
DAY = 86_400
RULE = Separation(rule="apart", tools=("supplier", "order"), key="supplier", window_s=7 * DAY)


def proposed(tool: str, *suppliers: str, number: int = 1, rules: tuple[Separation, ...] = (RULE,)) -> Content:
    terms = Terms(rule="r", approvers=(), needed=1, self_approval=False, valid_s=3600, separations=rules)
    plain = people.content(proposal_id=f"prp_{number:012d}", terms=terms)
    return replace(plain, tool=tool, concerns={"supplier": list(suppliers)})


@guarantees("P3.separation")
@pytest.mark.parametrize(
    ("before", "days", "found"),
    [
        (proposed("supplier", "V-9", number=2), 1, "apart"),
        (proposed("supplier", "V-1", "V-9", number=2), 6, "apart"),
        (proposed("supplier", "V-9", number=2), 7, ""),
        (proposed("supplier", "V-1", number=2), 1, ""),
        (proposed("supplier", number=2), 1, ""),
        (proposed("order", "V-9", number=2), 1, ""),
        (proposed("price", "V-9", number=2), 1, ""),
        (proposed("supplier", "V-9", number=2), 0, "apart"),
    ],
    ids=["same supplier", "one of them", "too old", "another", "none known", "same tool", "another tool", "at once"],
)
def test_who_made_a_supplier_orders_nothing_from_it_within_the_window(before: Content, days: int, found: str) -> None:
    """The two halves of one fraud are never one person's."""
    assert separated_by(proposed("order", "V-9"), START + timedelta(days=days), [Yes(before, START)]) == found


_SAID = st.tuples(st.sampled_from(["supplier", "order", "price"]), st.sampled_from("VW"), st.integers(0, 20))


@guarantees("P3.separation")
@given(st.lists(_SAID, max_size=12))
def test_no_history_of_one_person_holds_two_halves_of_one_duty(said: list[tuple[str, str, int]]) -> None:
    """Whoever asks each time what they may do ends with none of them, in whichever order proposals are signed."""
    kept: list[Yes] = []
    for number, (tool, supplier, day) in enumerate(said):
        content = proposed(tool, supplier, number=number)
        at = START + timedelta(days=day, seconds=number)
        if not separated_by(content, at, kept):
            kept.append(Yes(content, at))

    for one in kept:
        for other in kept:
            together = {one.content.tool, other.content.tool} == {"supplier", "order"}
            near = abs(one.at - other.at) < timedelta(seconds=RULE.window_s)
            assert not (together and near and one.content.concerns == other.content.concerns)


@guarantees("P3.separation")
@given(st.lists(st.integers(0, 3 * 3600), max_size=30), st.integers(1, 5))
def test_in_no_hour_one_person_says_yes_more_often_than_the_quota(seconds: list[int], quota: int) -> None:
    """Sliding, not by the clock's hour; and what is signed first may be stored last."""
    terms = replace(people.content().terms, quota=quota)
    kept: list[datetime] = []
    for second in seconds:
        at = START + timedelta(seconds=second)
        if not over_quota(terms, at, kept):
            kept.append(at)

    for one in kept:
        assert sum(one <= other < one + timedelta(hours=1) for other in kept) <= quota


@guarantees("P3.separation")
def test_nothing_is_looked_up_where_policy_keeps_nothing_apart() -> None:
    """Without such rules a decision costs what it did."""
    plain = replace(people.content().terms, separations=(), quota=0)

    assert longest(plain) == timedelta(0)
    assert longest(replace(plain, quota=3)) == timedelta(hours=1)
    assert longest(replace(plain, quota=3, separations=(RULE,))) == timedelta(days=7)


@guarantees("P3.separation", "P10.saga")
def test_a_rule_that_only_a_way_back_brought_stands_against_each_tool_that_it_names() -> None:
    """Several changes as one whose step would be taken back by one half: nobody's who has approved the other."""
    whole = replace(proposed("propose_both", "V-9"), proposal_id="prp_whole")
    command = replace(whole.command, system=SYSTEM, entity=ENTITY, fields={"steps": [{"tool": "price"}, "no step"]})
    before = Yes(proposed("supplier", "V-9", number=2), START)

    assert separated_by(replace(whole, command=command), START, [before]) == "apart"
    assert separated_by(replace(whole, command=command), START, [Yes(proposed("price", "V-9", number=2), START)]) == ""
