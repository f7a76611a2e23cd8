"""Why a cell has no test: worked out from the shipped profiles and tools, never typed in."""

from __future__ import annotations

from pathlib import Path
from typing import Final, NamedTuple

from erp_mcp.analyses import ANALYSES
from erp_mcp.catalog.load import load_catalog
from erp_mcp.commands import OPERATIONS
from erp_mcp.domain.profile import Profile
from erp_mcp.domain.tool import Tool
from erp_mcp.systems import SHIPPED, load_profile
from tests.systems.matrix.covering import FAULTS, PAGING, PROFILES, QUESTIONS, SYNC, WRITING
from tests.systems.same_answers.by_tool import ASKED

_ROOT: Final = Path(__file__).resolve().parents[3]


class Facts(NamedTuple):
    """The shipped profiles of each column, and the tools of the rows that are tools."""

    profiles: dict[str, tuple[Profile, ...]]
    tools: dict[str, Tool]


def facts() -> Facts:
    """Return what the reasons are worked out from."""
    profiles = {column: tuple(load_profile(name, [SHIPPED]) for name in names) for column, names in PROFILES.items()}
    tools = [tool for tool in load_catalog([_ROOT / "tools"], ANALYSES, OPERATIONS).tools.values() if tool.entities]
    return Facts(profiles, {tool.name: tool for tool in tools})


def rows(known: Facts) -> list[str]:
    """Return the rows in their order: synchronising, asking, each tool that reads records, writing, what goes wrong."""
    reading = [name for name, tool in known.tools.items() if tool.effect == "read"]
    return [SYNC, QUESTIONS, *sorted(reading), *WRITING, PAGING, FAULTS]


def reason(column: str, row: str, known: Facts) -> str:
    """Return why a system does not do something, empty where it should and nothing tries it."""
    profiles = known.profiles[column]
    if not profiles and (row in known.tools or row in (QUESTIONS, *WRITING)):
        return "no product is read there: what is tried is the kind, with tables of the tests"
    if row in WRITING and not any(one.commands for one in profiles):
        return f"profile {profiles[0].name} opens no operation for writing"
    tool = known.tools.get(row)
    if tool is not None and not any(set(tool.entities) & set(one.entities) for one in profiles):
        return "it has none of the records that this tool reads"
    if tool is not None and tool.effect == "read" and row not in ASKED:
        return "not compared yet: its answers are proved over the demo plant alone"
    return ""
