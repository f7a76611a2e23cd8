"""What the list costs every conversation, in tokens of a current model's alphabet (o200k)."""

from __future__ import annotations

import json

import bpe_openai

from erp_mcp.catalog.schemas import input_schema, output_schema
from erp_mcp.domain.tool import Tool
from tests.guarantees import guarantees
from tests.unit.projections.small_plant import shipped

RANKS = bpe_openai.get_encoding("o200k_base")
CATALOG = shipped()


def _tokens(value: object) -> int:
    return len(RANKS.encode(json.dumps(value, separators=(",", ":"), ensure_ascii=False)))


def _listed(tool: Tool) -> dict[str, object]:
    return {"name": tool.name, "description": tool.description, "inputSchema": input_schema(tool)}


@guarantees("catalog.tokens")
def test_names_descriptions_and_input_schemas_of_all_tools_cost_at_most_1800_tokens() -> None:
    """The list is paid in every conversation, before the first question."""
    assert _tokens([_listed(tool) for tool in CATALOG]) <= 1800


@guarantees("catalog.tokens")
def test_with_output_schemas_the_list_costs_at_most_5000_tokens() -> None:
    """Some hosts show the model what comes back as well."""
    assert _tokens([{**_listed(tool), "outputSchema": output_schema(tool)} for tool in CATALOG]) <= 5000


@guarantees("catalog.tokens")
def test_no_single_tool_costs_more_than_250_tokens() -> None:
    """An operator's own tool goes through the same linter; this keeps the shipped ones well below."""
    assert max(_tokens(_listed(tool)) for tool in CATALOG) <= 250
