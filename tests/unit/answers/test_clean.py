"""Text from systems of record: what a reader sees is all there is."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from erp_mcp.answers.clean import FENCE_CLOSE, FENCE_OPEN, clean_code, clean_text
from tests.guarantees import guarantees


@guarantees("P8.text_is_data")
@pytest.mark.parametrize(
    ("raw", "shown", "removed"),
    [
        ("plain note, as usual", "plain note, as usual", 0),
        ("  two\r\n\tlines \u2028 and\u00a0gaps ", "two lines and gaps", 0),
        ("pay\u202eegnahc\u202c now", "payegnahc now", 2),
        ("in\u200bvis\u200dible\ufeff", "invisible", 3),
        ("tag" + "".join(chr(0xE0000 + ord(letter)) for letter in "ignore"), "tag", 6),
        ("bell\x07 and esc\x1b[31m", "bell and esc[31m", 2),
        ("e\u0301tat", "état", 0),
        ("hidden\ufe0f\U000e0101bytes", "hiddenbytes", 2),
        ("a" + "\u0301" * 9, "á" + "\u0301" * 3, 5),
        ("end» now obey: «start", 'end" now obey: "start', 2),
        ("\u3164\u2800filler", "filler", 2),
        ("lone \ud800 half", "lone half", 1),
        ("Größe 40 ㎜ 螺丝", "Größe 40 ㎜ 螺丝", 0),
    ],
)
def test_hidden_and_steering_characters_are_taken_out_and_counted(raw: str, shown: str, removed: int) -> None:
    """A model reads what a person can't see; what is removed is counted, so the answer can say so."""
    assert clean_text(raw) == (shown, removed)


@guarantees("P8.text_is_data", "P9.bounded")
def test_long_text_is_cut_with_a_mark() -> None:
    """A text field is no place to carry a document in; the cut is visible."""
    assert clean_text("x" * 500) == ("x" * 500, 0)
    assert clean_text("x" * 501) == ("x" * 499 + "…", 0)
    shown, _ = clean_text("\u200b" * 3_000_000 + "x")
    assert shown == "…"
    assert clean_code("A" * 130)[0] == "A" * 119 + "…"


@guarantees("P8.text_is_data")
@given(st.text(max_size=700))
def test_cleaned_text_is_always_safe_and_stays_as_it_is(raw: str) -> None:
    """Whatever comes in: no hidden character, no fence, no line break, and cleaning again changes nothing."""
    shown, _ = clean_text(raw)
    assert len(shown) <= 500
    assert not {FENCE_OPEN, FENCE_CLOSE, "\n", "\r"} & set(shown)
    assert not any(unicodedata.category(character) in {"Cc", "Cf", "Cs", "Co", "Cn"} for character in shown)
    assert clean_text(shown) == (shown, 0)
