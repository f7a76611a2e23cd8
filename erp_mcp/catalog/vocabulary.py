"""Reads `search.yaml` of the tool folders: what people call the things that tools are about."""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Annotated, Final

from pydantic import Field, StringConstraints

from erp_mcp.catalog.grammar import Name, StrictForm
from erp_mcp.domain.vocabulary import Vocabulary
from erp_mcp.errors import CatalogFileError
from erp_mcp.strict_yaml import read_model

FILE: Final = "search.yaml"
Word = Annotated[str, StringConstraints(min_length=1, max_length=60, strip_whitespace=True)]


class SearchFile(StrictForm):
    """A whole `search.yaml`."""

    version: Annotated[int, Field(ge=1, le=1)]
    synonyms: list[Annotated[list[Word], Field(min_length=2, max_length=40)]] = []
    tools: dict[Name, Annotated[list[Word], Field(min_length=1, max_length=60)]] = {}
    ignored: list[Word] = []


def read_vocabulary(folders: Sequence[Path]) -> Vocabulary:
    """Return the words of all folders together; a folder without the file has none of its own.

    Raises:
        CatalogFileError: `catalog.bad_file`, with file, line, key and reason.
    """
    files = [_read(folder / FILE) for folder in folders if (folder / FILE).is_file()]
    own: dict[str, list[str]] = {}
    for file in files:
        for tool, words in file.tools.items():
            own.setdefault(tool, []).extend(words)
    return Vocabulary(
        synonyms=tuple(tuple(group) for file in files for group in file.synonyms),
        tools=tuple((tool, tuple(words)) for tool, words in own.items()),
        ignored=_distinct(word for file in files for word in file.ignored),
    )


def _read(path: Path) -> SearchFile:
    """Return a file's words; a process keeps what became of the last ones, so that nothing is read twice."""
    before = _digest(path)
    known = _READ.get(before)
    if known is None:
        known = read_model(path, SearchFile, CatalogFileError)[0]
        if before and before == _digest(path):  # not edited meanwhile
            while len(_READ) >= _MOST_READ:
                _READ.pop(next(iter(_READ)), None)
            _READ[before] = known
    return known


_READ: Final[dict[str, SearchFile]] = {}  # by digest of the file
_MOST_READ: Final = 16


def _digest(path: Path) -> str:
    with contextlib.suppress(OSError):
        return hashlib.sha256(path.read_bytes()).hexdigest()
    return ""


def _distinct(words: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(words))
