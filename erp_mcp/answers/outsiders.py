"""Which text of an answer people outside the company can have written."""

from __future__ import annotations

from erp_mcp.domain.answer import Answer
from erp_mcp.domain.tool import Tool


def outsiders_in(tool: Tool, answer: Answer) -> tuple[str, ...]:
    """Return the columns with such text in them, as `table.column`; empty cells and masked ones hold none."""
    return tuple(
        f"{table.name}.{column.name}"
        for table in tool.tables
        for column in table.columns
        if column.outsider and _is_filled(answer, table.name, column.name)
    )


def _is_filled(answer: Answer, table: str, column: str) -> bool:
    found = answer.tables.get(table)
    if found is None or column not in found.columns:
        return False
    place = found.columns.index(column)
    return any(row[place] is not None for row in found.rows)
