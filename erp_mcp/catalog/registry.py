"""The catalogue: every tool by name, in a stable order, under one digest."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from erp_mcp.domain.tool import Tool
from erp_mcp.domain.vocabulary import NO_WORDS, Vocabulary


@dataclass(frozen=True, slots=True, kw_only=True)
class Catalog:
    """All tools of a deployment. `tools` is sorted by toolset, then name; `digest` changes when any definition does.

    `vocabulary` holds the words by which they are searched, and changes neither.
    """

    tools: Mapping[str, Tool]
    digest: str
    vocabulary: Vocabulary = NO_WORDS

    def get(self, name: str) -> Tool | None:
        """Return the tool of this name, or `None`; whether a role may see it is for policy to say."""
        return self.tools.get(name)

    def __iter__(self) -> Iterator[Tool]:
        """Go through the tools in their stable order."""
        return iter(self.tools.values())

    def __len__(self) -> int:
        """Return the number of tools."""
        return len(self.tools)


def catalog_of(tools: Iterable[Tool], vocabulary: Vocabulary = NO_WORDS) -> Catalog:
    """Return the catalogue of these tools.

    Args:
        tools: Compiled tools with their `hash`; names are unique, which `load` has checked.
        vocabulary: Words by which they are searched.

    Returns:
        A catalogue whose digest is the SHA-256 over the sorted lines `name hash`.
    """
    ordered = sorted(tools, key=lambda tool: (tool.toolset, tool.name))
    lines = "\n".join(sorted(f"{tool.name} {tool.hash}" for tool in ordered))
    return Catalog(
        tools=MappingProxyType({tool.name: tool for tool in ordered}),
        digest=hashlib.sha256(lines.encode()).hexdigest(),
        vocabulary=vocabulary,
    )
