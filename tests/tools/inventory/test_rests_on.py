"""What the analyses of orders and inventory say they rest on is all: with other columns emptied they find the same."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from erp_mcp.analyses import ANALYSES
from erp_mcp.domain.entities import ENTITIES, field_specs
from erp_mcp.domain.freshness import EntityState
from erp_mcp.domain.tool import Query
from erp_mcp.ports import ReadModel, Row, SqlValue
from tests.guarantees import guarantees
from tests.tools.conftest import Plant

OPTIONAL = {f"{name}.{spec.name}" for name, entity in ENTITIES.items() for spec in field_specs(entity) if spec.optional}
OURS = {"purchase_order_line.qty_open_base", "purchase_order_line.base_uom"}  # worked out by the read model
ASKED: dict[str, list[dict[str, Any]]] = {
    "get_order_status_timeline": [{"sales_order_id": f"0010000{number}"} for number in range(240, 300, 5)],
    "check_availability": [
        {"material_id": f"RM-{number:03}", "qty": "500", "date": "2026-04-01"} for number in range(1, 60, 4)
    ],
    "simulate_atp": [{"material_id": f"RM-{number:03}", "site": "1000", "add_demand": ["50/2026-03-18"]}
                     for number in (13, 47, 54)],
    "find_slow_stock": [{"min_age_days": 20}],
    "compare_stock_erp_mes": [{}],
}  # fmt: skip


class _Emptied:
    """A read model in which some columns have no value."""

    def __init__(self, model: ReadModel, fields: frozenset[str]) -> None:
        self._model = model
        self._fields = fields

    async def rows(self, query: Query, parameters: Mapping[str, SqlValue], *, deadline_s: float) -> list[Row]:
        found = await self._model.rows(query, parameters, deadline_s=deadline_s)
        gone = {place for place, one in enumerate(query.columns) if one.fields and self._fields.issuperset(one.fields)}
        return [tuple(None if place in gone else cell for place, cell in enumerate(row)) for row in found]

    async def states(self) -> Mapping[str, tuple[EntityState, ...]]:
        return await self._model.states()


@guarantees("P7.names_what_a_source_lacks")
@pytest.mark.parametrize("name", ASKED)
def test_an_analysis_finds_the_same_without_the_columns_it_does_not_rest_on(plant: Plant, name: str) -> None:
    """So a source that lacks one of them changes nothing, and nothing need be said."""
    tool = plant.deployment.catalog.get(name)
    assert tool is not None
    rested_on = {field for one in ANALYSES[tool.analysis].dependences for field in one.fields}
    read = {field for query in tool.reads for column in query.columns for field in column.fields}
    idle = frozenset((read & OPTIONAL) - OURS - rested_on)
    before = [plant.answer(name, **one).tables for one in ASKED[name]]
    gateway = plant.deployment.gateway
    model, gateway.read_model = gateway.read_model, _Emptied(gateway.read_model, idle)
    try:
        after = [plant.answer(name, **one).tables for one in ASKED[name]]
    finally:
        gateway.read_model = model
    assert after == before
    assert any(table.rows for tables in before for table in tables.values())


@guarantees("P7.names_what_a_source_lacks")
@pytest.mark.parametrize("name", ASKED)
def test_each_field_that_an_analysis_rests_on_is_one_that_its_tool_reads(plant: Plant, name: str) -> None:
    """A name that nothing reads would be told of for nothing, or misspelt."""
    tool = plant.deployment.catalog.get(name)
    assert tool is not None
    chosen_by = {field for query in tool.reads for field in _fields_of(query)}
    for dependence in ANALYSES[tool.analysis].dependences:
        for field in dependence.fields:
            assert field.partition(".")[0] in tool.entities, field
            assert field in OPTIONAL or field in chosen_by, field


def _fields_of(query: Query) -> set[str]:
    return {field for column in query.columns for field in column.fields}
