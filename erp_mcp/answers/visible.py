"""What a person must see of a text that others wrote: each character that hides, moves others or poses, as its code."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from typing import Final

_HIDDEN: Final = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
_BLANKS: Final = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u180b\u180c\u180d\u180f\u2800\u3164\uffa0")
_MAX_MARKS: Final = 2
_WORD: Final = re.compile(r"\w+")
_LATIN: Final = re.compile(r"[A-Za-z]")
_SIGNS: Final = frozenset("µμΩ")  # signs of units, letters by category
_SCRIPTS: Final = ("CYRILLIC ", "GREEK ", "ARMENIAN ", "CHEROKEE ", "COPTIC ", "LISU ")  # with letters like Latin ones
_ALIKE: Final = frozenset("АВЕЅІЈКМНОРСТУХаеѕіјкорсухԁԛԝһӏѵΑΒΕΖΗΙΚΜΝΟΡΤΥΧοѕ")


def visible(text: str) -> str:
    """Return a text with every character that a person would not see, that moves others, or that poses, as its code.

    What poses is a letter of another script in a word with Latin ones, and a letter that is another one in another
    style: such a letter stays, with its code behind it.
    """
    return "".join(shown(text))


def shown(text: str) -> Iterator[str]:
    """Yield what is shown for each character; of marks that pile up on one, the first few."""
    marks = 0
    posing = frozenset() if text.isascii() else frozenset(_posing(text))
    for index, one in enumerate(text):
        marks = marks + 1 if unicodedata.category(one) in {"Mn", "Me"} else 0
        code = f"⟨U+{ord(one):04X}⟩"
        if marks > _MAX_MARKS or _is_hidden(one):
            yield code
        else:
            yield f"{one}{code}" if index in posing else one


def _posing(text: str) -> Iterator[int]:
    """Yield where letters stand that look like others and are none."""
    among_latin = _LATIN.search(text) is not None
    for word in _WORD.finditer(text):
        foreign = _LATIN.search(word[0]) is not None or (among_latin and all(one in _ALIKE for one in word[0]))
        for index, one in enumerate(word[0], word.start()):
            if _is_styled(one) or (foreign and one not in _SIGNS and _is_foreign(one)):
                yield index


def _is_foreign(one: str) -> bool:
    return unicodedata.name(one, "").startswith(_SCRIPTS)


def _is_styled(one: str) -> bool:
    """Whether it is an ASCII letter or digit in another dress: full width, mathematical."""
    if one.isascii() or unicodedata.category(one) not in {"Lu", "Ll", "Nd"} or one in _SIGNS:
        return False
    plain = unicodedata.normalize("NFKC", one)
    return len(plain) == 1 and plain.isascii()


def _is_hidden(one: str) -> bool:
    if one.isascii():
        return not one.isprintable()
    selector = "\ufe00" <= one <= "\ufe0f" or "\U000e0100" <= one <= "\U000e01ef"
    strange_space = unicodedata.category(one) == "Zs"
    return selector or strange_space or one in _BLANKS or unicodedata.category(one) in _HIDDEN
