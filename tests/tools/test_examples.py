"""Every read tool of the catalogue answers each example of its file over the demo plant, with rows."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Final

import pytest

from erp_mcp.bootstrap import compile_catalog
from erp_mcp.domain.answer import Answer
from tests.guarantees import guarantees
from tests.systems.matrix.covering import DEMO_PLANT, Of, covers
from tests.tools.conftest import Plant

READING: Final = {
    tool.name: tool
    for tool in compile_catalog([Path(__file__).parents[2] / "tools"]).tools.values()
    if tool.effect == "read"
}


@covers(Of("tool"), DEMO_PLANT)
@guarantees("P7.golden_reads")
@pytest.mark.parametrize("tool", sorted(READING))
def test_each_example_is_answered_and_has_rows_without_a_source_missing(plant: Plant, tool: str) -> None:
    """An example is what an agent imitates first."""
    for example in READING[tool].examples:
        outcome = plant.ask(tool, **json.loads(example))
        assert isinstance(outcome, Answer), (example, outcome)
        assert any(table.rows for table in outcome.tables.values()), example
        assert [gap for gap in outcome.gaps if not gap.field] == [] or tool in LATE_FEEDS, example


# What these read of the shop floor is older than the plant's clock allows, as planted: they name it and go on.
LATE_FEEDS: Final = frozenset({"list_maintenance_orders"})
