"""What the list costs every conversation, in tokens of a current model's alphabet (o200k)."""

from __future__ import annotations

import json

import bpe_openai
import pytest

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


READING = [tool for tool in CATALOG if tool.effect == "read"]
BUYING = [tool for tool in CATALOG if tool.toolset in {"procurement", "inventory", "proposals"}]


@guarantees("catalog.tokens")
@pytest.mark.parametrize("tools", [READING, BUYING], ids=["everything that reads", "a buyer who may propose"])
def test_names_descriptions_and_input_schemas_of_a_role_cost_at_most_1800_tokens(tools: list[Tool]) -> None:
    """The list is paid in every conversation, before the first question."""
    assert _tokens([_listed(tool) for tool in tools]) <= 1800


@guarantees("catalog.tokens")
def test_proposing_costs_at_most_300_tokens_and_250_for_each_tool_that_proposes() -> None:
    """What a role pays once and what it pays for each further write."""
    assert _tokens([_listed(tool) for tool in CATALOG if tool.effect == "status"]) <= 300
    assert all(_tokens(_listed(tool)) <= 250 for tool in CATALOG if tool.effect == "write")


@guarantees("catalog.tokens")
def test_with_output_schemas_the_list_costs_at_most_5000_tokens() -> None:
    """Some hosts show the model what comes back as well."""
    assert _tokens([{**_listed(tool), "outputSchema": output_schema(tool)} for tool in CATALOG]) <= 5000


@guarantees("catalog.tokens")
def test_no_single_tool_costs_more_than_250_tokens() -> None:
    """An operator's own tool goes through the same linter; this keeps the shipped ones well below."""
    assert max(_tokens(_listed(tool)) for tool in CATALOG) <= 250
