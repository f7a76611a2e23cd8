"""docs/proposals.md shows real answers and every state that a proposal can come to."""

from __future__ import annotations

import json
import re
from pathlib import Path

from erp_mcp.answers import structured, text
from erp_mcp.answers.proposals import NEXT_STEPS, NOTHING, WAITS
from erp_mcp.catalog.proposal_tables import PROPOSE_ARGUMENTS, TABLES
from erp_mcp.domain.answer import Answer, ResultTable, Source
from erp_mcp.domain.lifecycle import MOVES, State
from tests.guarantees import guarantees

PAGE = (Path(__file__).parents[2] / "docs" / "proposals.md").read_text(encoding="utf-8")


def first_cells(heading: str) -> list[tuple[str, str]]:
    """Return the first two cells of each row of the table under a heading."""
    part = PAGE.split(f"## {heading}\n")[1].split("\n## ")[0]
    return re.findall(r"^\| `?([A-Za-z_]+)`? \| ([^|]*?) \|", part, flags=re.MULTILINE)[1:]


@guarantees("docs.agree")
def test_both_forms_on_the_page_are_what_the_code_writes() -> None:
    """Who builds on the page builds on the code: the tables, their columns and the text."""
    blocks = re.findall(r"```(\w*)\n(.*?)```", PAGE, flags=re.DOTALL)
    shown = json.loads(blocks[0][1])
    answer = Answer(
        tables={name: ResultTable(**table) for name, table in shown["tables"].items()},
        complete=shown["complete"],
        sources=[Source(**source) for source in shown["sources"]],
        warnings=shown["warnings"],
        call_id=shown["call_id"],
    )
    assert structured(answer) == shown
    assert text(answer) == blocks[1][1].rstrip("\n")
    assert {name: table.columns for name, table in answer.tables.items()} == {
        table.name: [column.name for column in table.columns] for table in TABLES
    }
    assert answer.tables["proposal"].rows[0][-1] == NEXT_STEPS[State.COMMITTED]


@guarantees("docs.agree")
def test_every_state_that_can_be_reached_is_on_the_page_with_what_it_waits_for() -> None:
    """An agent's driver looks a state up here, and must find it."""
    reached = {move.target for move in MOVES}
    assert dict(first_cells("States")) == {str(state): WAITS.get(state, NOTHING) for state in reached}


@guarantees("docs.agree")
def test_the_arguments_that_every_propose_tool_has_are_on_the_page() -> None:
    """They are the same everywhere, so they are explained once."""
    assert [name for name, _ in first_cells("Proposing")] == [argument.name for argument in PROPOSE_ARGUMENTS]
