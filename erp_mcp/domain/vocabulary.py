"""What people call the things that tools are about: synonyms in several languages, as data."""

from __future__ import annotations

from dataclasses import dataclass

Words = tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Vocabulary:
    """Words by which tools are searched.

    `synonyms` are groups of words and short phrases that mean the same, `tools` gives further words of single tools by
    name, and `ignored` are words that tell tools apart in no way.
    """

    synonyms: tuple[Words, ...] = ()
    tools: tuple[tuple[str, Words], ...] = ()
    ignored: Words = ()


NO_WORDS = Vocabulary()
