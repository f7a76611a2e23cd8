"""What analyses say they rest on is all: with other columns emptied they find the same on the demo plant."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager

import pytest

from erp_mcp.analyses import ANALYSES
from erp_mcp.bootstrap import Deployment, open_deployment
from erp_mcp.domain.answer import Answer, Refusal
from erp_mcp.domain.call import JsonValue, ToolCall
from erp_mcp.domain.entities import ENTITIES, field_specs
from erp_mcp.domain.freshness import EntityState
from erp_mcp.domain.tool import Query, Tool
from erp_mcp.ports import ReadModel, Row, SqlValue
from tests.guarantees import guarantees
from tests.prepared import DemoPlant

_OPTIONAL = {
    f"{name}.{spec.name}" for name, entity in ENTITIES.items() for spec in field_specs(entity) if spec.optional
}
# Worked out by the read model, so no system can lack it.
_OURS = {"purchase_order_line.qty_open_base", "purchase_order_line.base_uom"}
# What to ask tools that need no id.
_WHOLE: dict[str, list[dict[str, JsonValue]]] = {
    "compare_order_erp_mes": [{}],
    "get_capacity_load": [{"weeks": 2}],
    "get_downtime_pareto": [{}, {"kind": "planned"}],
    "get_oee": [{}],
    "get_plant_briefing": [{}, {"site": "1000"}],
    "get_wip_ageing": [{}],
    "get_bom": [{"material_id": "FG-001", "depth": 10}],
    "get_purchase_history": [{"material_id": "RM-014", "supplier_id": "S0034", "qty": "500"}],
    "get_supplier_scorecard": [{"min_receipts": 1, "top_n": 50, "limit": 50}],
    "get_vendor_summary": [{"supplier_id": "S0005"}, {"supplier_id": "S0035"}],
    "list_match_exceptions": [{"limit": 200}, {"status": ["posted"]}],
    "list_shortages": [{}, {"procurement": "buy"}],
    "rank_expedite_candidates": [{"impact": "any"}],
}
TOOLS = ("explain_late_order", "get_shortages_for_order", "get_supply_demand", *sorted(_WHOLE))


class _Emptied:
    """A read model in which some columns have no value."""

    def __init__(self, model: ReadModel, fields: frozenset[str]) -> None:
        self._model = model
        self._fields = fields
        self.emptied: set[str] = set()

    async def rows(self, query: Query, parameters: Mapping[str, SqlValue], *, deadline_s: float) -> list[Row]:
        found = await self._model.rows(query, parameters, deadline_s=deadline_s)
        gone = {place for place, one in enumerate(query.columns) if one.fields and self._fields.issuperset(one.fields)}
        self.emptied |= {name for place in gone for name in query.columns[place].fields}
        return [tuple(None if place in gone else cell for place, cell in enumerate(row)) for row in found]

    async def states(self) -> Mapping[str, tuple[EntityState, ...]]:
        return dict(await self._model.states())  # as after a change: nothing that was found before holds


@pytest.fixture(scope="module")
def deployment(tmp_path_factory: pytest.TempPathFactory, demo_plant: DemoPlant) -> Iterator[Deployment]:
    """A prepared demo plant of seed 1."""
    folder = demo_plant(tmp_path_factory.mktemp("plant") / "demo")
    one = open_deployment(folder / "erp-mcp.yaml")
    yield one
    one.close()


async def _ask(deployment: Deployment, tool: str, arguments: dict[str, JsonValue]) -> Answer:
    call = ToolCall(tool=tool, arguments=arguments, call_id=deployment.ids.new())
    answer = await deployment.gateway.call(deployment.principal("planner"), call)
    assert isinstance(answer, Answer), answer
    return answer


async def _questions(deployment: Deployment, tool: str) -> list[dict[str, JsonValue]]:
    """Return what to ask a tool: the late orders with their needs, or everything."""
    if tool in _WHOLE:
        return _WHOLE[tool]
    late = (await _ask(deployment, "list_sales_orders", {"late_only": True})).tables["lines"]
    orders = sorted({str(row[late.columns.index("sales_order_id")]) for row in late.rows})[:25]
    if tool == "explain_late_order":
        return [{"sales_order_id": one} for one in orders]
    made = (await _ask(deployment, "list_production_orders", {"late_only": True})).tables["orders"]
    if tool == "get_shortages_for_order":
        named = {str(row[made.columns.index("production_order_id")]) for row in made.rows}
        return [{"production_order_id": one, "all_components": True} for one in sorted(named)[:25]]
    materials = {str(row[late.columns.index("material_id")]) for row in late.rows}
    return [{"material_id": one} for one in sorted(materials)[:15]]


def _rested_on(tool: Tool) -> set[str]:
    return {field for one in ANALYSES[tool.analysis].dependences for field in one.fields}


@guarantees("P7.names_what_a_source_lacks")
@pytest.mark.parametrize("name", TOOLS)
async def test_an_analysis_finds_the_same_without_the_columns_it_does_not_rest_on(
    deployment: Deployment, name: str
) -> None:
    """So a source that lacks one of them changes nothing, and nothing need be said."""
    tool = deployment.catalog.get(name)
    assert tool is not None
    fields = {field for query in tool.reads for column in query.columns for field in column.fields}
    idle = frozenset((fields & _OPTIONAL) - _OURS - _rested_on(tool))
    gateway, questions = deployment.gateway, await _questions(deployment, name)
    before = [(await _ask(deployment, name, one)).tables for one in questions]
    model, gateway.read_model = gateway.read_model, _Emptied(gateway.read_model, idle)
    try:
        after = [(await _ask(deployment, name, one)).tables for one in questions]
        assert gateway.read_model.emptied == idle
    finally:
        gateway.read_model = model
    assert after == before
    assert any(table.rows for tables in before for table in tables.values())


@contextmanager
def _lacking(deployment: Deployment, **fields: str) -> Iterator[None]:
    """Note for a while that the ERP does not keep some fields, as a synchronisation does."""
    with closing(sqlite3.connect(deployment.settings.read_model)) as model:
        for entity, names in fields.items():
            model.execute("UPDATE sync_state SET lacks = ? WHERE entity = ? AND system = 'erp'", (names, entity))
        model.commit()
        yield
        model.execute("UPDATE sync_state SET lacks = ''")
        model.commit()


@guarantees("P7.names_what_a_source_lacks", "P7.no_false_empty")
async def test_a_field_that_is_not_kept_reaches_every_answer_that_rests_on_it(deployment: Deployment) -> None:
    """From the read model through the gateway: refused, named and whole, named and not whole."""
    blocks = "credit_status,delivery_block"
    with _lacking(deployment, purchase_order_line="confirmed", sales_order_line=blocks, sales_order=blocks):
        call = ToolCall(tool="list_purchase_orders", arguments={"unconfirmed_only": True}, call_id="c1")
        refused = await deployment.gateway.call(deployment.principal("planner"), call)
        listed = await _ask(deployment, "list_purchase_orders", {})
        briefing = await _ask(deployment, "get_plant_briefing", {})
        (late, *_) = await _questions(deployment, "explain_late_order")
        explained = await _ask(deployment, "explain_late_order", late)
    assert isinstance(refused, Refusal)
    assert refused.code == "answer.field_not_kept"
    assert refused.facts == {
        "argument": "unconfirmed_only",
        "systems": ["erp"],
        "fields": ["purchase_order_line.confirmed"],
    }
    assert [(gap.name, gap.reason, gap.system, gap.affects) for gap in listed.gaps] == [
        ("purchase_order_line.confirmed", "no_field", "erp", ("confirmed",))
    ]
    assert listed.complete
    counted = {row[0] for row in briefing.tables["classes"].rows}
    assert "late_sales_line" in counted
    assert counted.isdisjoint({"blocked_sales_line", "purchase_unconfirmed"})
    assert not briefing.complete
    hidden = {f"{row[0]}.{row[5]}": row[4] for row in explained.tables["gaps"].rows}
    assert hidden["sales_order_line.credit_status"] == ["credit_block"]
    assert hidden["sales_order.delivery_block"] == ["delivery_block"]
    assert {row[9] for row in explained.tables["summary"].rows} <= {"medium", "low"}
    assert not explained.complete
    whole = await _ask(deployment, "get_plant_briefing", {})
    assert whole.complete
    assert not whole.gaps


@guarantees("P7.names_what_a_source_lacks")
@pytest.mark.parametrize(("entity", "field"), [("sales_order_line", "confirmed_date"), ("supplier", "blocked")])
async def test_days_and_ways_out_figured_without_a_field_are_no_whole_answer(
    deployment: Deployment, entity: str, field: str
) -> None:
    """An order that is late by its confirmed date alone would be called on time, and that for certain."""
    (late, *_) = await _questions(deployment, "explain_late_order")
    with _lacking(deployment, **{entity: field}):
        explained = await _ask(deployment, "explain_late_order", late)
    assert not explained.complete
    assert f"{entity}.{field}" in {gap.name for gap in explained.gaps}
    assert "high" not in {row[9] for row in explained.tables["summary"].rows}
