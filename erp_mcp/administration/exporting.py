"""A whole answer, page by page: each page is a call like any other, under the same policy and with its own record."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from erp_mcp.bootstrap import Deployment
from erp_mcp.domain.answer import Answer, Refusal, Source
from erp_mcp.domain.call import JsonValue, ToolCall
from erp_mcp.domain.tool import Tool

PAGE_ROWS: Final = 200
CLIENT: Final = "erp-mcp tools call --export"
RENEWED: Final = "The data were renewed while they were read: a row may be missing or stand there twice."


@dataclass(frozen=True, slots=True, kw_only=True)
class Export:
    """One answer put together from its pages; `call_ids` are those of their audit records, in order."""

    tool: Tool
    agent: str
    arguments: Mapping[str, JsonValue]
    answer: Answer
    call_ids: tuple[str, ...]


def gathered(
    deployment: Deployment,
    agent: str,
    call: ToolCall,
    *,
    max_rows: int,
    progress: Callable[[int], None] = lambda _: None,
) -> Export | Refusal:
    """Return all that a call answers, however many pages it takes.

    Args:
        deployment: Where to ask.
        agent: Who asks; empty for the agent of the configuration.
        call: The call; its id is that of the first page and joins the records of all pages.
        max_rows: Rows of the paged table kept at most; one cut there is called incomplete.
        progress: Told the number of rows after each page.

    Returns:
        The answer; or the refusal of a page, of which nothing must then be kept.
    """
    return asyncio.run(_gathered(deployment, agent, call, max_rows, progress))


async def _gathered(
    deployment: Deployment, agent: str, call: ToolCall, max_rows: int, progress: Callable[[int], None]
) -> Export | Refusal:
    principal, tool = deployment.principal(agent), deployment.catalog.get(call.tool)
    paged = tool.paged.name if tool is not None and tool.paged is not None else ""
    arguments = {**call.arguments, "limit": PAGE_ROWS} if paged else dict(call.arguments)
    whole: Answer | None = None
    call_ids: list[str] = []
    while True:
        page_id = deployment.ids.new() if call_ids else call.call_id
        asked = ToolCall(
            tool=call.tool, arguments=arguments, call_id=page_id, correlation_id=call.call_id, client=CLIENT
        )
        page = await deployment.gateway.call(principal, asked)
        if isinstance(page, Refusal):
            return page
        call_ids.append(page_id)
        whole = page if whole is None else _joined(whole, page, paged)
        progress(len(whole.tables[paged].rows) if paged else 0)
        if not page.next_cursor or not page.tables[paged].rows or _is_full(whole, paged, max_rows):
            break
        arguments = {**arguments, "cursor": page.next_cursor}
    assert tool is not None  # noqa: S101 - what answered is in the catalogue
    return Export(tool=tool, agent=principal.agent, arguments=call.arguments, answer=whole, call_ids=tuple(call_ids))


def _is_full(whole: Answer, paged: str, max_rows: int) -> bool:
    table = whole.tables[paged]
    if len(table.rows) < max_rows or (len(table.rows) == max_rows and not whole.next_cursor):
        return False
    table.rows = table.rows[:max_rows]
    whole.complete = False
    whole.warnings.append(f"{paged} was cut after {max_rows:,} rows; narrow the question, or allow more rows.")
    return True


def _joined(whole: Answer, page: Answer, paged: str) -> Answer:
    """Add a page; tables that do not page are those of the first one."""
    whole.tables[paged].rows += page.tables[paged].rows
    whole.complete = whole.complete and page.complete
    whole.next_cursor = page.next_cursor
    renewed = {(one.system, one.as_of) for one in whole.sources} != {(one.system, one.as_of) for one in page.sources}
    told = [*page.warnings, RENEWED] if renewed else page.warnings
    whole.warnings += [one for one in told if one not in whole.warnings]
    whole.gaps += [one for one in page.gaps if one not in whole.gaps]
    whole.sources = _oldest([*whole.sources, *page.sources])
    return whole


def _oldest(sources: list[Source]) -> list[Source]:
    """Return one source per system and way, each as old as its oldest page."""
    oldest: dict[tuple[str, str], Source] = {}
    for one in sources:
        known = oldest.setdefault((one.system, one.via), one)
        if one.as_of < known.as_of:
            oldest[one.system, one.via] = one
    return list(oldest.values())
