"""An answer that fits: never more than 8,000 tokens without a cursor to go on with."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

from erp_mcp.answers.render import text
from erp_mcp.domain.answer import Answer, ResultTable

MAX_TOKENS: Final = 8_000
# How a byte-pair tokeniser cuts at worst: a consonant with its vowel, three digits, or one sign at a time; a space
# costs nothing before a word.
_PIECES: Final = re.compile(
    r"[b-df-hj-np-tv-zB-DF-HJ-NP-TV-Z]?[aeiouAEIOU]|[A-Za-z]|[0-9]{1,3}|[!-/:-@\[-`{-~]| (?![A-Za-z])"
)
# Scripts and pictures in daily use cost a token per two bytes; anything rarer one per byte.
_COMMON: Final = re.compile(
    "[\u00a1-\u052f\u0590-\u06ff\u2010-\u2026\u3001-\u30ff\u4e00-\u9fff\uac00-\ud7af\U0001f300-\U0001faff]+"
)
_NULL: Final = 2  # a null is nothing in the text, but `null,` in the structured form
_ENVELOPE: Final = 200  # names of the structured form that the text does without


def tokens_at_most(answer: Answer) -> int:
    """Return an upper estimate of the tokens of either form of an answer.

    It holds for prose in any script and for strings of random letters, digits or signs alike; for plain tables it is
    some 20 % too high, for prose up to twice. Tests hold it against the o200k tokeniser.
    """
    shown = text(answer)
    size = len(shown.encode("utf-8"))
    nulls = sum(row.count(None) for table in answer.tables.values() for row in table.rows)
    fixed = _ENVELOPE + _NULL * nulls
    if size + fixed <= MAX_TOKENS:
        return size + fixed  # no token is shorter than a byte, and nobody asks for less
    return len(_PIECES.findall(shown)) + _beyond_ascii(shown, size) + fixed


def _beyond_ascii(shown: str, size: int) -> int:
    if len(shown) == size:
        return 0
    common = sum(len(run.encode("utf-8")) for run in _COMMON.findall(shown))
    return size - len(shown.encode("ascii", "ignore")) - common // 2


def fit(
    answer: Answer, *, paged: str = "", cursor_after: Callable[[int], str] | None = None, max_tokens: int = MAX_TOKENS
) -> Answer:
    """Cut rows from the end until an answer fits.

    Args:
        answer: The answer; it is changed in place when it is too long.
        paged: Name of the table that pages, empty for none; it is cut first, and with a cursor.
        cursor_after: Gives the cursor that goes on after that many rows of the paged table.
        max_tokens: The bound, by `tokens_at_most`.

    Returns:
        The same answer. A table that was cut without a cursor makes it incomplete, with a warning that says so.
    """
    if tokens_at_most(answer) <= max_tokens:
        return answer
    if paged and cursor_after is not None:
        kept = _cut(answer, answer.tables[paged], max_tokens, floor=1)
        answer.next_cursor = cursor_after(kept)
    for name in sorted(answer.tables, key=lambda name: -len(answer.tables[name].rows)):
        if tokens_at_most(answer) <= max_tokens:
            break
        if name != paged:
            _cut_for_good(answer, name, max_tokens)
    return answer


def _cut_for_good(answer: Answer, name: str, max_tokens: int) -> None:
    table = answer.tables[name]
    total = len(table.rows)
    answer.complete = False
    answer.warnings.append(f"{name} was cut to fit; narrow the question for the rest.")
    kept = _cut(answer, table, max_tokens, floor=0)
    if kept < total:
        answer.warnings[-1] = f"{name} shows {kept} of {total} rows; narrow the question for the rest."


def _cut(answer: Answer, table: ResultTable, max_tokens: int, *, floor: int) -> int:
    """Keep the most rows of one table with which the answer fits, at least `floor`, and return how many."""
    rows = table.rows
    low, high = min(floor, len(rows)), len(rows)
    while low < high:
        middle = (low + high + 1) // 2
        table.rows = rows[:middle]
        if tokens_at_most(answer) <= max_tokens:
            low = middle
        else:
            high = middle - 1
    table.rows = rows[:low]
    return low
