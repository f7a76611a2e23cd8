"""From text to terms."""

from __future__ import annotations

import pytest

from erp_mcp.discovery.terms import MAX_WORDS, Terms, words
from tests.guarantees import guarantees
from tests.unit.discovery.small_catalogue import TOOLS, WORDS


@pytest.fixture(scope="module")
def terms() -> Terms:
    made = Terms(WORDS)
    made.learn(one.title for one in TOOLS)
    return made


@guarantees("discovery.words")
@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Aufträge", "auftrag"),
        ("Auftraege", "Aufträge"),
        ("deliveries", "Delivery"),
        ("LIEFERANTEN", "lieferant"),
        ("qty_on_hand", "qty on-hand"),
        ("materialId", "material_id"),
        ("suppliers'", "supplier"),
        ("Café", "cafe"),
    ],
)
def test_endings_accents_capitals_and_separators_make_no_other_word(one: str, other: str) -> None:
    """People type as they speak, and names of arguments are words too."""
    assert words(one) == words(other)


@guarantees("discovery.words")
@pytest.mark.parametrize("said", ["BANF", "purchase requisitions", "Bestellanforderungen"])
def test_what_means_the_same_has_a_term_in_common(said: str, terms: Terms) -> None:
    """A group's phrases are one term, whatever the language."""
    assert "#0" in dict(terms.of_question(said))


@guarantees("discovery.words")
def test_a_compound_that_is_not_known_means_what_its_parts_mean(terms: Terms) -> None:
    """German builds words that no list holds: the order of a customer, stock in a warehouse."""
    assert {"#2", "#3"} <= dict(terms.of_question("Kundenauftrag")).keys()
    assert {"#4", "#5"} <= dict(terms.of_question("Lagerbestände")).keys()


@guarantees("discovery.words")
def test_a_mistyped_word_means_the_known_one_that_it_is_most_like_and_weighs_less(terms: Terms) -> None:
    """A guess must not outweigh what was typed right."""
    right, guessed = dict(terms.of_question("supplier")), dict(terms.of_question("supllier"))

    assert right["#1"] == 1.0
    assert 0 < guessed["#1"] < 1.0


@guarantees("discovery.words")
@pytest.mark.parametrize("nothing", ["", "the of is", "?!", "4711", "xqzvw", "日本語"])
def test_what_holds_no_word_has_no_terms(nothing: str, terms: Terms) -> None:
    """Numbers of records, words that tell nothing apart and words that are like none find nothing."""
    assert terms.of_question(nothing) == []


@guarantees("P9.bounded")
def test_a_long_question_costs_no_more_than_its_first_words(terms: Terms) -> None:
    """What is typed comes from outside."""
    asked = terms.of_question("stock " * (MAX_WORDS + 5) + "supplier")

    assert "#1" not in dict(asked)
    assert len(asked) <= 2 * MAX_WORDS
