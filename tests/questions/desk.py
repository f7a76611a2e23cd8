"""The asking side: an MCP client over stdio that knows nothing but tool answers."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from mcp import Client, StdioServerParameters

Row = dict[str, Any]
PAGE = 10  # small on purpose: whoever forgets to page loses most of an answer


class RefusedError(Exception):
    """A call was refused; `code` is the refusal's."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


class Desk:
    """One agent at work: calls tools, follows cursors, counts its calls."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self.calls: Counter[str] = Counter()

    async def ask(self, tool: str, **arguments: object) -> dict[str, Any]:
        """Return the structured answer of one call.

        Raises:
            RefusedError: with the code of the refusal.
        """
        self.calls[tool] += 1
        result = await self._client.call_tool(tool, dict(arguments))
        content = result.structured_content
        assert isinstance(content, dict), f"{tool}: no structured content"
        if result.is_error:
            raise RefusedError(str(content["error"]["code"]))
        return content

    async def pages(self, tool: str, **arguments: object) -> AsyncIterator[dict[str, Any]]:
        """Yield the answers of a paged tool until the last, ten rows each."""
        answer = await self.ask(tool, limit=PAGE, **arguments)
        yield answer
        while cursor := answer.get("next_cursor"):
            answer = await self.ask(tool, limit=PAGE, cursor=cursor, **arguments)
            yield answer
        # What a system of record does not keep is named; all rows that there are have come all the same.
        named = any("field" in gap for gap in answer.get("gaps", ()))
        assert answer["complete"] or named, f"{tool}: the last page is not complete"

    async def table(self, tool: str, name: str, **arguments: object) -> list[Row]:
        """Return all rows of a paged table, page by page."""
        found: list[Row] = []
        async for answer in self.pages(tool, **arguments):
            page = rows(answer, name)
            assert len(page) <= PAGE, f"{tool}: a page of {len(page)} rows"
            found += page
        return found


def rows(answer: dict[str, Any], name: str) -> list[Row]:
    """Return the rows of one table of an answer, by column name."""
    table = answer["tables"][name]
    return [dict(zip(table["columns"], row, strict=True)) for row in table["rows"]]


@asynccontextmanager
async def desk(directory: Path, agent: str) -> AsyncIterator[Desk]:
    """Start the server of a demo plant as an agent and connect to it."""
    server = StdioServerParameters(
        command=sys.executable, args=["-m", "erp_mcp", "serve", "--demo-dir", str(directory), "--as", agent]
    )
    async with Client(server) as client:
        yield Desk(client)
