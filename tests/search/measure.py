"""Ranks the tools of the shipped catalogue by each phrasing of `phrasings.yaml`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

from ruamel.yaml import YAML

from erp_mcp.discovery import Index
from tests.unit.projections.small_plant import shipped

HALVES: Final = ("building", "held_out")
FILE: Final = Path(__file__).parent / "phrasings.yaml"


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """One phrasing: the right tool, what was found, and the place of the right one in it; 0 when it is not there."""

    words: str
    right: str
    found: tuple[str, ...]

    @property
    def place(self) -> int:
        """The place of the right tool, from 1."""
        return self.found.index(self.right) + 1 if self.right in self.found else 0


@cache
def phrasings() -> dict[str, list[tuple[str, str]]]:
    """Return both halves: what is said, and the right tool."""
    read = YAML(typ="safe").load(FILE.read_text(encoding="utf-8"))
    return {half: [(words, tool) for words, tool in read[half]] for half in HALVES}


@cache
def outcomes(half: str) -> tuple[Outcome, ...]:
    """Return what each phrasing of a half finds among all tools of the catalogue."""
    catalog = shipped()
    index = Index(catalog, catalog.vocabulary)
    names = {tool.name for tool in catalog}
    return tuple(
        Outcome(words=words, right=right, found=tuple(tool.name for tool in index.search(words)))
        for words, right in phrasings()[half]
        if right in names
    )


def within(found: Sequence[Outcome], places: int) -> int:
    """Return how many phrasings find the right tool among the first `places`."""
    return sum(1 <= one.place <= places for one in found)
