"""People find the right tool by what they say: measured on phrasings that were written before the search was."""

from __future__ import annotations

from collections import Counter

import pytest

from erp_mcp.policy.boundary import recognise
from tests.guarantees import guarantees
from tests.search.measure import HALVES, outcomes, phrasings, within
from tests.unit.projections.small_plant import shipped

FIRST, AMONG_THREE = 0.85, 0.95


@guarantees("discovery.words")
@pytest.mark.parametrize("half", HALVES)
def test_the_right_tool_is_among_the_first_three(half: str) -> None:
    """In both halves: also in the one that the search was not built on."""
    found = outcomes(half)

    missed = [f"{one.words} -> {one.right}: {', '.join(one.found[:3])}" for one in found if not 1 <= one.place <= 3]
    assert within(found, 3) >= AMONG_THREE * len(found), missed
    assert within(found, 1) >= FIRST * len(found)


@guarantees("discovery.words")
def test_the_phrasings_ask_for_every_tool_and_each_half_for_its_own() -> None:
    """A half that leaves tools out measures the others alone."""
    listed = {tool.name for tool in shipped() if tool.effect in {"read", "write"}}
    halves = [{right for _, right in phrasings()[half]} for half in HALVES]
    said = Counter(words.casefold() for half in HALVES for words, _ in phrasings()[half])

    assert [listed - half for half in halves] == [set(), set()]
    assert [half - listed for half in halves] == [set(), set()]
    assert min(len(phrasings()[half]) for half in HALVES) >= 60
    assert max(said.values()) == 1


@guarantees("discovery.words", "P6.planning_side")
def test_no_question_about_tools_is_taken_for_an_order_to_the_floor() -> None:
    """Searching is screened like every call; a planner's words must pass."""
    asked = [words for half in HALVES for words, _ in phrasings()[half]]

    assert [words for words in asked if recognise("search_tools", {"query": words})] == []


@guarantees("discovery.words", "catalog.lint")
def test_the_words_of_single_tools_are_of_tools_that_are_shipped_and_every_one_has_some() -> None:
    """A word of a tool that was renamed finds nothing."""
    catalog = shipped()

    assert {name for name, _ in catalog.vocabulary.tools} == {one.name for one in catalog if one.effect != "discovery"}
