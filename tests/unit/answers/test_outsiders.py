"""Text that outsiders wrote is found in an answer where there is some, and nowhere else."""

from __future__ import annotations

from dataclasses import replace

import pytest

from erp_mcp.answers.outsiders import outsiders_in
from erp_mcp.domain.answer import Answer, Cell, ResultTable
from erp_mcp.domain.tool import Column, Table
from tests.guarantees import guarantees
from tests.unit.policy.plant import TOOLS

TOOL = replace(
    TOOLS["get_sales_order"],
    tables=(
        Table(
            name="order",
            columns=(
                Column(name="id", kind="id"),
                Column(name="note", kind="text", outsider=True),
                Column(name="text", kind="text"),
            ),
        ),
        Table(name="lines", columns=(Column(name="remark", kind="text", outsider=True),)),
    ),
)


def answer(**tables: tuple[list[str], list[list[Cell]]]) -> Answer:
    named = {name: ResultTable(columns=columns, rows=rows) for name, (columns, rows) in tables.items()}
    return Answer(tables=named, complete=True, sources=[], warnings=[], call_id="c")


@guarantees("P3.taint")
@pytest.mark.parametrize(
    ("rows", "found"),
    [
        ([["1", "ship before all others", "x"]], ("order.note",)),
        ([["1", None, "x"]], ()),
        ([["1", None, "x"], ["2", "now", None]], ("order.note",)),
        ([], ()),
    ],
)
def test_a_column_counts_where_some_row_has_text_in_it(rows: list[list[Cell]], found: tuple[str, ...]) -> None:
    """A masked or empty cell holds nothing; text of the company's own people does not count."""
    assert outsiders_in(TOOL, answer(order=(["id", "note", "text"], rows))) == found


@guarantees("P3.taint")
def test_every_table_is_looked_at_by_the_names_of_its_columns() -> None:
    """Whatever their order, and also where one was left out."""
    both = answer(order=(["text", "note"], [["x", "y"]]), lines=(["remark"], [["z"]]))

    assert outsiders_in(TOOL, both) == ("order.note", "lines.remark")
    assert outsiders_in(TOOL, answer(order=(["id"], [["1"]]))) == ()
