"""What the list costs every conversation, in tokens of a current model's alphabet (o200k)."""

from __future__ import annotations

import json
from functools import cache

import pytest

from erp_mcp.catalog.schemas import input_schema, output_schema
from erp_mcp.domain.tool import Tool
from erp_mcp.policy.decide import identify, visible
from erp_mcp.policy.listing import listed
from erp_mcp.policy.load import check
from erp_mcp.policy.names import KnownNames
from tests.guarantees import guarantees
from tests.unit.projections.small_plant import ROOT, shipped

CATALOG = shipped()


def _tokens(value: object) -> int:
    import bpe_openai  # takes a second, which who only collects tests need not spend

    return len(
        bpe_openai.get_encoding("o200k_base").encode(json.dumps(value, separators=(",", ":"), ensure_ascii=False))
    )


def _listed(tool: Tool) -> dict[str, object]:
    return {"name": tool.name, "description": tool.description, "inputSchema": input_schema(tool)}


ROLES = ("planner", "buyer", "supervisor", "quality", "support", "maintenance", "finance", "procurement")


# Orders and movements of many lines, each with several columns.
LONG_TABLES = {"propose_create_purchase_order", "propose_post_goods_movement"}


@cache
def _list_of(role: str) -> tuple[Tool, ...]:
    """Return the tools of a role's list, as the shipped policy gives it."""
    loaded = check(ROOT / "policies", KnownNames.of(CATALOG)).loaded
    assert loaded is not None
    bundle = loaded.bundle
    return tuple(listed(visible(bundle, identify(bundle, role), CATALOG), bundle.shows[role]))


@guarantees("catalog.tokens", "discovery.lists")
@pytest.mark.parametrize("role", ROLES)
def test_names_descriptions_and_input_schemas_of_a_role_cost_at_most_1300_tokens(role: str) -> None:
    """The list is paid in every conversation, before the first question."""
    assert 1 <= len(_list_of(role)) <= 12
    assert _tokens([_listed(tool) for tool in _list_of(role)]) <= 1300


@guarantees("catalog.tokens", "discovery.lists")
def test_finding_the_tools_that_are_not_listed_costs_at_most_250_tokens() -> None:
    """What a role pays for not paying for all the others."""
    assert _tokens([_listed(tool) for tool in CATALOG if tool.effect == "discovery"]) <= 250


@guarantees("catalog.tokens")
def test_proposing_costs_at_most_400_tokens_and_300_for_each_tool_that_proposes_without_a_long_table() -> None:
    """What a role pays once and what it pays for each further write."""
    assert _tokens([_listed(tool) for tool in CATALOG if tool.effect == "status"]) <= 400
    writing = {tool.name: _tokens(_listed(tool)) for tool in CATALOG if tool.effect == "write" and not tool.steps}
    assert {name for name, cost in writing.items() if cost > 300} == LONG_TABLES
    assert max(writing.values()) <= 400
    assert max(_tokens(_listed(tool)) for tool in CATALOG if tool.steps) <= 600  # the arguments of several


@guarantees("catalog.tokens")
@pytest.mark.parametrize("role", ROLES)
def test_with_output_schemas_a_list_costs_at_most_3500_tokens(role: str) -> None:
    """Some hosts show the model what comes back as well."""
    assert _tokens([{**_listed(tool), "outputSchema": output_schema(tool)} for tool in _list_of(role)]) <= 3500


@guarantees("catalog.tokens")
def test_no_tool_that_reads_costs_more_than_300_tokens_and_none_of_a_list_more_than_250() -> None:
    """An operator's own tool goes through the same linter; this keeps the shipped ones well below."""
    shown = {tool.name: tool for role in ROLES for tool in _list_of(role)}

    assert max(_tokens(_listed(tool)) for tool in CATALOG if tool.effect != "write") <= 300
    assert max(_tokens(_listed(tool)) for tool in shown.values() if not tool.steps) <= 250
