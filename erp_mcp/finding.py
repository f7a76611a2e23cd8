"""Step (5) for the tools that find others: answered from the catalogue, as far as the caller may call it.

What the caller may not call is not found, not described, and answers as what never was.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from erp_mcp import answers, discovery
from erp_mcp.catalog.discovery_tables import MAX_FOUND
from erp_mcp.catalog.registry import Catalog
from erp_mcp.domain.answer import Answer
from erp_mcp.domain.nearest import nearest
from erp_mcp.domain.tool import Tool
from erp_mcp.errors import PersonalDataError, UnknownToolError
from erp_mcp.policy import personal
from erp_mcp.policy.listing import listed
from erp_mcp.reading import Question

MAX_INDEXES: Final = 32  # one for each set of tools that some role may call; policies change, and old ones go
TYPO: Final = 0.85  # how like a tool's name one must be for it to be suggested


@dataclass(kw_only=True)
class Finding:
    """Answers about the tools of one catalogue; what they are searched by is worked out once for each role."""

    catalog: Catalog
    _indexes: dict[tuple[str, ...], discovery.Index] = field(default_factory=dict)

    def _index(self, able: Sequence[Tool]) -> discovery.Index:
        """Return what these tools are searched by: by their words alone, since another's would tell that it is there.

        A word that some tool has is taken as it is, any other one for a slip of the pen.
        """
        names = tuple(tool.name for tool in able)
        if names not in self._indexes:
            if len(self._indexes) >= MAX_INDEXES:
                self._indexes.clear()
            self._indexes[names] = discovery.Index(able, self.catalog.vocabulary)
        return self._indexes[names]

    def answer(self, question: Question, able: Sequence[Tool], shows: Sequence[str] | None) -> Answer:
        """Return what was found, or what one tool is.

        Args:
            question: A checked call of a tool that finds or describes.
            able: The tools that the caller may call, in the order of the catalogue.
            shows: What the policy says of the caller's list.

        Raises:
            UnknownToolError: `call.unknown_tool`, for a name that is none of `able`.
        """
        shown = {tool.name for tool in listed(able, shows)}
        warnings: list[str] = []
        if question.tool.discovery == "search":
            query = str(question.checked.arguments["query"])
            hits = self._index(able).search(query)
            rows = discovery.found(hits[:MAX_FOUND], shown)
            warnings = discovery.advice(hits, able, MAX_FOUND)
            if personal.mentions(query):
                warnings.append(PersonalDataError.summary)
        else:
            rows = discovery.described(_named(str(question.checked.arguments["name"]), able), shown)
        tables = {table.name: answers.shape(table, rows[table.name])[0] for table in question.tool.tables}
        return Answer(tables=tables, complete=True, sources=[], warnings=warnings, call_id=question.call_id)


def unknown(name: str, able: Sequence[Tool]) -> UnknownToolError:
    """Return the error about a name that is none of these tools, with the one that was probably meant."""
    meant = nearest(name, (tool.name for tool in able), cutoff=TYPO)
    return UnknownToolError(**({"suggestion": meant} if meant else {}))


def of_argument(error: UnknownToolError) -> UnknownToolError:
    """Return the same about a tool that an argument names: the tool that was called is there."""
    return UnknownToolError(argument="name", **error.facts)


def _named(name: str, able: Sequence[Tool]) -> Tool:
    found = next((tool for tool in able if tool.name == name), None)
    if found is None:
        raise of_argument(unknown(name, able))
    return found
