"""Published schemas: small, closed, and satisfied by answers and refusals alike."""

from __future__ import annotations

import json

import jsonschema_rs
import pytest

from erp_mcp import answers
from erp_mcp.catalog.schemas import input_schema, output_schema
from erp_mcp.domain.answer import Answer, Refusal, ResultTable, Source
from erp_mcp.domain.tool import Tool
from tests.guarantees import guarantees
from tests.unit.projections.small_plant import shipped

CATALOG = shipped()


@guarantees("docs.agree")
@pytest.mark.parametrize("tool", list(CATALOG), ids=[tool.name for tool in CATALOG])
def test_every_example_satisfies_the_published_input_schema(tool: Tool) -> None:
    """What is shown to a model and what is enforced agree on what is right."""
    schema = jsonschema_rs.validator_for(input_schema(tool))
    for example in tool.examples:
        schema.validate(json.loads(example))
    assert not schema.is_valid({"no_such_argument": 1})


@guarantees("docs.agree")
@pytest.mark.parametrize("tool", list(CATALOG), ids=[tool.name for tool in CATALOG])
def test_answers_and_refusals_satisfy_the_published_output_schema(tool: Tool) -> None:
    """Clients check structured content against it; a refusal must not look like a broken server."""
    schema = jsonschema_rs.validator_for(output_schema(tool))
    tables = {
        table.name: ResultTable(columns=[column.name for column in table.columns], rows=[]) for table in tool.tables
    }
    source = Source(system="erp", via="read_model", as_of="2026-03-16T05:00:00Z", age_s=0, stale=False)
    answer = Answer(tables=tables, complete=True, sources=[source], warnings=[], call_id="1", next_cursor="abc")
    refusal = Refusal(code="freshness.stale", summary="Old.", advice="Wait.", facts={"age_s": 1}, call_id="1")
    schema.validate(answers.structured(answer))
    schema.validate(answers.structured(refusal))


@guarantees("docs.agree")
def test_the_output_schema_names_the_columns_of_each_table() -> None:
    """A model sees what it will get before it calls."""
    schema = json.dumps(output_schema(CATALOG.tools["get_sales_order"]))
    for table in CATALOG.tools["get_sales_order"].tables:
        assert " ".join(column.name for column in table.columns) in schema


@guarantees("docs.agree")
def test_paging_arguments_are_published_only_where_something_pages() -> None:
    """A model would fill them in otherwise."""
    for tool in CATALOG:
        properties = input_schema(tool)["properties"]
        assert isinstance(properties, dict)
        assert ("cursor" in properties) is ("limit" in properties) is (tool.paged is not None)
