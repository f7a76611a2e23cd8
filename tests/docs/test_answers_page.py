"""docs/answers.md shows a real answer: its two forms are of one envelope."""

from __future__ import annotations

import json
import re
from pathlib import Path

from erp_mcp.answers import structured, text
from erp_mcp.domain.answer import Answer, ResultTable, Source
from tests.guarantees import guarantees

PAGE = (Path(__file__).parents[2] / "docs" / "answers.md").read_text(encoding="utf-8")


@guarantees("docs.agree", "P7.provenance")
def test_both_forms_on_the_page_are_what_the_code_writes() -> None:
    """Who builds on the page builds on the code."""
    blocks = re.findall(r"```(\w*)\n(.*?)```", PAGE, flags=re.DOTALL)
    shown = json.loads(blocks[0][1])
    answer = Answer(
        tables={name: ResultTable(**table) for name, table in shown["tables"].items()},
        complete=shown["complete"],
        sources=[Source(**source) for source in shown["sources"]],
        warnings=shown["warnings"],
        call_id=shown["call_id"],
        next_cursor=shown["next_cursor"],
    )
    assert structured(answer) == shown
    assert text(answer) == blocks[1][1].rstrip("\n")
