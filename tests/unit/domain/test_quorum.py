"""Who may decide at a moment and whether those who said yes are enough: held against plain enumeration."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import combinations, permutations, product

import pytest

from erp_mcp.domain.decision import BreakGlass, Deputy, Group, Terms
from erp_mcp.domain.quorum import Said, can_be_met, is_glass_broken, is_met, may_break_glass, may_decide, missing
from tests.guarantees import guarantees

MADE = datetime(2026, 3, 16, 8, 0, tzinfo=UTC)
PEOPLE = ("ann", "bob", "cid", "dee")
PLAIN = Terms(rule="r", approvers=PEOPLE, needed=1, self_approval=False, valid_s=14_400)


def said(*who: str, after: timedelta = timedelta(minutes=5)) -> list[list[Said]]:
    return [[Said(one, MADE + after)] for one in who]


def terms(needed: int, *groups: str) -> Terms:
    """Return terms whose groups are given by the first letters of their people."""
    named = tuple(
        Group(name=letters, approvers=tuple(one for one in PEOPLE if one[0] in letters)) for letters in groups
    )
    return replace(PLAIN, needed=needed, groups=named)


@guarantees("P3.groups", "P3.enough_people")
def test_in_a_small_world_enough_is_what_plain_counting_says() -> None:
    """Every set of people against every pair of groups: somebody different for each group, and enough of them."""
    letters = ["a", "ab", "bc", "abcd", "d"]
    for needed, (one, other) in product((1, 2, 3), combinations(letters, 2)):
        asked = terms(needed, one, other)
        for size in range(5):
            for who in combinations(PEOPLE, size):
                covered = any(x[0] in one and y[0] in other for x, y in permutations(who, 2))
                assert is_met(asked, said(*who), MADE) is (covered and size >= needed), (needed, one, other, who)


@guarantees("P3.groups")
def test_a_group_that_only_one_person_stands_for_is_found_whoever_spoke_first() -> None:
    """The matching moves people between groups; order must not matter."""
    asked = terms(2, "ab", "a")

    assert is_met(asked, said("ann", "bob"), MADE)
    assert is_met(asked, said("bob", "ann"), MADE)
    assert missing(asked, said("bob"), MADE) == (1, ("a",))
    assert not is_met(asked, said("ann"), MADE)


@guarantees("P3.enough_people")
def test_nobody_is_never_enough() -> None:
    """Terms that ask for nobody are no leave."""
    assert not is_met(replace(PLAIN, needed=0), [], MADE)


@guarantees("P3.groups")
def test_one_person_with_two_names_counts_once() -> None:
    """Two who may be one are handed over as one."""
    both = [[Said("ann", MADE), Said("bob", MADE)]]

    assert not is_met(terms(2, "a", "b"), both, MADE)


@guarantees("P3.deputies")
@pytest.mark.parametrize(
    ("days", "may"), [(-1, False), (0, True), (2, True), (3, False)], ids=["before", "first", "last", "after"]
)
def test_a_deputy_may_decide_from_the_first_to_the_last_day(days: int, may: bool) -> None:
    """Days are those of the clock that decisions are timed by."""
    asked = replace(
        terms(1, "a"),
        approvers=("ann",),
        deputies=(Deputy(absent="ann", deputy="eve", first="2026-03-16", last="2026-03-18"),),
    )
    then = Said("eve", MADE + timedelta(days=days))

    assert may_decide(asked, then, MADE) is may
    assert is_met(asked, [[then]], MADE) is may
    assert may_decide(asked, Said("ann", then.at), MADE)


@guarantees("P3.deputies", "P3.enough_people")
def test_a_deputy_is_one_person_for_themselves_and_for_others() -> None:
    """Bob in his own name and for Ann is still one yes."""
    asked = replace(
        terms(2, "a", "b"),
        deputies=(Deputy(absent="ann", deputy="bob", first="2026-03-16", last="2026-03-16"),),
    )

    assert not is_met(asked, said("bob"), MADE)
    assert is_met(asked, said("bob", "bob"), MADE)  # as two people, which nobody who verifies hands over
    assert is_met(asked, said("bob", "ann"), MADE)


@guarantees("P3.escalation")
def test_after_its_time_others_may_decide_as_well_and_as_many_are_needed() -> None:
    """To the second; for any group; nobody less."""
    asked = replace(terms(2, "a", "b"), approvers=("ann", "bob"), escalates_s=3600, escalates_to=("eve",))
    early, late = timedelta(seconds=3599), timedelta(seconds=3600)

    assert not may_decide(asked, Said("eve", MADE + early), MADE)
    assert may_decide(asked, Said("eve", MADE + late), MADE)
    assert not may_decide(asked, Said("fay", MADE + late), MADE)
    assert not is_met(asked, said("fay", "ann", after=late), MADE)
    assert not is_met(asked, said("eve", after=late), MADE)
    assert is_met(asked, said("eve", "ann", after=late), MADE)
    assert is_met(asked, said("eve", "bob", after=late), MADE)
    assert not is_met(asked, said("eve", "ann", after=early), MADE)


@guarantees("P3.groups")
@pytest.mark.parametrize(
    ("needed", "groups", "can"),
    [(2, "a b", True), (2, "a a", False), (2, "ab ab", True), (3, "ab ab ab", False), (5, "a", False), (1, "", True)],
)
def test_what_could_never_be_met_is_told_beforehand(needed: int, groups: str, can: bool) -> None:
    """Two groups of the same one person have nobody for the second."""
    wanted = [
        Group(name=f"{index}{letters}", approvers=tuple(one for one in PEOPLE if one[0] in letters))
        for index, letters in enumerate(groups.split())
    ]

    assert can_be_met(wanted, needed, PEOPLE) is can


@guarantees("P3.break_glass")
def test_two_break_the_glass_where_the_terms_have_one_and_none_do_where_they_have_none() -> None:
    """Whatever else they ask for."""
    glass = BreakGlass(people=("carl", "dora"), review_by=("olaf",), review_s=3600)
    with_glass = replace(PLAIN, needed=9, break_glass=glass)
    two = [[Said("carl", MADE)], [Said("dora", MADE)]]
    assert [is_glass_broken(with_glass, two[:number]) for number in (0, 1, 2)] == [False, False, True]
    assert not is_glass_broken(PLAIN, two)
    assert [may_break_glass(one, "carl") for one in (with_glass, PLAIN)] == [True, False]
    assert not may_break_glass(with_glass, "olaf")
