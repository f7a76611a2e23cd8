"""The asking side: an MCP client over stdio that knows nothing but tool answers."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import cache
from pathlib import Path
from typing import Any

from mcp import Client, StdioServerParameters
from mcp.shared.exceptions import MCPError

from tests.warm import COLD, Warm

Row = dict[str, Any]
PAGE = 10  # small on purpose: whoever forgets to page loses most of an answer


class RefusedError(Exception):
    """A call was refused; `code` is the refusal's, `facts` what it says beside."""

    def __init__(self, code: str, facts: dict[str, Any] | None = None) -> None:
        super().__init__(code)
        self.code = code
        self.facts = facts or {}


class Desk:
    """One agent at work: calls tools, follows cursors, counts its calls and the tokens they cost.

    Args:
        client: A connected client.
        page: Rows a page; `None` leaves it to the server.
        offline: Name of a system that is known to be offline, empty for none: answers may then be without it.
    """

    def __init__(self, client: Client, *, page: int | None = PAGE, offline: str = "") -> None:
        self._client = client
        self._page = page
        self._offline = offline
        self.calls: Counter[str] = Counter()
        self.tokens = 0  # of arguments sent and texts received
        self._listed: frozenset[str] | None = None
        self.heard: list[dict[str, Any]] = []  # every answer and refusal, until somebody clears it

    async def ask(self, tool: str, **arguments: object) -> dict[str, Any]:
        """Return the structured answer of one call.

        Raises:
            RefusedError: with the code of the refusal.
        """
        self.calls[tool] += 1
        name, given = await self._as_called(tool, dict(arguments))
        self.tokens += _tokens(json.dumps({"name": name, "arguments": given}))
        try:
            result = await self._client.call_tool(name, given)
        except MCPError as error:  # how the protocol says that there is no such tool
            raise RefusedError("call.unknown_tool") from error
        content = result.structured_content
        assert isinstance(content, dict), f"{tool}: no structured content"
        self.tokens += _tokens("".join(one.text for one in result.content if one.type == "text"))
        self.heard.append(content)
        if result.is_error:
            raise RefusedError(str(content["error"]["code"]), content["error"].get("facts"))
        return content

    async def _as_called(self, tool: str, arguments: dict[str, Any]) -> tuple[str, dict[str, Any]]:
        """Return what a client sends: a tool that is not on its list is called through `call_tool`, where that is."""
        if self._listed is None:
            self._listed = frozenset(one.name for one in (await self._client.list_tools()).tools)
        if tool in self._listed or "call_tool" not in self._listed:
            return tool, arguments
        return "call_tool", {"name": tool, "arguments": arguments}

    async def pages(self, tool: str, **arguments: object) -> AsyncIterator[dict[str, Any]]:
        """Yield the answers of a paged tool until the last."""
        limit = {"limit": self._page} if self._page else {}
        answer = await self.ask(tool, **limit, **arguments)
        yield answer
        while cursor := answer.get("next_cursor"):
            answer = await self.ask(tool, **limit, cursor=cursor, **arguments)
            yield answer
        # What a system of record does not keep is named; all rows that there are have come all the same.
        named = any("field" in gap or gap.get("system") == self._offline for gap in answer.get("gaps", ()))
        assert answer["complete"] or named, f"{tool}: the last page is not complete"

    async def table(self, tool: str, name: str, **arguments: object) -> list[Row]:
        """Return all rows of a paged table, page by page."""
        found: list[Row] = []
        async for answer in self.pages(tool, **arguments):
            page = rows(answer, name)
            assert self._page is None or len(page) <= self._page, f"{tool}: a page of {len(page)} rows"
            found += page
        return found


def rows(answer: dict[str, Any], name: str) -> list[Row]:
    """Return the rows of one table of an answer, by column name."""
    table = answer["tables"][name]
    return [dict(zip(table["columns"], row, strict=True)) for row in table["rows"]]


@cache
def _ranks() -> Any:
    import bpe_openai  # takes a second, which who only collects tests need not spend

    return bpe_openai.get_encoding("o200k_base")


def _tokens(text: str) -> int:
    return len(_ranks().encode(text))


@asynccontextmanager
async def desk(
    directory: Path, agent: str, *, page: int | None = PAGE, offline: str = "", warm: Warm = COLD
) -> AsyncIterator[Desk]:
    """Start the server of a demo plant as an agent and connect to it."""
    command, *arguments = warm.command("serve", "--demo-dir", str(directory), "--as", agent)
    server = StdioServerParameters(command=command, args=arguments)
    async with Client(server) as client:
        yield Desk(client, page=page, offline=offline)
