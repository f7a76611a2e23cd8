"""Arguments and result tables of the tools that find, describe and call other tools.

They are not written in tool files: what they do is the gateway's own, and an operator's file can't make it otherwise.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from erp_mcp.domain.tool import Argument, Column, Table

MAX_QUERY: Final = 120
MAX_FOUND: Final = 6

_NAME: Final = Argument(name="name", type="code", description="", required=True)


def _table(name: str, max_rows: int, **kinds: str) -> Table:
    columns = tuple(Column(name=column, kind=kind) for column, kind in kinds.items())
    return Table(name=name, columns=columns, max_rows=max_rows)


ARGUMENTS: Final[Mapping[str, tuple[Argument, ...]]] = MappingProxyType(
    {
        "search": (Argument(name="query", type="text", description="", required=True, maximum=MAX_QUERY),),
        "describe": (_NAME,),
        "call": (_NAME, Argument(name="arguments", type="object", description="As `describe_tool` says.")),
    }
)
# `call` says how a tool is called: `call_tool`, or `directly` by its own name.
TABLES: Final[Mapping[str, tuple[Table, ...]]] = MappingProxyType(
    {
        "search": (_table("tools", MAX_FOUND, tool="code", description="sentence", arguments="sentence", call="code"),),
        "describe": (
            _table("tool", 1, tool="code", title="sentence", description="sentence", call="code"),
            _table(
                "arguments",
                60,
                argument="code",
                type="code",
                required="flag",
                allowed="sentence",
                default="sentence",
                description="sentence",
            ),
            _table("results", 8, table="code", columns="sentence"),
            _table("examples", 5, arguments="sentence"),
        ),
        "call": (),  # the tables of the tool that is called
    }
)
