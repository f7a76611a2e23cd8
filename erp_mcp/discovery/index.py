"""Ranks tools by a question: BM25 over the fields of a tool, each with its weight.

What is rare among the tools tells them apart. An index is made of the tools that its caller may call and of no other:
a hidden tool changes no rank, and none of its words makes a mistyped one known.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from math import log
from typing import Final

from erp_mcp.discovery.terms import Terms, words
from erp_mcp.domain.tool import Tool
from erp_mcp.domain.vocabulary import Vocabulary

# How much a word tells, by where it stands.
NAME: Final = 3.0
TITLE: Final = 2.0
OWN_WORDS: Final = 3.0
DESCRIPTION: Final = 1.0
TOOLSET: Final = 0.5
ARGUMENTS: Final = 0.5
COLUMNS: Final = 0.4
_SATURATION: Final = 1.2  # BM25's k1
_LENGTH: Final = 0.3  # BM25's b: tools with many columns are not worse for it
_ENOUGH: Final = 0.2  # of the best score
_PROPOSING: Final = 0.85  # who asks is shown what reads first, unless the words are those of a change


@dataclass(frozen=True, slots=True, kw_only=True)
class _Document:
    """One tool as it is searched: weight by term, and the weight of all together."""

    tool: Tool
    terms: Mapping[str, float]
    size: float


class Index:
    """Some tools, searchable by any part of them."""

    def __init__(self, tools: Iterable[Tool], vocabulary: Vocabulary) -> None:
        """Index the tools; some milliseconds, once."""
        tools = [tool for tool in tools if tool.effect != "discovery"]
        own = dict(vocabulary.tools)
        self._terms = Terms(vocabulary)
        fields = {tool.name: _fields(tool, own.get(tool.name, ())) for tool in tools}
        self._terms.learn(text for parts in fields.values() for text, _ in parts)
        self._documents = [self._document(tool, fields[tool.name]) for tool in tools]

    def search(self, question: str) -> list[Tool]:
        """Return the tools that a question may be about, the best first.

        Args:
            question: What somebody wants to know, in their words; at most `MAX_WORDS` of them count.

        Returns:
            Every tool with a score worth naming beside the best one's; equal scores in the order of their names.
        """
        documents = self._documents
        asked = _merged(self._terms.of_question(question))
        known = {term: sum(term in one.terms for one in documents) for term in asked}
        weights = {term: asked[term] * _rarity(count, len(documents)) for term, count in known.items() if count}
        if not weights:
            return []
        usual = sum(one.size for one in documents) / len(documents)
        exact = " ".join(words(question))
        scored = [(_score(one, weights, usual) * _factor(one, exact), one.tool) for one in documents]
        best = max(score for score, _ in scored)
        kept = [(score, tool) for score, tool in scored if score > 0 and score >= _ENOUGH * best]
        return [tool for _, tool in sorted(kept, key=lambda pair: (-pair[0], pair[1].name))]

    def _document(self, tool: Tool, parts: list[tuple[str, float]]) -> _Document:
        weights: Counter[str] = Counter()
        for text, weight in parts:
            for term in self._terms.of_text(text):
                weights[term] += weight  # type: ignore[assignment]  # a Counter takes any number
        return _Document(tool=tool, terms=dict(weights), size=sum(weights.values()))


def _fields(tool: Tool, own: tuple[str, ...]) -> list[tuple[str, float]]:
    values = [value for argument in tool.arguments for value in argument.values]
    arguments = [text for argument in tool.arguments for text in (argument.name, argument.description)]
    columns = [f"{table.name} {' '.join(column.name for column in table.columns)}" for table in tool.tables]
    return [
        (tool.name, NAME),
        (tool.title, TITLE),
        *((text, OWN_WORDS) for text in own),
        (tool.description, DESCRIPTION),
        (tool.toolset, TOOLSET),
        *((text, ARGUMENTS) for text in (*arguments, *values) if text),
        *((text, COLUMNS) for text in columns),
    ]


def _merged(terms: Iterable[tuple[str, float]]) -> dict[str, float]:
    """Return each term once, with the most that it weighs: who says a word twice does not mean it more."""
    merged: dict[str, float] = {}
    for term, weight in terms:
        merged[term] = max(weight, merged.get(term, 0.0))
    return merged


def _rarity(count: int, documents: int) -> float:
    return log(1 + (documents - count + 0.5) / (count + 0.5))


def _score(document: _Document, weights: Mapping[str, float], usual: float) -> float:
    """Return BM25 of one tool, times the part of the question that it knows about."""
    length = 1 - _LENGTH + _LENGTH * document.size / usual
    score = covered = 0.0
    for term, weight in weights.items():
        found = document.terms.get(term)
        if found is None:
            continue
        score += weight * found * (_SATURATION + 1) / (found + _SATURATION * length)
        covered += weight
    return score * (0.5 + 0.5 * covered / sum(weights.values()))


def _factor(document: _Document, exact: str) -> float:
    """Who types the name of a tool means it; between a tool that reads and one that proposes, reading comes first."""
    if exact == " ".join(words(document.tool.name)):
        return 10.0
    return _PROPOSING if document.tool.effect == "write" else 1.0
