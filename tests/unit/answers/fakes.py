"""A table and an answer for answer tests."""

from __future__ import annotations

from collections.abc import Sequence

from erp_mcp.answers.shape import RawCell, shape
from erp_mcp.domain.answer import Answer, ResultTable, Source
from erp_mcp.domain.tool import Column, Table

KINDS = {
    "sales_order_id": "id",
    "line": "integer",
    "material_id": "ref",
    "open_qty": "quantity",
    "requested_date": "date",
}


def a_table(kinds: dict[str, str] | None = None) -> Table:
    """Return a table contract with these columns."""
    columns = tuple(Column(name=name, kind=kind) for name, kind in (kinds or KINDS).items())
    return Table(name="lines", columns=columns, paged=True)


def some_rows(count: int) -> list[tuple[RawCell, ...]]:
    """Return rows as the read model gives them."""
    return [
        (f"{4500000000 + n * 37:010d}", n % 9 * 10 + 10, f"FG-{1000 + n * 13}", n * 2_500_000 + 500_000, a_date(n))
        for n in range(count)
    ]


def a_date(number: int) -> str:
    """Return some date of March."""
    return f"2026-03-{number % 28 + 1:02d}"


def shaped(kinds: dict[str, str], *rows: Sequence[RawCell]) -> ResultTable:
    """Return the table of an answer."""
    return shape(a_table(kinds), rows)[0]


def an_answer(*, next_cursor: str = "", **tables: ResultTable) -> Answer:
    """Return an envelope around tables."""
    return Answer(
        tables=tables,
        complete=True,
        sources=[
            Source(system="erp", via="read_model", as_of="2026-03-02T05:58:00Z", age_s=120, stale=False),
            Source(system="mes", via="live", as_of="2026-03-02T06:00:00Z", age_s=0, stale=False),
        ],
        warnings=[],
        call_id="0198f2a1-7c3e-7b5a-9f12-3a4b5c6d7e8f",
        next_cursor=next_cursor,
    )
