"""From text to terms: folded letters, cut endings, known phrases, parts of compounds, words that were mistyped.

A term is a cut word, or `#n` for what all words of synonym group n mean. The same path is taken by what is indexed and
by what is asked, so it need not be good grammar, only the same one.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from typing import Final

from erp_mcp.domain.vocabulary import Vocabulary

MAX_PHRASE: Final = 4  # words of one synonym
MAX_WORDS: Final = 40  # of one question
MAX_LETTERS: Final = 40  # of one word
LIKE: Final = 0.5  # how like a known word an unknown one must be, 0 to 1
_SHORTEST_PART: Final = 3  # letters of a part of a compound
_COMPOUND: Final = 7  # letters from which a word may be one
_LINKS: Final = ("", "s", "n", "en", "es")  # between the parts of a German compound
_CAMEL: Final = re.compile(r"(?<=[a-z])(?=[A-Z])")
_WORD: Final = re.compile(r"[a-z]+|[0-9]+")
_DIGRAPHS: Final = (("ae", "a"), ("oe", "o"), ("ue", "u"), ("ph", "f"))
_ENDINGS: Final = ("ing", "ed", "en", "er", "em", "es", "e", "n", "s")

Weighted = tuple[str, float]


def words(text: str) -> list[str]:
    """Return the words of a text: lower case, without accents, cut from their endings."""
    spaced = _CAMEL.sub(" ", text).replace("ß", "ss")
    folded = unicodedata.normalize("NFKD", spaced.casefold())
    plain = "".join(one for one in folded if not unicodedata.combining(one))
    return [cut(word[:MAX_LETTERS]) for word in _WORD.findall(plain)]


@lru_cache(maxsize=4096)
def cut(word: str) -> str:
    """Return a folded word without its ending, as English and German inflect: `orders` and `Aufträgen` lose theirs."""
    for written, read in _DIGRAPHS:
        word = word.replace(written, read)
    if word.endswith("ies") and len(word) > 4:
        return f"{word[:-3]}y"
    if word.endswith("s") and len(word) > 3 and word[-2] not in "su":
        word = word[:-1]
    for ending in _ENDINGS:
        if word.endswith(ending) and len(word) - len(ending) >= 4:
            return word[: -len(ending)]
    return word


class Terms:
    """Turns texts into terms by one vocabulary."""

    def __init__(self, vocabulary: Vocabulary) -> None:
        """Take up the synonyms and the words that are ignored."""
        self._ignored = {word for text in vocabulary.ignored for word in words(text)}
        self._phrases: dict[tuple[str, ...], list[str]] = {}
        for number, group in enumerate(vocabulary.synonyms):
            for text in group:
                phrase = tuple(words(text))
                groups = self._phrases.setdefault(phrase, [])
                if f"#{number}" not in groups:
                    groups.append(f"#{number}")
        self._known = {word for phrase in self._phrases for word in phrase if not word.isdigit()}
        self._by_trigram: dict[str, set[str]] = {}
        for word in self._known:
            self._file(word)

    def learn(self, texts: Iterable[str]) -> None:
        """Take the words of indexed texts for known, so that a mistyped one is found."""
        for text in texts:
            for word in words(text):
                if word not in self._known and len(word) > 2 and not word.isdigit():
                    self._known.add(word)
                    self._file(word)

    def of_text(self, text: str) -> list[str]:
        """Return the terms of a text that is indexed."""
        return [term for term, _ in self._terms(words(text))]

    def of_question(self, text: str) -> list[Weighted]:
        """Return the terms of a question; a guess weighs less than a word that is known."""
        asked: list[str] = []
        guessed: list[Weighted] = []
        for word in words(text)[:MAX_WORDS]:
            if word in self._known or word in self._ignored or word.isdigit() or len(word) < 3:
                asked.append(word)
                continue
            parts = self._parts(word)
            if parts:
                asked.extend(parts)
            else:
                guessed.extend(self._like(word))
        return [*self._terms(asked), *guessed]

    def _terms(self, sequence: Sequence[str]) -> Iterator[Weighted]:
        """Yield what phrases mean, the longest at each place, and each word for itself."""
        for start, word in enumerate(sequence):
            for size in range(min(MAX_PHRASE, len(sequence) - start), 0, -1):
                meant = self._phrases.get(tuple(sequence[start : start + size]))
                if meant and (size > 1 or word not in self._ignored):
                    yield from ((group, 1.0 if size == 1 else 1.5) for group in meant)
                    break
            if word not in self._ignored and not word.isdigit():
                yield word, 0.5 if (word,) in self._phrases else 1.0

    def _parts(self, word: str) -> list[str]:
        """Return the known words that a compound is made of, the longest first part that works out; else nothing."""
        if len(word) < _COMPOUND:
            return []
        for end in range(len(word) - _SHORTEST_PART, _SHORTEST_PART - 1, -1):
            first, rest = self._as_known(word[:end]), word[end:]
            if not first:
                continue
            last = self._as_known(rest)
            tail = [last] if last else self._parts(rest)
            if tail:
                return [first, *tail]
        return []

    def _as_known(self, part: str) -> str:
        for link in _LINKS:
            bare = part.removesuffix(link) if link else part
            if len(bare) >= _SHORTEST_PART:
                known = next((one for one in (bare, cut(bare)) if one in self._known), "")
                if known:
                    return known
        return ""

    def _like(self, word: str) -> list[Weighted]:
        """Return the known word most like one that is not known, with what it means; nothing when none is like it."""
        wanted = set(_trigrams(word))
        shared: dict[str, int] = {}
        for trigram in wanted:
            for known in self._by_trigram.get(trigram, ()):
                shared[known] = shared.get(known, 0) + 1
        scored = ((2 * count / (len(wanted) + len(known)), known) for known, count in shared.items())
        best = max(((like, known) for like, known in scored if like >= LIKE), default=None)
        if best is None:
            return []
        return [(term, weight * best[0]) for term, weight in self._terms([best[1]])]

    def _file(self, word: str) -> None:
        for trigram in _trigrams(word):
            self._by_trigram.setdefault(trigram, set()).add(word)


def _trigrams(word: str) -> list[str]:
    padded = f" {word} "
    return [padded[start : start + 3] for start in range(len(padded) - 2)]
