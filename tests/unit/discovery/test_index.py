"""The ranking of tools."""

from __future__ import annotations

import pytest

from erp_mcp.discovery import Index
from erp_mcp.domain.vocabulary import NO_WORDS
from tests.guarantees import guarantees
from tests.unit.discovery.small_catalogue import TOOLS, WORDS


@pytest.fixture(scope="module")
def index() -> Index:
    return Index(TOOLS, WORDS)


@guarantees("discovery.words")
@pytest.mark.parametrize(
    ("said", "first"),
    [
        ("stock", "get_stock"),
        ("Bestand im Lager", "get_stock"),
        ("BANF", "list_requisitions"),
        ("OTD of vendors", "rank_suppliers"),
        ("Kundenaufträge", "list_orders"),
        ("purchse requistions", "list_requisitions"),
        ("propose an order", "propose_order"),
        ("get_stock", "get_stock"),
        ("list orders", "list_orders"),
    ],
)
def test_the_right_tool_comes_first(said: str, first: str, index: Index) -> None:
    """By synonym, abbreviation, other language, slip of the hand, and by its name."""
    assert index.search(said)[0].name == first


@guarantees("discovery.words")
def test_the_same_question_gives_the_same_order_whatever_the_order_of_the_tools(index: Index) -> None:
    """Equal scores stand in the order of their names."""
    other = Index(reversed(TOOLS), WORDS)

    for said in ("order", "supplier stock", "customer"):
        assert [one.name for one in index.search(said)] == [one.name for one in other.search(said)]


@guarantees("discovery.words")
@pytest.mark.parametrize("said", ["", "the of", "xqzvw", "12345"])
def test_a_question_that_is_about_nothing_finds_nothing(said: str, index: Index) -> None:
    """Better no tool than any."""
    assert index.search(said) == []


@guarantees("discovery.words")
def test_what_finds_tools_is_not_found_itself(index: Index) -> None:
    """It is in the list already, and its description speaks of everything."""
    assert all(one.effect != "discovery" for one in index.search("search tools stock"))


@guarantees("P1.discovery")
def test_whoever_may_call_nothing_finds_nothing() -> None:
    """No tools, no documents, no division by their number."""
    assert Index((), WORDS).search("stock") == []


@guarantees("discovery.words")
def test_without_a_vocabulary_tools_are_found_by_their_own_words() -> None:
    """An operator's folder needs no list of synonyms."""
    assert Index(TOOLS, NO_WORDS).search("suppliers")[0].name == "rank_suppliers"
